//! Bundles: attempts of one person in several callouts that go out in one message and are answered together.
//!
//! Each attempt is released in its own callout, and its event names all attempts of the message, in the order in which the
//! message names them. The first one leads: its key is what the gateway has, and it alone holds a place in the window, a
//! line and a share of budgets. The message goes out when all of them are durable, or not at all: so its words are the
//! same whenever it goes. What is told of it is told of each. All of that follows from the timelines, and is found again
//! after a restart.

use super::cell::{Cell, Output};
use super::load::tried_anew;
use crate::dispatch::{Grant, Offer};
use crate::engine::{self, Sent};
use crate::gateway::Outgoing;
use crate::model::{
    Attempt, AttemptKey, CallIx, Callout, CalloutId, Channel, ContactId, Fact, Failure, PersonId, Release, Stage,
    Timestamp,
};
use foldhash::fast::FixedState;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// The bundles that are on their way to their gateways, each by the attempt that leads it.
#[derive(Default)]
pub(super) struct Bundles {
    /// Those that wait until all their attempts are durable and read.
    waiting: BTreeMap<AttemptKey, Vec<AttemptKey>>,
    /// Those that a gateway was handed and did not answer yet.
    handed: BTreeMap<AttemptKey, Vec<AttemptKey>>,
}

/// How an attempt of a bundle stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is not durable yet, or its callout is being read.
    Waits,
    /// It never became durable.
    Gone,
    /// It is durable.
    There,
}

// === impl Bundles ===

impl Bundles {
    /// Whether one of those that wait brings an attempt of a callout.
    pub(super) fn holds(&self, callout: &CalloutId) -> bool {
        self.waiting.values().flatten().any(|key| key.callout == *callout)
    }

    /// The attempts that a gateway answers for, with the answer to one submit.
    pub(super) fn answered(&mut self, key: &AttemptKey) -> Vec<AttemptKey> {
        self.handed.remove(key).unwrap_or_else(|| vec![key.clone()])
    }

    /// Attempts of a callout that was read may be on their way in a bundle.
    pub(super) fn wait(&mut self, keys: &[AttemptKey]) {
        if let [leader, ..] = keys {
            self.waiting.insert(leader.clone(), keys.to_vec());
        }
    }
}

impl Cell {
    pub(super) fn attempt(&self, key: &AttemptKey) -> Option<&Attempt> {
        self.live.get(&key.callout)?.callout.attempts.get(key.attempt as usize)
    }

    /// All attempts of the message that an attempt goes out in, in order; itself when it goes alone.
    pub(super) fn together(&self, key: &AttemptKey) -> Vec<AttemptKey> {
        let bundle = self.attempt(key).map(|a| a.bundle.clone()).filter(|bundle| !bundle.is_empty());
        bundle.unwrap_or_else(|| vec![key.clone()])
    }

    /// Whom an offer is to reach: see [`Offer::whom`].
    pub(super) fn whom(&self, callout: &CalloutId, call: CallIx, number: Option<&str>) -> u64 {
        let person = self.live.get(callout).and_then(|l| {
            let c = l.callout.calls.get(call as usize)?;
            l.callout.people.get(c.person as usize)
        });
        let Some((person, number)) = person.zip(number) else { return 0 };
        // 0 is nobody.
        FixedState::default().hash_one((person, number)) | 1
    }

    /// Offers something to the lanes, by the number that its person has now.
    pub(super) fn put(&mut self, channel: Channel, offer: Offer) {
        let callout = self.live.get(&offer.callout).map(|l| &l.callout);
        let number = callout.and_then(|c| self.contact(c, offer.call, channel)).map(|(_, number)| number);
        let whom = self.whom(&offer.callout, offer.call, number.as_deref());
        self.dispatch.offer(channel, number.as_deref().unwrap_or_default(), Offer { whom, ..offer });
    }

    /// What was granted along with an offer and goes to the same person on the same number, each with its contact. The
    /// rest is put back: contacts may have changed since.
    pub(super) fn companions<'a>(
        &mut self,
        grant: &'a Grant,
        person: &PersonId,
        number: &str,
    ) -> Vec<(&'a Offer, ContactId)> {
        let mut fit = Vec::new();
        for offer in &grant.with {
            let found = self.live.get(&offer.callout).and_then(|l| {
                let same = l.callout.people[l.callout.calls.get(offer.call as usize)?.person as usize] == *person;
                self.contact(&l.callout, offer.call, grant.channel).filter(|(_, n)| same && n == number)
            });
            match found {
                Some((contact, _)) => fit.push((offer, contact)),
                None => self.put(grant.channel, offer.clone()),
            }
        }
        fit
    }

    /// The releases of one message: the leader's, and those that are still wanted and told in the same language. What
    /// does not fit is put back.
    pub(super) fn fitting(
        &mut self,
        lead: (Offer, Release),
        with: Vec<(Offer, Release)>,
        now: Timestamp,
    ) -> Vec<(Offer, Release)> {
        let language = |cell: &Self, (offer, release): &(Offer, Release)| {
            let callout = &cell.live.get(&offer.callout)?.callout;
            let wanted = engine::releases(callout, release, now);
            engine::language(callout, release).filter(|_| wanted).map(str::to_owned)
        };
        let leads = language(self, &lead);
        let mut parts = vec![lead];
        for part in with {
            if leads.is_some() && language(self, &part) == leads {
                parts.push(part);
            } else {
                self.put(part.1.channel, part.0);
            }
        }
        let key = |(offer, _): &(Offer, Release)| {
            let attempt = self.live.get(&offer.callout).map_or(0, |l| l.callout.attempts.len() as u32);
            AttemptKey { callout: offer.callout.clone(), attempt }
        };
        if parts.len() > 1 {
            let keys: Vec<_> = parts.iter().map(key).collect();
            parts.iter_mut().for_each(|(_, release)| release.bundle.clone_from(&keys));
        }
        parts
    }

    /// An attempt of a bundle is to go out: it does when all of them can.
    pub(super) fn join(&mut self, keys: &[AttemptKey], now: Timestamp) {
        self.bundles.wait(keys);
        if let Some(leader) = keys.first() {
            self.settle_bundle(leader, now);
        }
    }

    /// A callout was read, or cannot be: what waits for attempts of it goes on.
    pub(super) fn settle_bundles(&mut self, id: &CalloutId, now: Timestamp) {
        let of = |keys: &Vec<AttemptKey>| keys.iter().any(|key| key.callout == *id);
        let leaders: Vec<_> = self.bundles.waiting.iter().filter(|(_, k)| of(k)).map(|(l, _)| l.clone()).collect();
        for leader in leaders {
            self.settle_bundle(&leader, now);
        }
    }

    fn standing(&self, key: &AttemptKey, keys: &[AttemptKey]) -> Standing {
        let Some(live) = self.live.get(&key.callout) else {
            let reads = self.loading.contains_key(&key.callout);
            return if reads { Standing::Waits } else { Standing::Gone };
        };
        match live.callout.attempts.get(key.attempt as usize).filter(|a| a.bundle == keys) {
            None => Standing::Gone,
            Some(a) if a.seq >= live.head.next => Standing::Waits,
            Some(_) => Standing::There,
        }
    }

    fn settle_bundle(&mut self, leader: &AttemptKey, now: Timestamp) {
        let Some(keys) = self.bundles.waiting.get(leader).cloned() else { return };
        let standings: Vec<_> = keys.iter().map(|key| self.standing(key, &keys)).collect();
        if standings.contains(&Standing::Waits) {
            return;
        }
        self.bundles.waiting.remove(leader);
        let there = keys.iter().zip(&standings).filter(|(_, s)| **s == Standing::There).map(|(key, _)| key.clone());
        let there: Vec<AttemptKey> = there.collect();
        let mine = there.iter().filter_map(|k| self.attempt(k)).all(|a| a.released_at >= self.started_at);
        let known = self.known(&there);
        if !known.is_empty() {
            // What the timeline of one holds, the engine before this one did not come to write into the others.
            for fact in known {
                self.report_open(&there, &fact, now);
            }
        } else if there.len() < keys.len() {
            // Otherwise its key may be that of another attempt by now.
            if standings.first() == Some(&Standing::There) {
                self.let_go(leader);
            }
            let lost = Fact::Failed { failure: Failure::Parted, detail: None };
            // Another engine may have known more than can be read now.
            let fact = if mine { lost } else { Fact::Unknown { resent: false } };
            self.report_open(&there, &fact, now);
        } else if mine {
            self.send(&keys, now);
        } else {
            self.recover_bundle(&keys, now);
        }
    }

    /// What is known of a message by what was told of one of its attempts.
    fn known(&self, keys: &[AttemptKey]) -> Vec<Fact> {
        let far = |a: &&Attempt| a.failure.is_some() || a.stage > Stage::Unknown;
        let furthest = |a: &&Attempt| (a.failure.is_some(), a.ended, a.stage);
        let Some(a) = keys.iter().filter_map(|k| self.attempt(k)).filter(far).max_by_key(furthest) else {
            return Vec::new();
        };
        match a.failure {
            // The time of one ran out: the others were not sent either.
            Some(Failure::Expired) => vec![Fact::Failed { failure: Failure::Parted, detail: None }],
            Some(failure) => vec![Fact::Failed { failure, detail: None }],
            None => {
                let reached = Fact::Reached { stage: a.stage, reference: a.reference.as_deref().map(str::to_owned) };
                std::iter::once(reached).chain(a.ended.then_some(Fact::Ended)).collect()
            }
        }
    }

    /// Reports a fact of those attempts whose fate is open.
    fn report_open(&mut self, keys: &[AttemptKey], fact: &Fact, now: Timestamp) {
        for key in keys {
            let open = self.attempt(key).filter(|a| a.is_live() && a.stage <= Stage::Unknown).map(|a| a.stage);
            match (open, fact) {
                // The gateway may have it.
                (Some(Stage::Unknown), Fact::Failed { failure: Failure::Parted, .. }) => {
                    self.report(key, Fact::Unknown { resent: false }, None, now);
                }
                (Some(_), _) => self.report(key, fact.clone(), None, now),
                (None, _) => {}
            }
        }
    }

    /// A bundle of an earlier engine of which nothing is known. It goes out again as a whole under its key where the
    /// gateway honours that, while all of it is valid; else each attempt is tried anew.
    fn recover_bundle(&mut self, keys: &[AttemptKey], now: Timestamp) {
        let idempotent = |a: &Attempt| self.gateways.get(&a.gateway).is_some_and(|g| g.idempotent);
        let again = |key: &AttemptKey| {
            let callout = self.live.get(&key.callout).map(|l| &l.callout);
            let a = self.attempt(key).filter(|a| a.valid_until > now && idempotent(a));
            a.is_some() && !callout.is_some_and(|c| tried_anew(c, key.attempt))
        };
        let resent = keys.iter().all(again);
        let stage = |key: &AttemptKey| self.attempt(key).map(|a| a.stage);
        let unsure = keys.first().and_then(stage) == Some(Stage::Unknown);
        let released: Vec<_> = keys.iter().filter(|k| stage(k) == Some(Stage::Released)).cloned().collect();
        if !resent {
            return self.report_open(keys, &Fact::Unknown { resent: false }, now);
        }
        if unsure {
            // It was to go out again under its key; whether it did is not known, and once more does no harm.
            self.send(keys, now);
        }
        for key in released {
            self.report(&key, Fact::Unknown { resent: true }, None, now);
        }
    }

    /// Hands a bundle to its gateway: all of it is durable. When one of its attempts cannot go, none does, and the
    /// others are tried again at once.
    fn send(&mut self, keys: &[AttemptKey], now: Timestamp) {
        let Some(leader) = keys.first() else { return };
        let fresh = self.attempt(leader).is_some_and(|a| a.stage == Stage::Released);
        if fresh && !keys.iter().any(|key| self.is_wanted(key)) {
            self.let_go(leader);
            self.report_open(keys, &Fact::Failed { failure: Failure::Withdrawn, detail: None }, now);
            return;
        }
        let parts: Vec<_> = keys.iter().map(|key| self.outgoing(key, now)).collect();
        let numbers = || parts.iter().flatten().map(|part| &part.number);
        let whole = parts.iter().all(Option::is_some) && numbers().all(|n| Some(n) == numbers().next());
        let Some(outgoing) = whole.then(|| merged(parts.iter().flatten())).flatten() else {
            self.let_go(leader);
            for (key, part) in keys.iter().zip(&parts) {
                let failure = if part.is_some() { Failure::Parted } else { Failure::Expired };
                self.report_open(std::slice::from_ref(key), &Fact::Failed { failure, detail: None }, now);
            }
            return;
        };
        self.bundles.handed.insert(leader.clone(), keys.to_vec());
        self.hand_over(keys, outgoing, now);
    }

    /// Whether an attempt of a bundle still asks or tells something, as far as can be seen.
    fn is_wanted(&self, key: &AttemptKey) -> bool {
        match self.live.get(&key.callout) {
            Some(live) => engine::wants(&live.callout, key.attempt),
            None => self.loading.contains_key(&key.callout),
        }
    }

    /// Hangs up what still rings or plays in vain: of a bundle when none of its attempts wants it.
    pub(super) fn hang_up(&mut self, id: &CalloutId, now: Timestamp) {
        let Some(live) = self.live.get(id) else { return };
        for attempt in engine::to_withdraw(&live.callout, now) {
            let a = &live.callout.attempts[attempt as usize];
            let own = AttemptKey { callout: id.clone(), attempt };
            if !a.bundle.iter().any(|key| *key != own && self.is_wanted(key)) {
                let key = a.bundle.first().cloned().unwrap_or(own);
                self.outputs.push(Output::Withdraw { gateway: a.gateway.clone(), key });
            }
        }
    }

    /// A callout cannot be read: what rang for it too, and is wanted by nobody else, is hung up.
    pub(super) fn hang_up_beside(&mut self, id: &CalloutId, now: Timestamp) {
        let beside = |callout: &Callout| callout.attempts.iter().flat_map(|a| &a.bundle).any(|key| key.callout == *id);
        let others: Vec<_> = self.callouts().filter(|c| beside(c)).map(|c| c.id.clone()).collect();
        for other in others {
            self.hang_up(&other, now);
        }
    }
}

/// The one message of several attempts, the leader's first.
fn merged<'a>(parts: impl Iterator<Item = &'a Outgoing> + Clone) -> Option<Outgoing> {
    let words = |part: &Outgoing| Sent {
        text: part.text.clone(),
        template: part.template.clone(),
        speech: part.speech.clone(),
    };
    let Sent { text, template, speech } = engine::bundled(parts.clone().map(words).collect())?;
    let valid_until = parts.clone().map(|part| part.valid_until).min()?;
    let leader = parts.clone().next()?.clone();
    Some(Outgoing { text, template, speech, valid_until, ..leader })
}
