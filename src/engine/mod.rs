//! The core: what a callout does with a command, and what its events mean.
//!
//! - **Here:** [`decide`] (commands to events), [`fold`] (events to state), escalation, ladders,
//!   answers, notices, tiers, clocks, reports from the ground and milestones, how a drill gives way, the words that
//!   are sent, alone or in one message with those of other callouts, and the promises as predicates.
//! - **Not here:** IO, a clock, randomness, async, database types, numbers of phones.
//! - **Depends on:** `model`.
//! - **Promises:** equal state, command and time give equal events; the state after `decide` is the
//!   fold of its events and nothing else; policy is computed in `decide` and its results are written
//!   into events, so that a later change of policy cannot change the past.

mod actions;
mod answers;
mod bundle;
mod calls;
mod clocks;
mod cover;
mod escalate;
mod fold;
mod invariants;
mod milestones;
mod notices;
mod suspend;
mod tiers;
mod words;

pub use bundle::{bundled, language};
pub use calls::{open_attempt, releases, to_withdraw, wants};
pub use clocks::holding_up;
pub use fold::{fold, replay};
pub use invariants::{Violation, check};
pub use milestones::{Milestone, milestones, reports_for};
pub use words::{
    DRILL_WORD, PLACEHOLDERS, Pressed, READ_BACK, Sent, fill, is_marked, marked, read_back, render, said_back, sent,
};

use crate::model::{Callout, Command, Entry, Event, PersonIx, Purpose, TargetIx, Timestamp};
use std::collections::BTreeMap;

/// Takes a command into account. The callout is left as the fold of the events that are returned;
/// the caller drops it and loads it again when they cannot be committed.
///
/// A command that changes nothing (a repeated report, a stale grant) returns no events.
pub fn decide(callout: &mut Callout, command: &Command, now: Timestamp) -> Vec<Entry> {
    let mut d = Decision {
        now: now.max(callout.recorded_at),
        callout,
        events: Vec::new(),
        wanted: BTreeMap::new(),
        new_alarms: 0,
        new_gaps: 0,
    };
    match command {
        Command::Apply(order) => d.apply(order),
        // The shell makes the order of it first.
        Command::Message(_) => {}
        Command::Raise(raise) => d.take_raise(raise),
        Command::Lowered { region, seq } => d.take_lowered(region, *seq),
        Command::AnsweredAbove { region } => d.answered_above(region),
        Command::Suspend { by } => d.suspend(by),
        Command::Tick => d.tick(),
        Command::Release(release) => d.release(release),
        Command::Skip { call, track, rung, reason } => d.skip(*call, *track, *rung, *reason),
        Command::Report { attempt, fact, reported_at, elsewhere } => {
            d.report(*attempt, fact, *reported_at, *elsewhere);
        }
        Command::Reply(reply) => d.reply(reply),
        Command::Act(report) => d.act(report),
        Command::Note { call, reason, way, text, ask } => d.note(*call, *reason, *way, *text, *ask),
    }
    d.raise_up();
    d.plan_wanted();
    d.events
}

/// A decision being made: the state so far, and the events so far.
struct Decision<'a> {
    callout: &'a mut Callout,
    now: Timestamp,
    events: Vec<Entry>,
    /// Calls wanted by this decision, gathered so that a person gets one call for many targets.
    wanted: BTreeMap<(PersonIx, Purpose, u8), Vec<TargetIx>>,
    /// Targets that became an alarm and are not raised yet.
    new_alarms: u32,
    /// Ground found without anybody, not raised yet.
    new_gaps: u32,
}

impl Decision<'_> {
    fn emit(&mut self, event: Event) {
        let entry = Entry(self.now, event);
        fold(self.callout, &entry);
        self.events.push(entry);
    }

    /// Ends every timer that is due, in order of due time.
    fn tick(&mut self) {
        use crate::model::{CloseReason, Phase, StepCause, Timer};
        while let Some((due, timer)) = self.callout.agenda.timers.first().copied().filter(|(due, _)| *due <= self.now) {
            if !self.callout.is_open() {
                return;
            }
            match timer {
                Timer::Clock(clock) => self.tick_clock(clock),
                Timer::Remind(clock) => self.remind(clock),
                Timer::Tier(_) => self.open_tiers(),
                Timer::Step(target) => match self.callout.targets[target as usize].phase {
                    Phase::Calling { step, .. } => self.start_step(target, step + 1, StepCause::Deadline),
                    _ => debug_assert!(false, "a step timer outlived its phase"),
                },
                Timer::Round(target) => {
                    let tier = self.callout.targets[target as usize].tier;
                    let from = self.callout.head.as_ref().map_or(0, |h| h.plan.first_step(tier) + h.plan.repeat_from);
                    self.start_step(target, from, StepCause::Repeated);
                }
                Timer::Expiry => self.close(CloseReason::Expired),
            }
            // Each branch ends or moves its timer; should one fail to, stop rather than spin.
            if self.callout.agenda.timers.contains(&(due, timer)) {
                debug_assert!(false, "timer {timer:?} stayed due");
                return;
            }
        }
    }
}
