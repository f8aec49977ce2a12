//! From the answer of a submit to one fact per attempt.

use crate::gateway::Outgoing;
use crate::gateway::scrub::{reference, scrub};
use crate::model::{Fact, Failure, Stage};
use reqwest::StatusCode;
use serde::Deserialize;
use std::collections::HashMap;

/// What came back: status and body, the body as far as it could be read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `None` when it was cut off or too long.
    pub(super) body: Option<Vec<u8>>,
}

/// The body of a good answer. Results are read one by one, so that a bad one spoils no other.
#[derive(Deserialize)]
struct Results {
    results: Vec<serde_json::Value>,
}

#[derive(Clone, PartialEq, Deserialize)]
struct ResultOf {
    key: String,
    status: Status,
    reference: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    retry: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Accepted,
    Rejected,
}

/// The body of a bad answer, when it has one.
#[derive(Default, Deserialize)]
struct Refusal {
    reason: Option<String>,
}

/// One fact per attempt, in order.
pub(super) fn facts(attempts: &[Outgoing], answer: &Answer, idempotent: bool) -> Vec<Fact> {
    let all = |fact: Fact| vec![fact; attempts.len()];
    let unknown = Fact::Unknown { resent: idempotent };
    match answer.status.as_u16() {
        200..=299 => each(attempts, answer, &unknown),
        // The gateway as a whole will not serve us now. Nothing was taken, and another gateway may serve.
        300..=399 | 401 | 403 | 404 | 408 | 429 | 503 => all(down(&detail(answer))),
        // The same keys are being worked on by an earlier request.
        409 => all(unknown),
        400..=499 => all(Fact::Failed { failure: Failure::Refused, detail: Some(detail(answer)) }),
        _ => all(unknown),
    }
}

/// Nothing was taken: the gateway is down, or asked to wait.
pub(super) fn down(detail: &str) -> Fact {
    Fact::Failed { failure: Failure::GatewayDown, detail: Some(detail.to_owned()) }
}

/// The failure that a gateway's reason names; its words are those of the model.
pub(super) fn failure(reason: &str) -> Option<Failure> {
    serde_json::from_value(serde_json::Value::from(reason)).ok()
}

fn each(attempts: &[Outgoing], answer: &Answer, unknown: &Fact) -> Vec<Fact> {
    let read = answer.body.as_deref().and_then(|body| serde_json::from_slice::<Results>(body).ok());
    let mut by_key: HashMap<String, Option<ResultOf>> = HashMap::new();
    for value in read.into_iter().flat_map(|r| r.results) {
        let Ok(result) = serde_json::from_value::<ResultOf>(value) else { continue };
        // Two results that contradict each other tell nothing.
        let entry = by_key.entry(result.key.clone()).or_insert_with(|| Some(result.clone()));
        if entry.as_ref() != Some(&result) {
            *entry = None;
        }
    }
    let fact = |a: &Outgoing| match by_key.get(&a.key.to_string()) {
        Some(Some(result)) => one(a, result),
        _ => unknown.clone(),
    };
    attempts.iter().map(fact).collect()
}

fn one(attempt: &Outgoing, result: &ResultOf) -> Fact {
    match result.status {
        Status::Accepted => Fact::Reached {
            stage: Stage::Submitted,
            reference: reference(&attempt.number, result.reference.as_deref()),
        },
        Status::Rejected => {
            let failure = if result.retry {
                Failure::GatewayDown
            } else {
                result.reason.as_deref().and_then(failure).unwrap_or(Failure::Refused)
            };
            Fact::Failed { failure, detail: result.reason.as_deref().map(scrub) }
        }
    }
}

fn detail(answer: &Answer) -> String {
    let refusal: Refusal =
        answer.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    match refusal.reason {
        Some(reason) => format!("HTTP {}: {}", answer.status.as_u16(), scrub(&reason)),
        None => format!("HTTP {}", answer.status.as_u16()),
    }
}
