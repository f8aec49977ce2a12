//! Single values that both formats write: words, names, times, points.

use super::Findings;
use super::draft::Needed;
use crate::model::{Colour, Finding, MessageKind, Point, Status, Timestamp};

/// The longest sender or identifier, in characters: they name streams and stand in every timeline.
const NAME_CHARS_MAX: usize = 512;
/// How much of a wrong value a finding repeats, in characters.
const QUOTE_CHARS: usize = 60;

/// A text as it is kept: trimmed, and without control characters other than line feed and tab
/// (XML 1.0 §2.2 does not allow them, and no phone can show them).
pub(super) fn clean(text: &str, place: &str, findings: &mut Findings) -> String {
    let unwanted = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if !text.contains(unwanted) {
        return text.to_owned();
    }
    findings.notice(place, "control characters are left out");
    text.replace(unwanted, "").trim().to_owned()
}

/// A value as a finding repeats it: quoted, and short.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A sender or identifier.
///
/// # Errors
/// Missing, or beyond any name's length.
pub(super) fn name(text: Option<&str>, place: &str, findings: &mut Findings) -> Needed<String> {
    let name = clean(text.unwrap_or_default(), place, findings);
    match name.chars().count() {
        0 => Err(missing(place)),
        1..=NAME_CHARS_MAX => Ok(name),
        n => Err(Finding::fatal(place, format!("{n} characters; the limit is {NAME_CHARS_MAX}"))),
    }
}

/// The fatal finding of a value that is not there.
pub(super) fn missing(place: &str) -> Finding {
    Finding::fatal(place, "missing, or no value that can be read")
}

/// A status word (CAP 1.2 §3.2.1 `status`).
///
/// # Errors
/// Missing, or none of the five.
pub(super) fn status(word: Option<&str>, place: &str) -> Needed<Status> {
    let word = word.ok_or_else(|| missing(place))?;
    Status::from_word(word)
        .ok_or_else(|| Finding::fatal(place, format!("{} is not actual, exercise, system, test or draft", quote(word))))
}

/// A kind (CAP 1.2 §3.2.1 `msgType`); `Ack` and `Error` are no warnings.
///
/// # Errors
/// Missing, or none of the three.
pub(super) fn kind(word: Option<&str>, place: &str, findings: &mut Findings) -> Needed<MessageKind> {
    let word = word.ok_or_else(|| missing(place))?;
    if word.trim().eq_ignore_ascii_case("cancle") {
        findings.notice(place, "\"Cancle\" is read as Cancel");
        return Ok(MessageKind::Cancel);
    }
    MessageKind::from_word(word)
        .ok_or_else(|| Finding::fatal(place, format!("{} is not alert, update or cancel", quote(word))))
}

/// An optional time; one that cannot be read is a notice and is left out.
pub(super) fn time(text: Option<&str>, place: &str, findings: &mut Findings) -> Option<Timestamp> {
    Timestamp::parse_iso(text?).map_err(|reason| findings.notice(place, format!("{reason}; left out"))).ok()
}

/// When the message was sent; a message without it is accepted with a notice.
pub(super) fn sent(text: Option<&str>, place: &str, findings: &mut Findings) -> Option<Timestamp> {
    if text.is_none() {
        findings.notice(place, "missing");
    }
    time(text, place, findings)
}

/// The strongest colour that a text names, as a Chinese or English word.
pub(super) fn colour_in(text: &str) -> Option<Colour> {
    let english = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| !w.is_empty());
    let chinese = Colour::ALL.into_iter().filter(|c| text.contains(c.zh()));
    english.filter_map(Colour::from_word).chain(chinese).max()
}

/// A point from latitude and longitude in degrees. A pair that can only be longitude first is turned
/// round with a notice; anything else outside the globe is left out with one.
pub(super) fn point(lat: f64, lon: f64, place: &str, findings: &mut Findings) -> Option<Point> {
    let on_globe = |lat: f64, lon: f64| (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
    if on_globe(lat, lon) {
        return Some(Point { lat, lon });
    }
    if on_globe(lon, lat) {
        findings.notice(place, format!("{lat},{lon} is longitude first; read as {lon},{lat}"));
        return Some(Point { lat: lon, lon: lat });
    }
    findings.notice(place, format!("{lat},{lon} is not a point on the globe; left out"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_strongest_colour_word() {
        assert_eq!(colour_in("暴雨橙色预警升级为红色"), Some(Colour::Red));
        assert_eq!(colour_in("Orange rainstorm warning"), Some(Colour::Orange));
        assert_eq!(colour_in("the predicted rain at 黄河"), None);
    }

    #[test]
    fn turns_a_point_round_only_when_it_must() {
        let mut findings = Findings::new(9);
        assert_eq!(point(27.8, 98.7, "p", &mut findings), Some(Point { lat: 27.8, lon: 98.7 }));
        assert_eq!(point(98.7, 27.8, "p", &mut findings), Some(Point { lat: 27.8, lon: 98.7 }));
        assert_eq!(point(98.7, 127.8, "p", &mut findings), None);
        assert_eq!(point(f64::NAN, 1.0, "p", &mut findings), None);
        assert_eq!(findings.into_vec().len(), 3);
    }

    #[test]
    fn names_are_bounded_and_clean() {
        let mut findings = Findings::new(9);
        assert_eq!(name(Some(" a\u{7}b "), "p", &mut findings), Ok("ab".into()));
        assert!(name(Some(&"长".repeat(513)), "p", &mut findings).is_err());
        assert!(name(Some(" \n"), "p", &mut findings).is_err());
    }
}
