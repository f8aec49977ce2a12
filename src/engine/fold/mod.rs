//! What events mean: the only code that changes a callout. It assigns and never decides.

mod actions;
mod calls;
mod clocks;

use crate::model::{
    AnswerWay, Callout, CalloutId, CloseReason, Entry, Event, Failure, Head, Knock, PersonId, PersonIx, Phase,
    Progress, Seats, StepCause, TargetState, Timer, Timestamp,
};

/// Folds one event into the state.
pub fn fold(callout: &mut Callout, entry: &Entry) {
    let Entry(at, event) = entry;
    callout.seq += 1;
    callout.recorded_at = callout.recorded_at.max(*at);
    match event {
        Event::Opened { .. } => open(callout, *at, event),
        Event::MessageApplied { expires, .. } => {
            // Time that ran out is extended.
            if callout.closed == Some(CloseReason::Expired) && *expires > *at {
                callout.closed = None;
            }
            apply_message(callout, event);
        }
        Event::TargetCovered { target, tier, spec, seats, beside } => {
            let seats = seats.iter().map(|s| seat(callout, s)).collect();
            if let Some(t) = callout.targets.get_mut(*target as usize) {
                (t.spec, t.tier, t.seats, t.beside) = (spec.clone(), *tier, seats, beside.clone());
                if matches!(t.phase, Phase::Released { .. }) {
                    t.phase = Phase::Covered;
                }
                return;
            }
            callout.target_ix.entry(spec.id.clone()).or_default().push(callout.targets.len() as u32);
            callout.targets.push(TargetState {
                spec: spec.clone(),
                tier: *tier,
                beside: beside.clone(),
                seats,
                phase: Phase::Covered,
                progress: Progress::default(),
                round: 0,
                reached: 0,
                floor: 0,
                alarm: false,
                calls: Vec::new(),
                clocks: Vec::new(),
            });
        }
        Event::GapFound { gap } => callout.gaps.push(gap.clone()),
        Event::GapClosed { gap } => callout.gaps.retain(|g| g != gap),
        Event::TierScheduled { tier, due } => {
            let state = &mut callout.tiers[usize::from(*tier)];
            if let Some(old) = state.due.replace(*due) {
                callout.agenda.timers.remove(&(old, Timer::Tier(*tier)));
            }
            callout.agenda.timers.insert((*due, Timer::Tier(*tier)));
        }
        Event::TierOpened { tier, due, moves } => {
            let state = &mut callout.tiers[usize::from(*tier)];
            (state.opened_at, state.moves) = (Some(*at), *moves);
            if let Some(old) = state.due.replace(*due) {
                callout.agenda.timers.remove(&(old, Timer::Tier(*tier)));
            }
        }
        Event::StepStarted { target, step, round, due, cause } => {
            let t = &mut callout.targets[*target as usize];
            let afresh = match cause {
                StepCause::Covered | StepCause::Upgraded | StepCause::Raised | StepCause::Opened => true,
                StepCause::Repeated => t.floor > 0,
                StepCause::Deadline | StepCause::Refused | StepCause::Idle => false,
            };
            t.reached = if afresh { *step } else { t.reached.max(*step) };
            t.round = *round;
            if afresh {
                (t.floor, t.progress.knock) = (0, None);
            } else if *cause == StepCause::Idle {
                t.floor = *step;
            }
            if afresh {
                // What was said before was said about something else: only a new attempt can be answered.
                for call in t.calls.clone() {
                    let links = &mut callout.calls[call as usize].links;
                    for link in links.iter_mut().filter(|l| l.target == *target) {
                        (link.named, link.answer) = (false, None);
                    }
                }
            }
            set_phase(callout, *target, Phase::Calling { step: *step, due: *due });
        }
        Event::CallPlanned { .. } => calls::plan_call(callout, event),
        Event::AttemptReleased { .. } => calls::release(callout, *at, event),
        Event::RungSkipped { call, track, next, next_due, .. } => {
            calls::set_track(callout, *call, *track, *next, *next_due);
            let c = &mut callout.calls[*call as usize];
            let dead = |a: &u32| callout.attempts[*a as usize].failure == Some(Failure::DeadNumber);
            c.unreachable = !c.is_running() && c.attempts[usize::from(c.ladder_from)..].iter().all(dead);
        }
        Event::AttemptReported { attempt, fact, again, .. } => calls::report(callout, *at, *attempt, fact, *again),
        Event::Answered { call, attempt, answer, proof, way, targets, .. } => {
            // What is answered by another way rings on until it is hung up.
            if let Some(attempt) = attempt.filter(|_| *way == AnswerWay::Voice) {
                callout.attempts[attempt as usize].answered = true;
            }
            let c = &mut callout.calls[*call as usize];
            for link in c.links.iter_mut().filter(|l| targets.contains(&l.target)) {
                link.answer = match link.answer {
                    Some((a, p)) if a == *answer => Some((a, p.max(*proof))),
                    _ => Some((*answer, *proof)),
                };
            }
        }
        Event::ActionReported { .. } => actions::act(callout, *at, event),
        Event::ReplyNoted { call, reason, .. } => {
            if let Some(call) = call {
                let c = &mut callout.calls[*call as usize];
                (c.asked, c.noted) = (c.asked.saturating_add(1), Some(*reason));
            }
        }
        Event::Confirmed { call, .. } => callout.calls[*call as usize].confirmed_at = Some(*at),
        Event::TargetSatisfied { target, step, .. } => {
            let t = &mut callout.targets[*target as usize];
            t.alarm = false;
            t.progress.knock.take_if(|k| k.reported.is_none());
            set_phase(callout, *target, Phase::Satisfied { at: *at, step: *step });
        }
        Event::TargetTakenOver { target, step, call, .. } => {
            let t = &mut callout.targets[*target as usize];
            t.alarm = false;
            let opened_at = t.progress.knock.as_ref().map_or(*at, |k| k.opened_at);
            t.progress.knock = Some(Knock { opened_at, call: *call, reported: None, confirmed_at: None });
            set_phase(callout, *target, Phase::TakenOver { at: *at, step: *step });
        }
        Event::TargetExhausted { target, again_at, .. } => {
            callout.targets[*target as usize].alarm = true;
            set_phase(callout, *target, Phase::Exhausted { at: *at, again_at: *again_at });
        }
        Event::TargetReleased { target, reason } => {
            callout.targets[*target as usize].alarm = false;
            set_phase(callout, *target, Phase::Released { at: *at, reason: *reason });
            clocks::release(callout, *target);
        }
        Event::ClockStarted { .. }
        | Event::ClockMoved { .. }
        | Event::ClockReminded { .. }
        | Event::ClockMet { .. }
        | Event::ClockMissed { .. } => clocks::fold(callout, *at, event),
        Event::CallSilenced { call } => {
            for track in 0..callout.calls[*call as usize].tracks.len() {
                let next = callout.calls[*call as usize].tracks[track].next;
                calls::set_track(callout, *call, track as u8, next, None);
            }
        }
        Event::Raised { .. } => callout.raised += 1,
        Event::Lowered { .. } => callout.lowered = callout.raised,
        Event::BelowTold { region, seq, .. } => {
            callout.below.insert(region.clone(), *seq);
        }
        Event::Closed { reason, .. } => {
            callout.closed = Some(*reason);
            clocks::close(callout);
        }
    }
}

/// The state that a whole timeline leaves.
#[must_use]
pub fn replay<'a>(id: CalloutId, entries: impl IntoIterator<Item = &'a Entry>) -> Callout {
    let mut callout = Callout::new(id);
    for entry in entries {
        fold(&mut callout, entry);
    }
    callout
}

fn open(callout: &mut Callout, at: Timestamp, event: &Event) {
    let Event::Opened {
        warning,
        region,
        place,
        status,
        hazard,
        colour,
        message,
        words,
        onset,
        origin_time,
        expires,
        plan,
        directory,
        position,
    } = event
    else {
        return;
    };
    clocks::adopt(callout, plan, None);
    callout.agenda.timers.insert((*expires, Timer::Expiry));
    callout.head = Some(Head {
        warning: warning.clone(),
        region: region.clone(),
        place: place.clone(),
        status: *status,
        hazard: hazard.clone(),
        colour: *colour,
        message: message.clone(),
        words: words.clone(),
        onset: *onset,
        origin_time: *origin_time,
        expires: *expires,
        plan: (**plan).clone(),
        directory: *directory,
        opened_at: at,
        recalled_from: 0,
        position: *position,
    });
}

fn apply_message(callout: &mut Callout, event: &Event) {
    let Event::MessageApplied {
        message,
        words,
        colour,
        onset,
        origin_time,
        expires,
        plan,
        directory,
        recall,
        position,
        ..
    } = event
    else {
        return;
    };
    if let Some(plan) = plan {
        let before = callout.head.as_ref().map(|h| h.plan.tiers.clone());
        clocks::adopt(callout, plan, before);
    }
    let attempts = callout.attempts.len() as u32;
    let Some(head) = &mut callout.head else { return };
    callout.agenda.timers.remove(&(head.expires, Timer::Expiry));
    callout.agenda.timers.insert((*expires, Timer::Expiry));
    head.message = message.clone();
    head.words = words.clone();
    head.colour = *colour;
    (head.onset, head.origin_time) = (*onset, *origin_time);
    head.expires = *expires;
    (head.directory, head.position) = (*directory, *position);
    if let Some(plan) = plan {
        head.plan = (**plan).clone();
    }
    if *recall {
        head.recalled_from = attempts;
        for link in callout.calls.iter_mut().flat_map(|c| &mut c.links) {
            (link.named, link.answer) = (false, None);
        }
    }
}

fn seat(callout: &mut Callout, seats: &Seats<PersonId>) -> Seats<PersonIx> {
    let mut intern = |id: &PersonId| {
        if let Some(ix) = callout.person_ix.get(id) {
            return *ix;
        }
        let ix = callout.people.len() as u32;
        callout.people.push(id.clone());
        callout.person_ix.insert(id.clone(), ix);
        ix
    };
    Seats {
        answer: seats.answer.iter().map(&mut intern).collect(),
        alert: seats.alert.iter().map(&mut intern).collect(),
    }
}

fn set_phase(callout: &mut Callout, target: u32, phase: Phase) {
    let t = &mut callout.targets[target as usize];
    if let Some((due, timer)) = timer_of(target, t.phase) {
        callout.agenda.timers.remove(&(due, timer));
    }
    t.phase = phase;
    if let Some((due, timer)) = timer_of(target, phase) {
        callout.agenda.timers.insert((due, timer));
    }
}

fn timer_of(target: u32, phase: Phase) -> Option<(Timestamp, Timer)> {
    match phase {
        Phase::Calling { due, .. } => Some((due, Timer::Step(target))),
        Phase::Exhausted { again_at: Some(at), .. } => Some((at, Timer::Round(target))),
        _ => None,
    }
}
