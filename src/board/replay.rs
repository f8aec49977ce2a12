//! The moment that a replay looks at.

use super::refusal::Refusal;
use crate::evidence::Timeline;
use crate::model::{Callout, Digest, Timestamp};

/// The replay's own part of the page.
pub(super) struct Replay {
    /// The moment.
    pub moment: String,
    /// Seconds since the callout was opened.
    pub offset: i64,
    /// Seconds from the opening to the last event.
    pub last: i64,
    /// Events until then.
    pub count: usize,
    /// The moment, for addresses.
    pub exact: String,
    pub earlier: Option<String>,
    pub later: Option<String>,
    /// SHA-256 of the canonical state, for comparison.
    pub digest: String,
}

/// The moment that `?at=` asks for.
///
/// # Errors
/// When it is no moment, or the callout had not been opened then.
pub(super) fn asked_moment(text: &str, timeline: &Timeline) -> Result<Timestamp, Refusal> {
    let opened = timeline.entries.first().map(|e| e.0).unwrap_or_default();
    let at = moment(text, opened).ok_or(Refusal::Unprocessable(
        "at 既不是带时区的时间，也不是秒数 / at is neither a time with offset nor seconds",
    ))?;
    if at < opened { Err(Refusal::NotOpened(opened)) } else { Ok(at) }
}

/// Reads `?at=`: an ISO 8601 time with offset, or seconds since the callout was opened.
fn moment(text: &str, opened: Timestamp) -> Option<Timestamp> {
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return seconds.is_finite().then(|| Timestamp(opened.0.saturating_add((seconds * 1e6) as i64)));
    }
    // An unescaped plus in an address arrives as a blank.
    let text = text.trim();
    let mended = match text.rfind(' ') {
        Some(i) if text.contains('T') => format!("{}+{}", &text[..i], &text[i + 1..]),
        _ => text.to_owned(),
    };
    Timestamp::parse_iso(&mended).ok()
}

// === impl Replay ===

impl Replay {
    pub(super) fn of(timeline: &Timeline, callout: &Callout, at: Timestamp) -> Self {
        let opened = timeline.entries.first().map_or(at, |e| e.0);
        let around = timeline.around(at);
        let end = timeline.entries.last().map_or(at, |e| e.0);
        Self {
            moment: super::view::exact_day(at),
            offset: at.ms_since(opened) / 1000,
            last: (end.ms_since(opened) + 999) / 1000,
            count: around.count,
            exact: exact(at),
            earlier: around.earlier.map(exact),
            later: around.later.map(exact),
            digest: Digest::of(&callout.canonical()).hex(),
        }
    }
}

/// A moment to the microsecond, in a form that needs no escaping in an address.
pub(super) fn exact(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
