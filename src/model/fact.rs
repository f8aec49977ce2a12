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
    /// A key press in a call that the person placed to us.
    CallBack,
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
            Self::CallBack => "call_back",
            Self::Link => "link",
            Self::Operator => "operator",
        }
    }
}

// === impl NoteReason ===

impl NoteReason {
    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::UnknownCode => "unknown_code",
            Self::Nonsense => "nonsense",
            Self::BeforeSend => "before_send",
            Self::Superseded => "superseded",
            Self::Closed => "closed",
            Self::AboveRoster => "above_roster",
            Self::BadFigure => "bad_figure",
            Self::NotListed => "not_listed",
            Self::NoTask => "no_task",
            Self::SamePerson => "same_person",
            Self::NoItem => "no_item",
            Self::WhichTarget => "which_target",
        }
    }
    /// Why it does not count, in standard Chinese, for whoever said it.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::Ambiguous => "您名下有几次叫应，不知道说的是哪一次",
            Self::UnknownCode => "回复码不对",
            Self::Nonsense => "没有看懂",
            Self::BeforeSend => "早于呼叫，或还没有呼叫此人",
            Self::Superseded => "预警已升级，或这里已解除；请看最新通知再报",
            Self::Closed => "叫应已结束",
            Self::AboveRoster => "数字超过底册；请核对后重报，或请值班员说明理由代报",
            Self::BadFigure => "数字有误",
            Self::NotListed => "这个单位或这项到位不在应报之列，或已报过",
            Self::NoTask => "没有上门任务；或任务已核实；或还没有人报已上门",
            Self::SamePerson => "报上门的人不能自己核实，请换另一人",
            Self::NoItem => "清单里没有这一项",
            Self::WhichTarget => "几处责任区不能合报，请打开链接或打电话逐处上报",
        }
    }
}
