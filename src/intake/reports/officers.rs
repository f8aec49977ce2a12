//! Which duty officers a report is told to, round after round.

use super::ReportRules;
use super::event::Reported;
use crate::directory::Directory;
use crate::model::{CalloutId, Channel, Holders, Level, PersonId, RegionCode, Timestamp};

/// Whose duty officers a round is, when they are of one region, and who they are.
type Round = (Option<RegionCode>, Vec<PersonId>);

/// Upward from the place of a report, else from the region of the callout on whose page it was written. Where
/// that leads to nobody, the officers of the highest regions that have any: no report is nobody's.
pub(super) fn rounds(rules: &ReportRules, reported: &Reported, directory: &Directory, now: Timestamp) -> Vec<Round> {
    let at = |region: &RegionCode| -> Vec<PersonId> {
        let seats = |post: &String| directory.seats_at(post, Holders::Present, region.as_str(), now);
        let mut officers: Vec<PersonId> = rules.duty_posts.iter().flat_map(seats).collect();
        officers.retain(|id| has_sms(directory, id) && !reported.people.contains(id));
        officers.sort();
        officers.dedup();
        officers
    };
    let begin = reported.place.clone().or_else(|| reported.callout.as_ref().and_then(CalloutId::region));
    let upward: Vec<Round> = std::iter::successors(begin, RegionCode::parent)
        .map(|region| (at(&region), region))
        .filter(|(officers, _)| !officers.is_empty())
        .map(|(officers, region)| (Some(region), officers))
        .collect();
    if upward.is_empty() { highest(directory, at).into_iter().collect() } else { upward }
}

/// The officers of the highest level that has any.
fn highest(directory: &Directory, at: impl Fn(&RegionCode) -> Vec<PersonId>) -> Option<Round> {
    Level::ALL.into_iter().find_map(|level| {
        let regions = directory.regions().iter().map(|r| &r.code).filter(|code| code.level() == level);
        let manned: Vec<_> = regions.map(|code| (code, at(code))).filter(|(_, o)| !o.is_empty()).collect();
        let region = match manned[..] {
            [] => return None,
            [(code, _)] => Some(code.clone()),
            _ => None,
        };
        let mut officers: Vec<PersonId> = manned.into_iter().flat_map(|(_, officers)| officers).collect();
        officers.sort();
        officers.dedup();
        Some((region, officers))
    })
}

/// Whether a person can be written to.
pub(super) fn has_sms(directory: &Directory, id: &PersonId) -> bool {
    directory.person(id).is_some_and(|p| p.contacts_on(Channel::Sms).next().is_some())
}
