//! What is read back to somebody who pressed a key: what was recorded, once it is durable.

use super::cell::{Cell, Ticket};
use super::staging::Asked;
use crate::engine::{self, Pressed};
use crate::gateway::ReadBack;
use crate::model::{
    AnswerWay, AttemptKey, CallIx, Callout, CalloutId, Command, Entry, Event, NoteReason, Purpose, TargetIx,
};
use std::collections::BTreeMap;

/// A key that was pressed, as one attempt of its message has it: the call that it belongs to, and what is to be said.
#[derive(Debug)]
pub(super) struct Keyed {
    call: CallIx,
    words: String,
    /// The attempt that the gateway named, and the place of this one in its message.
    to: (AttemptKey, usize),
}

impl Cell {
    /// Somebody pressed a key in an attempt, told of the one that its gateway knows; `ticket` waits for what becomes of it.
    pub(super) fn keyed(&mut self, ticket: Ticket, key: &AttemptKey, call: CallIx, to: (AttemptKey, usize)) {
        let keyed = Keyed { call, words: String::new(), to };
        self.pressed.entry(ticket).or_default().insert(key.clone(), keyed);
    }

    /// A callout decided on a key. After a failed commit it decides again, and these words are replaced.
    pub(super) fn decided(&mut self, id: &CalloutId, asked: &Asked, entries: &[Entry]) {
        let spoken = |way: AnswerWay| matches!(way, AnswerWay::Voice | AnswerWay::CallBack);
        let call = match &asked.command {
            Command::Reply(r) if spoken(r.way) => r.call,
            Command::Note { call: Some(call), way, .. } if spoken(*way) => *call,
            _ => return,
        };
        let Some(keyed) = asked.ticket.and_then(|ticket| self.pressed.get_mut(&ticket)) else { return };
        let Some(callout) = self.live.get(id).map(|l| &l.callout) else { return };
        let person = callout.calls.get(call as usize).map(|c| &callout.people[c.person as usize]);
        let name = person.and_then(|p| self.directory.person(p)).map(|p| p.name.as_str()).unwrap_or_default();
        for (key, keyed) in keyed.iter_mut().filter(|(key, k)| key.callout == *id && k.call == call) {
            let (pressed, targets) = outcome(callout, call, key.attempt, entries);
            keyed.words = engine::read_back(callout, key.attempt, name, pressed, &targets);
        }
    }

    /// What is to be said to those whose keys `ticket` brought. Nothing when it is not durable.
    pub(super) fn read_backs(&mut self, ticket: Ticket, durable: bool) -> Vec<ReadBack> {
        let keyed = self.pressed.remove(&ticket).filter(|_| durable).unwrap_or_default();
        let mut said: BTreeMap<AttemptKey, BTreeMap<usize, String>> = BTreeMap::new();
        for Keyed { words, to: (key, place), .. } in keyed.into_values().filter(|k| !k.words.is_empty()) {
            said.entry(key).or_default().insert(place, words);
        }
        said.into_iter().map(|(key, words)| ReadBack { key, words: in_one(words.into_values()) }).collect()
    }
}

/// What is said of each warning of a message, in its order. The same is said once.
fn in_one(each: impl Iterator<Item = String>) -> String {
    let mut said = Vec::new();
    for words in each {
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said.concat()
}

/// What became of a key, by the events that it made, or by the state when it made none.
fn outcome(callout: &Callout, call: CallIx, attempt: u32, entries: &[Entry]) -> (Pressed, Vec<TargetIx>) {
    for Entry(at, event) in entries {
        match event {
            Event::Answered { answer, targets, .. } => return (Pressed::Recorded(*answer, *at), targets.clone()),
            Event::Confirmed { .. } => return (Pressed::Confirmed(*at), Vec::new()),
            Event::ReplyNoted { reason: NoteReason::Nonsense, .. } => return (Pressed::Wrong, Vec::new()),
            Event::ReplyNoted { .. } => return (Pressed::NotCounted, Vec::new()),
            _ => {}
        }
    }
    let targets = callout.attempts.get(attempt as usize).map(|a| a.targets.clone()).unwrap_or_default();
    let call = callout.calls.get(call as usize);
    let retracted = call.and_then(|c| callout.call_ix.get(&(c.person, Purpose::Retracted)));
    if let Some(at) = retracted.and_then(|c| callout.calls[*c as usize].confirmed_at) {
        return (Pressed::Confirmed(at), targets);
    }
    let known = |target: &TargetIx| Some(call?.link(*target)?.answer?.0);
    match targets.first().and_then(known) {
        Some(answer) if targets.iter().all(|t| known(t) == Some(answer)) => (Pressed::Again(answer), targets),
        _ => (Pressed::NotCounted, targets),
    }
}
