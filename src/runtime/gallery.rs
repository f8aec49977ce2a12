//! What readers see: committed copies of the callouts, folded behind the log.

use super::cell::Committed;
use crate::dispatch::{Forecast, GatewayStanding};
use crate::engine;
use crate::model::{Callout, CalloutId};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{broadcast, watch};

/// Committed events kept for a reader that is slow; one that falls further behind reads the journal.
const FEED_LEN: usize = 4096;

/// The forecasts of the callouts that have calls queued.
pub type Forecasts = BTreeMap<CalloutId, Forecast>;

/// Committed copies of callouts, and the feed of what is committed. Readers never touch the engine.
pub struct Gallery {
    callouts: RwLock<BTreeMap<CalloutId, Arc<Callout>>>,
    /// Why the engine does not work on a callout.
    distrusted: RwLock<BTreeMap<CalloutId, String>>,
    feed: broadcast::Sender<Arc<Committed>>,
    /// Estimates, which no timeline holds.
    forecasts: watch::Sender<Arc<Forecasts>>,
    /// How the gateways stand; of no timeline either.
    gateways: RwLock<Arc<Vec<GatewayStanding>>>,
}

impl Default for Gallery {
    fn default() -> Self {
        let feed = broadcast::Sender::new(FEED_LEN);
        Self {
            callouts: RwLock::default(),
            distrusted: RwLock::default(),
            feed,
            forecasts: watch::Sender::default(),
            gateways: RwLock::default(),
        }
    }
}

// === impl Gallery ===

impl Gallery {
    /// Shows a callout as it was read from the journal.
    pub fn show(&self, callout: Callout) {
        self.distrusted.write().unwrap_or_else(PoisonError::into_inner).remove(&callout.id);
        let mut callouts = self.callouts.write().unwrap_or_else(PoisonError::into_inner);
        callouts.insert(callout.id.clone(), Arc::new(callout));
    }

    /// Folds committed events in and tells the subscribers. Events that are known already are passed
    /// over; after a gap the copy is dropped, and readers fall back to the journal.
    pub fn take(&self, committed: &Arc<Committed>) {
        {
            let mut callouts = self.callouts.write().unwrap_or_else(PoisonError::into_inner);
            let callout = callouts
                .entry(committed.callout.clone())
                .or_insert_with(|| Arc::new(Callout::new(committed.callout.clone())));
            if callout.seq < committed.first {
                callouts.remove(&committed.callout);
            } else {
                let known = (callout.seq - committed.first) as usize;
                let callout = Arc::make_mut(callout);
                committed.entries.iter().skip(known).for_each(|e| engine::fold(callout, e));
            }
        }
        // Without subscribers there is nobody to tell.
        let _ = self.feed.send(committed.clone());
    }

    /// Notes that a callout's timeline does not verify, and why: nobody is called for it until a person
    /// has looked. Its copy is no longer shown, as nothing is known to stand behind it.
    pub fn distrust(&self, callout: CalloutId, reason: String) {
        self.forget(&callout);
        self.distrusted.write().unwrap_or_else(PoisonError::into_inner).insert(callout, reason);
    }

    /// The callouts that the engine refuses to work on, by name, each with the reason.
    #[must_use]
    pub fn distrusted(&self) -> Vec<(CalloutId, String)> {
        let distrusted = self.distrusted.read().unwrap_or_else(PoisonError::into_inner);
        distrusted.iter().map(|(id, reason)| (id.clone(), reason.clone())).collect()
    }

    /// Forgets a callout that closed long ago; it stays in the journal.
    pub fn forget(&self, callout: &CalloutId) {
        self.callouts.write().unwrap_or_else(PoisonError::into_inner).remove(callout);
    }

    /// A callout as committed; `None` when it is not kept here (the journal may have it).
    #[must_use]
    pub fn get(&self, callout: &CalloutId) -> Option<Arc<Callout>> {
        self.callouts.read().unwrap_or_else(PoisonError::into_inner).get(callout).cloned()
    }

    /// All callouts kept here, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Callout>> {
        self.callouts.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Shows when what is queued will have been made; replaces what was shown before.
    pub fn foresee(&self, forecasts: Vec<Forecast>) {
        let fresh: Forecasts = forecasts.into_iter().map(|f| (f.callout.clone(), f)).collect();
        self.forecasts.send_if_modified(|shown| {
            let changed = **shown != fresh;
            if changed {
                *shown = Arc::new(fresh);
            }
            changed
        });
    }

    /// The forecast of a callout; `None` when it has nothing queued.
    #[must_use]
    pub fn forecast(&self, callout: &CalloutId) -> Option<Forecast> {
        self.forecasts.borrow().get(callout).cloned()
    }

    /// The forecasts as they change.
    #[must_use]
    pub fn forecasts(&self) -> watch::Receiver<Arc<Forecasts>> {
        self.forecasts.subscribe()
    }

    /// Shows how the gateways stand; gives what was shown before.
    pub fn show_gateways(&self, standings: Vec<GatewayStanding>) -> Arc<Vec<GatewayStanding>> {
        let mut shown = self.gateways.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut shown, Arc::new(standings))
    }

    /// How the gateways stand, in the order of the configuration; empty while this process is not the engine.
    #[must_use]
    pub fn gateways(&self) -> Arc<Vec<GatewayStanding>> {
        self.gateways.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is committed from now on. Subscribe first, then read a copy, then skip what the copy has.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Committed>> {
        self.feed.subscribe()
    }
}
