//! What a message does to a callout: opens it, calls more ground, calls again, releases, ends it.

use super::Decision;
use crate::model::{
    ClockOf, ClockStart, CloseReason, Event, Gap, GapReason, Ground, Holders, MessageKind, Order, PersonId, PersonIx,
    Phase, Plan, Purpose, Raise, RegionCode, ReleaseReason, Seats, Step, StepCause, TargetId, TargetIx, Timestamp,
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
        let head = self.callout.head.as_ref();
        // A later message has been taken: items of one callout can overtake each other on the way.
        if head.is_some_and(|h| order.position < h.position) {
            return;
        }
        let expires = self.expires(order);
        if head.is_none() && expires <= self.now {
            return;
        }
        let known = head.is_none_or(|h| h.message == order.message);
        let tiers = |d: &Self| d.callout.head.as_ref().map(|h| h.plan.tiers.clone());
        let before = tiers(self);
        let upgraded = self.take_message(order);
        if expires <= self.now {
            self.close(CloseReason::Expired);
            return;
        }
        let replanned = before.is_some() && before != tiers(self);
        let (called, dropped) = self.take_ground(order, upgraded, replanned);
        self.tell_dropped(&dropped);
        if !known {
            self.tell_updated(&called);
        }
    }

    /// When the warning ends under an order. A message that contradicts an earlier one only adds.
    fn expires(&self, order: &Order) -> Timestamp {
        let at = order.expires.unwrap_or_else(|| self.now.plus_ms(order.plan.in_force_ms));
        match &self.callout.head {
            Some(head) if order.conflict => at.max(head.expires),
            _ => at,
        }
    }

    /// Whether the callout has ended and this order cannot open it again. Time that ran out can be
    /// extended by a message that still calls for ground; what was cancelled stays cancelled.
    fn is_over(&self, order: &Order) -> bool {
        match self.callout.closed {
            _ if self.is_foreign(order) => true,
            None => false,
            Some(CloseReason::Cancelled | CloseReason::Retracted | CloseReason::Suspended) => true,
            // Whoever was reached by a false alarm is told also when its time has run out meanwhile.
            Some(CloseReason::Expired) if order.retracted => false,
            Some(CloseReason::Expired) => order.ground.is_empty() || order.expires.is_some_and(|at| at <= self.now),
        }
    }

    /// Opens the callout, or notes a further message. True when everybody is called again.
    fn take_message(&mut self, order: &Order) -> bool {
        let (message, words) = (order.message.clone(), order.words.clone());
        let expires = self.expires(order);
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
                expires,
                plan: Box::new(order.plan.clone()),
                directory: order.directory,
                position: order.position,
            });
            return false;
        };
        let (onset, origin_time) = (order.onset.or(head.onset), order.origin_time.or(head.origin_time));
        if head.message == message && (onset, origin_time) == (head.onset, head.origin_time) {
            return false;
        }
        // A message that contradicts an earlier one can only add: it neither lowers nor shortens.
        let colour = if order.conflict { order.colour.max(head.colour) } else { order.colour };
        let recall = colour > head.colour;
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
            position: order.position,
        });
        recall
    }

    /// Calls new ground, calls all ground again after an upgrade, releases what is no longer covered.
    /// `replanned`: another plan is in force, and known ground moves to the tiers that it has for it.
    /// Gives what is called anew, and what was released.
    fn take_ground(
        &mut self,
        order: &Order,
        upgraded: bool,
        replanned: bool,
    ) -> (BTreeSet<TargetIx>, BTreeSet<TargetIx>) {
        let (mut called, mut dropped) = (BTreeSet::new(), BTreeSet::new());
        let Some(head) = &self.callout.head else { return (called, dropped) };
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
                    // What waited for its tier waits on.
                    let waited = released || matches!(t.phase, Phase::Covered);
                    begin.push((target, if waited { StepCause::Covered } else { StepCause::Upgraded }));
                    self.seat(target, tier, ground, order);
                }
                Some((tier, ground)) if stalled && ground.seats.iter().any(|s| !s.answer.is_empty()) => {
                    begin.push((target, StepCause::Repeated));
                    self.seat(target, tier, ground, order);
                }
                None if !released && !order.conflict && !held() => {
                    self.release_target(target, ReleaseReason::NotCovered);
                    dropped.insert(target);
                }
                _ => {}
            }
        }
        for ((tier, _), ground) in grounds {
            let target = self.callout.targets.len() as u32;
            self.seat(target, tier, ground, order);
            begin.push((target, StepCause::Covered));
        }
        if !order.conflict {
            self.close_gaps(&order.gaps);
        }
        self.new_gaps += self.find_gaps(&order.gaps);
        self.schedule_tiers();
        let open: Vec<u8> = (0..above).filter(|t| self.callout.tiers[usize::from(*t)].opened_at.is_some()).collect();
        called.extend(begin.iter().map(|(target, _)| *target));
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
        self.start_late_clocks();
        self.open_tiers();
        (called, dropped)
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
            t.spec == ground.target
                && t.tier == tier
                && t.beside == ground.beside
                && !released
                && before.eq(seats.iter().cloned())
        });
        if !known {
            let (spec, beside) = (ground.target.clone(), ground.beside.clone());
            self.emit(Event::TargetCovered { target, tier, spec, seats, beside });
        }
    }

    /// Ends the warning here and tells everybody who was reached. Where nothing has begun, a callout that
    /// is on its way (a raise from below) must not begin any more.
    fn cancel(&mut self, order: &Order) {
        let (reason, purpose) = match order.retracted {
            true => (CloseReason::Retracted, Purpose::Retracted),
            false => (CloseReason::Cancelled, Purpose::Cancelled),
        };
        if let Some(head) = self.callout.head.clone() {
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
                position: order.position,
            });
        }
        self.close(reason);
        self.tell_end(purpose);
    }

    /// A region below hands up what it cannot satisfy: its ground is one target here.
    pub(super) fn take_raise(&mut self, raise: &Raise) {
        let order = &raise.order;
        let Some(ground) = order.ground.first().filter(|_| !self.is_over(order)) else { return };
        let below = ground.target.region.clone();
        let expires = order.expires.unwrap_or_else(|| self.now.plus_ms(order.plan.in_force_ms));
        // Over meanwhile, or the region below has told something newer.
        if expires <= self.now || self.callout.below.get(&below).is_some_and(|last| *last > raise.seq) {
            return;
        }
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
                    position: h.position,
                });
            }
            Some(_) => {}
        }
        self.emit(Event::BelowTold { region: below, seq: raise.seq, needs: true });
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

    /// What a region below had handed up is over there: nobody here is needed for it any more, and who
    /// was reached is told. What was answered for here stays answered.
    pub(super) fn take_lowered(&mut self, region: &RegionCode, seq: u64) {
        if self.callout.below.get(region).is_some_and(|last| *last > seq) {
            return;
        }
        self.emit(Event::BelowTold { region: region.clone(), seq, needs: false });
        let Some(head) = self.callout.head.as_ref().filter(|_| self.callout.is_open()) else { return };
        let Some(target) = self.callout.target_in(head.plan.above(), &region.as_str().into()) else { return };
        let over =
            matches!(self.callout.targets[target as usize].phase, Phase::Satisfied { .. } | Phase::Released { .. });
        if !over {
            self.release_target(target, ReleaseReason::SettledBelow);
            self.tell_dropped(&BTreeSet::from([target]));
        }
    }

    /// Closes gaps of this region's own ground that a message does not name any more.
    fn close_gaps(&mut self, named: &[Gap]) {
        let gone = |gap: &&Gap| !named.contains(gap) && !self.callout.is_from_below(gap);
        for gap in self.callout.gaps.iter().filter(gone).cloned().collect::<Vec<_>>() {
            self.emit(Event::GapClosed { gap });
        }
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
