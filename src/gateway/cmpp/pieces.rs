//! The parts of long replies, until they are together.

use super::text::{self, Concat};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Replies whose parts are waited for; beyond, the oldest is told as far as it came.
const WAITING_MAX: usize = 64;

/// A DELIVER that is not answered yet: Sequence_Id and Msg_Id.
pub(super) type Confirm = (u32, u64);

/// Which parts belong together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Of {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reference: u16,
    pub(super) total: u8,
}

/// A reply, whole or as far as it came.
pub(super) struct Joined {
    pub(super) of: Of,
    pub(super) text: String,
    pub(super) confirms: Vec<Confirm>,
}

struct Waiting {
    since: Instant,
    msg_fmt: u8,
    bodies: BTreeMap<u8, Vec<u8>>,
    confirms: Vec<Confirm>,
}

/// Replies of which parts are missing.
#[derive(Default)]
pub(super) struct Pieces(BTreeMap<Of, Waiting>);

// === impl Pieces ===

impl Pieces {
    /// A part came. What is whole by it, or is given up for it, comes back.
    pub(super) fn add(&mut self, of: Of, part: Concat, msg_fmt: u8, body: &[u8], confirm: Confirm) -> Vec<Joined> {
        let now = Instant::now();
        let empty = || Waiting { since: now, msg_fmt, bodies: BTreeMap::new(), confirms: Vec::new() };
        let waiting = self.0.entry(of.clone()).or_insert_with(empty);
        waiting.bodies.insert(part.number, body.to_vec());
        waiting.confirms.push(confirm);
        // A gateway that repeats one part for ever ends the waiting too.
        let whole =
            waiting.bodies.len() == usize::from(part.total) || waiting.confirms.len() > 2 * usize::from(u8::MAX);
        if whole {
            return self.end(&of).into_iter().collect();
        }
        let oldest = self.0.iter().min_by_key(|(_, w)| w.since).map(|(of, _)| of.clone());
        let given_up = oldest.filter(|_| self.0.len() > WAITING_MAX);
        given_up.and_then(|of| self.end(&of)).into_iter().collect()
    }

    /// What waited longer than `wait`, as far as it came.
    pub(super) fn overdue(&mut self, wait: Duration) -> Vec<Joined> {
        let now = Instant::now();
        let late: Vec<Of> = self.0.iter().filter(|(_, w)| w.since + wait <= now).map(|(of, _)| of.clone()).collect();
        late.iter().filter_map(|of| self.end(of)).collect()
    }

    /// When the next one will have waited for `wait`.
    pub(super) fn due(&self, wait: Duration) -> Option<Instant> {
        self.0.values().map(|w| w.since + wait).min()
    }

    fn end(&mut self, of: &Of) -> Option<Joined> {
        let waiting = self.0.remove(of)?;
        let mut text = String::new();
        let mut run = Vec::new();
        // A missing part is shown; the parts around it are read apart, as characters end with them.
        for number in 1..=of.total {
            match waiting.bodies.get(&number) {
                Some(body) => run.extend_from_slice(body),
                None => {
                    text.push_str(&text::words(waiting.msg_fmt, &std::mem::take(&mut run)));
                    text.push('…');
                }
            }
        }
        text.push_str(&text::words(waiting.msg_fmt, &run));
        Some(Joined { of: of.clone(), text, confirms: waiting.confirms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DELIVERs that wait.
    fn open(pieces: &Pieces) -> usize {
        pieces.0.values().map(|w| w.confirms.len()).sum()
    }

    fn of(reference: u16, total: u8) -> Of {
        Of { from: "13800138000".into(), to: "1069".into(), reference, total }
    }

    fn part(reference: u16, total: u8, number: u8) -> Concat {
        Concat { reference, total, number }
    }

    #[test]
    fn parts_join_in_any_order_and_across_a_character() {
        let mut pieces = Pieces::default();
        let gbk = [0xca, 0xd5, 0xb5, 0xbd];
        assert!(pieces.add(of(1, 2), part(1, 2, 2), 15, &gbk[3..], (2, 20)).is_empty());
        assert!(pieces.add(of(2, 2), part(2, 2, 1), 0, b"other", (3, 30)).is_empty());
        assert!(pieces.add(of(1, 2), part(1, 2, 2), 15, &gbk[3..], (4, 20)).is_empty(), "repeated");
        let joined = pieces.add(of(1, 2), part(1, 2, 1), 15, &gbk[..3], (5, 10));
        assert_eq!((joined[0].text.as_str(), &joined[0].confirms[..]), ("收到", &[(2, 20), (4, 20), (5, 10)][..]));
        assert_eq!(open(&pieces), 1);
    }

    #[test]
    fn what_does_not_become_whole_is_told_as_far_as_it_came() {
        let mut pieces = Pieces::default();
        pieces.add(of(1, 4), part(1, 4, 2), 0, b"two", (1, 1));
        pieces.add(of(1, 4), part(1, 4, 3), 0, b"three", (2, 2));
        assert!(pieces.overdue(Duration::from_secs(60)).is_empty() && pieces.due(Duration::ZERO).is_some());
        let given_up = pieces.overdue(Duration::ZERO);
        assert_eq!((given_up[0].text.as_str(), given_up[0].confirms.len()), ("…twothree…", 2));
        assert_eq!((open(&pieces), pieces.due(Duration::ZERO)), (0, None));
    }

    #[test]
    fn memory_is_bounded() {
        let mut pieces = Pieces::default();
        let told: usize = (0..500u16).map(|n| pieces.add(of(n, 2), part(n, 2, 1), 0, b"a", (n.into(), 1)).len()).sum();
        assert_eq!((told, open(&pieces)), (500 - WAITING_MAX, WAITING_MAX));
        let again: usize = (0..600).map(|n| pieces.add(of(1000, 2), part(1000, 2, 1), 0, b"a", (n, 1)).len()).sum();
        assert!(again >= 1 && open(&pieces) < 600, "one part for ever");
    }
}
