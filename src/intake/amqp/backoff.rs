//! Pauses between tries: doubling from a least to a most, with jitter, so that replicas spread out.

use super::AmqpConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

pub(super) struct Backoff {
    min_ms: u64,
    max_ms: u64,
    failures: u32,
    rng: StdRng,
}

// === impl Backoff ===

impl Backoff {
    pub(super) fn new(config: &AmqpConfig, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { min_ms: config.backoff_min_ms, max_ms: config.backoff_max_ms, failures: 0, rng }
    }

    /// Counts a failure.
    pub(super) fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause due now: none before the first failure, then between half and all of the doubled time.
    pub(super) fn pause(&mut self) -> Duration {
        if self.failures == 0 {
            return Duration::ZERO;
        }
        let doubled = self.min_ms.saturating_mul(1 << (self.failures - 1).min(30)).min(self.max_ms);
        Duration::from_millis(self.rng.random_range(doubled / 2..=doubled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_within_its_bounds_and_begins_anew() {
        let mut backoff = Backoff::new(&AmqpConfig::default(), 7);
        assert_eq!(backoff.pause(), Duration::ZERO);
        for n in 0..40_u32 {
            backoff.fail();
            let most = (100_u64 << n.min(20)).min(10_000);
            let pause = backoff.pause().as_millis() as u64;
            assert!((most / 2..=most).contains(&pause), "{n}: {pause}");
        }
        backoff.reset();
        assert_eq!(backoff.pause(), Duration::ZERO);
    }
}
