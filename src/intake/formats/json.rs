//! The JSON form of our own. The published schema and this reader name the same fields and words;
//! a test holds them together.

use super::draft::{Draft, Needed, Places};
use super::ground::Ground;
use super::values::{self, clean, quote};
use super::xml::position;
use super::{Findings, Limits};
use crate::model::{Area, Colour, Finding, Hazard, Method, Point, Timestamp, Wording};
use serde_json::{Map, Value};

/// The published JSON Schema (draft 2020-12) of the form.
pub const MESSAGE_SCHEMA: &str = include_str!("../../../docs/message.schema.json");

const MESSAGE_KEYS: [&str; 17] = [
    "sender",
    "identifier",
    "sent",
    "status",
    "kind",
    "references",
    "hazard",
    "colour",
    "effective",
    "onset",
    "origin_time",
    "expires",
    "wording",
    "areas",
    "issuers",
    "note",
    "methods",
];
const WORDING_KEYS: [&str; 4] = ["language", "headline", "description", "instruction"];
const AREA_KEYS: [&str; 4] = ["name", "codes", "polygons", "circles"];
const METHOD_KEYS: [&str; 3] = ["name", "text", "groups"];
const CIRCLE_KEYS: [&str; 2] = ["centre", "radius_m"];

/// A JSON object with its pointer (RFC 6901).
struct Object<'a> {
    at: String,
    map: &'a Map<String, Value>,
}

/// Reads a document; `None` after a fatal finding when it is not JSON or beyond a limit.
pub(super) fn read(text: &str, limits: &Limits, findings: &mut Findings) -> Option<Draft> {
    // serde_json itself refuses nesting beyond 128.
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(e) => {
            let reason = e.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default();
            // serde_json counts columns in bytes.
            let line: usize = text.split_inclusive('\n').take(e.line().saturating_sub(1)).map(str::len).sum();
            findings.fatal(position(text, line + e.column().saturating_sub(1)), reason);
            return None;
        }
    };
    let (depth, objects) = measure(&value);
    if depth > limits.depth_max {
        findings.fatal("document", format!("nested {depth} deep; the limit is {}", limits.depth_max));
    }
    if objects > limits.elements_max {
        findings.fatal("document", format!("{objects} objects; the limit is {}", limits.elements_max));
    }
    if findings.any_fatal() {
        return None;
    }
    let message = object(&value, "", &MESSAGE_KEYS, findings)?;
    Some(draft(&message, findings))
}

fn draft(message: &Object, findings: &mut Findings) -> Draft {
    let (wording, ground) = (wording(message, findings), ground(message, findings));
    Draft {
        sender: values::name(message.text("sender", findings), "/sender", findings),
        identifier: values::name(message.text("identifier", findings), "/identifier", findings),
        status: values::status(message.text("status", findings), "/status"),
        kind: values::kind(message.text("kind", findings), "/kind", findings),
        hazard: hazard(message, findings),
        colour: colour(message, findings),
        sent: values::sent(message.text("sent", findings), "/sent", findings),
        references: names(message, "references", findings),
        effective: time(message, "effective", findings),
        onset: time(message, "onset", findings),
        origin_time: time(message, "origin_time", findings),
        expires: time(message, "expires", findings),
        wording,
        ground,
        issuers: names(message, "issuers", findings),
        note: clean(message.text("note", findings).unwrap_or_default(), "/note", findings),
        methods: methods(message, findings),
        places: Places { references: "/references", colour: "/colour", areas: "/areas", expires: "/expires" },
    }
}

fn hazard(message: &Object, findings: &mut Findings) -> Needed<Hazard> {
    let word = clean(message.text("hazard", findings).unwrap_or_default(), "/hazard", findings);
    if word.is_empty() { Err(values::missing("/hazard")) } else { Ok(Hazard::from_word(&word)) }
}

fn colour(message: &Object, findings: &mut Findings) -> Needed<Option<Colour>> {
    let Some(word) = message.text("colour", findings) else { return Ok(None) };
    let fault = || Finding::fatal("/colour", format!("{} is not red, orange, yellow or blue", quote(word)));
    Colour::from_word(word).map(Some).ok_or_else(fault)
}

fn time(message: &Object, key: &str, findings: &mut Findings) -> Option<Timestamp> {
    values::time(message.text(key, findings), &format!("/{key}"), findings)
}

/// The items of an array of names.
fn names(object: &Object, key: &str, findings: &mut Findings) -> Vec<String> {
    let mut list = Vec::new();
    for (at, value) in object.list(key, findings) {
        match values::name(string(value, &at, findings), &at, findings) {
            Ok(name) => list.push(name),
            Err(fault) => findings.notice(fault.place, fault.reason),
        }
    }
    list
}

fn wording(message: &Object, findings: &mut Findings) -> Vec<Wording> {
    let mut list = Vec::new();
    for (at, value) in message.list("wording", findings) {
        let Some(object) = object(value, &at, &WORDING_KEYS, findings) else { continue };
        let mut words =
            |key: &str| clean(object.text(key, findings).unwrap_or_default(), &format!("{at}/{key}"), findings);
        let [language, headline, description, instruction] = WORDING_KEYS.map(&mut words);
        let words = Wording { language, headline, description, instruction };
        list.push(words);
    }
    list
}

fn methods(message: &Object, findings: &mut Findings) -> Vec<Method> {
    let mut list = Vec::new();
    for (at, value) in message.list("methods", findings) {
        let Some(object) = object(value, &at, &METHOD_KEYS, findings) else { continue };
        let mut words =
            |key: &str| clean(object.text(key, findings).unwrap_or_default(), &format!("{at}/{key}"), findings);
        let (name, text) = (words("name"), words("text"));
        list.push(Method { name, text, groups: names(&object, "groups", findings) });
    }
    list
}

fn ground(message: &Object, findings: &mut Findings) -> Ground {
    let mut ground = Ground::default();
    for (at, value) in message.list("areas", findings) {
        if let Some(object) = object(value, &at, &AREA_KEYS, findings) {
            ground.add(area(&object, findings));
        }
    }
    ground
}

fn area(object: &Object, findings: &mut Findings) -> Area {
    let name = object.text("name", findings).unwrap_or_default();
    let mut area = super::ground::AreaDraft::named(clean(name, &format!("{}/name", object.at), findings));
    for (at, value) in object.list("codes", findings) {
        if let Some(text) = string(value, &at, findings) {
            area.codes(text, &at, findings);
        }
    }
    for (at, value) in object.list("polygons", findings) {
        let corners = items(value, &at, findings);
        let corners = corners.into_iter().filter_map(|(at, v)| point(v, &at, findings)).collect();
        area.ring(corners, &at, findings);
    }
    for (at, value) in object.list("circles", findings) {
        let Some(circle) = self::object(value, &at, &CIRCLE_KEYS, findings) else { continue };
        let centre = circle.map.get("centre").and_then(|v| point(v, &format!("{at}/centre"), findings));
        match (centre, circle.map.get("radius_m").and_then(Value::as_f64)) {
            (Some(centre), Some(radius_m)) => area.circle(centre, radius_m, &at, findings),
            _ => findings.notice(at, "a circle needs a centre [latitude, longitude] and a radius_m; left out"),
        }
    }
    area.done(&object.at, findings)
}

fn point(value: &Value, at: &str, findings: &mut Findings) -> Option<Point> {
    let pair = value.as_array().map(Vec::as_slice);
    let Some((lat, lon)) = pair.and_then(|p| if let [a, b] = p { a.as_f64().zip(b.as_f64()) } else { None }) else {
        findings.notice(at, "not [latitude, longitude]; the point is left out");
        return None;
    };
    values::point(lat, lon, at, findings)
}

/// A value as an object; names its unknown keys.
fn object<'a>(value: &'a Value, at: &str, keys: &[&str], findings: &mut Findings) -> Option<Object<'a>> {
    let Some(map) = value.as_object() else {
        findings.notice(at, "not an object; left out");
        return None;
    };
    for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
        // RFC 6901 §3: ~ and / are escaped in a pointer.
        let token: String = key.replace('~', "~0").replace('/', "~1").chars().take(80).collect();
        findings.notice(format!("{at}/{token}"), "this form has no such field; it is not read");
    }
    Some(Object { at: at.to_owned(), map })
}

fn string<'a>(value: &'a Value, at: &str, findings: &mut Findings) -> Option<&'a str> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|t| !t.is_empty()),
        Value::Null => None,
        _ => {
            findings.notice(at, "not a string; it is not read");
            None
        }
    }
}

/// The items of an array with their pointers.
fn items<'a>(value: &'a Value, at: &str, findings: &mut Findings) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (format!("{at}/{i}"), v)).collect(),
        Value::Null => Vec::new(),
        _ => {
            findings.notice(at, "not an array; it is not read");
            Vec::new()
        }
    }
}

/// (nesting, objects) of a value.
fn measure(value: &Value) -> (usize, usize) {
    let inner: Vec<(usize, usize)> = match value {
        Value::Array(items) => items.iter().map(measure).collect(),
        Value::Object(map) => map.values().map(measure).collect(),
        _ => return (0, 0),
    };
    let depth = inner.iter().map(|m| m.0).max().unwrap_or_default();
    (depth + 1, inner.iter().map(|m| m.1).sum::<usize>() + usize::from(value.is_object()))
}

// === impl Object ===

impl<'a> Object<'a> {
    /// A string that is not empty; another type is a notice.
    fn text(&self, key: &str, findings: &mut Findings) -> Option<&'a str> {
        string(self.map.get(key)?, &format!("{}/{key}", self.at), findings)
    }

    fn list(&self, key: &str, findings: &mut Findings) -> Vec<(String, &'a Value)> {
        self.map.get(key).map(|v| items(v, &format!("{}/{key}", self.at), findings)).unwrap_or_default()
    }
}
