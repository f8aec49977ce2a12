//! What events tell beside what happened: why, how far, on which way, on whose word.

use super::{Digest, Failure, GatewayId, Stage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a step began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepCause {
    /// The target was covered.
    Covered,
    /// The step before ran out of time.
    Deadline,
    /// Nobody in the step before can answer any more.
    Refused,
    /// The round repeats.
    Repeated,
    /// The colour went up.
    Upgraded,
    /// More ground came up from below.
    Raised,
    /// The target's tier opened.
    Opened,
    /// It was heard, and nothing was done within the time that a clock sets.
    Idle,
}

/// Why a rung could not be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The person has no usable contact on the channel.
    NoContact,
    /// No gateway serves the channel.
    NoGateway,
    /// No gateway for drills serves the channel, and a drill uses no other.
    NoDrillGateway,
    /// Every gateway of the channel sends registered templates only, and none has one for this text.
    NoTemplate,
    /// Every gateway that serves it was locked by hand.
    Locked,
    /// No gateway that serves it works at present, and another channel of the person is left.
    NoneWorks,
}

/// Why an attempt goes through its gateway, when that is not plain. Plain is: of the gateways that serve it, one of the
/// first priority took it in its turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// Whether it finds out if a gateway that did not work does again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
    /// Gateways that would have had it otherwise, each with why it was passed over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub past: BTreeMap<GatewayId, Passed>,
}

/// Why a gateway was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passed {
    /// Locked by hand.
    Locked,
    /// Its breaker is open: attempts failed on it.
    Open,
    /// This very try failed on it just now.
    Failed,
    /// It takes attempts, and nothing is ever told of them.
    Silent,
    /// Its canary fails.
    Canary,
    /// Its rate, window or lines were used up.
    Busy,
}

/// What a gateway can tell about an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// It came this far; `reference` is the gateway's own name for it.
    Reached {
        /// How far.
        stage: Stage,
        /// The gateway's reference.
        reference: Option<String>,
    },
    /// It ended without success.
    Failed {
        /// How.
        failure: Failure,
        /// The gateway's own code, for people.
        detail: Option<String>,
    },
    /// A voice call is over after it was picked up.
    Ended,
    /// The wire died between submit and answer. `resent`: the same attempt goes out again under its
    /// idempotency key, so no new attempt is made.
    Unknown {
        /// Whether the gateway honours the key.
        resent: bool,
    },
}

/// The way an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerWay {
    /// A short message.
    Sms,
    /// A key press or a voice call that was heard.
    Voice,
    /// The one-time link.
    Link,
    /// An operator wrote it down.
    Operator,
}

/// Who recorded an answer on somebody's behalf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalf {
    /// The operator's sign-in name.
    pub operator: String,
    /// Digest of the sealed reason.
    pub reason: Digest,
}

/// Why something that came back is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteReason {
    /// A bare word that could mean several open callouts.
    Ambiguous,
    /// A code that is not open for this number.
    UnknownCode,
    /// Words that say neither yes nor cannot.
    Nonsense,
    /// It was said before the attempt it would answer was sent.
    BeforeSend,
    /// The attempt was made for a lower colour.
    Superseded,
    /// The callout is over; the answer is kept.
    Closed,
    /// Figures above the roster of the target; an operator can record them with a reason.
    AboveRoster,
    /// A figure that is no count of people: below zero, or not a number.
    BadFigure,
    /// The unit is not among those that the clock lists, or no clock waits for such a milestone.
    NotListed,
    /// There is no such task, or it is done.
    NoTask,
    /// Whoever reported a task cannot confirm it.
    SamePerson,
    /// The plan's checklist has no such item.
    NoItem,
    /// The report could mean several targets.
    WhichTarget,
}

// === impl AnswerWay ===

impl AnswerWay {
    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Link => "link",
            Self::Operator => "operator",
        }
    }
}
