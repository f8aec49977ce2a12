//! How a world treats the engine: what goes wrong, and how its carriers are.

use crate::dispatch::Budgets;
use std::ops::Range;

/// How often things go wrong, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A commit fails before anything is stored.
    pub commit_fails: u32,
    /// A commit is stored and its confirmation is lost.
    pub commit_unknown: u32,
    /// The engine dies around a commit.
    pub crash: u32,
    /// A gateway is down for a submit.
    pub gateway_down: u32,
    /// The wire dies during a submit.
    pub gateway_unknown: u32,
    /// An upcall comes twice.
    pub upcall_twice: u32,
    /// A message is delivered twice.
    pub message_twice: u32,
    /// A gateway dies for some minutes, at a submit.
    pub outage: u32,
}

/// The limits of every gateway of a world, and how slow they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Carriers {
    /// Attempts per second, as configured.
    pub rate_per_s: f64,
    /// Attempts submitted and not yet answered, at most.
    pub window: usize,
    /// Voice calls at once, at most.
    pub lines: usize,
    /// Milliseconds that a submit takes.
    pub answer_ms: Range<i64>,
    /// The budgets of carriers and persons.
    pub budgets: Budgets,
    /// The priority of a second gateway beside each, for the same channels; the first has 1.
    pub twins: Option<u32>,
}
