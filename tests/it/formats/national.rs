//! The national profile: what is read, what is tolerated, what is refused.

use super::{accepted, at, changed, refused};
use jiaoying::intake::formats::{Format, parse};
use jiaoying::model::{Circle, Colour, Message, MessageKind, Method, Point, Status};

const UPDATE: &str = include_str!("../../data/formats/national/update-red.xml");
const CANCEL: &str = include_str!("../../data/formats/national/cancel.xml");

/// What the update says by itself: texts and receivers that are kept or counted, an attachment, a line
/// and a point.
const NOTICES: [&str; 8] = [
    "alert/info[0]/area[1]/polygon[0]",
    "alert/info[0]/area[1]/polygon[0]",
    "alert/info[0]/area[1]/polygon[0]",
    "alert/info[0]/area[1]/polygon[0]",
    "alert/info[0]/area[1]/circle[0]",
    "alert/info[0]/resource[0]",
    "alert/code[0]/method[1]/message",
    "alert/code[0]/method[2]/audenceprt",
];

fn codes(message: &Message, area: usize) -> Vec<&str> {
    message.areas[area].codes.iter().map(|c| c.as_str()).collect()
}

/// The change must be read with these notices beside the update's own.
fn with(from: &str, to: &str, places: &[&str]) -> Message {
    let text = changed(UPDATE, from, to);
    let parsed = parse(text.as_bytes());
    let mut own: Vec<&str> = NOTICES.to_vec();
    let mut more: Vec<&str> = parsed.findings.iter().map(|f| f.place.as_str()).collect();
    more.retain(|place| own.iter().position(|o| o == place).map(|i| own.remove(i)).is_none());
    assert_eq!(more, places, "{to}: {:?}", parsed.findings);
    parsed.message.unwrap()
}

#[test]
fn an_update_is_read_whole() {
    let message = accepted(UPDATE, &NOTICES);
    assert_eq!(parse(UPDATE.as_bytes()).format, Format::National);
    assert_eq!((&*message.sender, &*message.identifier), ("53332541600000", "53332541600000_20260701041855"));
    assert_eq!(message.issuers, ["兰坪县虚构气象台", "兰坪县虚构自然资源局"]);
    assert_eq!((message.status, message.kind), (Status::Actual, MessageKind::Update));
    assert_eq!((message.hazard.as_str(), message.colour), ("11B03", Some(Colour::Red)));
    assert_eq!(message.references, ["53332541600000_20260701020754"]);
    assert_eq!(message.sent, at("2026-07-01T04:18:00+08:00"));
    assert_eq!(message.effective, at("2026-07-01T04:18:00+08:00"));
    assert_eq!((message.onset, message.expires), (at("2026-07-01T05:00:00+08:00"), None));
    assert_eq!(message.wording[0].instruction, "沿河住户立即撤到高处。");
    let named = |name: &str, text: &str, groups: &[&str]| Method {
        name: name.into(),
        text: text.into(),
        groups: groups.iter().map(ToString::to_string).collect(),
    };
    let methods =
        [named("SMS", "", &["1001", "1002"]), named("SPEAKER", "请马上离开河边。", &[]), named("PHONE", "", &[])];
    assert_eq!(message.methods, methods);
}

#[test]
fn its_ground_is_codes_rings_lines_and_metres() {
    let message = accepted(UPDATE, &NOTICES);
    assert_eq!(codes(&message, 0), ["533325", "533323203"], "doubled ones once");
    assert_eq!(message.areas[0].polygons[0].len(), 4);
    let centre = Point { lat: 26.45, lon: 99.42 };
    assert_eq!(message.areas[0].circles, [Circle { centre, radius_m: 1500.0 }], "metres, not kilometres");
    // A line of three points, longitude first, is taken as the area within; radius 0 is a point.
    let line = &message.areas[1].polygons[0];
    assert_eq!((line.len(), line[0], line[3]), (4, Point { lat: 26.40, lon: 99.30 }, line[0]));
    assert_eq!(message.areas[1].circles, [Circle { centre, radius_m: 0.0 }]);
    let two = with("99.30,26.40 99.35,26.45 99.45,26.46", "26.40,99.30 26.45,99.35", &[]);
    assert_eq!(two.areas[1].polygons.len(), 0, "two points hold no area");
    let west = with("26.40,99.30 26.40,99.50 26.60,99.50 26.40,99.30", "85.1,29.6 85.2,29.6 85.2,29.7 85.1,29.6", &{
        ["alert/info[0]/area[0]/polygon[0]"; 4]
    });
    assert_eq!(west.areas[0].polygons[0][0], Point { lat: 29.6, lon: 85.1 }, "in the west both could be a latitude");
    for (code, read) in
        [("533325", "533325"), ("533325104", "533325104"), ("533325104201", "533325104201"), ("53", "53")]
    {
        assert_eq!(codes(&with("533325000000,533325000000,533323203000", code, &[]), 0), [read]);
    }
    let faulty = with("533325000000,533325000000", "53x,，、 533325", &["alert/info[0]/area[0]/geocode[0]"]);
    assert_eq!(codes(&faulty, 0), ["533325", "533323203"]);
    with("26.45,99.42 1500", "26.45 99.42 1500", &["alert/info[0]/area[0]/circle[0]"]);
    with("26.45,99.42 1500", "26.45,99.42 -3", &["alert/info[0]/area[0]/circle[0]"]);
}

#[test]
fn a_cancel_of_empty_elements_is_read() {
    let message = accepted(CANCEL, &["alert/info[0]/language", "alert/info/severity", "alert/info[0]/area[0]"]);
    assert_eq!((message.kind, message.note.as_str()), (MessageKind::Cancel, "雨带已经南移。"));
    assert_eq!(message.references, ["53332541600000_20260701020754"]);
    let cancle = parse(changed(CANCEL, "Cancel<", "Cancle<").as_bytes());
    assert_eq!(cancle.message.unwrap().kind, MessageKind::Cancel);
    assert!(cancle.findings.iter().any(|f| f.to_string() == "alert/msgType: \"Cancle\" is read as Cancel"));
}

#[test]
fn the_colour_is_found_where_it_stands() {
    const SEVERITY: &str = "<severity>Red</severity>";
    for (word, colour) in [("Orange", Colour::Orange), ("Blue", Colour::Blue)] {
        // The headline says that it went up to red: an upgrade that only the words tell.
        let message = with(SEVERITY, &format!("<severity>{word}</severity>"), &["alert/info/severity"]);
        assert_eq!(message.colour, Some(Colour::Red), "{colour} is weaker");
    }
    let told = with(SEVERITY, "<severity>Unknown</severity>", &["alert/info/severity"]);
    assert_eq!(told.colour, Some(Colour::Red));
    for empty in ["<severity/>", ""] {
        let told = with(SEVERITY, empty, &["alert/info[0]/severity", "alert/info/severity"]);
        assert_eq!(told.colour, Some(Colour::Red));
    }
    let words = |severity: &str, headline: &str| {
        let text = changed(UPDATE, "Red", severity);
        let text = changed(&text, "将暴雨橙色预警升级为红色[Ⅰ级/特别重大]", headline);
        let parsed = parse(text.as_bytes());
        (parsed.message.and_then(|m| m.colour), parsed.findings.iter().any(|f| f.place == "alert/info/severity"))
    };
    assert_eq!(words("Yellow", "将暴雨橙色预警降级为黄色"), (Some(Colour::Yellow), false));
    assert_eq!(words("Unknown", "将暴雨橙色预警降级为黄色"), (Some(Colour::Yellow), true));
    assert_eq!(words("Unknown", "发布地质灾害气象风险Ⅲ级预警"), (Some(Colour::Yellow), true));
    assert_eq!(words("Orange", "发布暴雨预警"), (Some(Colour::Orange), false));
    assert_eq!(words("Unknown", "启动Ⅱ级应急响应"), (None, true), "a response level is no colour");
    assert_eq!(words("Severe", "发布暴雨预警").0, Some(Colour::Orange));
    let refused =
        refused(changed(UPDATE, "Red", "Unknown").replace("红色[Ⅰ级/特别重大]", "").replace("橙色", "").as_bytes());
    assert_eq!(refused, "alert/info/severity: no colour: nothing here tells one");
}

#[test]
fn references_are_bare_and_may_be_several() {
    const FIRST: &str = "53332541600000_20260701020754";
    let references = |text: &str, places: &[&str]| {
        with(&format!("<references>{FIRST}"), &format!("<references>{text}"), places).references
    };
    for text in ["a,b", "a b", "a, b", "a\n  b", "a，b", "a;b;a"] {
        assert_eq!(references(text, &[]), ["a", "b"], "{text}");
    }
    assert_eq!(references("office,a,2026-07-01 02:07:54+08:00", &["alert/references"]), ["a"], "a triple of CAP");
    assert_eq!(references("", &["alert/references"]), Vec::<String>::new());
}

#[test]
fn other_tolerances() {
    let sound = accepted(UPDATE, &NOTICES);
    let code = "<senderCode>53332541600000</senderCode>";
    assert_eq!(with(code, "", &["alert/senderCode"]).sender, "兰坪县虚构气象台、兰坪县虚构自然资源局");
    assert_eq!(
        with("2026-07-01 04:18:00+08:00</sendTime>", "2026-07-01 04:18:00</sendTime>", &["alert/sendTime"]).sent,
        sound.sent
    );
    assert_eq!(with("05:00:00+08:00</onset>", "25:00:00</onset>", &["alert/info[0]/onset"]).onset, None);
    let sent = with(
        "<sendTime>2026-07-01 04:18:00+08:00</sendTime>",
        "<sent>2026-07-01T04:18:00+08:00</sent>",
        &["alert/sendTime"],
    );
    assert_eq!(sent.sent, sound.sent);
    let two = with("、兰坪县虚构自然资源局</sender>", "</sender><sender>兰坪县虚构自然资源局</sender>", &[]);
    assert_eq!(two.issuers, sound.issuers);
    let capped = with("<alert>", "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">", &["alert"]);
    assert_eq!(capped, sound, "a namespace does not make it CAP");
    with("<secClassification>None", "<secClassification>Inner", &["alert/secClassification"]);
    with("<scope>Public", "<scope>Restricted", &["alert/scope"]);
    for word in ["Test", "Exercise", "Draft", "actual"] {
        assert_eq!(with("<status>Actual", &format!("<status>{word}"), &[]).status.name(), word.to_lowercase());
    }
    assert_eq!(with("11B03", "11Z99", &[]).hazard.as_str(), "11Z99", "unknown codes pass");
    let spelt = with("u01,u02,</audenceprt>", "</audenceprt><audiencePrt>u01,u02</audiencePrt>", &[]);
    assert_eq!(spelt.methods, sound.methods);
    let silent = with(
        "<description>未来三小时仍有一百毫米以上降雨。（虚构）</description>",
        "<description/>",
        &["alert/info/description"],
    );
    assert_eq!(silent.wording[0].description, "请马上离开河边。", "better the words for another channel than none");
    // Receivers may be telephone numbers: they are in no finding and in no message.
    let numbers = changed(UPDATE, "u01,u02,", "13800000000");
    let parsed = parse(numbers.as_bytes());
    assert!(!format!("{parsed:?}").contains("13800000000"));
}

#[test]
fn what_cannot_be_acted_on_is_refused_with_all_reasons() {
    for (from, to, said) in [
        ("<identifier>53332541600000_20260701041855</identifier>", "", "alert/identifier: missing"),
        ("<status>Actual</status>", "<status/>", "alert/status: missing"),
        ("Actual", "Real", "alert/status: \"Real\" is not"),
        ("<msgType>Update", "<msgType>Ack", "alert/msgType: \"Ack\" is not"),
        ("<eventType>11B03</eventType>", "<eventType></eventType>", "alert/info/eventType: missing"),
    ] {
        let lines = refused(changed(UPDATE, from, to).as_bytes());
        assert!(lines.starts_with(said) && lines.lines().count() == 1, "{lines}");
    }
    let nowhere = changed(UPDATE, "geocode>", "gc>").replace("polygon>", "pg>").replace("circle>", "ci>");
    assert!(refused(nowhere.as_bytes()).starts_with("alert/info/area: no ground"));
    assert_eq!(refused(b"<alert><senderCode/></alert>").lines().count(), 7, "every missing thing is named at once");
}
