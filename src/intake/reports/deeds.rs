//! What is due for a report: derived from its stream, so that it is done also after a crash.

use super::desk::ReportDesk;
use super::event::{LocalWarning, Report, Standing, TextPurpose};
use super::shelf::Shown;
use crate::directory::Directory;
use crate::model::{Holders, PersonId, RegionCode, Status, Timestamp};
use futures::StreamExt;
use serde_json::json;
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
    /// The warning of the event with this sequence is posted.
    Post(u64, LocalWarning),
    /// The reporter is told that it was taken.
    Confirm(PersonId),
    /// The duty officers of a region are told that it waits for them.
    Alert(RegionCode, Vec<PersonId>),
}

impl Deed {
    /// What leads to a warning.
    pub(super) fn towards_a_warning(report: &Report) -> Option<Self> {
        match (&report.standing, &report.warning, &report.reported.trusted) {
            (Standing::Accepted, Some((seq, warning)), _) => Some(Self::Post(*seq, warning.clone())),
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
        Self::alert(report, desk, directory, now).or_else(|| {
            let told = report.texts_for(TextPurpose::Confirm).next().is_some();
            let reporter = report.reported.people.first().filter(|id| !told && has_sms(directory, id))?;
            Some(Self::Confirm(reporter.clone()))
        })
    }

    /// The next duty officers upward, when those who were told before let the time pass.
    fn alert(report: &Report, desk: &ReportDesk, directory: &Directory, now: Timestamp) -> Option<Self> {
        let mut before = report.texts_for(TextPurpose::Alert);
        let due = before.next_back().is_none_or(|t| t.at.plus_ms(desk.rules.answer_within_ms) <= now);
        if report.standing != Standing::Open || !due {
            return None;
        }
        let place = report.reported.place.clone()?;
        let mut chain = std::iter::successors(Some(place), RegionCode::parent).filter_map(|region| {
            let seats = |post: &String| directory.seats_at(post, Holders::Present, region.as_str(), now);
            let mut officers: Vec<PersonId> = desk.rules.duty_posts.iter().flat_map(seats).collect();
            officers.retain(|id| has_sms(directory, id) && !report.reported.people.contains(id));
            officers.sort();
            officers.dedup();
            (!officers.is_empty()).then_some((region, officers))
        });
        let (region, officers) = chain.nth(report.texts_for(TextPurpose::Alert).count())?;
        Some(Self::Alert(region, officers))
    }
}

fn has_sms(directory: &Directory, id: &PersonId) -> bool {
    directory.person(id).is_some_and(|p| p.contacts_on(crate::model::Channel::Sms).next().is_some())
}

impl LocalWarning {
    /// The document of the warning: the same for the same event, so that posting it again changes nothing.
    pub(super) fn message(&self, report: &Report, seq: u64, sender: &str, directory: &Directory) -> Vec<u8> {
        let status = if report.is_drill() { Status::Exercise } else { Status::Actual };
        let sent = report.decided.as_ref().map_or(report.recorded_at, |(at, _)| *at);
        let names: Vec<String> = self.codes.iter().map(|code| directory.place(code.as_str())).collect();
        json!({
            "sender": sender, "identifier": format!("report-{}-{seq}", report.id), "sent": sent.iso(),
            "status": status, "kind": "alert", "references": [], "hazard": self.hazard.zh(), "colour": self.colour,
            "wording": [{
                "language": "zh-CN", "headline": self.headline, "description": "", "instruction": self.instruction,
            }],
            "areas": [{ "name": names.join("、"), "codes": self.codes }],
            "note": format!("险情报告 {}", report.id),
        })
        .to_string()
        .into_bytes()
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
            Deed::Accept(_) | Deed::Post(..) => self.raise(id).await,
            Deed::Confirm(person) => self.tell(&shown, TextPurpose::Confirm, None, vec![person]).await,
            Deed::Alert(region, officers) => self.tell(&shown, TextPurpose::Alert, Some(region), officers).await,
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
