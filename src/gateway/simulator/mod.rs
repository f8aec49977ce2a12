//! The simulated gateway: invented carriers and invented people. For demos, tests and drills of the software.
//!
//! - **Here:** what a person of a certain habit does with an attempt, as a pure plan of upcalls; the
//!   gateway that plays such plans on a real clock.
//! - **Not here:** faults of gateways and crashes (`sim` makes those).
//! - **Promises:** equal seed, attempt and number give equal reactions.

mod people;

pub use people::{Habit, People, Reaction};

use super::{Gateway, Outgoing, Upcalls};
use crate::model::{AttemptKey, Channel, Fact, GatewayId};
use futures::future::{BoxFuture, FutureExt, ready};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A gateway that reaches nobody: invented people react on the real clock.
pub struct SimulatedGateway {
    id: GatewayId,
    channels: Vec<Channel>,
    people: People,
    sink: Arc<dyn Upcalls>,
    withdrawn: Arc<Mutex<BTreeSet<AttemptKey>>>,
}

// === impl SimulatedGateway ===

impl SimulatedGateway {
    /// A gateway whose people tell `sink` what they do. Must be used inside a tokio runtime.
    #[must_use]
    pub fn new(id: GatewayId, channels: Vec<Channel>, people: People, sink: Arc<dyn Upcalls>) -> Self {
        Self { id, channels, people, sink, withdrawn: Arc::default() }
    }

    fn play(&self, attempt: &Outgoing) -> Fact {
        let reaction = self.people.react(attempt);
        let (sink, id, withdrawn) = (self.sink.clone(), self.id.clone(), self.withdrawn.clone());
        let key = attempt.key.clone();
        tokio::spawn(async move {
            let mut at_ms = 0;
            for (delay_ms, upcall) in reaction.upcalls {
                tokio::time::sleep(Duration::from_millis(delay_ms - at_ms)).await;
                at_ms = delay_ms;
                if withdrawn.lock().unwrap_or_else(PoisonError::into_inner).remove(&key) {
                    return;
                }
                // A real gateway tries again until its word is taken.
                while sink.take(id.clone(), vec![upcall.clone()]).await.is_err() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        });
        reaction.submit
    }
}

impl Gateway for SimulatedGateway {
    fn id(&self) -> &GatewayId {
        &self.id
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn is_idempotent(&self) -> bool {
        false
    }

    fn batch_max(&self) -> usize {
        100
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        ready(attempts.iter().map(|a| self.play(a)).collect()).boxed()
    }

    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        ready(()).boxed()
    }
}
