//! Administrative regions and their statistical codes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The level of an administrative region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 省, 2 digits
    Province,
    /// 州 / 市, 4 digits
    Prefecture,
    /// 县 / 区, 6 digits
    County,
    /// 乡镇 / 街道, 9 digits
    Township,
    /// 村 / 社区, 12 digits
    Village,
}

/// A statistical division code without its trailing zeros: 2, 4, 6, 9 or 12 digits.
///
/// Codes nest by prefix: `5333` (怒江) holds `533324` (贡山) holds `533324204` (独龙江乡).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegionCode(std::sync::Arc<str>);

/// One administrative region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its code.
    pub code: RegionCode,
    /// Its name (names repeat across the province: never match by name).
    pub name: String,
}

// === impl Level ===

impl Level {
    /// All levels, high to low.
    pub const ALL: [Self; 5] = [Self::Province, Self::Prefecture, Self::County, Self::Township, Self::Village];

    /// How many digits a code of this level has.
    #[must_use]
    pub fn digits(self) -> usize {
        match self {
            Self::Province => 2,
            Self::Prefecture => 4,
            Self::County => 6,
            Self::Township => 9,
            Self::Village => 12,
        }
    }

    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::Prefecture => "prefecture",
            Self::County => "county",
            Self::Township => "township",
            Self::Village => "village",
        }
    }
}

// === impl RegionCode ===

impl RegionCode {
    /// Reads a code of 2, 4, 6, 9 or 12 digits, with or without trailing zeros
    /// (`533324`, `533324000000`, `533324204000`).
    ///
    /// # Errors
    /// A sentence that says what is wrong with the code.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.bytes().all(|b| b.is_ascii_digit()) || text.len() < 2 || text.len() > 12 {
            return Err(format!("{text:?} is not a division code (2 to 12 digits)"));
        }
        let significant = text.trim_end_matches('0').len().max(2);
        let level = Level::ALL
            .into_iter()
            .find(|level| level.digits() >= significant)
            .filter(|level| text.len() >= level.digits())
            .ok_or_else(|| format!("{text:?} is not a division code (2, 4, 6, 9 or 12 digits)"))?;
        if Level::ALL.iter().all(|l| l.digits() != text.len()) {
            return Err(format!("{text:?} has {} digits; a division code has 2, 4, 6, 9 or 12", text.len()));
        }
        Ok(Self(text[..level.digits()].into()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The level, told by the number of digits.
    #[must_use]
    pub fn level(&self) -> Level {
        match self.0.len() {
            2 => Level::Province,
            4 => Level::Prefecture,
            6 => Level::County,
            9 => Level::Township,
            _ => Level::Village,
        }
    }

    /// The region one level up; `None` above the province.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let up = match self.level() {
            Level::Province => return None,
            Level::Prefecture => Level::Province,
            Level::County => Level::Prefecture,
            Level::Township => Level::County,
            Level::Village => Level::Township,
        };
        self.at(up)
    }

    /// The codes of this region and of all above it, upward.
    pub fn lineage(&self) -> impl Iterator<Item = &str> {
        let levels = Level::ALL.iter().rev().map(|level| level.digits());
        levels.filter_map(|digits| self.0.get(..digits))
    }

    /// This region or its ancestor at `level`; `None` when the level lies below this region.
    #[must_use]
    pub fn at(&self, level: Level) -> Option<Self> {
        (self.0.len() >= level.digits()).then(|| Self(self.0[..level.digits()].into()))
    }

    /// Whether `other` is this region or lies inside it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&*self.0)
    }

    /// The 12-digit form with trailing zeros, as messages and gateways write it.
    #[must_use]
    pub fn padded(&self) -> String {
        format!("{:0<12}", self.0)
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> RegionCode {
        RegionCode::parse(text).unwrap()
    }

    #[test]
    fn strips_trailing_zeros_to_a_level() {
        assert_eq!(code("533324000000"), code("533324"));
        assert_eq!(code("530000000000").level(), Level::Province);
        assert_eq!(code("533324204000").as_str(), "533324204");
        // A county whose own digits end in zero keeps them.
        assert_eq!(code("530100").as_str(), "5301");
        assert_eq!(code("530110000000").as_str(), "530110");
        assert_eq!(code("530110100000").as_str(), "530110100");
        assert_eq!(code("530110100200").as_str(), "530110100200");
    }

    #[test]
    fn refuses_what_is_no_code() {
        for bad in ["", "5", "53332", "5333242", "53332420420x", "5333242042011"] {
            assert!(RegionCode::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nests_by_prefix() {
        assert!(code("5333").holds(&code("533324204201")));
        assert!(!code("533324").holds(&code("5333")));
        assert_eq!(code("533324204201").parent(), Some(code("533324204")));
    }
}
