//! What events mean for calls and attempts.

use crate::model::{
    Attempt, Call, Callout, Channel, Event, Fact, Failure, Link, Purpose, Sequence, Stage, Timestamp, Track,
};
use std::collections::BTreeSet;

pub(super) fn plan_call(callout: &mut Callout, event: &Event) {
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
            noted: None,
            unreachable: false,
            confirmed_at: None,
        });
    }
    let c = &mut callout.calls[*call as usize];
    c.step = c.step.max(*step);
    let waits = c.is_running() && c.attempts.len() == usize::from(c.ladder_from);
    if purpose.is_notice() && !waits {
        // A notice speaks of what it is about now, not of what an earlier one told.
        c.links.retain(|l| targets.contains(&l.target));
    }
    for target in targets {
        match c.links.iter_mut().find(|l| l.target == *target) {
            Some(link) => link.answer = None,
            None => {
                c.links.push(Link { target: *target, named: false, answer: None });
                let calls = &mut callout.targets[*target as usize].calls;
                if !calls.contains(call) {
                    calls.push(*call);
                }
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

pub(super) fn set_track(callout: &mut Callout, call: u32, track: u8, next: u16, due: Option<Timestamp>) {
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

pub(super) fn release(callout: &mut Callout, at: Timestamp, event: &Event) {
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
        phrasing,
        routed: _,
        bundle,
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
        answered: false,
        phrasing: phrasing.clone(),
        bundle: bundle.clone(),
        seq: callout.seq.saturating_sub(1),
        reference: None,
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

pub(super) fn report(callout: &mut Callout, at: Timestamp, attempt: u32, fact: &Fact, again: Option<(u16, Timestamp)>) {
    let a = &mut callout.attempts[attempt as usize];
    let before = (a.stage, a.failure);
    match fact {
        Fact::Reached { stage, reference } => {
            a.stage = a.stage.max(*stage);
            a.reference = reference.as_deref().map(Box::from).or(a.reference.take());
        }
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
    if matches!(fact, Fact::Failed { failure: Failure::DeadNumber, .. }) {
        callout.calls[call as usize].dead.insert(contact);
    }
    if let Some((rung, due)) = again {
        set_track(callout, call, track, rung, Some(due));
    }
}
