//! Clocks: started, met, missed. What they are is the plan's; how they end is here.

use super::Decision;
use crate::model::{ClockEnd, ClockIx, ClockStart, ClockState, Event, TargetIx};

impl Decision<'_> {
    /// Starts the clocks of a target that start now.
    pub(super) fn start_clocks(&mut self, target: TargetIx, starts: ClockStart) {
        let Some(head) = &self.callout.head else { return };
        let rules: Vec<(u8, i64)> = head
            .plan
            .clocks
            .iter()
            .enumerate()
            .filter(|(_, r)| r.starts == starts)
            .map(|(i, r)| (i as u8, r.within_ms))
            .collect();
        for (rule, within_ms) in rules {
            let due = self.now.plus_ms(within_ms);
            self.emit(Event::ClockStarted { clock: self.callout.clocks.len() as u32, rule, target, due });
        }
    }

    /// What some clocks of a target wait for has come. Covered ground also counts as answered.
    pub(super) fn meet_clocks(&mut self, target: TargetIx, end: ClockEnd) {
        for clock in self.callout.targets[target as usize].clocks.clone() {
            let c = &self.callout.clocks[clock as usize];
            let waits = matches!(c.state, ClockState::Running | ClockState::Missed { met_at: None });
            let until = self.until(clock);
            if waits && (until == Some(end) || (until == Some(ClockEnd::Answered) && end == ClockEnd::Satisfied)) {
                // The answer may be looked at before the deadline that passed first.
                if c.state == ClockState::Running && c.due < self.now {
                    self.emit(Event::ClockMissed { clock });
                }
                self.emit(Event::ClockMet { clock });
            }
        }
    }

    fn until(&self, clock: ClockIx) -> Option<ClockEnd> {
        let rule = self.callout.clocks[clock as usize].rule;
        self.callout.head.as_ref()?.plan.clocks.get(usize::from(rule)).map(|r| r.until)
    }
}
