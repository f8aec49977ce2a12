//! What CAP and the national profile share: an `alert` whose `info` elements say the same in several
//! languages, or different things that are united.

use super::Findings;
use super::draft::is_zh;
use super::values::{self, clean};
use super::xml::Element;
use crate::model::{Colour, Timestamp, Wording};

/// Where the colour is told.
pub(super) const SEVERITY: &str = "alert/info/severity";

/// One info with its place and language.
pub(super) struct Info<'a> {
    /// Its place: `alert/info[0]`.
    pub(super) path: String,
    /// The element.
    pub(super) element: &'a Element,
    /// Its RFC 3066 tag.
    pub(super) language: String,
}

/// The reader of one time.
pub(super) type ReadTime = fn(Option<&str>, &str, &mut Findings) -> Option<Timestamp>;

/// The text of an element inside `parent`; `None` when missing or empty, as exports write what they do
/// not know.
pub(super) fn text<'a>(parent: &'a Element, name: &str, path: &str, findings: &mut Findings) -> Option<&'a str> {
    let mut all = parent.children.iter().filter(|c| c.name == name);
    let first = all.next()?.text.trim();
    if all.next().is_some() {
        findings.notice(format!("{path}/{name}"), "more than one; the first counts");
    }
    (!first.is_empty()).then_some(first)
}

/// A text of the alert itself, clean; empty when missing.
pub(super) fn words(alert: &Element, name: &str, findings: &mut Findings) -> String {
    clean(text(alert, name, "alert", findings).unwrap_or_default(), &format!("alert/{name}"), findings)
}

/// The wordings, one per info unless the one before says the same.
pub(super) fn wordings(infos: &[Info], findings: &mut Findings) -> Vec<Wording> {
    let mut wording: Vec<Wording> = Vec::new();
    for info in infos {
        let words = info.words(findings);
        if wording.last() != Some(&words) {
            wording.push(words);
        }
    }
    wording
}

/// The earliest and the latest of a time over all infos.
pub(super) fn span(
    infos: &[Info],
    name: &str,
    read: ReadTime,
    findings: &mut Findings,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut span: (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for info in infos {
        let place = format!("{}/{name}", info.path);
        let Some(at) = read(text(info.element, name, &info.path, findings), &place, findings) else { continue };
        if span.0.is_some_and(|other| other != at) {
            findings.notice(place, "the infos differ; the widest span counts");
        }
        span = (Some(span.0.map_or(at, |t| t.min(at))), span.1.max(Some(at)));
    }
    span
}

/// The strongest colour of the severities; when there is none, what headlines and events tell. `read`
/// knows the format's words; `words` lists them for people.
pub(super) fn colour(
    infos: &[Info],
    words: &str,
    read: fn(&str, &str, &mut Findings) -> Option<Colour>,
    findings: &mut Findings,
) -> Option<Colour> {
    let mut found: Option<Colour> = None;
    for info in infos {
        let place = format!("{}/severity", info.path);
        let Some(word) = text(info.element, "severity", &info.path, findings) else {
            findings.notice(place, "missing; the format requires it");
            continue;
        };
        let colour = read(word, &place, findings);
        if colour.is_none() && word != "Unknown" {
            findings.notice(&place, format!("{} is not {words} or Unknown", values::quote(word)));
        }
        if let (Some(a), Some(b)) = (found, colour)
            && a != b
        {
            findings.notice(&place, format!("the infos differ: {a} and {b}; the stronger counts"));
        }
        found = found.max(colour);
    }
    if found.is_some() {
        return found;
    }
    let words = infos.iter().flat_map(|i| ["headline", "event"].map(|name| i.element.child(name))).flatten();
    let colour = words.filter_map(|e| values::colour_in(&e.text)).max()?;
    findings.notice(SEVERITY, format!("no severity that tells a colour; {colour} is taken from the headline or event"));
    Some(colour)
}

// === impl Info ===

impl<'a> Info<'a> {
    /// An info with its language: as told; else zh-CN when its words are Chinese, else `default`.
    pub(super) fn read(path: String, element: &'a Element, default: &str, findings: &mut Findings) -> Self {
        let language = text(element, "language", &path, findings);
        let chinese = || {
            let words = ["event", "headline", "description"].into_iter().filter_map(|name| element.child(name));
            words.flat_map(|e| e.text.chars()).any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c))
        };
        let language = match language {
            Some(language) => language.to_owned(),
            None if chinese() => {
                findings.notice(format!("{path}/language"), "missing; the words are Chinese: read as zh-CN");
                "zh-CN".into()
            }
            None => default.into(),
        };
        Self { path, element, language }
    }

    /// Whether its words are Chinese.
    pub(super) fn is_zh(&self) -> bool {
        is_zh(&self.language)
    }

    fn words(&self, findings: &mut Findings) -> Wording {
        let mut words = |name: &str| {
            let found = text(self.element, name, &self.path, findings).unwrap_or_default();
            clean(found, &format!("{}/{name}", self.path), findings)
        };
        let (headline, description, instruction) = (words("headline"), words("description"), words("instruction"));
        let language = clean(&self.language, &format!("{}/language", self.path), findings);
        Wording { language, headline, description, instruction }
    }
}
