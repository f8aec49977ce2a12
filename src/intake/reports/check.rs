//! What is wrong with a report, or with the warning that is to be made of one: every fault with its place.

use super::desk::Incoming;
use super::{LocalWarning, reporter};
use crate::directory::Directory;
use crate::model::{Colour, Finding, Hazard, Point, RegionCode};

/// Characters of a report's words.
const WORDS_CHARS_MAX: usize = 2000;
/// Characters of a warning's line and of its instruction.
const LINE_CHARS_MAX: usize = 200;
/// Places of one warning.
const CODES_MAX: usize = 200;

/// A warning to be made of a report, as it was written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarningDraft {
    /// The hazard, as code or word.
    pub hazard: String,
    /// The colour, in English or Chinese.
    pub colour: String,
    /// Codes of the ground, parted by commas or blanks; empty for the report's own place.
    pub codes: String,
    /// One line for everybody who is called; made of place and hazard when empty.
    pub headline: String,
    /// What to do; may be empty.
    pub instruction: String,
}

/// What could be read of a report.
pub(super) struct Read {
    pub(super) place: Option<RegionCode>,
    pub(super) hazard: Option<Hazard>,
    pub(super) position: Option<Point>,
}

/// Reads what is told beside the words.
///
/// # Errors
/// Every fault.
pub(super) fn read(directory: &Directory, said: &Incoming) -> Result<Read, Vec<Finding>> {
    let mut faults = Vec::new();
    if said.words.trim().is_empty() {
        faults.push(Finding::fatal("words", "it is empty"));
    }
    long("words", &said.words, WORDS_CHARS_MAX, &mut faults);
    let place = said.place.as_deref().and_then(|code| place(directory, "place", code, &mut faults));
    let hazard = said.hazard.as_deref().and_then(|word| hazard(word, &mut faults));
    let position = said.position.filter(|p| {
        let on_earth = p.lat.abs() <= 90.0 && p.lon.abs() <= 180.0;
        if !on_earth {
            faults.push(Finding::fatal("position", "not a latitude from -90 to 90 and a longitude from -180 to 180"));
        }
        on_earth
    });
    if faults.is_empty() { Ok(Read { place, hazard, position }) } else { Err(faults) }
}

impl WarningDraft {
    /// The warning. `own` is the report's place.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn read(&self, directory: &Directory, own: Option<&RegionCode>) -> Result<LocalWarning, Vec<Finding>> {
        let mut faults = Vec::new();
        let hazard = hazard(&self.hazard, &mut faults);
        let colour = Colour::from_word(&self.colour);
        if colour.is_none() {
            faults.push(Finding::fatal("colour", format!("{:?} is not red, orange, yellow or blue", self.colour)));
        }
        let written = self.codes.split([',', '，', '、', ';', '；', ' ', '\n', '\r']).filter(|code| !code.is_empty());
        let mut codes: Vec<RegionCode> = Vec::new();
        for code in written.take(CODES_MAX + 1) {
            codes.extend(place(directory, "codes", code, &mut faults).filter(|code| !codes.contains(code)));
        }
        if codes.is_empty() && faults.is_empty() {
            codes.extend(own.cloned());
        }
        if codes.is_empty() && faults.is_empty() {
            faults.push(Finding::fatal("codes", "no ground: the report tells no place, so codes must be given"));
        }
        if codes.len() > CODES_MAX {
            faults.push(Finding::fatal("codes", format!("more than {CODES_MAX} codes")));
        }
        long("headline", &self.headline, LINE_CHARS_MAX, &mut faults);
        long("instruction", &self.instruction, LINE_CHARS_MAX, &mut faults);
        let (Some(hazard), Some(colour), Some(first), true) = (hazard, colour, codes.first(), faults.is_empty()) else {
            return Err(faults);
        };
        let headline = match self.headline.trim() {
            "" => reporter::headline(&directory.place(first.as_str()), &hazard),
            line => line.to_owned(),
        };
        Ok(LocalWarning { hazard, colour, headline, instruction: self.instruction.trim().to_owned(), codes })
    }
}

fn long(field: &str, text: &str, most: usize, faults: &mut Vec<Finding>) {
    let chars = text.chars().count();
    if chars > most {
        faults.push(Finding::fatal(field, format!("{chars} characters; the limit is {most}")));
    }
}

fn place(directory: &Directory, field: &str, code: &str, faults: &mut Vec<Finding>) -> Option<RegionCode> {
    let known = RegionCode::parse(code).and_then(|code| match directory.region(&code) {
        Some(_) => Ok(code),
        None => Err(format!("the directory has no place {code}")),
    });
    known.map_err(|reason| faults.push(Finding::fatal(field, reason))).ok()
}

/// A word passes, as people name hazards that have no code; what looks like a code must be one.
fn hazard(word: &str, faults: &mut Vec<Finding>) -> Option<Hazard> {
    let hazard = Hazard::from_word(word);
    let fault = match word.trim() {
        "" => Some("missing".to_owned()),
        word if word.chars().count() > LINE_CHARS_MAX => {
            Some(format!("{} characters; the limit is {LINE_CHARS_MAX}", word.chars().count()))
        }
        word if !hazard.is_known() && word.chars().any(|c| c.is_ascii_digit()) => {
            Some(format!("{word:?} is no known hazard code"))
        }
        _ => None,
    };
    match fault {
        Some(reason) => {
            faults.push(Finding::fatal("hazard", reason));
            None
        }
        None => Some(hazard),
    }
}
