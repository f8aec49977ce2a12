//! The journal in memory: for the simulator and for tests. Keeps every rule of the trait but durability.

use super::{
    Batch, Blob, CalloutRow, Conflict, DirectoryVersion, Group, InboxItem, Journal, JournalError, Lease, MessageName,
    MessageRow, Outcome, Parked, Record, SelectCallouts,
};
use crate::model::{Colour, Digest, StreamId, Timestamp};
use futures::future::{BoxFuture, FutureExt, ready};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A journal in memory. Time for leases is told by [`MemoryJournal::set_now`].
#[derive(Default)]
pub struct MemoryJournal {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    now: Timestamp,
    records: BTreeMap<StreamId, Vec<Record>>,
    inbox: BTreeMap<String, InboxItem>,
    messages: BTreeMap<(String, String), MessageRow>,
    names: BTreeMap<(String, String), MessageName>,
    callouts: BTreeMap<StreamId, CalloutRow>,
    leases: BTreeMap<String, (u64, Option<(String, Timestamp)>)>,
    blobs: BTreeMap<Digest, Blob>,
    salts: BTreeMap<String, [u8; 32]>,
    parked: BTreeMap<String, Parked>,
    directories: Vec<DirectoryVersion>,
    cursors: BTreeMap<(String, StreamId), u64>,
}

// === impl MemoryJournal ===

impl MemoryJournal {
    /// Tells the store what time it is.
    pub fn set_now(&self, now: Timestamp) {
        self.tables().now = now;
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<'a, T: Send + 'a>(&'a self, f: impl FnOnce(&mut Tables) -> Outcome<T>) -> BoxFuture<'a, Outcome<T>> {
        let out = f(&mut self.tables());
        ready(out).boxed()
    }
}

impl Tables {
    fn check_lease(&self, lease: &Lease) -> Outcome<()> {
        let held = self.leases.get(&lease.cell).map_or(0, |(epoch, _)| *epoch);
        if held == lease.epoch {
            return Ok(());
        }
        Err(JournalError::Fenced { cell: lease.cell.clone(), mine: lease.epoch, held })
    }

    fn store(&mut self, group: Group) -> Result<(), Conflict> {
        let mut ends: BTreeMap<&StreamId, u64> = BTreeMap::new();
        for r in &group.records {
            let end = ends
                .entry(&r.stream)
                .or_insert_with(|| self.records.get(&r.stream).and_then(|rs| rs.last()).map_or(0, Record::end));
            if r.first != *end {
                return Err(Conflict);
            }
            *end = r.end();
        }
        for name in &group.names {
            let known = self.names.get(&(name.identifier.clone(), name.sender.clone()));
            let agree = group.names.iter().filter(|n| (&n.identifier, &n.sender) == (&name.identifier, &name.sender));
            if known.into_iter().chain(agree).any(|n| n.warning != name.warning) {
                return Err(Conflict);
            }
        }
        if let Some(m) = &group.message {
            let key = (m.sender.clone(), m.identifier.clone());
            if self.messages.contains_key(&key) {
                return Err(Conflict);
            }
            self.messages.insert(key, m.clone());
        }
        for r in group.records {
            self.records.entry(r.stream.clone()).or_default().push(r);
        }
        for name in group.names {
            self.names.insert((name.identifier.clone(), name.sender.clone()), name);
        }
        for id in group.taken {
            self.inbox.remove(&id);
        }
        for item in group.posts {
            self.inbox.entry(item.id.clone()).or_insert(item);
        }
        for row in group.callouts {
            self.callouts.insert(row.stream.clone(), row);
        }
        for blob in group.blobs {
            self.blobs.entry(blob.digest).or_insert(blob);
        }
        for s in group.salts {
            self.salts.entry(s.subject).or_insert(s.salt);
        }
        Ok(())
    }
}

impl Journal for MemoryJournal {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Outcome<Vec<Result<(), Conflict>>>> {
        self.answer(|t| {
            if let Some(lease) = &batch.lease {
                t.check_lease(lease)?;
            }
            Ok(batch.groups.into_iter().map(|g| t.store(g)).collect())
        })
    }

    fn read(&self, stream: StreamId, from: u64, limit: usize) -> BoxFuture<'_, Outcome<Vec<Record>>> {
        self.answer(|t| {
            let records = t.records.get(&stream).map_or(&[][..], |rs| rs);
            Ok(records.iter().filter(|r| r.end() > from).take(limit).cloned().collect())
        })
    }

    fn streams(&self, prefix: String) -> BoxFuture<'_, Outcome<Vec<StreamId>>> {
        self.answer(|t| Ok(t.records.keys().filter(|s| s.as_str().starts_with(&prefix)).cloned().collect()))
    }

    fn inbox(&self, except: Vec<String>, limit: usize) -> BoxFuture<'_, Outcome<Vec<InboxItem>>> {
        self.answer(|t| {
            let mut gravest: BTreeMap<&StreamId, Colour> = BTreeMap::new();
            for i in t.inbox.values() {
                let colour = gravest.entry(&i.stream).or_insert(i.colour);
                *colour = i.colour.max(*colour);
            }
            let mut items: Vec<_> = t.inbox.values().filter(|i| !except.contains(&i.id)).cloned().collect();
            items.sort_by_cached_key(|i| (Reverse(gravest.get(&i.stream).copied()), i.posted_at, i.id.clone()));
            items.truncate(limit);
            Ok(items)
        })
    }

    fn message(&self, sender: String, identifier: String) -> BoxFuture<'_, Outcome<Option<MessageRow>>> {
        self.answer(|t| Ok(t.messages.get(&(sender, identifier)).cloned()))
    }

    fn names(&self, identifier: String) -> BoxFuture<'_, Outcome<Vec<MessageName>>> {
        self.answer(|t| Ok(t.names.values().filter(|n| n.identifier == identifier).cloned().collect()))
    }

    fn callouts(&self, select: SelectCallouts) -> BoxFuture<'_, Outcome<Vec<CalloutRow>>> {
        self.answer(|t| {
            let rows = t.callouts.values();
            Ok(match select {
                SelectCallouts::Open => rows.filter(|r| r.closed_at.is_none()).cloned().collect(),
                SelectCallouts::ClosedSince(at) => {
                    rows.filter(|r| r.closed_at.is_some_and(|c| c >= at)).cloned().collect()
                }
                SelectCallouts::Before { before, limit } => {
                    let mut rows: Vec<_> = rows.filter(|r| r.opened_at < before).cloned().collect();
                    rows.sort_by(|a, b| (b.opened_at, &a.stream).cmp(&(a.opened_at, &b.stream)));
                    rows.truncate(limit);
                    rows
                }
            })
        })
    }

    fn acquire(&self, cell: String, holder: String, ttl_ms: i64) -> BoxFuture<'_, Outcome<Option<Lease>>> {
        self.answer(|t| {
            let now = t.now;
            let (epoch, held) = t.leases.entry(cell.clone()).or_default();
            match held {
                Some((by, _)) if *by == holder => {}
                Some((_, until)) if *until > now => return Ok(None),
                _ => *epoch += 1,
            }
            *held = Some((holder, now.plus_ms(ttl_ms)));
            Ok(Some(Lease { cell, epoch: *epoch }))
        })
    }

    fn holder(&self, cell: String) -> BoxFuture<'_, Outcome<Option<(Lease, String)>>> {
        self.answer(|t| {
            let Some((epoch, Some((by, _)))) = t.leases.get(&cell) else { return Ok(None) };
            Ok(Some((Lease { cell, epoch: *epoch }, by.clone())))
        })
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Outcome<()>> {
        self.answer(|t| {
            if let Some((epoch, held)) = t.leases.get_mut(&lease.cell)
                && *epoch == lease.epoch
            {
                *held = None;
            }
            Ok(())
        })
    }

    fn blob(&self, digest: Digest) -> BoxFuture<'_, Outcome<Option<Blob>>> {
        self.answer(|t| Ok(t.blobs.get(&digest).cloned()))
    }

    fn salt(&self, subject: String) -> BoxFuture<'_, Outcome<Option<[u8; 32]>>> {
        self.answer(|t| Ok(t.salts.get(&subject).copied()))
    }

    fn erase(&self, subject: String) -> BoxFuture<'_, Outcome<()>> {
        self.answer(|t| {
            t.salts.remove(&subject);
            Ok(())
        })
    }

    fn park(&self, parked: Parked) -> BoxFuture<'_, Outcome<bool>> {
        self.answer(|t| {
            let new = !t.parked.contains_key(&parked.id);
            t.parked.entry(parked.id.clone()).or_insert(parked);
            Ok(new)
        })
    }

    fn parked(&self, limit: usize) -> BoxFuture<'_, Outcome<Vec<Parked>>> {
        self.answer(|t| {
            let mut rows: Vec<_> = t.parked.values().cloned().collect();
            rows.sort_by(|a, b| (b.at, &a.id).cmp(&(a.at, &b.id)));
            rows.truncate(limit);
            Ok(rows)
        })
    }

    fn put_directory(
        &self,
        published: bool,
        stored_at: Timestamp,
        chunks: Vec<Vec<u8>>,
    ) -> BoxFuture<'_, Outcome<u64>> {
        self.answer(|t| {
            let version = t.directories.len() as u64 + 1;
            t.directories.push(DirectoryVersion { version, published, stored_at, chunks });
            Ok(version)
        })
    }

    fn publish_directory(&self, version: u64) -> BoxFuture<'_, Outcome<()>> {
        self.answer(|t| match t.directories.iter_mut().find(|d| d.version == version) {
            Some(d) => {
                d.published = true;
                Ok(())
            }
            None => Err(JournalError::Damaged {
                place: format!("directory version {version}"),
                reason: "there is no such version".into(),
            }),
        })
    }

    fn directory(&self, version: Option<u64>) -> BoxFuture<'_, Outcome<Option<DirectoryVersion>>> {
        self.answer(|t| {
            Ok(t.directories.iter().rev().find(|d| version.map_or(d.published, |v| d.version == v)).cloned())
        })
    }

    fn cursors(&self, follower: String) -> BoxFuture<'_, Outcome<Vec<(StreamId, u64)>>> {
        self.answer(|t| {
            let mine = t.cursors.iter().filter(|((name, _), _)| *name == follower);
            Ok(mine.map(|((_, stream), next)| (stream.clone(), *next)).collect())
        })
    }

    fn set_cursors(&self, follower: String, cursors: Vec<(StreamId, u64)>) -> BoxFuture<'_, Outcome<()>> {
        self.answer(|t| {
            for (stream, next) in cursors {
                t.cursors.insert((follower.clone(), stream), next);
            }
            Ok(())
        })
    }
}
