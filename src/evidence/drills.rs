//! The yearly record of drills: who took part, township by township and village by village.

use super::timeline::{EvidenceError, Timeline};
use crate::directory::Directory;
use crate::journal::{Journal, SelectCallouts};
use crate::model::{
    Callout, CalloutId, CloseReason, Level, PersonId, PersonIx, Phase, Purpose, RegionCode, TargetIx, Timestamp, cst,
};
use chrono::TimeZone;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The drills of a year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DrillYear {
    /// The year, China Standard Time.
    pub year: i32,
    /// What every township and village did in every drill, in the order of time.
    pub parts: Vec<DrillPart>,
    /// Townships and villages of the directory that had no drill, or only such as were suspended.
    pub without: Vec<DrillPlace>,
    /// Drills whose timelines do not verify and prove nothing.
    pub unverified: Vec<CalloutId>,
}

/// A township or a village.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DrillPlace {
    /// Its code.
    pub region: RegionCode,
    /// Its name, with the regions above it.
    pub place: String,
}

/// What one township or village did in one drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DrillPart {
    /// Where.
    #[serde(flatten)]
    pub place: DrillPlace,
    /// `township` or `village`.
    pub level: &'static str,
    /// The drill's callout.
    pub callout: CalloutId,
    /// When it began.
    pub opened_at: Timestamp,
    /// Persons and loudspeakers called.
    pub called: u32,
    /// How many persons answered, yes or cannot.
    pub answered: u32,
    /// Who did.
    pub persons: Vec<PersonId>,
    /// Persons moved, by the newest reports.
    pub moved: u32,
    /// Milliseconds from the drill's beginning until the last target that was satisfied was.
    pub took_ms: Option<i64>,
    /// Whether it gave way to a real warning: it does not count as held.
    pub suspended: bool,
}

/// Reads the record of a year from the journal.
///
/// # Errors
/// When the journal cannot be read. A timeline that does not verify is named, and the others stand.
pub async fn read_drill_year(
    journal: &dyn Journal,
    directory: &Directory,
    year: i32,
) -> Result<DrillYear, EvidenceError> {
    let begin = |year| cst().with_ymd_and_hms(year, 1, 1, 0, 0, 0).single().map(|at| Timestamp::from_chrono(&at));
    let (Some(from), Some(until)) = (begin(year), begin(year.saturating_add(1))) else {
        return Ok(DrillYear { year, ..DrillYear::default() });
    };
    let select = SelectCallouts::Before { before: until, limit: usize::MAX >> 1 };
    let mut rows = journal.callouts(select).await?;
    rows.sort_by(|a, b| (a.opened_at, &a.stream).cmp(&(b.opened_at, &b.stream)));
    let mut record = DrillYear { year, ..DrillYear::default() };
    for id in rows.iter().filter(|r| r.opened_at >= from).filter_map(|r| r.stream.callout()) {
        if !id.is_drill() {
            continue;
        }
        match Timeline::read(journal, &id).await {
            Ok(timeline) => record.parts.extend(parts(&timeline.at(None), directory)),
            Err(EvidenceError::Journal(error)) => return Err(error.into()),
            Err(_) => record.unverified.push(id),
        }
    }
    let held: BTreeSet<&RegionCode> =
        record.parts.iter().filter(|p| !p.suspended && p.called > 0).map(|p| &p.place.region).collect();
    // Divisions without any ground of the directory have nobody who could take part.
    let grounds: BTreeSet<RegionCode> = directory.targets().iter().flat_map(|t| levels(&t.region)).collect();
    record.without = grounds.iter().filter(|r| !held.contains(r)).map(|r| place(directory, r)).collect();
    Ok(record)
}

fn levels(region: &RegionCode) -> impl Iterator<Item = RegionCode> + use<> {
    [Level::Township, Level::Village].into_iter().filter_map(|l| region.at(l)).collect::<BTreeSet<_>>().into_iter()
}

fn place(directory: &Directory, region: &RegionCode) -> DrillPlace {
    DrillPlace { region: region.clone(), place: directory.place(region.as_str()) }
}

/// What each township and village did in a drill.
fn parts(callout: &Callout, directory: &Directory) -> Vec<DrillPart> {
    let mut grounds: BTreeMap<RegionCode, BTreeSet<TargetIx>> = BTreeMap::new();
    for (ix, t) in callout.targets.iter().enumerate() {
        for region in levels(&t.spec.region) {
            grounds.entry(region).or_default().insert(ix as TargetIx);
        }
    }
    let opened_at = callout.head.as_ref().map_or(Timestamp::default(), |h| h.opened_at);
    let part = |(region, targets): (RegionCode, BTreeSet<TargetIx>)| {
        let (mut called, mut answered): (BTreeSet<PersonIx>, BTreeSet<PersonIx>) = Default::default();
        for call in callout.calls.iter().filter(|c| matches!(c.purpose, Purpose::CallOut | Purpose::Alert)) {
            let names = |a: &u32| callout.attempts[*a as usize].targets.iter().any(|t| targets.contains(t));
            if call.attempts.iter().any(names) {
                called.insert(call.person);
            }
            if call.links.iter().any(|l| targets.contains(&l.target) && l.answer.is_some()) {
                answered.insert(call.person);
            }
        }
        let ground = || targets.iter().map(|t| &callout.targets[*t as usize]);
        let held = ground().filter_map(|t| match t.phase {
            Phase::Satisfied { at, .. } => Some(at.ms_since(opened_at)),
            _ => None,
        });
        DrillPart {
            level: region.level().name(),
            place: place(directory, &region),
            callout: callout.id.clone(),
            opened_at,
            called: called.len() as u32,
            answered: answered.len() as u32,
            persons: answered.iter().map(|p| callout.people[*p as usize].clone()).collect(),
            moved: ground().map(|t| t.progress.figures.persons).sum(),
            took_ms: held.max(),
            suspended: callout.closed == Some(CloseReason::Suspended),
        }
    };
    grounds.into_iter().map(part).collect()
}
