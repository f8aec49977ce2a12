//! `[plans]`: the plans.

use super::error::Faults;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plans {
    /// The folder of the plan files.
    pub dir: PathBuf,
}

// === impl Plans ===

impl Plans {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.require(!self.dir.as_os_str().is_empty(), "plans.dir", "must not be empty");
    }
}
