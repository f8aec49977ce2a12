//! What a vendor's API must tell of itself, and what reading any of them needs.

use super::request::Request;
use super::signer::Signer;
use crate::gateway::scrub::scrub;
use crate::gateway::{Outgoing, ReadBack};
use crate::model::{AttemptKey, Fact, Failure, Timestamp, cst};
use axum::response::Response;
use chrono::{NaiveDateTime, TimeZone};
use serde_json::Value;

/// Characters of a reply that are kept.
const TEXT_MAX: usize = 2000;
/// How long a vendor is left alone that says "too fast" and not for how long, in milliseconds.
pub(super) const THROTTLED_MS: i64 = 1_000;

/// A vendor's API: pure functions around the one client.
pub(super) trait Dialect: Send + Sync {
    /// How its requests are signed.
    fn signer(&self) -> &Signer;

    /// The request that submits an attempt; else why it can be none.
    fn request(&self, attempt: &Outgoing, now: Timestamp) -> Result<Request, String>;

    /// What the answer says. `body` is what could be read of it.
    fn answer(&self, status: u16, body: &[u8]) -> Said;

    /// A signed request that calls nobody.
    fn probe(&self) -> Request;

    /// Whether the answer to the probe shows that requests are believed; else what is wrong.
    fn probed(&self, status: u16, body: &[u8]) -> Result<(), String>;

    /// The request that hangs up or withdraws what the vendor knows by this reference, where there is one.
    fn withdrawal(&self, _reference: &str) -> Option<Request> {
        None
    }

    /// Whether its callbacks name attempts by its own references.
    fn reports_by_reference(&self) -> bool {
        false
    }

    /// Whether a callback is the vendor's, as far as it signs them. The error is for the log.
    fn believes(&self, _callback: &Callback) -> Result<(), String> {
        Ok(())
    }

    /// What a callback tells; at most `max` events. The error is why nothing can be read of it.
    fn read(&self, callback: &Callback, max: usize) -> Result<Told, String>;

    /// What is answered when all that was read is durable.
    fn confirm(&self, callback: &Callback, said: &[ReadBack]) -> Response;

    /// What is answered when nothing was taken, where the vendor would not repeat a refused callback.
    fn postpone(&self, _callback: &Callback) -> Option<Response> {
        None
    }
}

/// What a vendor's answer says about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It has it, under this reference.
    Taken(Option<String>),
    /// It may have it.
    Unknown,
    /// It refused this attempt, and would take others.
    Failed(Failure, String),
    /// It takes nothing now.
    Down {
        /// Its words.
        detail: String,
        /// How long to leave it alone, when it asks for that.
        pause_ms: Option<i64>,
    },
}

/// A callback as it came in.
pub(super) struct Callback {
    /// Behind the host: path and query, as they were called.
    pub(super) target: String,
    /// The fields of the query.
    pub(super) query: Vec<(String, Vec<u8>)>,
    /// The fields of a form.
    pub(super) form: Vec<(String, Vec<u8>)>,
    /// The body.
    pub(super) body: Vec<u8>,
    /// The signature header.
    pub(super) signature: Option<String>,
}

/// What a callback tells.
#[derive(Default)]
pub(super) struct Told {
    pub(super) events: Vec<Event>,
    /// Why elements could not be read.
    pub(super) bad: Vec<String>,
}

/// One thing that a callback tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Of an attempt.
    Of { name: Name, what: What, at: Option<Timestamp> },
    /// A text came in.
    Text { from: String, text: String, extension: Option<String>, at: Option<Timestamp> },
}

/// How a vendor names an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// By our key, which travelled with the request.
    Key(AttemptKey),
    /// By its own reference.
    Reference(String),
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Fact(Fact),
    /// The keys that were pressed.
    Digits(String),
}

// === impl Said ===

impl Said {
    /// What an HTTP status says when the body has nothing better.
    pub(super) fn of_status(status: u16, detail: &str) -> Self {
        let detail = scrub(format!("HTTP {status} {detail}").trim());
        match status {
            // 407 and 3xx come from something in between.
            300..=399 | 401 | 403 | 404 | 407 | 408 | 429 | 503 => Self::Down { detail, pause_ms: None },
            400..=499 => Self::Failed(Failure::Refused, detail),
            _ => Self::Unknown,
        }
    }
}

// === impl Callback ===

impl Callback {
    /// A field of the query or the form as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let bytes = self.query.iter().chain(&self.form).find(|(n, _)| n == name).map(|(_, value)| value)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The key in the address that we gave the vendor.
    pub(super) fn key(&self) -> Result<Name, String> {
        let text = self.query.iter().find(|(name, _)| name == "key").map(|(_, value)| String::from_utf8_lossy(value));
        our_key(&text.unwrap_or_default()).map(Name::Key)
    }

    /// The elements of a JSON body: those of a list, or the one that there is.
    pub(super) fn elements(&self, max: usize) -> Result<Vec<Value>, String> {
        let elements = match serde_json::from_slice(&self.body).map_err(|e| format!("not JSON: {e}"))? {
            Value::Array(elements) => elements,
            one => vec![one],
        };
        let n = elements.len();
        if n > max { Err(format!("{n} events; at most {max} in one request")) } else { Ok(elements) }
    }
}

// === impl Told ===

impl Told {
    /// Adds what one element tells; a bad one spoils no other.
    pub(super) fn add(&mut self, read: Result<Vec<Event>, String>) {
        match read {
            Ok(events) => self.events.extend(events),
            Err(reason) => self.bad.push(reason),
        }
    }
}

// === impl Event ===

impl Event {
    pub(super) fn of(name: &Name, what: What, at: Option<Timestamp>) -> Self {
        Self::Of { name: name.clone(), what, at }
    }

    pub(super) fn reached(name: &Name, stage: crate::model::Stage, at: Option<Timestamp>) -> Self {
        Self::of(name, What::Fact(Fact::Reached { stage, reference: None }), at)
    }

    pub(super) fn failed(name: &Name, failure: Failure, detail: &str, at: Option<Timestamp>) -> Self {
        let detail = Some(scrub(detail.trim())).filter(|d| !d.is_empty());
        Self::of(name, What::Fact(Fact::Failed { failure, detail }), at)
    }

    /// A text from a number; an empty one is an answer too, of a kind.
    pub(super) fn text(
        from: &str,
        text: &str,
        extension: Option<String>,
        at: Option<Timestamp>,
    ) -> Result<Self, String> {
        let from = e164(from).ok_or("no number that a text can come from")?;
        Ok(Self::Text { from, text: text.chars().take(TEXT_MAX).collect(), extension, at })
    }
}

/// A key of ours that came back.
pub(super) fn our_key(text: &str) -> Result<AttemptKey, String> {
    AttemptKey::parse(text).filter(|_| text.len() <= 200).ok_or_else(|| "no key of ours".into())
}

/// The keys of a call.
pub(super) fn digits(text: &str) -> Result<String, String> {
    let ok = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b"*#".contains(&b));
    if ok { Ok(text.into()) } else { Err("keys that are not 1 to 32 of 0-9, * and #".into()) }
}

/// A member of an object as text; numbers and truth values too, because vendors write either.
pub(super) fn word(of: &Value, name: &str) -> Option<String> {
    match &of[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A reference of the vendor's.
pub(super) fn reference(of: &Value, name: &str) -> Result<Name, String> {
    let text = word(of, name).filter(|text| (1..=128).contains(&text.len()));
    text.map(Name::Reference).ok_or_else(|| format!("no {name}"))
}

/// A time of a Chinese vendor: `2026-07-01 04:18:09` in China Standard Time, or Unix seconds.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return (seconds > 0).then(|| Timestamp(seconds.saturating_mul(1_000_000)));
    }
    let local = NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S").ok()?;
    cst().from_local_datetime(&local).single().map(|at| Timestamp::from_chrono(&at))
}

/// A mainland number as its people write it; others with their country's code. Without plus.
pub(super) fn national(number: &str) -> &str {
    number.strip_prefix("+86").unwrap_or_else(|| number.trim_start_matches('+'))
}

/// A number as vendors write it (`13800000000`, `86138…`, `0086138…`, `+86138…`), in E.164.
pub(super) fn e164(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text);
    let good = (3..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let mobile = digits.len() == text.len() && digits.len() == 11 && digits.starts_with('1');
    good.then(|| if mobile { format!("+86{digits}") } else { format!("+{digits}") })
}

/// The digits behind the sender's number.
pub(super) fn extension(sent_to: &str, sender: Option<&str>) -> Option<String> {
    let extension = sent_to.strip_prefix(sender.unwrap_or_default()).unwrap_or(sent_to);
    Some(extension.to_owned()).filter(|e| (1..=20).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_out_and_come_back() {
        assert_eq!((national("+8613800000000"), national("+85290000000")), ("13800000000", "85290000000"));
        for text in ["13800000000", "8613800000000", "+8613800000000", "008613800000000", " +8613800000000"] {
            assert_eq!(e164(text).as_deref(), Some("+8613800000000"), "{text}");
        }
        assert_eq!(e164("85290000000").as_deref(), Some("+85290000000"));
        assert_eq!(e164("+15551234567").as_deref(), Some("+15551234567"));
        for text in ["", "+", "138 0000", "1e9", "１３８００００００００"] {
            assert_eq!(e164(text), None, "{text}");
        }
        assert_eq!(extension("95187123", Some("95187")).as_deref(), Some("123"));
        assert_eq!(extension("123", Some("95187")).as_deref(), Some("123"));
        assert_eq!(extension("95187", Some("95187")), None);
    }

    #[test]
    fn times_are_of_china() {
        let at = Timestamp::parse_iso("2026-07-01T04:18:09+08:00").unwrap();
        assert_eq!((time("2026-07-01 04:18:09"), time("1782850689")), (Some(at), Some(at)));
        assert_eq!((time("0"), time("soon"), time(&i64::MAX.to_string())), (None, None, Some(Timestamp(i64::MAX))));
    }
}
