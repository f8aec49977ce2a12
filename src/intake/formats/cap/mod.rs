//! OASIS CAP 1.2 (and 1.1) as the CMA exports it.
//!
//! - **Here:** the `alert` element and what only CAP has; `area` in its own file.
//! - **Not here:** XML itself (`xml`), what the national profile shares (`infos`).
//! - **Promises:** several infos are one warning: language variants become wordings, Chinese first;
//!   of differing colours the strongest counts, of differing times the widest span.

mod area;

use super::draft::{Draft, Needed, Places};
use super::ground::Ground;
use super::infos::{self, Info, text};
use super::values::{self, quote};
use super::{Findings, xml::Element};
use crate::model::{Colour, Hazard, Timestamp};

/// The namespace of CAP 1.2.
pub(super) const NAMESPACE_12: &str = "urn:oasis:names:tc:emergency:cap:1.2";
/// The namespace of CAP 1.1.
pub(super) const NAMESPACE_11: &str = "urn:oasis:names:tc:emergency:cap:1.1";

/// Names of a `parameter` that tells when the event itself began, in small letters and digits only.
/// CAP has no element for it and no profile that was seen names one: these are assumed.
const ORIGIN_TIME_NAMES: [&str; 4] = ["origintime", "eventorigintime", "发震时刻", "发震时间"];

/// Reads an `alert` (CAP 1.2 §3.2.1).
pub(super) fn read(alert: &Element, findings: &mut Findings) -> Draft {
    let mut infos = Vec::new();
    for (path, element) in alert.each("info", "alert") {
        expect(element, &path, &["category", "urgency", "certainty"], findings);
        // The default of CAP 1.2 §3.2.2.
        infos.push(Info::read(path, element, "en-US", findings));
    }
    infos.sort_by_key(|info| !info.is_zh());
    expect(alert, "alert", &["scope"], findings);
    let wording = infos::wordings(&infos, findings);
    let mut ground = Ground::default();
    for info in &infos {
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
        colour: Ok(infos::colour(&infos, "Extreme, Severe, Moderate, Minor", severity, findings)),
        sent: values::sent(text(alert, "sent", "alert", findings), "alert/sent", findings),
        references: references(text(alert, "references", "alert", findings).unwrap_or_default(), findings),
        effective: infos::span(&infos, "effective", values::time, findings).0,
        onset: infos::span(&infos, "onset", values::time, findings).0,
        origin_time: origin_time(&infos, findings),
        expires: infos::span(&infos, "expires", values::time, findings).1,
        wording,
        ground,
        issuers: Vec::new(),
        note: infos::words(alert, "note", findings),
        methods: Vec::new(),
        places: Places {
            references: "alert/references",
            colour: infos::SEVERITY,
            areas: "alert/info/area",
            expires: "alert/info/expires",
        },
    }
}

/// Notes each required element that is missing and that nothing depends on.
fn expect(parent: &Element, path: &str, names: &[&str], findings: &mut Findings) {
    for name in names.iter().filter(|name| parent.child(name).is_none()) {
        findings.notice(format!("{path}/{name}"), "missing; CAP 1.2 requires it");
    }
}

fn severity(word: &str, _place: &str, _findings: &mut Findings) -> Option<Colour> {
    Colour::from_severity(word).or_else(|| Colour::from_word(word))
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
    let (zh, other): (Vec<&Info>, Vec<&Info>) = infos.iter().partition(|info| info.is_zh());
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

/// The earliest origin time that a parameter tells. `effective` and `onset` are never taken for it:
/// they are about the warning and the forecast.
fn origin_time(infos: &[Info], findings: &mut Findings) -> Option<Timestamp> {
    let mut earliest: Option<Timestamp> = None;
    for info in infos {
        for (path, parameter) in info.element.each("parameter", &info.path) {
            let name = parameter.child("valueName").map(|e| e.text.to_lowercase()).unwrap_or_default();
            let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
            if ORIGIN_TIME_NAMES.contains(&name.as_str()) {
                let place = format!("{path}/value");
                let at = values::time(text(parameter, "value", &path, findings), &place, findings);
                if let (Some(a), Some(b)) = (earliest, at)
                    && a != b
                {
                    findings.notice(place, "the origin times differ; the earliest counts");
                }
                earliest = earliest.into_iter().chain(at).min();
            }
        }
    }
    earliest
}
