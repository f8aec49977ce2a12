//! Rows as the databases hold them, and their check on the way out.

use crate::journal::{
    Blob, CalloutRow, DirectoryVersion, InboxItem, JournalError, Lease, MessageName, MessageRow, Outcome, Parked,
    Record,
};
use crate::model::{Colour, Digest, StreamId, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::FromRow;

/// A row of `record`.
#[derive(FromRow)]
pub(in crate::journal) struct RecordSql {
    stream: String,
    first_seq: i64,
    count: i64,
    recorded_at: i64,
    version: i32,
    body: Vec<u8>,
    prev: Vec<u8>,
    hash: Vec<u8>,
}

/// A row of `inbox`.
#[derive(FromRow)]
pub(in crate::journal) struct InboxSql {
    id: String,
    stream: String,
    colour: i16,
    posted_at: i64,
    command: String,
}

/// A row of `message`.
#[derive(FromRow)]
pub(in crate::journal) struct MessageSql {
    sender: String,
    identifier: String,
    warning: String,
    digest: Vec<u8>,
}

/// A row of `message_name`.
#[derive(FromRow)]
pub(in crate::journal) struct NameSql {
    identifier: String,
    sender: String,
    warning: String,
}

/// A row of `callout`.
#[derive(FromRow)]
pub(in crate::journal) struct CalloutSql {
    stream: String,
    warning: String,
    region: String,
    colour: i16,
    opened_at: i64,
    closed_at: Option<i64>,
}

/// A row of `blob`.
#[derive(FromRow)]
pub(in crate::journal) struct BlobSql {
    digest: Vec<u8>,
    subject: String,
    sealed: Vec<u8>,
}

/// A row of `parked`.
#[derive(FromRow)]
pub(in crate::journal) struct ParkedSql {
    id: String,
    at: i64,
    door: String,
    account: Option<String>,
    findings: String,
    #[sqlx(flatten)]
    raw: BlobSql,
}

/// A row of `directory`.
#[derive(FromRow)]
pub(in crate::journal) struct DirectorySql {
    pub(in crate::journal) version: i64,
    published: bool,
    stored_at: i64,
}

/// Turns rows into what they stand for; the first damaged one is an error.
pub(in crate::journal) fn checked<R, T: TryFrom<R, Error = JournalError>>(rows: Vec<R>) -> Outcome<Vec<T>> {
    rows.into_iter().map(T::try_from).collect()
}

/// The number of a colour in the databases: 0 blue to 3 red, so that they sort by it.
pub(in crate::journal) fn colour_number(colour: Colour) -> i16 {
    colour as i16
}

/// A salt: 32 bytes.
pub(in crate::journal) fn salt(bytes: Vec<u8>) -> Outcome<[u8; 32]> {
    bytes.try_into().map_err(|_| damaged("salt", "a salt is 32 bytes"))
}

/// How far a follower has come.
pub(in crate::journal) fn cursor((stream, next): (String, i64)) -> Outcome<(StreamId, u64)> {
    let next = natural(&format!("the cursor in {stream}"), next)?;
    Ok((stream.into(), next))
}

/// The lease of a cell and who holds it.
pub(in crate::journal) fn held(row: Option<(i64, String)>, cell: String) -> Outcome<Option<(Lease, String)>> {
    let Some((epoch, by)) = row else { return Ok(None) };
    Ok(Some((Lease { epoch: natural("lease", epoch)?, cell }, by)))
}

/// A count or sequence, which is never negative.
pub(in crate::journal) fn natural(place: &str, n: i64) -> Outcome<u64> {
    u64::try_from(n).map_err(|_| damaged(place, "a sequence is negative"))
}

/// The error of publishing a directory version that is not there.
pub(in crate::journal) fn no_directory(version: u64) -> JournalError {
    damaged(&format!("directory version {version}"), "there is no such version")
}

fn damaged(place: &str, reason: impl ToString) -> JournalError {
    JournalError::Damaged { place: place.into(), reason: reason.to_string() }
}

fn digest(place: &str, bytes: &[u8]) -> Outcome<Digest> {
    Digest::from_bytes(bytes).ok_or_else(|| damaged(place, "a digest is 32 bytes"))
}

/// Reads JSON. The parser's own words would quote what stands there, so only the column is told.
fn json<T: DeserializeOwned>(place: &str, text: &str) -> Outcome<T> {
    serde_json::from_str(text).map_err(|e| damaged(place, format!("its JSON does not parse at column {}", e.column())))
}

fn colour(place: &str, number: i16) -> Outcome<Colour> {
    let found = Colour::ALL.into_iter().find(|c| colour_number(*c) == number);
    found.ok_or_else(|| damaged(place, format!("there is no colour {number}")))
}

// === impl TryFrom ===

impl TryFrom<RecordSql> for Record {
    type Error = JournalError;

    fn try_from(r: RecordSql) -> Outcome<Self> {
        let place = format!("record {} {}", r.stream, r.first_seq);
        Ok(Self {
            first: natural(&place, r.first_seq)?,
            count: u32::try_from(r.count).map_err(|e| damaged(&place, e))?,
            recorded_at: Timestamp(r.recorded_at),
            version: u16::try_from(r.version).map_err(|e| damaged(&place, e))?,
            body: String::from_utf8(r.body).map_err(|e| damaged(&place, e.utf8_error()))?,
            prev: digest(&place, &r.prev)?,
            hash: digest(&place, &r.hash)?,
            stream: r.stream.into(),
        })
    }
}

impl TryFrom<InboxSql> for InboxItem {
    type Error = JournalError;

    fn try_from(r: InboxSql) -> Outcome<Self> {
        let place = format!("inbox {}", r.id);
        Ok(Self {
            colour: colour(&place, r.colour)?,
            command: json(&place, &r.command)?,
            id: r.id,
            stream: r.stream.into(),
            posted_at: Timestamp(r.posted_at),
        })
    }
}

impl TryFrom<MessageSql> for MessageRow {
    type Error = JournalError;

    fn try_from(r: MessageSql) -> Outcome<Self> {
        let digest = digest(&format!("message {} {}", r.sender, r.identifier), &r.digest)?;
        Ok(Self { sender: r.sender, identifier: r.identifier, warning: r.warning, digest })
    }
}

impl From<NameSql> for MessageName {
    fn from(r: NameSql) -> Self {
        Self { identifier: r.identifier, sender: r.sender, warning: r.warning }
    }
}

impl TryFrom<CalloutSql> for CalloutRow {
    type Error = JournalError;

    fn try_from(r: CalloutSql) -> Outcome<Self> {
        Ok(Self {
            colour: colour(&format!("callout {}", r.stream), r.colour)?,
            stream: r.stream.into(),
            warning: r.warning,
            region: r.region,
            opened_at: Timestamp(r.opened_at),
            closed_at: r.closed_at.map(Timestamp),
        })
    }
}

impl TryFrom<BlobSql> for Blob {
    type Error = JournalError;

    fn try_from(r: BlobSql) -> Outcome<Self> {
        Ok(Self { digest: digest(&format!("blob of {}", r.subject), &r.digest)?, subject: r.subject, sealed: r.sealed })
    }
}

impl TryFrom<ParkedSql> for Parked {
    type Error = JournalError;

    fn try_from(r: ParkedSql) -> Outcome<Self> {
        let findings = json(&format!("parked {}", r.id), &r.findings)?;
        let raw = r.raw.try_into()?;
        Ok(Self { id: r.id, at: Timestamp(r.at), door: r.door, account: r.account, findings, raw })
    }
}

// === impl DirectorySql ===

impl DirectorySql {
    /// The version with its chunks.
    pub(in crate::journal) fn with(self, chunks: Vec<Vec<u8>>) -> Outcome<DirectoryVersion> {
        Ok(DirectoryVersion {
            version: natural("directory", self.version)?,
            published: self.published,
            stored_at: Timestamp(self.stored_at),
            chunks,
        })
    }
}
