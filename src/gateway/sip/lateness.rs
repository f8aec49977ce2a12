//! How late packets of media left, measured packet by packet.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Tenths of a millisecond that are told apart; what is later is one class.
const CLASSES: usize = 2_000;

/// How late packets left, against the moments that they were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Packets that were sent.
    pub packets: u64,
    /// Half of them left no later than this, to a tenth of a millisecond.
    pub p50: Duration,
    /// 99 of 100 of them did.
    pub p99: Duration,
    /// The latest.
    pub max: Duration,
}

/// Counts as packets leave; cheap enough for each.
pub(super) struct Counts {
    classes: Vec<AtomicU64>,
    max_us: AtomicU64,
}

// === impl Counts ===

impl Default for Counts {
    fn default() -> Self {
        Self { classes: (0..=CLASSES).map(|_| AtomicU64::new(0)).collect(), max_us: AtomicU64::new(0) }
    }
}

impl Counts {
    pub(super) fn note(&self, late: Duration) {
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let class = usize::try_from(us / 100).map_or(CLASSES, |class| class.min(CLASSES));
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Lateness {
        let counts: Vec<u64> = self.classes.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        let packets: u64 = counts.iter().sum();
        let max = Duration::from_micros(self.max_us.load(Ordering::Relaxed));
        // The end of the class in which the share is reached.
        let share = |of_100: u64| {
            let wanted = (packets * of_100).div_ceil(100);
            let mut so_far = 0;
            let class = counts.iter().position(|count| {
                so_far += count;
                so_far >= wanted
            });
            let told_apart = class.filter(|class| *class < CLASSES);
            told_apart.map_or(max, |class| Duration::from_micros((class as u64 + 1) * 100)).min(max)
        };
        Lateness { packets, p50: share(50), p99: share(99), max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_packets() {
        let counts = Counts::default();
        assert_eq!(counts.read(), Lateness::default());
        (0..99).for_each(|_| counts.note(Duration::from_micros(250)));
        counts.note(Duration::from_millis(7));
        let read = counts.read();
        assert_eq!((read.packets, read.p50, read.p99), (100, Duration::from_micros(300), Duration::from_micros(300)));
        assert_eq!(read.max, Duration::from_millis(7));
        (0..3).for_each(|_| counts.note(Duration::from_secs(3)));
        assert_eq!(counts.read().p99, Duration::from_secs(3), "beyond all classes");
    }
}
