//! What both routers stand on.

use super::refusal::Refusal;
use crate::config::Http;
use crate::directory::Directory;
use crate::evidence::{EvidenceError, Timeline};
use crate::intake::Desk;
use crate::intake::reports::ReportDesk;
use crate::journal::{Journal, JournalError};
use crate::model::{Callout, CalloutId, SecretKey};
use crate::runtime::{Acts, Gallery};
use crate::telemetry::Metrics;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::sync::CancellationToken;

/// What the board shows and whom it asks.
pub struct BoardState {
    /// Committed copies of the open callouts.
    pub gallery: Arc<Gallery>,
    /// The engine's side of people's acts.
    pub acts: Arc<dyn Acts>,
    /// Timelines, parked documents.
    pub journal: Arc<dyn Journal>,
    /// The directory in force: the names of people and places.
    pub directory: RwLock<Arc<Directory>>,
    /// Takes documents; `None` when this process has no HTTP door.
    pub desk: Option<Arc<dyn Desk>>,
    /// Takes hazard reports; `None` when this process has no doors.
    pub reports: Option<Arc<ReportDesk>>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The listeners and tokens.
    pub http: Http,
    /// Bytes of a document (`intake.bytes_max`).
    pub bytes_max: usize,
    /// The master key.
    pub key: SecretKey,
    /// 32 fresh bytes a call.
    pub entropy: Arc<dyn Fn() -> [u8; 32] + Send + Sync>,
    /// Ends the open streams, which would otherwise hold a shutdown up.
    pub shutdown: CancellationToken,
}

// === impl BoardState ===

impl BoardState {
    /// The directory in force.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A callout as committed: the live copy, or the fold of its timeline.
    pub(super) async fn callout(&self, id: &CalloutId) -> Result<Arc<Callout>, Refusal> {
        match self.gallery.get(id).filter(|c| c.head.is_some()) {
            Some(callout) => Ok(callout),
            None => Ok(Arc::new(self.timeline(id).await?.at(None))),
        }
    }

    /// A callout's verified timeline.
    pub(super) async fn timeline(&self, id: &CalloutId) -> Result<Timeline, Refusal> {
        // Warnings and cells have streams too; they are no callouts.
        if id.stream().callout().is_none() {
            return Err(Refusal::NotFound);
        }
        let refuse = |error| refusal(id, error);
        let records = Timeline::fetch(self.journal.as_ref(), id).await.map_err(refuse)?;
        // Hashing and folding a long night takes a while: not on the threads that serve others.
        let owned = id.clone();
        let made = tokio::task::spawn_blocking(move || Timeline::of(owned, records)).await;
        made.map_err(|_| Refusal::Unavailable)?.map_err(refuse)
    }
}

fn refusal(id: &CalloutId, error: EvidenceError) -> Refusal {
    match error {
        EvidenceError::Unknown(_) => Refusal::NotFound,
        EvidenceError::Journal(JournalError::Unavailable(_)) => Refusal::Unavailable,
        error => {
            tracing::error!(callout = %id, %error, "a timeline does not verify");
            Refusal::Damaged
        }
    }
}
