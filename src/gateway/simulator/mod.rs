//! The simulated gateway: invented carriers and invented people. For demos, tests and drills of the software.
//!
//! - **Here:** what a person of a certain habit does with an attempt, as a pure plan of upcalls; the
//!   gateway that plays such plans on a real clock.
//! - **Not here:** faults of gateways and crashes (`sim` makes those).
//! - **Promises:** equal seed, attempt and number give equal reactions.

mod people;

pub use people::{Habit, People, Reaction};

use super::{Gateway, Outgoing, Upcall, Upcalls};
use crate::model::{AttemptKey, Channel, Fact, GatewayId, Speech, Stage};
use futures::future::{BoxFuture, FutureExt, ready};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A gateway that reaches nobody: invented people react on the real clock.
pub struct SimulatedGateway {
    id: GatewayId,
    channels: Vec<Channel>,
    people: People,
    sink: Arc<dyn Upcalls>,
    withdrawn: Arc<Mutex<BTreeSet<AttemptKey>>>,
    said: Arc<Mutex<VecDeque<Said>>>,
}

/// Utterances that are remembered, the newest.
const SAID_MAX: usize = 1_000;

/// Something that was said in a voice call.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    /// The attempt.
    pub key: AttemptKey,
    /// The words, or the recording that was played.
    pub words: String,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Said({})", self.key)
    }
}

// === impl SimulatedGateway ===

impl SimulatedGateway {
    /// A gateway whose people tell `sink` what they do. Must be used inside a tokio runtime.
    #[must_use]
    pub fn new(id: GatewayId, channels: Vec<Channel>, people: People, sink: Arc<dyn Upcalls>) -> Self {
        Self { id, channels, people, sink, withdrawn: Arc::default(), said: Arc::default() }
    }

    /// What was said in voice calls lately, in order.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn play(&self, attempt: &Outgoing) -> Fact {
        let reaction = self.people.react(attempt);
        let (sink, id, withdrawn) = (self.sink.clone(), self.id.clone(), self.withdrawn.clone());
        let (key, speech, said) = (attempt.key.clone(), attempt.speech.clone(), self.said.clone());
        tokio::spawn(async move {
            let mut at_ms = 0;
            for (delay_ms, upcall) in reaction.upcalls {
                tokio::time::sleep(Duration::from_millis(delay_ms - at_ms)).await;
                at_ms = delay_ms;
                if withdrawn.lock().unwrap_or_else(PoisonError::into_inner).remove(&key) {
                    return;
                }
                tell(&*sink, &id, &key, speech.as_ref(), &said, upcall).await;
            }
        });
        reaction.submit
    }
}

/// Plays one thing that a person does: what a call says is said when it is picked up, and what was
/// recorded is said after a key.
async fn tell(
    sink: &dyn Upcalls,
    id: &GatewayId,
    key: &AttemptKey,
    speech: Option<&Speech>,
    said: &Mutex<VecDeque<Said>>,
    upcall: Upcall,
) {
    let picked_up = matches!(&upcall, Upcall::Report { fact: Fact::Reached { stage: Stage::PickedUp, .. }, .. });
    let words = speech.filter(|_| picked_up).map(Speech::spoken).unwrap_or_default();
    words.iter().for_each(|words| say(said, key, words));
    // A real gateway tries again until its word is taken.
    let read_back = loop {
        match sink.take(id.clone(), vec![upcall.clone()]).await {
            Ok(read_back) => break read_back,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    };
    read_back.iter().for_each(|r| say(said, &r.key, &r.words));
}

fn say(said: &Mutex<VecDeque<Said>>, key: &AttemptKey, words: &str) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    said.push_back(Said { key: key.clone(), words: words.to_owned() });
    let over = said.len().saturating_sub(SAID_MAX);
    said.drain(..over);
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

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        ready(Ok("a simulator: reaches nobody".into())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{NotTaken, ReadBack};

    /// Records every key as it is.
    struct Records;

    impl Upcalls for Records {
        fn take(&self, _: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
            let read_back = |upcall| match upcall {
                Upcall::Key { key, digits, .. } => Some(ReadBack { key, words: format!("已记录：{digits}") }),
                _ => None,
            };
            ready(Ok(upcalls.into_iter().filter_map(read_back).collect())).boxed()
        }
    }

    #[tokio::test]
    async fn a_call_says_its_script_when_it_is_picked_up_and_what_was_recorded_after_a_key() {
        let key = AttemptKey { callout: "c".into(), attempt: 0 };
        let speech = Speech { text: "请转移".into(), prompt: "请按1".into(), repeats: 2, ..Speech::default() };
        let reached = |stage| {
            let fact = Fact::Reached { stage, reference: None };
            Upcall::Report { key: key.clone(), fact, reported_at: None }
        };
        let pressed = Upcall::Key { key: key.clone(), digits: "1".into(), reported_at: None };
        let said = Mutex::default();
        for upcall in [reached(Stage::Delivered), reached(Stage::PickedUp), pressed] {
            tell(&Records, &"sim".into(), &key, Some(&speech), &said, upcall).await;
        }
        let words: Vec<_> = said.into_inner().unwrap().into_iter().map(|s: Said| s.words).collect();
        assert_eq!(words, ["请转移", "请按1", "请转移", "请按1", "已记录：1"]);
    }
}
