//! `[intake]`: limits of what doors take in.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// Limits of what doors take in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// Bytes of a document.
    pub bytes_max: usize,
    /// Nesting of a document.
    pub depth_max: usize,
    /// Elements or fields of a document.
    pub elements_max: usize,
    /// Faults listed for one document.
    pub findings_max: usize,
    /// Commands taken from the inbox at once.
    pub inbox_batch_max: usize,
}

// === impl Intake ===

impl Intake {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.positive(
            "intake",
            &[
                ("bytes_max", self.bytes_max as u64),
                ("depth_max", self.depth_max as u64),
                ("elements_max", self.elements_max as u64),
                ("findings_max", self.findings_max as u64),
                ("inbox_batch_max", self.inbox_batch_max as u64),
            ],
        );
    }
}
