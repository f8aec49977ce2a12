//! Clocks (时限): named response timers. What they are is the plan's; no clock is known to the code.

use super::{Channel, TargetIx, Timestamp};
use serde::{Deserialize, Serialize};

/// When a clock starts, or from where it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockStart {
    /// When the target is called, or called again; for a tier's clock, when the tier opens.
    Called,
    /// When a higher post took over: somebody must knock on doors.
    TakenOver,
    /// When somebody answered for the target (应).
    Answered,
    /// When people began to move (动).
    Moving,
    /// When the hazard is expected to begin; a deadline before it is negative. Moves with the onset.
    Onset,
    /// When the event happened, by the message; when it names no time, when the callout opened.
    Origin,
}

/// What stops a clock in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockEnd {
    /// A gateway of this channel took an attempt to reach somebody for it (叫遍), or somebody answered first.
    Tried(Channel),
    /// Any answer that counts, of whichever step.
    Answered,
    /// The ground is covered.
    Satisfied,
    /// People are moving (动).
    Moving,
    /// Everybody who had to move has moved (毕).
    Done,
    /// Every unit that the clock lists has reached this milestone.
    Milestone(String),
}

/// What a clock watches over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockScope {
    /// One clock per target.
    #[default]
    Target,
    /// One clock for all targets of a tier together: it is met when the last of them is.
    Tier,
}

/// What happens when a deadline passes, beside the record of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMiss {
    /// Nothing.
    #[default]
    Nothing,
    /// The next step is called for every target that holds the clock up.
    Escalate,
}

/// A named response timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRule {
    /// Its name in code, SQL and metrics (`answer`, `door_knock`).
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it watches over.
    pub of: ClockScope,
    /// The tiers it holds for, by index; empty for all.
    pub tiers: Vec<u8>,
    /// When it starts.
    pub starts: ClockStart,
    /// What stops it.
    pub until: ClockEnd,
    /// Milliseconds from start to deadline.
    pub within_ms: i64,
    /// The posts that must each report the milestone, in each target; empty when one report will do.
    pub units: Vec<String>,
    /// How many milliseconds before the deadline those who hold it up are reminded, longest first.
    pub remind_ms: Vec<i64>,
    /// What happens when the deadline passes.
    pub missed: OnMiss,
    /// Where the number comes from: these numbers differ by place and none is a general rule.
    pub source: String,
}

/// What one clock watches over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockOf {
    /// A target.
    Target(TargetIx),
    /// All targets of a tier.
    Tier(u8),
}

/// A running or stopped clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// Index of its rule among all rules that have been in force in the callout.
    pub rule: u16,
    /// What it watches over.
    pub of: ClockOf,
    /// When it was started.
    pub started_at: Timestamp,
    /// The deadline.
    pub due: Timestamp,
    /// When the next reminder is due.
    pub remind_at: Option<Timestamp>,
    /// How it stands.
    pub state: ClockState,
}

/// How a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Not yet decided.
    Running,
    /// Stopped in time.
    Met {
        /// When.
        at: Timestamp,
    },
    /// The deadline passed first.
    Missed {
        /// When what it waited for came after all.
        met_at: Option<Timestamp>,
    },
    /// What it watched over was released before it was decided.
    Stopped,
}

// === impl ClockRule ===

impl ClockRule {
    /// Whether it holds for a tier.
    #[must_use]
    pub fn holds_for(&self, tier: u8) -> bool {
        self.tiers.is_empty() || self.tiers.contains(&tier)
    }

    /// The next reminder after `after`, for a deadline.
    #[must_use]
    pub fn reminder(&self, due: Timestamp, after: Timestamp) -> Option<Timestamp> {
        self.remind_ms.iter().map(|ms| due.plus_ms(-ms)).filter(|at| *at > after && *at < due).min()
    }
}

// === impl Clock ===

impl Clock {
    /// Whether what it waits for would still be recorded: it runs, or its deadline passed without it.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.state, ClockState::Running | ClockState::Missed { met_at: None })
    }
}
