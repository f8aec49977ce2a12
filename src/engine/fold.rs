//! What events mean: the only code that changes a callout. It assigns and never decides.

use crate::model::{
    Attempt, Call, Callout, CalloutId, Channel, Clock, ClockState, CloseReason, Entry, Event, Fact, Failure, Head,
    Link, PersonId, PersonIx, Phase, Purpose, Seats, Stage, StepCause, TargetState, Timer, Timestamp, Track,
};
use std::collections::BTreeSet;

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
        Event::TargetCovered { target, spec, seats } => {
            let seats = seats.iter().map(|s| seat(callout, s)).collect();
            if let Some(t) = callout.targets.get_mut(*target as usize) {
                (t.spec, t.seats) = (spec.clone(), seats);
                return;
            }
            callout.target_ix.insert(spec.id.clone(), callout.targets.len() as u32);
            callout.targets.push(TargetState {
                spec: spec.clone(),
                seats,
                phase: Phase::Covered,
                round: 0,
                reached: 0,
                alarm: false,
                calls: Vec::new(),
                clocks: Vec::new(),
            });
        }
        Event::GapFound { gap } => callout.gaps.push(gap.clone()),
        Event::StepStarted { target, step, round, due, cause } => {
            let t = &mut callout.targets[*target as usize];
            let afresh = matches!(cause, StepCause::Covered | StepCause::Upgraded | StepCause::Raised);
            t.reached = if afresh { *step } else { t.reached.max(*step) };
            t.round = *round;
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
        Event::CallPlanned { .. } => plan_call(callout, event),
        Event::AttemptReleased { .. } => release(callout, *at, event),
        Event::RungSkipped { call, track, next, next_due, .. } => {
            set_track(callout, *call, *track, *next, *next_due);
            let c = &mut callout.calls[*call as usize];
            let dead = |a: &u32| callout.attempts[*a as usize].failure == Some(Failure::DeadNumber);
            c.unreachable = !c.is_running() && c.attempts[usize::from(c.ladder_from)..].iter().all(dead);
        }
        Event::AttemptReported { attempt, fact, again, .. } => report(callout, *at, *attempt, fact, *again),
        Event::Answered { call, answer, proof, targets, .. } => {
            let c = &mut callout.calls[*call as usize];
            for link in c.links.iter_mut().filter(|l| targets.contains(&l.target)) {
                link.answer = match link.answer {
                    Some((a, p)) if a == *answer => Some((a, p.max(*proof))),
                    _ => Some((*answer, *proof)),
                };
            }
        }
        Event::ReplyNoted { call, .. } => {
            if let Some(call) = call {
                let c = &mut callout.calls[*call as usize];
                c.asked = c.asked.saturating_add(1);
            }
        }
        Event::TargetSatisfied { target, step, .. } => {
            callout.targets[*target as usize].alarm = false;
            set_phase(callout, *target, Phase::Satisfied { at: *at, step: *step });
        }
        Event::TargetTakenOver { target, step, .. } => {
            callout.targets[*target as usize].alarm = false;
            set_phase(callout, *target, Phase::TakenOver { at: *at, step: *step });
        }
        Event::TargetExhausted { target, again_at, .. } => {
            callout.targets[*target as usize].alarm = true;
            set_phase(callout, *target, Phase::Exhausted { at: *at, again_at: *again_at });
        }
        Event::TargetReleased { target, reason } => {
            callout.targets[*target as usize].alarm = false;
            set_phase(callout, *target, Phase::Released { at: *at, reason: *reason });
            for clock in callout.targets[*target as usize].clocks.clone() {
                end_clock(callout, clock, ClockState::Stopped);
            }
        }
        Event::ClockStarted { clock, rule, target, due } => {
            let state = ClockState::Running;
            callout.clocks.push(Clock { rule: *rule, target: *target, started_at: *at, due: *due, state });
            callout.targets[*target as usize].clocks.push(*clock);
            callout.agenda.timers.insert((*due, Timer::Clock(*clock)));
        }
        Event::ClockMet { clock } => match callout.clocks[*clock as usize].state {
            ClockState::Missed { .. } => {
                callout.clocks[*clock as usize].state = ClockState::Missed { met_at: Some(*at) };
            }
            _ => end_clock(callout, *clock, ClockState::Met { at: *at }),
        },
        Event::ClockMissed { clock } => end_clock(callout, *clock, ClockState::Missed { met_at: None }),
        Event::CallSilenced { call } => {
            for track in 0..callout.calls[*call as usize].tracks.len() {
                let next = callout.calls[*call as usize].tracks[track].next;
                set_track(callout, *call, track as u8, next, None);
            }
        }
        Event::Raised { .. } => callout.raised += 1,
        Event::Closed { reason, .. } => {
            callout.closed = Some(*reason);
            callout.agenda.timers.clear();
            for clock in callout.clocks.iter_mut().filter(|c| c.state == ClockState::Running) {
                clock.state = ClockState::Stopped;
            }
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
    let Event::Opened { warning, region, place, status, hazard, colour, message, words, expires, plan, directory } =
        event
    else {
        return;
    };
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
        expires: *expires,
        plan: (**plan).clone(),
        directory: *directory,
        opened_at: at,
        recalled_from: 0,
    });
}

fn apply_message(callout: &mut Callout, event: &Event) {
    let Event::MessageApplied { message, words, colour, expires, plan, directory, recall, .. } = event else { return };
    let attempts = callout.attempts.len() as u32;
    let Some(head) = &mut callout.head else { return };
    callout.agenda.timers.remove(&(head.expires, Timer::Expiry));
    callout.agenda.timers.insert((*expires, Timer::Expiry));
    head.message = message.clone();
    head.words = words.clone();
    head.colour = *colour;
    head.expires = *expires;
    head.directory = *directory;
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

fn end_clock(callout: &mut Callout, clock: u32, state: ClockState) {
    let c = &mut callout.clocks[clock as usize];
    if c.state == ClockState::Running {
        callout.agenda.timers.remove(&(c.due, Timer::Clock(clock)));
        c.state = state;
    }
}

fn plan_call(callout: &mut Callout, event: &Event) {
    let Event::CallPlanned { call, person, purpose, step, targets, due, channels } = event else { return };
    let Some(person) = callout.person_ix.get(person).copied() else { return };
    if *call as usize == callout.calls.len() {
        callout.call_ix.insert((person, *purpose), *call);
        callout.calls.push(Call {
            person,
            purpose: *purpose,
            step: *step,
            links: Vec::new(),
            tracks: Vec::new(),
            attempts: Vec::new(),
            ladder_from: 0,
            dead: BTreeSet::new(),
            code: None,
            asked: 0,
            unreachable: false,
        });
    }
    let c = &mut callout.calls[*call as usize];
    c.step = c.step.max(*step);
    for target in targets {
        match c.links.iter_mut().find(|l| l.target == *target) {
            Some(link) => link.answer = None,
            None => {
                c.links.push(Link { target: *target, named: false, answer: None });
                callout.targets[*target as usize].calls.push(*call);
            }
        }
    }
    let Some(due) = due else { return };
    c.ladder_from = c.attempts.len() as u16;
    c.unreachable = false;
    for track in 0..c.tracks.len() {
        set_track(callout, *call, track as u8, 0, None);
    }
    callout.calls[*call as usize].tracks = tracks(callout, *purpose, *step, channels);
    for track in 0..callout.calls[*call as usize].tracks.len() {
        set_track(callout, *call, track as u8, 0, Some(*due));
    }
}

/// The ladders of a call: one track per channel when they run in parallel, one for all in series.
fn tracks(callout: &Callout, purpose: Purpose, step: u8, channels: &[Channel]) -> Vec<Track> {
    use crate::model::Sequence;
    let track = |rungs: Vec<(Channel, i64)>| Track { rungs, next: 0, due: None };
    if !channels.is_empty() {
        return channels.iter().map(|c| track(vec![(*c, 0)])).collect();
    }
    let Some(step) = callout.head.as_ref().and_then(|h| h.plan.steps.get(usize::from(step))) else {
        return Vec::new();
    };
    let ladders = step
        .rings
        .iter()
        .filter(|r| (r.channel == Channel::Broadcast) == (purpose == Purpose::Alert))
        .map(|r| vec![(r.channel, r.wait_ms); usize::from(r.tries)]);
    match step.sequence {
        Sequence::Parallel => ladders.map(track).collect(),
        Sequence::Series => {
            Some(ladders.flatten().collect::<Vec<_>>()).filter(|l| !l.is_empty()).map(track).into_iter().collect()
        }
    }
}

fn set_track(callout: &mut Callout, call: u32, track: u8, next: u16, due: Option<Timestamp>) {
    let t = &mut callout.calls[call as usize].tracks[usize::from(track)];
    if let Some(old) = t.due {
        callout.agenda.rungs.remove(&(old, call, track));
    }
    t.next = next;
    t.due = due;
    if let Some(due) = due {
        callout.agenda.rungs.insert((due, call, track));
    }
}

fn release(callout: &mut Callout, at: Timestamp, event: &Event) {
    let Event::AttemptReleased {
        attempt,
        call,
        track,
        rung,
        channel,
        gateway,
        contact,
        code,
        targets,
        valid_until,
        next_due,
    } = event
    else {
        return;
    };
    callout.attempts.push(Attempt {
        call: *call,
        track: *track,
        rung: *rung,
        channel: *channel,
        gateway: gateway.clone(),
        contact: contact.clone(),
        targets: targets.clone(),
        released_at: at,
        valid_until: *valid_until,
        stage: Stage::Released,
        failure: None,
        ended: false,
        since: at,
    });
    let c = &mut callout.calls[*call as usize];
    c.attempts.push(*attempt);
    if code.is_some() {
        c.code.clone_from(code);
    }
    for link in c.links.iter_mut().filter(|l| targets.contains(&l.target)) {
        link.named = true;
    }
    set_track(callout, *call, *track, rung + 1, *next_due);
}

fn report(callout: &mut Callout, at: Timestamp, attempt: u32, fact: &Fact, again: Option<(u16, Timestamp)>) {
    let a = &mut callout.attempts[attempt as usize];
    let before = (a.stage, a.failure);
    match fact {
        Fact::Reached { stage, .. } => a.stage = a.stage.max(*stage),
        Fact::Failed { failure, .. } => {
            a.failure = Some(*failure);
            a.ended = true;
        }
        Fact::Ended => a.ended = true,
        Fact::Unknown { .. } => a.stage = a.stage.max(Stage::Unknown),
    }
    // A failure stands above the stage that it came at: what is told of the stage later moves nothing.
    if a.failure != before.1 || (a.failure.is_none() && a.stage != before.0) {
        a.since = at;
    }
    let (call, track, contact) = (a.call, a.track, a.contact.contact.clone());
    if matches!(fact, Fact::Failed { failure: crate::model::Failure::DeadNumber, .. }) {
        callout.calls[call as usize].dead.insert(contact);
    }
    if let Some((rung, due)) = again {
        set_track(callout, call, track, rung, Some(due));
    }
}
