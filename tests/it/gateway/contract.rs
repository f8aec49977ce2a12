//! What every gateway keeps to, whatever it speaks. The tests of each protocol run [`holds`] on a rig of their own.

use futures::future::BoxFuture;
use jiaoying::gateway::{Gateway, Outgoing};
use jiaoying::model::{AttemptKey, Fact, Failure, Stage, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Longer than the time limit that a rig gives its gateways.
const WAIT: Duration = Duration::from_secs(20);

/// Gateways of one protocol in front of other sides of different kinds.
pub trait Rig: Sync {
    /// One whose other side takes everything; ready to submit.
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>>;

    /// One whose other side takes connections and says nothing.
    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>>;

    /// One where nobody listens.
    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>>;

    /// An attempt that such a gateway takes, valid for some minutes.
    fn attempt(&self, n: u32) -> Outgoing;
}

/// Runs the whole contract.
///
/// # Panics
/// When a gateway does not keep to it.
pub async fn holds(rig: &dyn Rig) {
    let well = rig.well().await;
    assert!(well.batch_max() >= 1, "a gateway takes at least one attempt");
    assert!(!well.channels().is_empty(), "a gateway serves a channel");
    assert_eq!(in_time(well.submit(Vec::new())).await, []);
    let attempts: Vec<Outgoing> = (0..3).map(|n| rig.attempt(n)).collect();
    let shown = format!("{attempts:?}");
    assert!(!shown.contains(attempts[0].number.trim_start_matches('+')), "Debug shows a number");
    let stale = Outgoing { valid_until: Timestamp(1), ..rig.attempt(3) };
    let facts = in_time(well.submit([attempts, vec![stale]].concat())).await;
    assert_eq!(facts.len(), 4, "one fact per attempt");
    for fact in &facts[..3] {
        let taken = matches!(fact, Fact::Reached { stage, .. } if *stage >= Stage::Submitted);
        assert!(taken, "an attempt that the other side takes: {fact:?}");
    }
    let expired = matches!(facts[3], Fact::Failed { failure: Failure::Expired, .. });
    assert!(expired, "what is no longer valid is not sent, and the order is kept: {:?}", facts[3]);
    in_time(well.withdraw(AttemptKey { callout: "533324-never".into(), attempt: 99 })).await;
    let seen = in_time(well.check()).await;
    assert!(seen.is_ok(), "the check of a gateway that is well: {seen:?}");
    assert!(well.condition().well, "the condition of a gateway that is well: {:?}", well.condition());

    let absent = rig.absent().await;
    let facts = in_time(absent.submit(vec![rig.attempt(4), rig.attempt(5)])).await;
    let down = |fact: &Fact| matches!(fact, Fact::Failed { failure: Failure::GatewayDown, .. });
    assert!(facts.len() == 2 && facts.iter().all(down), "nobody listens, so nothing was taken: {facts:?}");
    assert!(in_time(absent.check()).await.is_err(), "the check of a gateway where nobody listens");

    let silent = rig.silent().await;
    let facts = in_time(silent.submit(vec![rig.attempt(6)])).await;
    let open = |fact: &Fact| down(fact) || matches!(fact, Fact::Unknown { .. });
    assert!(facts.len() == 1 && facts.iter().all(open), "the other side says nothing: {facts:?}");
    assert!(in_time(silent.check()).await.is_err(), "the check of a gateway that says nothing");
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT, what).await.expect("a gateway hangs")
}
