//! What events mean for clocks, and for the plan that they come from.

use crate::model::{
    Callout, Clock, ClockIx, ClockOf, ClockState, Event, Plan, TargetIx, Tier, TierState, Timer, Timestamp,
};

/// A plan comes into force: its clock rules stand behind the earlier ones, which clocks that run still
/// follow. Other tiers than before begin anew, and what ran for the old ones as a whole stops.
pub(super) fn adopt(callout: &mut Callout, plan: &Plan, before: Option<Vec<Tier>>) {
    callout.rules.extend(plan.clocks.iter().cloned());
    if before.as_ref() == Some(&plan.tiers) {
        return;
    }
    for clock in 0..callout.clocks.len() as u32 {
        let c = &callout.clocks[clock as usize];
        if matches!(c.of, ClockOf::Tier(_)) && c.state == ClockState::Running {
            end(callout, clock, ClockState::Stopped);
        }
    }
    callout.agenda.timers.retain(|(_, timer)| !matches!(timer, Timer::Tier(_)));
    callout.tiers = vec![TierState::default(); plan.tiers.len()];
}

/// Folds an event that only concerns clocks.
pub(super) fn fold(callout: &mut Callout, at: Timestamp, event: &Event) {
    match event {
        Event::ClockStarted { rule, of, due, .. } => start(callout, at, *rule, *of, *due),
        Event::ClockMoved { clock, due } => {
            disarm(callout, *clock);
            callout.clocks[*clock as usize].due = *due;
            arm(callout, *clock, at);
        }
        Event::ClockReminded { clock } => {
            let after = callout.clocks[*clock as usize].remind_at.map_or(at, |planned| planned.max(at));
            disarm(callout, *clock);
            arm(callout, *clock, after);
        }
        Event::ClockMet { clock } => match callout.clocks[*clock as usize].state {
            ClockState::Missed { .. } => {
                callout.clocks[*clock as usize].state = ClockState::Missed { met_at: Some(at) };
            }
            _ => end(callout, *clock, ClockState::Met { at }),
        },
        Event::ClockMissed { clock } => end(callout, *clock, ClockState::Missed { met_at: None }),
        _ => {}
    }
}

/// A target is released: its own clocks stop. With the last one of a tier stop the tier's clocks, and it
/// does not open for nothing.
pub(super) fn release(callout: &mut Callout, target: TargetIx) {
    let t = &callout.targets[target as usize];
    let tier = t.tier;
    let mut stopped = t.clocks.clone();
    if callout.watched(ClockOf::Tier(tier)).next().is_none()
        && let Some(state) = callout.tiers.get_mut(usize::from(tier))
    {
        stopped.extend(&state.clocks);
        if let Some(due) = state.due.take_if(|_| state.opened_at.is_none()) {
            callout.agenda.timers.remove(&(due, Timer::Tier(tier)));
        }
    }
    for clock in stopped {
        end(callout, clock, ClockState::Stopped);
    }
}

/// The callout is over: what runs stops, and no tier opens any more.
pub(super) fn close(callout: &mut Callout) {
    callout.agenda.timers.clear();
    for clock in callout.clocks.iter_mut().filter(|c| c.state == ClockState::Running) {
        (clock.state, clock.remind_at) = (ClockState::Stopped, None);
    }
    for tier in callout.tiers.iter_mut().filter(|t| t.opened_at.is_none()) {
        tier.due = None;
    }
}

fn start(callout: &mut Callout, at: Timestamp, rule: u8, of: ClockOf, due: Timestamp) {
    let clock = callout.clocks.len() as ClockIx;
    // The event names the rule within the plan in force, whose rules are the last ones.
    let before = callout.rules.len() - callout.head.as_ref().map_or(0, |h| h.plan.clocks.len());
    let rule = (before + usize::from(rule)) as u16;
    callout.clocks.push(Clock { rule, of, started_at: at, due, remind_at: None, state: ClockState::Running });
    match of {
        ClockOf::Target(target) => callout.targets[target as usize].clocks.push(clock),
        ClockOf::Tier(tier) => callout.tiers[usize::from(tier)].clocks.push(clock),
    }
    arm(callout, clock, at);
}

/// Enters deadline and next reminder into the agenda.
fn arm(callout: &mut Callout, clock: ClockIx, after: Timestamp) {
    let c = &mut callout.clocks[clock as usize];
    c.remind_at = callout.rules.get(usize::from(c.rule)).and_then(|rule| rule.reminder(c.due, after));
    callout.agenda.timers.insert((c.due, Timer::Clock(clock)));
    callout.agenda.timers.extend(c.remind_at.map(|at| (at, Timer::Remind(clock))));
}

fn disarm(callout: &mut Callout, clock: ClockIx) {
    let c = &mut callout.clocks[clock as usize];
    callout.agenda.timers.remove(&(c.due, Timer::Clock(clock)));
    if let Some(at) = c.remind_at.take() {
        callout.agenda.timers.remove(&(at, Timer::Remind(clock)));
    }
}

fn end(callout: &mut Callout, clock: ClockIx, state: ClockState) {
    if callout.clocks[clock as usize].state == ClockState::Running {
        disarm(callout, clock);
        callout.clocks[clock as usize].state = state;
    }
}
