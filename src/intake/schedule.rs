//! Drills that are posted by themselves: when each is due, and the posting of those that are.
//!
//! Nothing is remembered for it. The identifier of a drill's message is made of its name, the year and
//! the region, and the desk takes an identifier once: restarts and replicas never post twice.

use super::{Desk, FrontDesk, Posted};
use crate::directory::Directory;
use crate::journal::{Journal, Outcome};
use crate::model::{Colour, Level, RegionCode, Status, Timestamp, cst};
use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeZone};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The account and the sender under which scheduled drills are posted.
pub const DRILL_ACCOUNT: &str = "drill-schedule";
/// How often the schedule is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// A month and a day of every year.
pub type MonthDay = (u32, u32);

/// A drill of every year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillSchedule {
    /// Its name.
    pub name: String,
    /// Its regions.
    pub regions: Vec<RegionCode>,
    /// The hazard, as event code or word.
    pub hazard: String,
    /// The colour.
    pub colour: Colour,
    /// The days: the same one for all regions, or the townships of the regions in turn from the first
    /// to the last.
    pub days: (MonthDay, MonthDay),
    /// Whether townships take turns.
    pub in_turn: bool,
    /// Minute of the day, China Standard Time.
    pub minute: u16,
    /// The headline.
    pub title: String,
    /// What people are to do.
    pub text: String,
    /// How long it lasts.
    pub lasts_ms: i64,
    /// For how long a time that was missed is made up for.
    pub grace_ms: i64,
}

/// One drill of one year in one region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DrillTime {
    /// When.
    pub at: Timestamp,
    /// Its message's identifier.
    pub identifier: String,
    /// The region.
    pub region: RegionCode,
}

// === impl DrillSchedule ===

impl DrillSchedule {
    /// When it is held in a year, region by region. Townships that take turns are spread evenly, in the
    /// order of their codes.
    #[must_use]
    pub fn times(&self, directory: &Directory, year: i32) -> Vec<DrillTime> {
        let date = |(month, day): MonthDay| NaiveDate::from_ymd_opt(year, month, day);
        let (Some(first), Some(last)) = (date(self.days.0), date(self.days.1)) else { return Vec::new() };
        let regions: BTreeSet<RegionCode> = if self.in_turn {
            let townships = self.regions.iter().flat_map(|r| directory.regions_in(r, Level::Township));
            townships.map(|t| t.code.clone()).collect()
        } else {
            self.regions.iter().cloned().collect()
        };
        let days = last.signed_duration_since(first).num_days().max(0).unsigned_abs() + 1;
        let all = regions.len().max(1) as u64;
        let time = |(ix, region): (usize, RegionCode)| {
            let date = first.checked_add_days(Days::new(ix as u64 * days / all))?;
            let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::from(self.minute) * 60, 0)?;
            let at = cst().from_local_datetime(&date.and_time(time)).single()?;
            let identifier = format!("drill-{}-{year}-{region}", self.name);
            Some(DrillTime { at: Timestamp::from_chrono(&at), identifier, region })
        };
        regions.into_iter().enumerate().filter_map(time).collect()
    }

    fn message(&self, directory: &Directory, time: &DrillTime, now: Timestamp) -> Vec<u8> {
        let place = directory.place(time.region.as_str());
        let words = json!({ "language": "zh-CN", "headline": self.title, "description": "", "instruction": self.text });
        json!({
            "sender": DRILL_ACCOUNT, "identifier": time.identifier, "sent": time.at.iso(),
            "status": Status::Exercise, "kind": "alert", "references": [], "hazard": self.hazard,
            "colour": self.colour, "expires": now.max(time.at).plus_ms(self.lasts_ms).iso(),
            "wording": [words], "areas": [{ "name": place, "codes": [time.region] }],
        })
        .to_string()
        .into_bytes()
    }
}

/// The drills whose time has passed in a year without their being posted. `due`: those that can still be
/// made up for; else those that cannot.
///
/// # Errors
/// As the journal's.
pub async fn unposted_drills(
    journal: &dyn Journal,
    directory: &Directory,
    schedules: &[DrillSchedule],
    (year, now): (i32, Timestamp),
    due: bool,
) -> Outcome<Vec<(usize, DrillTime)>> {
    let mut out = Vec::new();
    for (ix, schedule) in schedules.iter().enumerate() {
        for time in schedule.times(directory, year) {
            let in_time = now < time.at.plus_ms(schedule.grace_ms);
            if time.at > now || in_time != due {
                continue;
            }
            let sender = Status::Exercise.scoped(DRILL_ACCOUNT);
            if journal.message(sender, time.identifier.clone()).await?.is_none() {
                out.push((ix, time));
            }
        }
    }
    Ok(out)
}

/// Posts what is due, through the same desk as any message, while `leads` says that this engine holds the
/// lease. What was missed for longer than its grace is told once, and not made up for.
pub async fn run_drills(
    desk: Arc<FrontDesk>,
    schedules: Vec<DrillSchedule>,
    leads: impl Fn() -> bool + Send,
    stop: CancellationToken,
) {
    let mut look = tokio::time::interval(LOOK);
    let mut told = BTreeSet::new();
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = stop.cancelled() => return,
        }
        if leads()
            && let Err(error) = post_drills(&desk, &schedules, &mut told).await
        {
            tracing::warn!(error, "scheduled drills cannot be posted now");
        }
    }
}

/// Posts what is due now. `told` holds what was refused or told as missed, which is not tried again.
///
/// # Errors
/// Why the journal did not answer; what is due stays due.
pub async fn post_drills(
    desk: &FrontDesk,
    schedules: &[DrillSchedule],
    told: &mut BTreeSet<String>,
) -> Result<(), String> {
    let now = (desk.clock)();
    let year = now.to_cst().year();
    let directory = desk.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
    let unposted = |due| unposted_drills(&*desk.journal, &directory, schedules, (year, now), due);
    for (_, time) in unposted(false).await.map_err(|e| e.to_string())? {
        if told.insert(time.identifier.clone()) {
            tracing::warn!(drill = time.identifier, at = time.at.iso(), "a scheduled drill was missed");
        }
    }
    for (ix, time) in unposted(true).await.map_err(|e| e.to_string())? {
        if told.contains(&time.identifier) {
            continue;
        }
        let body = schedules[ix].message(&directory, &time, now);
        let posted = Posted { door: "schedule", account: Some(DRILL_ACCOUNT.into()), body };
        let receipt = desk.post(posted).await.map_err(|e| e.to_string())?;
        if receipt.accepted {
            tracing::info!(drill = time.identifier, "scheduled drill posted");
        } else {
            tracing::error!(drill = time.identifier, parked = receipt.parked, "a scheduled drill was refused");
            told.insert(time.identifier);
        }
    }
    Ok(())
}
