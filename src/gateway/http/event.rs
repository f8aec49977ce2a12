//! From the events of a callback to upcalls.
//!
//! What a person did must not be lost over a formality: a field that drives nothing (`at`, the key of
//! a reply) is left out with a note when it cannot be read; the event is taken all the same.

use super::answer::failure;
use crate::gateway::Upcall;
use crate::gateway::scrub::scrub;
use crate::model::{AttemptKey, Fact, Failure, Stage, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// Characters of a reply that are kept.
const TEXT_MAX: usize = 2000;

/// The events of one callback, sorted.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) good: Vec<Upcall>,
    pub(super) refused: Vec<Note>,
    pub(super) noted: Vec<Note>,
}

/// A remark about one event.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Note {
    /// Its place in the list, from 0.
    pub(super) index: usize,
    /// Field and fault.
    pub(super) reason: String,
}

/// Reads a body: one event or a list of events.
///
/// # Errors
/// Why it is not JSON, or holds more than `max` events.
pub(super) fn parse(body: &[u8], max: usize) -> Result<Parsed, String> {
    let events = match serde_json::from_slice(body).map_err(|e| format!("not JSON: {e}"))? {
        Value::Array(events) => events,
        event => vec![event],
    };
    if events.len() > max {
        return Err(format!("{} events; at most {max} in one request", events.len()));
    }
    let mut parsed = Parsed::default();
    for (index, event) in events.iter().enumerate() {
        let mut notes = Vec::new();
        match upcall(event, &mut notes) {
            Ok(upcall) => {
                parsed.good.push(upcall);
                parsed.noted.extend(notes.into_iter().map(|reason| Note { index, reason }));
            }
            Err(reason) => parsed.refused.push(Note { index, reason }),
        }
    }
    Ok(parsed)
}

fn upcall(event: &Value, notes: &mut Vec<String>) -> Result<Upcall, String> {
    if !event.is_object() {
        return Err("an event is an object".into());
    }
    let kind = text(event, "type")?;
    let reported_at = reported_at(event, notes);
    let stage = |stage| {
        let reference = event["reference"].as_str().filter(|r| !r.is_empty() && r.len() <= 128);
        Fact::Reached { stage, reference: reference.map(str::to_owned) }
    };
    let fact = match kind {
        "submitted" => stage(Stage::Submitted),
        "delivered" => stage(Stage::Delivered),
        "picked_up" => stage(Stage::PickedUp),
        "heard" => stage(Stage::Heard),
        "ended" => Fact::Ended,
        "failed" => {
            let reason = event["reason"].as_str();
            let failure = reason.and_then(failure).unwrap_or(Failure::Undelivered);
            Fact::Failed { failure, detail: reason.map(scrub) }
        }
        "key" => return Ok(Upcall::Key { key: key(event)?, digits: digits(event)?, reported_at }),
        "reply" => return reply(event, reported_at, notes),
        other => {
            let known = "submitted, delivered, picked_up, heard, ended, failed, key or reply";
            return Err(format!("type: {:?} is unknown; wants {known}", scrub(other)));
        }
    };
    Ok(Upcall::Report { key: key(event)?, fact, reported_at })
}

fn reply(event: &Value, reported_at: Option<Timestamp>, notes: &mut Vec<String>) -> Result<Upcall, String> {
    let from = text(event, "from")?;
    let number = from.strip_prefix('+').unwrap_or(from);
    if !(3..=20).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err("from: wants an E.164 number such as +8613800000000".into());
    }
    // An empty text is an answer too, of a kind; the core decides.
    let words = event["text"].as_str().ok_or("text: wants a text")?;
    if words.chars().count() > TEXT_MAX {
        notes.push(format!("text: cut to {TEXT_MAX} characters"));
    }
    let key = if event["key"].is_null() { None } else { key(event).map_err(|e| notes.push(e)).ok() };
    Ok(Upcall::Text {
        from: from.into(),
        text: words.chars().take(TEXT_MAX).collect(),
        key,
        extension: None,
        reported_at,
    })
}

fn reported_at(event: &Value, notes: &mut Vec<String>) -> Option<Timestamp> {
    let at = &event["at"];
    if at.is_null() {
        return None;
    }
    let parsed = at.as_str().and_then(|at| Timestamp::parse_iso(at).ok());
    if parsed.is_none() {
        notes.push("at: left out, wants a time with an offset such as 2026-07-01T04:18:00+08:00".into());
    }
    parsed
}

fn key(event: &Value) -> Result<AttemptKey, String> {
    let text = text(event, "key")?;
    AttemptKey::parse(text).filter(|_| text.len() <= 200).ok_or_else(|| "key: not a key of ours".into())
}

fn digits(event: &Value) -> Result<String, String> {
    let digits = text(event, "digits")?;
    let ok = (1..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit() || b"*#".contains(&b));
    if ok { Ok(digits.into()) } else { Err("digits: wants 1 to 32 of 0-9, * and #".into()) }
}

fn text<'a>(event: &'a Value, field: &str) -> Result<&'a str, String> {
    event[field].as_str().ok_or_else(|| format!("{field}: wants a text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bad_events_spoil_no_good_ones_and_are_named() {
        let body = json!([
            {"type": "failed", "key": "533300-ab.1", "reason": "busy"},
            {"type": "failed", "key": "533300-ab.1", "reason": "13800138000 is off"},
            {"type": "key", "key": "533300-ab.1", "digits": "1", "at": "yesterday"},
            {"type": "key", "key": "533300-ab.1", "digits": "one"},
            {"type": "key", "key": "nonsense", "digits": "1"},
            {"type": "reply", "from": "+8613800138000", "text": "收到", "key": "nonsense"},
            {"type": "exploded", "key": "533300-ab.1"},
            7,
        ]);
        let parsed = parse(body.to_string().as_bytes(), 10).unwrap();
        assert_eq!(parsed.good.len(), 4);
        assert!(matches!(&parsed.good[0], Upcall::Report { fact: Fact::Failed { failure: Failure::Busy, .. }, .. }));
        let masked = Fact::Failed { failure: Failure::Undelivered, detail: Some("*** is off".into()) };
        assert!(matches!(&parsed.good[1], Upcall::Report { fact, .. } if *fact == masked));
        assert!(matches!(&parsed.good[3], Upcall::Text { key: None, .. }));
        let places = |notes: &[Note]| -> Vec<_> {
            notes.iter().map(|n| (n.index, n.reason.split(':').next().unwrap().to_owned())).collect()
        };
        assert_eq!(places(&parsed.noted), [(2, "at".into()), (5, "key".into())]);
        let refused = places(&parsed.refused);
        assert_eq!(refused[..3], [(3, "digits".into()), (4, "key".into()), (6, "type".into())]);
        assert_eq!(refused[3].0, 7);
    }

    #[test]
    fn too_many_events_and_no_json_are_refused_whole() {
        assert!(parse(b"[1,2,3]", 2).is_err());
        assert!(parse(b"[1,", 2).is_err());
    }
}
