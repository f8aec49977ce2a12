//! How far the moving of people is: of the roster, moving, moved, refused; per region.

use crate::model::{Callout, Figures, Level, Phase, RegionCode, ReleaseReason, TargetKind, TargetState};
use serde::Serialize;
use std::collections::BTreeMap;

/// People, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct People {
    /// Households.
    pub households: u32,
    /// Persons, special groups among them.
    pub persons: u32,
    /// Persons of special groups.
    pub special: u32,
}

/// How far the moving of people is on some ground.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Who lives there, by the directory.
    pub roster: People,
    /// Reported where the moving goes on.
    pub moving: People,
    /// Reported where it is done.
    pub moved: People,
    /// Persons who refuse to go.
    pub refused: u32,
    /// Targets that reported without figures: their people are not known.
    pub uncounted: u32,
}

/// How far the moving of people is in one callout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MovedByRegion {
    /// In all.
    pub all: Moved,
    /// By region within the callout's own: townships, villages.
    pub regions: BTreeMap<RegionCode, Moved>,
}

/// The figures of a callout. What a region reports for its whole ground and what is reported from within
/// it are the same people: the greater of the two counts, they are never added.
#[must_use]
pub fn moved(callout: &Callout) -> MovedByRegion {
    // The same ground under two tiers is one ground.
    let mut ground: BTreeMap<&str, (&TargetState, Moved)> = BTreeMap::new();
    let counted = |t: &&TargetState| !matches!(t.phase, Phase::Released { reason: ReleaseReason::NotCovered, .. });
    for t in callout.targets.iter().filter(counted) {
        let moved = Moved::of(t);
        let entry = ground.entry(t.spec.id.as_str()).or_insert((t, moved));
        entry.1 = entry.1.or(moved);
    }
    let mut regions: BTreeMap<RegionCode, Moved> = BTreeMap::new();
    for (t, moved) in ground.values().filter(|(t, _)| t.spec.kind != TargetKind::Region) {
        regions.entry(t.spec.region.clone()).or_default().add(moved);
    }
    // From the smallest regions up: what a region reports itself against the sum of what lies in it.
    let own: BTreeMap<&RegionCode, Moved> = ground
        .values()
        .filter(|(t, _)| t.spec.kind == TargetKind::Region)
        .map(|(t, moved)| (&t.spec.region, *moved))
        .collect();
    let mut all = Moved::default();
    for level in [Level::Village, Level::Township, Level::County, Level::Prefecture, Level::Province] {
        for (code, moved) in own.iter().filter(|(code, _)| code.level() == level) {
            let mine = regions.entry((*code).clone()).or_default();
            *mine = mine.or(*moved);
        }
        let here: Vec<_> = regions.iter().filter(|(c, _)| c.level() == level).map(|(c, m)| (c.clone(), *m)).collect();
        all = Moved::default();
        for (code, moved) in here {
            match code.parent() {
                Some(parent) => regions.entry(parent).or_default().add(&moved),
                None => all.add(&moved),
            }
        }
    }
    regions.retain(|code, _| callout.head.as_ref().is_some_and(|head| head.region.holds(code)));
    MovedByRegion { all, regions }
}

// === impl Moved ===

impl Moved {
    /// The figures of one target.
    #[must_use]
    pub fn of(t: &TargetState) -> Self {
        let (p, s) = (&t.progress, &t.spec);
        let Figures { households, persons, special, refused } = p.figures;
        let (people, nobody) = (People { households, persons, special }, People::default());
        let (moving, moved) = if p.done_at.is_some() { (nobody, people) } else { (people, nobody) };
        let reported = p.moving_at.is_some();
        Self {
            roster: People { households: s.households, persons: s.persons, special: s.special },
            moving,
            moved,
            refused,
            uncounted: u32::from(reported && p.figures == Figures::default() && s.persons > 0),
        }
    }

    /// Whether anything was reported.
    #[must_use]
    pub fn any(&self) -> bool {
        self.uncounted > 0 || Self { roster: People::default(), ..*self } != Self::default()
    }

    /// Adds other ground.
    pub fn add(&mut self, other: &Self) {
        self.roster.add(other.roster);
        self.moving.add(other.moving);
        self.moved.add(other.moved);
        self.refused = self.refused.saturating_add(other.refused);
        self.uncounted += other.uncounted;
    }

    /// The same ground, reported twice: the report that counts more people, and the greater roster.
    fn or(self, other: Self) -> Self {
        let weight = |m: &Self| {
            let persons = u64::from(m.moving.persons) + u64::from(m.moved.persons);
            (persons, m.moved.persons, m.moved.households, m.any())
        };
        let roster = if other.roster.persons > self.roster.persons { other.roster } else { self.roster };
        let better = if weight(&other) > weight(&self) { other } else { self };
        Self { roster, ..better }
    }
}

// === impl People ===

impl People {
    fn add(&mut self, other: Self) {
        self.households = self.households.saturating_add(other.households);
        self.persons = self.persons.saturating_add(other.persons);
        self.special = self.special.saturating_add(other.special);
    }
}
