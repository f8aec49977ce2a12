//! Clocks: started, met, missed. What they are is the plan's; how they end is here.

use super::Decision;
use crate::model::{ClockEnd, ClockIx, ClockRule, ClockStart, ClockState, Event, TargetIx};

impl Decision<'_> {
    /// Starts the clocks of a target that start now.
    pub(super) fn start_clocks(&mut self, target: TargetIx, starts: ClockStart) {
        self.start_those(target, |rule| rule.starts == starts, |_| true);
    }

    /// The ground is called again, and nobody answers for it any more: what has come once is waited for
    /// anew. A clock that still waits, in time or late, goes on as it is.
    pub(super) fn restart_clocks(&mut self, target: TargetIx) {
        let clocks = &self.callout.targets[target as usize].clocks;
        let waiting = clocks.iter().map(|c| &self.callout.clocks[*c as usize]).filter(|c| is_waited_for(c.state));
        let waiting: Vec<u8> = waiting.map(|c| c.rule).collect();
        self.start_those(target, |rule| rule.starts == ClockStart::Called, |ix| !waiting.contains(&ix));
    }

    fn start_those(&mut self, target: TargetIx, wanted: impl Fn(&ClockRule) -> bool, free: impl Fn(u8) -> bool) {
        let Some(head) = &self.callout.head else { return };
        let rules = head.plan.clocks.iter().enumerate().map(|(i, rule)| (i as u8, rule));
        let rules = rules.filter(|(i, rule)| wanted(rule) && free(*i)).map(|(i, rule)| (i, rule.within_ms));
        for (rule, within_ms) in rules.collect::<Vec<_>>() {
            let due = self.now.plus_ms(within_ms);
            self.emit(Event::ClockStarted { clock: self.callout.clocks.len() as u32, rule, target, due });
        }
    }

    /// What some clocks of a target wait for has come. Covered ground also counts as answered.
    pub(super) fn meet_clocks(&mut self, target: TargetIx, end: ClockEnd) {
        for clock in self.callout.targets[target as usize].clocks.clone() {
            let c = &self.callout.clocks[clock as usize];
            let until = self.until(clock);
            if is_waited_for(c.state)
                && (until == Some(end) || (until == Some(ClockEnd::Answered) && end == ClockEnd::Satisfied))
            {
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

/// Whether what a clock waits for has not come, be it late already.
fn is_waited_for(state: ClockState) -> bool {
    matches!(state, ClockState::Running | ClockState::Missed { met_at: None })
}
