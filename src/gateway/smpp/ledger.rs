//! What was submitted: which of the centre's identifiers stands for which part of which attempt.
//!
//! In memory only. After a restart, receipts of whole messages still find their attempts by the reference that the
//! timeline keeps; those of parts do not, and their attempts stay as submitted as they are known to be.

use super::receipt::State;
use crate::config::ReceiptId;
use crate::model::{AttemptKey, Fact, Failure, Stage};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Attempts that are remembered; the oldest goes first.
const ATTEMPTS_MAX: usize = 50_000;
/// Bytes of a reference; a longer one is left out.
const REFERENCE_MAX: usize = 128;

/// One part of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartKey {
    pub(super) attempt: AttemptKey,
    /// From 0.
    pub(super) part: usize,
}

/// What is to be told of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Of its attempt.
    Of(AttemptKey, Fact),
    /// Nothing yet: other parts are under way.
    Nothing,
}

pub(super) struct Ledger(Mutex<Inner>);

struct Inner {
    form: ReceiptId,
    attempts: HashMap<AttemptKey, Sent>,
    by_id: HashMap<String, PartKey>,
    order: VecDeque<AttemptKey>,
}

/// Holds a number: never in a log.
struct Sent {
    number: String,
    source: String,
    parts: Vec<Part>,
    failed: Option<(Failure, Option<String>)>,
    withdrawn: bool,
}

#[derive(Clone, Default)]
struct Part {
    taken: bool,
    delivered: bool,
    /// As the centre gave it.
    id: Option<String>,
    /// As receipts name it, put back into the form of answers.
    name: Option<String>,
}

/// A part that can be withdrawn.
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) number: String,
}

// === impl Ledger ===

impl Ledger {
    /// An empty one of a centre whose receipts write identifiers in this form.
    pub(super) fn new(form: ReceiptId) -> Self {
        let (attempts, by_id, order) = Default::default();
        Self(Mutex::new(Inner { form, attempts, by_id, order }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt is about to be submitted in so many parts.
    pub(super) fn open(&self, key: &AttemptKey, number: &str, source: &str, parts: usize) {
        let (number, source) = (number.to_owned(), source.to_owned());
        let sent = Sent { number, source, parts: vec![Part::default(); parts], failed: None, withdrawn: false };
        let mut inner = self.lock();
        inner.forget(key);
        inner.attempts.insert(key.clone(), sent);
        inner.order.push_back(key.clone());
        while inner.attempts.len() > ATTEMPTS_MAX
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.forget(&oldest);
        }
        // What was forgotten before its turn leaves its name in the order.
        if inner.order.len() > 2 * ATTEMPTS_MAX {
            let Inner { attempts, order, .. } = &mut *inner;
            order.retain(|key| attempts.contains_key(key));
        }
    }

    /// Nothing of an attempt was sent.
    pub(super) fn forget(&self, key: &AttemptKey) {
        self.lock().forget(key);
    }

    /// The centre took a part under this identifier.
    pub(super) fn taken(&self, part: &PartKey, id: Option<&str>) {
        let mut inner = self.lock();
        let form = inner.form;
        let Some(of) = inner.attempts.get_mut(&part.attempt).and_then(|sent| sent.parts.get_mut(part.part)) else {
            return;
        };
        (of.taken, of.id) = (true, id.map(str::to_owned));
        of.name = id.map(|id| referred(id, form));
        if let Some(id) = id {
            inner.by_id.insert(folded(id), part.clone());
        }
    }

    /// A part will not arrive: nor will the attempt, whatever becomes of the others.
    pub(super) fn failed(&self, key: &AttemptKey, failure: Failure, detail: Option<String>) {
        if let Some(sent) = self.lock().attempts.get_mut(key) {
            sent.failed.get_or_insert((failure, detail));
        }
    }

    /// The part that one of these identifiers stands for.
    pub(super) fn find(&self, ids: &[String]) -> Option<PartKey> {
        let inner = self.lock();
        ids.iter().find_map(|id| inner.by_id.get(&folded(id)).cloned())
    }

    /// A receipt of a part came. Told again, it gives the same: what was not durable can be repeated.
    pub(super) fn receive(&self, part: &PartKey, state: State, detail: Option<String>) -> News {
        let mut inner = self.lock();
        let Some(sent) = inner.attempts.get_mut(&part.attempt) else { return News::Nothing };
        match state {
            State::Pending => return News::Nothing,
            State::Delivered => {
                if let Some(of) = sent.parts.get_mut(part.part) {
                    (of.taken, of.delivered) = (true, true);
                }
            }
            State::Failed(_) if sent.withdrawn => {
                sent.failed.get_or_insert((Failure::Withdrawn, detail));
            }
            State::Failed(failure) => {
                sent.failed.get_or_insert((failure, detail));
            }
        }
        sent.news(&part.attempt)
    }

    /// What is known of an attempt now.
    pub(super) fn news(&self, key: &AttemptKey) -> News {
        self.lock().attempts.get(key).map_or(News::Nothing, |sent| sent.news(key))
    }

    /// The parts of an attempt that the centre has and that did not arrive yet. Receipts of their end will mean
    /// that they were withdrawn.
    pub(super) fn withdraw(&self, key: &AttemptKey) -> Vec<Pending> {
        let mut inner = self.lock();
        let Some(sent) = inner.attempts.get_mut(key).filter(|sent| sent.failed.is_none()) else { return Vec::new() };
        sent.withdrawn = true;
        let waiting = sent.parts.iter().filter(|part| !part.delivered);
        let pending = waiting.filter_map(|part| {
            let (source, number) = (sent.source.clone(), sent.number.clone());
            Some(Pending { id: part.id.clone()?, source, number })
        });
        pending.collect()
    }
}

// === impl Inner, Sent ===

impl Inner {
    fn forget(&mut self, key: &AttemptKey) {
        for id in self.attempts.remove(key).into_iter().flat_map(|sent| sent.parts).filter_map(|part| part.id) {
            let id = folded(&id);
            // The centre may have given the identifier again since.
            if self.by_id.get(&id).is_some_and(|part| part.attempt == *key) {
                self.by_id.remove(&id);
            }
        }
    }
}

impl Sent {
    fn news(&self, key: &AttemptKey) -> News {
        let fact = if let Some((failure, detail)) = &self.failed {
            Fact::Failed { failure: *failure, detail: detail.clone() }
        } else if self.parts.iter().all(|part| part.delivered) {
            Fact::Reached { stage: Stage::Delivered, reference: self.reference() }
        } else if self.parts.iter().all(|part| part.taken) {
            Fact::Reached { stage: Stage::Submitted, reference: self.reference() }
        } else {
            return News::Nothing;
        };
        News::Of(key.clone(), fact)
    }

    /// The identifiers of all parts, joined by `+`. Left out when one is missing, when it is long, and when it
    /// holds the phone number: timelines hold no personal data.
    fn reference(&self) -> Option<String> {
        let ids: Option<Vec<&str>> = self.parts.iter().map(|part| part.name.as_deref()).collect();
        let reference = ids?.join("+");
        (reference.len() <= REFERENCE_MAX && !holds(&reference, &self.number)).then_some(reference)
    }
}

/// Whether a reference holds the number, with the calling code or without.
pub(super) fn holds(reference: &str, number: &str) -> bool {
    let digits = number.trim_start_matches('+');
    let national = digits.strip_prefix("86").unwrap_or(digits);
    national.len() >= 5 && reference.contains(national)
}

/// Identifiers are compared without regard to case and leading zeros: centres are not strict with their own.
fn folded(id: &str) -> String {
    let id = id.trim().to_ascii_lowercase();
    let short = id.trim_start_matches('0');
    if short.is_empty() { id } else { short.to_owned() }
}

/// An identifier of an answer as a receipt's comes out of [`as_answered`]: a reference that outlives a restart.
fn referred(id: &str, form: ReceiptId) -> String {
    let converted = match form {
        ReceiptId::Same => None,
        ReceiptId::Decimal => u128::from_str_radix(id, 16).ok().map(|n| format!("{n:x}")),
        ReceiptId::Hex => id.parse::<u128>().ok().map(|n| n.to_string()),
    };
    converted.unwrap_or_else(|| id.to_owned())
}

/// An identifier of a receipt in the form that the answers to submits have.
pub(super) fn as_answered(id: &str, form: ReceiptId) -> String {
    let converted = match form {
        ReceiptId::Same => None,
        ReceiptId::Decimal => id.parse::<u128>().ok().map(|n| format!("{n:x}")),
        ReceiptId::Hex => u128::from_str_radix(id, 16).ok().map(|n| n.to_string()),
    };
    converted.unwrap_or_else(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(attempt: u32) -> AttemptKey {
        AttemptKey { callout: "533324-ab".into(), attempt }
    }

    fn part(attempt: u32, part: usize) -> PartKey {
        PartKey { attempt: key(attempt), part }
    }

    fn in_three() -> Ledger {
        let ledger = Ledger::new(ReceiptId::Same);
        ledger.open(&key(1), "+8613800000001", "1069", 3);
        (0..3).for_each(|n| ledger.taken(&part(1, n), Some(&format!("0A{n}"))));
        ledger
    }

    fn stage(news: &News) -> Option<Stage> {
        if let News::Of(_, Fact::Reached { stage, .. }) = news { Some(*stage) } else { None }
    }

    #[test]
    fn an_attempt_is_delivered_when_all_parts_are() {
        let ledger = in_three();
        let submitted = Fact::Reached { stage: Stage::Submitted, reference: Some("0A0+0A1+0A2".into()) };
        assert_eq!(ledger.news(&key(1)), News::Of(key(1), submitted));
        for n in [2, 0, 0, 1] {
            let id = format!("a{n}");
            let found = ledger.find(&[id]).unwrap();
            assert_eq!(found, part(1, n));
            let all = n == 1;
            let expected = if all { Stage::Delivered } else { Stage::Submitted };
            assert_eq!(stage(&ledger.receive(&found, State::Delivered, None)), Some(expected));
        }
    }

    #[test]
    fn one_part_that_fails_decides_and_stays_so() {
        let ledger = in_three();
        ledger.receive(&part(1, 0), State::Delivered, None);
        let failed = Fact::Failed { failure: Failure::Undelivered, detail: Some("UNDELIV".into()) };
        let news = ledger.receive(&part(1, 1), State::Failed(Failure::Undelivered), Some("UNDELIV".into()));
        assert_eq!(news, News::Of(key(1), failed.clone()));
        ledger.receive(&part(1, 1), State::Delivered, None);
        assert_eq!(ledger.receive(&part(1, 2), State::Delivered, None), News::Of(key(1), failed));
    }

    #[test]
    fn what_was_withdrawn_ends_as_withdrawn() {
        let ledger = in_three();
        ledger.receive(&part(1, 0), State::Delivered, None);
        let pending: Vec<_> = ledger.withdraw(&key(1)).into_iter().map(|p| p.id).collect();
        assert_eq!(pending, ["0A1", "0A2"]);
        let news = ledger.receive(&part(1, 1), State::Failed(Failure::Undelivered), None);
        assert_eq!(news, News::Of(key(1), Fact::Failed { failure: Failure::Withdrawn, detail: None }));
        assert!(ledger.withdraw(&key(1)).is_empty() && ledger.withdraw(&key(2)).is_empty());
    }

    #[test]
    fn a_reference_that_holds_the_number_is_left_out_and_still_found() {
        let ledger = Ledger::new(ReceiptId::Same);
        ledger.open(&key(1), "+8613800000001", "1069", 1);
        ledger.taken(&part(1, 0), Some("x-13800000001"));
        let submitted = Fact::Reached { stage: Stage::Submitted, reference: None };
        assert_eq!(ledger.news(&key(1)), News::Of(key(1), submitted));
        assert_eq!(ledger.find(&["X-13800000001".into()]), Some(part(1, 0)));
    }

    #[test]
    fn identifiers_in_the_two_bases() {
        assert_eq!(as_answered("40961", ReceiptId::Decimal), "a001");
        assert_eq!(as_answered("A001", ReceiptId::Hex), "40961");
        assert_eq!(as_answered("0040961", ReceiptId::Same), "0040961");
        assert_eq!(as_answered("no-number", ReceiptId::Hex), "no-number");
        assert_eq!(referred("0000A001", ReceiptId::Decimal), as_answered("0040961", ReceiptId::Decimal));
        assert_eq!(referred("0040961", ReceiptId::Hex), as_answered("0000A001", ReceiptId::Hex));
        assert_eq!((folded("00A1"), folded("000")), ("a1".into(), "000".into()));
    }

    #[test]
    fn memory_is_bounded() {
        let ledger = Ledger::new(ReceiptId::Same);
        for n in 0..ATTEMPTS_MAX as u32 + 10 {
            ledger.open(&key(n), "+8613800000001", "1069", 1);
            ledger.taken(&part(n, 0), Some(&format!("m{n}")));
        }
        let inner = ledger.lock();
        assert_eq!((inner.attempts.len(), inner.by_id.len()), (ATTEMPTS_MAX, ATTEMPTS_MAX));
        assert!(!inner.by_id.contains_key("m9") && inner.by_id.contains_key("m10"));
    }

    proptest! {
        /// Whatever the order, and however often each is told.
        #[test]
        fn receipts_in_any_order_come_to_the_same(order in prop::collection::vec((0..3_usize, any::<bool>()), 1..20)) {
            let ledger = in_three();
            let (mut fails, mut delivered) = (false, [false; 3]);
            for (n, good) in order {
                let state = if good { State::Delivered } else { State::Failed(Failure::Undelivered) };
                fails |= !good;
                delivered[n] |= good;
                let news = ledger.receive(&part(1, n), state, None);
                let expected = match (fails, delivered.iter().all(|d| *d)) {
                    (true, _) => None,
                    (false, true) => Some(Stage::Delivered),
                    (false, false) => Some(Stage::Submitted),
                };
                prop_assert_eq!(stage(&news), expected);
            }
        }
    }
}
