//! Records and their hash chain.

use crate::model::{Digest, StreamId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The format of record bodies: a JSON array of `[at, event]`.
pub const FORMAT_VERSION: u16 = 1;
/// A record holds at most this many events.
pub const EVENTS_PER_RECORD_MAX: usize = 256;
/// A record's body holds at most this many bytes, unless a single event is larger.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// What one stream committed in one flush (or a part of it, when it was large).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The stream.
    pub stream: StreamId,
    /// Sequence of its first event in the stream, from 0.
    pub first: u64,
    /// How many events.
    pub count: u32,
    /// When it was written, by the engine's clock.
    pub recorded_at: Timestamp,
    /// Format of the body.
    pub version: u16,
    /// The events: exact bytes, UTF-8 JSON.
    pub body: String,
    /// Hash of the record before; zeros for the first.
    pub prev: Digest,
    /// SHA-256 over all other fields.
    pub hash: Digest,
}

/// Where a chain breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain of {stream} breaks at event {first}: {reason}")]
pub struct ChainError {
    /// The stream.
    pub stream: StreamId,
    /// Sequence of the record's first event.
    pub first: u64,
    /// What does not fit.
    pub reason: &'static str,
}

// === impl Record ===

impl Record {
    /// The records that hold `entries`, split at the limits, chained behind `prev`.
    ///
    /// # Errors
    /// When an entry cannot be written as JSON.
    pub fn chain<E: Serialize>(
        stream: &StreamId,
        first: u64,
        prev: Digest,
        recorded_at: Timestamp,
        entries: &[E],
    ) -> Result<Vec<Self>, serde_json::Error> {
        let mut records = Vec::new();
        let (mut first, mut prev) = (first, prev);
        let (mut body, mut count) = (Vec::new(), 0);
        for entry in entries {
            let end = body.len();
            body.push(if count == 0 { b'[' } else { b',' });
            serde_json::to_writer(&mut body, entry)?;
            if count > 0 && (count as usize >= EVENTS_PER_RECORD_MAX || body.len() + 1 > RECORD_BYTES_MAX) {
                let mut rest = body.split_off(end);
                rest[0] = b'[';
                let record = Self::close(stream, first, count, prev, recorded_at, body)?;
                (first, prev, count) = (first + u64::from(count), record.hash, 0);
                records.push(record);
                body = rest;
            }
            count += 1;
        }
        if count > 0 {
            records.push(Self::close(stream, first, count, prev, recorded_at, body)?);
        }
        Ok(records)
    }

    fn close(
        stream: &StreamId,
        first: u64,
        count: u32,
        prev: Digest,
        recorded_at: Timestamp,
        mut body: Vec<u8>,
    ) -> Result<Self, serde_json::Error> {
        body.push(b']');
        let mut record = Self {
            stream: stream.clone(),
            first,
            count,
            recorded_at,
            version: FORMAT_VERSION,
            body: String::from_utf8(body).map_err(serde::ser::Error::custom)?,
            prev,
            hash: Digest::default(),
        };
        record.hash = record.computed_hash();
        Ok(record)
    }

    /// The hash that the other fields demand.
    #[must_use]
    pub fn computed_hash(&self) -> Digest {
        Digest::of_parts(&[
            self.stream.as_str().as_bytes(),
            &self.first.to_be_bytes(),
            &self.count.to_be_bytes(),
            &self.recorded_at.0.to_be_bytes(),
            &self.version.to_be_bytes(),
            self.body.as_bytes(),
            &self.prev.0,
        ])
    }

    /// Sequence of the event after the last one here.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// The entries in the body.
    ///
    /// # Errors
    /// When the body is not a JSON array of such entries.
    pub fn entries<E: DeserializeOwned>(&self) -> Result<Vec<E>, serde_json::Error> {
        serde_json::from_str(&self.body)
    }
}

/// Checks that records are whole, unaltered and follow each other from the first event on. Returns
/// the hash of the last one, or zeros when there is none.
///
/// # Errors
/// The first place that does not fit.
pub fn verify_chain(records: &[Record]) -> Result<Digest, ChainError> {
    let (mut next, mut prev) = (0, Digest::default());
    for r in records {
        let fault = if r.first != next {
            Some("a record is missing or doubled")
        } else if r.prev != prev {
            Some("it does not follow the record before")
        } else if r.hash != r.computed_hash() {
            Some("its bytes were altered")
        } else if r.entries::<serde::de::IgnoredAny>().map(|e| e.len() as u64).ok() != Some(u64::from(r.count)) {
            Some("its body is not the stated number of events")
        } else {
            None
        };
        if let Some(reason) = fault {
            return Err(ChainError { stream: r.stream.clone(), first: r.first, reason });
        }
        (next, prev) = (r.end(), r.hash);
    }
    Ok(prev)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Record> {
        let entries: Vec<String> = (0..600).map(|i| format!("event {i} {}", "x".repeat(200))).collect();
        Record::chain(&"s".into(), 0, Digest::default(), Timestamp(5), &entries).unwrap()
    }

    #[test]
    fn splits_at_the_limits_and_verifies() {
        let records = sample();
        assert_eq!(records.iter().map(|r| r.count as usize).sum::<usize>(), 600);
        assert!(records.iter().all(|r| r.body.len() <= RECORD_BYTES_MAX && r.count as usize <= EVENTS_PER_RECORD_MAX));
        assert_eq!(verify_chain(&records).unwrap(), records.last().unwrap().hash);
    }

    #[test]
    fn every_altered_field_breaks_the_chain() {
        type Bend = fn(&mut Record);
        let bends: [Bend; 7] = [
            |r| r.stream = "t".into(),
            |r| r.first += 1,
            |r| r.count -= 1,
            |r| r.recorded_at.0 += 1,
            |r| r.version += 1,
            |r| r.body = r.body.replacen("event", "evEnt", 1),
            |r| r.prev.0[0] ^= 1,
        ];
        for (i, bend) in bends.into_iter().enumerate() {
            let mut records = sample();
            bend(&mut records[1]);
            assert!(verify_chain(&records).is_err(), "bend {i}");
        }
        let mut records = sample();
        records.remove(1);
        assert!(verify_chain(&records).is_err());
    }
}
