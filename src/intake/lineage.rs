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

/// When a message that came at `at` counts as sent. A clock that runs far ahead must not keep what comes
/// later from being called.
pub(super) fn sent(message: &Message, at: Timestamp) -> Timestamp {
    message.sent.map_or(at, |sent| sent.min(at.plus_ms(SENT_AHEAD_MS_MAX)))
}

// === impl Taken ===

impl Taken<'_> {
    /// The order of messages within a warning. An Alert that names no other message is the first; between
    /// all others the time of sending decides. Bureaus stamp minutes: of one minute a Cancel is the last word,
    /// and of two others the one that refers to more messages, then the graver one is the later.
    fn rank(&self) -> (bool, Timestamp, bool, usize, Option<Colour>, String, Digest) {
        let m = self.message;
        let first = m.kind == MessageKind::Alert && m.references.is_empty();
        let cancel = m.kind == MessageKind::Cancel;
        (!first, sent(m, self.at), cancel, m.references.len(), m.colour, m.identifier.clone(), m.digest())
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

    /// When the warning was ended, by the clock of whoever ended it.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.is_cancelled().then(|| sent(self.message(), self.versions[0].at))
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
