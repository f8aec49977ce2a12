//! The messages: commands to speakers as JSON, and what speakers tell.

use crate::gateway::Outgoing;
use crate::gateway::scrub::scrub;
use crate::model::{AttemptKey, Fact, Failure, Stage, Timestamp};
use serde::{Deserialize, Serialize};

/// A command to play.
#[derive(Serialize)]
struct Play<'a> {
    /// The attempt; a key that comes again is the same attempt.
    key: String,
    text: &'a str,
    language: &'a str,
    /// How often the text is said.
    repeat: u32,
    /// After this it must not begin to play.
    valid_until: String,
    drill: bool,
    colour: &'a str,
    /// A recording that is played instead of the text, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_url: Option<&'a str>,
}

/// A command to stop: what plays ends, what waits is dropped.
#[derive(Serialize)]
struct Cancel {
    cancel: String,
}

/// What a speaker says about a command.
#[derive(Debug, PartialEq, Eq)]
pub struct SpeakerState {
    /// The attempt.
    pub key: AttemptKey,
    /// What became of it.
    pub fact: Fact,
    /// When, by the speaker's clock; `None` when it does not say, or not readably.
    pub at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct StateIn {
    key: String,
    state: Word,
    reason: Option<String>,
    at: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Received,
    Playing,
    Played,
    Failed,
    Cancelled,
}

#[derive(Deserialize)]
struct StatusIn {
    status: String,
}

/// The payload that plays an attempt.
pub(super) fn play(attempt: &Outgoing, repeat: u32) -> Vec<u8> {
    to_json(&Play {
        key: attempt.key.to_string(),
        text: &attempt.text,
        language: &attempt.language,
        repeat,
        valid_until: attempt.valid_until.iso(),
        drill: attempt.drill,
        colour: attempt.colour,
        audio_url: attempt.speech.as_ref().and_then(|s| s.recording.as_deref()),
    })
}

/// The payload that stops an attempt.
pub(super) fn cancel(key: &AttemptKey) -> Vec<u8> {
    to_json(&Cancel { cancel: key.to_string() })
}

/// Reads `{"key": …, "state": "received|playing|played|failed|cancelled", "reason": …, "at": …}`.
///
/// # Errors
/// What is wrong with it, without its values.
pub fn read_state(payload: &[u8]) -> Result<SpeakerState, String> {
    let state: StateIn = serde_json::from_slice(payload).map_err(|e| scrub(&e.to_string()))?;
    let key = AttemptKey::parse(&state.key).filter(|_| state.key.len() <= 200).ok_or("key: not a key of ours")?;
    let reached = |stage| Fact::Reached { stage, reference: None };
    let reason = state.reason.as_deref().map(scrub);
    let fact = match state.state {
        Word::Received => reached(Stage::Delivered),
        Word::Playing => reached(Stage::PickedUp),
        Word::Played => reached(Stage::Heard),
        Word::Failed => Fact::Failed { failure: Failure::Undelivered, detail: reason },
        Word::Cancelled => Fact::Failed { failure: Failure::Withdrawn, detail: reason },
    };
    // A time that cannot be read drives nothing: what happened is kept all the same.
    Ok(SpeakerState { key, fact, at: state.at.and_then(|at| Timestamp::parse_iso(&at).ok()) })
}

/// Reads a status: `online` or `offline`, bare or as `{"status": …}`, in any case; `None` when it is neither.
/// True is online. An empty payload, which takes a retained status back, is neither.
#[must_use]
pub fn read_status(payload: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(payload).ok()?.trim();
    let word = match serde_json::from_str::<StatusIn>(text) {
        Ok(status) => status.status,
        Err(_) => text.trim_matches('"').to_owned(),
    };
    match word.to_ascii_lowercase().as_str() {
        "online" => Some(true),
        "offline" => Some(false),
        _ => None,
    }
}

#[expect(clippy::unwrap_used, reason = "text and numbers always serialise")]
fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(text: &str) -> Result<Fact, String> {
        read_state(text.as_bytes()).map(|s| s.fact)
    }

    #[test]
    fn every_word_of_a_speaker_has_its_fact() {
        let of = |word: &str| fact(&format!("{{\"key\": \"533324-ab.7\", \"state\": \"{word}\"}}"));
        let reached = |stage| Ok(Fact::Reached { stage, reference: None });
        assert_eq!(of("received"), reached(Stage::Delivered));
        assert_eq!(of("playing"), reached(Stage::PickedUp));
        assert_eq!(of("played"), reached(Stage::Heard));
        assert_eq!(of("cancelled"), Ok(Fact::Failed { failure: Failure::Withdrawn, detail: None }));
        assert!(of("exploded").is_err());
        let told =
            "{\"key\": \"533324-ab.7\", \"state\": \"failed\", \"reason\": \"amplifier 13800138000\", \"at\": 7}";
        assert!(fact(told).is_err(), "a time is a text");
        let told = told.replace("7}", "\"soon\"}");
        let detail = Some("amplifier ***".to_owned());
        assert_eq!(fact(&told), Ok(Fact::Failed { failure: Failure::Undelivered, detail }));
        assert!(fact("{\"key\": \"nonsense\", \"state\": \"played\"}").is_err());
    }

    #[test]
    fn a_status_is_a_word_or_an_object() {
        for online in ["online", "Online\n", "\"online\"", "{\"status\": \"ONLINE\"}"] {
            assert_eq!(read_status(online.as_bytes()), Some(true), "{online}");
        }
        assert_eq!(read_status(b"offline"), Some(false));
        for neither in [&b""[..], b"{}", b"on", &[0xff]] {
            assert_eq!(read_status(neither), None);
        }
    }
}
