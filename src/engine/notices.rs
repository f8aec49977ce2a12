//! Notices: what those who were reached are told when something changes or ends, on the channels that
//! reached them; and who has confirmed the retraction of a false alarm.

use super::Decision;
use crate::model::{Answer, Channel, Event, PersonIx, Phase, Purpose, Reply, Stage, TargetIx};
use std::collections::{BTreeMap, BTreeSet};

/// How somebody was reached, and for which ground.
type Reached = BTreeMap<PersonIx, (BTreeSet<Channel>, BTreeSet<TargetIx>)>;

impl Decision<'_> {
    /// Tells a person something, once, on given channels.
    pub(super) fn plan_notice(
        &mut self,
        person: u32,
        purpose: Purpose,
        targets: Vec<TargetIx>,
        channels: Vec<Channel>,
    ) {
        let known = self.callout.call_ix.get(&(person, purpose)).copied();
        self.emit(Event::CallPlanned {
            call: known.unwrap_or(self.callout.calls.len() as u32),
            person: self.callout.people[person as usize].clone(),
            purpose,
            step: 0,
            targets,
            due: Some(self.now),
            channels,
        });
    }

    /// Tells everybody who was reached that the warning is over.
    pub(super) fn tell_end(&mut self, purpose: Purpose) {
        for (person, (channels, targets)) in self.reached() {
            self.plan_notice(person, purpose, targets.into_iter().collect(), channels.into_iter().collect());
        }
    }

    /// Tells those who were reached for ground that was released just now.
    pub(super) fn tell_dropped(&mut self, dropped: &BTreeSet<TargetIx>) {
        for (person, (channels, targets)) in self.reached() {
            let targets: Vec<_> = targets.intersection(dropped).copied().collect();
            if !targets.is_empty() {
                self.plan_notice(person, Purpose::Dropped, targets, channels.into_iter().collect());
            }
        }
    }

    /// Tells those who were reached for ground that an Update leaves as it was: once, and nobody is called.
    /// `called`: ground that is called anew.
    pub(super) fn tell_updated(&mut self, called: &BTreeSet<TargetIx>) {
        for (person, (channels, targets)) in self.reached() {
            let released = |t: &TargetIx| matches!(self.callout.targets[*t as usize].phase, Phase::Released { .. });
            let kept: Vec<_> = targets.difference(called).copied().filter(|t| !released(t)).collect();
            if !kept.is_empty() {
                self.plan_notice(person, Purpose::Updated, kept, channels.into_iter().collect());
            }
        }
    }

    /// Who was reached: called, sounded or told something, and not known to have got nothing; and whoever
    /// answered, however that came about, on the channels on which that person was tried.
    fn reached(&self) -> Reached {
        let mut reached = Reached::new();
        for a in self.callout.attempts.iter().filter(|a| a.failure.is_none() || a.stage >= Stage::Delivered) {
            let call = &self.callout.calls[a.call as usize];
            if !call.purpose.is_final() {
                let (channels, targets) = reached.entry(call.person).or_default();
                channels.insert(a.channel);
                targets.extend(&a.targets);
            }
        }
        let by_attempt: BTreeSet<PersonIx> = reached.keys().copied().collect();
        for call in self.callout.calls.iter().filter(|c| !c.purpose.is_final()) {
            let mut answered = call.links.iter().filter(|l| l.answer.is_some()).map(|l| l.target).peekable();
            if answered.peek().is_none() {
                continue;
            }
            let (channels, targets) = reached.entry(call.person).or_default();
            targets.extend(answered);
            if !by_attempt.contains(&call.person) {
                channels.extend(call.tracks.iter().flat_map(|t| &t.rungs).map(|(channel, _)| *channel));
            }
        }
        reached
    }

    /// Somebody confirms the retraction of a false alarm: any word, key or link that says yes will do, once
    /// the retraction has gone out, but no key in a call that told of the alarm. False when it confirms nothing.
    pub(super) fn confirm(&mut self, r: &Reply) -> bool {
        let person = self.callout.calls[r.call as usize].person;
        let Some(call) = self.callout.call_ix.get(&(person, Purpose::Retracted)).copied() else { return false };
        let c = &self.callout.calls[call as usize];
        let Some(first) = c.attempts.first().map(|a| self.callout.attempts[*a as usize].released_at) else {
            return false;
        };
        let in_another = r.attempt.is_some_and(|a| !c.attempts.contains(&a));
        // Better to ask once more than to hold somebody for told who was not: no allowance for clocks here.
        if r.answer != Answer::Yes || in_another || r.reported_at.is_some_and(|said| said < first) {
            return false;
        }
        if c.confirmed_at.is_some() {
            return true;
        }
        let running = c.is_running();
        self.emit(Event::Confirmed { call, way: r.way, text: r.text, reported_at: r.reported_at });
        if running {
            self.emit(Event::CallSilenced { call });
        }
        true
    }
}
