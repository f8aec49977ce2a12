//! Who reports, from where, and whether their reports need no officer.

use super::{LocalWarning, ReportRules};
use crate::directory::Directory;
use crate::model::{Hazard, Level, PersonId, RegionCode};
use std::collections::BTreeSet;

/// Words with which a text may say that there is no hazard, or none any more. What they stand in is looked
/// at by an officer.
const DOUBTS: [&str; 9] = ["没", "未", "无", "不", "解除", "排除", "处置", "处理", "误报"];

/// A forecast of risk, which nobody sees on the ground.
const FORECAST: &str = "11B37";

/// Where somebody's posts lie: the smallest region that holds all of them.
pub(super) fn ground_of(directory: &Directory, people: &[PersonId]) -> Option<RegionCode> {
    let postings = directory.postings().filter(|p| people.contains(&p.person));
    let region = |ground: &str| match directory.target(&ground.into()) {
        Some(target) => Some(target.region.clone()),
        None => RegionCode::parse(ground).ok(),
    };
    let regions: BTreeSet<RegionCode> = postings.filter_map(|p| region(&p.ground)).collect();
    let first = regions.first()?.clone();
    std::iter::successors(Some(first), RegionCode::parent).find(|code| regions.iter().all(|r| code.holds(r)))
}

/// The hazard that words name; the longest name counts.
pub(super) fn hazard_in(words: &str) -> Option<Hazard> {
    let named = Hazard::names().filter(|(name, hazard)| words.contains(name) && hazard.as_str() != FORECAST);
    named.max_by_key(|(name, _)| name.len()).map(|(_, hazard)| hazard)
}

/// The warning that a report becomes without an officer: everybody who has the number holds a trusted post,
/// the hazard is one of those listed, the ground is no larger than a township, and nothing casts doubt.
pub(super) fn trusted(
    directory: &Directory,
    rules: &ReportRules,
    people: &[PersonId],
    (hazard, place): (Option<&Hazard>, Option<&RegionCode>),
    words: &str,
) -> Option<LocalWarning> {
    let (hazard, place) = (hazard?, place.filter(|p| p.level() >= Level::Township)?);
    let holds = |id: &PersonId| {
        directory.postings().any(|p| {
            let ground = directory
                .target(&p.ground.as_str().into())
                .map_or_else(|| RegionCode::parse(&p.ground).ok(), |t| Some(t.region.clone()));
            p.person == *id
                && rules.trusted_posts.contains(&p.post)
                && ground.is_some_and(|g| g.holds(place) || place.holds(&g))
        })
    };
    let known = !people.is_empty() && people.iter().all(holds);
    let doubt = DOUBTS.iter().any(|word| words.contains(word));
    (known && rules.trusted_hazards.contains(hazard) && !doubt).then(|| LocalWarning {
        hazard: hazard.clone(),
        colour: rules.trusted_colour,
        codes: vec![place.clone()],
        headline: headline(&directory.place(place.as_str()), hazard),
        instruction: String::new(),
    })
}

/// The line that is sent when nobody writes another.
pub(super) fn headline(place: &str, hazard: &Hazard) -> String {
    format!("{place}报告{}险情", hazard.zh())
}
