//! How the tiers of a callout and their clocks stand: what opens when, what is missing, by whom.

use crate::engine::{Milestone, holding_up, milestones};
use crate::model::{Callout, Clock, ClockEnd, ClockIx, ClockOf, ClockState, Moves, TargetIx, Timestamp, Totals};
use serde::Serialize;

/// A tier that has ground.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TierStanding {
    /// Its index in the plan.
    pub tier: u8,
    /// Its name in code and metrics.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// When it opens, or should have opened.
    pub due: Option<Timestamp>,
    /// When it opened.
    pub opened_at: Option<Timestamp>,
    /// What is to be done, in the plan's words.
    pub action: String,
    /// Who is to be moved since it opened; before that, who would be by day.
    pub moves: Moves,
    /// How its targets stand.
    pub totals: Totals,
    /// Its clocks, by rule.
    pub clocks: Vec<ClockStanding>,
}

/// How the clocks of one rule stand in a tier.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClockStanding {
    /// The rule's name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Whether it is one clock for the whole tier.
    pub of_tier: bool,
    /// How many run.
    pub running: u32,
    /// How many were met in time.
    pub met: u32,
    /// How many were missed and what they waited for has not come.
    pub missed: u32,
    /// How many were missed, and it came after the deadline.
    pub late: u32,
    /// The next deadline of those that run; else the last one that passed.
    pub due: Option<Timestamp>,
    /// When the last of them was met, in time or late.
    pub met_at: Option<Timestamp>,
    /// What has not come: by target the units that have not reported; no units when it is no milestone.
    pub waits_for: Vec<WaitsFor>,
}

/// A target that a clock waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitsFor {
    /// The target.
    pub target: TargetIx,
    /// Units that have reported.
    pub reached: Vec<String>,
    /// Units that have not.
    pub missing: Vec<String>,
}

/// The tiers that have ground, in the plan's order.
#[must_use]
pub fn tiers(callout: &Callout) -> Vec<TierStanding> {
    let Some(head) = &callout.head else { return Vec::new() };
    let tiers = head.plan.tiers.iter().zip(&callout.tiers).enumerate();
    let standing = tiers.map(|(ix, (tier, state))| TierStanding {
        tier: ix as u8,
        name: tier.name.clone(),
        title: tier.title.clone(),
        due: state.due,
        opened_at: state.opened_at,
        action: tier.action.clone(),
        moves: if state.opened_at.is_some() { state.moves } else { tier.moves },
        totals: callout.totals_of_tier(ix as u8),
        clocks: clocks(callout, ix as u8),
    });
    standing.filter(|tier| tier.totals.targets > 0).collect()
}

fn clocks(callout: &Callout, tier: u8) -> Vec<ClockStanding> {
    let within = |c: &Clock| match c.of {
        ClockOf::Tier(of) => of == tier,
        ClockOf::Target(target) => callout.targets[target as usize].tier == tier,
    };
    let mut out: Vec<ClockStanding> = Vec::new();
    for (clock_ix, clock) in (0..).zip(&callout.clocks).filter(|(_, c)| c.state != ClockState::Stopped && within(c)) {
        let Some(rule) = callout.rules.get(usize::from(clock.rule)) else { continue };
        let of_tier = matches!(clock.of, ClockOf::Tier(_));
        // A plan that came into force again brings the same rule once more.
        let known = out.iter().position(|s| s.name == rule.name && s.of_tier == of_tier);
        let ix = known.unwrap_or_else(|| {
            out.push(ClockStanding::new(&rule.name, &rule.title, of_tier));
            out.len() - 1
        });
        out[ix].count(clock);
        if clock.waits() {
            out[ix].wait(callout, clock_ix, &rule.until);
        }
    }
    // What the tier as a whole must reach stands before what each target must.
    out.sort_by_key(|standing| !standing.of_tier);
    out
}

// === impl ClockStanding ===

impl ClockStanding {
    fn new(name: &str, title: &str, of_tier: bool) -> Self {
        let (name, title, waits_for) = (name.to_owned(), title.to_owned(), Vec::new());
        Self { name, title, of_tier, running: 0, met: 0, missed: 0, late: 0, due: None, met_at: None, waits_for }
    }

    fn count(&mut self, clock: &Clock) {
        match clock.state {
            ClockState::Running => {
                self.due = if self.running == 0 { Some(clock.due) } else { self.due.min(Some(clock.due)) };
                self.running += 1;
            }
            ClockState::Met { at } => (self.met, self.met_at) = (self.met + 1, self.met_at.max(Some(at))),
            ClockState::Missed { met_at: None } => self.missed += 1,
            ClockState::Missed { met_at } => (self.late, self.met_at) = (self.late + 1, self.met_at.max(met_at)),
            ClockState::Stopped => {}
        }
        if self.running == 0 {
            self.due = self.due.max(Some(clock.due));
        }
    }

    fn wait(&mut self, callout: &Callout, clock: ClockIx, until: &ClockEnd) {
        for ix in holding_up(callout, clock) {
            if self.waits_for.iter().any(|w| w.target == ix) {
                continue;
            }
            let units = match until {
                ClockEnd::Milestone(name) => milestones(callout, ix).into_iter().filter(|m| m.name == *name).collect(),
                _ => Vec::new(),
            };
            let (reached, missing): (Vec<_>, Vec<_>) = units.into_iter().partition(|m| m.reached);
            let names = |of: Vec<Milestone>| of.into_iter().map(|m| m.unit).filter(|unit| !unit.is_empty()).collect();
            self.waits_for.push(WaitsFor { target: ix, reached: names(reached), missing: names(missing) });
        }
    }
}
