//! What gateways tell, written down; refused while the test says so.

use futures::future::BoxFuture;
use jiaoying::gateway::{NotTaken, ReadBack, Upcall, Upcalls};
use jiaoying::model::{AttemptKey, Fact, GatewayId};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than anything in these tests takes.
pub const WAIT: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Told {
    upcalls: Mutex<Vec<Upcall>>,
    down: AtomicBool,
    refused: AtomicUsize,
}

impl Told {
    /// From now on nothing is taken, or everything again.
    pub fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// How often it was refused.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    pub fn all(&self) -> Vec<Upcall> {
        self.upcalls.lock().unwrap().clone()
    }

    /// The facts of an attempt, in the order they were taken.
    pub fn facts(&self, of: &AttemptKey) -> Vec<Fact> {
        let fact = |upcall| match upcall {
            Upcall::Report { key, fact, .. } if key == *of => Some(fact),
            _ => None,
        };
        self.all().into_iter().filter_map(fact).collect()
    }

    /// Waits until so many facts of an attempt were taken.
    pub async fn wait(&self, of: &AttemptKey, facts: usize) -> Vec<Fact> {
        until("facts of an attempt", || self.facts(of).len() >= facts).await;
        self.facts(of)
    }
}

impl Upcalls for Told {
    fn take(&self, _: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                self.refused.fetch_add(1, Ordering::SeqCst);
                return Err(NotTaken("the store is down".into()));
            }
            self.upcalls.lock().unwrap().extend(upcalls);
            Ok(Vec::new())
        })
    }
}

/// Waits for a condition.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(WAIT, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain for {what}");
}

/// What a gateway is opened with: these ears, the real clock, and a stop that the test holds.
pub fn door(told: &Arc<Told>) -> jiaoying::gateway::Door {
    jiaoying::gateway::Door {
        upcalls: told.clone(),
        clock: Arc::new(jiaoying::runtime::clock::now),
        metrics: jiaoying::telemetry::Metrics::new(),
        stop: tokio_util::sync::CancellationToken::new(),
        seed: 7,
    }
}
