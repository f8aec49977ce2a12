//! Escalation: steps, what an answer means for the ground, exhaustion, rounds, the way up, the end.

use super::Decision;
use crate::model::{
    Answer, CallIx, CalloutId, ClockOf, ClockStart, CloseReason, Event, Outcome, PersonIx, Phase, Proof, Purpose,
    RegionCode, ReleaseReason, StepCause, TargetIx,
};

impl Decision<'_> {
    /// Begins a step of a target: its own, or the next one whose posts somebody fills. Behind the
    /// last step the target is exhausted.
    pub(super) fn start_step(&mut self, target: TargetIx, from: u8, cause: StepCause) {
        let Some(head) = &self.callout.head else { return };
        let t = &self.callout.targets[target as usize];
        let new_round = !matches!(cause, StepCause::Deadline | StepCause::Refused);
        let round = t.round + u16::from(new_round);
        let steps = head.plan.steps.len() as u8;
        let Some(step) = (from..steps).find(|s| t.seats.get(usize::from(*s)).is_some_and(|s| !s.answer.is_empty()))
        else {
            self.exhaust(target, round);
            return;
        };
        let due = self.now.plus_ms(head.plan.steps[usize::from(step)].wait_ms);
        self.emit(Event::StepStarted { target, step, round, due, cause });
        let seats = self.callout.targets[target as usize].seats[usize::from(step)].clone();
        for person in seats.answer {
            if !self.has_said_yes(person, target, step) {
                self.wanted.entry((person, Purpose::CallOut, step)).or_default().push(target);
            }
        }
        for person in seats.alert {
            self.wanted.entry((person, Purpose::Alert, step)).or_default().push(target);
        }
        // Those who must answer may all have answered already (a person who sits in two steps).
        self.judge(target, None);
    }

    fn exhaust(&mut self, target: TargetIx, round: u16) {
        let Some(head) = &self.callout.head else { return };
        let again = self.now.plus_ms(head.plan.repeat_ms);
        let seated = self.callout.targets[target as usize].seats.iter().any(|s| !s.answer.is_empty());
        let again_at = (seated && again < head.expires).then_some(again);
        self.new_alarms += u32::from(!self.callout.targets[target as usize].alarm);
        self.emit(Event::TargetExhausted { target, round: round.max(1), again_at });
    }

    fn has_said_yes(&self, person: PersonIx, target: TargetIx, step: u8) -> bool {
        self.said(person, target).is_some_and(|(answer, proof)| answer == Answer::Yes && proof >= self.proof_of(step))
    }

    fn said(&self, person: PersonIx, target: TargetIx) -> Option<(Answer, Proof)> {
        let call = self.callout.call_ix.get(&(person, Purpose::CallOut))?;
        self.callout.calls[*call as usize].link(target)?.answer
    }

    fn proof_of(&self, step: u8) -> Proof {
        self.callout.head.as_ref().and_then(|h| h.plan.steps.get(usize::from(step))).map_or(Proof::Action, |s| s.proof)
    }

    /// Looks again at what the answers mean for a target, after one came (`by`) or a person proved
    /// unreachable (`None`).
    pub(super) fn judge(&mut self, target: TargetIx, by: Option<CallIx>) {
        let t = &self.callout.targets[target as usize];
        if matches!(t.phase, Phase::Released { .. } | Phase::Covered) {
            return;
        }
        let confirmed = t.progress.knock.as_ref().is_some_and(|k| k.confirmed_at.is_some());
        let holding = (t.floor..=t.reached).filter(|s| self.step_holds(target, *s));
        let plan = self.callout.head.as_ref().map(|h| &h.plan);
        let outcome_of = |s: u8| plan.map_or(Outcome::TakenOver, |p| p.steps[usize::from(s)].outcome);
        // The lowest step that covers the ground wins; only else the lowest that takes over.
        let best = holding.min_by_key(|s| (outcome_of(*s) == Outcome::TakenOver, *s)).map(|s| (s, outcome_of(s)));
        match (best, t.phase) {
            (Some((_, Outcome::Satisfied)), Phase::Satisfied { .. })
            | (Some((_, Outcome::TakenOver)), Phase::TakenOver { .. } | Phase::Satisfied { .. }) => {}
            (Some((step, Outcome::Satisfied)), _) => {
                let call = by.or_else(|| self.answering_call(target, step));
                self.emit(Event::TargetSatisfied { target, step, call });
                self.settle(target, 0, Outcome::Satisfied);
            }
            (Some((step, Outcome::TakenOver)), _) => {
                let call = by.or_else(|| self.answering_call(target, step));
                self.emit(Event::TargetTakenOver { target, step: Some(step), call, above: None });
                self.settle(target, step, Outcome::TakenOver);
            }
            (None, Phase::Calling { step, .. }) if !self.can_still_hold(target, step) => {
                self.start_step(target, step + 1, StepCause::Refused);
            }
            // Somebody stood there, and it was confirmed: that does not rest on an answer.
            (None, Phase::Satisfied { .. }) if confirmed => {}
            // Somebody took the answer back that the ground rested on.
            (None, Phase::Satisfied { step, .. } | Phase::TakenOver { step: Some(step), .. }) => {
                self.start_step(target, step + 1, StepCause::Refused);
                self.restart_clocks(target);
            }
            (None, _) => {}
        }
    }

    fn answering_call(&self, target: TargetIx, step: u8) -> Option<CallIx> {
        let seats = &self.callout.targets[target as usize].seats[usize::from(step)].answer;
        let yes = seats.iter().find(|p| self.has_said_yes(**p, target, step))?;
        self.callout.call_ix.get(&(*yes, Purpose::CallOut)).copied()
    }

    fn step_holds(&self, target: TargetIx, step: u8) -> bool {
        let Some(seats) = self.callout.targets[target as usize].seats.get(usize::from(step)) else { return false };
        let Some(rule) = self.callout.head.as_ref().and_then(|h| h.plan.steps.get(usize::from(step))) else {
            return false;
        };
        let yes = seats.answer.iter().filter(|p| self.has_said_yes(**p, target, step)).count();
        !seats.answer.is_empty() && yes >= rule.need.count(seats.answer.len())
    }

    /// Whether enough persons of a step are left who have not refused and can be reached.
    fn can_still_hold(&self, target: TargetIx, step: u8) -> bool {
        let seats = &self.callout.targets[target as usize].seats[usize::from(step)].answer;
        let Some(rule) = self.callout.head.as_ref().and_then(|h| h.plan.steps.get(usize::from(step))) else {
            return false;
        };
        let left = seats.iter().filter(|person| {
            let refused = matches!(self.said(**person, target), Some((Answer::Cannot, _)));
            let call = self.callout.call_ix.get(&(**person, Purpose::CallOut));
            // A call that is wanted and not planned yet may have been unreachable an hour ago.
            let wanted = self.wanted.keys().any(|(p, purpose, _)| p == *person && *purpose == Purpose::CallOut);
            let unreachable = !wanted && call.is_some_and(|c| self.callout.calls[*c as usize].unreachable);
            !refused && !unreachable
        });
        left.count() >= rule.need.count(seats.len())
    }

    /// After an answer: clocks stop, and calls that no longer have a target to ask about fall silent.
    /// When a higher post took over, the ladders of lower steps run to their end.
    pub(super) fn settle(&mut self, target: TargetIx, from_step: u8, outcome: Outcome) {
        self.meet_clocks(target);
        if outcome == Outcome::TakenOver {
            self.start_clocks(ClockOf::Target(target), &[ClockStart::TakenOver]);
        }
        self.start_clocks(ClockOf::Target(target), &[ClockStart::Answered]);
        for call in self.callout.targets[target as usize].calls.clone() {
            if self.callout.calls[call as usize].step >= from_step {
                self.silence_if_done(call);
            }
        }
        self.unwant(target, from_step);
    }

    /// Whoever was wanted for a target in this same decision is not called any more.
    fn unwant(&mut self, target: TargetIx, from_step: u8) {
        for ((_, _, step), targets) in &mut self.wanted {
            if *step >= from_step {
                targets.retain(|t| *t != target);
            }
        }
    }

    /// Ends a target without an answer.
    pub(super) fn release_target(&mut self, target: TargetIx, reason: ReleaseReason) {
        self.emit(Event::TargetReleased { target, reason });
        self.unwant(target, 0);
        // The tier's clocks may have waited for this ground alone.
        self.meet_clocks(target);
        for call in self.callout.targets[target as usize].calls.clone() {
            self.silence_if_done(call);
        }
    }

    /// Ends the callout: what nobody answered for is released, and everything falls silent.
    pub(super) fn close(&mut self, reason: CloseReason) {
        self.end(reason, None);
    }

    /// Ends the callout; `by` is the real one that a drill gives way to.
    pub(super) fn end(&mut self, reason: CloseReason, by: Option<CalloutId>) {
        let release = match reason {
            CloseReason::Suspended => ReleaseReason::Suspended,
            CloseReason::Cancelled | CloseReason::Retracted => ReleaseReason::Cancelled,
            CloseReason::Expired => ReleaseReason::Expired,
        };
        for target in 0..self.callout.targets.len() as u32 {
            let phase = self.callout.targets[target as usize].phase;
            if !matches!(phase, Phase::Satisfied { .. } | Phase::TakenOver { .. } | Phase::Released { .. }) {
                self.release_target(target, release);
            }
        }
        let totals = self.callout.totals();
        self.emit(Event::Closed { reason, totals, by });
        // A step that was due before the end, and is looked at with it, calls nobody any more.
        self.wanted.clear();
        for call in 0..self.callout.calls.len() as u32 {
            let c = &self.callout.calls[call as usize];
            // What has not been told yet is overtaken by the end.
            if c.purpose.is_notice() && c.is_running() {
                self.emit(Event::CallSilenced { call });
            }
            self.silence_if_done(call);
        }
    }

    /// Hands up to the parent region what this decision found that nobody here can satisfy, and tells it
    /// when all that went up is over.
    pub(super) fn raise_up(&mut self) {
        let (targets, gaps) = (std::mem::take(&mut self.new_alarms), std::mem::take(&mut self.new_gaps));
        let Some(to) = self.callout.head.as_ref().and_then(|h| h.region.parent()) else { return };
        if self.callout.is_open() && (targets > 0 || gaps > 0) {
            self.emit(Event::Raised { to: to.clone(), targets, gaps });
        }
        if self.callout.raised > self.callout.lowered && !self.callout.needs_parent() {
            self.emit(Event::Lowered { to });
        }
    }

    /// The region above answered: what stands as an alarm here is taken over by it.
    pub(super) fn answered_above(&mut self, region: &RegionCode) {
        if !self.callout.is_open() {
            return;
        }
        for target in 0..self.callout.targets.len() as u32 {
            if self.callout.targets[target as usize].alarm {
                self.emit(Event::TargetTakenOver { target, step: None, call: None, above: Some(region.clone()) });
                self.settle(target, u8::MAX, Outcome::TakenOver);
            }
        }
    }
}
