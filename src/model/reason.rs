//! Reasons that stand in events.

use serde::{Deserialize, Serialize};

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
