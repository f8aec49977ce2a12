//! Leases, fencing, and callers that stop waiting.

use super::make::{commit, group, item, message, records};
use crate::support::store::Store;
use jiaoying::journal::{Batch, Group, Journal, JournalError, Lease, verify_chain};
use jiaoying::model::Colour;
use std::time::Duration;

/// Long enough that no lease runs out while a slow machine is at it.
const LONG_MS: i64 = 600_000;

async fn acquire(s: &Store, holder: &str, ttl_ms: i64) -> Option<Lease> {
    s.journal.acquire("yn".into(), holder.into(), ttl_ms).await.unwrap()
}

fn lease(epoch: u64) -> Lease {
    Lease { cell: "yn".into(), epoch }
}

pub async fn one_holder_at_a_time(s: Store) {
    assert_eq!(acquire(&s, "one", LONG_MS).await, Some(lease(1)));
    assert_eq!(acquire(&s, "two", LONG_MS).await, None);
    assert_eq!(acquire(&s, "one", LONG_MS).await, Some(lease(1)), "a renewal keeps the epoch");
    let other = s.journal.acquire("gz".into(), "two".into(), LONG_MS).await.unwrap();
    assert_eq!(other, Some(Lease { cell: "gz".into(), epoch: 1 }), "cells do not share leases");
}

pub async fn an_expired_lease_is_taken_over_and_fences_the_former_holder(s: Store) {
    assert_eq!(acquire(&s, "one", 50).await, Some(lease(1)));
    let batch = |epoch, n| Batch { lease: Some(lease(epoch)), groups: vec![group("a", n, n + 1)] };
    s.pass(60).await;
    s.journal.commit(batch(1, 0)).await.unwrap();
    assert_eq!(acquire(&s, "two", LONG_MS).await, Some(lease(2)));
    let fenced = JournalError::Fenced { cell: "yn".into(), mine: 1, held: 2 };
    assert_eq!(s.journal.commit(batch(1, 1)).await, Err(fenced));
    assert_eq!(s.journal.commit(batch(2, 1)).await, Ok(vec![Ok(())]));
    assert_eq!(acquire(&s, "one", LONG_MS).await, None);
    assert_eq!(s.journal.read("a".into(), 0, 9).await.unwrap(), records("a", 0, 2));
}

pub async fn a_lease_given_back_is_free_at_once(s: Store) {
    acquire(&s, "one", LONG_MS).await;
    s.journal.release(lease(7)).await.unwrap();
    assert_eq!(acquire(&s, "two", LONG_MS).await, None, "a foreign epoch releases nothing");
    s.journal.release(lease(1)).await.unwrap();
    assert_eq!(acquire(&s, "one", LONG_MS).await, Some(lease(2)), "even the same holder gets a new epoch");
}

pub async fn a_fenced_batch_stores_nothing(s: Store) {
    acquire(&s, "one", 0).await;
    s.pass(2).await;
    acquire(&s, "two", LONG_MS).await;
    let posts = vec![item("i", Colour::Red, 1)];
    let groups = vec![Group { posts, message: Some(message("m")), ..Group::default() }, group("a", 0, 1)];
    s.journal.commit(Batch { lease: Some(lease(1)), groups }).await.unwrap_err();
    assert!(s.journal.commit(Batch { lease: Some(lease(1)), groups: vec![] }).await.is_err(), "even an empty one");
    assert_eq!(s.journal.read("a".into(), 0, 9).await.unwrap(), []);
    assert_eq!(s.journal.inbox(vec![], 9).await.unwrap(), []);
    assert_eq!(s.journal.message("530000".into(), "m".into()).await.unwrap(), None);
}

pub async fn a_lease_nobody_took_writes_nothing(s: Store) {
    let fenced = JournalError::Fenced { cell: "yn".into(), mine: 1, held: 0 };
    assert_eq!(s.journal.commit(Batch { lease: Some(lease(1)), groups: vec![group("a", 0, 1)] }).await, Err(fenced));
}

/// The streams of a batch that was dropped are all there or all missing, and can be written again.
pub async fn a_dropped_commit_is_whole_or_nothing(s: Store) {
    let (mut whole, mut nothing) = (0, 0);
    for round in 0..40_u64 {
        let streams: Vec<String> = (0..20).map(|n| format!("r{round}/{n}")).collect();
        let batch = Batch { lease: None, groups: streams.iter().map(|name| group(name, 0, 5)).collect() };
        let patience = Duration::from_micros(round * 150);
        let _dropped = tokio::time::timeout(patience, s.journal.commit(batch.clone())).await;
        let settled = settle(&*s.journal, &streams).await;
        if settled {
            whole += 1;
        } else {
            nothing += 1;
            assert!(s.journal.commit(batch).await.unwrap().iter().all(Result::is_ok), "round {round}");
        }
        for name in &streams {
            verify_chain(&s.journal.read(name.clone().into(), 0, 9).await.unwrap()).unwrap();
        }
    }
    println!("dropped commits: {whole} stored, {nothing} never begun");
}

/// Waits until a batch stands wholly, or has had time to and does not; half a batch is a failure.
async fn settle(journal: &dyn Journal, streams: &[String]) -> bool {
    for _ in 0..20 {
        let mut there = Vec::new();
        // Backwards: whoever sees the last stream sees all, if the batch was stored at once.
        for name in streams.iter().rev() {
            there.push(journal.read(name.clone().into(), 0, 9).await.unwrap().len());
        }
        if there[0] == 5 {
            assert!(there.iter().all(|n| *n == 5), "half a batch: {there:?}");
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

pub async fn many_dropped_calls_leave_a_working_store(s: Store) {
    commit(&*s.journal, vec![group("a", 0, 1)]).await;
    for i in 0..300_u64 {
        let groups = vec![group(&format!("d{i}"), 0, 1)];
        let calls = async {
            s.journal.read("a".into(), 0, 9).await.unwrap();
            s.journal.commit(Batch { lease: None, groups }).await.unwrap();
            s.journal.set_cursors("f".into(), vec![("a".into(), i)]).await.unwrap();
        };
        let _dropped = tokio::time::timeout(Duration::from_micros(i * 13 % 1500), calls).await;
    }
    for n in 1..30 {
        assert_eq!(commit(&*s.journal, vec![group("a", n, n + 1)]).await, [Ok(())]);
        assert_eq!(s.journal.read("a".into(), 0, 99).await.unwrap().len() as u64, n + 1);
    }
    // What was said to be stored is seen by others too: it is not inside a transaction that nobody ends.
    if let Some(url) = &s.url {
        let other = jiaoying::journal::open(url).await.unwrap();
        assert_eq!(other.read("a".into(), 0, 99).await.unwrap(), records("a", 0, 30));
    }
}
