//! Evidence: what a timeline proves, without the engine that wrote it.
//!
//! - **Here:** a stored timeline read and verified ([`Timeline`]), the callout as it stood at any moment
//!   ([`replay_at`]), the one-file export and its offline proof ([`export`], [`verify`]), response
//!   figures ([`summary`]), how tiers and the moving of people stand ([`tiers`], [`moved`]), the yearly
//!   record of drills ([`read_drill_year`]).
//! - **Not here:** pages (`board`), the fold itself (`engine`), where timelines are kept (`journal`).
//! - **Depends on:** `model`, `engine`, `directory`, `journal`, `intake` (the stream of a hazard report).
//! - **Promises:** nothing is shown from a timeline whose chain does not hold; the replay at a moment is
//!   the fold of exactly the events recorded until then; a file that was altered anywhere does not verify.

mod drills;
mod export;
mod fits;
mod moves;
mod report;
mod retraction;
mod standing;
mod summary;
mod timeline;
mod verify;

pub use drills::{DrillPart, DrillPlace, DrillYear, read_drill_year};
pub use export::{EXPORT_FORMAT, EXPORT_VERSION, export, write_export};
pub use moves::{Moved, MovedByRegion, People, moved};
pub use report::{ReportTimeline, read_report, write_report_export};
pub use retraction::{Retraction, retraction};
pub use standing::{ClockStanding, TierStanding, WaitsFor, tiers};
pub use summary::{AnswerTimes, ClockTally, Summary, summary};
pub use timeline::{Around, EvidenceError, Numbered, Timeline, events, replay_at};
pub use verify::{Fault, Verified, verify};
