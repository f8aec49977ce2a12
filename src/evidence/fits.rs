//! Whether an event from outside fits the state before it. The fold trusts what the engine wrote; a
//! file of unknown origin may name things that are not there.

use crate::model::{AttemptKey, Callout, ClockOf, Event};

/// Checks every index an event holds against the state before it.
pub(super) fn fits(callout: &Callout, event: &Event) -> Result<(), &'static str> {
    let target = |ix: &u32| known((*ix as usize) < callout.targets.len(), "it names a target that is not there");
    let call = |ix: &u32| known((*ix as usize) < callout.calls.len(), "it names a call that is not there");
    let attempt = |ix: &u32| known((*ix as usize) < callout.attempts.len(), "it names an attempt that is not there");
    let clock = |ix: &u32| known((*ix as usize) < callout.clocks.len(), "it names a clock that is not there");
    let tier = |ix: &u8| known(usize::from(*ix) < callout.tiers.len(), "it names a tier that is not there");
    let targets = |list: &[u32]| list.iter().try_for_each(target);
    let track = |c: &u32, ix: u8| {
        call(c)?;
        known(usize::from(ix) < callout.calls[*c as usize].tracks.len(), "it names a track that is not there")
    };
    let next = |ix: u32, len: usize| known(ix as usize == len, "its index does not follow");
    let opened = matches!(event, Event::Opened { .. });
    // What a region below tells, and a Cancel, may come before the callout begins.
    let early = matches!(event, Event::BelowTold { .. } | Event::Closed { .. }) && callout.head.is_none();
    known(early || opened == callout.head.is_none(), "a callout opens once, before all that it does")?;
    match event {
        Event::Opened { .. }
        | Event::MessageApplied { .. }
        | Event::GapFound { .. }
        | Event::GapClosed { .. }
        | Event::Raised { .. }
        | Event::Lowered { .. }
        | Event::BelowTold { .. }
        | Event::Closed { .. } => Ok(()),
        Event::TargetCovered { target, .. } if (*target as usize) < callout.targets.len() => Ok(()),
        Event::TargetCovered { target, .. } => next(*target, callout.targets.len()),
        Event::StepStarted { target: t, .. }
        | Event::TargetSatisfied { target: t, .. }
        | Event::TargetTakenOver { target: t, .. }
        | Event::TargetExhausted { target: t, .. }
        | Event::TargetReleased { target: t, .. } => target(t),
        Event::CallPlanned { call: c, person, targets: list, .. } => {
            known(callout.person_ix.contains_key(person), "it names a person that is not there")?;
            known(*c as usize <= callout.calls.len(), "its index does not follow")?;
            targets(list)
        }
        Event::AttemptReleased { attempt, call: c, track: t, rung, targets: list, bundle, .. } => {
            let own = AttemptKey { callout: callout.id.clone(), attempt: *attempt };
            let of_callout = bundle.iter().filter(|key| key.callout == callout.id);
            let names = bundle.len() > 1 && of_callout.eq([&own]);
            known(bundle.is_empty() || names, "its message does not bring it, once")?;
            next(*attempt, callout.attempts.len())?;
            known(*rung < u16::MAX, "its rung is out of range")?;
            track(c, *t)?;
            targets(list)
        }
        Event::RungSkipped { call: c, track: t, .. } => track(c, *t),
        Event::AttemptReported { attempt: a, again, .. } => {
            attempt(a)?;
            let of = &callout.attempts[*a as usize];
            if again.is_some() { track(&of.call, of.track) } else { Ok(()) }
        }
        Event::Answered { call: c, .. } | Event::Confirmed { call: c, .. } | Event::CallSilenced { call: c } => call(c),
        Event::ReplyNoted { call: c, .. } => c.as_ref().map_or(Ok(()), call),
        Event::ClockStarted { clock, of, rule, .. } => {
            next(*clock, callout.clocks.len())?;
            let rules = callout.head.as_ref().map_or(0, |h| h.plan.clocks.len());
            known(usize::from(*rule) < rules, "it names a clock rule that is not there")?;
            match of {
                ClockOf::Target(t) => target(t),
                ClockOf::Tier(t) => tier(t),
            }
        }
        Event::TierScheduled { tier: t, .. } | Event::TierOpened { tier: t, .. } => tier(t),
        Event::ActionReported { call: c, targets: list, .. } => {
            c.as_ref().map_or(Ok(()), call)?;
            targets(list)
        }
        Event::ClockMoved { clock: c, .. }
        | Event::ClockReminded { clock: c }
        | Event::ClockMet { clock: c }
        | Event::ClockMissed { clock: c } => clock(c),
    }
}

fn known(holds: bool, reason: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(reason) }
}
