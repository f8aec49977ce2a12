//! Replies in several parts, put together again.

use super::pdu::{Deliver, PartOf};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Replies that wait for parts, at most; then the oldest is told as it is.
const JOINS_MAX: usize = 256;
/// Octets of all parts together, at most.
const OCTETS_MAX: usize = 1 << 20;
/// How long a part waits for the others; then what is there is told.
const WAIT: Duration = Duration::from_secs(120);

/// Names a reply: from whom, to which of our numbers, and the phone's own reference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JoinKey {
    source: String,
    destination: String,
    reference: u16,
    total: u8,
}

/// The parts of a reply so far. Holds words: never in a log.
#[derive(Clone)]
pub(super) struct Join {
    /// What is not in the octets: number, type of number, coding.
    pub(super) source_ton: u8,
    pub(super) coding: u8,
    parts: BTreeMap<u8, Vec<u8>>,
    since: Instant,
}

#[derive(Default)]
pub(super) struct Joiner {
    joins: BTreeMap<JoinKey, Join>,
}

// === impl Joiner ===

impl Joiner {
    /// Takes a part. The reply, when it is complete: it is out of the table then.
    pub(super) fn add(&mut self, deliver: Deliver, part: PartOf, now: Instant) -> Option<(JoinKey, Join)> {
        let PartOf { reference, total, number } = part;
        let Deliver { source, destination, source_ton, coding, octets, .. } = deliver;
        let key = JoinKey { source, destination, reference, total };
        let join = self.joins.entry(key.clone()).or_insert_with(|| Join {
            source_ton,
            coding,
            parts: BTreeMap::new(),
            since: now,
        });
        join.parts.insert(number, octets);
        let complete = join.parts.len() == usize::from(total);
        complete.then(|| self.joins.remove_entry(&key)).flatten()
    }

    /// What waits no longer: for its time, or for want of room.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(JoinKey, Join)> {
        let late = |join: &Join| now.duration_since(join.since) >= WAIT;
        let mut due: Vec<_> = self.joins.extract_if(.., |_, join| late(join)).collect();
        while self.joins.len() > JOINS_MAX || self.joins.values().map(Join::size).sum::<usize>() > OCTETS_MAX {
            let oldest = self.joins.iter().min_by_key(|(_, join)| join.since).map(|(key, _)| key.clone());
            due.extend(oldest.and_then(|key| self.joins.remove_entry(&key)));
        }
        due
    }

    /// All that is there, as it is.
    pub(super) fn rest(&mut self) -> Vec<(JoinKey, Join)> {
        std::mem::take(&mut self.joins).into_iter().collect()
    }

    /// What was not durable waits on; parts that came meanwhile stay.
    pub(super) fn put_back(&mut self, key: JoinKey, mut join: Join, now: Instant) {
        join.since = now;
        if let Some(newer) = self.joins.insert(key.clone(), join)
            && let Some(join) = self.joins.get_mut(&key)
        {
            join.parts.extend(newer.parts);
        }
    }
}

// === impl JoinKey, Join ===

impl JoinKey {
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn destination(&self) -> &str {
        &self.destination
    }
}

impl Join {
    /// The octets of the parts that are there, in their order.
    pub(super) fn octets(&self) -> Vec<u8> {
        self.parts.values().flatten().copied().collect()
    }

    /// Without one part: the centre sends it again.
    pub(super) fn without(mut self, number: u8) -> Self {
        self.parts.remove(&number);
        self
    }

    fn size(&self) -> usize {
        self.parts.values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(source: &str, octets: &[u8]) -> Deliver {
        Deliver {
            source: source.into(),
            source_ton: 1,
            destination: "1069".into(),
            esm_class: 0x40,
            coding: 8,
            octets: octets.to_vec(),
            part: None,
            receipted_id: None,
            state: None,
        }
    }

    fn part(total: u8, number: u8) -> PartOf {
        PartOf { reference: 7, total, number }
    }

    #[tokio::test]
    async fn parts_in_any_order_and_twice_make_one_reply() {
        let (mut joiner, now) = (Joiner::default(), Instant::now());
        assert!(joiner.add(deliver("1", b"c"), part(3, 3), now).is_none());
        assert!(joiner.add(deliver("2", b"x"), part(3, 1), now).is_none(), "somebody else's");
        assert!(joiner.add(deliver("1", b"a"), part(3, 1), now).is_none());
        assert!(joiner.add(deliver("1", b"a"), part(3, 1), now).is_none());
        let (key, join) = joiner.add(deliver("1", b"b"), part(3, 2), now).unwrap();
        assert_eq!((join.octets(), key.source()), (b"abc".to_vec(), "1"));
        // The last part comes again after what was whole could not be kept.
        joiner.put_back(key, join.without(2), now);
        assert_eq!(joiner.add(deliver("1", b"b"), part(3, 2), now).unwrap().1.octets(), b"abc");
        assert_eq!(joiner.rest().len(), 1);
    }

    #[tokio::test]
    async fn what_stays_incomplete_is_told_in_the_end_and_never_too_much_is_kept() {
        let (mut joiner, now) = (Joiner::default(), Instant::now());
        joiner.add(deliver("1", b"a"), part(2, 1), now);
        assert!(joiner.due(now).is_empty());
        assert_eq!(joiner.due(now + WAIT)[0].1.octets(), b"a");
        for n in 0..=JOINS_MAX {
            joiner.add(deliver(&n.to_string(), b"a"), part(2, 1), now + Duration::from_millis(n as u64));
        }
        let due = joiner.due(now);
        assert_eq!((due.len(), due[0].0.source()), (1, "0"), "the oldest one");
        joiner.rest();
        for n in 0..3 {
            joiner.add(deliver(&n.to_string(), &vec![0; OCTETS_MAX / 2]), part(2, 1), now);
        }
        assert_eq!(joiner.due(now).len(), 1);
    }
}
