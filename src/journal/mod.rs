//! The journal: where timelines are stored, append-only.
//!
//! - **Here:** records and their hash chain, one store trait, its three stores (memory, SQLite,
//!   PostgreSQL), the engine's lease, the inbox of commands, sealed blobs, directory versions,
//!   and small catalogues that can be rebuilt from the records.
//! - **Not here:** what events mean (`engine`), when to write (`runtime`).
//! - **Depends on:** `model`.
//! - **Promises:** what [`Journal::commit`] says is stored, is stored durably and whole; a group of a
//!   batch is stored wholly or not at all; a stream never gets two records at one place; writes of an
//!   engine that lost its lease are refused. Futures may be dropped at any time: a write that began
//!   goes on to its end.

mod memory;
mod open;
mod postgres;
mod record;
mod sql;
mod sqlite;

pub use memory::MemoryJournal;
pub use open::open;
pub use record::{ChainError, EVENTS_PER_RECORD_MAX, FORMAT_VERSION, RECORD_BYTES_MAX, Record, verify_chain};

use crate::model::{Colour, Command, Digest, Finding, StreamId, Timestamp};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// What a store answers.
pub type Outcome<T> = Result<T, JournalError>;

/// Why the journal did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another engine holds the lease: this one must stop writing at once.
    #[error("the lease of cell {cell} is held under epoch {held}, not {mine}")]
    Fenced {
        /// The cell.
        cell: String,
        /// The epoch this engine writes under.
        mine: u64,
        /// The epoch in the store.
        held: u64,
    },
    /// The store cannot be reached, or whether a write took effect is not known.
    #[error("the journal is not available: {0}")]
    Unavailable(String),
    /// What was read breaks a rule that every write keeps.
    #[error("the journal is damaged at {place}: {reason}")]
    Damaged {
        /// Stream and sequence, or table and key.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

/// A group was not stored because the place of one of its records or its message's identity is taken, or
/// one of its names leads to another warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the place of a record, the identity of a message or a name is taken")]
pub struct Conflict;

/// What is written at once. Groups succeed or fail one by one; a failed lease check fails all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Who writes: an engine names its lease; doors and tools name none.
    pub lease: Option<Lease>,
    /// The groups, most urgent first.
    pub groups: Vec<Group>,
}

/// What is stored wholly or not at all: usually one stream's records and what goes with them.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Records, in order of sequence within a stream.
    pub records: Vec<Record>,
    /// Inbox items that these records take in; they leave the inbox.
    pub taken: Vec<String>,
    /// Items posted to the inbox; one whose id is already there is left as it is.
    pub posts: Vec<InboxItem>,
    /// A message whose identity is claimed.
    pub message: Option<MessageRow>,
    /// Identifiers that lead to a warning from now on.
    pub names: Vec<MessageName>,
    /// Catalogue rows of callouts, new or changed.
    pub callouts: Vec<CalloutRow>,
    /// Sealed blobs; one that is already there is left as it is.
    pub blobs: Vec<Blob>,
    /// Salts of subject keys; one that is already there is left as it is.
    pub salts: Vec<Salt>,
}

/// The right to be the one active engine of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The cell.
    pub cell: String,
    /// Rises by one with each change of holder.
    pub epoch: u64,
}

/// A command that waits for a callout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboxItem {
    /// Deterministic name: posting it twice posts it once.
    pub id: String,
    /// The callout's stream.
    pub stream: StreamId,
    /// How grave; see [`Journal::inbox`] for the order in which items are taken.
    pub colour: Colour,
    /// When it was posted.
    pub posted_at: Timestamp,
    /// The command.
    pub command: Command,
}

/// The identity of a message: (sender, identifier) is taken once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Who posted it.
    pub sender: String,
    /// The sender's name for it.
    pub identifier: String,
    /// The warning it belongs to.
    pub warning: String,
    /// Digest of the parsed content.
    pub digest: Digest,
}

/// An identifier that a message of a warning bears or refers to. It leads to one warning per sender,
/// also before the message of that name came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageName {
    /// The name.
    pub identifier: String,
    /// Whose.
    pub sender: String,
    /// The warning it leads to.
    pub warning: String,
}

/// A callout in the catalogue. Written when it opens and when it closes; rebuilt from its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalloutRow {
    /// Its stream.
    pub stream: StreamId,
    /// Its warning.
    pub warning: String,
    /// Its command region.
    pub region: String,
    /// Its colour.
    pub colour: Colour,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
}

/// Bytes sealed under a subject's key, named by their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Digest of `sealed`.
    pub digest: Digest,
    /// Whose key: `person/<id>`, a callout's name, `warning/<id>`.
    pub subject: String,
    /// Nonce and ciphertext.
    #[serde(with = "hex_bytes")]
    pub sealed: Vec<u8>,
}

/// The salt from which a subject's key is derived; deleting it erases what the subject's key sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt {
    /// The subject.
    pub subject: String,
    /// 32 random bytes.
    pub salt: [u8; 32],
}

/// A document that could not be acted on, kept for people to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Its name: the digest of door, account and raw bytes, hex.
    pub id: String,
    /// When it came.
    pub at: Timestamp,
    /// The door (`amqp`, `http`).
    pub door: String,
    /// The account it was posted under, when known.
    pub account: Option<String>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// The raw bytes, sealed under the subject `parked`.
    pub raw: Blob,
}

/// A version of the directory, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryVersion {
    /// Its number, from 1.
    pub version: u64,
    /// Whether it is in force or may come into force; a draft is not.
    pub published: bool,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Its encoded chunks.
    pub chunks: Vec<Vec<u8>>,
}

/// The store. All methods are safe to call from several tasks.
pub trait Journal: Send + Sync {
    /// Stores a batch in one transaction where possible. The inner results are one per group, in
    /// order; a group in conflict leaves the others stored, in several transactions, each of which
    /// checks the lease. [`JournalError::Unavailable`] leaves unknown whether anything was stored:
    /// the caller must read the heads again.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Outcome<Vec<Result<(), Conflict>>>>;

    /// The records of a stream that end at or after sequence `from` (0 is the first), in order,
    /// at most `limit`.
    fn read(&self, stream: StreamId, from: u64, limit: usize) -> BoxFuture<'_, Outcome<Vec<Record>>>;

    /// The streams that hold records and whose name begins with `prefix`, by name.
    fn streams(&self, prefix: String) -> BoxFuture<'_, Outcome<Vec<StreamId>>>;

    /// Items of the inbox whose id is not in `except`, at most `limit`: callouts by the gravest colour that
    /// waits for them, red first, then by time posted. So the items of one callout keep their order,
    /// whatever their colours, and whatever the limit cuts off.
    fn inbox(&self, except: Vec<String>, limit: usize) -> BoxFuture<'_, Outcome<Vec<InboxItem>>>;

    /// The message of an identity, if it was claimed.
    fn message(&self, sender: String, identifier: String) -> BoxFuture<'_, Outcome<Option<MessageRow>>>;

    /// The warnings that an identifier leads to, one per sender, by sender.
    fn names(&self, identifier: String) -> BoxFuture<'_, Outcome<Vec<MessageName>>>;

    /// Callouts of the catalogue: all open ones, or the `limit` opened last before `before`.
    fn callouts(&self, select: SelectCallouts) -> BoxFuture<'_, Outcome<Vec<CalloutRow>>>;

    /// Takes the lease of a cell, when nobody holds it or its time ran out by the store's clock.
    /// `None` when another holder's lease is still running. A holder that asks again renews.
    fn acquire(&self, cell: String, holder: String, ttl_ms: i64) -> BoxFuture<'_, Outcome<Option<Lease>>>;

    /// The lease of a cell as it is held now, or was until its time ran out, and by whom. `None` when
    /// nobody took it or it was given back.
    fn holder(&self, cell: String) -> BoxFuture<'_, Outcome<Option<(Lease, String)>>>;

    /// Gives the lease back, when it is still held under that epoch.
    fn release(&self, lease: Lease) -> BoxFuture<'_, Outcome<()>>;

    /// A sealed blob.
    fn blob(&self, digest: Digest) -> BoxFuture<'_, Outcome<Option<Blob>>>;

    /// The salt of a subject; `None` when it was never made or was erased.
    fn salt(&self, subject: String) -> BoxFuture<'_, Outcome<Option<[u8; 32]>>>;

    /// Deletes the salt of a subject: what its key sealed can no longer be opened.
    fn erase(&self, subject: String) -> BoxFuture<'_, Outcome<()>>;

    /// Keeps a document that could not be acted on. Parking the same one again changes nothing,
    /// and is told as `false`.
    fn park(&self, parked: Parked) -> BoxFuture<'_, Outcome<bool>>;

    /// Parked documents, newest first, at most `limit`.
    fn parked(&self, limit: usize) -> BoxFuture<'_, Outcome<Vec<Parked>>>;

    /// Stores a directory version under the next number and returns it.
    fn put_directory(&self, published: bool, stored_at: Timestamp, chunks: Vec<Vec<u8>>)
    -> BoxFuture<'_, Outcome<u64>>;

    /// Marks a stored version as published. Errors when there is no such version.
    fn publish_directory(&self, version: u64) -> BoxFuture<'_, Outcome<()>>;

    /// A directory version: the named one, or the last published.
    fn directory(&self, version: Option<u64>) -> BoxFuture<'_, Outcome<Option<DirectoryVersion>>>;

    /// How far a follower has come in a stream: the sequence it wants next. 0 when it never was there.
    fn cursors(&self, follower: String) -> BoxFuture<'_, Outcome<Vec<(StreamId, u64)>>>;

    /// Remembers how far a follower has come in some streams.
    fn set_cursors(&self, follower: String, cursors: Vec<(StreamId, u64)>) -> BoxFuture<'_, Outcome<()>>;
}

/// Which callouts to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectCallouts {
    /// All open ones, by stream name.
    Open,
    /// Those opened before a moment, newest first.
    Before {
        /// The moment.
        before: Timestamp,
        /// At most this many.
        limit: usize,
    },
    /// Those closed at or after a moment, by stream name.
    ClosedSince(Timestamp),
}

mod hex_bytes {
    //! Bytes as hex digits in JSON.
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}
