//! The stream of a hazard report: what was said, and what became of it.

use crate::journal::{ChainError, Record, verify_chain};
use crate::model::{
    CalloutId, Colour, Digest, Fact, Finding, GatewayId, Hazard, PersonId, Point, RegionCode, ReportId, Timestamp,
};
use serde::{Deserialize, Serialize};

/// One event of a report with the moment it was decided. Stored as `[at, event]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportEntry(pub Timestamp, pub ReportEvent);

/// An event of a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportEvent {
    /// It came in.
    Reported(Box<Reported>),
    /// A text is about to go out. Written before it does.
    Texted {
        /// What for.
        purpose: TextPurpose,
        /// To whom.
        to: Vec<PersonId>,
        /// Whose duty officers they are, for an alert.
        region: Option<RegionCode>,
        /// Through which gateway; `None` when none serves short messages, so that nothing goes out.
        gateway: Option<GatewayId>,
    },
    /// What the gateway answered, a fact for each text.
    TextsSent {
        /// The facts, in the order of the persons.
        facts: Vec<Fact>,
    },
    /// Somebody made it a local warning. Written before the warning is posted.
    Accepted {
        /// Who.
        by: Actor,
        /// The warning.
        warning: LocalWarning,
    },
    /// The desk of warnings took it: people are being called.
    Raised {
        /// The warning.
        warning: String,
        /// Its callouts.
        callouts: Vec<CalloutId>,
    },
    /// The desk of warnings refused it: it is open again; or it refused the end, and the warning goes on.
    Refused {
        /// Every fault.
        findings: Vec<Finding>,
        /// Where the warning is parked.
        parked: Option<String>,
    },
    /// Somebody found that nobody needs to be called.
    Dismissed {
        /// Who.
        by: Actor,
        /// Digest of the sealed reason.
        reason: Digest,
    },
    /// Somebody found that the hazard is over: it was real, and the warning ends. Written before the Cancel is
    /// posted.
    Ended {
        /// Who.
        by: Actor,
        /// Digest of the sealed reason.
        reason: Digest,
    },
    /// The desk of warnings took the Cancel: people are being told that it is over.
    Cancelled,
}

/// What was reported. Words and unknown numbers are sealed; persons are ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// The way it came.
    pub channel: ReportChannel,
    /// Who has the number or the link: one person, or several who have one telephone. Empty for others.
    pub people: Vec<PersonId>,
    /// The account of a program that reports.
    pub account: Option<String>,
    /// Where: as told, or the ground of the reporter's posts; `None` when nothing tells.
    pub place: Option<RegionCode>,
    /// What: as told, or a known word among the words.
    pub hazard: Option<Hazard>,
    /// The exact point, when told.
    pub position: Option<Point>,
    /// Digest of the sealed words, as written, with the number they came from.
    pub words: Digest,
    /// Which reports say the same: a keyed digest of reporter and words.
    pub same: Digest,
    /// When it was said, by the gateway's clock.
    pub said_at: Option<Timestamp>,
    /// The callout whose link page it was written on.
    pub callout: Option<CalloutId>,
    /// The warning that the rule for trusted posts makes of it at once.
    pub trusted: Option<LocalWarning>,
}

/// The way a report came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportChannel {
    /// A short message that begins with a keyword.
    Sms,
    /// The form on a link page.
    Link,
    /// A program.
    Api,
}

/// What a text to people is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPurpose {
    /// Tells the reporter that it was taken, and under which number.
    Confirm,
    /// Tells duty officers that a report waits for them.
    Alert,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The rule for trusted posts.
    Plan,
    /// An operator, by sign-in name.
    Operator(String),
}

/// A warning made of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalWarning {
    /// The hazard.
    pub hazard: Hazard,
    /// The colour.
    pub colour: Colour,
    /// The ground.
    pub codes: Vec<RegionCode>,
    /// One line for everybody who is called; public, unlike the reporter's words.
    pub headline: String,
    /// What to do; may be empty.
    pub instruction: String,
}

/// How a report stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It waits for somebody.
    Open,
    /// Accepted; the warning is being posted.
    Accepted,
    /// It is a warning that calls out.
    Raised {
        /// The warning.
        warning: String,
        /// Its callouts.
        callouts: Vec<CalloutId>,
    },
    /// Nobody needs to be called.
    Dismissed,
    /// It was real and is over; the Cancel is being posted.
    Ending {
        /// The warning.
        warning: String,
        /// Its callouts.
        callouts: Vec<CalloutId>,
    },
    /// Its warning is cancelled.
    Ended {
        /// The warning.
        warning: String,
        /// Its callouts.
        callouts: Vec<CalloutId>,
    },
}

/// Texts to people, as recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Texts {
    /// When they were decided on.
    pub at: Timestamp,
    /// What for.
    pub purpose: TextPurpose,
    /// To whom.
    pub to: Vec<PersonId>,
    /// Through which gateway.
    pub gateway: Option<GatewayId>,
    /// What it answered; `None` while that is not known.
    pub facts: Option<Vec<Fact>>,
}

/// A report as its stream leaves it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Its name.
    pub id: ReportId,
    /// How many events it has.
    pub seq: u64,
    /// When it came.
    pub reported_at: Timestamp,
    /// When the last event was recorded.
    pub recorded_at: Timestamp,
    /// What was reported.
    pub reported: Reported,
    /// How it stands.
    pub standing: Standing,
    /// Who accepted or dismissed it, and when; the last, when the desk refused the warning.
    pub decided: Option<(Timestamp, Actor)>,
    /// The warning it was accepted as, with the sequence of that event.
    pub warning: Option<(u64, LocalWarning)>,
    /// Why the desk of warnings refused the last one, or its end; empty when it did not.
    pub refused: Vec<Finding>,
    /// The sequence of the event that ended the warning, when that was, and who did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<(u64, Timestamp, Actor)>,
    /// Texts to people.
    pub texts: Vec<Texts>,
    /// Hash of the last record.
    #[serde(skip)]
    pub hash: Digest,
}

/// Why a stored report proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The chain of records does not hold.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An event cannot be read, or does not fit what came before it.
    #[error("event {seq} of report {id} cannot be understood: {reason}")]
    Event {
        /// The report.
        id: ReportId,
        /// Its sequence, or that of its record's first event.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
}

// === impl Report ===

impl Report {
    /// The report of a stream's records, verified; `None` without records.
    ///
    /// # Errors
    /// When the chain is broken or an event cannot be understood.
    pub fn of(id: &ReportId, records: &[Record]) -> Result<Option<Self>, ReportError> {
        let hash = verify_chain(records)?;
        let mut report = None;
        for record in records {
            let event = |reason: String| ReportError::Event { id: id.clone(), seq: record.first, reason };
            for (seq, entry) in (record.first..).zip(record.entries::<ReportEntry>().map_err(|e| event(e.to_string()))?)
            {
                let folded = Self::fold(report, id, entry);
                let misfit = |reason: &str| ReportError::Event { id: id.clone(), seq, reason: reason.to_owned() };
                report = Some(folded.map_err(misfit)?);
            }
        }
        Ok(report.map(|report| Self { hash, ..report }))
    }

    /// The state behind one more event.
    ///
    /// # Errors
    /// When the event does not fit the state.
    pub fn fold(
        before: Option<Self>,
        id: &ReportId,
        ReportEntry(at, event): ReportEntry,
    ) -> Result<Self, &'static str> {
        let mut report = match (before, event) {
            (None, ReportEvent::Reported(reported)) => {
                return Ok(Self {
                    id: id.clone(),
                    seq: 1,
                    reported_at: at,
                    recorded_at: at,
                    reported: *reported,
                    standing: Standing::Open,
                    decided: None,
                    warning: None,
                    refused: Vec::new(),
                    ended: None,
                    texts: Vec::new(),
                    hash: Digest::default(),
                });
            }
            (None, _) => return Err("it stands before the report itself"),
            (Some(report), _) if at < report.recorded_at => return Err("its time lies before the event before"),
            (Some(report), event) => report.with(at, event)?,
        };
        (report.seq, report.recorded_at) = (report.seq + 1, at);
        Ok(report)
    }

    fn with(mut self, at: Timestamp, event: ReportEvent) -> Result<Self, &'static str> {
        match (event, &self.standing) {
            (ReportEvent::Texted { purpose, to, gateway, .. }, _) => {
                self.texts.push(Texts { at, purpose, to, gateway, facts: None });
            }
            (ReportEvent::TextsSent { facts }, _) => {
                let waiting = self.texts.last_mut().filter(|t| t.facts.is_none() && t.to.len() == facts.len());
                waiting.ok_or("no texts wait for such an answer")?.facts = Some(facts);
            }
            (ReportEvent::Accepted { by, warning }, Standing::Open) => {
                (self.standing, self.decided) = (Standing::Accepted, Some((at, by)));
                self.warning = Some((self.seq, warning));
            }
            (ReportEvent::Raised { warning, callouts }, Standing::Accepted) => {
                self.refused.clear();
                self.standing = Standing::Raised { warning, callouts };
            }
            (ReportEvent::Refused { findings, .. }, Standing::Accepted) => {
                (self.standing, self.refused) = (Standing::Open, findings);
            }
            (ReportEvent::Ended { by, .. }, Standing::Raised { warning, callouts }) => {
                self.ended = Some((self.seq, at, by));
                self.refused.clear();
                self.standing = Standing::Ending { warning: warning.clone(), callouts: callouts.clone() };
            }
            (ReportEvent::Cancelled, Standing::Ending { warning, callouts }) => {
                self.standing = Standing::Ended { warning: warning.clone(), callouts: callouts.clone() };
            }
            (ReportEvent::Refused { findings, .. }, Standing::Ending { warning, callouts }) => {
                (self.ended, self.refused) = (None, findings);
                self.standing = Standing::Raised { warning: warning.clone(), callouts: callouts.clone() };
            }
            (ReportEvent::Dismissed { by, .. }, Standing::Open) => {
                (self.standing, self.decided) = (Standing::Dismissed, Some((at, by)));
            }
            _ => return Err("it does not fit how the report stands"),
        }
        Ok(self)
    }

    /// Whether it is a drill's.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.id.is_drill()
    }

    /// The state as bytes: equal states are equal bytes.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        // Serialising plain data into a vector cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether a gateway took a text to a duty officer. What became of it there is not known.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let took = |t: &Texts| t.facts.iter().flatten().any(|fact| matches!(fact, Fact::Reached { .. }));
        self.texts_for(TextPurpose::Alert).any(took)
    }

    /// The texts of one purpose.
    pub fn texts_for(&self, purpose: TextPurpose) -> impl DoubleEndedIterator<Item = &Texts> {
        self.texts.iter().filter(move |t| t.purpose == purpose)
    }
}

// === impl names ===

impl ReportChannel {
    /// The stable name in code, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Link => "link",
            Self::Api => "api",
        }
    }
}

impl Standing {
    /// The stable name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Raised { .. } => "raised",
            Self::Dismissed => "dismissed",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
        }
    }

    /// The warning that it became, and its callouts; also behind the end.
    #[must_use]
    pub fn raised(&self) -> Option<(&str, &[CalloutId])> {
        match self {
            Self::Raised { warning, callouts }
            | Self::Ending { warning, callouts }
            | Self::Ended { warning, callouts } => Some((warning, callouts)),
            Self::Open | Self::Accepted | Self::Dismissed => None,
        }
    }
}

impl ReportEvent {
    /// The stable name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Reported(_) => "reported",
            Self::Texted { .. } => "texted",
            Self::TextsSent { .. } => "texts_sent",
            Self::Accepted { .. } => "accepted",
            Self::Raised { .. } => "raised",
            Self::Refused { .. } => "refused",
            Self::Dismissed { .. } => "dismissed",
            Self::Ended { .. } => "ended",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plan => f.write_str("plan"),
            Self::Operator(name) => f.write_str(name),
        }
    }
}
