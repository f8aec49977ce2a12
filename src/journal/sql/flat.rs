//! The groups of a batch laid flat: what remains to be written when they are stored at once.

use crate::journal::{Blob, CalloutRow, Group, InboxItem, MessageName, MessageRow, Record, Salt};
use crate::model::{Digest, StreamId};
use std::collections::BTreeMap;

/// Rows by table, each in the order of its key: transactions that lock rows in one order never
/// wait for each other in a circle.
pub(in crate::journal) struct Flat<'a> {
    pub(in crate::journal) records: Vec<&'a Record>,
    pub(in crate::journal) messages: Vec<&'a MessageRow>,
    pub(in crate::journal) names: Vec<&'a MessageName>,
    /// Items that leave the inbox; this goes before `posts`.
    pub(in crate::journal) taken: Vec<&'a str>,
    pub(in crate::journal) posts: Vec<&'a InboxItem>,
    pub(in crate::journal) callouts: Vec<&'a CalloutRow>,
    pub(in crate::journal) blobs: Vec<&'a Blob>,
    pub(in crate::journal) salts: Vec<&'a Salt>,
}

// === impl Flat ===

impl<'a> Flat<'a> {
    pub(in crate::journal) fn of(groups: &'a [Group]) -> Self {
        let mut records: Vec<&Record> = groups.iter().flat_map(|g| &g.records).collect();
        records.sort_by_key(|r| &r.stream);
        let mut messages: Vec<&MessageRow> = groups.iter().filter_map(|g| g.message.as_ref()).collect();
        messages.sort_by_key(|m| (&m.sender, &m.identifier));

        let mut names: Vec<&MessageName> = groups.iter().flat_map(|g| &g.names).collect();
        names.sort_by_key(|n| (&n.identifier, &n.sender, &n.warning));
        names.dedup();

        let mut taken: BTreeMap<&str, ()> = BTreeMap::new();
        let mut posts: BTreeMap<&str, &InboxItem> = BTreeMap::new();
        let mut callouts: BTreeMap<&StreamId, &CalloutRow> = BTreeMap::new();
        let mut blobs: BTreeMap<Digest, &Blob> = BTreeMap::new();
        let mut salts: BTreeMap<&str, &Salt> = BTreeMap::new();
        for group in groups {
            for id in &group.taken {
                taken.insert(id, ());
                posts.remove(id.as_str());
            }
            for item in &group.posts {
                posts.entry(&item.id).or_insert(item);
            }
            callouts.extend(group.callouts.iter().map(|row| (&row.stream, row)));
            for blob in &group.blobs {
                blobs.entry(blob.digest).or_insert(blob);
            }
            for salt in &group.salts {
                salts.entry(&salt.subject).or_insert(salt);
            }
        }
        Self {
            records,
            messages,
            names,
            taken: taken.into_keys().collect(),
            posts: posts.into_values().collect(),
            callouts: callouts.into_values().collect(),
            blobs: blobs.into_values().collect(),
            salts: salts.into_values().collect(),
        }
    }

    /// Where the records of each stream begin; `None` when those of one stream do not join.
    pub(in crate::journal) fn starts(&self) -> Option<Vec<(&'a str, u64)>> {
        let mut starts = Vec::new();
        let mut last: Option<&Record> = None;
        for r in &self.records {
            match last.filter(|l| l.stream == r.stream) {
                Some(l) if l.end() != r.first => return None,
                Some(_) => {}
                None => starts.push((r.stream.as_str(), r.first)),
            }
            last = Some(r);
        }
        Some(starts)
    }

    /// Whether no name leads to two warnings.
    pub(in crate::journal) fn names_agree(&self) -> bool {
        self.names.windows(2).all(|n| (&n[0].identifier, &n[0].sender) != (&n[1].identifier, &n[1].sender))
    }
}
