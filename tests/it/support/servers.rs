//! The private servers that `tests/run` starts.

use super::say;
use std::env;

/// The administrator's URL of the PostgreSQL to test on; `None` when tests shall do without servers.
///
/// # Panics
/// When there is no server and nobody said to do without.
pub fn postgres() -> Option<String> {
    server("JIAOYING_TEST_POSTGRES", "PostgreSQL")
}

/// The URL of the RabbitMQ to test on; `None` when tests shall do without servers.
///
/// # Panics
/// When there is no server and nobody said to do without.
pub fn amqp() -> Option<String> {
    server("JIAOYING_TEST_AMQP", "RabbitMQ")
}

/// The Python in which `tests/foreign.py` runs; `None` when tests shall do without servers.
///
/// # Panics
/// When there is none and nobody said to do without.
pub fn judges() -> Option<String> {
    server("JIAOYING_TEST_JUDGES", "set of foreign parsers")
}

/// Whether the long tests are asked for (`tests/run --all`).
pub fn all() -> bool {
    env::var("JIAOYING_TEST_ALL").is_ok_and(|v| v == "1")
}

fn server(variable: &str, what: &str) -> Option<String> {
    match env::var(variable) {
        Ok(url) => Some(url),
        Err(_) if env::var("JIAOYING_TEST_SKIP_SERVERS").is_ok_and(|v| v == "1") => {
            say(&format!("skipped: no {what}, as JIAOYING_TEST_SKIP_SERVERS=1 says"));
            None
        }
        Err(_) => panic!(
            "{variable} is not set. Run the tests by tests/run, which starts a private {what}, \
             or leave such tests out by JIAOYING_TEST_SKIP_SERVERS=1"
        ),
    }
}
