//! Pauses between tries: doubling from a least to a most, with jitter, so that replicas spread out.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// The pauses of one thing that is tried again and again.
#[derive(Debug)]
pub struct Backoff {
    min_ms: u64,
    max_ms: u64,
    failures: u32,
    rng: StdRng,
}

// === impl Backoff ===

impl Backoff {
    /// From `min_ms` to `max_ms`; the seed is from entropy.
    #[must_use]
    pub fn new(min_ms: u64, max_ms: u64, seed: u64) -> Self {
        Self { min_ms, max_ms, failures: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// Counts a failure; the pause after it.
    pub fn fail(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.pause()
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause due now: none before the first failure, then between half and all of the doubled time.
    pub fn pause(&mut self) -> Duration {
        let Some(doublings) = self.failures.checked_sub(1) else { return Duration::ZERO };
        let doubled = self.min_ms.saturating_mul(1 << doublings.min(30)).min(self.max_ms);
        self.jittered(doubled)
    }

    /// Between half and all of a time in milliseconds.
    pub fn jittered(&mut self, ms: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(ms / 2..=ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_within_its_bounds_and_begins_anew() {
        let mut backoff = Backoff::new(500, 30_000, 7);
        for round in 0..2 {
            assert_eq!(backoff.pause(), Duration::ZERO);
            for n in 0..40_u32 {
                let most = (500_u64 << n.min(20)).min(30_000);
                for pause in [backoff.fail(), backoff.pause()] {
                    let pause = pause.as_millis() as u64;
                    assert!((most / 2..=most).contains(&pause), "{round} {n}: {pause}");
                }
            }
            backoff.reset();
        }
    }
}
