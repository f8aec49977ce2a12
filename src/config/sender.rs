//! `[[sender]]`: who may post warnings, and for what.

use super::error::Faults;
use super::http::{Right, Token};
use serde::{Deserialize, Serialize};

/// A sender of warnings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// Its name for people.
    pub name: String,
    /// AMQP user id or name of a token.
    pub account: String,
    /// The names that it may use as sender in messages; empty: any.
    #[serde(default)]
    pub senders: Vec<String>,
    /// Codes of the regions that it may warn, with all below; empty: any.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The hazards that it may warn of, as event code or word; empty: any.
    #[serde(default)]
    pub hazards: Vec<String>,
    /// What its messages may be for.
    #[serde(default = "SenderStatus::all")]
    pub statuses: Vec<SenderStatus>,
}

/// What a sender's messages may be for (CAP 1.2 §3.2.1 `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderStatus {
    /// The real thing.
    Actual,
    /// A drill.
    Exercise,
    /// A technical test.
    Test,
}

// === impl SenderStatus ===

impl SenderStatus {
    /// The word in CAP, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Exercise => "exercise",
            Self::Test => "test",
        }
    }

    fn all() -> Vec<Self> {
        vec![Self::Actual, Self::Exercise, Self::Test]
    }
}

pub(super) fn check(senders: &[Sender], faults: &mut Faults) {
    for (i, sender) in senders.iter().enumerate() {
        let at = |key: &str| format!("sender[{i}].{key}");
        faults.require(!sender.name.is_empty(), at("name"), "must not be empty");
        faults.require(!sender.account.is_empty(), at("account"), "must not be empty");
        let taken = senders[..i].iter().any(|s| s.account == sender.account);
        faults.require(!taken, at("account"), "is that of another sender");
        faults.require(sender.account != "drill-schedule", at("account"), "is that of the scheduled drills");
        faults.require(sender.account != "hazard-reports", at("account"), "is that of warnings made of reports");
        let is_code =
            |code: &String| matches!(code.len(), 2 | 4 | 6 | 9 | 12) && code.bytes().all(|byte| byte.is_ascii_digit());
        for code in sender.regions.iter().filter(|code| !is_code(code)) {
            faults.add(at("regions"), format!("{code:?} is no region code: 2, 4, 6, 9 or 12 digits"));
        }
        faults.require(!sender.statuses.is_empty(), at("statuses"), "must name at least one status");
    }
}

/// Whatever is posted with a token that is no sender's would be parked.
pub(super) fn check_tokens(senders: &[Sender], tokens: &[Token], faults: &mut Faults) {
    for (i, token) in tokens.iter().enumerate().filter(|(_, t)| t.may(Right::Post)) {
        let known = senders.iter().any(|s| s.account == token.name);
        let reason =
            format!("may post, but no [[sender]] has the account {:?}: its warnings would be parked", token.name);
        faults.require(known, format!("http.token[{i}].rights"), &reason);
    }
}
