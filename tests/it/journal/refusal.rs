//! Leases, fencing, and callers that stop waiting.

use super::make::{commit, group, item, message, records};
use crate::support::dropped;
use crate::support::store::Store;
use jiaoying::journal::{Batch, Group, JournalError, Lease, open};
use jiaoying::model::{Colour, StreamId};
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};

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

/// The check of the lease is no glance: it waits for a takeover that has begun, and is refused.
pub async fn a_takeover_under_way_holds_back_the_former_holder(s: Store) {
    acquire(&s, "one", LONG_MS).await;
    let mut other = PgConnection::connect(s.url.as_ref().unwrap()).await.unwrap();
    let mut takeover = other.begin().await.unwrap();
    sqlx::raw_sql("update lease set epoch = 2").execute(&mut *takeover).await.unwrap();
    let mut commit = s.journal.commit(Batch { lease: Some(lease(1)), groups: vec![group("a", 0, 1)] });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut commit).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    takeover.commit().await.unwrap();
    assert_eq!(commit.await, Err(JournalError::Fenced { cell: "yn".into(), mine: 1, held: 2 }));
}

pub async fn a_lease_given_back_is_free_at_once(s: Store) {
    acquire(&s, "one", LONG_MS).await;
    s.journal.release(lease(7)).await.unwrap();
    assert_eq!(acquire(&s, "two", LONG_MS).await, None, "a foreign epoch releases nothing");
    s.journal.release(lease(1)).await.unwrap();
    assert_eq!(acquire(&s, "one", LONG_MS).await, Some(lease(2)), "even the same holder gets a new epoch");
}

pub async fn the_holder_is_told_and_who_knows_it_dead_gives_its_lease_back(s: Store) {
    let holder = async || s.journal.holder("yn".into()).await.unwrap();
    assert_eq!(holder().await, None);
    acquire(&s, "dead", LONG_MS).await;
    let (held, by) = holder().await.unwrap();
    assert_eq!((held.epoch, by.as_str()), (1, "dead"));
    s.journal.release(held.clone()).await.unwrap();
    assert_eq!(holder().await, None);
    assert_eq!(acquire(&s, "next", LONG_MS).await, Some(lease(2)));
    s.journal.release(held).await.unwrap();
    assert_eq!(holder().await, Some((lease(2), "next".into())), "what was looked at before is not the next one's");
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

/// A commit that began is stored, wholly and at once, though nobody waits for it any longer.
pub async fn a_dropped_commit_is_stored_all_the_same(s: Store) {
    for round in 0..40 {
        let streams: Vec<StreamId> = (0..20).map(|n| format!("r{round}/{n}").into()).collect();
        let groups = streams.iter().map(|name| group(name.as_str(), 0, 5)).collect();
        dropped(s.journal.commit(Batch { lease: None, groups }), round * 25).await;
        let begun = Instant::now();
        let mut first = None;
        while first != Some(5) {
            assert!(begun.elapsed() < Duration::from_secs(20), "round {round}: it was not stored");
            first = Some(s.journal.read(streams[0].clone(), 0, 9).await.unwrap().len());
        }
        // Whoever sees one of the streams sees all.
        for name in &streams {
            assert_eq!(s.journal.read(name.clone(), 0, 9).await.unwrap(), records(name.as_str(), 0, 5));
        }
    }
}

pub async fn many_dropped_calls_leave_a_working_store(s: Store) {
    commit(&*s.journal, vec![group("a", 0, 1)]).await;
    for i in 0..300 {
        let groups = vec![group(&format!("d{i}"), 0, 1)];
        let calls = async {
            s.journal.read("a".into(), 0, 9).await.unwrap();
            s.journal.commit(Batch { lease: None, groups }).await.unwrap();
            s.journal.set_cursors("f".into(), vec![("a".into(), 1)]).await.unwrap();
        };
        dropped(calls, i * 13 % 200).await;
    }
    for n in 1..30 {
        assert_eq!(commit(&*s.journal, vec![group("a", n, n + 1)]).await, [Ok(())]);
        assert_eq!(s.journal.read("a".into(), 0, 99).await.unwrap().len() as u64, n + 1);
    }
    // What was said to be stored is seen by others too: it is not inside a transaction that nobody ends.
    if let Some(url) = &s.url {
        let other = open(url).await.unwrap();
        assert_eq!(other.read("a".into(), 0, 99).await.unwrap(), records("a", 0, 30));
    }
}

#[tokio::test]
async fn no_error_of_opening_tells_the_password() {
    for url in [
        "postgres://jiaoying:hunter2@127.0.0.1:1/jiaoying",
        "postgres://jiaoying:hunter2@[nowhere/jiaoying",
        "postgres://jiaoying:hunter2/x@127.0.0.1/jiaoying",
        "postgres://jiaoying:hunter2@no.such.host.invalid/jiaoying?sslmode=hunter",
        "mysql://jiaoying:hunter2@127.0.0.1/jiaoying",
        "hunter2",
        "sqlite::memory:",
        "sqlite:/no/such/folder/journal.db",
    ] {
        let Err(e) = open(url).await else { panic!("{url} opened") };
        assert!(matches!(e, JournalError::Unavailable(_)));
        assert!(!format!("{e} {e:?}").contains("hunter2"), "{e}");
        println!("{e}");
    }
}
