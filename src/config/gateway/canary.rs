//! `[gateway.canary]`: calls of a gateway to numbers that answer themselves.

use crate::config::error::Faults;
use serde::{Deserialize, Serialize};

/// What a gateway is tried with before it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanarySection {
    /// Numbers that answer themselves, in turns; no person's.
    pub numbers: Vec<String>,
    /// Seconds from one canary to the next.
    #[serde(default = "quarter_hour")]
    pub every_s: u64,
    /// Seconds within which it must be proven.
    #[serde(default = "two_minutes")]
    pub within_s: u64,
    /// What proves it.
    #[serde(default)]
    pub proof: CanaryProof,
    /// Whether the gateway stands behind all others while its canary fails.
    #[serde(default = "yes")]
    pub counts: bool,
}

/// What must come of a canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryProof {
    /// The gateway takes it.
    Submitted,
    /// The gateway says that it arrived.
    #[default]
    Delivered,
    /// A key is pressed, or a short message comes back.
    Answered,
}

// === impl CanarySection ===

impl CanarySection {
    pub(super) fn check(&self, at: &str, faults: &mut Faults) {
        let key = |key: &str| format!("{at}.canary.{key}");
        faults.require(!self.numbers.is_empty(), key("numbers"), "must name at least one number that answers itself");
        let written =
            |n: &String| n.strip_prefix('+').is_some_and(|d| d.len() > 4 && d.bytes().all(|b| b.is_ascii_digit()));
        // The number itself stands in no message.
        faults.require(self.numbers.iter().all(written), key("numbers"), "must be like +8610… with digits only");
        faults.positive(&format!("{at}.canary"), &[("every_s", self.every_s), ("within_s", self.within_s)]);
        faults.require(self.within_s <= self.every_s, key("within_s"), "must not exceed every_s");
    }
}

fn quarter_hour() -> u64 {
    900
}

fn two_minutes() -> u64 {
    120
}

fn yes() -> bool {
    true
}
