//! What a call of Twilio's says and asks, as TwiML.

use super::request::form;
use crate::model::Speech;
use quick_xml::escape::escape;
use std::fmt::Write;

/// Characters that Twilio takes in one request.
const CHARS_MAX: usize = 4_000;
/// Seconds after the last word in which a key may be pressed.
const KEY_TIMEOUT_S: u8 = 5;
/// How often a caller is kept waiting for an answer to be durable.
pub(super) const TRIES_MAX: u8 = 5;

/// What the answer to a key needs beside what became of it; it travels in the address that the key is posted to.
pub(super) struct Call {
    /// The address of the callbacks of the attempt, with its query.
    pub(super) action: String,
    /// BCP 47 tag of the words.
    pub(super) language: String,
    /// After a key that means nothing.
    pub(super) wrong_key: String,
    /// Last.
    pub(super) closing: String,
}

// === impl Call ===

impl Call {
    /// The script: the opening; then text and prompt so often, keys taken at any time; then what is said without a key.
    ///
    /// # Errors
    /// Longer than Twilio takes, even when said once.
    pub(super) fn script(&self, speech: &Speech) -> Result<String, String> {
        let chars = |text: &String| text.chars().count();
        let scripts = (1..=speech.repeats.max(1)).rev().map(|repeats| self.said(speech, repeats));
        let shortest = scripts.into_iter().find(|script| chars(script) <= CHARS_MAX);
        shortest.ok_or_else(|| format!("the script is longer than {CHARS_MAX} characters"))
    }

    fn said(&self, speech: &Speech, repeats: u8) -> String {
        let mut once = String::new();
        // Twilio plays what it can fetch; a name that another gateway knows is no address.
        match speech.recording.as_deref().filter(|r| r.starts_with("https://") || r.starts_with("http://")) {
            Some(recording) => _ = write!(once, "<Play>{}</Play>", escape(recording)),
            None => once.push_str(&self.say(&speech.text)),
        }
        once.push_str(&self.say(&speech.prompt));
        let pause = format!("<Pause length=\"{}\"/>", speech.pause_s.max(1));
        let all = vec![once; usize::from(repeats)].join(&pause);
        let asked = self.gather(&all, speech.pause_s.max(KEY_TIMEOUT_S));
        let said = [self.say(&speech.opening), asked, self.say(&speech.no_key), self.say(&speech.closing)];
        response(&said.concat())
    }

    /// What is said after a key, and how another can be pressed: what was recorded, or that the key means nothing.
    pub(super) fn after_key(&self, words: &str) -> String {
        let said = if words.is_empty() { &self.wrong_key } else { words };
        response(&[self.gather(&self.say(said), KEY_TIMEOUT_S), self.say(&self.closing)].concat())
    }

    /// Nothing could be recorded yet: the same keys come again a little later, while the person stays on the line.
    pub(super) fn wait(&self, digits: &str, tries: u8) -> String {
        let again = form([("digits", digits), ("tries", &tries.to_string())]);
        let address = format!("{}&{again}", self.address());
        response(&format!("<Pause length=\"2\"/><Redirect method=\"POST\">{}</Redirect>", escape(&address)))
    }

    fn address(&self) -> String {
        let rest = form([("ask", "1"), ("lang", &self.language), ("wrong", &self.wrong_key), ("end", &self.closing)]);
        format!("{}&{rest}", self.action)
    }

    fn gather(&self, what: &str, timeout_s: u8) -> String {
        let action = self.address();
        format!(
            "<Gather input=\"dtmf\" numDigits=\"1\" timeout=\"{timeout_s}\" method=\"POST\" action=\"{}\">{what}</Gather>",
            escape(&action)
        )
    }

    fn say(&self, words: &str) -> String {
        if words.trim().is_empty() {
            return String::new();
        }
        // What XML cannot hold would end the call.
        let plain: String = words.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
        format!("<Say language=\"{}\">{}</Say>", escape(&self.language), escape(&plain))
    }
}

/// A whole document around verbs.
pub(super) fn response(verbs: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>")
}
