//! A brake on guessing: wrong tries per minute of this process, whoever makes them.

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;

/// Counts wrong tries. Right ones never pass it, so a guesser cannot lock anybody out.
pub(super) struct Brake(DefaultDirectRateLimiter);

// === impl Brake ===

impl Brake {
    pub(super) fn per_minute(tries: NonZeroU32) -> Self {
        Self(RateLimiter::direct(Quota::per_minute(tries)))
    }

    /// Counts a wrong try. False when there were too many.
    pub(super) fn allows(&self) -> bool {
        self.0.check().is_ok()
    }
}
