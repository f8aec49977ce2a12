//! Figures of a running engine: what was committed, how things stand, and whether promises hold.

use super::gallery::Gallery;
use crate::dispatch::{BreakerState, Dispatch, GatewayStanding};
use crate::engine;
use crate::model::{Callout, ClockIx, ClockState, Entry, Event, Fact, Failure, Stage, Timestamp, Totals};
use crate::telemetry::Metrics;

/// A callout's promises are checked whenever its timeline has grown by so many events.
const EVENTS_PER_CHECK: u64 = 64;

/// Counts events that became durable at `now`. The callout has them folded in.
pub(super) fn committed(metrics: &Metrics, callout: &Callout, entries: &[Entry], now: Timestamp) {
    let colour = callout.head.as_ref().map_or("blue", |h| h.colour.name());
    let seconds = |from: Timestamp, to: Timestamp| to.micros_since(from).max(0) as f64 / 1e6;
    for Entry(at, event) in entries {
        // A drill never counts as the real thing.
        if callout.is_drill() {
            metrics.drill_event(event.name());
            continue;
        }
        metrics.events(event.name(), 1);
        match event {
            Event::Answered { way, answer, .. } => metrics.answer(way.name(), answer.name()),
            Event::AttemptReleased { channel, .. } => metrics.released(channel.name(), colour),
            Event::AttemptReported { attempt, fact, .. } => {
                let attempt = &callout.attempts[*attempt as usize];
                metrics.attempt_fact(attempt.channel.name(), name(fact));
                if matches!(fact, Fact::Failed { failure: Failure::GatewayDown, .. } | Fact::Unknown { .. }) {
                    metrics.gateway_failure(attempt.gateway.as_str());
                }
            }
            Event::ActionReported { way, action, .. } => metrics.report(way.name(), action.name()),
            Event::ReplyNoted { way, reason, .. } => metrics.noted(way.name(), reason.name()),
            Event::ClockMet { clock } => {
                let late = matches!(callout.clocks[*clock as usize].state, ClockState::Missed { .. });
                metrics.clock(clock_name(callout, *clock), if late { "late" } else { "met" });
            }
            Event::ClockMissed { clock } => {
                metrics.clock(clock_name(callout, *clock), "missed");
                metrics.timer_lateness(seconds(callout.clocks[*clock as usize].due, *at));
            }
            Event::CallSilenced { .. } => metrics.answer_to_silence(seconds(*at, now)),
            _ => {}
        }
    }
    // The predicates look at the whole callout: at every so many events, and when it ends.
    let sample = |seq: u64| seq / EVENTS_PER_CHECK;
    if callout.is_open() && sample(callout.seq) == sample(callout.seq - entries.len() as u64) {
        return;
    }
    for violation in engine::check(callout) {
        tracing::error!(callout = %callout.id, promise = violation.promise, violation.seen, "a promise is broken");
        metrics.invariant_violation(match violation.promise {
            1 => "1",
            5 => "5",
            _ => "8",
        });
    }
}

/// Shows how callouts and lanes stand, and when what is queued will have been made.
pub(super) fn standing(metrics: &Metrics, gallery: &Gallery, dispatch: &Dispatch, now: Timestamp) {
    gallery.foresee(dispatch.forecast(now));
    let (mut open, mut drills, mut all) = (0, 0, Totals::default());
    for callout in gallery.all().iter().filter(|c| c.is_open()) {
        if callout.is_drill() {
            drills += 1;
            continue;
        }
        open += 1;
        let t = callout.totals();
        all.waiting += t.waiting;
        all.calling += t.calling;
        all.satisfied += t.satisfied;
        all.taken_over += t.taken_over;
        all.exhausted += t.exhausted;
        all.released += t.released;
    }
    metrics.set_open_callouts(open, drills);
    let phases = [
        ("waiting", all.waiting),
        ("calling", all.calling),
        ("satisfied", all.satisfied),
        ("taken_over", all.taken_over),
        ("exhausted", all.exhausted),
        ("released", all.released),
    ];
    for (phase, count) in phases {
        metrics.set_targets(phase, count as usize);
    }
    for (budget, waiting) in dispatch.limited(now) {
        metrics.set_limited(&budget, waiting);
    }
    let standings = dispatch.standings(now);
    standings.iter().for_each(|standing| gateway(metrics, standing));
    let before = gallery.show_gateways(standings);
    for (was, is) in before.iter().zip(gallery.gateways().iter()) {
        if was.is_well() != is.is_well() {
            let (breaker, silent) = (is.breaker.name(), !is.silent.is_empty());
            tracing::warn!(gateway = %is.id, well = is.is_well(), breaker, silent, is.doubtful, "a gateway stands otherwise");
        }
    }
}

/// Shows how a gateway stands.
fn gateway(metrics: &Metrics, standing: &GatewayStanding) {
    let id = standing.id.as_str();
    metrics.set_lane(id, standing.waiting, standing.in_flight.0);
    let open = standing.breaker != BreakerState::Closed;
    metrics.set_gateway(id, standing.is_well(), open, standing.weight.1);
    if let Some(canary) = &standing.canary {
        metrics.set_canary(id, canary.well);
    }
    for (channel, carrier, tally) in &standing.truth {
        let of = (channel.name(), carrier.as_deref().unwrap_or_default());
        metrics.set_truth(id, of, [tally.delivered, tally.answered, tally.failed]);
    }
}

fn clock_name(callout: &Callout, clock: ClockIx) -> &str {
    callout.rule(clock).map_or("", |rule| &rule.name)
}

fn name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Reached { stage: Stage::Released | Stage::Unknown | Stage::Submitted, .. } => "submitted",
        Fact::Reached { stage: Stage::Delivered, .. } => "delivered",
        Fact::Reached { stage: Stage::PickedUp, .. } => "picked_up",
        Fact::Reached { stage: Stage::Heard, .. } => "heard",
        Fact::Failed { .. } => "failed",
        Fact::Ended => "ended",
        Fact::Unknown { .. } => "unknown",
    }
}
