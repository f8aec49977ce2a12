//! `[[drill]]`: drills that are posted by themselves, on one day or through a span of days.

use super::error::Faults;
use chrono::{Datelike, NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

/// A drill of every year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// Part of its messages' identifiers: lower-case letters, digits, - and _.
    pub name: String,
    /// Region codes. On one day each is one drill; in turn, each township of theirs is.
    pub regions: Vec<String>,
    /// The hazard, as event code or word.
    pub hazard: String,
    /// blue, yellow, orange or red.
    pub colour: String,
    /// The day, `MM-DD`; not beside `from` and `until`.
    pub on: Option<String>,
    /// The first day of the turn, `MM-DD`.
    pub from: Option<String>,
    /// The last day of the turn, `MM-DD`, in the same year.
    pub until: Option<String>,
    /// The time of day, `HH:MM`, China Standard Time.
    pub at: String,
    /// One line: the headline of its messages.
    pub title: String,
    /// What people are to do.
    pub text: String,
    /// Minutes that it lasts.
    #[serde(default = "two_hours")]
    pub lasts_min: u32,
    /// Hours for which a time that passed while the service was down is made up for.
    #[serde(default = "a_day")]
    pub grace_h: u32,
    /// Where the duty to hold it comes from.
    #[serde(default)]
    pub source: String,
}

// === impl Drill ===

impl Drill {
    /// Month and day of `on`, when it is read.
    #[must_use]
    pub fn on(&self) -> Option<(u32, u32)> {
        self.on.as_deref().and_then(day)
    }

    /// Months and days of `from` and `until`, when both are read.
    #[must_use]
    pub fn span(&self) -> Option<((u32, u32), (u32, u32))> {
        Some((day(self.from.as_deref()?)?, day(self.until.as_deref()?)?))
    }

    /// The minute of the day, when it is read.
    #[must_use]
    pub fn minute(&self) -> Option<u16> {
        let time = NaiveTime::parse_from_str(&self.at, "%H:%M").ok()?;
        let minutes = time.signed_duration_since(NaiveTime::MIN).num_minutes();
        u16::try_from(minutes).ok()
    }
}

/// A day that every year has: the 29th of February is none.
fn day(text: &str) -> Option<(u32, u32)> {
    let date = NaiveDate::parse_from_str(&format!("2023-{text}"), "%Y-%m-%d").ok()?;
    Some((date.month(), date.day()))
}

pub(super) fn check(drills: &[Drill], faults: &mut Faults) {
    for (i, drill) in drills.iter().enumerate() {
        let at = |key: &str| format!("drill[{i}].{key}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let named = !drill.name.is_empty() && drill.name.chars().all(plain);
        faults.require(named, at("name"), "must be of lower-case letters, digits, - and _");
        let taken = drills[..i].iter().any(|d| d.name == drill.name);
        faults.require(!taken, at("name"), "is that of another drill");
        let is_code =
            |code: &String| matches!(code.len(), 2 | 4 | 6 | 9 | 12) && code.bytes().all(|byte| byte.is_ascii_digit());
        faults.require(!drill.regions.is_empty(), at("regions"), "must name at least one region");
        for code in drill.regions.iter().filter(|code| !is_code(code)) {
            faults.add(at("regions"), format!("{code:?} is no region code: 2, 4, 6, 9 or 12 digits"));
        }
        faults.require(!drill.hazard.trim().is_empty(), at("hazard"), "must not be empty");
        let known = ["blue", "yellow", "orange", "red"].contains(&drill.colour.as_str());
        faults.require(known, at("colour"), "must be blue, yellow, orange or red");
        faults.require(drill.minute().is_some(), at("at"), "must be a time of day such as 10:00");
        faults.require(!drill.title.trim().is_empty(), at("title"), "must not be empty");
        let turn = drill.from.is_some() || drill.until.is_some();
        faults.require(drill.on.is_some() != turn, at("on"), "give either on, or from and until");
        let read = drill.on.is_none() || drill.on().is_some();
        faults.require(read, at("on"), "must be a month and a day of every year, such as 05-12");
        let span = drill.span().is_some_and(|(from, until)| from <= until);
        faults.require(!turn || span, at("from"), "from and until must be days of one year, such as 05-11 and 05-22");
        faults.positive(
            &format!("drill[{i}]"),
            &[("lasts_min", drill.lasts_min.into()), ("grace_h", drill.grace_h.into())],
        );
    }
}

fn two_hours() -> u32 {
    120
}

fn a_day() -> u32 {
    24
}
