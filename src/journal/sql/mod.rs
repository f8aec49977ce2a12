//! What the two SQL stores have in common.
//!
//! - **Here:** the statements that read the same in both dialects, rows and their check, a batch laid
//!   flat, the halving of a batch in conflict, and the task that shields a write.
//! - **Not here:** connections, and statements of one dialect (`sqlite`, `postgres`).
//! - **Depends on:** the types of `journal`.
//! - **Promises:** a row that breaks a rule is reported as damage with its place, never repaired in silence.

mod flat;
mod rows;
pub(super) mod statements;
mod task;

pub(super) use flat::Flat;
pub(super) use rows::*;
pub(super) use task::{Fault, by_halves, detached};

use super::{JournalError, Outcome};

/// A number as the databases store it. What is too large becomes the largest, which no row reaches.
pub(super) fn int(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

/// JSON text of what is stored beside the records.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Outcome<String> {
    serde_json::to_string(value)
        .map_err(|e| JournalError::Damaged { place: "a value to be stored".into(), reason: e.to_string() })
}

/// What stands behind every text that begins with `prefix`: no character comes after the last one.
pub(super) fn beyond(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}
