//! Locks of gateways: a person takes one out of use, or into it again. Each is an event of the gateway's own stream
//! (`gateway/<id>`), so that it holds after a restart and tells who it was and why. The reason is sealed.

use super::upcalls::subject_key;
use crate::dispatch::Lock;
use crate::journal::{Batch, Blob, Group, Journal, JournalError, Lease, Outcome, Record, Salt, verify_chain};
use crate::model::{Digest, GatewayId, Sealed, SecretKey, StreamId, Timestamp};
use serde::{Deserialize, Serialize};

/// What the streams of gateways begin with.
const STREAM: &str = "gateway/";

/// What an operator does with a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockAct {
    /// Out of use, or into it again.
    pub locked: bool,
    /// The operator's sign-in name.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// An event of a gateway's stream with its moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LockEntry(Timestamp, LockEvent);

/// An event of a gateway's stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LockEvent {
    /// Taken out of use.
    Locked { by: String, reason: Digest },
    /// In use again.
    Unlocked { by: String, reason: Digest },
}

/// The gateways that are locked, as the journal has them. A stream that does not verify locks nothing, and keeps nobody
/// from being called.
pub(super) async fn read(journal: &dyn Journal, key: &SecretKey) -> Outcome<Vec<(GatewayId, Lock)>> {
    let mut locks = Vec::new();
    for stream in journal.streams(STREAM.to_owned()).await? {
        let Some(id) = stream.as_str().strip_prefix(STREAM) else { continue };
        match last(journal, key, &stream).await {
            Ok(lock) => locks.extend(lock.map(|lock| (id.into(), lock))),
            Err(JournalError::Damaged { reason, .. }) => {
                tracing::error!(%stream, reason, "the locks of a gateway do not verify and do not hold");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(locks)
}

/// The lock that a stream ends in.
async fn last(journal: &dyn Journal, key: &SecretKey, stream: &StreamId) -> Outcome<Option<Lock>> {
    let (records, _) = records(journal, stream).await?;
    let Some(last) = records.last() else { return Ok(None) };
    let entries: Vec<LockEntry> = last.entries().map_err(|e| damaged(stream, e.to_string()))?;
    let Some(LockEntry(at, LockEvent::Locked { by, reason })) = entries.into_iter().next_back() else {
        return Ok(None);
    };
    let reason = open(journal, key, stream, reason).await?.unwrap_or_else(|| "…".to_owned());
    Ok(Some(Lock { by, reason, at }))
}

/// Writes an act down. `fresh` is the salt of a gateway that was never locked before.
pub(super) async fn write(
    journal: &dyn Journal,
    (key, lease, fresh): (&SecretKey, Lease, [u8; 32]),
    gateway: &GatewayId,
    act: LockAct,
    now: Timestamp,
) -> Outcome<Option<Lock>> {
    let stream = StreamId::from(format!("{STREAM}{gateway}"));
    let (records, hash) = records(journal, &stream).await?;
    let salt = journal.salt(stream.to_string()).await?.unwrap_or(fresh);
    let sealed = subject_key(key, stream.as_str(), &salt).seal("reason", act.reason.as_bytes());
    let (by, reason) = (act.by.clone(), sealed.digest());
    let event = if act.locked { LockEvent::Locked { by, reason } } else { LockEvent::Unlocked { by, reason } };
    let (first, at) = records.last().map_or((0, now), |r| (r.end(), now.max(r.recorded_at)));
    let made = Record::chain(&stream, first, hash, at, &[LockEntry(at, event)]);
    let group = Group {
        records: made.map_err(|e| damaged(&stream, e.to_string()))?,
        blobs: vec![Blob { digest: reason, subject: stream.to_string(), sealed: sealed.0 }],
        salts: vec![Salt { subject: stream.to_string(), salt }],
        ..Group::default()
    };
    let done = journal.commit(Batch { lease: Some(lease), groups: vec![group] }).await?;
    if done.first() != Some(&Ok(())) {
        return Err(JournalError::Unavailable("another act on the gateway came first".into()));
    }
    Ok(act.locked.then_some(Lock { by: act.by, reason: act.reason, at }))
}

async fn records(journal: &dyn Journal, stream: &StreamId) -> Outcome<(Vec<Record>, Digest)> {
    let records = journal.read(stream.clone(), 0, usize::MAX >> 1).await?;
    let hash = verify_chain(&records).map_err(|e| damaged(stream, e.to_string()))?;
    Ok((records, hash))
}

async fn open(journal: &dyn Journal, key: &SecretKey, stream: &StreamId, reason: Digest) -> Outcome<Option<String>> {
    let (blob, salt) = (journal.blob(reason).await?, journal.salt(stream.to_string()).await?);
    let opened = blob
        .zip(salt)
        .and_then(|(blob, salt)| subject_key(key, stream.as_str(), &salt).open("reason", &Sealed(blob.sealed)).ok());
    Ok(opened.and_then(|bytes| String::from_utf8(bytes).ok()))
}

fn damaged(stream: &StreamId, reason: String) -> JournalError {
    JournalError::Damaged { place: stream.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::MemoryJournal;

    #[tokio::test]
    async fn a_lock_survives_tells_who_and_why_and_shows_its_reason_to_nobody_else() {
        let (journal, key) = (MemoryJournal::default(), SecretKey::new([7; 32]));
        let lease = journal.acquire("cell".into(), "test".into(), 1000).await.unwrap().unwrap();
        let act = |locked, reason: &str| LockAct { locked, by: "duty".into(), reason: reason.into() };
        let id = GatewayId::from("sms-a");
        let with = || (&key, lease.clone(), [9; 32]);
        let lock = write(&journal, with(), &id, act(true, "vendor down"), Timestamp(5)).await.unwrap().unwrap();
        assert_eq!(read(&journal, &key).await.unwrap(), [(id.clone(), lock)]);
        let stored = journal.read("gateway/sms-a".into(), 0, 10).await.unwrap();
        assert!(stored[0].body.contains("duty") && !stored[0].body.contains("vendor"), "{}", stored[0].body);
        assert_eq!(write(&journal, with(), &id, act(false, "back"), Timestamp(6)).await.unwrap(), None);
        assert_eq!(read(&journal, &key).await.unwrap(), []);
        let lock = write(&journal, with(), &id, act(true, "again"), Timestamp(4)).await.unwrap().unwrap();
        assert_eq!((lock.reason.as_str(), lock.at), ("again", Timestamp(6)), "time does not run backwards");
    }
}
