//! What a warning says now: a pure function of the set of its messages, whatever the order they came in.

use crate::model::{Colour, Digest, Message, MessageKind, Timestamp};
use std::cmp::Reverse;

/// The time of sending counts up to this far ahead of the arrival.
pub(super) const SENT_AHEAD_MS_MAX: i64 = 300_000;

/// A message as it was taken in.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// When; it stands in for the time of sending where a message names none.
    pub at: Timestamp,
    /// The account it was posted under.
    pub account: Option<&'a str>,
    /// The message.
    pub message: &'a Message,
}

/// What a warning says: its last message, and what earlier ones add where that says nothing.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// The message that applies; more than one when documents with its identifier contradict each other.
    pub versions: Vec<Taken<'a>>,
    /// When the hazard is expected to begin: as the last message that tells it says.
    pub onset: Option<Timestamp>,
    /// When the event happened: as the last message that tells it says.
    pub origin_time: Option<Timestamp>,
}

// === impl Taken ===

impl Taken<'_> {
    /// The order of messages within a warning. A Cancel is the last word, an Alert the first; between
    /// them the time of sending decides. Bureaus stamp minutes: of two Updates of one minute the one that
    /// refers to more messages, then the graver one is the later.
    fn rank(&self) -> (bool, bool, Timestamp, usize, Option<Colour>, String, Digest) {
        let m = self.message;
        let (cancel, first) = (m.kind == MessageKind::Cancel, m.kind == MessageKind::Alert);
        // A clock that runs far ahead must not keep what comes later from being called.
        let sent = m.sent.map_or(self.at, |sent| sent.min(self.at.plus_ms(SENT_AHEAD_MS_MAX)));
        (cancel, !first, sent, m.references.len(), m.colour, m.identifier.clone(), m.digest())
    }
}

// === impl Standing ===

impl<'a> Standing<'a> {
    /// What some messages of one warning say together; `None` when all of them ring nobody.
    #[must_use]
    pub fn of(messages: impl IntoIterator<Item = Taken<'a>>) -> Option<Self> {
        let mut all: Vec<_> = messages.into_iter().filter(|t| t.message.status.calls()).collect();
        all.sort_by_cached_key(|t| Reverse(t.rank()));
        let top = all.first()?.message;
        let same = |t: &&Taken<'a>| (&t.message.sender, &t.message.identifier) == (&top.sender, &top.identifier);
        let versions: Vec<_> = all.iter().filter(same).copied().collect();
        // Of versions that contradict each other the more urgent one counts.
        let told = |of: fn(&Message) -> Option<Timestamp>| {
            let now = versions.iter().filter_map(|t| of(t.message)).min();
            now.or_else(|| all.iter().find_map(|t| of(t.message)))
        };
        let (onset, origin_time) = (told(|m| m.onset), told(|m| m.origin_time));
        Some(Self { versions, onset, origin_time })
    }

    /// The message that applies.
    #[must_use]
    pub fn message(&self) -> &'a Message {
        self.versions[0].message
    }

    /// Whether the warning is over by its messages.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.message().kind == MessageKind::Cancel
    }

    /// The colour: the gravest of all versions.
    #[must_use]
    pub fn colour(&self) -> Option<Colour> {
        self.versions.iter().filter_map(|t| t.message.colour).max()
    }

    /// The end, when the message names one: the last of all versions.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let ends = self.versions.iter().map(|t| t.message.expires);
        ends.reduce(|a, b| Some(a?.max(b?))).flatten()
    }

    /// Whether it is of versions of one message.
    #[must_use]
    pub fn is_of(&self, message: &Message) -> bool {
        (&self.message().sender, &self.message().identifier) == (&message.sender, &message.identifier)
    }
}
