//! `[cell]`: the command regions that one active engine carries.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// The cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Its name; replicas of one cell share it.
    pub name: String,
    /// Seconds that the right to be the active engine lasts without being renewed.
    pub lease_ttl_s: u64,
}

// === impl Cell ===

impl Cell {
    pub(super) fn check(&self, faults: &mut Faults) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        faults.require(
            !self.name.is_empty() && self.name.chars().all(plain),
            "cell.name",
            "must be of lower-case letters, digits, - and _",
        );
        // Renewed three times within its life, and clocks tick in seconds.
        faults.require(self.lease_ttl_s >= 3, "cell.lease_ttl_s", "must be at least 3 seconds");
    }
}
