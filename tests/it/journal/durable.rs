//! What outlives the process, and what many tasks at once may do.

use super::make::{blob, callout, commit, group, item, message, parked, records, salt};
use crate::support::store::Store;
use futures::future::join_all;
use jiaoying::journal::{Batch, Group, JournalError, Lease, SelectCallouts, open, verify_chain};
use jiaoying::model::{Colour, Timestamp};
use sqlx::{Connection, PgConnection};

pub async fn everything_is_there_after_opening_again(s: Store) {
    let url = s.url.clone().unwrap();
    let lease = s.journal.acquire("yn".into(), "one".into(), 600_000).await.unwrap();
    let all = Group {
        taken: vec![],
        posts: vec![item("i", Colour::Red, 1)],
        message: Some(message("m")),
        callouts: vec![callout("a", 1, None)],
        blobs: vec![blob(b"x")],
        salts: vec![salt("p", 1)],
        ..group("a", 0, 3)
    };
    s.journal.commit(Batch { lease, groups: vec![all] }).await.unwrap();
    s.journal.park(parked("k", 1)).await.unwrap();
    s.journal.put_directory(true, Timestamp(1), vec![b"d".into()]).await.unwrap();
    s.journal.set_cursors("board".into(), vec![("a".into(), 2)]).await.unwrap();
    drop(s);

    let j = open(&url).await.unwrap();
    assert_eq!(j.read("a".into(), 0, 9).await.unwrap(), records("a", 0, 3));
    assert_eq!(j.inbox(vec![], 9).await.unwrap(), [item("i", Colour::Red, 1)]);
    assert_eq!(j.message("530000".into(), "m".into()).await.unwrap(), Some(message("m")));
    assert_eq!(j.callouts(SelectCallouts::Open).await.unwrap(), [callout("a", 1, None)]);
    assert_eq!(j.blob(blob(b"x").digest).await.unwrap(), Some(blob(b"x")));
    assert_eq!(j.salt("p".into()).await.unwrap(), Some([1; 32]));
    assert_eq!(j.parked(9).await.unwrap(), [parked("k", 1)]);
    assert_eq!(j.directory(None).await.unwrap().unwrap().chunks, [b"d"]);
    assert_eq!(j.cursors("board".into()).await.unwrap(), [("a".into(), 2)]);
    assert_eq!(j.acquire("yn".into(), "two".into(), 1).await.unwrap(), None);
    let again = j.acquire("yn".into(), "one".into(), 1).await.unwrap();
    assert_eq!(again, Some(Lease { cell: "yn".into(), epoch: 1 }));
}

/// Writers race for the same places with batches in different orders: each place goes to one, no call
/// errs (a deadlock would), and all chains verify.
pub async fn many_writers_on_many_streams_lose_nothing(s: Store) {
    let writers = (0..6_usize).map(|w| {
        let journal = s.journal.clone();
        tokio::spawn(async move {
            let mut won = 0;
            for n in 0..15 {
                let mut groups: Vec<_> = (0..8)
                    .map(|k| Group {
                        posts: vec![item(&format!("{k}/{n}"), Colour::Blue, 1)],
                        callouts: vec![callout(&format!("s{k}"), n as i64, None)],
                        ..group(&format!("s{k}"), n, n + 1)
                    })
                    .collect();
                groups.rotate_left(w);
                won += commit(&*journal, groups).await.iter().filter(|r| r.is_ok()).count();
            }
            won
        })
    });
    let won: usize = join_all(writers).await.into_iter().map(Result::unwrap).sum();
    let mut stored = 0;
    for k in 0..8 {
        let chain = s.journal.read(format!("s{k}").into(), 0, 999).await.unwrap();
        verify_chain(&chain).unwrap();
        stored += chain.len();
    }
    assert_eq!(stored, 8 * 15);
    assert_eq!(won, stored);
}

/// The server restarts, or a firewall forgets: a connection that was lost just now fails one caller at most,
/// who tries again; then calls go through new ones.
pub async fn lost_connections_are_replaced(s: Store) {
    const CONNECTIONS: usize = 10;
    let mut db = PgConnection::connect(s.url.as_ref().unwrap()).await.unwrap();
    let unavailable = |e: &JournalError| assert!(matches!(e, JournalError::Unavailable(_)), "{e}");
    for n in 0..5 {
        let mut failed = 0;
        let batch = || Batch { lease: None, groups: vec![group("a", n, n + 1)] };
        while let Err(e) = s.journal.commit(batch()).await.map(|stored| assert_eq!(stored, [Ok(())])) {
            unavailable(&e);
            failed += 1;
        }
        while let Err(e) = s.journal.read("a".into(), 0, 9).await.map(|read| assert_eq!(read, records("a", 0, n + 1))) {
            unavailable(&e);
            failed += 1;
        }
        assert!(failed <= CONNECTIONS, "{failed} calls failed");
        let ended = sqlx::raw_sql(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()",
        );
        assert!(ended.execute(&mut db).await.unwrap().rows_affected() > 0);
    }
}

/// PostgreSQL's text holds no zero byte. The error says that trying again is useless.
pub async fn what_cannot_be_stored_is_not_tried_for_ever(s: Store) {
    let groups = vec![Group { message: Some(message("zero\0byte")), ..Group::default() }];
    let e = s.journal.commit(Batch { lease: None, groups }).await.unwrap_err();
    assert!(matches!(e, JournalError::Damaged { .. }), "{e}");
    assert_eq!(commit(&*s.journal, vec![group("a", 0, 1)]).await, [Ok(())]);
}

/// A statement whose plan was made on empty tables must not read whole tables once they are full.
pub async fn reads_stay_keyed_after_the_tables_fill(s: Store) {
    let mut db = PgConnection::connect(s.url.as_ref().unwrap()).await.unwrap();
    // Before it has seen a table the planner takes it for larger than it is.
    sqlx::raw_sql("analyze").execute(&mut db).await.unwrap();
    // Often enough on each connection for a plan to be kept.
    use_keys(&s, "warm", 100).await;
    let filled = |k: usize| {
        let name = format!("s{k}");
        Group { message: Some(message(&name)), blobs: vec![blob(name.as_bytes())], ..group(&name, 0, 3) }
    };
    commit(&*s.journal, (0..4000).map(filled).collect()).await;
    use_keys(&s, "full", 100).await;
    drop(s);
    // Sessions tell what they scanned when they end; filling itself looks at each stream once.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let scanned: i64 = sqlx::query_scalar("select sum(seq_tup_read)::bigint from pg_stat_user_tables")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert!(scanned < 1_000_000, "whole tables were read: {scanned} rows");
}

/// Goes by the keys of the tables.
async fn use_keys(s: &Store, stream: &str, times: u64) {
    for n in 0..times {
        s.journal.read("s0".into(), 0, 1).await.unwrap();
        s.journal.message("530000".into(), "s0".into()).await.unwrap();
        s.journal.blob(blob(b"s0").digest).await.unwrap();
        commit(&*s.journal, vec![group(stream, n, n + 1)]).await;
    }
}
