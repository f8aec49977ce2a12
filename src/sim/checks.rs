//! The promises, checked from outside the engine while a world runs.

use crate::engine::{self, Violation};
use crate::gateway::Outgoing;
use crate::journal::{Batch, Journal, Record, SelectCallouts, verify_chain};
use crate::model::{
    AttemptKey, CallIx, Callout, CalloutId, Channel, Entry, Event, Fact, Failure, Phase, Purpose, Stage, Timestamp,
};
use crate::runtime::{Cell, Committed, Gallery};
use std::collections::{BTreeMap, BTreeSet};

/// What a run saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Events committed.
    pub events: u64,
    /// Messages that reached a gateway.
    pub sends: u64,
    /// Those among them that brought attempts of several callouts.
    pub bundles: u64,
    /// Second sends of the same rung, each after an attempt whose fate was not known.
    pub duplicates: u64,
    /// Attempts of drills among them.
    pub drill_sends: u64,
    /// Attempts that went through another gateway than they would have, as that one did not work.
    pub failovers: u64,
    /// Drills that gave way to a real warning.
    pub suspended: u64,
    /// Engine crashes.
    pub crashes: u64,
    /// Failed or unknown commits.
    pub failed_commits: u64,
    /// Tiers opened.
    pub tiers: u64,
    /// Reports from the ground that counted.
    pub reports: u64,
    /// Clocks missed.
    pub clocks_missed: u64,
    /// Targets of accepted warnings that ended without an outcome and without an alarm.
    pub lost: u64,
}

/// Watches a world from outside.
#[derive(Default)]
pub struct Checks {
    /// What was seen.
    pub seen: Seen,
    /// What was broken.
    pub violations: Vec<Violation>,
    durable: BTreeSet<AttemptKey>,
    /// Attempts whose fate was not known at some time.
    unsure: BTreeSet<AttemptKey>,
    /// The last attempt sent for (callout, call, track, rung, ladder).
    rungs: BTreeMap<(CalloutId, CallIx, u8, u16, u16), AttemptKey>,
    /// How often each attempt was sent.
    times: BTreeMap<AttemptKey, u32>,
    /// Drills seen beside a real warning that suspends them, since when.
    pub(super) beside: BTreeMap<(CalloutId, CalloutId), Timestamp>,
}

// === impl Checks ===

impl Checks {
    /// Notes that a promise was broken.
    pub fn fail(&mut self, promise: u8, seen: String) {
        self.violations.push(Violation { promise, seen });
    }

    /// A batch became durable (whether or not the engine learns of it).
    pub fn stored(&mut self, batch: &Batch) {
        for record in batch.groups.iter().flat_map(|g| &g.records) {
            let Some(callout) = record.stream.callout() else { continue };
            for Entry(_, event) in record.entries::<Entry>().unwrap_or_default() {
                self.seen.events += 1;
                match event {
                    Event::AttemptReleased { attempt, routed, .. } => {
                        self.seen.failovers += u64::from(routed.is_some_and(|r| !r.probe && !r.past.is_empty()));
                        self.durable.insert(AttemptKey { callout: callout.clone(), attempt });
                    }
                    Event::TierOpened { .. } => self.seen.tiers += 1,
                    Event::ActionReported { .. } => self.seen.reports += 1,
                    Event::ClockMissed { .. } => self.seen.clocks_missed += 1,
                    Event::AttemptReported { attempt, fact: Fact::Unknown { .. }, .. } => {
                        self.unsure.insert(AttemptKey { callout: callout.clone(), attempt });
                    }
                    _ => {}
                }
            }
        }
    }

    /// A message reaches a gateway: promises 2, 3 and 5, for each attempt that it brings.
    pub fn submitted(&mut self, cell: &Cell, outgoing: &Outgoing, idempotent: bool) {
        self.seen.sends += 1;
        let attempt_of = |key: &AttemptKey| {
            let callout = cell.callouts().find(|c| c.id == key.callout)?;
            Some((callout, callout.attempts.get(key.attempt as usize)?))
        };
        let bundle = attempt_of(&outgoing.key).map(|(_, a)| a.bundle.clone()).unwrap_or_default();
        if bundle.is_empty() {
            return self.sent(cell, &outgoing.key, idempotent);
        }
        self.seen.bundles += 1;
        let person = |key: &AttemptKey| {
            let (callout, a) = attempt_of(key)?;
            Some((&callout.people[callout.calls[a.call as usize].person as usize], callout.is_drill()))
        };
        for key in &bundle {
            let Some((callout, attempt)) = attempt_of(key) else {
                self.fail(2, format!("{key} went out in the message of {} and is nowhere", outgoing.key));
                continue;
            };
            let said = engine::sent(callout, key.attempt, "");
            let code = callout.calls[attempt.call as usize].code.as_deref().unwrap_or_default();
            let named = match (&outgoing.speech, &said.speech) {
                (Some(all), Some(one)) => all.text.contains(&one.text),
                _ => outgoing.text.contains(code),
            };
            if attempt.bundle != bundle || bundle[0] != outgoing.key || person(key) != person(&outgoing.key) || !named {
                self.fail(2, format!("{key} is not of one message with {}", outgoing.key));
            }
            self.sent(cell, key, idempotent);
        }
    }

    fn sent(&mut self, cell: &Cell, key: &AttemptKey, idempotent: bool) {
        if !self.durable.contains(key) {
            self.fail(2, format!("{key} reached a gateway before its release was durable"));
        }
        let Some(callout) = cell.callouts().find(|c| c.id == key.callout) else { return };
        let attempt = &callout.attempts[key.attempt as usize];
        let call = &callout.calls[attempt.call as usize];
        let times = self.times.entry(key.clone()).or_default();
        *times += 1;
        if *times > 1 && !idempotent {
            let times = *times;
            self.fail(3, format!("{key} was sent {times} times through a gateway that knows no idempotency key"));
        }
        let ladder = call.attempts.iter().take_while(|a| **a < key.attempt).count() as u16;
        let rung = (key.callout.clone(), attempt.call, attempt.track, attempt.rung, call.ladder_from.min(ladder));
        if let Some(before) = self.rungs.insert(rung, key.clone()).filter(|before| before != key) {
            let b = &callout.attempts[before.attempt as usize];
            let unsure = self.unsure.contains(&before) || matches!(b.failure, Some(Failure::Expired));
            let certain = matches!(b.failure, Some(Failure::GatewayDown | Failure::DeadNumber | Failure::Parted));
            self.seen.duplicates += u64::from(unsure);
            if !unsure && !certain {
                self.fail(3, format!("{key} repeats the rung of {before}, which is {:?} {:?}", b.stage, b.failure));
            }
        }
        let idle = |t: &u32| match callout.targets[*t as usize].phase {
            Phase::Satisfied { at, .. } | Phase::Released { at, .. } => at < attempt.released_at,
            _ => false,
        };
        if matches!(call.purpose, Purpose::CallOut | Purpose::Alert) && attempt.targets.iter().all(idle) {
            self.fail(5, format!("{key} was released after all it names was satisfied or released"));
        }
    }

    /// Events became durable: the callout's own promises.
    pub fn committed(&mut self, gallery: &Gallery, committed: &Committed) {
        if let Some(callout) = gallery.get(&committed.callout) {
            let id = &committed.callout;
            for Violation { promise, seen } in engine::check(&callout) {
                self.fail(promise, format!("{id}: {seen}"));
            }
            for Entry(_, event) in &committed.entries {
                self.gave_way(&callout, event);
            }
        }
    }

    /// The cell has nothing left to do at `now`: promise 8, and 4 for what waits.
    pub fn settled(&mut self, cell: &Cell, now: Timestamp) {
        self.drills_give_way(cell, now);
        let late: Vec<_> = cell
            .callouts()
            .filter_map(|c| c.agenda.timers.first().filter(|(due, _)| *due <= now).map(|t| (c.id.clone(), *t)))
            .collect();
        for (id, timer) in late {
            self.fail(8, format!("{id}: {timer:?} is due and was not decided at {now}"));
        }
    }

    /// A voice call of satisfied ground still lives a second later: promise 5. One that names other warnings too may
    /// ring for them.
    pub fn silence(&mut self, callout: &Callout, gallery: &Gallery, withdrawn: &BTreeSet<AttemptKey>, now: Timestamp) {
        let wants = |key: &AttemptKey| gallery.get(&key.callout).is_some_and(|c| engine::wants(&c, key.attempt));
        for (ix, a) in callout.attempts.iter().enumerate() {
            let key = AttemptKey { callout: callout.id.clone(), attempt: ix as u32 };
            let call = &callout.calls[a.call as usize];
            let over = |l: &crate::model::Link| match callout.targets[l.target as usize].phase {
                Phase::Satisfied { at, .. } | Phase::Released { at, .. } => now.ms_since(at) > 1000,
                _ => false,
            };
            let live = a.channel == Channel::Voice && a.rings(now) && a.stage > Stage::Released;
            let rings_for = |other: &AttemptKey| *other != key && wants(other);
            let hung_up = withdrawn.contains(a.bundle.first().unwrap_or(&key)) || a.bundle.iter().any(rings_for);
            if call.purpose == Purpose::CallOut && live && call.links.iter().all(over) && !hung_up {
                self.fail(5, format!("{key} still rings a second after its ground was satisfied"));
            }
        }
    }

    /// The world has ended: promises 1, 6, 9 and 10 over everything that was stored.
    pub async fn ended(
        &mut self,
        journal: &dyn Journal,
        gallery: &Gallery,
        numbers: &BTreeSet<String>,
        now: Timestamp,
    ) {
        let rows =
            journal.callouts(SelectCallouts::Before { before: Timestamp(i64::MAX), limit: usize::MAX >> 1 }).await;
        for row in rows.unwrap_or_default() {
            let records = journal.read(row.stream.clone(), 0, usize::MAX >> 1).await.unwrap_or_default();
            if let Err(e) = verify_chain(&records) {
                self.fail(9, e.to_string());
            }
            if let Some(number) = records.iter().find_map(|r| numbers.iter().find(|n| r.body.contains(&n[3..]))) {
                self.fail(10, format!("{} holds a phone number ({} digits)", row.stream, number.len()));
            }
            self.folded(gallery, &records, &row.stream.callout().unwrap_or_default(), now);
        }
    }

    fn folded(&mut self, gallery: &Gallery, records: &[Record], id: &CalloutId, now: Timestamp) {
        let entries: Vec<Entry> = records.iter().flat_map(|r| r.entries().unwrap_or_default()).collect();
        let replayed = engine::replay(id.clone(), &entries);
        match gallery.get(id) {
            Some(shown) if shown.canonical() != replayed.canonical() => {
                self.fail(6, format!("{id}: the live copy differs from the fold of the stored events"));
            }
            Some(_) => {}
            None => self.fail(6, format!("{id}: stored and not shown")),
        }
        let ended = replayed.head.as_ref().is_none_or(|h| h.expires <= now);
        for (ix, t) in replayed.targets.iter().enumerate() {
            if ended && t.is_wanted() && !t.alarm {
                self.seen.lost += 1;
                self.fail(1, format!("{id}: target {ix} ended as {:?} without an alarm", t.phase));
            }
        }
    }
}
