//! How fast a lane really goes: gateways are slower than what is configured.

use crate::model::Timestamp;

/// Seconds after which a measurement weighs a third of a new one.
const MEMORY_S: f64 = 60.0;
/// Grants at the configured rate that count before anything is measured.
const PRIOR: f64 = 4.0;
/// Seconds that a voice call holds its line before any was measured.
const HOLDING_S: f64 = 45.0;

/// Attempts per second that a lane was granted on one channel while more waited.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    grants: f64,
    busy_s: f64,
    /// The last grant, when more waited behind it.
    since: Option<Timestamp>,
}

/// How long voice calls hold their lines: time held for each end, so that those still held count too.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    held_s: f64,
    ends: f64,
    at: Option<Timestamp>,
}

// === impl Pace, Holding ===

impl Pace {
    /// A pace that is taken to be `per_s` until it is measured.
    pub(super) fn new(per_s: f64) -> Self {
        Self { grants: PRIOR, busy_s: PRIOR / per_s.max(1e-3), since: None }
    }

    /// Something was granted; `more` waits behind it.
    pub(super) fn granted(&mut self, now: Timestamp, more: bool) {
        if let Some(since) = self.since {
            let passed = seconds(since, now);
            let weight = (-passed / MEMORY_S).exp();
            self.grants *= weight;
            self.busy_s = self.busy_s * weight + passed;
        }
        self.grants += 1.0;
        self.since = more.then_some(now);
    }

    /// Attempts per second; a silence that is longer than usual slows it down.
    pub(super) fn per_s(&self, now: Timestamp) -> f64 {
        let usual = self.busy_s / self.grants;
        let silent = self.since.map_or(0.0, |since| seconds(since, now) - usual).max(0.0);
        self.grants / (self.busy_s + silent)
    }
}

impl Holding {
    pub(super) fn new() -> Self {
        Self { held_s: HOLDING_S, ends: 1.0, at: None }
    }

    /// `lines` were held until now, and `ends` of them end now.
    pub(super) fn held(&mut self, lines: usize, ends: usize, now: Timestamp) {
        let passed = self.at.map_or(0.0, |at| seconds(at, now));
        let weight = (-passed / MEMORY_S).exp();
        self.held_s = self.held_s * weight + passed * lines as f64;
        self.ends = self.ends * weight + ends as f64;
        self.at = Some(now);
    }

    /// Mean seconds that a call holds its line.
    pub(super) fn mean_s(&self) -> f64 {
        (self.held_s / self.ends.max(1e-3)).max(1e-3)
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.micros_since(from).max(0) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(0).plus_ms(ms)
    }

    #[test]
    fn a_pace_becomes_what_is_measured_and_idle_time_does_not_count() {
        let mut pace = Pace::new(50.0);
        assert!((pace.per_s(at(0)) - 50.0).abs() < 1e-9, "as configured until measured");
        for i in 0..1000 {
            pace.granted(at(i * 500), true);
        }
        let last = 999 * 500;
        assert!((pace.per_s(at(last)) - 2.0).abs() < 0.1, "{}", pace.per_s(at(last)));
        let hung = pace.per_s(at(last + 60_000));
        assert!(hung < 1.5, "a gateway that hangs is slow: {hung}");
        pace.granted(at(last + 500), false);
        assert!((pace.per_s(at(last + 600_000)) - 2.0).abs() < 0.1, "nothing waited: that was no slowness");
    }

    #[test]
    fn holding_counts_the_calls_that_still_go_on() {
        let mut holding = Holding::new();
        // Ten lines, each call 20 s: half a call ends each second.
        holding.held(0, 0, at(0));
        for s in 1..=300 {
            holding.held(10, usize::from(s % 2 == 0), at(s * 1000));
        }
        assert!((holding.mean_s() - 20.0).abs() < 1.0, "{}", holding.mean_s());
    }
}
