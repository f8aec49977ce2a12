//! What waits for the next flush, and what is in the one that flies.

use super::cell::Ticket;
use crate::journal::{Blob, CalloutRow, Group, InboxItem, Record, Salt};
use crate::model::{Callout, CalloutId, Colour, Command, Digest, Entry, Event, Timestamp};
use foldhash::fast::FixedState;
use std::cmp::Reverse;
use std::collections::HashMap;

/// A command with what hangs on it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What is asked.
    pub command: Command,
    /// Who waits for the commit.
    pub ticket: Option<Ticket>,
    /// The inbox item it came from.
    pub inbox: Option<String>,
    /// Blobs that its events name.
    pub blobs: Vec<Blob>,
}

/// What one callout wants to commit.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub entries: Vec<Entry>,
    pub asked: Vec<Asked>,
    pub posts: Vec<InboxItem>,
    pub salt: Option<Salt>,
    /// Since when something waits here.
    pub since: Timestamp,
}

/// A pending part that is being committed, with the head it makes.
#[derive(Debug)]
pub(super) struct Flying {
    pub callout: CalloutId,
    pub pending: Pending,
    pub first: u64,
    pub head: Head,
}

/// The committed end of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub next: u64,
    pub hash: Digest,
}

/// What waits for the next flush, most urgent first.
#[derive(Debug, Default)]
pub(super) struct Staging {
    pub pending: HashMap<CalloutId, Pending, FixedState>,
    pub flying: Vec<Flying>,
}

// === impl Staging ===

impl Staging {
    /// Whether anything of a callout is not committed yet.
    pub fn holds(&self, callout: &CalloutId) -> bool {
        self.pending.contains_key(callout) || self.flying.iter().any(|f| f.callout == *callout)
    }

    /// Inbox items taken in and not yet committed.
    pub fn inbox_ids(&self) -> impl Iterator<Item = &String> {
        let flying = self.flying.iter().map(|f| &f.pending);
        flying.chain(self.pending.values()).flat_map(|p| &p.asked).filter_map(|a| a.inbox.as_ref())
    }

    /// Callouts with something pending, in the order in which to flush them: drills last, red first, then the oldest.
    pub fn order(&self, colour: impl Fn(&CalloutId) -> Colour) -> Vec<CalloutId> {
        let mut order: Vec<_> =
            self.pending.iter().map(|(id, p)| (id.is_drill(), Reverse(colour(id)), p.since, id)).collect();
        order.sort();
        order.into_iter().map(|(.., id)| id.clone()).collect()
    }
}

/// The group that commits a pending part behind `head`; the second value is the head it makes.
pub(super) fn group(
    callout: &Callout,
    pending: &Pending,
    head: Head,
    now: Timestamp,
) -> Result<(Group, Head), serde_json::Error> {
    let records = Record::chain(&callout.id.stream(), head.next, head.hash, now, &pending.entries)?;
    let made = records.last().map_or(head, |r| Head { next: r.end(), hash: r.hash });
    let group = Group {
        callouts: catalogue(callout, &pending.entries).into_iter().collect(),
        taken: pending.asked.iter().filter_map(|a| a.inbox.clone()).collect(),
        posts: pending.posts.clone(),
        message: None,
        names: Vec::new(),
        blobs: pending.asked.iter().flat_map(|a| a.blobs.clone()).collect(),
        salts: pending.salt.clone().into_iter().collect(),
        records,
    };
    Ok((group, made))
}

/// The catalogue's row, when these events open, recolour or close the callout.
fn catalogue(callout: &Callout, entries: &[Entry]) -> Option<CalloutRow> {
    let touches = |e: &Entry| matches!(e.1, Event::Opened { .. } | Event::MessageApplied { .. } | Event::Closed { .. });
    let head = callout.head.as_ref().filter(|_| entries.iter().any(touches))?;
    let closed = entries.iter().find(|e| matches!(e.1, Event::Closed { .. })).map(|e| e.0);
    Some(CalloutRow {
        stream: callout.id.stream(),
        warning: head.warning.to_string(),
        region: head.region.to_string(),
        colour: head.colour,
        opened_at: head.opened_at,
        // What expired may have been extended by a later message.
        closed_at: callout.closed.map(|_| closed.unwrap_or(callout.recorded_at)),
    })
}
