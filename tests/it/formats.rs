//! The parsers of the intake, from bytes to message and findings: CAP and JSON here, the national
//! profile and what holds for all in their own files.

mod foreign;
mod mutated;
mod national;
mod property;
#[path = "../fuzz/targets.rs"]
pub mod targets;
mod write;

use jiaoying::intake::formats::{Format, Limits, MESSAGE_SCHEMA, Parsed, parse, parse_within};
use jiaoying::model::{Circle, Colour, Finding, Message, MessageKind, Point, Severity, Status, Timestamp};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const ALERT: &str = include_str!("../data/cap12-alert-red.xml");
const UPDATE: &str = include_str!("../data/cap12-update-orange.xml");
const CANCEL: &str = include_str!("../data/cap12-cancel.xml");
const JSON: &str = include_str!("../data/message-alert-red.json");

const EARTHQUAKE: &str = include_str!("../data/message-earthquake.json");

/// A fixture.
struct Sample {
    name: String,
    path: PathBuf,
    text: String,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The fixtures of a folder whose names begin and end so, in order.
fn samples(folder: &str, begin: &str, end: &str) -> Vec<Sample> {
    let paths = fs::read_dir(data(folder)).unwrap().map(|entry| entry.unwrap().path());
    let sample = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let fits = name.starts_with(begin) && name.ends_with(end);
        fits.then(|| Sample { name, text: fs::read_to_string(&path).unwrap(), path })
    };
    let mut samples: Vec<Sample> = paths.filter_map(sample).collect();
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!samples.is_empty());
    samples
}

/// Every CAP fixture.
fn cap_files() -> Vec<Sample> {
    samples("", "cap12-", ".xml").into_iter().chain(samples("formats/cap", "", ".xml")).collect()
}

/// Every fixture there is.
fn documents() -> Vec<Vec<u8>> {
    let xml = cap_files().into_iter().chain(samples("formats/national", "", ".xml"));
    xml.chain(samples("", "message-", ".json")).map(|s| s.text.into_bytes()).collect()
}

/// The blocks of a language in docs/FORMATS.md.
fn blocks(language: &str) -> Vec<&'static str> {
    let doc = include_str!("../../docs/FORMATS.md");
    let begin = format!("```{language}\n");
    doc.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Parses a document that must be accepted with exactly the notices of `places`.
fn accepted(text: &str, places: &[&str]) -> Message {
    let parsed = parse(text.as_bytes());
    assert_eq!(parsed.findings.iter().map(|f| f.place.as_str()).collect::<Vec<_>>(), places, "{:?}", parsed.findings);
    let chinese = |f: &Finding| !f.reason_zh().contains("详见英文");
    assert!(parsed.findings.iter().all(chinese), "not told in Chinese: {:?}", parsed.findings);
    parsed.message.unwrap()
}

/// Parses a document that must be refused, and gives the fatal findings as `place: reason` lines.
fn refused(bytes: &[u8]) -> String {
    let Parsed { message, findings, .. } = parse(bytes);
    assert_eq!(message, None, "{findings:?}");
    let fatal = findings.iter().filter(|f| f.severity == Severity::Fatal);
    fatal.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The fixture with one change, which must be one.
fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse_iso(text).unwrap())
}

#[test]
fn the_cma_export_is_read_whole() {
    let message = accepted(ALERT, &[]);
    assert_eq!(parse(ALERT.as_bytes()).format, Format::Cap12);
    assert_eq!(message.sender, "Invented_Weather_Office_of_Gongshan");
    assert_eq!(message.identifier, "53332441600000_20260701041801");
    assert_eq!((message.status, message.kind, message.colour), (Status::Actual, MessageKind::Alert, Some(Colour::Red)));
    assert_eq!(message.hazard.as_str(), "11B03");
    assert_eq!(message.sent, at("2026-07-01T04:18:00+08:00"));
    assert_eq!(message.expires, at("2026-07-01T10:18:00+08:00"));
    let languages: Vec<_> = message.wording.iter().map(|w| w.language.as_str()).collect();
    assert_eq!(languages, ["zh-CN", "en-US"]);
    assert_eq!(message.areas.len(), 1, "the same ground in two languages is one area");
    assert_eq!(message.areas[0].codes[0].as_str(), "533324");
}

#[test]
fn the_document_to_copy_in_the_manual_is_read_without_a_finding() {
    let manual = include_str!("../../docs/HTTP.md");
    let example = manual.split("```xml\n").nth(1).unwrap().split("```").next().unwrap();
    let message = accepted(example, &[]);
    assert_eq!((message.status, message.kind, message.colour), (Status::Actual, MessageKind::Alert, Some(Colour::Red)));
    assert_eq!((message.hazard.as_str(), message.areas[0].codes[0].as_str()), ("11B03", "533324"));
    assert!(message.sent.is_some() && message.onset.is_some() && message.expires.is_some());
}

#[test]
fn an_update_names_the_first_message_and_its_ground() {
    let message = accepted(UPDATE, &[]);
    assert_eq!(message.kind, MessageKind::Update);
    assert_eq!(message.colour, Some(Colour::Orange));
    assert_eq!(message.references, ["53332441600000_20260701041801"]);
    assert_eq!(message.warning_id(), accepted(ALERT, &[]).warning_id());
    let [gully, county] = &message.areas[..] else { panic!("{:?}", message.areas) };
    assert_eq!(gully.codes.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["533324204", "533324102"]);
    assert_eq!((gully.polygons.len(), gully.polygons[0].len()), (1, 5));
    assert_eq!(gully.circles, [Circle { centre: Point { lat: 27.88, lon: 98.34 }, radius_m: 1500.0 }]);
    assert_eq!(county.codes[0].as_str(), "533323");
}

#[test]
fn a_cancel_needs_neither_colour_nor_ground() {
    let message = accepted(CANCEL, &[]);
    assert_eq!((message.kind, message.colour, message.expires), (MessageKind::Cancel, None, None));
    assert!(message.areas.is_empty());
    let mut json: Value = serde_json::from_str(JSON).unwrap();
    (json["kind"], json["colour"]) = ("cancel".into(), "purple".into());
    json["areas"][0]["codes"] = serde_json::json!([""]);
    let alone = parse(json.to_string().as_bytes());
    let fatal: Vec<_> = alone.findings.iter().filter(|f| f.severity == Severity::Fatal).collect();
    assert_eq!(
        (alone.message, fatal.len(), fatal[0].place.as_str()),
        (None, 1, "/references"),
        "it must name what it ends"
    );
    json["references"] = serde_json::json!(["A"]);
    let message = accepted(&json.to_string(), &["/areas/0", "/colour"]);
    assert_eq!((message.kind, message.colour), (MessageKind::Cancel, None));
}

#[test]
fn an_end_before_the_beginning_is_left_out_in_every_format() {
    for (text, place) in [(ALERT, "alert/info/expires"), (JSON, "/expires")] {
        let message = accepted(text, &[]);
        assert!(message.effective < message.expires);
        let parsed = parse(text.replace("10:18:00", "04:17:00").as_bytes());
        assert!(parsed.findings.iter().any(|f| f.place == place), "{:?}", parsed.findings);
        assert_eq!(parsed.message.unwrap().expires, None);
    }
}

#[test]
fn json_says_the_same_as_cap() {
    let json = accepted(JSON, &[]);
    assert_eq!(parse(JSON.as_bytes()).format, Format::Json);
    assert_eq!(json, accepted(ALERT, &[]));
    assert_eq!(json.digest(), accepted(ALERT, &[]).digest());
}

#[test]
fn prefix_namespace_whitespace_and_character_set_change_nothing() {
    let digest = accepted(ALERT, &[]).digest();
    let prefixed = changed(ALERT, "<alert xmlns=", "<alert xmlns:c=").replace("</", "<\u{0}");
    let prefixed = prefixed.replace('<', "<c:").replace("<c:\u{0}", "</c:").replace("<c:?", "<?");
    assert!(prefixed.contains("<c:info>") && prefixed.contains("</c:alert>"));
    assert_eq!(accepted(&prefixed, &[]).digest(), digest);
    let flat: String = ALERT.lines().map(str::trim).collect();
    assert_eq!(accepted(&flat, &[]).digest(), digest);
    assert_eq!(accepted(&ALERT.replace('\n', "\r\n"), &[]).digest(), digest);
    assert_eq!(accepted(&format!("\u{FEFF}{ALERT}"), &[]).digest(), digest);
    assert_eq!(accepted(&changed(ALERT, "cap:1.2", "cap:1.1"), &[]).digest(), digest);
    assert_eq!(accepted(&changed(ALERT, "cap:1.2", "cap:9"), &["alert"]).digest(), digest);
    let bare = changed(ALERT, " xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"", "");
    assert_eq!(accepted(&bare, &["alert"]).digest(), digest);
    for (label, notices) in [("GB18030", 0), ("GBK", 0), ("GB2312", 0), ("UTF-8", 1), ("no-such", 2)] {
        let bytes = encoding_rs::GB18030.encode(&changed(ALERT, "UTF-8", label)).0.into_owned();
        let parsed = parse(&bytes);
        assert_eq!(parsed.findings.len(), notices, "{label}: {:?}", parsed.findings);
        assert_eq!(parsed.message.unwrap().digest(), digest, "{label}");
    }
}

#[test]
fn onset_and_origin_time_come_through_every_format_that_has_them() {
    let origin = at("2026-07-01T03:02:11+08:00");
    let cap = cap_files().into_iter().find(|s| s.name == "earthquake.xml").unwrap();
    let message = accepted(&cap.text, &[]);
    assert_eq!((message.onset, message.origin_time), (at("2026-07-01T03:02:30+08:00"), origin));
    let twice = changed(
        &cap.text,
        "<area>",
        "<parameter><valueName>发震时刻</valueName><value>2026-07-01 03:02:09+08:00</value></parameter><area>",
    );
    let place = "alert/info[0]/parameter[2]/value";
    assert_eq!(accepted(&twice, &[place]).origin_time, at("2026-07-01T03:02:09+08:00"));
    let message = accepted(EARTHQUAKE, &[]);
    assert_eq!((message.onset, message.origin_time), (origin, origin));
    assert_eq!(accepted(ALERT, &[]).origin_time, None, "the time of effect is no origin");
    // What is stored without the newer fields is read, and a message without them is stored as before.
    let stored = serde_json::to_value(accepted(ALERT, &[])).unwrap();
    for key in ["origin_time", "issuers", "note", "methods"] {
        assert!(stored.get(key).is_none(), "{key}");
    }
    assert_eq!(serde_json::from_value::<Message>(stored).unwrap(), accepted(ALERT, &[]));
}

#[test]
fn the_documented_examples_are_read() {
    let examples = [blocks("xml"), blocks("json")].concat();
    assert!(examples.len() >= 3);
    for example in examples {
        let parsed = parse(example.as_bytes());
        assert!(parsed.message.is_some(), "{example}\n{:?}", parsed.findings);
    }
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    let bomb = "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY l 'l'><!ENTITY m '&l;&l;'>]>\n<alert>&m;</alert>";
    let half = &ALERT[..ALERT.find("<event>暴").unwrap()];
    let deep = format!("{}{}", "<alert>".repeat(5000), "</alert>".repeat(5000));
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "document: it is empty"),
        (b"hello".to_vec(), "line 1, column 1: neither XML"),
        (b"<html><body>502</html>".to_vec(), "line 1, column 16: ill-formed"),
        (b"<html/>".to_vec(), "document: the root element is \"html\", not"),
        (half.into(), "line 34, column 5: the document ends inside <info>"),
        (ALERT[..900].into(), "line 21, column 109: syntax error: tag not closed"),
        (bomb.into(), "line 2, column 1: DOCTYPE is refused"),
        (changed(ALERT, "Rainstorm", "&storm;").into(), "line 12, column 12: entity &storm; is refused"),
        (changed(ALERT, "<scope>", "<?run me?><scope>").into(), "line 8, column 3: processing"),
        (deep.into(), "line 1, column 225: elements are nested more than 32 deep"),
        (vec![b'<'; 5 << 20], "document: 5242880 bytes; the limit is 1048576"),
        (format!("<alert>{}</alert>", "<a/>".repeat(60_000)).into(), "line 1, column 200004: more than 50000 elements"),
        (JSON[..300].into(), "line 11, column 14: EOF while parsing a string"),
        (b"{\"a\":\n [1,]}".to_vec(), "line 2, column 5: "),
        (format!("{{\"a\":{}", "[".repeat(5000)).into(), "line 1, column 132: recursion limit"),
        (format!("{{\"a\":{}{}}}", "[".repeat(50), "]".repeat(50)).into(), "document: nested 51 deep; the limit is 32"),
    ];
    for (bytes, line) in rows {
        let said = refused(&bytes);
        assert!(said.starts_with(line), "expected {line:?}\n     got {said:?}");
    }
}

#[test]
fn what_cannot_be_acted_on_is_refused_with_its_place() {
    for (text, from, to, said) in [
        (ALERT, "<sender>Invented_Weather_Office_of_Gongshan</sender>", "", "alert/sender: missing"),
        (ALERT, "<identifier>53332441600000_20260701041801<", "<identifier>  <", "alert/identifier: missing"),
        (ALERT, "<status>Actual</status>", "", "alert/status: missing"),
        (ALERT, "Actual", "Aktual", "alert/status: \"Aktual\" is not"),
        (ALERT, "<msgType>Alert", "<msgType>Ack", "alert/msgType: \"Ack\" is not"),
        (ALERT, "event>", "incident>", "alert/info/event: missing"),
        (ALERT, "<value>533324000000</value>", "<value>5333x</value>", "alert/info/area: no ground"),
        (JSON, "\"sender\"", "\"from\"", "/sender: missing"),
        (JSON, "\"actual\"", "7", "/status: missing"),
        (JSON, "\"alert\"", "\"alarm\"", "/kind: \"alarm\" is not"),
        (JSON, "\"red\"", "\"purple\"", "/colour: \"purple\" is not red, orange, yellow or blue"),
        (JSON, "\"533324\"", "", "/areas: no ground"),
        (JSON, "\"colour\": \"red\",", "", "/colour: no colour"),
    ] {
        let lines = refused(changed(text, from, to).as_bytes());
        assert!(lines.starts_with(said), "expected {said:?}, got {lines:?}");
        assert_eq!(lines.lines().count(), 1, "one change, one fatal finding: {lines}");
    }
    let grey = changed(ALERT, "Extreme", "Unknown").replace("红色", "").replace("red ", "");
    assert!(refused(grey.as_bytes()).starts_with("alert/info/severity: no colour"));
    assert_eq!(refused(b"<alert/>").lines().count(), 7, "every missing thing is named at once");
    assert_eq!(refused(b"{}").lines().count(), 7);
}

#[test]
fn faults_of_form_are_noticed_and_not_refused() {
    let sound = accepted(ALERT, &[]);
    for (text, from, to, places) in [
        (ALERT, "<sent>2026-07-01T04:18:00+08:00</sent>", "", &["alert/sent"][..]),
        (ALERT, "<scope>Public</scope>", "", &["alert/scope"]),
        (ALERT, "2026-07-01T10:18:00+08:00", "tomorrow", &["alert/info[1]/expires", "alert/info[0]/expires"]),
        (ALERT, "Extreme", "Unknown", &["alert/info/severity"]),
        (ALERT, "<language>zh-CN</language>", "", &["alert/info[1]/language"]),
        (ALERT, "<msgType>Alert", "<msgType>Update", &["alert/references"]),
        (JSON, "\"sent\"", "\"posted\"", &["/posted", "/sent"]),
        (JSON, "\"11B03\"", "\"暴雨\"", &[]),
        (JSON, "\"2026-07-01T10:18:00+08:00\"", "12", &["/expires"]),
        (JSON, "\"codes\": [", "\"codes\": [\"12x\", 8, ", &["/areas/0/codes/0", "/areas/0/codes/1"]),
        (JSON, "\"areas\": [", "\"areas\": [7, ", &["/areas/0"]),
    ] {
        let message = accepted(&changed(text, from, to), places);
        assert_eq!((&message.areas, message.colour), (&sound.areas, sound.colour));
    }
    let blank = changed(ALERT, "T04:18:00", " 04:18:00");
    assert_eq!(accepted(&blank, &[]).digest(), sound.digest(), "a blank instead of the T is read");
    let cancle = changed(CANCEL, "Cancel<", "Cancle<");
    assert_eq!(accepted(&cancle, &["alert/msgType"]).kind, MessageKind::Cancel);
    let ampersand = changed(ALERT, "(Invented text)", "wind & rain");
    assert!(accepted(&ampersand, &["line 21, column 99"]).wording[1].description.ends_with("wind & rain"));
}

#[test]
fn shapes_are_repaired_or_left_out() {
    const RING: &str = "<polygon>27.60,98.30 27.60,98.45 27.90,98.45 27.90,98.30 27.60,98.30</polygon>";
    let places = |p: &str| vec![["alert/info[1]/area[0]/", p].concat(), ["alert/info[0]/area[0]/", p].concat()];
    let sound = accepted(UPDATE, &[]);
    let polygon = |to: &str, text: &str| {
        let expected = places(to);
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        accepted(&changed(UPDATE, RING, &format!("<polygon>{text}</polygon>")), &expected).areas[0].polygons.clone()
    };
    assert_eq!(polygon("polygon[0]", "27.60,98.30 27.60,98.45 27.90,98.45 27.90,98.30"), sound.areas[0].polygons);
    assert_eq!(polygon("polygon[0]", "27.60,98.30 27.60,98.45 27.60,98.30"), Vec::<Vec<Point>>::new());
    let spoilt = "27.60,98.30 x,98.45 27.60,98.45 27.90,98.45 27.90,98.30 27.60,98.30";
    assert_eq!(polygon("polygon[0]", spoilt), sound.areas[0].polygons);
    let turned = "98.30,27.60 27.60,98.45 27.90,98.45 27.90,98.30 27.60,98.30";
    assert_eq!(polygon("polygon[0]", turned), sound.areas[0].polygons);
    let circle = changed(UPDATE, "27.88,98.34 1.5", "27.88,98.34 wide");
    let expected = places("circle[0]");
    let message = accepted(&circle, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(message.areas[0].circles.is_empty());
}

#[test]
fn references_are_triples_or_bare_and_keep_the_identifier() {
    let with = |text: &str, places: &[&str]| {
        let from = "Invented_Weather_Office_of_Gongshan,53332441600000_20260701041801,2026-07-01T05:30:00+08:00";
        accepted(&changed(UPDATE, from, text), places).references
    };
    assert_eq!(with("s,a,2026-07-01T05:30:00+08:00\n s,b,2026-07-01T05:30:00+08:00", &[]), ["a", "b"]);
    assert_eq!(with("a b", &[]), ["a", "b"]);
    assert_eq!(with("s,a,2026-07-01 05:30:00+08:00 s,b,x", &[]), ["a", "b"], "a time with a blank");
    assert_eq!(with("s,a", &["alert/references"]), ["a"]);
    let many: Vec<String> = (0..70).map(|i| format!("m{i}")).collect();
    assert_eq!(with(&many.join(" "), &["alert/references"]), many[..64], "the desk looks for each of them");
}

#[test]
fn infos_that_differ_give_the_stronger_colour_and_the_wider_span() {
    let (english, chinese) = ALERT.split_at(ALERT.find("<language>zh").unwrap());
    let weaker = format!("{english}{}", changed(chinese, "Extreme", "Minor").replace("T10:18", "T09:18"));
    let message = accepted(&weaker, &["alert/info[0]/severity", "alert/info[0]/expires"]);
    assert_eq!((message.colour, message.expires), (Some(Colour::Red), at("2026-07-01T10:18:00+08:00")));
    let coded = changed(
        ALERT,
        "<event>暴雨</event>",
        "<event>强降水</event><eventCode><valueName>x</valueName><value>11A51</value></eventCode>",
    );
    assert_eq!(accepted(&coded, &[]).hazard.as_str(), "11A51");
    let foreign = changed(ALERT, "<event>暴雨</event>", "<event>强降水</event>").replace("Rainstorm", "Downpour");
    assert_eq!(accepted(&foreign, &[]).hazard.as_str(), "other:强降水");
}

#[test]
fn notices_are_bounded() {
    let codes = changed(ALERT, "<value>", &format!("<value>{}", "7,".repeat(5000)));
    let parsed = parse_within(codes.as_bytes(), &Limits { findings_max: 10, ..Limits::default() });
    assert_eq!(parsed.findings.len(), 11);
    assert_eq!(parsed.findings[10].reason, "9990 more faults of form are not listed");
    assert!(parsed.message.is_some());
}

#[test]
fn the_schema_and_the_parser_agree() {
    let schema: Value = serde_json::from_str(MESSAGE_SCHEMA).unwrap();
    let example: Value = serde_json::from_str(EARTHQUAKE).unwrap();
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let list = |v: &Value| v.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    // The fixture names every field, and the parser knows every field of the fixture.
    assert_eq!(keys(&schema["properties"]), keys(&example));
    assert_eq!(keys(&schema["$defs"]["wording"]["properties"]), keys(&example["wording"][0]));
    assert_eq!(keys(&schema["$defs"]["area"]["properties"]), keys(&example["areas"][0]));
    assert_eq!(keys(&schema["$defs"]["method"]["properties"]), keys(&example["methods"][0]));
    // What the schema requires, the parser cannot do without, and nothing else.
    let mut required = list(&schema["required"]);
    required.extend(list(&schema["then"]["required"]));
    for key in keys(&example) {
        let mut less = example.clone();
        less.as_object_mut().unwrap().remove(&key);
        let refused = parse(less.to_string().as_bytes()).message.is_none();
        assert_eq!(refused, required.contains(&key), "{key}");
    }
    // Every word of an enum is read as itself, and the enums have every word of the model.
    for (key, count) in [("status", 5), ("kind", 3), ("colour", 4)] {
        let words = list(&schema["properties"][key]["enum"]);
        assert_eq!(words.len(), count);
        for word in words {
            let mut other = example.clone();
            other[key] = word.clone().into();
            if word == "cancel" {
                other["references"] = serde_json::json!(["A"]);
            }
            let message = parse(other.to_string().as_bytes()).message.unwrap();
            assert_eq!(serde_json::to_value(message).unwrap()[key], word);
        }
    }
    // The shapes, too: names as in the schema are read without a notice.
    let circle = keys(&schema["$defs"]["circle"]["properties"]);
    assert_eq!(circle, ["centre", "radius_m"]);
    let mut shapes = example;
    shapes["areas"][0]["circles"] = serde_json::json!([{ "centre": [27.88, 98.34], "radius_m": 1000 }]);
    shapes["areas"][0]["polygons"] = serde_json::json!([[[27.6, 98.3], [27.6, 98.4], [27.9, 98.4], [27.6, 98.3]]]);
    let message = accepted(&shapes.to_string(), &[]);
    assert_eq!(message.areas[0].circles[0].radius_m, 1000.0);
    assert_eq!(message.areas[0].polygons[0].len(), 4);
}
