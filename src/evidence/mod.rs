//! Evidence: what a timeline proves, without the engine that wrote it.
//!
//! - **Here:** a stored timeline read and verified ([`Timeline`]), the callout as it stood at any moment
//!   ([`replay_at`]), the one-file export and its offline proof ([`export`], [`verify`]), response
//!   figures ([`summary`]).
//! - **Not here:** pages (`board`), the fold itself (`engine`), where timelines are kept (`journal`).
//! - **Depends on:** `model`, `engine`, `journal`.
//! - **Promises:** nothing is shown from a timeline whose chain does not hold; the replay at a moment is
//!   the fold of exactly the events recorded until then; a file that was altered anywhere does not verify.

mod export;
mod fits;
mod retraction;
mod summary;
mod timeline;
mod verify;

pub use export::{EXPORT_FORMAT, EXPORT_VERSION, export, write_export};
pub use retraction::{Retraction, retraction};
pub use summary::{AnswerTimes, ClockTally, Summary, summary};
pub use timeline::{Around, EvidenceError, Numbered, Timeline, events, replay_at};
pub use verify::{Fault, Verified, verify};
