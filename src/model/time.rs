//! Time as the system stores it: integer microseconds since the Unix epoch, UTC.

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeZone, Timelike, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

// === impl Timestamp ===

impl Timestamp {
    /// The moment `ms` milliseconds later (earlier when negative); saturates at the ends of time.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1000)))
    }

    /// Microseconds from `earlier` to this moment; negative when `earlier` lies later.
    #[must_use]
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds from `earlier` to this moment, rounded towards zero.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.micros_since(earlier) / 1000
    }

    /// From a chrono moment of any zone; what is finer than a microsecond is dropped.
    #[must_use]
    pub fn from_chrono<Z: TimeZone>(at: &DateTime<Z>) -> Self {
        Self(at.timestamp_micros())
    }

    /// As a chrono moment in UTC. Moments beyond chrono's range become the epoch.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// As a chrono moment in China Standard Time (+08:00, no daylight saving).
    #[must_use]
    pub fn to_cst(self) -> DateTime<FixedOffset> {
        self.to_utc().with_timezone(&cst())
    }

    /// The minute of the day in China Standard Time, 0 to 1439.
    #[must_use]
    pub fn minute_of_day(self) -> u16 {
        let at = self.to_cst();
        (at.hour() * 60 + at.minute()) as u16
    }

    /// ISO 8601 with milliseconds and +08:00, the form of receipts, exports and pages.
    #[must_use]
    pub fn iso(self) -> String {
        self.to_cst().to_rfc3339_opts(SecondsFormat::Millis, false)
    }

    /// Parses ISO 8601 with an offset (`2026-07-01T04:18:00+08:00`), a blank instead of the T allowed.
    ///
    /// # Errors
    /// A sentence that names what is wrong with the text.
    pub fn parse_iso(text: &str) -> Result<Self, String> {
        let text = text.trim();
        DateTime::parse_from_rfc3339(text)
            .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%:z"))
            .map(|at| Self::from_chrono(&at))
            .map_err(|e| format!("not a time with an offset (such as 2026-07-01T04:18:00+08:00): {e}"))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso())
    }
}

/// China Standard Time, UTC+8.
#[must_use]
#[expect(clippy::unwrap_used, reason = "28800 s is inside chrono's range of offsets")]
pub fn cst() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_with_t_and_with_a_blank() {
        let a = Timestamp::parse_iso("2026-07-01T04:18:00+08:00").unwrap();
        let b = Timestamp::parse_iso("2026-07-01 04:18:00+08:00").unwrap();
        assert_eq!(a, b);
        assert_eq!(a.iso(), "2026-07-01T04:18:00.000+08:00");
        assert!(Timestamp::parse_iso("2026-07-01T04:18:00").is_err());
    }
}
