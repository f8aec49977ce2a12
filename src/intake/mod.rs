//! Intake: formats (pure parsers) and doors (AMQP, HTTP) that hand what they got to the desk.
//!
//! - **Here:** what a door hands over, and the receipt it gives back; the desk that decides what becomes of
//!   a document; who may post what; the stream of a warning; the orders that a message is, also of one that was
//!   taken in before (`resolve`); hazard reports from below
//!   (`reports`); drills, posted by themselves at their times.
//! - **Not here:** calling (`runtime`), the words of people (`runtime::replies`).
//! - **Depends on:** `model`, `directory`, `plan`, `journal`, `runtime`.
//! - **Promises:** a receipt is given only after the message, or its parking, is durable; the same
//!   document by any door gives the same receipt; bad content is parked, never lost, never requeued.

pub mod amqp;
mod case;
mod desk;
mod drill;
pub mod formats;
mod lineage;
mod names;
pub mod reports;
mod resolve;
mod schedule;
mod senders;
mod warning;

pub use desk::FrontDesk;
pub use lineage::{Standing, Taken};
pub use resolve::Recent;
pub use schedule::{DRILL_ACCOUNT, DrillSchedule, DrillTime, MonthDay, post_drills, run_drills, unposted_drills};
pub use senders::{Sender, Senders};
pub use warning::{CoveredRegion, Effect, WarningEntry, WarningEvent, WarningState};

use crate::model::{Finding, WarningId};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// A document as a door received it.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The door: `amqp`, `http`, `schedule` or `report`.
    pub door: &'static str,
    /// Who posted it, as the broker or the token vouches: AMQP user id, or the token's name.
    pub account: Option<String>,
    /// The document.
    pub body: Vec<u8>,
}

/// What a poster gets back, on either door. The JSON form is part of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whether it is acted on.
    pub accepted: bool,
    /// Whether the same document was accepted, or parked, before; nothing happens twice.
    pub duplicate: bool,
    /// The message's identifier, when it could be read.
    pub identifier: Option<String>,
    /// The warning it belongs to.
    pub warning: Option<String>,
    /// Who is covered, per command region.
    pub cover: Vec<ReceiptCover>,
    /// Every fault found, also in accepted documents.
    pub findings: Vec<Finding>,
    /// Where the document is parked, when it was.
    pub parked: Option<String>,
}

/// What a receipt says about one command region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptCover {
    /// Region code.
    pub region: String,
    /// Its name.
    pub place: String,
    /// The callout.
    pub callout: String,
    /// Targets covered.
    pub targets: u32,
    /// Persons that can be called for them.
    pub persons: u32,
    /// Ground that nobody answers for.
    pub gaps: u32,
}

/// An operator says that a warning was a false alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// The warning.
    pub warning: WarningId,
    /// Who says so, as timelines name operators.
    pub operator: String,
    /// Why; kept sealed.
    pub reason: String,
}

/// What became of a retraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retracted {
    /// It goes to every callout of the warning.
    Done(Box<Receipt>),
    /// There is no such warning.
    Unknown,
    /// The warning is for no actual event: nobody was called.
    NotActual,
    /// The warning was cancelled or retracted before.
    Over,
}

/// The store is down: the door keeps the document and tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot take documents now: {0}")]
pub struct Unavailable(pub String);

/// Takes documents from doors.
pub trait Desk: Send + Sync {
    /// Takes one document. The answer means durable.
    fn post(&self, posted: Posted) -> BoxFuture<'_, Result<Receipt, Unavailable>>;

    /// Takes back a false alarm, in all its callouts. The answer means durable.
    fn retract(&self, retraction: Retraction) -> BoxFuture<'_, Result<Retracted, Unavailable>>;
}
