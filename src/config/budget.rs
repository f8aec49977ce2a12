//! `[[carrier]]` and `[person_budget]`: what carriers carry and how often a person is called, beside the limits
//! of the gateways.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// A carrier, known by the beginning of its numbers, and what may go to it over all gateways together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    /// The name on pages and in metrics: lower-case letters, digits, - and _.
    pub name: String,
    /// Beginnings of its numbers, with the country's code; the longest that fits a number counts.
    pub prefixes: Vec<String>,
    /// Attempts a second, at most; without it there is no budget, and the carrier is only told apart.
    pub rate_per_s: Option<u32>,
    /// Attempts that may go at once after a pause.
    pub burst: Option<u32>,
    /// Whether the contract forbids more, whatever the colour.
    #[serde(default)]
    pub contract: bool,
    /// blue, yellow, orange or red: this colour and graver ones may exceed it.
    pub yields_to: Option<String>,
    /// Where the numbers come from.
    #[serde(default)]
    pub source: String,
}

/// How often one person is called, over all callouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonBudget {
    /// Attempts in an hour, at most.
    pub per_hour: Option<u32>,
    /// Attempts in 24 hours, at most.
    pub per_day: Option<u32>,
    /// blue, yellow, orange or red: this colour and graver ones may exceed it.
    pub yields_to: Option<String>,
    /// Where the numbers come from.
    #[serde(default)]
    pub source: String,
}

pub(super) fn check(carriers: &[Carrier], person: Option<&PersonBudget>, faults: &mut Faults) {
    for (i, carrier) in carriers.iter().enumerate() {
        let at = |key: &str| format!("carrier[{i}].{key}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let named = !carrier.name.is_empty() && carrier.name.chars().all(plain);
        faults.require(named, at("name"), "must be of lower-case letters, digits, - and _");
        let before = &carriers[..i];
        faults.require(!before.iter().any(|c| c.name == carrier.name), at("name"), "is that of another carrier");
        faults.require(!carrier.prefixes.is_empty(), at("prefixes"), "must name at least one beginning of numbers");
        for prefix in &carrier.prefixes {
            let digits = prefix.strip_prefix('+').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                faults.add(at("prefixes"), format!("{prefix:?} is no beginning of a number such as +86139"));
            }
            if before.iter().any(|c| c.prefixes.contains(prefix)) {
                faults.add(at("prefixes"), format!("{prefix:?} belongs to another carrier"));
            }
        }
        let given = [("rate_per_s", carrier.rate_per_s), ("burst", carrier.burst)];
        let numbers: Vec<_> = given.into_iter().filter_map(|(key, n)| Some((key, u64::from(n?)))).collect();
        faults.positive(&format!("carrier[{i}]"), &numbers);
        faults.require(numbers.len() != 1, at("burst"), "a budget has both rate_per_s and burst");
        let budget = numbers.len() == 2 || !(carrier.contract || carrier.yields_to.is_some());
        faults.require(budget, at("rate_per_s"), "is what contract and yields_to are about");
        colour(carrier.yields_to.as_deref(), at("yields_to"), faults);
        let yields = carrier.contract && carrier.yields_to.is_some();
        faults.require(!yields, at("yields_to"), "what a contract forbids yields to no colour");
    }
    if let Some(person) = person {
        let given = [("per_hour", person.per_hour), ("per_day", person.per_day)];
        faults.require(given.iter().any(|(_, n)| n.is_some()), "person_budget", "must give per_hour, per_day or both");
        let numbers: Vec<_> = given.into_iter().filter_map(|(key, n)| Some((key, u64::from(n?)))).collect();
        faults.positive("person_budget", &numbers);
        colour(person.yields_to.as_deref(), "person_budget.yields_to".into(), faults);
    }
}

fn colour(word: Option<&str>, key: String, faults: &mut Faults) {
    let known = word.is_none_or(|word| ["blue", "yellow", "orange", "red"].contains(&word));
    faults.require(known, key, "must be blue, yellow, orange or red");
}
