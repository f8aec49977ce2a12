//! Clocks: started, moved, reminded of, met, missed. What they are is the plan's; how they end is here.

use super::Decision;
use crate::model::{
    Attempt, AttemptIx, CallIx, Callout, Channel, Clock, ClockEnd, ClockIx, ClockOf, ClockRule, ClockScope, ClockStart,
    ClockState, Event, OnMiss, PersonIx, Phase, Purpose, Stage, StepCause, TargetIx, Timestamp,
};
use std::collections::BTreeMap;

impl Decision<'_> {
    /// Starts the clocks of a target or tier that start with one of these.
    pub(super) fn start_clocks(&mut self, of: ClockOf, starts: &[ClockStart]) {
        self.start_those(of, starts, |d, rule, starts| match starts {
            ClockStart::Called | ClockStart::TakenOver => true,
            // Answered twice, it still runs for the same thing.
            ClockStart::Answered | ClockStart::Moving => !d.any(of, rule, |c| c.state == ClockState::Running),
            // There is one onset and one origin.
            ClockStart::Onset | ClockStart::Origin => !d.any(of, rule, |_| true),
        });
    }

    /// The ground is called again, and nobody answers for it any more: what has come once is waited for
    /// anew. A clock that still waits, in time or late, goes on as it is.
    pub(super) fn restart_clocks(&mut self, target: TargetIx) {
        let of = ClockOf::Target(target);
        self.start_those(of, &[ClockStart::Called], |d, rule, _| !d.any(of, rule, Clock::waits));
    }

    fn start_those(&mut self, of: ClockOf, starts: &[ClockStart], free: impl Fn(&Self, usize, ClockStart) -> bool) {
        let Some(head) = &self.callout.head else { return };
        let (tier, scope) = match of {
            ClockOf::Target(target) => (self.callout.targets[target as usize].tier, ClockScope::Target),
            ClockOf::Tier(tier) => (tier, ClockScope::Tier),
        };
        let (onset, origin) = (head.onset, head.origin_time.unwrap_or(head.opened_at));
        let due = |start| match start {
            ClockStart::Onset => onset,
            ClockStart::Origin => Some(origin),
            _ => Some(self.now),
        };
        let rules = head.plan.clocks.iter().enumerate();
        let started: Vec<_> = rules
            .filter(|(_, r)| starts.contains(&r.starts) && r.of == scope && r.holds_for(tier))
            .filter(|(ix, r)| free(self, *ix, r.starts))
            .filter_map(|(ix, r)| Some((ix as u8, due(r.starts)?.plus_ms(r.within_ms))))
            .collect();
        for (rule, due) in started {
            let clock = self.callout.clocks.len() as u32;
            self.emit(Event::ClockStarted { clock, rule, of, due });
            // What it waits for may stand already, and its deadline may have passed before it began.
            self.tick_clock(clock);
            self.meet_clock(clock);
        }
    }

    /// Whether any clock of a rule of the plan in force stands so.
    fn any(&self, of: ClockOf, rule: usize, stands: impl Fn(&Clock) -> bool) -> bool {
        let Some(head) = &self.callout.head else { return false };
        let rule = self.callout.rules.len() - head.plan.clocks.len() + rule;
        let clocks = match of {
            ClockOf::Target(target) => &self.callout.targets[target as usize].clocks,
            ClockOf::Tier(tier) => &self.callout.tiers[usize::from(tier)].clocks,
        };
        let of_rule = |c: &&Clock| usize::from(c.rule) == rule;
        clocks.iter().map(|ix| &self.callout.clocks[*ix as usize]).filter(of_rule).any(stands)
    }

    /// Looks again at the clocks of a target and of its tier, after something changed.
    pub(super) fn meet_clocks(&mut self, target: TargetIx) {
        let t = &self.callout.targets[target as usize];
        let of_tier = self.callout.tiers.get(usize::from(t.tier)).map_or(&[][..], |tier| &tier.clocks);
        for clock in t.clocks.iter().chain(of_tier).copied().collect::<Vec<_>>() {
            self.meet_clock(clock);
        }
    }

    /// A deadline that has passed is missed before anything else is looked at.
    pub(super) fn tick_clock(&mut self, clock: ClockIx) {
        let c = &self.callout.clocks[clock as usize];
        if c.state != ClockState::Running || c.due > self.now {
            return;
        }
        self.emit(Event::ClockMissed { clock });
        if self.callout.rule(clock).is_some_and(|r| r.missed == OnMiss::Escalate) {
            for target in holding_up(self.callout, clock) {
                self.escalate_idle(target);
            }
        }
    }

    fn meet_clock(&mut self, clock: ClockIx) {
        if !self.callout.clocks[clock as usize].waits() || hold_up(self.callout, clock).next().is_some() {
            return;
        }
        // The answer may be looked at before the deadline that passed first.
        let c = &self.callout.clocks[clock as usize];
        if c.state == ClockState::Running && c.due < self.now {
            self.emit(Event::ClockMissed { clock });
        }
        self.emit(Event::ClockMet { clock });
    }

    /// A gateway took an attempt: clocks that wait for the ground to be tried on its channel may be met.
    pub(super) fn meet_tried(&mut self, attempt: AttemptIx) {
        let a = &self.callout.attempts[attempt as usize];
        let until = ClockEnd::Tried(a.channel);
        if a.stage >= Stage::Submitted && self.callout.is_open() && self.callout.rules.iter().any(|r| r.until == until)
        {
            for target in a.targets.clone() {
                self.meet_clocks(target);
            }
        }
    }

    /// Reminds those who answer for what holds a clock up: who said yes, else who is being called.
    pub(super) fn remind(&mut self, clock: ClockIx) {
        self.emit(Event::ClockReminded { clock });
        let mut persons: BTreeMap<PersonIx, Vec<TargetIx>> = BTreeMap::new();
        for target in holding_up(self.callout, clock) {
            let t = &self.callout.targets[target as usize];
            let step = match t.phase {
                Phase::Satisfied { step, .. } | Phase::TakenOver { step: Some(step), .. } => step,
                _ => t.reached,
            };
            for person in t.seats.get(usize::from(step)).map_or(&[][..], |s| &s.answer) {
                persons.entry(*person).or_default().push(target);
            }
        }
        for (person, targets) in persons {
            self.plan_notice(person, Purpose::Remind, targets, vec![Channel::Sms]);
        }
    }

    /// Ground that was heard of and where nothing was done in time: the next step is called.
    fn escalate_idle(&mut self, target: TargetIx) {
        match self.callout.targets[target as usize].phase {
            Phase::Satisfied { step, .. } | Phase::TakenOver { step: Some(step), .. } => {
                self.start_step(target, step + 1, StepCause::Idle);
                self.restart_clocks(target);
            }
            // It is being called, or stands as an alarm, or waits for its tier: that goes on.
            _ => {}
        }
    }
}

/// The targets for which what a clock waits for has not come.
#[must_use]
pub fn holding_up(callout: &Callout, clock: ClockIx) -> Vec<TargetIx> {
    hold_up(callout, clock).collect()
}

fn hold_up(callout: &Callout, clock: ClockIx) -> impl Iterator<Item = TargetIx> + '_ {
    let (rule, since) = (callout.rule(clock), callout.clocks[clock as usize].started_at);
    let watched = callout.watched(callout.clocks[clock as usize].of);
    watched.filter(move |ix| rule.is_some_and(|rule| !stands(callout, *ix, rule, since)))
}

/// Whether what a clock waits for has come for a target.
fn stands(callout: &Callout, target: TargetIx, rule: &ClockRule, since: Timestamp) -> bool {
    let t = &callout.targets[target as usize];
    let answered = matches!(t.phase, Phase::Satisfied { .. } | Phase::TakenOver { .. });
    match &rule.until {
        ClockEnd::Tried(channel) => {
            answered || t.calls.iter().any(|call| is_tried(callout, *call, target, *channel, since))
        }
        ClockEnd::Answered => answered,
        ClockEnd::Satisfied => matches!(t.phase, Phase::Satisfied { .. }),
        ClockEnd::Moving => t.progress.moving_at.is_some(),
        ClockEnd::Done => t.progress.done_at.is_some(),
        ClockEnd::Milestone(name) => {
            let reached = t.progress.reached.get(name);
            reached.is_some_and(|units| rule.units.iter().all(|unit| units.contains(unit)))
        }
    }
}

/// Whether a gateway took an attempt of a call for a target on a channel, made since a moment.
fn is_tried(callout: &Callout, call: CallIx, target: TargetIx, channel: Channel, since: Timestamp) -> bool {
    let call = &callout.calls[call as usize];
    let taken = |a: &Attempt| a.channel == channel && a.stage >= Stage::Submitted && a.released_at >= since;
    let attempts = call.attempts.iter().rev().map(|a| &callout.attempts[*a as usize]);
    call.purpose == Purpose::CallOut && attempts.filter(|a| taken(a)).any(|a| a.targets.contains(&target))
}
