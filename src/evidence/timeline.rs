//! A stored timeline, read as a whole and verified.

use super::fits::fits;
use crate::engine;
use crate::journal::{ChainError, Journal, JournalError, Record, verify_chain};
use crate::model::{Callout, CalloutId, Entry, Timestamp};

/// Records asked of the journal at once.
const READ_BATCH: usize = 64;

/// Why a timeline proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The journal has no such callout.
    #[error("there is no callout {0}")]
    Unknown(CalloutId),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The chain of records does not hold.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An event cannot be read, or names something that is not there.
    #[error("event {seq} of {callout} cannot be understood: {reason}")]
    Event {
        /// The callout.
        callout: CalloutId,
        /// Its sequence, or that of its record's first event.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
    /// A hazard report's stream proves nothing.
    #[error(transparent)]
    Report(#[from] crate::intake::reports::ReportError),
    /// The file could not be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] std::io::Error),
}

/// An event with its place in the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// Its sequence, from 0.
    pub seq: u64,
    /// The event and its moment.
    pub entry: Entry,
}

/// A whole timeline whose chain holds.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The callout.
    pub id: CalloutId,
    /// Its records, as stored.
    pub records: Vec<Record>,
    /// Its events, in order.
    pub entries: Vec<Entry>,
}

/// What lies around a moment of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around {
    /// How many events were recorded until then.
    pub count: usize,
    /// The last moment before it at which something was recorded.
    pub earlier: Option<Timestamp>,
    /// The first moment after it at which something was recorded.
    pub later: Option<Timestamp>,
}

// === impl Timeline ===

impl Timeline {
    /// Reads a callout's timeline and verifies its chain.
    ///
    /// # Errors
    /// [`EvidenceError`]: no such callout, the journal cannot be read, the chain is broken, an event
    /// cannot be understood.
    pub async fn read(journal: &dyn Journal, id: &CalloutId) -> Result<Self, EvidenceError> {
        Self::of(id.clone(), Self::fetch(journal, id).await?)
    }

    /// Reads a callout's records and nothing more. [`Timeline::of`] makes a timeline of them, which
    /// takes a processor for a while when they are many.
    ///
    /// # Errors
    /// When there is no such callout or the journal cannot be read.
    pub async fn fetch(journal: &dyn Journal, id: &CalloutId) -> Result<Vec<Record>, EvidenceError> {
        let mut records: Vec<Record> = Vec::new();
        loop {
            let from = records.last().map_or(0, Record::end);
            let batch = journal.read(id.stream(), from, READ_BATCH).await?;
            let more = batch.len() == READ_BATCH;
            records.extend(batch);
            if !more {
                break;
            }
        }
        if records.is_empty() {
            return Err(EvidenceError::Unknown(id.clone()));
        }
        Ok(records)
    }

    /// The timeline of a callout's records, verified.
    ///
    /// # Errors
    /// When the chain is broken or an event cannot be understood.
    pub fn of(id: CalloutId, records: Vec<Record>) -> Result<Self, EvidenceError> {
        verify_chain(&records)?;
        let mut entries = Vec::new();
        for record in &records {
            let read = record.entries::<Entry>().map_err(|e| EvidenceError::Event {
                callout: id.clone(),
                seq: record.first,
                reason: e.to_string(),
            })?;
            entries.extend(read);
        }
        fold_checked(&mut Callout::new(id.clone()), &entries)?;
        Ok(Self { id, records, entries })
    }

    /// The callout as it stood at a moment: the fold of all events recorded until then, that moment
    /// included. `None` folds all of them.
    #[must_use]
    pub fn at(&self, at: Option<Timestamp>) -> Callout {
        engine::replay(self.id.clone(), self.until(at))
    }

    /// The events recorded until a moment, that moment included.
    #[must_use]
    pub fn until(&self, at: Option<Timestamp>) -> &[Entry] {
        // Times never fall within a stream.
        let count = at.map_or(self.entries.len(), |at| self.entries.partition_point(|e| e.0 <= at));
        &self.entries[..count]
    }

    /// What lies around a moment.
    #[must_use]
    pub fn around(&self, at: Timestamp) -> Around {
        let count = self.until(Some(at)).len();
        let before = self.entries.partition_point(|e| e.0 < at);
        Around {
            count,
            earlier: before.checked_sub(1).map(|i| self.entries[i].0),
            later: self.entries.get(count).map(|e| e.0),
        }
    }
}

/// The callout as it stood at a moment (`None`: as it stands), from its verified records.
///
/// # Errors
/// As [`Timeline::read`].
pub async fn replay_at(journal: &dyn Journal, id: &CalloutId, at: Option<Timestamp>) -> Result<Callout, EvidenceError> {
    Ok(Timeline::read(journal, id).await?.at(at))
}

/// The events of a callout with their sequence.
///
/// # Errors
/// As [`Timeline::read`].
pub async fn events(journal: &dyn Journal, id: &CalloutId) -> Result<Vec<Numbered>, EvidenceError> {
    let entries = Timeline::read(journal, id).await?.entries;
    Ok(entries.into_iter().zip(0..).map(|(entry, seq)| Numbered { seq, entry }).collect())
}

/// Folds entries from outside: each must fit what came before it.
pub(super) fn fold_checked(callout: &mut Callout, entries: &[Entry]) -> Result<(), EvidenceError> {
    for entry in entries {
        let misfit = if entry.0 < callout.recorded_at { Err("its time lies before the event before") } else { Ok(()) };
        misfit.and_then(|()| fits(callout, &entry.1)).map_err(|reason| EvidenceError::Event {
            callout: callout.id.clone(),
            seq: callout.seq,
            reason: reason.to_owned(),
        })?;
        engine::fold(callout, entry);
    }
    Ok(())
}
