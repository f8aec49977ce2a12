//! `[routing]`: when a gateway counts as not working, and whose numbers were ported.

use super::error::Faults;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How gateways are chosen beside what their sections say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// Failures in a row that open a gateway's breaker.
    pub failures_max: u32,
    /// Percent of the last 20 results that open it when they failed.
    pub failure_percent_max: u32,
    /// Milliseconds before the first probe; they double with each probe that fails.
    pub probe_min_ms: u64,
    /// Milliseconds between probes, at most.
    pub probe_max_ms: u64,
    /// A CSV file with the columns number and carrier.
    pub ported_file: Option<PathBuf>,
}

// === impl Routing ===

impl Routing {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.positive("routing", &[("failures_max", self.failures_max.into()), ("probe_min_ms", self.probe_min_ms)]);
        let percent = (1..=100).contains(&self.failure_percent_max);
        faults.require(percent, "routing.failure_percent_max", "must be 1 to 100");
        faults.require(
            (self.probe_min_ms..=3_600_000).contains(&self.probe_max_ms),
            "routing.probe_max_ms",
            "must be between probe_min_ms and an hour",
        );
    }
}
