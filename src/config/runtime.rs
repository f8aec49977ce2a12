//! `[runtime]`: the engine's shell.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// The engine's shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Events of one flush.
    pub flush_events_max: usize,
    /// Bytes of one flush.
    pub flush_bytes_max: usize,
    /// Milliseconds between this clock and the store's beyond which the process is not ready.
    pub skew_ready_max_ms: u64,
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
                ("skew_ready_max_ms", self.skew_ready_max_ms),
                ("shutdown_grace_s", self.shutdown_grace_s),
            ],
        );
        // A flush must be able to carry at least one record, and a record holds up to 64 KiB.
        faults.require(self.flush_bytes_max >= 65_536, "runtime.flush_bytes_max", "must be at least 65536 bytes");
    }
}
