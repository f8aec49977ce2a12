//! Connections to PostgreSQL and what keeps a bad one from harm.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use std::time::Duration;

/// How long a call waits for a free connection.
const PATIENCE: Duration = Duration::from_secs(5);
const LIFETIME: Duration = Duration::from_secs(600);

/// Limits that the server keeps, so that a transaction nobody ends cannot hold locks for long.
///
/// Statements are planned each time they run: a plan kept from when a table was empty reads the
/// whole table for ever after.
const SETTINGS: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "15s"),
    ("lock_timeout", "5s"),
    ("statement_timeout", "10s"),
    ("plan_cache_mode", "force_custom_plan"),
];

/// A pool of at most `size` connections.
pub(super) async fn pool(options: &PgConnectOptions, size: u32) -> sqlx::Result<PgPool> {
    let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(PATIENCE).max_lifetime(LIFETIME);
    let pool = pool.after_release(|db, _| Box::pin(outside_transaction(db)));
    pool.connect_with(options.clone().options(SETTINGS)).await
}

/// Whether a connection that comes back has no transaction open. A call that was dropped while it
/// began one can leave one behind, and the next borrower's writes would vanish with it (sqlx 4393).
/// The simple protocol is needed: it also drains what the server still owes.
async fn outside_transaction(db: &mut PgConnection) -> sqlx::Result<bool> {
    use sqlx::{Executor, Row};
    db.fetch_one(sqlx::raw_sql("select now() = statement_timestamp()")).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::postgres::testing;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_begin_that_was_dropped_never_leaves_its_transaction_to_the_next() {
        let Some(options) = testing::server() else { return };
        let pool = pool(&options, 2).await.unwrap();
        for i in 0..600 {
            tokio::select! {
                biased;
                _begun = pool.begin() => {}
                () = yields(i % 40) => {}
            }
            let mut db = pool.acquire().await.unwrap();
            assert!(outside_transaction(&mut db).await.unwrap(), "poisoned after {i} dropped calls");
        }
    }

    /// A little while: timers are too coarse to hit the moment between a question and its answer.
    async fn yields(times: u32) {
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_server_keeps_the_limits() {
        let Some(options) = testing::server() else { return };
        let pool = pool(&options, 1).await.unwrap();
        for (name, value) in SETTINGS {
            let set: String =
                sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&pool).await.unwrap();
            assert_eq!(set, value, "{name}");
        }
    }
}
