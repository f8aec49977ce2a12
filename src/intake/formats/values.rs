//! Single values that all formats write: words, names, times, points.

use super::Findings;
use super::draft::Needed;
use crate::model::{Colour, Finding, MessageKind, Point, Status, Timestamp, cst};
use chrono::NaiveDateTime;

/// The longest sender or identifier, in characters: they name streams and stand in every timeline.
const NAME_CHARS_MAX: usize = 512;
/// What stands before the colour that a warning changes to.
const CHANGES: [&str; 10] = ["级为", "级至", "级到", "级成", "更为", "整为", "新为", "改为", "升为", "降为"];
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

/// As [`time`], in the national profile: a time without an offset is China Standard Time, with a notice.
pub(super) fn time_cst(text: Option<&str>, place: &str, findings: &mut Findings) -> Option<Timestamp> {
    let text = text?.trim();
    let local =
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"].iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
    let Some(local) = local.and_then(|at| at.and_local_timezone(cst()).single()) else {
        return time(Some(text), place, findings);
    };
    findings.notice(place, "no offset; it is read as +08:00");
    Some(Timestamp::from_chrono(&local))
}

/// The colour that a text names, or its level (Ⅰ red to Ⅳ blue); of several that leave open which one
/// is meant, the strongest.
pub(super) fn colour_in(text: &str) -> Option<Colour> {
    colour_told(text).or_else(|| colours(text).last().copied()).or_else(|| level_in(text))
}

/// The colour that a text leaves no doubt about: the only one, or the one that it changes to
/// (由橙色升级为红色).
pub(super) fn colour_told(text: &str) -> Option<Colour> {
    let changes = CHANGES.iter().filter_map(|words| Some(text.rfind(words)? + words.len()));
    let changed = changes.max().map(|at| colours(&text[at..])).filter(|colours| !colours.is_empty());
    let colours = changed.unwrap_or_else(|| colours(text));
    if let [colour] = colours[..] { Some(colour) } else { None }
}

/// The colours that a text names in Chinese or English, each once, weak to strong.
fn colours(text: &str) -> Vec<Colour> {
    let english = |colour: Colour| {
        text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word.eq_ignore_ascii_case(colour.name()))
    };
    Colour::ALL.into_iter().filter(|c| text.contains(c.zh()) || english(*c)).collect()
}

/// The colour of a level as headlines write it: `Ⅲ级预警`, `[III级/较重]`, `/III/较重`. The level of
/// a response (应急响应) is another thing and is not read.
fn level_in(text: &str) -> Option<Colour> {
    // Longest first: III holds I.
    let levels = [
        ("III", Colour::Yellow),
        ("Ⅲ", Colour::Yellow),
        ("II", Colour::Orange),
        ("Ⅱ", Colour::Orange),
        ("IV", Colour::Blue),
        ("Ⅳ", Colour::Blue),
        ("I", Colour::Red),
        ("Ⅰ", Colour::Red),
    ];
    let at_start = |at: usize| levels.iter().find(|(numeral, _)| text[at..].starts_with(numeral));
    let mut found = None;
    let mut rest = 0;
    for (at, _) in text.char_indices() {
        let Some((numeral, colour)) = at_start(at).filter(|_| at >= rest) else { continue };
        rest = at + numeral.len();
        let behind = text[rest..].strip_prefix('级').unwrap_or(&text[rest..]);
        if behind.starts_with('/') || behind.starts_with("预警") {
            found = found.max(Some(*colour));
        }
    }
    found
}

/// `a,b` as two numbers.
pub(super) fn numbers(pair: &str) -> Option<(f64, f64)> {
    let (a, b) = pair.split_once(',')?;
    Some((a.trim().parse().ok()?, b.trim().parse().ok()?))
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
    fn finds_the_colour_that_a_headline_means() {
        assert_eq!(colour_in("暴雨橙色预警升级为红色"), Some(Colour::Red));
        assert_eq!(colour_in("暴雨红色预警降级为橙色"), Some(Colour::Orange), "down as well as up");
        assert_eq!(colour_in("暴雨橙色、大风黄色预警"), Some(Colour::Orange), "in doubt the stronger");
        assert_eq!(colour_told("暴雨橙色、大风黄色预警"), None);
        assert_eq!(colour_told("将暴雨橙色预警变更为暴雨红色预警信号"), Some(Colour::Red));
        assert_eq!(colour_told("暴雨红色预警信号[Ⅰ级/特别重大]"), Some(Colour::Red));
        assert_eq!(colour_in("Orange rainstorm warning"), Some(Colour::Orange));
        assert_eq!(colour_in("the predicted rain at 黄河"), None);
        assert_eq!(colour_in("发布地质灾害气象风险Ⅲ级预警"), Some(Colour::Yellow));
        assert_eq!(colour_in("暴雨[IV级/一般]"), Some(Colour::Blue));
        assert_eq!(colour_in("暴雨/III/较重"), Some(Colour::Yellow));
        assert_eq!(colour_in("启动防汛Ⅳ级应急响应"), None, "a response is no warning");
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
