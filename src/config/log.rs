//! `[log]`: the log.

use super::error::Faults;
use crate::telemetry::{LogFormat, check_level};
use serde::{Deserialize, Serialize};

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The form of its lines.
    pub format: LogFormat,
    /// A level, or levels by module (`info,jiaoying::dispatch=debug`).
    pub level: String,
}

// === impl Log ===

impl Log {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let Err(reason) = check_level(&self.level) {
            faults.add("log.level", reason);
        }
    }
}
