//! OASIS CAP 1.2 (and 1.1) as the CMA exports it.
//!
//! - **Here:** the `alert` and `info` elements; `area` in its own file.
//! - **Not here:** XML itself (`xml`), the national profile.
//! - **Promises:** several infos are one warning: language variants become wordings, Chinese first;
//!   of differing colours the strongest counts, of differing times the widest span.

mod area;

use super::draft::{Draft, Needed, Places, is_zh};
use super::ground::Ground;
use super::values::{self, clean, quote};
use super::{Findings, xml::Element};
use crate::model::{Colour, Hazard, Timestamp, Wording};

/// The namespace of CAP 1.2.
pub(super) const NAMESPACE_12: &str = "urn:oasis:names:tc:emergency:cap:1.2";
/// The namespace of CAP 1.1.
pub(super) const NAMESPACE_11: &str = "urn:oasis:names:tc:emergency:cap:1.1";

/// Where the colour is told.
const SEVERITY: &str = "alert/info/severity";

/// One info with its place and language.
struct Info<'a> {
    path: String,
    element: &'a Element,
    language: String,
}

/// Reads an `alert` (CAP 1.2 §3.2.1).
pub(super) fn read(alert: &Element, findings: &mut Findings) -> Draft {
    let mut infos: Vec<_> = alert.each("info", "alert").into_iter().map(|(p, e)| info(p, e, findings)).collect();
    infos.sort_by_key(|info| !is_zh(&info.language));
    expect(alert, "alert", &["scope"], findings);
    let mut wording: Vec<Wording> = Vec::new();
    let mut ground = Ground::default();
    for info in &infos {
        let words = info.words(findings);
        if wording.last() != Some(&words) {
            wording.push(words);
        }
        for (path, element) in info.element.each("area", &info.path) {
            ground.add(area::read(element, &path, findings));
        }
    }
    Draft {
        sender: values::name(text(alert, "sender", "alert", findings), "alert/sender", findings),
        identifier: values::name(text(alert, "identifier", "alert", findings), "alert/identifier", findings),
        status: values::status(text(alert, "status", "alert", findings), "alert/status"),
        kind: values::kind(text(alert, "msgType", "alert", findings), "alert/msgType", findings),
        hazard: hazard(&infos, findings),
        colour: Ok(colour(&infos, findings)),
        sent: values::sent(text(alert, "sent", "alert", findings), "alert/sent", findings),
        references: references(text(alert, "references", "alert", findings).unwrap_or_default(), findings),
        effective: time(&infos, "effective", findings).0,
        onset: time(&infos, "onset", findings).0,
        expires: time(&infos, "expires", findings).1,
        wording,
        ground,
        places: Places {
            references: "alert/references",
            colour: SEVERITY,
            areas: "alert/info/area",
            expires: "alert/info/expires",
        },
    }
}

/// The text of an element inside `parent`; `None` when missing or empty, as exports write what they do
/// not know.
fn text<'a>(parent: &'a Element, name: &str, path: &str, findings: &mut Findings) -> Option<&'a str> {
    let mut all = parent.children.iter().filter(|c| c.name == name);
    let first = all.next()?.text.trim();
    if all.next().is_some() {
        findings.notice(format!("{path}/{name}"), "more than one; the first counts");
    }
    (!first.is_empty()).then_some(first)
}

/// Notes each required element that is missing and that nothing depends on.
fn expect(parent: &Element, path: &str, names: &[&str], findings: &mut Findings) {
    for name in names.iter().filter(|name| parent.child(name).is_none()) {
        findings.notice(format!("{path}/{name}"), "missing; CAP 1.2 requires it");
    }
}

/// An info with its language; CAP's default is en-US (§3.2.2), unless the words are Chinese.
fn info<'a>(path: String, element: &'a Element, findings: &mut Findings) -> Info<'a> {
    expect(element, &path, &["category", "urgency", "certainty"], findings);
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
        None => "en-US".into(),
    };
    Info { path, element, language }
}

/// The identifiers of blank-separated `sender,identifier,sent` triples, or bare identifiers.
fn references(text: &str, findings: &mut Findings) -> Vec<String> {
    let mut list = Vec::new();
    for token in text.split_whitespace() {
        let parts: Vec<&str> = token.split(',').collect();
        let identifier = match parts[..] {
            // A triple whose time is written with a blank leaves its time of day behind.
            [bare] if bare.as_bytes().get(2) == Some(&b':') => continue,
            [bare] => bare,
            [_, identifier, _] => identifier,
            _ => {
                findings.notice("alert/references", format!("{} is not sender,identifier,sent", quote(token)));
                parts[1]
            }
        };
        if let Ok(identifier) = values::name(Some(identifier), "alert/references", findings) {
            list.push(identifier);
        }
    }
    list
}

/// The hazard: of the Chinese events, the event codes and the other events the first that is known, or
/// the first there is.
fn hazard(infos: &[Info], findings: &mut Findings) -> Needed<Hazard> {
    let (zh, other): (Vec<&Info>, Vec<&Info>) = infos.iter().partition(|info| is_zh(&info.language));
    let mut words: Vec<&str> = Vec::new();
    words.extend(zh.iter().filter_map(|info| text(info.element, "event", &info.path, findings)));
    for info in infos {
        let codes = info.element.children.iter().filter(|c| c.name == "eventCode");
        words.extend(codes.filter_map(|c| c.child("value")).map(|v| v.text.trim()).filter(|v| !v.is_empty()));
    }
    words.extend(other.iter().filter_map(|info| text(info.element, "event", &info.path, findings)));
    let hazards: Vec<Hazard> = words.into_iter().map(Hazard::from_word).collect();
    let known = hazards.iter().find(|h| h.is_known()).or(hazards.first());
    known.cloned().ok_or_else(|| values::missing("alert/info/event"))
}

/// The strongest colour of the severities; when there is none, of the headlines and events.
fn colour(infos: &[Info], findings: &mut Findings) -> Option<Colour> {
    let mut found: Option<Colour> = None;
    for info in infos {
        let place = format!("{}/severity", info.path);
        let Some(word) = text(info.element, "severity", &info.path, findings) else {
            findings.notice(place, "missing; CAP 1.2 requires it");
            continue;
        };
        let colour = Colour::from_severity(word).or_else(|| Colour::from_word(word));
        if colour.is_none() && word != "Unknown" {
            findings.notice(&place, format!("{} is not Extreme, Severe, Moderate, Minor or Unknown", quote(word)));
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

/// The earliest and the latest of a time over all infos.
fn time(infos: &[Info], name: &str, findings: &mut Findings) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut span: (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for info in infos {
        let place = format!("{}/{name}", info.path);
        let Some(at) = values::time(text(info.element, name, &info.path, findings), &place, findings) else { continue };
        if span.0.is_some_and(|other| other != at) {
            findings.notice(place, "the infos differ; the widest span counts");
        }
        span = (Some(span.0.map_or(at, |t| t.min(at))), span.1.max(Some(at)));
    }
    span
}

// === impl Info ===

impl Info<'_> {
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
