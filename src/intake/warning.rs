//! The stream of a warning: which messages it holds and what each did.

use crate::journal::{Journal, JournalError, Outcome, Record};
use crate::model::{Digest, Finding, Message, RegionCode, Timestamp, WarningId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::lineage::Taken;

/// One event of a warning with the moment it was decided. Stored as `[at, event]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WarningEntry(pub Timestamp, pub WarningEvent);

/// An event of a warning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningEvent {
    /// A message was taken in.
    MessageTaken {
        /// The parsed message.
        message: Box<Message>,
        /// Digest of the sealed raw document.
        raw: Digest,
        /// The door it came through.
        door: String,
        /// The account it was posted under.
        account: Option<String>,
        /// Faults of form.
        findings: Vec<Finding>,
        /// What it did.
        effect: Effect,
        /// Whom it covers, per command region.
        cover: Vec<CoveredRegion>,
    },
}

/// A command region that a message covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredRegion {
    /// The region.
    pub region: RegionCode,
    /// Targets covered in it.
    pub targets: u32,
}

/// What a message did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Its orders went to the callouts.
    Applied,
    /// It is older than what applies, and tells something that this leaves open.
    Joined,
    /// It contradicts an earlier message of the same identifier, and raises colour or adds ground.
    AppliedConflict,
    /// It is older than what applies already.
    Superseded,
    /// It is no warning to act on (a test, a draft).
    #[default]
    NotActual,
}

/// A warning as its stream leaves it.
#[derive(Clone, Debug, Default)]
pub struct WarningState {
    /// Sequence of the next event.
    pub next: u64,
    /// Hash of the last record.
    pub hash: Digest,
    /// The events.
    pub entries: Vec<WarningEntry>,
}

// === impl WarningState ===

impl WarningState {
    /// Reads a warning's stream.
    ///
    /// # Errors
    /// As the journal's.
    pub async fn read(journal: &dyn Journal, warning: &WarningId) -> Outcome<Self> {
        let records = journal.read(warning.stream(), 0, usize::MAX >> 1).await?;
        let mut state = Self::default();
        for r in &records {
            let entries = r.entries().map_err(|e| JournalError::Damaged {
                place: format!("{} event {}", r.stream, r.first),
                reason: e.to_string(),
            })?;
            state.entries.extend::<Vec<WarningEntry>>(entries);
        }
        state.next = records.last().map_or(0, Record::end);
        state.hash = records.last().map_or(Digest::default(), |r| r.hash);
        Ok(state)
    }

    /// Its messages, in the order in which they came.
    pub fn taken(&self) -> impl Iterator<Item = Taken<'_>> {
        self.entries.iter().map(|WarningEntry(at, WarningEvent::MessageTaken { message, account, .. })| Taken {
            at: *at,
            account: account.as_deref(),
            message,
        })
    }

    /// Command regions that have been covered so far.
    #[must_use]
    pub fn regions(&self) -> BTreeSet<RegionCode> {
        let covers = self.entries.iter().flat_map(|WarningEntry(_, WarningEvent::MessageTaken { cover, .. })| cover);
        covers.map(|c| c.region.clone()).collect()
    }
}
