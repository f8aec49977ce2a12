//! A store that can be taken down: it reads on and writes nothing.

use futures::future::{BoxFuture, FutureExt};
use jiaoying::intake::FrontDesk;
use jiaoying::journal::*;
use jiaoying::model::{Command, Digest, StreamId, Timestamp};
use jiaoying::runtime::Orders;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub struct Flaky {
    pub inner: Arc<MemoryJournal>,
    pub down: Arc<AtomicBool>,
}

impl Flaky {
    fn refuses<T: Send + 'static>(&self) -> Option<BoxFuture<'static, Outcome<T>>> {
        let down = self.down.load(Ordering::Relaxed);
        down.then(|| async { Err(JournalError::Unavailable("down".into())) }.boxed())
    }
}

impl Journal for Flaky {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Outcome<Vec<Result<(), Conflict>>>> {
        self.refuses().unwrap_or_else(|| self.inner.commit(batch))
    }

    fn park(&self, parked: Parked) -> BoxFuture<'_, Outcome<bool>> {
        self.refuses().unwrap_or_else(|| self.inner.park(parked))
    }

    fn read(&self, stream: StreamId, from: u64, limit: usize) -> BoxFuture<'_, Outcome<Vec<Record>>> {
        self.inner.read(stream, from, limit)
    }

    fn streams(&self, prefix: String) -> BoxFuture<'_, Outcome<Vec<StreamId>>> {
        self.inner.streams(prefix)
    }

    fn inbox(&self, except: Vec<String>, limit: usize) -> BoxFuture<'_, Outcome<Vec<InboxItem>>> {
        self.inner.inbox(except, limit)
    }

    fn message(&self, sender: String, identifier: String) -> BoxFuture<'_, Outcome<Option<MessageRow>>> {
        self.inner.message(sender, identifier)
    }

    fn names(&self, identifier: String) -> BoxFuture<'_, Outcome<Vec<MessageName>>> {
        self.inner.names(identifier)
    }

    fn callouts(&self, select: SelectCallouts) -> BoxFuture<'_, Outcome<Vec<CalloutRow>>> {
        self.inner.callouts(select)
    }

    fn acquire(&self, cell: String, holder: String, ttl_ms: i64) -> BoxFuture<'_, Outcome<Option<Lease>>> {
        self.inner.acquire(cell, holder, ttl_ms)
    }

    fn holder(&self, cell: String) -> BoxFuture<'_, Outcome<Option<(Lease, String)>>> {
        self.inner.holder(cell)
    }

    fn release(&self, lease: Lease) -> BoxFuture<'_, Outcome<()>> {
        self.inner.release(lease)
    }

    fn blob(&self, digest: Digest) -> BoxFuture<'_, Outcome<Option<Blob>>> {
        self.inner.blob(digest)
    }

    fn salt(&self, subject: String) -> BoxFuture<'_, Outcome<Option<[u8; 32]>>> {
        self.inner.salt(subject)
    }

    fn erase(&self, subject: String) -> BoxFuture<'_, Outcome<()>> {
        self.inner.erase(subject)
    }

    fn parked(&self, limit: usize) -> BoxFuture<'_, Outcome<Vec<Parked>>> {
        self.inner.parked(limit)
    }

    fn put_directory(&self, published: bool, at: Timestamp, chunks: Vec<Vec<u8>>) -> BoxFuture<'_, Outcome<u64>> {
        self.inner.put_directory(published, at, chunks)
    }

    fn publish_directory(&self, version: u64) -> BoxFuture<'_, Outcome<()>> {
        self.inner.publish_directory(version)
    }

    fn directory(&self, version: Option<u64>) -> BoxFuture<'_, Outcome<Option<DirectoryVersion>>> {
        self.inner.directory(version)
    }

    fn cursors(&self, follower: String) -> BoxFuture<'_, Outcome<Vec<(StreamId, u64)>>> {
        self.inner.cursors(follower)
    }

    fn set_cursors(&self, follower: String, cursors: Vec<(StreamId, u64)>) -> BoxFuture<'_, Outcome<()>> {
        self.inner.set_cursors(follower, cursors)
    }
}

/// Items of an inbox, each message as the order that its callout takes.
pub async fn resolved(desk: &FrontDesk, items: Vec<InboxItem>) -> Vec<InboxItem> {
    let mut all = Vec::new();
    for mut item in items {
        if let Command::Message(at) = &item.command {
            let order = desk.order(at.clone()).await.unwrap();
            item.command = Command::Apply(Box::new(order.unwrap()));
        }
        all.push(item);
    }
    all
}
