//! Neighbours (上下游联动): ground that is called sideways because a plan says that it lies beside ground
//! that a message covers. One hop only: neighbours of neighbours are not called, so a circle of them ends.

use super::PlanSet;
use crate::directory::{Cover, Directory};
use crate::model::{Area, Beside, Colour, Finding, Message, MessageKind, RegionCode, Relation, TargetId};
use std::collections::BTreeMap;

/// Places that are called sideways when another is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The place that is covered.
    pub from: RegionCode,
    /// The places that are called then.
    pub to: Vec<RegionCode>,
    /// How they lie to it.
    pub kind: Relation,
    /// Where this comes from.
    pub source: String,
}

/// What a message covers together with the neighbours that the plans name, and which targets are called as
/// neighbours alone. No target stands twice: what the message covers itself is its own.
pub(super) fn with_neighbours(
    directory: &Directory,
    plans: &PlanSet,
    message: &Message,
    own: Cover,
) -> (Cover, BTreeMap<TargetId, Beside>) {
    let (mut cover, mut beside) = (own, BTreeMap::new());
    if message.kind == MessageKind::Cancel {
        return (cover, beside);
    }
    let colour = message.colour.unwrap_or(Colour::Red);
    let mut found = Vec::new();
    for (region, covered) in &cover.regions {
        let named = plans.select(&message.hazard, colour, region).map_or(&[][..], |file| &file.neighbours);
        if named.is_empty() {
            continue;
        }
        let regions = directory.targets_at(&covered.targets).map(|t| t.region.clone());
        let gaps = covered.gaps.iter().filter_map(|gap| RegionCode::parse(&gap.ground).ok());
        let ground: Vec<RegionCode> = regions.chain(gaps).collect();
        for neighbour in named.iter().filter(|n| ground.iter().any(|code| n.from.holds(code) || code.holds(&n.from))) {
            let area = Area { codes: neighbour.to.clone(), ..Area::default() };
            let more = directory.cover(&[area]).regions;
            found.extend(more.into_iter().map(|(county, more)| (county, more, neighbour)));
        }
    }
    for (county, more, neighbour) in found {
        let into = cover.regions.entry(county).or_default();
        let mut fresh = more.targets;
        fresh.retain(|place| !into.targets.contains(place));
        for target in directory.targets_at(&fresh) {
            beside.insert(target.id.clone(), Beside { of: neighbour.from.clone(), kind: neighbour.kind });
        }
        into.targets.extend(fresh);
        into.gaps.extend(more.gaps);
        into.gaps.sort_by(|a, b| a.ground.cmp(&b.ground));
        into.gaps.dedup();
    }
    (cover, beside)
}

/// Faults that no directory is needed for.
pub(super) fn check(file: &str, neighbours: &[Neighbour]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for n in neighbours {
        let place = format!("{file} / neighbour {}", n.from);
        let mut fault = |reason: &str| findings.push(Finding::fatal(place.clone(), reason));
        if n.to.is_empty() {
            fault("to is empty: name the places that are called");
        }
        if n.to.iter().any(|to| n.from.holds(to) || to.holds(&n.from)) {
            fault("a place is no neighbour of itself, nor of what lies in it or around it");
        }
        if n.source.trim().is_empty() {
            fault("source is empty: say where the relation comes from");
        }
    }
    findings
}

/// Places of neighbours that a directory does not know.
pub(super) fn unknown(file: &str, neighbours: &[Neighbour], directory: &Directory) -> Vec<Finding> {
    let codes = neighbours.iter().flat_map(|n| std::iter::once(&n.from).chain(&n.to).map(move |code| (n, code)));
    let unknown = codes.filter(|(_, code)| directory.region(code).is_none());
    unknown
        .map(|(n, code)| {
            Finding::fatal(format!("{file} / neighbour {}", n.from), format!("the directory has no place {code}"))
        })
        .collect()
}
