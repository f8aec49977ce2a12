//! The reply book of a cell: which code, number or link leads to which call, and which gateway's reference to
//! which attempt.
//!
//! Rebuilt from the timelines after a start: codes stand in events, links are derived from a key.

use crate::model::{AttemptKey, CallIx, CalloutId, GatewayId, SecretKey, Timestamp};
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One call of one callout.
pub type CallKey = (CalloutId, CallIx);

/// Characters of a one-time link behind what all links begin with.
pub const LINK_CHARS: usize = 16;

/// Which code, number or link leads to which call.
pub struct ReplyBook {
    link_key: SecretKey,
    code_digits: u32,
    by_number: HashMap<Arc<str>, Numbered, FixedState>,
    by_link: HashMap<Token, CallKey, FixedState>,
    /// Closed callouts, and until when their codes are not used again.
    held: BTreeSet<(Timestamp, CalloutId)>,
    entered: HashMap<CalloutId, Entered, FixedState>,
    /// By the names that gateways gave attempts, of those whose receipts name nothing else.
    by_reference: BTreeMap<GatewayId, BTreeMap<String, AttemptKey>>,
}

/// The token of a one-time link: base-32 digits.
type Token = [u8; LINK_CHARS];

/// What leads to the calls of a callout.
#[derive(Default)]
struct Entered {
    /// A number for each call that went to it.
    numbers: Vec<Arc<str>>,
    links: BTreeMap<CallIx, Token>,
}

/// The calls that a number was called for: few, mostly one.
#[derive(Default)]
struct Numbered {
    codes: Vec<(String, CallKey)>,
    open: Vec<CallKey>,
    /// Calls of retracted callouts: whoever was told of it may still confirm by a bare word.
    retracted: Vec<CallKey>,
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
            entered: HashMap::default(),
            by_reference: BTreeMap::new(),
        }
    }

    /// The code by which a reply from `number` names the call: the one it has, or a free one.
    #[must_use]
    pub fn code(&self, number: &str, key: &CallKey) -> String {
        let taken = self.by_number.get(number).map_or(&[][..], |n| &n.codes);
        if self.knows(key)
            && let Some((code, _)) = taken.iter().find(|(_, k)| k == key)
        {
            return code.clone();
        }
        let size = 10_u64.pow(self.code_digits);
        let tag = self.link_key.tag(&[b"code", number.as_bytes(), key.0.as_str().as_bytes(), &key.1.to_be_bytes()]);
        let start = tag.iter().take(8).fold(0_u64, |n, b| (n << 8) | u64::from(*b)) % size;
        let width = self.code_digits as usize;
        (0..size)
            .map(|i| format!("{:0width$}", (start + i) % size))
            .find(|code| taken.iter().all(|(c, _)| c != code))
            .unwrap_or_default()
    }

    /// The one-time link token of a call: [`LINK_CHARS`] base-32 digits, unguessable without the key.
    #[must_use]
    pub fn link(&self, key: &CallKey) -> String {
        let known = self.entered.get(&key.0).and_then(|entered| entered.links.get(&key.1));
        known.copied().unwrap_or_else(|| self.token(key)).iter().copied().map(char::from).collect()
    }

    /// Whether an attempt of the call went anywhere.
    fn knows(&self, key: &CallKey) -> bool {
        self.entered.get(&key.0).is_some_and(|entered| entered.links.contains_key(&key.1))
    }

    fn token(&self, key: &CallKey) -> Token {
        const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let tag = self.link_key.tag(&[b"link", key.0.as_str().as_bytes(), &key.1.to_be_bytes()]);
        std::array::from_fn(|i| DIGITS[usize::from(tag[i] % 32)])
    }

    /// An attempt with this code went to this number.
    pub fn register(&mut self, number: &str, key: &CallKey, code: Option<&str>) {
        let again = self.knows(key);
        let known = self.by_number.get_key_value(number).map(|(known, _)| known.clone());
        let number = known.unwrap_or_else(|| number.into());
        let numbered = self.by_number.entry(number.clone()).or_default();
        if let Some(code) = code {
            numbered.codes.retain(|(c, _)| c != code);
            numbered.codes.push((code.to_owned(), key.clone()));
        }
        if again && numbered.open.contains(key) {
            return;
        }
        numbered.open.push(key.clone());
        let token = self.token(key);
        let entered = self.entered.entry(key.0.clone()).or_default();
        entered.numbers.push(number);
        entered.links.insert(key.1, token);
        self.by_link.insert(token, key.clone());
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
        for number in self.entered.get(callout).map_or(&[][..], |entered| &entered.numbers) {
            if let Some(n) = self.by_number.get_mut(number) {
                let closed: Vec<_> = n.open.extract_if(.., |(c, _)| c == callout).filter(|_| retracted).collect();
                let fresh = closed.into_iter().filter(|key| !n.retracted.contains(key)).collect::<Vec<_>>();
                n.retracted.extend(fresh);
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
            let Entered { numbers, links } = self.entered.remove(&callout).unwrap_or_default();
            for number in numbers {
                if let Some(n) = self.by_number.get_mut(&number) {
                    n.codes.retain(|(_, (c, _))| *c != callout);
                    n.retracted.retain(|(c, _)| *c != callout);
                    if n.codes.is_empty() && n.open.is_empty() && n.retracted.is_empty() {
                        self.by_number.remove(&number);
                    }
                }
            }
            for token in links.into_values() {
                self.by_link.remove(&token);
            }
            self.by_reference.values_mut().for_each(|of| of.retain(|_, key| key.callout != callout));
        }
    }

    /// The call that a code from a number names.
    #[must_use]
    pub fn by_code(&self, number: &str, code: &str) -> Option<&CallKey> {
        self.by_number.get(number)?.codes.iter().find(|(c, _)| c == code).map(|(_, key)| key)
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
        closed.filter_map(move |callout| of?.codes.iter().map(|(_, key)| key).find(|(c, _)| c == callout))
    }

    /// The call of a link.
    #[must_use]
    pub fn by_link(&self, token: &str) -> Option<&CallKey> {
        self.by_link.get(token.as_bytes())
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
    fn a_retraction_is_one_call_however_often_it_was_tried() {
        let mut book = ReplyBook::new(&SecretKey::new([1; 32]), 2);
        let (key, other) = ((CalloutId::from("x"), 0), (CalloutId::from("y"), 0));
        // As after a start: each attempt is entered, and the callout is closed already.
        for code in [Some("37"), None] {
            book.register("+861", &key, code);
            book.close(&key.0, Timestamp(72), true);
        }
        book.register("+861", &other, None);
        book.close(&other.0, Timestamp(99), true);
        assert_eq!(book.by_number("+861").collect::<Vec<_>>(), [&key, &other]);
        book.forget(Timestamp(72));
        assert_eq!(book.by_number("+861").collect::<Vec<_>>(), [&other], "the other's is still to be confirmed");
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
