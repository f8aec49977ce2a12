//! Which attempt a report is about. Reports name nothing but the Msg_Id of a SUBMIT_RESP, one for each part.

use super::codec::Report;
use super::outcome;
use crate::config::CmppSection;
use crate::gateway::Upcall;
use crate::model::{AttemptKey, Fact, Stage};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Messages that are remembered; the oldest are forgotten. Then, as after a restart, the engine's references help.
const MESSAGES_MAX: usize = 50_000;

/// An attempt whose parts were submitted.
pub(super) struct Sent {
    key: AttemptKey,
    parts: u8,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    delivered: BTreeSet<u8>,
    failed: bool,
}

/// One part of an attempt.
#[derive(Clone)]
pub(super) struct Track {
    pub(super) sent: Arc<Sent>,
    /// From 1.
    pub(super) part: u8,
}

/// What was submitted lately, by Msg_Id.
#[derive(Default)]
pub(super) struct Receipts {
    /// `None` where two attempts were given one Msg_Id: its reports tell nothing.
    messages: HashMap<u64, Option<Track>>,
    order: VecDeque<u64>,
}

/// The reference of an attempt: the Msg_Id of its first part as 16 hex digits, and how many parts there are when
/// there are several, so that the report of one part is never taken for that of all.
pub(super) fn reference(msg_id: u64, parts: u8) -> String {
    if parts > 1 { format!("{msg_id:016x}/{parts}") } else { format!("{msg_id:016x}") }
}

// === impl Sent ===

impl Sent {
    pub(super) fn new(key: AttemptKey, parts: u8) -> Self {
        Self { key, parts, progress: Mutex::default() }
    }

    /// What a part's fact means for the attempt: a failure is one of all, delivered is only what is in all parts.
    fn learn(&self, part: u8, fact: Fact) -> Option<Fact> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.failed {
            return None;
        }
        if let Fact::Reached { stage: Stage::Delivered, .. } = fact {
            progress.delivered.insert(part);
            return (progress.delivered.len() == usize::from(self.parts)).then_some(fact);
        }
        progress.failed = true;
        Some(fact)
    }
}

// === impl Receipts ===

impl Receipts {
    /// A part was given a Msg_Id. False when the Msg_Id is no name: zero, or that of another attempt.
    pub(super) fn taken(&mut self, msg_id: u64, track: Track) -> bool {
        if msg_id == 0 {
            return false;
        }
        if let Some(known) = self.messages.get_mut(&msg_id) {
            let same = known.as_ref().is_some_and(|k| Arc::ptr_eq(&k.sent, &track.sent));
            if !same {
                *known = None;
            }
            return same;
        }
        if self.order.len() == MESSAGES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.messages.remove(&oldest);
        }
        self.order.push_back(msg_id);
        self.messages.insert(msg_id, Some(track));
        true
    }

    /// Whether the message was submitted lately.
    pub(super) fn knows(&self, msg_id: u64) -> bool {
        self.messages.contains_key(&msg_id)
    }

    /// The messages of an attempt.
    pub(super) fn of(&self, key: &AttemptKey) -> Vec<u64> {
        let of_key = |track: &Option<Track>| track.as_ref().is_some_and(|t| t.sent.key == *key);
        self.messages.iter().filter(|(_, track)| of_key(track)).map(|(id, _)| *id).collect()
    }

    /// What a report tells. Of an attempt of this process it is told under its key: the engine may not have heard yet
    /// which reference the attempt has. Of any other it is told under the reference that it would have.
    pub(super) fn read(&self, report: &Report, config: &CmppSection) -> Vec<Upcall> {
        let Some(fact) = outcome::state(&report.stat, &config.dead_number) else { return Vec::new() };
        let reported_at = outcome::done_at(&report.done_time);
        match self.messages.get(&report.msg_id) {
            Some(Some(track)) => {
                let told = |fact| Upcall::Report { key: track.sent.key.clone(), fact, reported_at };
                track.sent.learn(track.part, fact).map(told).into_iter().collect()
            }
            Some(None) => Vec::new(),
            None => {
                // Of several parts only the failure of the first can be told: that it arrived says nothing of the rest.
                let failed = matches!(fact, Fact::Failed { .. });
                let parts = 1..=if failed { config.parts_max } else { 1 };
                let told = |parts| Upcall::Receipt {
                    reference: reference(report.msg_id, parts),
                    fact: fact.clone(),
                    reported_at,
                };
                parts.map(told).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Failure;

    fn config() -> CmppSection {
        toml::from_str("address = 'h:1'\naccount = '901234'\nsecret = 's'\naccess_number = '1069'\nparts_max = 3")
            .unwrap()
    }

    fn key(attempt: u32) -> AttemptKey {
        AttemptKey { callout: "533324-ab".into(), attempt }
    }

    fn report(msg_id: u64, stat: &str) -> Report {
        let empty = String::new;
        let (submit_time, dest_terminal_id) = (empty(), empty());
        Report { msg_id, stat: stat.into(), submit_time, done_time: empty(), dest_terminal_id, smsc_sequence: 0 }
    }

    fn told(receipts: &Receipts, msg_id: u64, stat: &str) -> Vec<String> {
        let name = |upcall: Upcall| match upcall {
            Upcall::Report { key, fact: Fact::Failed { failure, .. }, .. } => format!("{} {failure:?}", key.attempt),
            Upcall::Report { key, .. } => format!("{} delivered", key.attempt),
            Upcall::Receipt { reference, fact: Fact::Failed { .. }, .. } => format!("{reference} failed"),
            Upcall::Receipt { reference, .. } => format!("{reference} delivered"),
            other => panic!("{other:?}"),
        };
        receipts.read(&report(msg_id, stat), &config()).into_iter().map(name).collect()
    }

    #[test]
    fn delivered_is_what_is_in_all_parts_and_a_failure_stays() {
        let mut receipts = Receipts::default();
        let (two, other) = (Arc::new(Sent::new(key(1), 2)), Arc::new(Sent::new(key(2), 2)));
        for (id, sent, part) in [(11, &two, 1), (12, &two, 2), (21, &other, 1), (22, &other, 2)] {
            assert!(receipts.taken(id, Track { sent: Arc::clone(sent), part }));
        }
        assert!(told(&receipts, 12, "DELIVRD").is_empty());
        assert!(told(&receipts, 12, "DELIVRD").is_empty(), "twice the same part is not both");
        assert!(told(&receipts, 11, "ACCEPTD").is_empty());
        assert_eq!(told(&receipts, 11, "DELIVRD"), ["1 delivered"]);
        assert_eq!(told(&receipts, 21, "MK:0012"), [format!("2 {:?}", Failure::Undelivered)]);
        assert!(told(&receipts, 22, "DELIVRD").is_empty() && told(&receipts, 21, "DELIVRD").is_empty());
        assert_eq!(receipts.of(&key(1)).len(), 2);
    }

    #[test]
    fn a_message_of_before_is_told_by_reference() {
        let receipts = Receipts::default();
        assert_eq!(told(&receipts, 0xab, "DELIVRD"), ["00000000000000ab delivered"]);
        let failed = ["00000000000000ab failed", "00000000000000ab/2 failed", "00000000000000ab/3 failed"];
        assert_eq!(told(&receipts, 0xab, "UNDELIV"), failed);
        assert_eq!((reference(0xab, 1), reference(0xab, 3)), ("00000000000000ab".into(), "00000000000000ab/3".into()));
    }

    #[test]
    fn a_name_that_two_attempts_bear_tells_of_neither() {
        let mut receipts = Receipts::default();
        let track = |n| Track { sent: Arc::new(Sent::new(key(n), 1)), part: 1 };
        assert!(!receipts.taken(0, track(1)));
        assert!(receipts.taken(7, track(1)) && !receipts.taken(7, track(2)) && !receipts.taken(7, track(3)));
        assert!(told(&receipts, 7, "DELIVRD").is_empty() && told(&receipts, 7, "UNDELIV").is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut receipts = Receipts::default();
        let sent = Arc::new(Sent::new(key(1), 1));
        for id in 1..=MESSAGES_MAX as u64 + 5 {
            receipts.taken(id, Track { sent: Arc::clone(&sent), part: 1 });
        }
        assert_eq!((receipts.messages.len(), receipts.order.len()), (MESSAGES_MAX, MESSAGES_MAX));
        assert!(!receipts.knows(5) && receipts.knows(6));
    }
}
