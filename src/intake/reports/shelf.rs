//! All reports as committed, for pages and for the task that does what is due.

use super::desk::ReportDesk;
use super::event::Report;
use crate::intake::Unavailable;
use crate::journal::JournalError;
use crate::model::{ReportId, Sealed, StreamId, mask_number};
use crate::runtime::subject_key;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use tokio::sync::watch;

/// All reports, as committed.
#[derive(Default)]
pub(super) struct Shelf {
    reports: BTreeMap<ReportId, Arc<Shown>>,
    damaged: BTreeMap<ReportId, String>,
}

/// A report and what was said in it.
#[derive(Clone)]
pub struct Shown {
    /// The report.
    pub report: Report,
    /// The words as written; `None` when their key was destroyed.
    pub words: Option<String>,
    /// The number of a reporter whom the directory does not know, masked.
    pub number: Option<String>,
}

impl ReportDesk {
    pub(super) async fn show(&self, report: Report) -> Result<(), JournalError> {
        let known = self.shown(&report.id).map(|s| (s.words.clone(), s.number.clone()));
        let (words, number) = match known {
            Some(known) => known,
            None => self.open(&report).await?,
        };
        let shown = Arc::new(Shown { report, words, number });
        if let Some(shelf) = &mut *self.shelf.write().unwrap_or_else(PoisonError::into_inner) {
            // Of two that finish at once the later state stays.
            let newer = shelf.reports.get(&shown.report.id).is_none_or(|before| before.report.seq < shown.report.seq);
            if newer {
                shelf.reports.insert(shown.report.id.clone(), shown);
            }
        }
        self.changes.send_modify(|n| *n += 1);
        Ok(())
    }

    /// A report's words, and the masked number they came from when nobody is known by it.
    async fn open(&self, report: &Report) -> Result<(Option<String>, Option<String>), JournalError> {
        let subject = report.id.stream();
        let (blob, salt) = (
            self.front.journal.blob(report.reported.words).await?,
            self.front.journal.salt(subject.to_string()).await?,
        );
        let opened = blob.zip(salt).and_then(|(blob, salt)| {
            let key = subject_key(&self.front.key, subject.as_str(), &salt);
            key.open("report", &Sealed(blob.sealed)).ok()
        });
        let told: serde_json::Value = opened.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let text = |field: &str| told[field].as_str().map(str::to_owned);
        Ok((text("text"), text("from").map(|number| mask_number(&number))))
    }

    /// Reads all reports, when this process has become the active engine.
    ///
    /// # Errors
    /// As the journal's.
    pub async fn load(&self) -> Result<(), JournalError> {
        let streams = self.front.journal.streams(StreamId::REPORTS.to_owned()).await?;
        *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = Some(Shelf::default());
        for id in streams.iter().filter_map(StreamId::report) {
            match self.read(&id).await {
                Ok(Some(report)) => self.show(report).await?,
                Ok(None) => {}
                Err(JournalError::Damaged { reason, .. }) => {
                    self.metrics.invariant_violation("9");
                    tracing::error!(report = %id, reason, "a report does not verify");
                    if let Some(shelf) = &mut *self.shelf.write().unwrap_or_else(PoisonError::into_inner) {
                        shelf.damaged.insert(id, reason);
                    }
                }
                Err(error) => {
                    self.unload();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Forgets all reports: another process is the active engine.
    pub fn unload(&self) {
        *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether all reports are read.
    ///
    /// # Errors
    /// When they are not.
    pub fn loaded(&self) -> Result<(), Unavailable> {
        let shelf = self.shelf.read().unwrap_or_else(PoisonError::into_inner);
        if shelf.is_some() { Ok(()) } else { Err(Unavailable("the engine does not hold its lease".into())) }
    }

    /// All reports, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Shown>> {
        let shelf = self.shelf.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = shelf.iter().flat_map(|s| s.reports.values().cloned()).collect();
        all.sort_by(|a, b| (b.report.reported_at, &a.report.id).cmp(&(a.report.reported_at, &b.report.id)));
        all
    }

    /// The reports whose stream does not verify, each with the reason: nobody works on them.
    #[must_use]
    pub fn damaged(&self) -> Vec<(ReportId, String)> {
        let shelf = self.shelf.read().unwrap_or_else(PoisonError::into_inner);
        shelf.iter().flat_map(|s| s.damaged.clone()).collect()
    }

    /// One report.
    #[must_use]
    pub fn shown(&self, id: &ReportId) -> Option<Arc<Shown>> {
        let shelf = self.shelf.read().unwrap_or_else(PoisonError::into_inner);
        shelf.as_ref().and_then(|s| s.reports.get(id).cloned())
    }

    /// Counts up whenever a report changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
