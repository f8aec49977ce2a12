//! Hazard reports (险情报告): what people report from below, and what becomes of it.
//!
//! - **Here:** the stream of a report ([`Report`]), the desk that takes, accepts, dismisses and ends them
//!   ([`ReportDesk`]), the keyword that tells a report from an answer ([`Keywords`]) and the door of short
//!   messages ([`ReportDoor`]), the texts to reporters and duty officers, the task that does what is due.
//! - **Not here:** pages (`board`), what a warning does (`FrontDesk`).
//! - **Promises:** who is told that a report was taken, is told when it is durable; the same words of the same
//!   reporter are one report; a drill's report raises drills only, and nothing else makes a report a drill's;
//!   every report is told to duty officers while the directory has one who can be written to, and a reporter
//!   hears that they were told only when a gateway took it; what is due follows from the stream, and is done
//!   also after a crash.

mod check;
mod deeds;
mod desk;
mod document;
mod door;
mod end;
mod event;
mod keyword;
mod officers;
mod reporter;
mod rules;
mod shelf;
mod tell;

pub use check::WarningDraft;
pub use deeds::run_reports;
pub use desk::{Acted, Incoming, ReportDesk, Taken};
pub use door::ReportDoor;
pub use event::{
    Actor, LocalWarning, Report, ReportChannel, ReportEntry, ReportError, ReportEvent, Reported, Standing, TextPurpose,
    Texts,
};
pub use keyword::Keywords;
pub use rules::{REPORT_ACCOUNT, ReportRules};
pub use shelf::Shown;
