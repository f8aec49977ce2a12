//! Telemetry: metrics and the log.
//!
//! - **Here:** every metric of the process behind one type, and how log lines are written.
//! - **Not here:** what happened to a callout; that is its timeline (`journal`).
//! - **Depends on:** nothing of this crate. Usable by all.
//! - **Promises:** label values are names of enums or ids from the configuration, so the number of
//!   series is bounded; no phone number, name, word of a person or secret in a metric or a log line.
//!
//! The style of log lines: lower case, no full stop at the end, one fact a line, values as fields with
//! their unit in the name (`lag_ms`), a failure logged once, where it is handled. A number of a phone
//! that must be shown goes through `model::mask_number`.

mod logs;
mod metrics;
mod series;

pub use logs::{LogError, LogFormat, check_level, init};
pub use metrics::Metrics;
