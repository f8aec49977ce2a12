//! What several test modules need: the private servers and a store to test on.

pub mod programs;
pub mod servers;
pub mod service;
pub mod sink;
pub mod store;
pub mod tls;

use std::io::Write;

/// Begins a call and drops it after a little while: timers are too coarse to hit the moments between
/// a question and its answer.
pub async fn dropped(call: impl Future, yields: u32) {
    tokio::select! {
        biased;
        _ended = call => {}
        () = async { for _ in 0..yields { tokio::task::yield_now().await; } } => {}
    }
}

/// Tells people something although the test passes: what is printed the usual way is swallowed then.
pub fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The configuration that the first TOML block of a document makes.
pub fn documented(doc: &str) -> jiaoying::config::Config {
    let section = doc.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), section).unwrap();
    jiaoying::config::Config::load(Some(file.path()), std::iter::empty()).unwrap()
}
