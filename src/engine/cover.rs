//! What a message does to a callout: opens it, calls more ground, calls again, releases, ends it.

use super::Decision;
use crate::model::{
    Channel, ClockStart, CloseReason, Event, Gap, GapReason, Ground, MessageKind, Order, Purpose, Raise, ReleaseReason,
    StepCause, TargetIx,
};
use std::collections::{BTreeMap, BTreeSet};

impl Decision<'_> {
    /// A message applies to this command region.
    pub(super) fn apply(&mut self, order: &Order) {
        if self.callout.closed.is_some() {
            return;
        }
        if order.message.kind == MessageKind::Cancel {
            self.cancel(order);
            return;
        }
        let upgraded = self.take_message(order);
        if self.callout.closed.is_none() {
            self.take_ground(order, upgraded);
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
        let plan = (order.plan != head.plan && recall).then(|| Box::new(order.plan.clone()));
        self.emit(Event::MessageApplied {
            message,
            words,
            colour,
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
    fn take_ground(&mut self, order: &Order, upgraded: bool) {
        let named: BTreeSet<_> = order.ground.iter().map(|g| &g.target.id).collect();
        let mut begin: Vec<(TargetIx, StepCause)> = Vec::new();
        for target in 0..self.callout.targets.len() as u32 {
            let t = &self.callout.targets[target as usize];
            let released = matches!(t.phase, crate::model::Phase::Released { .. });
            let covered = named.contains(&t.spec.id);
            if covered && (released || upgraded) {
                begin.push((target, if released { StepCause::Covered } else { StepCause::Upgraded }));
            } else if !covered && !released && !order.conflict {
                self.release_target(target, ReleaseReason::NotCovered);
            }
        }
        for Ground { target: spec, seats } in &order.ground {
            if !self.callout.target_ix.contains_key(&spec.id) {
                let target = self.callout.targets.len() as u32;
                self.emit(Event::TargetCovered { target, spec: spec.clone(), seats: seats.clone() });
                begin.push((target, StepCause::Covered));
            }
        }
        self.new_gaps += self.find_gaps(&order.gaps);
        for (target, cause) in begin {
            self.start_clocks(target, ClockStart::Called);
            self.start_step(target, 0, cause);
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
    fn tell_reached(&mut self, purpose: Purpose) {
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
        if self.callout.closed.is_some() {
            return;
        }
        let order = &raise.order;
        let Some(ground) = order.ground.first() else { return };
        if self.callout.head.is_none() {
            self.take_message(order);
        }
        match self.callout.target_ix.get(&ground.target.id).copied() {
            None => {
                let target = self.callout.targets.len() as u32;
                let (spec, seats) = (ground.target.clone(), ground.seats.clone());
                self.emit(Event::TargetCovered { target, spec, seats });
                self.start_clocks(target, ClockStart::Called);
                self.start_step(target, 0, StepCause::Raised);
            }
            // More ground below than when the post here last answered.
            Some(target) if !self.callout.targets[target as usize].is_wanted() => {
                self.start_step(target, 0, StepCause::Raised);
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
