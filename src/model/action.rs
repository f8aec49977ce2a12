//! What is reported from the ground beyond an answer: people moved, doors knocked on, lists ticked off,
//! units at work.

use super::{AnswerWay, AttemptIx, CallIx, Digest, OnBehalf, TargetIx, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Figures of a move, counted from its beginning: a later report replaces an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Figures {
    /// Households moved.
    pub households: u32,
    /// Persons moved, special groups among them.
    pub persons: u32,
    /// Persons of special groups moved.
    pub special: u32,
    /// Persons who refuse to go.
    pub refused: u32,
}

/// What is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// People are being moved (动).
    Moving(Figures),
    /// Everybody who had to move has moved (毕).
    Done(Figures),
    /// Somebody stood at the doors (敲门入户).
    Knocked,
    /// A second person confirms that the doors were knocked on.
    KnockConfirmed,
    /// An item of the plan's checklist is done.
    Checked {
        /// Its index in the plan's list.
        item: u8,
    },
    /// A unit reached a milestone.
    Reached {
        /// The milestone's name, as the clock that waits for it spells it.
        milestone: String,
        /// The unit, as the clock lists it.
        unit: String,
    },
}

/// A report from the ground, already routed to its callout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionReport {
    /// The call of the person who reports, or on whose behalf an operator does.
    pub call: Option<CallIx>,
    /// The attempt it came back on, when it names one.
    pub attempt: Option<AttemptIx>,
    /// The targets it is about; empty for all that the call named.
    pub targets: Vec<TargetIx>,
    /// What is reported.
    pub action: Action,
    /// Where people were taken, as a digest of the sealed words.
    pub shelter: Option<Digest>,
    /// The way it came.
    pub way: AnswerWay,
    /// Digest of the sealed words.
    pub text: Option<Digest>,
    /// Who recorded it.
    pub on_behalf: Option<OnBehalf>,
    /// When, by the clock of whoever sent it.
    pub reported_at: Option<Timestamp>,
    /// Whether the person is to be told by short message why it does not count, should it not.
    #[serde(default)]
    pub ask: bool,
}

/// What has been reported of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// When the moving of people was first reported.
    pub moving_at: Option<Timestamp>,
    /// When it was reported done.
    pub done_at: Option<Timestamp>,
    /// The newest figures.
    pub figures: Figures,
    /// Where people were taken.
    pub shelter: Option<Digest>,
    /// The door-knock task, once a higher post took over.
    pub knock: Option<Knock>,
    /// When each item of the checklist was ticked off.
    pub checked: BTreeMap<u8, Timestamp>,
    /// Units by milestone.
    pub reached: BTreeMap<String, BTreeSet<String>>,
}

/// The task of knocking on doors, given to whoever took over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Knock {
    /// Since when.
    pub opened_at: Timestamp,
    /// The call of the person who took over; `None` when it was a region above.
    pub call: Option<CallIx>,
    /// When it was reported, and by whom: an operator's name, or nothing for the person of the call.
    pub reported: Option<(Timestamp, Option<String>)>,
    /// When a second person confirmed it.
    pub confirmed_at: Option<Timestamp>,
}

// === impl Figures ===

impl Figures {
    /// More people than any county has; a count beyond it is a slip.
    pub const COUNT_MAX: u32 = 10_000_000;
}

// === impl Action ===

impl Action {
    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Moving(_) => "moving",
            Self::Done(_) => "done",
            Self::Knocked => "knocked",
            Self::KnockConfirmed => "knock_confirmed",
            Self::Checked { .. } => "checked",
            Self::Reached { .. } => "reached",
        }
    }

    /// The figures it brings.
    #[must_use]
    pub fn figures(&self) -> Option<Figures> {
        match self {
            Self::Moving(figures) | Self::Done(figures) => Some(*figures),
            _ => None,
        }
    }
}
