//! `[runtime]`: the engine's shell.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// The engine's shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Events of one flush.
    pub flush_events_max: usize,
    /// Targets of a warning that are planned and called before the rest is planned.
    pub first_targets: usize,
    /// Seconds after a key in a voice call by which its line is given back, told of its end or not.
    pub line_after_key_s: u64,
    /// Seconds that work under way may go on after a request to stop.
    pub shutdown_grace_s: u64,
}

// === impl Runtime ===

impl Runtime {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.positive(
            "runtime",
            &[
                ("flush_events_max", self.flush_events_max as u64),
                ("first_targets", self.first_targets as u64),
                ("line_after_key_s", self.line_after_key_s),
                ("shutdown_grace_s", self.shutdown_grace_s),
            ],
        );
    }
}
