//! The server that unit tests use.

use sqlx::postgres::PgConnectOptions;

/// The server of `JIAOYING_TEST_POSTGRES`; `None` when tests shall do without servers.
///
/// # Panics
/// When the variable is missing and nobody said to do without.
pub(super) fn server() -> Option<PgConnectOptions> {
    match std::env::var("JIAOYING_TEST_POSTGRES") {
        Ok(url) => Some(url.parse().unwrap()),
        Err(_) if std::env::var("JIAOYING_TEST_SKIP_SERVERS").is_ok_and(|v| v == "1") => {
            println!("skipped: no PostgreSQL, as JIAOYING_TEST_SKIP_SERVERS=1 says");
            None
        }
        Err(_) => panic!("JIAOYING_TEST_POSTGRES is not set: run the tests by tests/run, which starts a PostgreSQL"),
    }
}
