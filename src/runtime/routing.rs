//! What the lanes learn from attempts: which gateway works, tells, and tells the truth; and what follows for the next try.

use super::cell::Cell;
use crate::dispatch::{CanaryResult, Lock, Outcome, Told};
use crate::model::{
    AnswerWay, Attempt, AttemptIx, AttemptKey, Call, CallIx, Callout, CalloutId, Channel, Fact, Failure, GatewayId,
    Purpose, Stage, TextKind, Timestamp,
};

/// The gateway on which the last attempt of a rung failed, or went out with its fate unknown.
pub(super) fn failed_on(callout: &Callout, call: &Call, track: u8, rung: u16) -> Option<GatewayId> {
    let mut of_track = call.attempts.iter().rev().map(|a| &callout.attempts[*a as usize]).filter(|a| a.track == track);
    let last = of_track.next().filter(|a| a.rung == rung)?;
    let unknown = last.failure.is_none() && last.stage == Stage::Unknown;
    (last.failure == Some(Failure::GatewayDown) || unknown).then(|| last.gateway.clone())
}

impl Cell {
    /// What a gateway answered to a submit, for its breaker.
    pub(super) fn outcome(&mut self, gateway: &GatewayId, channel: Channel, fact: &Fact, now: Timestamp) {
        let outcome = match fact {
            Fact::Failed { failure: Failure::GatewayDown, detail } => {
                Outcome::Failed(detail.as_deref().unwrap_or("down"))
            }
            Fact::Unknown { .. } => Outcome::Failed("no answer that could be read"),
            Fact::Failed { failure: Failure::Refused, detail } => {
                Outcome::Refused(detail.as_deref().unwrap_or("refused"))
            }
            _ => Outcome::Took,
        };
        if self.dispatch.outcome(gateway, channel, outcome, now) {
            tracing::warn!(%gateway, "the gateway does not work: its breaker is open");
        }
    }

    /// Whether a gateway that has not failed this rung works, when one is down.
    pub(super) fn works_elsewhere(&self, key: &AttemptKey, fact: &Fact, now: Timestamp) -> bool {
        if !matches!(fact, Fact::Failed { failure: Failure::GatewayDown, .. }) {
            return false;
        }
        let Some(callout) = self.live.get(&key.callout).map(|l| &l.callout) else { return false };
        let Some(a) = callout.attempts.get(key.attempt as usize) else { return false };
        let call = &callout.calls[a.call as usize];
        let down = |x: &&Attempt| x.rung == a.rung && x.failure == Some(Failure::GatewayDown);
        let earlier = call.attempts.iter().rev().filter(|x| **x < key.attempt).map(|x| &callout.attempts[*x as usize]);
        let row: Vec<_> = earlier.filter(|x| x.track == a.track).take_while(down).map(|x| &x.gateway).collect();
        let tried = |id: &GatewayId| *id == a.gateway || row.contains(&id);
        let number = self.directory.contact(&a.contact.contact).map_or("", |(_, contact)| contact.number.as_str());
        let way = (a.channel, TextKind::of(call.purpose, a.channel));
        self.dispatch.works_elsewhere(way, number, &key.callout, tried, now)
    }

    /// Something is told of an attempt: its gateway is not silent, and its word can be held against answers.
    pub(super) fn learn(&mut self, key: &AttemptKey, fact: &Fact, now: Timestamp) {
        let told = match fact {
            Fact::Reached { stage, .. } if *stage >= Stage::Delivered => Some(Told::Delivered),
            Fact::Failed {
                failure:
                    Failure::GatewayDown | Failure::Refused | Failure::Expired | Failure::Withdrawn | Failure::Parted,
                ..
            }
            | Fact::Reached { .. }
            | Fact::Unknown { .. } => return,
            Fact::Failed { failure: Failure::Undelivered | Failure::DeadNumber, .. }
                if self.attempt(key).is_some_and(|a| a.leads(key)) =>
            {
                Some(Told::Failed)
            }
            // It rang: whether the person picks up is not the gateway's.
            Fact::Failed { .. } | Fact::Ended => None,
        };
        self.tell_lane(key, told, now);
    }

    /// A person answered: the attempt of that channel was heard.
    pub(super) fn learn_answer(
        &mut self,
        id: &CalloutId,
        (call, attempt): (CallIx, Option<AttemptIx>),
        way: AnswerWay,
        now: Timestamp,
    ) {
        let channel = match way {
            AnswerWay::Sms | AnswerWay::Link => Channel::Sms,
            AnswerWay::Voice => Channel::Voice,
            // Who calls back may have heard of it anywhere.
            AnswerWay::CallBack | AnswerWay::Operator => return,
        };
        let Some(callout) = self.live.get(id).map(|l| &l.callout) else { return };
        let mut newest = callout.calls[call as usize].attempts.iter().rev().copied();
        let of_channel = |a: &AttemptIx| {
            let a = &callout.attempts[*a as usize];
            a.channel == channel && a.failure.is_none_or(Failure::may_have_reached)
        };
        let answered = attempt.filter(of_channel).or_else(|| newest.find(of_channel));
        if let Some(attempt) = answered {
            self.tell_lane(&AttemptKey { callout: id.clone(), attempt }, Some(Told::Answered), now);
        }
    }

    fn tell_lane(&mut self, key: &AttemptKey, told: Option<Told>, now: Timestamp) {
        let Some(callout) = self.live.get(&key.callout).map(|l| &l.callout) else { return };
        let Some(a) = callout.attempts.get(key.attempt as usize) else { return };
        // One message counts once.
        let key = a.bundle.first().unwrap_or(key);
        self.dispatch.heard(&a.gateway, a.channel, now);
        let asks = callout.calls[a.call as usize].purpose == Purpose::CallOut;
        if let Some(told) = told.filter(|_| asks)
            && let Some((_, contact)) = self.directory.contact(&a.contact.contact)
        {
            self.dispatch.told(&a.gateway, a.channel, &contact.number, key, told);
        }
    }

    /// A person takes a gateway out of use, or into it again. False when there is no such gateway.
    pub fn lock(&mut self, gateway: &GatewayId, lock: Option<Lock>) -> bool {
        self.dispatch.lock(gateway, lock)
    }

    /// What the canary of a gateway saw.
    pub fn canary(&mut self, gateway: &GatewayId, result: CanaryResult) {
        self.dispatch.canary(gateway, result);
    }
}
