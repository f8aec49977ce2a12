//! The sheet `targets`: one row for each piece of ground.

use super::cells;
use super::rows::{Column, Row, Rows};
use crate::model::{Finding, Level, Point, RegionCode, Target, TargetId};
use std::collections::BTreeSet;

const ID: Column = Column::required("编号", "id");
const NAME: Column = Column::required("名称", "name");
const KIND: Column = Column::required("类型", "kind");
const REGION: Column = Column::required("区划代码", "region");
const HOUSEHOLDS: Column = Column::optional("户数", "households");
const PERSONS: Column = Column::optional("人数", "persons");
const SPECIAL: Column = Column::optional("特殊人群", "special");
const RISK: Column = Column::optional("风险", "risk");
const LAT: Column = Column::optional("纬度", "lat");
const LON: Column = Column::optional("经度", "lon");

pub(super) const COLUMNS: &[Column] = &[ID, NAME, KIND, REGION, HOUSEHOLDS, PERSONS, SPECIAL, RISK, LAT, LON];

/// More people than any target holds: a greater number is a slip.
const MOST: u32 = 1_000_000;

/// The good rows; every fault of the others is told.
pub(super) fn read(rows: &Rows, regions: &BTreeSet<RegionCode>, findings: &mut Vec<Finding>) -> Vec<Target> {
    let mut taken = BTreeSet::new();
    let mut targets = Vec::new();
    for row in rows.iter() {
        let Some(target) = read_row(&row, regions, findings) else { continue };
        if taken.insert(target.id.clone()) {
            targets.push(target);
        } else {
            findings.push(row.fault(ID, format!("{} is listed twice; this row is the later one", target.id)));
        }
    }
    targets
}

fn read_row(row: &Row, regions: &BTreeSet<RegionCode>, findings: &mut Vec<Finding>) -> Option<Target> {
    let id = row.parse(ID, findings, target_id);
    let name = row.text(NAME, findings);
    let kind = row.parse(KIND, findings, cells::kind);
    let region = row.parse(REGION, findings, |text| known_region(text, regions));
    let mut count = |column, most| row.parse_or(column, 0, findings, |text| cells::whole(text, most));
    let (households, persons, special) = (count(HOUSEHOLDS, MOST), count(PERSONS, MOST), count(SPECIAL, MOST));
    let risk = count(RISK, 5);
    let point = point(row, findings);
    if let (Some(persons), Some(special)) = (persons, special)
        && special > persons
        && row.get(PERSONS).is_some()
    {
        findings.push(row.fault(SPECIAL, format!("{special} persons of special groups among {persons} persons")));
        return None;
    }
    Some(Target {
        id: id?,
        name: name?,
        kind: kind?,
        region: region?,
        households: households?,
        persons: persons?,
        special: special?,
        risk: u8::try_from(risk?).ok()?,
        point: point?,
    })
}

/// A target's name: letters, digits, dashes, and not the shape of a region code, so that a posting's
/// ground is never in doubt.
fn target_id(text: &str) -> Result<TargetId, String> {
    if RegionCode::parse(text).is_ok() {
        return Err("a target's id must not look like a division code; add a suffix such as -G001".to_owned());
    }
    let plain = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    plain.then(|| text.into()).ok_or_else(|| "an id has only letters, digits, - and _".to_owned())
}

fn known_region(text: &str, regions: &BTreeSet<RegionCode>) -> Result<RegionCode, String> {
    let code = RegionCode::parse(text)?;
    if code.level() < Level::County {
        return Err(format!("{code} lies above the county; a target lies in a village, a township or a county"));
    }
    if regions.contains(&code) {
        return Ok(code);
    }
    let known = std::iter::successors(code.parent(), RegionCode::parent).find(|up| regions.contains(up));
    Err(match known {
        Some(up) => format!(
            "region {code} is not in the directory; the nearest known region above is {up}; add it to the sheet regions if it is new"
        ),
        None => format!("region {code} is not in the directory; add it to the sheet regions if it is new"),
    })
}

/// Both coordinates or none; outer `None` after a fault.
#[expect(clippy::option_option, reason = "a fault is not the same as no point")]
fn point(row: &Row, findings: &mut Vec<Finding>) -> Option<Option<Point>> {
    match (row.get(LAT), row.get(LON)) {
        (None, None) => Some(None),
        (Some(_), None) | (None, Some(_)) => {
            let blank = if row.get(LAT).is_none() { LAT } else { LON };
            findings.push(row.fault(blank, "one coordinate is given and the other is not"));
            None
        }
        (Some(_), Some(_)) => {
            let lat = row.parse(LAT, findings, |text| cells::degrees(text, 90.0));
            let lon = row.parse(LON, findings, |text| cells::degrees(text, 180.0));
            Some(Some(Point { lat: lat?, lon: lon? }))
        }
    }
}
