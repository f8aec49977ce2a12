//! The divisions of Yunnan as shipped: code and name of 1 province, 16 prefectures, 129 counties,
//! 1,461 township units and 14,888 villages. `data/SOURCES.md` says where they come from.
//!
//! 32 of the township units are development zones, state farms and the like (codes 4xx and 5xx);
//! 60 township names occur more than once. Codes identify, names never do.

use crate::model::{Region, RegionCode};
use std::sync::LazyLock;

const YUNNAN: &str = include_str!("data/yunnan-divisions.csv");

static DIVISIONS: LazyLock<Vec<Region>> = LazyLock::new(|| {
    let rows = YUNNAN.lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        let code = RegionCode::parse(cells.next()?).ok()?;
        Some(Region { code, name: cells.next()?.to_owned() })
    });
    rows.collect()
});

/// All divisions of Yunnan, in the order of the file: province, prefectures, counties and below.
#[must_use]
pub fn yunnan() -> &'static [Region] {
    &DIVISIONS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;

    #[test]
    fn no_row_of_the_file_is_lost_or_read_at_another_level() {
        let rows: Vec<Vec<&str>> = YUNNAN.lines().skip(1).map(|l| l.split(',').collect()).collect();
        assert_eq!(yunnan().len(), rows.len());
        for (region, row) in yunnan().iter().zip(&rows) {
            assert_eq!((region.code.as_str(), region.code.level().name()), (row[0], row[2]));
            assert_eq!(region.code.parent().map(|p| p.to_string()).unwrap_or_default(), row[3]);
        }
        let special = yunnan().iter().filter(|r| r.code.level() == Level::Township);
        let special = special.filter(|r| matches!(r.code.as_str().as_bytes()[6], b'4' | b'5'));
        assert_eq!(special.count(), 32);
    }
}
