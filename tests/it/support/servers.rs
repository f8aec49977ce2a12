//! The private servers that `tests/run` starts.

use super::say;
use std::env;
use std::process::Stdio;
use tokio::process::Command;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Tests share the broker; those that stop it or stop it up do not.
static BROKER: RwLock<()> = RwLock::const_new(());

/// The right to use the broker, beside others or alone; held as long as it lives.
#[expect(dead_code, reason = "held, never read")]
pub enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

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
pub async fn amqp() -> Option<(String, Turn)> {
    let url = server("JIAOYING_TEST_AMQP", "RabbitMQ")?;
    Some((url, Turn::Shared(BROKER.read().await)))
}

/// The same, and no other test uses the broker meanwhile.
pub async fn amqp_alone() -> Option<(String, Turn)> {
    let url = server("JIAOYING_TEST_AMQP", "RabbitMQ")?;
    Some((url, Turn::Alone(BROKER.write().await)))
}

/// `tests/services.sh rabbitmq ACT`.
pub async fn rabbitmq(act: &str) {
    let script = env::var("JIAOYING_TEST_SERVICES").expect("JIAOYING_TEST_SERVICES names the services script");
    let run = Command::new(script).args(["rabbitmq", act]).stdout(Stdio::null()).status();
    assert!(run.await.unwrap().success(), "rabbitmq {act}");
}

/// The Python in which `tests/foreign.py` runs; `None` when tests shall do without servers.
///
/// # Panics
/// When there is none and nobody said to do without.
pub fn judges() -> Option<String> {
    server("JIAOYING_TEST_JUDGES", "set of foreign parsers")
}

/// The folder with what the programs in `tests/peers` stand on: `node_modules` and `python`; `None` when tests shall
/// do without servers.
///
/// # Panics
/// When there are none and nobody said to do without.
pub fn peers() -> Option<String> {
    server("JIAOYING_TEST_PEERS", "set of other sides")
}

/// The Python that has the libraries of vendors, for `tests/vendor_sdks.py`.
///
/// # Panics
/// When there is none and nobody said to do without.
pub fn sdks() -> Option<String> {
    server("JIAOYING_TEST_SDKS", "set of vendors' libraries")
}

/// The Python that has Jasmin, for `tests/peers/jasmind.py`; `None`, said aloud, when there is none or when long tests
/// are not asked for.
pub fn jasmin() -> Option<String> {
    let python = env::var("JIAOYING_TEST_JASMIN").unwrap_or_else(|_| "Jasmin".into());
    (!super::programs::absent(&python)).then_some(python)
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
