//! The breaker of a gateway: closed while it works, open while it does not, and one attempt that tries in between.
//!
//! ```text
//!         failures in a row, or too many of the last ones
//! closed ────────────────────────────────────────────────▶ open ◀───┐
//!    ▲                                                       │       │ it fails: the next pause is longer
//!    │                   it succeeds                         ▼ the pause is over, and nothing is in flight
//!    └──────────────────────────────────────────────────── probing ─┘
//! ```
//!
//! Time comes in with every word, so that it runs on any clock. While it is open nothing that comes in counts: it is about
//! attempts from before. A probe goes alone, so that whatever is told then is about it.

use crate::model::Timestamp;

/// The last results that are looked at for the share of failures.
const RECENT: u32 = 20;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures_max: u32,
    /// Percent of the last 20 results that open it when they failed.
    pub percent_max: u32,
    /// Milliseconds before the first probe; they double with each probe that fails.
    pub pause_ms: i64,
    /// Milliseconds between probes, at most.
    pub pause_ms_max: i64,
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything goes through.
    Closed,
    /// Nothing goes through.
    Open {
        /// Since when it has not been closed.
        since: Timestamp,
        /// When one attempt may try.
        until: Timestamp,
    },
    /// One attempt tries.
    Probing {
        /// Since when it has not been closed.
        since: Timestamp,
    },
}

/// What may go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Everything.
    Flow,
    /// One attempt.
    Probe,
}

/// The breaker of one gateway.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: BreakerState,
    pause_ms: i64,
    in_row: u32,
    /// One bit per result, the newest lowest, set for a failure; and how many there are.
    recent: (u32, u32),
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures_max: 5, percent_max: 50, pause_ms: 1_000, pause_ms_max: 30_000 }
    }
}

// === impl Breaker ===

impl Breaker {
    /// A closed one that has seen nothing.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: BreakerState::Closed, pause_ms: settings.pause_ms, in_row: 0, recent: (0, 0) }
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// What may go through at `now`; `None` for nothing.
    #[must_use]
    pub fn pass(&self, now: Timestamp) -> Option<Pass> {
        match self.state {
            BreakerState::Closed => Some(Pass::Flow),
            BreakerState::Open { until, .. } => (until <= now).then_some(Pass::Probe),
            BreakerState::Probing { .. } => None,
        }
    }

    /// An attempt goes through; of an open one it is the probe.
    pub fn passed(&mut self) {
        if let BreakerState::Open { since, .. } = self.state {
            self.state = BreakerState::Probing { since };
        }
    }

    /// The probe was never sent: another one may try at once.
    pub fn unused(&mut self, now: Timestamp) {
        if let BreakerState::Probing { since } = self.state {
            self.state = BreakerState::Open { since, until: now };
        }
    }

    /// The gateway took an attempt, or refused it in good order.
    pub fn succeeded(&mut self) {
        match self.state {
            BreakerState::Closed => {
                self.in_row = 0;
                self.note(false);
            }
            BreakerState::Probing { .. } => *self = Self::new(self.settings),
            BreakerState::Open { .. } => {}
        }
    }

    /// The gateway could not be reached, asked to wait, or left it unknown what became of an attempt. True when this
    /// opens it.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        match self.state {
            BreakerState::Closed => {
                self.in_row += 1;
                self.note(true);
                let (failed, seen) = (self.recent.0.count_ones(), self.recent.1);
                let often = seen == RECENT && failed * 100 >= self.settings.percent_max * RECENT;
                let opens = often || self.in_row >= self.settings.failures_max;
                if opens {
                    self.state = BreakerState::Open { since: now, until: now.plus_ms(self.pause_ms) };
                }
                opens
            }
            BreakerState::Probing { since } => {
                self.pause_ms = self.pause_ms.saturating_mul(2).min(self.settings.pause_ms_max);
                self.state = BreakerState::Open { since, until: now.plus_ms(self.pause_ms) };
                false
            }
            BreakerState::Open { .. } => false,
        }
    }

    fn note(&mut self, failed: bool) {
        let (bits, seen) = self.recent;
        self.recent = ((bits << 1 | u32::from(failed)) & ((1 << RECENT) - 1), (seen + 1).min(RECENT));
    }
}

// === impl BreakerState ===

impl BreakerState {
    /// The stable name in code, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::Probing { .. } => "probing",
        }
    }

    /// Since when it has not been closed.
    #[must_use]
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Self::Closed => None,
            Self::Open { since, .. } | Self::Probing { since } => Some(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(0).plus_ms(ms)
    }

    fn open_at(ms: i64) -> Breaker {
        let mut breaker = Breaker::new(BreakerSettings::default());
        (0..4).for_each(|_| assert!(!breaker.failed(at(ms))));
        assert!(breaker.failed(at(ms)));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_probe_closes_it() {
        let mut breaker = open_at(0);
        assert_eq!((breaker.pass(at(999)), breaker.pass(at(1000))), (None, Some(Pass::Probe)));
        breaker.passed();
        assert_eq!(breaker.pass(at(5000)), None, "one, and no other beside it");
        breaker.succeeded();
        assert_eq!(breaker.pass(at(5000)), Some(Pass::Flow));
        (0..4).for_each(|_| assert!(!breaker.failed(at(5000)), "it begins anew"));
    }

    #[test]
    fn each_probe_that_fails_makes_the_pause_longer_up_to_the_most() {
        let mut breaker = open_at(0);
        let (mut now, mut pauses) = (at(1000), Vec::new());
        for _ in 0..7 {
            breaker.passed();
            breaker.failed(now);
            let BreakerState::Open { until, since } = breaker.state() else { panic!("{:?}", breaker.state()) };
            assert_eq!(since, at(0));
            pauses.push(until.ms_since(now));
            now = until;
        }
        assert_eq!(pauses, [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn half_of_the_last_twenty_open_it_and_single_failures_do_not() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        for i in 0..200 {
            assert!(!(if i % 3 == 0 { breaker.failed(at(i)) } else { breaker.succeeded_here() }), "a third: {i}");
        }
        let opened = (0..20).any(|i| if i % 2 == 0 { breaker.failed(at(i)) } else { breaker.succeeded_here() });
        assert!(opened, "every second one");
    }

    #[test]
    fn a_probe_that_was_never_sent_leaves_the_turn_to_the_next() {
        let mut breaker = open_at(0);
        breaker.succeeded();
        assert_eq!(breaker.pass(at(10)), None, "what was sent before it opened counts no more");
        breaker.passed();
        breaker.unused(at(1500));
        assert_eq!(breaker.pass(at(1500)), Some(Pass::Probe));
    }

    impl Breaker {
        fn succeeded_here(&mut self) -> bool {
            self.succeeded();
            false
        }
    }
}
