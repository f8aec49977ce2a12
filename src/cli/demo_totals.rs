//! What the demo adds up of tiers, clocks and reports from the ground.

use crate::evidence::{ClockTally, summary};
use crate::model::{Callout, CalloutId, ClockOf, ClockState, CloseReason, Failure, Figures, Timestamp};
use crate::sim::World;
use serde::Serialize;
use std::collections::BTreeMap;

/// Sums over all callouts of a night.
#[derive(Default, Serialize)]
pub(super) struct Totals {
    /// Tiers that opened, in order of opening.
    pub tiers: Vec<TierLine>,
    /// Reports.
    pub actions: Actions,
    /// By clock: its name for people, and what was missed.
    #[serde(skip)]
    pub clocks: BTreeMap<String, ClockLine>,
    /// Drills, which count for nothing else.
    pub drills: Vec<DrillLine>,
}

/// A drill.
#[derive(Serialize)]
pub(super) struct DrillLine {
    pub callout: CalloutId,
    pub place: String,
    pub targets: u32,
    pub satisfied: u32,
    pub attempts: usize,
    /// Calls that were hung up because nobody needed them any more.
    pub hung_up: usize,
    /// Whether a real warning ended it.
    pub suspended: bool,
    pub clocks: BTreeMap<String, ClockTally>,
}

/// A tier that opened.
#[derive(Serialize)]
pub(super) struct TierLine {
    pub place: String,
    pub tier: String,
    pub title: String,
    pub targets: usize,
    pub opened_at: Timestamp,
}

/// Reports from the ground.
#[derive(Default, Serialize)]
pub(super) struct Actions {
    /// Targets where people began to move, and where all have moved.
    pub moving: u32,
    pub done: u32,
    pub households: u32,
    pub persons: u32,
    pub special: u32,
    pub refused: u32,
    /// Door-knock tasks, those reported, those confirmed by a second person.
    pub knocks: u32,
    pub knocked: u32,
    pub knocks_confirmed: u32,
    /// Milestones that units reported.
    pub milestones: u32,
}

/// A clock's name for people, and the ground where it was missed.
#[derive(Default)]
pub(super) struct ClockLine {
    pub title: String,
    pub missed: Vec<String>,
}

// === impl Totals ===

impl Totals {
    pub fn of(world: &World) -> Self {
        let mut totals = Self::default();
        let (drills, real): (Vec<_>, Vec<_>) = world.gallery.all().into_iter().partition(|c| c.is_drill());
        real.iter().for_each(|callout| totals.add(callout));
        totals.drills = drills.iter().map(|callout| DrillLine::of(callout)).collect();
        totals.tiers.sort_by(|a, b| (a.opened_at, &a.place).cmp(&(b.opened_at, &b.place)));
        totals
    }

    fn add(&mut self, callout: &Callout) {
        let Some(head) = &callout.head else { return };
        for (ix, (state, tier)) in callout.tiers.iter().zip(&head.plan.tiers).enumerate() {
            // A plan without tiers is one without a title.
            if let Some(opened_at) = state.opened_at.filter(|_| !tier.title.is_empty()) {
                let targets = callout.targets.iter().filter(|t| usize::from(t.tier) == ix).count();
                let (tier, title) = (tier.name.clone(), tier.title.clone());
                self.tiers.push(TierLine { place: head.place.clone(), tier, title, targets, opened_at });
            }
        }
        let a = &mut self.actions;
        for progress in callout.targets.iter().map(|t| &t.progress) {
            a.moving += u32::from(progress.moving_at.is_some());
            a.done += u32::from(progress.done_at.is_some());
            let Figures { households, persons, special, refused } = progress.figures;
            a.households += households;
            a.persons += persons;
            a.special += special;
            a.refused += refused;
            a.milestones += progress.reached.values().map(|units| units.len() as u32).sum::<u32>();
            if let Some(knock) = &progress.knock {
                a.knocks += 1;
                a.knocked += u32::from(knock.reported.is_some());
                a.knocks_confirmed += u32::from(knock.confirmed_at.is_some());
            }
        }
        for clock in &callout.clocks {
            let Some(rule) = callout.rules.get(usize::from(clock.rule)) else { continue };
            let line = self.clocks.entry(rule.name.clone()).or_default();
            line.title.clone_from(&rule.title);
            if matches!(clock.state, ClockState::Missed { .. }) {
                let tier = |t: u8| head.plan.tiers.get(usize::from(t)).map_or("", |t| &t.title);
                line.missed.push(match clock.of {
                    ClockOf::Target(target) => callout.targets[target as usize].spec.name.clone(),
                    ClockOf::Tier(t) => format!("{} {}", head.place, tier(t)),
                });
            }
        }
    }
}

// === impl DrillLine ===

impl DrillLine {
    fn of(callout: &Callout) -> Self {
        let sums = callout.totals();
        let hung_up = callout.attempts.iter().filter(|a| a.failure == Some(Failure::Withdrawn));
        Self {
            callout: callout.id.clone(),
            place: callout.head.as_ref().map(|h| h.place.clone()).unwrap_or_default(),
            targets: sums.targets,
            satisfied: sums.satisfied,
            attempts: callout.attempts.len(),
            hung_up: hung_up.count(),
            suspended: callout.closed == Some(CloseReason::Suspended),
            clocks: summary(callout).clocks,
        }
    }
}

// === impl ClockLine ===

impl ClockLine {
    /// The first places where it was missed.
    pub fn places(&self) -> String {
        const SHOWN: usize = 3;
        let more = if self.missed.len() > SHOWN { "…" } else { "" };
        let shown = self.missed.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("、");
        if shown.is_empty() { shown } else { format!("（{shown}{more}）") }
    }
}
