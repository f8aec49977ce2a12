//! The desk of hazard reports: takes, accepts and dismisses them, and knows how all of them stand.

use super::check::{self, WarningDraft};
use super::deeds::Deed;
use super::event::{Actor, Report, ReportChannel, ReportEntry, ReportEvent, Reported, Standing};
use super::shelf::{Shelf, Shown};
use super::{REPORT_ACCOUNT, ReportRules, reporter};
use crate::directory::Directory;
use crate::gateway::Gateway;
use crate::intake::{Desk, FrontDesk, Posted, Unavailable};
use crate::journal::{Batch, Blob, Group, JournalError, Record, Salt};
use crate::model::{CalloutId, Digest, Finding, PersonId, Point, RegionCode, ReportId, Status, Timestamp};
use crate::runtime::subject_key;
use crate::telemetry::Metrics;
use serde_json::json;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// How often it is tried again when somebody else changed a report at the same time.
const RETRIES_MAX: usize = 16;
/// The door of refused reports, in the list of what is parked.
const DOOR: &str = "report";

/// The desk of hazard reports.
pub struct ReportDesk {
    /// Store, directory, senders, keys and clock.
    pub front: Arc<FrontDesk>,
    /// Takes the warnings that reports become.
    pub desk: Arc<dyn Desk>,
    /// What the configuration says.
    pub rules: ReportRules,
    /// The gateways, and whether each is for drills.
    pub gateways: Vec<(Arc<dyn Gateway>, bool)>,
    /// Counters.
    pub metrics: Metrics,
    pub(super) shelf: RwLock<Option<Shelf>>,
    pub(super) changes: watch::Sender<u64>,
}

/// A report as it comes in.
#[derive(Clone, Default)]
pub struct Incoming {
    /// The number it came from, or that a program names.
    pub number: Option<String>,
    /// The person, when a link tells.
    pub person: Option<PersonId>,
    /// The account of a program.
    pub account: Option<String>,
    /// The words, as written.
    pub words: String,
    /// When it was said, by the gateway's clock.
    pub said_at: Option<Timestamp>,
    /// The division code, when told.
    pub place: Option<String>,
    /// The hazard as code or word, when told.
    pub hazard: Option<String>,
    /// The exact point, when told.
    pub position: Option<Point>,
    /// Whether it comes from within a drill, whatever its words say.
    pub drill: bool,
    /// The callout whose link page it was written on.
    pub callout: Option<CalloutId>,
}

/// What became of what came in. Each means durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a report.
    Recorded {
        /// Its name.
        id: ReportId,
        /// Whether it was one before; nothing happens twice.
        repeated: bool,
    },
    /// It cannot be read, and is parked.
    Refused {
        /// Every fault.
        findings: Vec<Finding>,
        /// Where it is parked.
        parked: Option<String>,
    },
}

/// What became of an act on a report. `Done` means durable.
#[derive(Clone)]
pub enum Acted {
    /// It is done.
    Done(Arc<Shown>),
    /// There is no such report.
    Unknown,
    /// It stands so that this cannot be done: somebody decided before, or nobody has yet.
    Decided(Arc<Shown>),
    /// The warning was cancelled or retracted before.
    Over,
    /// What was written down has faults.
    Faults(Vec<Finding>),
}

// === impl ReportDesk ===

impl ReportDesk {
    /// A desk that has read nothing yet ([`ReportDesk::load`]).
    #[must_use]
    pub fn new(
        front: Arc<FrontDesk>,
        desk: Arc<dyn Desk>,
        rules: ReportRules,
        gateways: Vec<(Arc<dyn Gateway>, bool)>,
        metrics: Metrics,
    ) -> Self {
        Self { front, desk, rules, gateways, metrics, shelf: RwLock::default(), changes: watch::Sender::new(0) }
    }

    /// Takes a report from any door. What cannot be read is parked, and the faults are told.
    ///
    /// # Errors
    /// When it is not durable, or this process is not the active engine: it must come again.
    pub async fn take(&self, channel: ReportChannel, incoming: Incoming) -> Result<Taken, Unavailable> {
        self.loaded()?;
        let taken = self.record(channel, &incoming).await.map_err(unavailable)?;
        let outcome = match &taken {
            Taken::Recorded { repeated: true, .. } => "repeated",
            Taken::Recorded { .. } => "recorded",
            Taken::Refused { .. } => "refused",
        };
        self.metrics.hazard_report(channel.name(), outcome);
        if let Taken::Recorded { id, .. } = &taken
            && let Err(error) = self.raise(id).await
        {
            // It is durable: what is due is done by the task.
            tracing::warn!(report = %id, %error, "a report could not be acted on yet");
        }
        Ok(taken)
    }

    async fn record(&self, channel: ReportChannel, incoming: &Incoming) -> Result<Taken, JournalError> {
        let directory = self.directory();
        let drill = incoming.drill || self.rules.keywords.is_drill(&incoming.words);
        let read = match check::read(&directory, incoming) {
            Ok(read) => read,
            Err(findings) => return self.park(incoming, findings).await,
        };
        let people: Vec<PersonId> = match (&incoming.person, &incoming.number) {
            (Some(person), _) => vec![person.clone()],
            (None, Some(number)) => directory.by_number(number).to_vec(),
            (None, None) => Vec::new(),
        };
        let place = read.place.or_else(|| reporter::ground_of(&directory, &people));
        if let Some(fault) = self.may(incoming, place.as_ref(), drill) {
            return self.park(incoming, vec![fault]).await;
        }
        let hazard = read.hazard.or_else(|| reporter::hazard_in(&incoming.words));
        let about = (hazard.as_ref(), place.as_ref());
        let trusted = reporter::trusted(&directory, &self.rules, &people, about, &incoming.words);
        let same = self.same(incoming, &people, drill);
        for nth in 1.. {
            let id = ReportId::of(drill, &same, nth);
            let before = self.read(&id).await?;
            match &before {
                Some(report) if report.reported.same == same && self.repeats(report, incoming.said_at) => {
                    return Ok(Taken::Recorded { id, repeated: true });
                }
                Some(_) => continue,
                None => {}
            }
            let salt = (self.front.entropy)();
            let number = incoming.number.as_ref().filter(|_| people.is_empty());
            let told = json!({ "from": number, "text": incoming.words }).to_string();
            let sealed = subject_key(&self.front.key, id.stream().as_str(), &salt).seal("report", told.as_bytes());
            let reported = Reported {
                channel,
                people: people.clone(),
                account: incoming.account.clone(),
                place: place.clone(),
                hazard: hazard.clone(),
                position: read.position,
                words: sealed.digest(),
                same,
                said_at: incoming.said_at,
                callout: incoming.callout.clone(),
                trusted: trusted.clone(),
            };
            let subject = id.stream().to_string();
            let blobs = vec![Blob { digest: sealed.digest(), subject: subject.clone(), sealed: sealed.0 }];
            let with = Group { blobs, salts: vec![Salt { subject, salt }], ..Group::default() };
            if self.write(&id, None, ReportEvent::Reported(Box::new(reported)), with).await?.is_some() {
                return Ok(Taken::Recorded { id, repeated: false });
            }
            // The same came through another door at this moment, or its end was not known: look again.
            if self.read(&id).await?.is_some_and(|r| r.reported.same == same) {
                return Ok(Taken::Recorded { id, repeated: true });
            }
        }
        Err(JournalError::Unavailable("no name is left for the report".into()))
    }

    /// Which reports say the same: those of one reporter in the same words about the same place.
    fn same(&self, incoming: &Incoming, people: &[PersonId], drill: bool) -> Digest {
        let who = match (people, &incoming.number, &incoming.account) {
            ([], Some(number), _) => number.clone(),
            ([], None, account) => account.clone().unwrap_or_default(),
            (people, ..) => people.iter().map(PersonId::as_str).collect::<Vec<_>>().join(" "),
        };
        let position = incoming.position.map_or_else(String::new, |p| format!("{} {}", p.lat, p.lon));
        let told = [
            if drill { "drill" } else { "" },
            &who,
            incoming.words.trim(),
            incoming.place.as_deref().unwrap_or_default(),
            incoming.hazard.as_deref().unwrap_or_default(),
            &position,
        ];
        Digest(self.front.key.derive("report").tag(&told.map(str::as_bytes)))
    }

    /// Whether the same words are this report again. Of one that is closed only the very message is:
    /// whoever says it again means that it is not over.
    fn repeats(&self, report: &Report, said_at: Option<Timestamp>) -> bool {
        let very = said_at.is_some() && said_at == report.reported.said_at;
        let lately = (self.front.clock)() < report.recorded_at.plus_ms(self.rules.same_within_ms);
        very || match report.standing {
            Standing::Open | Standing::Accepted => true,
            Standing::Raised { .. } => lately,
            Standing::Dismissed | Standing::Ending { .. } | Standing::Ended { .. } => false,
        }
    }

    /// Why a program's account may not report this.
    fn may(&self, incoming: &Incoming, place: Option<&RegionCode>, drill: bool) -> Option<Finding> {
        let account = incoming.account.as_deref()?;
        let Some(sender) = self.front.senders.0.iter().find(|s| s.account == account) else {
            return Some(Finding::fatal("account", format!("account {account:?} is not a registered sender")));
        };
        let status = if drill { Status::Exercise } else { Status::Actual };
        if !sender.statuses.contains(&status) {
            return Some(Finding::fatal("status", format!("account {account} may not post status {status}")));
        }
        let beyond = place.filter(|p| !sender.regions.is_empty() && !sender.regions.iter().any(|r| r.holds(p)))?;
        Some(Finding::fatal("place", format!("account {account} may not post for {beyond}")))
    }

    async fn park(&self, incoming: &Incoming, findings: Vec<Finding>) -> Result<Taken, JournalError> {
        let body = json!({
            "from": incoming.number, "person": incoming.person, "words": incoming.words, "place": incoming.place,
            "hazard": incoming.hazard, "position": incoming.position, "callout": incoming.callout,
        });
        let posted = Posted { door: DOOR, account: incoming.account.clone(), body: body.to_string().into_bytes() };
        let receipt = self.front.park(&posted, None, findings).await?;
        if !receipt.duplicate {
            self.metrics.parked();
        }
        Ok(Taken::Refused { findings: receipt.findings, parked: receipt.parked })
    }

    /// Makes a report a warning that calls out.
    ///
    /// # Errors
    /// When it is not durable.
    pub async fn accept(&self, id: &ReportId, by: Actor, draft: &WarningDraft) -> Result<Acted, Unavailable> {
        self.loaded()?;
        let Some(report) = self.read(id).await.map_err(unavailable)? else { return Ok(Acted::Unknown) };
        let warning = match draft.read(&self.directory(), report.reported.place.as_ref()) {
            Ok(warning) => warning,
            Err(faults) => return Ok(Acted::Faults(faults)),
        };
        let acted = self.decide(id, is_open, ReportEvent::Accepted { by, warning }, Group::default()).await?;
        if let Acted::Done(shown) = &acted {
            self.metrics.hazard_report(shown.report.reported.channel.name(), "accepted");
            self.raise(id).await.map_err(unavailable)?;
            return Ok(self.shown(id).map_or(Acted::Unknown, |shown| match shown.report.standing {
                Standing::Open => Acted::Faults(shown.report.refused.clone()),
                _ => Acted::Done(shown),
            }));
        }
        Ok(acted)
    }

    /// Closes a report of which nobody needs to be told. The reason is sealed.
    ///
    /// # Errors
    /// When it is not durable.
    pub async fn dismiss(&self, id: &ReportId, by: Actor, reason: &str) -> Result<Acted, Unavailable> {
        self.loaded()?;
        let Some((reason, with)) = self.sealed(id, reason).await? else { return Ok(Acted::Unknown) };
        let acted = self.decide(id, is_open, ReportEvent::Dismissed { by, reason }, with).await?;
        if let Acted::Done(shown) = &acted {
            self.metrics.hazard_report(shown.report.reported.channel.name(), "dismissed");
        }
        Ok(acted)
    }

    /// A reason under the report's key: its digest, and what is stored with the event; `None` when there is no
    /// such report.
    pub(super) async fn sealed(&self, id: &ReportId, reason: &str) -> Result<Option<(Digest, Group)>, Unavailable> {
        let subject = id.stream().to_string();
        let salt = self.front.journal.salt(subject.clone()).await.map_err(unavailable)?;
        Ok(salt.map(|salt| {
            let sealed = subject_key(&self.front.key, &subject, &salt).seal("reason", reason.as_bytes());
            let blob = Blob { digest: sealed.digest(), subject, sealed: sealed.0 };
            (blob.digest, Group { blobs: vec![blob], ..Group::default() })
        }))
    }

    /// Writes a decision on a report that stands as `fits` wants it; of two, the first counts.
    pub(super) async fn decide(
        &self,
        id: &ReportId,
        fits: fn(&Standing) -> bool,
        event: ReportEvent,
        with: Group,
    ) -> Result<Acted, Unavailable> {
        for _ in 0..RETRIES_MAX {
            let Some(report) = self.read(id).await.map_err(unavailable)? else { return Ok(Acted::Unknown) };
            let fits = fits(&report.standing);
            let written = if fits {
                self.write(id, Some(&report), event.clone(), with.clone()).await.map_err(unavailable)?
            } else {
                None
            };
            let shown = self.shown(id);
            match (fits, written.is_some(), shown) {
                (true, true, Some(shown)) => return Ok(Acted::Done(shown)),
                (false, _, Some(shown)) => return Ok(Acted::Decided(shown)),
                _ => {}
            }
        }
        Err(Unavailable(format!("report {id} changes too fast")))
    }

    /// Does what leads to a warning or to its end, as far as it is due: the rule for trusted posts, the posting.
    pub(super) async fn raise(&self, id: &ReportId) -> Result<(), JournalError> {
        for _ in 0..RETRIES_MAX {
            let Some(report) = self.read(id).await? else { return Ok(()) };
            let event = match Deed::towards_a_warning(&report) {
                Some(Deed::Accept(warning)) => {
                    self.metrics.hazard_report(report.reported.channel.name(), "accepted");
                    ReportEvent::Accepted { by: Actor::Plan, warning }
                }
                Some(Deed::Post) => {
                    let Some(body) = report.document(&self.rules.sender, &self.directory()) else { return Ok(()) };
                    let posted = Posted { door: DOOR, account: Some(REPORT_ACCOUNT.into()), body };
                    let receipt = self.desk.post(posted).await.map_err(|e| JournalError::Unavailable(e.0))?;
                    let callouts = receipt.cover.iter().map(|c| CalloutId::from(c.callout.as_str())).collect();
                    match receipt.warning.filter(|_| receipt.accepted) {
                        Some(_) if report.ended.is_some() => ReportEvent::Cancelled,
                        Some(warning) => ReportEvent::Raised { warning, callouts },
                        None => ReportEvent::Refused { findings: receipt.findings, parked: receipt.parked },
                    }
                }
                _ => return Ok(()),
            };
            self.write(id, Some(&report), event, Group::default()).await?;
        }
        Ok(())
    }

    /// Reads a report from the journal.
    pub(super) async fn read(&self, id: &ReportId) -> Result<Option<Report>, JournalError> {
        let records = self.front.journal.read(id.stream(), 0, usize::MAX >> 1).await?;
        Report::of(id, &records)
            .map_err(|e| JournalError::Damaged { place: id.stream().to_string(), reason: e.to_string() })
    }

    /// Writes an event behind a report and shows it; `None` when somebody else was faster.
    pub(super) async fn write(
        &self,
        id: &ReportId,
        before: Option<&Report>,
        event: ReportEvent,
        with: Group,
    ) -> Result<Option<Report>, JournalError> {
        let damaged = |reason: String| JournalError::Damaged { place: id.stream().to_string(), reason };
        let now = (self.front.clock)().max(before.map_or(Timestamp::default(), |r| r.recorded_at));
        let entry = ReportEntry(now, event);
        let (first, prev) = before.map_or((0, Digest::default()), |r| (r.seq, r.hash));
        let records = Record::chain(&id.stream(), first, prev, now, std::slice::from_ref(&entry))
            .map_err(|e| damaged(e.to_string()))?;
        let hash = records.last().map_or(prev, |r| r.hash);
        let after = Report::fold(before.cloned(), id, entry).map_err(|e| damaged(e.to_owned()))?;
        let after = Report { hash, ..after };
        let group = Group { records, ..with };
        // Whether a failed write took effect is not known: everything is dropped and read again.
        let result = self.front.journal.commit(Batch { lease: None, groups: vec![group] }).await;
        let result = result.inspect_err(|_| self.unload())?;
        if result.first() != Some(&Ok(())) {
            return Ok(None);
        }
        self.show(after.clone()).await?;
        Ok(Some(after))
    }

    pub(super) fn directory(&self) -> Arc<Directory> {
        self.front.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_open(standing: &Standing) -> bool {
    *standing == Standing::Open
}

pub(super) fn unavailable(error: JournalError) -> Unavailable {
    Unavailable(error.to_string())
}
