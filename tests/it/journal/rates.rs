//! How fast the stores are, for people to read: `tests/run --all`.

use super::make::{item, records};
use crate::support::store::{Kind, Store, with_store};
use crate::support::{say, servers};
use jiaoying::journal::{Batch, Group, Record};
use jiaoying::model::{Colour, Digest, Timestamp};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn rates() {
    if !servers::all() {
        println!("skipped: rates are measured by tests/run --all");
        return;
    }
    with_store(Kind::Sqlite, |s| measure("SQLite", s)).await;
    with_store(Kind::Postgres, |s| measure("PostgreSQL", s)).await;
}

async fn measure(name: &'static str, s: Store) {
    for size in [1, 10, 100, 1000] {
        let batches: u64 = if size < 100 { 200 } else { 20 };
        let mut spent = Vec::new();
        for b in 0..batches {
            let groups = (0..size).map(|n| sample(&format!("{size}/{b}/{n}"))).collect();
            let begun = Instant::now();
            let results = s.journal.commit(Batch { lease: None, groups }).await.unwrap();
            spent.push(begun.elapsed());
            assert!(results.iter().all(Result::is_ok));
        }
        spent.sort();
        let total = spent.iter().sum::<std::time::Duration>().as_secs_f64();
        let rate = (batches * size) as f64 / total;
        say(&format!("{name}: batches of {size}: {rate:.0} records/s, median {:?}", spent[spent.len() / 2]));
    }
    inbox(name, &s).await;
}

/// A record as an attempt leaves it: a few events, 1.5 KB.
fn sample(stream: &str) -> Group {
    let entries: Vec<(Timestamp, String)> = (0..5).map(|n| (Timestamp(n), "x".repeat(280))).collect();
    let records = Record::chain(&stream.into(), 0, Digest::default(), Timestamp(1), &entries).unwrap();
    Group { records, ..Group::default() }
}

/// Drains a backlog of 10,000 commands as an engine does: 500 at a time.
async fn inbox(name: &str, s: &Store) {
    let posts = (0..10_000).map(|n| item(&format!("{n:05}"), Colour::ALL[n % 4], n as i64)).collect();
    s.journal.commit(Batch { lease: None, groups: vec![Group { posts, ..Group::default() }] }).await.unwrap();
    let (mut looked, mut took) = (Vec::new(), Vec::new());
    for n in 0.. {
        let begun = Instant::now();
        let items = s.journal.inbox(vec![], 500).await.unwrap();
        looked.push(begun.elapsed());
        if items.is_empty() {
            break;
        }
        let taken = items.into_iter().map(|i| i.id).collect();
        let group = Group { taken, records: records("cell/yn", n, n + 1), ..Group::default() };
        let begun = Instant::now();
        s.journal.commit(Batch { lease: None, groups: vec![group] }).await.unwrap();
        took.push(begun.elapsed());
    }
    say(&format!("{name}: inbox of 10,000: first look {:?}, last look {:?}", looked[0], looked[looked.len() - 1]));
    say(&format!("{name}: taking 500 of it: {:?}", took.iter().max().unwrap()));
}
