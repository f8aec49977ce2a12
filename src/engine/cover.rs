//! What a message does to a callout: opens it, calls more ground, calls again, releases, ends it.

use super::Decision;
use crate::model::{
    Channel, ClockOf, ClockStart, CloseReason, Event, Gap, GapReason, Ground, Holders, MessageKind, Order, PersonId,
    PersonIx, Phase, Plan, Purpose, Raise, ReleaseReason, Seats, Step, StepCause, TargetId, TargetIx,
};
use std::collections::{BTreeMap, BTreeSet};

impl Decision<'_> {
    /// A message applies to this command region.
    pub(super) fn apply(&mut self, order: &Order) {
        if self.is_over(order) {
            return;
        }
        if order.message.kind == MessageKind::Cancel {
            self.cancel(order);
            return;
        }
        let tiers = |d: &Self| d.callout.head.as_ref().map(|h| h.plan.tiers.clone());
        let before = tiers(self);
        let upgraded = self.take_message(order);
        if self.callout.closed.is_none() {
            let replanned = before.is_some() && before != tiers(self);
            self.take_ground(order, upgraded, replanned);
        }
    }

    /// Whether the callout has ended and this order cannot open it again. Time that ran out can be
    /// extended by a message that still calls for ground; what was cancelled stays cancelled.
    fn is_over(&self, order: &Order) -> bool {
        match self.callout.closed {
            _ if self.is_foreign(order) => true,
            None => false,
            Some(CloseReason::Cancelled | CloseReason::Suspended) => true,
            Some(CloseReason::Expired) => order.ground.is_empty() || order.expires.is_some_and(|at| at <= self.now),
        }
    }

    /// Opens the callout, or notes a further message. True when everybody is called again.
    fn take_message(&mut self, order: &Order) -> bool {
        let (message, words) = (order.message.clone(), order.words.clone());
        let in_force = self.now.plus_ms(order.plan.in_force_ms);
        let Some(head) = &self.callout.head else {
            self.emit(Event::Opened {
                warning: order.warning.clone(),
                region: order.region.clone(),
                place: order.place.clone(),
                status: order.status,
                hazard: order.hazard.clone(),
                colour: order.colour,
                message,
                words,
                onset: order.onset,
                origin_time: order.origin_time,
                expires: order.expires.unwrap_or(in_force),
                plan: Box::new(order.plan.clone()),
                directory: order.directory,
            });
            return false;
        };
        if head.message == message {
            return false;
        }
        // A message that contradicts an earlier one can only add: it neither lowers nor shortens.
        let expires = order.expires.unwrap_or(in_force);
        let expires = if order.conflict { expires.max(head.expires) } else { expires };
        let colour = if order.conflict { order.colour.max(head.colour) } else { order.colour };
        let recall = colour > head.colour;
        let (onset, origin_time) = (order.onset.or(head.onset), order.origin_time.or(head.origin_time));
        // What came up from below was seated under the plan in force, and stays under it.
        let raised = self.callout.watched(ClockOf::Tier(head.plan.above())).next().is_some();
        let plan = (order.plan != head.plan && recall && !raised).then(|| Box::new(order.plan.clone()));
        self.emit(Event::MessageApplied {
            message,
            words,
            colour,
            onset,
            origin_time,
            expires,
            plan,
            directory: order.directory,
            recall,
            conflict: order.conflict,
        });
        if !recall {
            self.tell_reached(Purpose::Updated);
        }
        recall
    }

    /// Calls new ground, calls all ground again after an upgrade, releases what is no longer covered.
    /// `replanned`: another plan is in force, and known ground moves to the tiers that it has for it.
    fn take_ground(&mut self, order: &Order, upgraded: bool, replanned: bool) {
        let Some(head) = &self.callout.head else { return };
        let (above, foreign) = (head.plan.above(), order.plan.tiers != head.plan.tiers);
        let tier_of = |g: &Ground| if foreign { tier_under(&head.plan, &order.plan, g.tier) } else { Some(g.tier) };
        let mut grounds: BTreeMap<(u8, TargetId), &Ground> =
            order.ground.iter().filter_map(|g| Some(((tier_of(g)?, g.target.id.clone()), g))).collect();
        let mut begin: Vec<(TargetIx, StepCause)> = Vec::new();
        for target in 0..self.callout.targets.len() as u32 {
            let t = &self.callout.targets[target as usize];
            // What came up from below is ended by those below, or by the end of the warning.
            if t.tier == above && !replanned {
                continue;
            }
            let id = t.spec.id.clone();
            let key = if replanned { grounds.keys().rfind(|k| k.1 == id).cloned() } else { Some((t.tier, id)) };
            let named = key.and_then(|key| Some((key.0, grounds.remove(&key)?)));
            let t = &self.callout.targets[target as usize];
            let released = matches!(t.phase, Phase::Released { .. });
            let stalled = matches!(t.phase, Phase::Exhausted { again_at: None, .. });
            // A message under a plan without this tier says nothing of the region as a whole.
            let held = || foreign && order.ground.iter().any(|g| t.spec.region.holds(&g.target.region));
            match named {
                Some((tier, ground)) if released || upgraded => {
                    begin.push((target, if released { StepCause::Covered } else { StepCause::Upgraded }));
                    self.seat(target, tier, ground, order);
                }
                Some((tier, ground)) if stalled && ground.seats.iter().any(|s| !s.answer.is_empty()) => {
                    begin.push((target, StepCause::Repeated));
                    self.seat(target, tier, ground, order);
                }
                None if !released && !order.conflict && !held() => {
                    self.release_target(target, ReleaseReason::NotCovered);
                }
                _ => {}
            }
        }
        for ((tier, _), ground) in grounds {
            let target = self.callout.targets.len() as u32;
            self.seat(target, tier, ground, order);
            begin.push((target, StepCause::Covered));
        }
        self.new_gaps += self.find_gaps(&order.gaps);
        self.schedule_tiers();
        let open: Vec<u8> = (0..above).filter(|t| self.callout.tiers[usize::from(*t)].opened_at.is_some()).collect();
        for (target, cause) in begin {
            let t = &self.callout.targets[target as usize];
            // New ground waits for its tier. What was being called already is called again at once, be it
            // by its tier that opens now.
            let waits = self.callout.tiers.get(usize::from(t.tier)).is_some_and(|t| t.opened_at.is_none());
            if waits && (cause == StepCause::Covered || self.opens(t.tier).is_some_and(|due| due <= self.now)) {
                continue;
            }
            self.start_step(target, 0, cause);
            // Behind the step: what was answered before the upgrade must not stop the clock of this call.
            if cause != StepCause::Repeated {
                self.start_clocks(ClockOf::Target(target), &CALLED);
            }
        }
        for tier in open.into_iter().filter(|_| upgraded) {
            self.start_clocks(ClockOf::Tier(tier), &[ClockStart::Called]);
        }
        self.open_tiers();
    }

    /// Notes who answers for a target, when that is not known yet or has changed.
    fn seat(&mut self, target: TargetIx, tier: u8, ground: &Ground, order: &Order) {
        let Some(head) = &self.callout.head else { return };
        let seats = seats_under(&head.plan, order, ground);
        let id = |p: &PersonIx| self.callout.people[*p as usize].clone();
        let known = self.callout.targets.get(target as usize).is_some_and(|t| {
            let before = t
                .seats
                .iter()
                .map(|s| Seats { answer: s.answer.iter().map(id).collect(), alert: s.alert.iter().map(id).collect() });
            let released = matches!(t.phase, Phase::Released { .. });
            t.spec == ground.target && t.tier == tier && !released && before.eq(seats.iter().cloned())
        });
        if !known {
            self.emit(Event::TargetCovered { target, tier, spec: ground.target.clone(), seats });
        }
    }

    /// Ends the warning here and tells everybody who was reached.
    fn cancel(&mut self, order: &Order) {
        if self.callout.head.is_none() {
            return;
        }
        let head = self.callout.head.clone();
        if let Some(head) = head {
            self.emit(Event::MessageApplied {
                message: order.message.clone(),
                words: order.words.clone(),
                colour: head.colour,
                onset: head.onset,
                origin_time: head.origin_time,
                expires: head.expires,
                plan: None,
                directory: order.directory,
                recall: false,
                conflict: false,
            });
        }
        self.close(CloseReason::Cancelled);
        self.tell_reached(Purpose::Cancelled);
    }

    /// Tells everybody who was reached, on the channels that reached them.
    pub(super) fn tell_reached(&mut self, purpose: Purpose) {
        let mut reached: BTreeMap<u32, (BTreeSet<Channel>, BTreeSet<TargetIx>)> = BTreeMap::new();
        for a in
            self.callout.attempts.iter().filter(|a| a.failure.is_none() || a.stage >= crate::model::Stage::Delivered)
        {
            let call = &self.callout.calls[a.call as usize];
            if matches!(call.purpose, Purpose::CallOut | Purpose::Alert) {
                let (channels, targets) = reached.entry(call.person).or_default();
                channels.insert(a.channel);
                targets.extend(&a.targets);
            }
        }
        for (person, (channels, targets)) in reached {
            self.plan_notice(person, purpose, targets.into_iter().collect(), channels.into_iter().collect());
        }
    }

    /// A region below hands up what it cannot satisfy: its ground is one target here.
    pub(super) fn take_raise(&mut self, raise: &Raise) {
        let order = &raise.order;
        let Some(ground) = order.ground.first().filter(|_| !self.is_over(order)) else { return };
        let expires = order.expires.unwrap_or_else(|| self.now.plus_ms(order.plan.in_force_ms));
        match self.callout.head.as_ref() {
            None => {
                self.take_message(order);
            }
            // The callout lives as long, and is as grave, as the longest and gravest of those below.
            Some(h) if expires > h.expires || order.colour > h.colour || self.callout.closed.is_some() => {
                self.emit(Event::MessageApplied {
                    message: order.message.clone(),
                    words: order.words.clone(),
                    colour: order.colour.max(h.colour),
                    onset: order.onset.or(h.onset),
                    origin_time: order.origin_time.or(h.origin_time),
                    expires: expires.max(h.expires),
                    plan: None,
                    directory: order.directory,
                    recall: false,
                    conflict: false,
                });
            }
            Some(_) => {}
        }
        let above = self.callout.head.as_ref().map_or(0, |h| h.plan.above());
        match self.callout.target_in(above, &ground.target.id) {
            None => {
                let target = self.callout.targets.len() as u32;
                self.seat(target, above, ground, order);
                self.start_step(target, 0, StepCause::Raised);
                self.start_clocks(ClockOf::Target(target), &CALLED);
            }
            // More ground below than when the post here last answered.
            Some(target) if !self.callout.targets[target as usize].is_wanted() => {
                self.start_step(target, 0, StepCause::Raised);
                self.restart_clocks(target);
            }
            Some(_) => {}
        }
        // A gap handed up is ground here, and is called for: it goes further up as its exhaustion.
        self.find_gaps(&order.gaps);
    }

    /// Notes ground that nobody answers for, and counts what has nobody at all and goes up; an empty
    /// post in one step only is shown.
    fn find_gaps(&mut self, gaps: &[Gap]) -> u32 {
        let mut up = 0;
        for gap in gaps {
            if !self.callout.gaps.contains(gap) {
                // Ground with a target and nobody in any step goes up as that target's exhaustion.
                up += u32::from(matches!(gap.reason, GapReason::UnknownArea | GapReason::NoTarget));
                self.emit(Event::GapFound { gap: gap.clone() });
            }
        }
        up
    }
}

/// The clocks that start when ground is called.
pub(super) const CALLED: [ClockStart; 3] = [ClockStart::Called, ClockStart::Onset, ClockStart::Origin];

/// The tier of the plan in force for ground of another plan's tier: the one of that name, else the last
/// for ground of that level. Nothing when the plan in force does not call such ground.
fn tier_under(plan: &Plan, theirs: &Plan, tier: u8) -> Option<u8> {
    let theirs = theirs.tiers.get(usize::from(tier))?;
    let own = &plan.tiers[..usize::from(plan.above())];
    let same = own.iter().rposition(|t| t.name == theirs.name && t.level == theirs.level);
    same.or_else(|| own.iter().rposition(|t| t.level == theirs.level)).map(|ix| ix as u8)
}

/// The persons of each step of the plan in force. An order may have been resolved under another plan
/// (a lower colour keeps the plan): its posts are then looked up in this plan's steps, and when none
/// of them is found there, all its persons are called in the first step.
fn seats_under(plan: &Plan, order: &Order, ground: &Ground) -> Vec<Seats<PersonId>> {
    if order.plan.steps == plan.steps {
        return ground.seats.clone();
    }
    let theirs = || order.plan.steps.iter().zip(&ground.seats);
    let of_step = |step: &Step| {
        let same = theirs().find(|(s, _)| s.posts == step.posts && s.holders == step.holders);
        let near = || theirs().find(|(s, _)| s.posts == step.posts && step.holders != Holders::Deputies);
        let answer = same.or_else(near).map(|(_, seats)| seats.answer.clone()).unwrap_or_default();
        let alert = if step.alert.is_empty() { None } else { theirs().find(|(s, _)| s.alert == step.alert) };
        Seats { answer, alert: alert.map(|(_, seats)| seats.alert.clone()).unwrap_or_default() }
    };
    let mut seats: Vec<_> = plan.steps.iter().map(of_step).collect();
    if seats.iter().all(|s| s.answer.is_empty())
        && let Some(first) = seats.first_mut()
    {
        let all: BTreeSet<_> = ground.seats.iter().flat_map(|s| s.answer.iter().cloned()).collect();
        first.answer = all.into_iter().collect();
    }
    seats
}
