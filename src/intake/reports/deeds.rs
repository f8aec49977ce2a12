//! What is due for a report: derived from its stream, so that it is done also after a crash.

use super::desk::ReportDesk;
use super::event::{LocalWarning, Report, Standing, TextPurpose};
use super::officers::{has_sms, rounds};
use super::shelf::Shown;
use crate::directory::Directory;
use crate::model::{PersonId, RegionCode, Timestamp};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is looked what is due.
const LOOK: Duration = Duration::from_secs(1);
/// Reports that are worked on at once: a gateway that hangs must not hold up all others.
const AT_ONCE: usize = 16;

/// What is due.
pub(super) enum Deed {
    /// The rule for trusted posts accepts it.
    Accept(LocalWarning),
    /// Its warning, or the Cancel of that, is posted.
    Post,
    /// The reporter is told that it was taken.
    Confirm(PersonId),
    /// Duty officers are told that it waits for them: those of a region, or of several.
    Alert(Option<RegionCode>, Vec<PersonId>),
}

impl Deed {
    /// What leads to a warning, or to its end.
    pub(super) fn towards_a_warning(report: &Report) -> Option<Self> {
        match (&report.standing, &report.warning, &report.reported.trusted) {
            (Standing::Accepted | Standing::Ending { .. }, ..) => Some(Self::Post),
            // Once: what the desk refused then is an officer's.
            (Standing::Open, None, Some(warning)) => Some(Self::Accept(warning.clone())),
            _ => None,
        }
    }

    fn of(shown: &Shown, desk: &ReportDesk, directory: &Directory, now: Timestamp) -> Option<Self> {
        let report = &shown.report;
        if let Some(deed) = Self::towards_a_warning(report) {
            return Some(deed);
        }
        // The duty officers first: the confirmation says whether they were told.
        Self::alert(report, desk, directory, now).or_else(|| {
            let told = report.texts_for(TextPurpose::Confirm).next().is_some();
            let reporter = report.reported.people.first().filter(|id| !told && has_sms(directory, id))?;
            Some(Self::Confirm(reporter.clone()))
        })
    }

    /// The next duty officers, when those who were told before let the time pass.
    fn alert(report: &Report, desk: &ReportDesk, directory: &Directory, now: Timestamp) -> Option<Self> {
        let told = report.texts_for(TextPurpose::Alert);
        let due = told.last().is_none_or(|t| t.at.plus_ms(desk.rules.answer_within_ms) <= now);
        if report.standing != Standing::Open || !due {
            return None;
        }
        let nth = report.texts_for(TextPurpose::Alert).count();
        let (region, officers) = rounds(&desk.rules, &report.reported, directory, now).into_iter().nth(nth)?;
        Some(Self::Alert(region, officers))
    }
}

impl ReportDesk {
    /// Does what is due now, report by report; returns when all of it is done or has failed for now.
    pub async fn turn(&self) {
        let (directory, now) = (self.directory(), (self.front.clock)());
        let due: Vec<_> = self
            .all()
            .into_iter()
            .filter_map(|shown| Deed::of(&shown, self, &directory, now).map(|deed| (shown, deed)))
            .collect();
        futures::stream::iter(due).for_each_concurrent(AT_ONCE, |(shown, deed)| self.work(shown, deed)).await;
    }

    async fn work(&self, shown: Arc<Shown>, deed: Deed) {
        let id = &shown.report.id;
        let done = match deed {
            Deed::Accept(_) | Deed::Post => self.raise(id).await,
            Deed::Confirm(person) => self.tell(&shown, TextPurpose::Confirm, None, vec![person]).await,
            Deed::Alert(region, officers) => self.tell(&shown, TextPurpose::Alert, region, officers).await,
        };
        if let Err(error) = done {
            tracing::warn!(report = %id, %error, "what is due for a report could not be done yet");
        }
    }
}

/// Reads all reports when `leads` says that this process has become the active engine, and does what is due
/// until `stop`.
pub async fn run_reports(desk: Arc<ReportDesk>, leads: impl Fn() -> bool + Send, stop: CancellationToken) {
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut changes = desk.changes();
    loop {
        tokio::select! {
            _ = look.tick() => {}
            Ok(()) = changes.changed() => {}
            () = stop.cancelled() => return,
        }
        match (leads(), desk.loaded().is_ok()) {
            (false, true) => desk.unload(),
            (false, false) => {}
            (true, false) => {
                if let Err(error) = desk.load().await {
                    tracing::warn!(%error, "reports cannot be read now");
                }
            }
            (true, true) => desk.turn().await,
        }
    }
}
