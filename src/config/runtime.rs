//! `[runtime]`: the engine's shell.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// The engine's shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Events of one flush.
    pub flush_events_max: usize,
    /// Seconds that work under way may go on after a request to stop.
    pub shutdown_grace_s: u64,
}

// === impl Runtime ===

impl Runtime {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.positive(
            "runtime",
            &[("flush_events_max", self.flush_events_max as u64), ("shutdown_grace_s", self.shutdown_grace_s)],
        );
    }
}
