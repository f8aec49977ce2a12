//! Milestones: which units must report what for a target, and who reports for a unit.

use crate::model::{CallIx, Callout, ClockEnd, TargetIx, Timestamp};

/// A milestone of a target and one unit that must report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// The milestone, as the clock spells it.
    pub name: String,
    /// The unit, as the clock lists it; empty when one report of anybody will do.
    pub unit: String,
    /// The deadline.
    pub due: Timestamp,
    /// Whether the clock still waits, in time or late.
    pub waits: bool,
    /// Whether it has been reported.
    pub reached: bool,
}

/// The milestones that clocks of a target and of its tier wait for or waited for, one for each unit.
#[must_use]
pub fn milestones(callout: &Callout, target: TargetIx) -> Vec<Milestone> {
    let Some(t) = callout.targets.get(target as usize) else { return Vec::new() };
    let of_tier = callout.tiers.get(usize::from(t.tier)).map_or(&[][..], |tier| &tier.clocks);
    let mut out: Vec<Milestone> = Vec::new();
    for clock in t.clocks.iter().chain(of_tier) {
        let Some(rule) = callout.rule(*clock) else { continue };
        let ClockEnd::Milestone(name) = &rule.until else { continue };
        let c = &callout.clocks[*clock as usize];
        let (due, waits, reported) = (c.due, c.waits(), t.progress.reached.get(name));
        let nobody = [String::new()];
        for unit in if rule.units.is_empty() { &nobody[..] } else { &rule.units } {
            let reached = reported.is_some_and(|units| unit.is_empty() || units.contains(unit));
            let new = Milestone { name: name.clone(), unit: unit.clone(), due, waits, reached };
            match out.iter_mut().find(|m| m.name == *name && m.unit == *unit) {
                // A clock that runs again for the same thing is the one that counts.
                Some(old) if new.waits && (!old.waits || new.due < old.due) => *old = new,
                Some(_) => {}
                None => out.push(new),
            }
        }
    }
    out
}

/// Whether the person of a call reports for a unit on a target: sits there in a post of that name.
#[must_use]
pub fn reports_for(callout: &Callout, target: TargetIx, call: CallIx, unit: &str) -> bool {
    let (Some(head), Some(call)) = (&callout.head, callout.calls.get(call as usize)) else { return false };
    let Some(t) = callout.targets.get(target as usize) else { return false };
    let sits = head.plan.steps.iter().zip(&t.seats).filter(|(_, seats)| seats.answer.contains(&call.person));
    unit.is_empty() || sits.flat_map(|(step, _)| &step.posts).any(|post| post == unit)
}
