//! Connections to PostgreSQL and what keeps a bad one from harm.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};
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

/// Connections that rested longer are asked whether they are still there before they are used.
const RESTED: Duration = Duration::from_secs(1);

/// A pool of at most `size` connections. Nothing begins a transaction on them: a call that is dropped while
/// it begins one can leave one behind, and the next borrower's writes would vanish with it (sqlx 4393).
pub(super) async fn pool(options: &PgConnectOptions, size: u32) -> sqlx::Result<PgPool> {
    let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(PATIENCE).max_lifetime(LIFETIME);
    // The pool asks each time by itself, which is a round trip before every statement.
    let pool = pool.test_before_acquire(false).before_acquire(|db, meta| {
        Box::pin(async move {
            if meta.idle_for > RESTED {
                db.ping().await?;
            }
            Ok(true)
        })
    });
    pool.connect_with(options.clone().options(SETTINGS)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::postgres::testing;

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
