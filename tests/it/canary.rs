//! Canaries: what proves one, what fails it, and that nothing of them reaches the engine.

use futures::future::{BoxFuture, FutureExt, ready};
use jiaoying::config::CanaryProof;
use jiaoying::dispatch::CanaryResult;
use jiaoying::gateway::{Gateway, NotTaken, Outgoing, ReadBack, Upcall, Upcalls};
use jiaoying::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Stage};
use jiaoying::runtime::{Canaries, CanaryDoor, CanaryRule, clock, run_canaries};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const NUMBER: &str = "+8619900000000";

/// A gateway that takes everything, under references, or answers as it is told to.
struct Line {
    id: GatewayId,
    refuses: bool,
    sent: mpsc::UnboundedSender<Outgoing>,
}

impl Gateway for Line {
    fn id(&self) -> &GatewayId {
        &self.id
    }

    fn channels(&self) -> &[Channel] {
        &[Channel::Voice, Channel::Broadcast]
    }

    fn is_idempotent(&self) -> bool {
        false
    }

    fn batch_max(&self) -> usize {
        1
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        let fact = |a: Outgoing| {
            let reference = Some(format!("ref-{}", a.key.attempt));
            self.sent.send(a).unwrap();
            match self.refuses {
                true => Fact::Failed { failure: Failure::GatewayDown, detail: Some("no line".into()) },
                false => Fact::Reached { stage: Stage::Submitted, reference },
            }
        };
        ready(attempts.into_iter().map(fact).collect()).boxed()
    }

    fn withdraw(&self, _: AttemptKey) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        ready(Ok(String::new())).boxed()
    }
}

/// The engine: nothing of a canary may come here.
#[derive(Default)]
struct Engine(Mutex<Vec<Upcall>>);

impl Upcalls for Engine {
    fn take(&self, _: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        self.0.lock().unwrap().extend(upcalls);
        ready(Ok(Vec::new())).boxed()
    }
}

struct Rig {
    door: CanaryDoor,
    engine: Arc<Engine>,
    sent: mpsc::UnboundedReceiver<Outgoing>,
    results: mpsc::UnboundedReceiver<CanaryResult>,
    _stop: tokio_util::sync::DropGuard,
}

fn rig(proof: CanaryProof, refuses: bool, within: Duration) -> Rig {
    let (sent, outgoing) = mpsc::unbounded_channel();
    let (told, results) = mpsc::unbounded_channel();
    let every = Duration::from_millis(1);
    let numbers = vec![NUMBER.into()];
    let rule = CanaryRule { numbers, every, within, proof, counts: true, template: None };
    let line: Arc<dyn Gateway> = Arc::new(Line { id: "line".into(), refuses, sent });
    let canaries = Arc::new(Canaries::new(vec![(line, false, rule)]));
    let (engine, stop) = (Arc::<Engine>::default(), CancellationToken::new());
    let door = CanaryDoor { canaries: canaries.clone(), rest: engine.clone() };
    let told = move |_: &GatewayId, result| drop(told.send(result));
    tokio::spawn(run_canaries(canaries, || true, told, clock::now, stop.clone()));
    Rig { door, engine, sent: outgoing, results, _stop: stop.drop_guard() }
}

fn reached(stage: Stage) -> Fact {
    Fact::Reached { stage, reference: None }
}

#[tokio::test]
async fn a_canary_is_proven_by_what_comes_back_and_none_of_it_reaches_the_engine() {
    let mut rig = rig(CanaryProof::Answered, false, Duration::from_secs(60));
    let sent = rig.sent.recv().await.unwrap();
    assert_eq!((sent.number.as_str(), sent.channel), (NUMBER, Channel::Voice));
    assert!(sent.text.contains("不是预警") && sent.speech.is_some(), "{}", sent.text);
    let key = sent.key.clone();
    let stale = AttemptKey { attempt: 7, ..key.clone() };
    let upcalls = vec![
        Upcall::Key { key: stale, digits: "1".into(), reported_at: None },
        Upcall::Report { key: key.clone(), fact: reached(Stage::PickedUp), reported_at: None },
        Upcall::Receipt { reference: format!("ref-{}", key.attempt), fact: Fact::Ended, reported_at: None },
    ];
    rig.door.take("line".into(), upcalls).await.unwrap();
    assert!(rig.results.try_recv().is_err(), "a key of an earlier one proves nothing, nor that it was picked up");
    rig.door.take("line".into(), vec![Upcall::Key { key, digits: "1".into(), reported_at: None }]).await.unwrap();
    let result = rig.results.recv().await.unwrap();
    assert!(result.well && result.counts, "{result:?}");
    assert!(rig.engine.0.lock().unwrap().is_empty());
    // What belongs to others goes on.
    let key = AttemptKey { callout: "533324-x".into(), attempt: 1 };
    let others = [
        Upcall::Report { key, fact: reached(Stage::Delivered), reported_at: None },
        Upcall::Receipt { reference: "another".into(), fact: Fact::Ended, reported_at: None },
        Upcall::Text { from: "+8613".into(), text: "1".into(), key: None, extension: None, reported_at: None },
    ];
    let own = Upcall::Text { from: NUMBER.into(), text: "1".into(), key: None, extension: None, reported_at: None };
    rig.door.take("line".into(), others.iter().cloned().chain([own]).collect()).await.unwrap();
    assert_eq!(*rig.engine.0.lock().unwrap(), others);
}

#[tokio::test]
async fn a_receipt_by_reference_proves_delivery_and_a_failure_by_it_fails() {
    let mut rig = rig(CanaryProof::Delivered, false, Duration::from_secs(60));
    for (fact, well) in [
        (reached(Stage::Delivered), true),
        (Fact::Failed { failure: Failure::Undelivered, detail: Some("no route".into()) }, false),
    ] {
        let sent = rig.sent.recv().await.unwrap();
        let reference = format!("ref-{}", sent.key.attempt);
        // The submit's answer may still be on its way: a gateway tells until its receipt is a canary's.
        while rig.engine.0.lock().unwrap().is_empty() {
            let receipt = Upcall::Receipt { reference: reference.clone(), fact: fact.clone(), reported_at: None };
            rig.door.take("line".into(), vec![receipt]).await.unwrap();
            if std::mem::take(&mut *rig.engine.0.lock().unwrap()).is_empty() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let result = rig.results.recv().await.unwrap();
        assert_eq!(result.well, well, "{result:?}");
    }
}

#[tokio::test]
async fn what_is_not_taken_or_not_proven_in_time_fails() {
    let mut refused = rig(CanaryProof::Submitted, true, Duration::from_secs(60));
    let result = refused.results.recv().await.unwrap();
    assert!(!result.well && result.detail.contains("no line"), "{result:?}");
    let mut late = rig(CanaryProof::Delivered, false, Duration::from_millis(1));
    let result = late.results.recv().await.unwrap();
    assert!(!result.well && result.detail.contains("delivered"), "{result:?}");
    let mut taken = rig(CanaryProof::Submitted, false, Duration::from_secs(60));
    assert!(taken.results.recv().await.unwrap().well);
}
