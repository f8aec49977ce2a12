//! From the state of a message to facts of its attempts.

use super::document::{Item, State};
use super::ledger::{Member, Open, reference};
use crate::config::EbdSection;
use crate::gateway::Upcall;
use crate::gateway::scrub::scrub;
use crate::model::{AttemptKey, Fact, Failure, Stage};

/// What a state code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing yet.
    Pending,
    Waiting,
    Playing,
    Played,
    Failed,
    Cancelled,
}

/// The meaning of a state code; `None` when the configuration does not know it.
pub(super) fn meaning(section: &EbdSection, code: &str) -> Option<Meaning> {
    let lists = [
        (&section.pending_codes, Meaning::Pending),
        (&section.waiting_codes, Meaning::Waiting),
        (&section.playing_codes, Meaning::Playing),
        (&section.played_codes, Meaning::Played),
        (&section.failed_codes, Meaning::Failed),
        (&section.cancelled_codes, Meaning::Cancelled),
    ];
    lists.into_iter().find(|(codes, _)| codes.iter().any(|c| c == code)).map(|(_, meaning)| meaning)
}

/// What a state says about the attempts of its message.
pub(super) fn upcalls(section: &EbdSection, message: &Open, state: &State) -> Vec<Upcall> {
    let one = |member: &Member| {
        let key = AttemptKey::parse(&member.key)?;
        let fact = fact(section, state, &member.place, message.reference(member))?;
        Some(Upcall::Report { key, fact, reported_at: state.at })
    };
    message.members.iter().filter_map(one).collect()
}

/// What a state says about a message that is not in the ledger, which was sent by another host: attempts are known
/// by their references, as far as the state names their places.
pub(super) fn receipts(section: &EbdSection, state: &State) -> Vec<Upcall> {
    let receipt = |reference: String, place: &str| {
        let fact = fact(section, state, place, reference.clone())?;
        Some(Upcall::Receipt { reference, fact, reported_at: state.at })
    };
    let named = state.items.iter().filter_map(|item| item.codes.first()).chain(&state.areas);
    let places = named.filter_map(|place| receipt(reference(&state.ebmid, place), place));
    receipt(state.ebmid.clone(), "").into_iter().chain(places).collect()
}

fn fact(section: &EbdSection, state: &State, place: &str, reference: String) -> Option<Fact> {
    let item = state.items.iter().find(|item| item.codes.iter().any(|code| code == place));
    let (code, desc) = item.map_or((&state.code, &state.desc), |Item { code, desc, .. }| (code, desc));
    let reached = |stage| Some(Fact::Reached { stage, reference: Some(reference.clone()) });
    let failed = |failure, detail: String| Some(Fact::Failed { failure, detail: Some(scrub(&detail)) });
    match meaning(section, code)? {
        Meaning::Pending => None,
        Meaning::Waiting => reached(Stage::Submitted),
        Meaning::Playing => reached(Stage::PickedUp),
        Meaning::Played if item.is_some() || covered(section, state, place) => reached(Stage::Heard),
        Meaning::Played => failed(Failure::Undelivered, format!("played, but not there{}", coverage(state))),
        Meaning::Failed => failed(Failure::Undelivered, format!("state {code}: {desc}{}", coverage(state))),
        Meaning::Cancelled => failed(Failure::Withdrawn, format!("state {code}: {desc}")),
    }
}

/// Whether "played" holds for a place: enough of the area was covered, or the state names the place as covered.
fn covered(section: &EbdSection, state: &State, place: &str) -> bool {
    let enough = state.coverage.is_none_or(|percent| percent >= f64::from(section.coverage_min_percent));
    enough || state.areas.iter().any(|area| contains(area, place))
}

/// Whether an area (12 digits, zeros behind) contains another or is it.
fn contains(area: &str, place: &str) -> bool {
    let whole = match area.trim_end_matches('0').len() {
        0 => return false,
        1..=2 => 2,
        3..=4 => 4,
        5..=6 => 6,
        7..=9 => 9,
        _ => 12,
    };
    place.len() == 12 && area.len() == 12 && area.is_ascii() && place.get(..whole) == Some(&area[..whole])
}

fn coverage(state: &State) -> String {
    state.coverage.map_or(String::new(), |percent| format!("; coverage {percent:.0} %"))
}

/// What a state said, without its time: a state that says the same again is not told again.
pub(super) fn gist(state: &State) -> String {
    format!("{:?}", (&state.code, state.coverage, &state.areas, &state.items))
}

/// When a state is the last one of its message: nothing more is asked.
pub(super) fn is_final(section: &EbdSection, state: &State) -> bool {
    matches!(meaning(section, &state.code), Some(Meaning::Played | Meaning::Failed | Meaning::Cancelled))
}

/// Whether a code names a place, and which: areas with 12 digits, resources as they are.
pub(super) enum Place {
    Area(String),
    Resource(String),
}

/// The place that an address names: the code of a region (6, 9 or 12 digits), or of a resource (18 or more).
pub(super) fn place(address: &str) -> Option<Place> {
    let digits = address.bytes().all(|b| b.is_ascii_digit());
    match address.len() {
        6 | 9 | 12 if digits => Some(Place::Area(format!("{address:0<12}"))),
        18..=32 if digits => Some(Place::Resource(address.to_owned())),
        _ => None,
    }
}

impl Place {
    /// The code.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Area(code) | Self::Resource(code) => code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_contain_what_begins_with_their_level() {
        assert!(contains("530000000000", "533324100200") && contains("533324100000", "533324100200"));
        assert!(contains("533324100200", "533324100200") && !contains("533324100201", "533324100200"));
        assert!(!contains("533325000000", "533324100200") && !contains("000000000000", "533324100200"));
        // A county whose code ends with a zero is still a county.
        assert!(contains("533320000000", "533320100200") && !contains("533320000000", "533321100200"));
        assert!(!contains("5333", "533324100200") && !contains("一二三四", "533324100200"));
    }

    #[test]
    fn an_address_is_an_area_or_a_resource() {
        let code = |address| place(address).map(|p| p.code().to_owned());
        assert_eq!(code("533324").as_deref(), Some("533324000000"));
        assert!(matches!(place("533324100200"), Some(Place::Area(_))));
        assert!(matches!(place("653332410020001401"), Some(Place::Resource(_))));
        for bad in ["", "5333", "+8613800138000", "53332410020a", "1234567890123"] {
            assert_eq!(code(bad), None, "{bad}");
        }
    }
}
