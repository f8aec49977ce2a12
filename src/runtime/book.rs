//! The reply book of a cell: which code, number or link leads to which call, and which gateway's reference to
//! which attempt.
//!
//! Rebuilt from the timelines after a start: codes stand in events, links are derived from a key.

use crate::model::{AttemptKey, CallIx, CalloutId, GatewayId, SecretKey, Timestamp};
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One call of one callout.
pub type CallKey = (CalloutId, CallIx);

/// Characters of a one-time link behind what all links begin with.
pub const LINK_CHARS: usize = 16;

/// Which code, number or link leads to which call.
pub struct ReplyBook {
    link_key: SecretKey,
    code_digits: u32,
    by_number: HashMap<String, Numbered, FixedState>,
    by_link: HashMap<String, CallKey, FixedState>,
    /// Closed callouts, and until when their codes are not used again.
    held: BTreeSet<(Timestamp, CalloutId)>,
    numbers_of: BTreeMap<CalloutId, BTreeSet<String>>,
    links_of: BTreeMap<CalloutId, Vec<String>>,
    /// By the names that gateways gave attempts, of those whose receipts name nothing else.
    by_reference: BTreeMap<GatewayId, BTreeMap<String, AttemptKey>>,
}

#[derive(Default)]
struct Numbered {
    codes: BTreeMap<String, CallKey>,
    open: BTreeSet<CallKey>,
    /// Calls of retracted callouts: whoever was told of it may still confirm by a bare word.
    retracted: BTreeSet<CallKey>,
}

// === impl ReplyBook ===

impl ReplyBook {
    /// An empty book. Codes have `code_digits` digits; links are derived from `key`.
    #[must_use]
    pub fn new(key: &SecretKey, code_digits: u32) -> Self {
        Self {
            link_key: key.derive("link"),
            code_digits: code_digits.clamp(2, 9),
            by_number: HashMap::default(),
            by_link: HashMap::default(),
            held: BTreeSet::new(),
            numbers_of: BTreeMap::new(),
            links_of: BTreeMap::new(),
            by_reference: BTreeMap::new(),
        }
    }

    /// The code by which a reply from `number` names the call: the one it has, or a free one.
    #[must_use]
    pub fn code(&self, number: &str, key: &CallKey) -> String {
        let taken = self.by_number.get(number).map(|n| &n.codes);
        if let Some((code, _)) = taken.and_then(|codes| codes.iter().find(|(_, k)| *k == key)) {
            return code.clone();
        }
        let size = 10_u64.pow(self.code_digits);
        let tag = self.link_key.tag(&[b"code", number.as_bytes(), key.0.as_str().as_bytes(), &key.1.to_be_bytes()]);
        let start = tag.iter().take(8).fold(0_u64, |n, b| (n << 8) | u64::from(*b)) % size;
        let width = self.code_digits as usize;
        (0..size)
            .map(|i| format!("{:0width$}", (start + i) % size))
            .find(|code| taken.is_none_or(|codes| !codes.contains_key(code)))
            .unwrap_or_default()
    }

    /// The one-time link token of a call: [`LINK_CHARS`] base-32 digits, unguessable without the key.
    #[must_use]
    pub fn link(&self, key: &CallKey) -> String {
        const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let tag = self.link_key.tag(&[b"link", key.0.as_str().as_bytes(), &key.1.to_be_bytes()]);
        tag.iter().take(LINK_CHARS).map(|b| char::from(DIGITS[usize::from(b % 32)])).collect()
    }

    /// An attempt with this code went to this number.
    pub fn register(&mut self, number: &str, key: &CallKey, code: Option<&str>) {
        if !self.by_number.contains_key(number) {
            self.by_number.insert(number.to_owned(), Numbered::default());
        }
        let Some(entry) = self.by_number.get_mut(number) else { return };
        let fresh = entry.open.insert(key.clone());
        if let Some(code) = code.filter(|code| entry.codes.get(*code) != Some(key)) {
            entry.codes.insert(code.to_owned(), key.clone());
        }
        if !fresh {
            return;
        }
        self.numbers_of.entry(key.0.clone()).or_default().insert(number.to_owned());
        let link = self.link(key);
        if self.by_link.insert(link.clone(), key.clone()).is_none() {
            self.links_of.entry(key.0.clone()).or_default().push(link);
        }
    }

    /// A gateway knows an attempt by this reference.
    pub fn refer(&mut self, gateway: &GatewayId, reference: &str, key: &AttemptKey) {
        self.by_reference.entry(gateway.clone()).or_default().insert(reference.to_owned(), key.clone());
    }

    /// The attempt that a gateway knows by this reference.
    #[must_use]
    pub fn by_reference(&self, gateway: &GatewayId, reference: &str) -> Option<&AttemptKey> {
        self.by_reference.get(gateway)?.get(reference)
    }

    /// A callout closed: bare words no longer mean it, unless its retraction is to be confirmed; its codes
    /// and links still lead to it until `until`.
    pub fn close(&mut self, callout: &CalloutId, until: Timestamp, retracted: bool) {
        for number in self.numbers_of.get(callout).into_iter().flatten() {
            if let Some(n) = self.by_number.get_mut(number) {
                let closed: Vec<_> = n.open.extract_if(.., |(c, _)| c == callout).collect();
                n.retracted.extend(closed.into_iter().filter(|_| retracted));
            }
        }
        self.held.insert((until, callout.clone()));
    }

    /// Somebody confirmed the retraction of a callout: bare words from the numbers do not mean it any more.
    pub fn confirmed<'a>(&mut self, callout: &CalloutId, numbers: impl IntoIterator<Item = &'a str>) {
        for number in numbers {
            if let Some(n) = self.by_number.get_mut(number) {
                n.retracted.retain(|(c, _)| c != callout);
            }
        }
    }

    /// A closed callout was opened again: its codes are kept. False when it was not closed.
    pub fn reopen(&mut self, callout: &CalloutId) -> bool {
        let before = self.held.len();
        self.held.retain(|(_, c)| c != callout);
        self.held.len() < before
    }

    /// Forgets closed callouts whose codes may be used again.
    pub fn forget(&mut self, now: Timestamp) {
        while let Some((_, callout)) = self.held.first().filter(|(until, _)| *until <= now).cloned() {
            self.held.pop_first();
            for number in self.numbers_of.remove(&callout).unwrap_or_default() {
                if let Some(n) = self.by_number.get_mut(&number) {
                    n.codes.retain(|_, (c, _)| *c != callout);
                    n.retracted.retain(|(c, _)| *c != callout);
                    if n.codes.is_empty() && n.open.is_empty() {
                        self.by_number.remove(&number);
                    }
                }
            }
            for link in self.links_of.remove(&callout).unwrap_or_default() {
                self.by_link.remove(&link);
            }
            self.by_reference.values_mut().for_each(|of| of.retain(|_, key| key.callout != callout));
        }
    }

    /// The call that a code from a number names.
    #[must_use]
    pub fn by_code(&self, number: &str, code: &str) -> Option<&CallKey> {
        self.by_number.get(number)?.codes.get(code)
    }

    /// The calls that a bare word from a number can mean: those of open callouts, and of retracted ones
    /// whose retraction the person has not confirmed.
    pub fn by_number(&self, number: &str) -> impl Iterator<Item = &CallKey> {
        self.by_number.get(number).into_iter().flat_map(|n| n.open.iter().chain(&n.retracted))
    }

    /// The calls of closed callouts whose codes are still held for a number, the one closed last first.
    pub fn lately(&self, number: &str) -> impl Iterator<Item = &CallKey> {
        let of = self.by_number.get(number);
        let closed = self.held.iter().rev().map(|(_, callout)| callout);
        closed.filter_map(move |callout| of?.codes.values().find(|(c, _)| c == callout))
    }

    /// The call of a link.
    #[must_use]
    pub fn by_link(&self, token: &str) -> Option<&CallKey> {
        self.by_link.get(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_per_number_and_held_after_close() {
        let mut book = ReplyBook::new(&SecretKey::new([1; 32]), 2);
        let key = |i: u32| (CalloutId::from(format!("c{i}")), 0);
        let mut seen = BTreeSet::new();
        for i in 0..100 {
            let code = book.code("+861", &key(i));
            assert_eq!(code.len(), 2);
            assert!(seen.insert(code.clone()), "{code} twice");
            book.register("+861", &key(i), Some(&code));
            assert_eq!(book.code("+861", &key(i)), code, "a call keeps its code");
        }
        let first = book.code("+861", &key(0));
        book.close(&key(0).0, Timestamp(72), false);
        assert_eq!(book.by_number("+861").count(), 99);
        book.forget(Timestamp(71));
        assert!(book.by_code("+861", &first).is_some(), "held");
        book.forget(Timestamp(72));
        assert!(book.by_code("+861", &first).is_none(), "free again");
        assert_eq!(book.code("+861", &key(200)), first, "the only free code");
        assert!(book.by_link(&book.link(&key(0))).is_none());
        assert!(book.by_link(&book.link(&key(1))).is_some());
    }

    #[test]
    fn references_are_each_gateways_own_and_forgotten_with_their_callout() {
        let mut book = ReplyBook::new(&SecretKey::new([1; 32]), 2);
        let key = |callout: &str, attempt| AttemptKey { callout: callout.into(), attempt };
        let (a, b) = (GatewayId::from("a"), GatewayId::from("b"));
        book.refer(&a, "1", &key("x", 0));
        book.refer(&b, "1", &key("y", 0));
        assert_eq!(book.by_reference(&a, "1"), Some(&key("x", 0)));
        assert_eq!(book.by_reference(&b, "1"), Some(&key("y", 0)));
        assert_eq!((book.by_reference(&a, "2"), book.by_reference(&"c".into(), "1")), (None, None));
        // A gateway that gives a name again means the newer one.
        book.refer(&a, "1", &key("x", 1));
        assert_eq!(book.by_reference(&a, "1"), Some(&key("x", 1)));
        book.close(&"x".into(), Timestamp(72), false);
        book.forget(Timestamp(71));
        assert!(book.by_reference(&a, "1").is_some(), "held");
        book.forget(Timestamp(72));
        assert!(book.by_reference(&a, "1").is_none());
        assert!(book.by_reference(&b, "1").is_some());
    }
}
