//! Tiers: parts of a plan that open at their own time before the onset, and move with it.

use super::{Decision, cover::CALLED};
use crate::model::{ClockOf, ClockStart, ClockState, Event, Phase, StepCause, TargetIx, Timestamp};

impl Decision<'_> {
    /// Says when each tier that has ground and is not open will open, and moves deadlines with the onset.
    pub(super) fn schedule_tiers(&mut self) {
        for tier in 0..self.own_tiers() {
            let state = &self.callout.tiers[usize::from(tier)];
            let opens = self.opens(tier).filter(|due| *due > self.now && state.due != Some(*due));
            if let Some(due) = opens {
                self.emit(Event::TierScheduled { tier, due });
            }
        }
        self.move_clocks();
    }

    /// Opens every tier that is due, in order.
    pub(super) fn open_tiers(&mut self) {
        for tier in 0..self.own_tiers() {
            if let Some(due) = self.opens(tier).filter(|due| *due <= self.now) {
                self.open_tier(tier, due);
            }
        }
    }

    /// The tiers of the plan without the last one, which opens with each raise from below.
    fn own_tiers(&self) -> u8 {
        self.callout.head.as_ref().map_or(0, |h| h.plan.above())
    }

    /// When a tier opens that has ground and is not open. Without an onset nobody can say how long there
    /// is: it opens at once, as one does that should have opened already.
    pub(super) fn opens(&self, tier: u8) -> Option<Timestamp> {
        let head = self.callout.head.as_ref()?;
        let closed = self.callout.tiers[usize::from(tier)].opened_at.is_none();
        let has_ground = closed && self.callout.watched(ClockOf::Tier(tier)).next().is_some();
        let before_ms = head.plan.tiers[usize::from(tier)].before_ms;
        has_ground.then(|| before_ms.and_then(|ms| Some(head.onset?.plus_ms(-ms))).unwrap_or(self.now))
    }

    fn open_tier(&mut self, tier: u8, due: Timestamp) {
        let Some(head) = &self.callout.head else { return };
        let moves = head.plan.moves(tier, head.onset, self.now);
        self.emit(Event::TierOpened { tier, due, moves });
        let targets: Vec<TargetIx> = self.callout.watched(ClockOf::Tier(tier)).collect();
        for target in targets {
            // What an upgrade called before its tier opened is called again: now something else is to be done.
            let cause = match self.callout.targets[target as usize].phase {
                Phase::Covered => StepCause::Covered,
                _ => StepCause::Opened,
            };
            // The clocks behind the step: an answer from before must not stop them.
            self.start_step(target, 0, cause);
            self.start_clocks(ClockOf::Target(target), &CALLED);
        }
        self.start_clocks(ClockOf::Tier(tier), &CALLED);
    }

    /// Moves the deadlines that count from the onset or the origin time.
    fn move_clocks(&mut self) {
        let Some((onset, origin)) = self.callout.head.as_ref().map(|h| (h.onset, h.origin_time)) else { return };
        for clock in 0..self.callout.clocks.len() as u32 {
            let Some(rule) = self.callout.rule(clock) else { continue };
            let from = match rule.starts {
                ClockStart::Onset => onset,
                ClockStart::Origin => origin,
                _ => None,
            };
            let Some(due) = from.map(|from| from.plus_ms(rule.within_ms)) else { continue };
            let c = &self.callout.clocks[clock as usize];
            if c.state == ClockState::Running && c.due != due {
                self.emit(Event::ClockMoved { clock, due });
                self.tick_clock(clock);
            }
        }
    }

    /// An onset that was not known when ground was called starts the clocks that count from it. Behind the
    /// steps, as an answer from before must not stop them.
    pub(super) fn start_late_clocks(&mut self) {
        for tier in 0..self.own_tiers() {
            if self.callout.tiers[usize::from(tier)].opened_at.is_none() {
                continue;
            }
            for target in self.callout.watched(ClockOf::Tier(tier)).collect::<Vec<_>>() {
                self.start_clocks(ClockOf::Target(target), &[ClockStart::Onset]);
            }
            self.start_clocks(ClockOf::Tier(tier), &[ClockStart::Onset]);
        }
    }
}
