//! What a short message answers: one call, or all that one message named.

use super::book::CallKey;
use super::cell::Cell;
use super::replies::Word;
use super::upcalls::Route;
use crate::model::{AttemptKey, Channel, Failure, NoteReason};

impl Cell {
    /// The calls that a text answers: by the attempt its gateway names, then as [`Cell::route`] says. A bare yes or
    /// cannot answers all that its message named; a code says which one. A report names one, or is asked about.
    pub(super) fn routes(
        &self,
        from: &str,
        text: &str,
        key: Option<&AttemptKey>,
        extension: Option<&str>,
        drill: bool,
    ) -> Vec<Route> {
        let said = self.settings.words.read(text);
        let unread = said.word.is_none().then_some(NoteReason::Nonsense);
        // A word on the heels of a notice ("which one do you mean?") says for itself what it answers.
        let named = key.filter(|k| self.asks(k)).and_then(|k| Some((k, self.call_of(k)?)));
        let route = match named {
            Some((k, call)) => Some(Route { call: (k.callout.clone(), call), reason: unread, coded: false }),
            None => self.route(from, text, extension, drill),
        };
        let Some(route) = route else { return Vec::new() };
        let all = match named {
            Some((k, _)) => self.named_by(k),
            None => self.always_named_with(&route.call),
        };
        let bare = |calls: Vec<CallKey>| {
            calls.into_iter().map(|call| Route { call, reason: None, coded: false }).collect::<Vec<_>>()
        };
        let open = || self.book.by_number(from).filter(|(callout, _)| callout.is_drill() == drill);
        match (said.code, said.word, route.reason) {
            _ if route.coded || all.len() < 2 => vec![route],
            (Some(code), ..) => match self.book.by_code(from, &code) {
                Some(call) => vec![Route { call: call.clone(), reason: unread, coded: true }],
                None => vec![Route { reason: Some(NoteReason::UnknownCode), ..route }],
            },
            (None, Some(Word::Answer(_)), None) => bare(all),
            (None, Some(Word::Answer(_)), Some(NoteReason::Ambiguous)) if open().all(|call| all.contains(call)) => {
                bare(open().cloned().collect())
            }
            (None, Some(_), None) => vec![Route { reason: Some(NoteReason::Ambiguous), ..route }],
            _ => vec![route],
        }
    }

    /// The calls that the message of an attempt named, in its order.
    fn named_by(&self, key: &AttemptKey) -> Vec<CallKey> {
        let together = self.together(key).into_iter();
        together.filter_map(|key| Some((key.callout.clone(), self.call_of(&key)?))).collect()
    }

    /// The open calls that no short message named without a call, nor that call without them: a bare word that answers it
    /// answers them.
    fn always_named_with(&self, call: &CallKey) -> Vec<CallKey> {
        let is_open = |c: &CallKey| self.live.get(&c.0).is_some_and(|l| l.callout.is_open());
        let mut with = self.never_without(call);
        with.retain(|c| is_open(c) && (c == call || self.never_without(c).contains(call)));
        with
    }

    /// The calls that every short message of a call named too.
    fn never_without(&self, (id, call): &CallKey) -> Vec<CallKey> {
        let Some(callout) = self.live.get(id).map(|l| &l.callout) else { return Vec::new() };
        let attempts = callout.calls.get(*call as usize).map(|c| &c.attempts[..]).unwrap_or_default();
        let is_text = |attempt: &&u32| {
            let a = &callout.attempts[**attempt as usize];
            a.channel == Channel::Sms && a.failure.is_none_or(Failure::may_have_reached)
        };
        let mut texts = attempts.iter().filter(is_text);
        let named = |attempt: &u32| self.named_by(&AttemptKey { callout: id.clone(), attempt: *attempt });
        let mut with = texts.next().map(named).unwrap_or_default();
        for text in texts {
            let other = named(text);
            with.retain(|call| other.contains(call));
        }
        with
    }
}
