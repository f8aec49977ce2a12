//! The internal profile of the national warning platform (国家突发事件预警信息发布系统): like CAP, without
//! a namespace.
//!
//! - **Here:** what differs from CAP: `senderCode`, `sendTime`, `eventType`, colour words, bare
//!   references; `area` and the ways of publishing (`methods`) in their own files.
//! - **Not here:** XML itself (`xml`), what CAP shares (`infos`).
//! - **Promises:** as CAP's. No text of the standard was at hand: `docs/FORMATS.md` tells for each fact
//!   whether it was seen, is second hand or assumed, and nothing here refuses a message for a rule.

mod area;
mod methods;

use super::Findings;
use super::draft::{Draft, Needed, Places};
use super::ground::Ground;
use super::infos::{self, Info, text};
use super::values::{self, clean, quote};
use super::xml::{Document, Element};
use crate::model::{Colour, Hazard, MessageKind, Method, Timestamp, Wording};
use std::collections::BTreeSet;

/// What stands between values that share one element.
const SEPARATORS: [char; 6] = [',', '，', ';', '；', '、', '|'];

/// Whether an `alert` is of this profile: it has one of the elements that CAP does not have.
pub(super) fn is_it(alert: &Element) -> bool {
    let typed = |info: &Element| info.name == "info" && info.child("eventType").is_some();
    ["senderCode", "sendTime"].iter().any(|name| alert.child(name).is_some()) || alert.children.iter().any(typed)
}

/// Reads a document.
pub(super) fn read(document: &Document, findings: &mut Findings) -> Draft {
    let alert = &document.root;
    if let Some(namespace) = &document.namespace {
        findings.notice("alert", format!("namespace {} on a message of the national profile", quote(namespace)));
    }
    let alerts = |name: &str, findings: &mut Findings| text(alert, name, "alert", findings);
    let mut infos: Vec<Info> = Vec::new();
    for (path, element) in alert.each("info", "alert") {
        infos.push(Info::read(path, element, "zh-CN", findings));
    }
    infos.sort_by_key(|info| !info.is_zh());
    let kind = values::kind(alerts("msgType", findings), "alert/msgType", findings);
    let colour = colour(&infos, kind.as_ref().is_ok_and(|k| *k == MessageKind::Cancel), findings);
    let mut ground = Ground::default();
    for info in &infos {
        for (path, element) in info.element.each("area", &info.path) {
            ground.add(area::read(element, &path, findings));
        }
        attachments(info, findings);
    }
    remarks(alert, findings);
    let methods = methods::read(alert, findings);
    let mut wording = infos::wordings(&infos, findings);
    describe(&mut wording, &methods, findings);
    Draft {
        sender: sender(alert, findings),
        identifier: values::name(alerts("identifier", findings), "alert/identifier", findings),
        status: values::status(alerts("status", findings), "alert/status"),
        kind,
        hazard: hazard(&infos, findings),
        colour: Ok(colour),
        sent: sent(alert, findings),
        references: references(alerts("references", findings).unwrap_or_default(), findings),
        effective: infos::span(&infos, "effective", values::time_cst, findings).0,
        onset: infos::span(&infos, "onset", values::time_cst, findings).0,
        origin_time: None,
        expires: infos::span(&infos, "expires", values::time_cst, findings).1,
        wording,
        ground,
        issuers: issuers(alert, findings),
        note: infos::words(alert, "note", findings),
        methods,
        places: Places {
            references: "alert/references",
            colour: infos::SEVERITY,
            areas: "alert/info/area",
            expires: "alert/info/expires",
        },
    }
}

/// The values that share an element.
fn split(text: &str) -> Vec<String> {
    text.split(SEPARATORS).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// The sender's code, which stays the same when several offices issue together; else its name.
fn sender(alert: &Element, findings: &mut Findings) -> Needed<String> {
    let code = text(alert, "senderCode", "alert", findings);
    if code.is_none() && alert.child("sender").is_some() {
        findings.notice("alert/senderCode", "missing; the name in sender stands for it");
    }
    let (found, place) = match code {
        Some(code) => (Some(code), "alert/senderCode"),
        None => (text(alert, "sender", "alert", findings), "alert/sender"),
    };
    values::name(found, place, findings)
}

/// The offices that issue it, in one element or one each.
fn issuers(alert: &Element, findings: &mut Findings) -> Vec<String> {
    let named = alert.each("sender", "alert").into_iter();
    named.flat_map(|(path, sender)| split(&clean(&sender.text, &path, findings))).collect()
}

/// `sendTime`; CAP's `sent` instead of it is read with a notice.
fn sent(alert: &Element, findings: &mut Findings) -> Option<Timestamp> {
    if let Some(at) = text(alert, "sendTime", "alert", findings) {
        return values::time_cst(Some(at), "alert/sendTime", findings);
    }
    findings.notice("alert/sendTime", "missing");
    values::time_cst(text(alert, "sent", "alert", findings), "alert/sent", findings)
}

/// The hazard: the first event code that is known, or the first there is.
fn hazard(infos: &[Info], findings: &mut Findings) -> Needed<Hazard> {
    let codes = infos.iter().filter_map(|info| text(info.element, "eventType", &info.path, findings));
    let hazards: Vec<Hazard> = codes.map(Hazard::from_word).collect();
    let known = hazards.iter().find(|h| h.is_known()).or(hazards.first());
    known.cloned().ok_or_else(|| values::missing("alert/info/eventType"))
}

/// The colour of the severities, against what the headlines say: an upgrade is now and then told by
/// the words alone, so the stronger of the two counts.
fn colour(infos: &[Info], cancel: bool, findings: &mut Findings) -> Option<Colour> {
    let colour = infos::colour(infos, "Red, Orange, Yellow, Blue", severity, findings)?;
    let headlines = infos.iter().filter_map(|i| i.element.child("headline"));
    let told = headlines.filter_map(|e| values::colour_told(&e.text)).max().filter(|told| *told != colour && !cancel);
    if let Some(told) = told {
        let stronger = colour.max(told);
        findings.notice(infos::SEVERITY, format!("{colour}, but the headline says {told}; {stronger} counts"));
        return Some(stronger);
    }
    Some(colour)
}

fn severity(word: &str, place: &str, findings: &mut Findings) -> Option<Colour> {
    if let Some(colour) = Colour::from_word(word) {
        return Some(colour);
    }
    let colour = Colour::from_severity(word)?;
    findings.notice(place, format!("{} is CAP's word; it is read as {colour}", quote(word)));
    Some(colour)
}

/// Bare identifiers, one or several; a triple of CAP keeps its identifier.
fn references(text: &str, findings: &mut Findings) -> Vec<String> {
    let place = "alert/references";
    let parts: Vec<&str> = text.splitn(3, ',').collect();
    if let [_, identifier, sent] = parts[..]
        && Timestamp::parse_iso(sent).is_ok()
    {
        findings.notice(place, "a triple of CAP; its identifier counts");
        return values::name(Some(identifier), place, findings).into_iter().collect();
    }
    let (mut list, mut seen) = (Vec::new(), BTreeSet::new());
    for part in text.split(|c: char| c.is_whitespace() || SEPARATORS.contains(&c)).filter(|p| !p.is_empty()) {
        match values::name(Some(part), place, findings) {
            Ok(identifier) if seen.insert(identifier.clone()) => list.push(identifier),
            Ok(_) => {}
            Err(fault) => findings.notice(fault.place, fault.reason),
        }
    }
    list
}

/// Says what `scope` and `secClassification` ask for and nothing here does.
fn remarks(alert: &Element, findings: &mut Findings) {
    if let Some(scope) = text(alert, "scope", "alert", findings).filter(|s| *s != "Public") {
        findings.notice("alert/scope", format!("{} is not Public; it is called all the same", quote(scope)));
    }
    if let Some(class) = text(alert, "secClassification", "alert", findings).filter(|c| *c != "None") {
        let reason = format!("{}: the plan's channels are used all the same, loudspeakers too", quote(class));
        findings.notice("alert/secClassification", reason);
    }
}

/// Notes the attachments: neither their files nor their digests are looked at.
fn attachments(info: &Info, findings: &mut Findings) {
    for (path, resource) in info.element.each("resource", &info.path) {
        let filled = resource.children.iter().filter(|c| !c.text.trim().is_empty());
        let told: Vec<String> = filled.map(|c| format!("{} {}", c.name, quote(c.text.trim()))).collect();
        if !told.is_empty() {
            findings.notice(path, format!("an attachment is not read: {}", told.join(", ")));
        }
    }
}

/// A message without a description says what it says to its first way of publishing.
fn describe(wording: &mut [Wording], methods: &[Method], findings: &mut Findings) {
    let Some(words) = wording.first_mut().filter(|w| w.description.is_empty()) else { return };
    if let Some(method) = methods.iter().find(|m| !m.text.is_empty()) {
        let reason = format!("missing; the text for {} stands for it", method.name);
        findings.notice("alert/info/description", reason);
        words.description.clone_from(&method.text);
    }
}
