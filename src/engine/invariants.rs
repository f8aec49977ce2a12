//! The promises that can be read off one callout, as predicates. The simulator checks them after every
//! event, tests use them, and production counts them on a sample of flushes.

use crate::model::{Callout, ClockEnd, ClockStart, ClockState, Phase, Purpose, Timer};

/// A promise that does not hold: its number in the list of promises, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// 1 nothing lost, 5 silence after satisfaction, 8 no clock lost.
    pub promise: u8,
    /// What was seen.
    pub seen: String,
}

/// Checks a callout between two decisions.
#[must_use]
pub fn check(callout: &Callout) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut fail = |promise, seen: String| violations.push(Violation { promise, seen });
    let open = callout.is_open();
    let in_force = callout.head.as_ref().map_or(0, |h| h.plan.clocks.len());
    for (ix, t) in callout.targets.iter().enumerate() {
        let ix = ix as u32;
        let has = |due, timer| callout.agenda.timers.contains(&(due, timer));
        match t.phase {
            Phase::Covered => {
                let tier = callout.tiers.get(usize::from(t.tier));
                let waits = tier.filter(|s| s.opened_at.is_none()).and_then(|s| s.due);
                if open && !waits.is_some_and(|due| has(due, Timer::Tier(t.tier))) {
                    fail(1, format!("target {ix} is covered and nobody is called"));
                }
            }
            Phase::Calling { due, .. } if open && !has(due, Timer::Step(ix)) => {
                fail(1, format!("target {ix} is being called and has no next step"));
            }
            Phase::Exhausted { again_at, .. } => {
                if !t.alarm {
                    fail(1, format!("target {ix} is exhausted and stands as no alarm"));
                }
                if open && again_at.is_some_and(|at| !has(at, Timer::Round(ix))) {
                    fail(1, format!("target {ix} is exhausted and its round does not repeat"));
                }
            }
            Phase::Calling { .. } | Phase::Satisfied { .. } | Phase::TakenOver { .. } | Phase::Released { .. } => {}
        }
        for clock in t.clocks.iter().filter(|_| open && t.is_wanted() && t.phase != Phase::Covered) {
            let of_rule = |c: &&u32| callout.clocks[**c as usize].rule == callout.clocks[*clock as usize].rule;
            // Rules of an earlier plan start no clocks any more.
            let current = usize::from(callout.clocks[*clock as usize].rule) >= callout.rules.len() - in_force;
            let last = current && t.clocks.iter().rfind(of_rule) == Some(clock);
            let waits = callout.clocks[*clock as usize].waits();
            let answer = callout.rule(*clock).is_some_and(|r| {
                r.starts == ClockStart::Called && matches!(r.until, ClockEnd::Answered | ClockEnd::Satisfied)
            });
            if last && answer && !waits && callout.clocks[*clock as usize].state != ClockState::Stopped {
                fail(8, format!("target {ix} is called and its clock {clock} has been met"));
            }
        }
        if !open && t.is_wanted() {
            fail(1, format!("target {ix} was left wanted when the callout closed"));
        }
    }
    if callout.raised > callout.lowered && !callout.needs_parent() {
        fail(1, "the region above is still asked for what is over here".into());
    }
    for (ix, c) in callout.calls.iter().enumerate() {
        let asks = c.links.iter().any(|l| {
            let phase = callout.targets[l.target as usize].phase;
            !matches!(phase, Phase::Satisfied { .. } | Phase::Released { .. })
        });
        if matches!(c.purpose, Purpose::CallOut | Purpose::Alert) && c.is_running() && !asks {
            fail(5, format!("call {ix} goes on though all its targets are satisfied or released"));
        }
        if !open && matches!(c.purpose, Purpose::CallOut | Purpose::Alert) && c.is_running() {
            fail(5, format!("call {ix} goes on after the callout closed"));
        }
        for (track, t) in c.tracks.iter().enumerate() {
            if t.due.is_some() && usize::from(t.next) >= t.rungs.len() {
                fail(1, format!("call {ix} track {track} waits behind its last rung"));
            }
        }
    }
    for (ix, clock) in callout.clocks.iter().enumerate() {
        let running = clock.state == ClockState::Running;
        let armed = callout.agenda.timers.contains(&(clock.due, Timer::Clock(ix as u32)));
        if running != armed {
            fail(8, format!("clock {ix} is {:?} and armed is {armed}", clock.state));
        }
    }
    violations
}
