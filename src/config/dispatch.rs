//! `[dispatch]`: how due calls go out.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// How due calls go out, whatever the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// Warnings that one call or short message may name; 1: each goes alone.
    pub bundle_max: usize,
}

// === impl Dispatch ===

impl Dispatch {
    pub(super) fn check(&self, faults: &mut Faults) {
        // A voice call with more is longer than anybody listens.
        faults.require((1..=10).contains(&self.bundle_max), "dispatch.bundle_max", "must be 1 to 10");
    }
}
