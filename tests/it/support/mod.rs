//! What several test modules need: the private servers and a store to test on.

pub mod servers;
pub mod store;

/// Begins a call and drops it after a little while: timers are too coarse to hit the moments between
/// a question and its answer.
pub async fn dropped(call: impl Future, yields: u32) {
    tokio::select! {
        biased;
        _ended = call => {}
        () = async { for _ in 0..yields { tokio::task::yield_now().await; } } => {}
    }
}
