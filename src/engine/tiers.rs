//! Tiers: parts of a plan that open at their own time before the onset, and move with it.

use super::{Decision, cover::CALLED};
use crate::model::{ClockOf, ClockStart, Event, Phase, StepCause, TargetIx};

impl Decision<'_> {
    /// Says when each tier that has ground and is not open opens. Without an onset nobody can say how
    /// long there is: it opens at once, as one does that should have opened already.
    pub(super) fn schedule_tiers(&mut self) {
        let Some(head) = &self.callout.head else { return };
        let onset = head.onset;
        // What comes up from below opens with each handing up, and at no time of its own.
        let own = &head.plan.tiers[..usize::from(head.plan.above())];
        let opens: Vec<_> = own.iter().map(|t| t.before_ms).collect();
        for (tier, before_ms) in opens.into_iter().enumerate() {
            let of = ClockOf::Tier(tier as u8);
            let state = &self.callout.tiers[tier];
            if state.opened_at.is_some() || self.callout.watched(of).next().is_none() {
                continue;
            }
            let due = before_ms.and_then(|ms| Some(onset?.plus_ms(-ms))).unwrap_or(self.now);
            if state.due != Some(due) {
                self.emit(Event::TierScheduled { tier: tier as u8, due });
            }
        }
        self.move_clocks(onset);
    }

    /// Opens every tier that is due, in order.
    pub(super) fn open_tiers(&mut self) {
        for tier in 0..self.callout.tiers.len() as u8 {
            let state = &self.callout.tiers[usize::from(tier)];
            if let Some(due) = state.due.filter(|due| *due <= self.now && state.opened_at.is_none()) {
                self.open_tier(tier, due);
            }
        }
    }

    fn open_tier(&mut self, tier: u8, due: crate::model::Timestamp) {
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

    /// Moves the deadlines that count from the onset.
    fn move_clocks(&mut self, onset: Option<crate::model::Timestamp>) {
        let Some(onset) = onset else { return };
        for clock in 0..self.callout.clocks.len() as u32 {
            let Some(rule) = self.callout.rule(clock).filter(|r| r.starts == ClockStart::Onset) else { continue };
            let (due, c) = (onset.plus_ms(rule.within_ms), &self.callout.clocks[clock as usize]);
            if c.state == crate::model::ClockState::Running && c.due != due {
                self.emit(Event::ClockMoved { clock, due });
            }
        }
    }
}
