//! The voice calls that hold a line, each with the time when it is given up at the latest.

use crate::model::{AttemptKey, CalloutId, GatewayId, Timestamp};
use foldhash::fast::FixedState;
use std::collections::{BTreeSet, HashMap};

/// Live voice calls.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: HashMap<AttemptKey, (GatewayId, Timestamp), FixedState>,
    /// The same by time.
    ends: BTreeSet<(Timestamp, AttemptKey)>,
}

// === impl Lines ===

impl Lines {
    /// A call holds a line of a gateway until `until`, when nobody says before that it ended.
    pub(super) fn hold(&mut self, key: AttemptKey, gateway: GatewayId, until: Timestamp) {
        self.free(&key);
        self.ends.insert((until, key.clone()));
        self.held.insert(key, (gateway, until));
    }

    /// The line of a call is given up at `by`, when it was not to be before that.
    pub(super) fn bound(&mut self, key: &AttemptKey, by: Timestamp) {
        let later = self.held.get(key).filter(|(_, until)| *until > by);
        if let Some(gateway) = later.map(|(gateway, _)| gateway.clone()) {
            self.hold(key.clone(), gateway, by);
        }
    }

    /// A call is over; the gateway whose line it held.
    pub(super) fn free(&mut self, key: &AttemptKey) -> Option<GatewayId> {
        let (gateway, until) = self.held.remove(key)?;
        self.ends.remove(&(until, key.clone()));
        Some(gateway)
    }

    /// The gateway whose line a call holds.
    pub(super) fn gateway(&self, key: &AttemptKey) -> Option<&GatewayId> {
        self.held.get(key).map(|(gateway, _)| gateway)
    }

    /// Whether a callout has a live call.
    pub(super) fn any_of(&self, callout: &CalloutId) -> bool {
        self.held.keys().any(|key| key.callout == *callout)
    }

    /// When the next line is given up.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// A call whose line is to be given up by now.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<AttemptKey> {
        self.ends.first().filter(|(until, _)| *until <= now).map(|(_, key)| key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_held_until_its_time_or_until_it_is_freed() {
        let mut lines = Lines::default();
        let key = |attempt| AttemptKey { callout: "c".into(), attempt };
        for (attempt, until) in [(0, 30), (1, 10), (2, 20)] {
            lines.hold(key(attempt), "g".into(), Timestamp(until));
        }
        assert_eq!((lines.next(), lines.overdue(Timestamp(9))), (Some(Timestamp(10)), None));
        assert_eq!(lines.overdue(Timestamp(10)), Some(key(1)));
        assert_eq!(lines.free(&key(1)), Some("g".into()));
        assert_eq!((lines.free(&key(1)), lines.next()), (None, Some(Timestamp(20))));
        // A time told anew is the one that counts.
        lines.hold(key(2), "g".into(), Timestamp(40));
        assert_eq!(lines.next(), Some(Timestamp(30)));
        // It is only ever made shorter.
        lines.bound(&key(2), Timestamp(50));
        lines.bound(&key(0), Timestamp(25));
        assert_eq!((lines.overdue(Timestamp(25)), lines.free(&key(0))), (Some(key(0)), Some("g".into())));
        assert_eq!(lines.next(), Some(Timestamp(40)));
        assert!(lines.any_of(&"c".into()) && !lines.any_of(&"d".into()));
        assert_eq!(lines.gateway(&key(2)), Some(&"g".into()));
    }
}
