//! Response figures of callouts, taken from their state alone.

use crate::model::{Callout, ClockEnd, ClockStart, ClockState, Phase, TargetState, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// The response figures of one callout, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many callouts.
    pub callouts: u32,
    /// Targets covered.
    pub targets: u32,
    /// Targets waiting for their tier to open.
    pub waiting: u32,
    /// Targets being called.
    pub calling: u32,
    /// Covered targets, by the name of the step that answered.
    pub satisfied: BTreeMap<String, u32>,
    /// Targets taken over by a higher post: not covered.
    pub taken_over: u32,
    /// Targets standing as an alarm.
    pub exhausted: u32,
    /// Targets released without an answer.
    pub released: u32,
    /// How long covered targets took.
    pub answer_ms: AnswerTimes,
    /// Attempts made, by channel.
    pub attempts: BTreeMap<&'static str, u32>,
    /// Clocks, by the name of their rule.
    pub clocks: BTreeMap<String, ClockTally>,
}

/// Milliseconds from when a covered target was called (again, after an upgrade) until somebody answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnswerTimes {
    /// How many targets.
    pub count: u32,
    /// Half of them took no longer.
    pub p50: Option<i64>,
    /// 95 of 100 took no longer.
    pub p95: Option<i64>,
    /// In ascending order; needed to merge.
    #[serde(skip)]
    samples: Vec<i64>,
}

/// How the clocks of a rule ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClockTally {
    /// In time.
    pub met: u32,
    /// Too late, or not at all.
    pub missed: u32,
    /// Not decided yet.
    pub running: u32,
    /// Released before they were decided.
    pub stopped: u32,
}

/// The figures of one callout.
#[must_use]
pub fn summary(callout: &Callout) -> Summary {
    let totals = callout.totals();
    let mut out = Summary {
        callouts: 1,
        targets: totals.targets,
        waiting: totals.waiting,
        calling: totals.calling,
        taken_over: totals.taken_over,
        exhausted: totals.exhausted,
        released: totals.released,
        ..Summary::default()
    };
    let Some(head) = &callout.head else { return out };
    for target in &callout.targets {
        if let Phase::Satisfied { at, step } = target.phase {
            let name = head.plan.steps.get(usize::from(step)).map_or_else(|| step.to_string(), |s| s.name.clone());
            *out.satisfied.entry(name).or_default() += 1;
            let (called, answered) = called_and_answered(callout, target).unwrap_or((head.opened_at, None));
            out.answer_ms.samples.push(answered.unwrap_or(at).ms_since(called));
        }
    }
    for attempt in &callout.attempts {
        *out.attempts.entry(attempt.channel.name()).or_default() += 1;
    }
    for clock in &callout.clocks {
        let rule = callout.rules.get(usize::from(clock.rule));
        let tally = out.clocks.entry(rule.map_or_else(|| clock.rule.to_string(), |r| r.name.clone())).or_default();
        match clock.state {
            ClockState::Running => tally.running += 1,
            ClockState::Met { .. } => tally.met += 1,
            ClockState::Missed { .. } => tally.missed += 1,
            ClockState::Stopped => tally.stopped += 1,
        }
    }
    out.answer_ms.settle();
    out
}

/// When a target was last called, by the clock that ran from it, and when that clock saw an answer. Plans
/// without such a clock leave the callout's own opening and the target's own phase.
fn called_and_answered(callout: &Callout, target: &TargetState) -> Option<(Timestamp, Option<Timestamp>)> {
    let answer = |c: &&u32| {
        let rule = callout.rule(**c);
        rule.is_some_and(|r| {
            r.starts == ClockStart::Called && matches!(r.until, ClockEnd::Answered | ClockEnd::Satisfied)
        })
    };
    let clock = target.clocks.iter().rev().find(answer).map(|c| &callout.clocks[*c as usize])?;
    let answered = match clock.state {
        ClockState::Met { at } | ClockState::Missed { met_at: Some(at) } => Some(at),
        _ => None,
    };
    Some((clock.started_at, answered))
}

// === impl Summary ===

impl Summary {
    /// Adds the figures of other callouts. Quantiles are those of all targets together.
    pub fn merge(&mut self, other: &Self) {
        self.callouts += other.callouts;
        self.targets += other.targets;
        self.waiting += other.waiting;
        self.calling += other.calling;
        self.taken_over += other.taken_over;
        self.exhausted += other.exhausted;
        self.released += other.released;
        for (step, count) in &other.satisfied {
            *self.satisfied.entry(step.clone()).or_default() += count;
        }
        for (channel, count) in &other.attempts {
            *self.attempts.entry(channel).or_default() += count;
        }
        for (rule, tally) in &other.clocks {
            let mine = self.clocks.entry(rule.clone()).or_default();
            mine.met += tally.met;
            mine.missed += tally.missed;
            mine.running += tally.running;
            mine.stopped += tally.stopped;
        }
        self.answer_ms.samples.extend(&other.answer_ms.samples);
        self.answer_ms.settle();
    }
}

impl AnswerTimes {
    fn settle(&mut self) {
        self.samples.sort_unstable();
        self.count = self.samples.len() as u32;
        // Nearest rank: a value that was measured, never one in between.
        let rank = |percent: usize| (self.samples.len() * percent).div_ceil(100).checked_sub(1);
        let at = |percent| rank(percent).and_then(|i| self.samples.get(i).copied());
        (self.p50, self.p95) = (at(50), at(95));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_measured_values_and_merge_over_all() {
        let times = |samples: Vec<i64>| {
            let mut t = Summary::default();
            t.answer_ms.samples = samples;
            t.answer_ms.settle();
            t
        };
        let mut a = times((1..=50).collect());
        assert_eq!((a.answer_ms.p50, a.answer_ms.p95), (Some(25), Some(48)));
        a.merge(&times((51..=100).collect()));
        assert_eq!((a.answer_ms.count, a.answer_ms.p50, a.answer_ms.p95), (100, Some(50), Some(95)));
        assert_eq!(times(Vec::new()).answer_ms.p50, None);
        assert_eq!(times(vec![7]).answer_ms.p95, Some(7));
    }
}
