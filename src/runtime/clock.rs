//! The one place that reads the machine's clock.

use crate::model::Timestamp;

/// The host's clock, microseconds since the epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one legal clock")]
pub fn now() -> Timestamp {
    Timestamp(chrono::Utc::now().timestamp_micros())
}
