//! Any message that a format can carry comes back as it was written, whatever the quirks.

use super::write::{self, Quirks, quirks};
use jiaoying::intake::formats::parse;
use jiaoying::model::{
    Area, Circle, Colour, Hazard, Message, MessageKind, Method, Point, RegionCode, Severity, Status, Timestamp, Wording,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Words without a colour, with everything that a format must escape.
const WORDS: [&str; 14] =
    ["雨", "山洪", "村组", "<b>", "&", "&amp;", "\"q\"", "]]>", "one", "2小时", "𠮷", "，", "\\u0000", "e\u{301}"];

fn words() -> impl Strategy<Value = String> {
    vec(select(WORDS.to_vec()), 0..5).prop_map(|w| w.join(" "))
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_气象台][A-Za-z0-9_.:@气象台-]{3,20}".prop_filter("no time of day", |n| n.as_bytes()[2] != b':')
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(name(), 1..4).prop_map(|mut names| {
        names.sort();
        names.dedup();
        names
    })
}

/// Whole seconds of this century.
fn time() -> impl Strategy<Value = Option<Timestamp>> {
    option::of((946_684_800_i64..4_102_444_800).prop_map(|s| Timestamp(s * 1_000_000)))
}

fn point() -> impl Strategy<Value = Point> {
    (18.0..54.0_f64, 73.0..136.0_f64).prop_map(|(lat, lon)| Point { lat, lon })
}

fn ring() -> impl Strategy<Value = Vec<Point>> {
    vec(point(), 3..7).prop_map(|mut ring| {
        ring.push(ring[0]);
        ring
    })
}

fn circle() -> impl Strategy<Value = Circle> {
    // Half kilometres: the same in metres and in kilometres.
    (point(), 1..200_u32).prop_map(|(centre, n)| Circle { centre, radius_m: f64::from(n) * 500.0 })
}

/// Areas that differ: each has a code of its own.
fn areas() -> impl Strategy<Value = Vec<Area>> {
    let shared =
        ["53", "5301", "530102", "533324204", "533324204201", "341823100"].map(|c| RegionCode::parse(c).unwrap());
    let area = (words(), subsequence(shared.to_vec(), 0..=6), vec(ring(), 0..3), vec(circle(), 0..3));
    vec(area, 1..4).prop_map(|areas| {
        let own = |i| RegionCode::parse(&format!("5333{}", 21 + i)).unwrap();
        let area = |(i, (name, mut codes, polygons, circles)): (usize, (String, Vec<RegionCode>, _, _))| {
            codes.insert(0, own(i));
            Area { name, codes, polygons, circles }
        };
        areas.into_iter().enumerate().map(area).collect()
    })
}

fn wording() -> impl Strategy<Value = Vec<Wording>> {
    let texts = || (words(), words(), words());
    (texts(), option::of(texts())).prop_map(|(zh, en)| {
        // Enough Chinese that a character set can be told by looking.
        let of = |language: &str, (headline, description, instruction): (String, String, String)| Wording {
            language: language.into(),
            headline,
            description: format!("预计未来三小时有强降水，请沿河住户注意。{description}"),
            instruction,
        };
        let en = en.map(|en| of("en-US", en));
        std::iter::once(of("zh-CN", zh)).chain(en).collect()
    })
}

fn methods() -> impl Strategy<Value = Vec<Method>> {
    let group = "[A-Za-z0-9]{1,6}";
    let method = (select(vec!["SMS", "PHONE", "SPEAKER", "自定"]), words(), vec(group, 0..3));
    vec(method, 0..3).prop_map(|list| {
        list.into_iter().map(|(name, text, groups)| Method { name: name.into(), text, groups }).collect()
    })
}

fn message() -> impl Strategy<Value = Message> {
    let statuses = vec![Status::Actual, Status::Exercise, Status::System, Status::Test, Status::Draft];
    let kinds = vec![MessageKind::Alert, MessageKind::Update, MessageKind::Cancel];
    let hazards = vec!["11B03", "11D99", "11Z99", "暴雨", "11C02", "蝗灾 <x>"];
    let head = (name(), name(), select(statuses), select(kinds), names(), select(hazards));
    let colour = (select(Colour::ALL.to_vec()), any::<bool>());
    let times = (time(), time(), time(), time(), time());
    let rest = (wording(), areas(), vec(name(), 0..3), words(), methods());
    (head, colour, times, rest).prop_map(|(head, (colour, none), times, rest)| {
        let (sender, identifier, status, kind, references, hazard) = head;
        let (sent, effective, onset, origin_time, expires) = times;
        let (wording, areas, issuers, note, methods) = rest;
        let cancel = kind == MessageKind::Cancel;
        let references = match kind {
            MessageKind::Alert => Vec::new(),
            MessageKind::Cancel if references.is_empty() => vec!["A".to_owned()],
            _ => references,
        };
        Message {
            sender,
            identifier,
            sent,
            status,
            kind,
            references,
            hazard: Hazard::from_word(hazard),
            colour: Some(colour).filter(|_| !(cancel && none)),
            effective,
            onset,
            origin_time,
            // An end that is not after the beginning is left out by every reader.
            expires: expires.filter(|end| effective.is_none_or(|from| *end > from)),
            wording,
            areas: if cancel && none { Vec::new() } else { areas },
            issuers,
            note,
            methods,
        }
    })
}

/// The message as CAP can carry it.
fn in_cap(mut message: Message, quirks: &Quirks) -> Message {
    message.issuers.clear();
    message.methods.clear();
    told_in_headline(message, quirks)
}

/// The message as the national profile can carry it.
fn in_national(mut message: Message, quirks: &Quirks) -> Message {
    message.origin_time = None;
    told_in_headline(message, quirks)
}

fn told_in_headline(mut message: Message, quirks: &Quirks) -> Message {
    if let Some(colour) = message.colour.filter(|_| quirks.headline) {
        message.wording[0].headline.push_str(&format!("由蓝色变更为{}预警", colour.zh()));
        message.wording[0].headline = message.wording[0].headline.trim().to_owned();
    }
    message
}

/// Parses a document that must give a message, with notices only for its quirks.
fn comes_back(what: &str, bytes: &[u8], expected: &Message, quirks: Option<&Quirks>) {
    let parsed = parse(bytes);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(parsed.message.as_ref(), Some(expected), "{what} {quirks:?}\n{:?}\n{shown}", parsed.findings);
    assert!(parsed.findings.iter().all(|f| f.severity == Severity::Notice && !f.place.is_empty()));
    if quirks.is_none() {
        // A text for one channel, a time that is missing: said, though nothing is wrong with the form.
        let told = |f: &&jiaoying::model::Finding| !f.place.ends_with("/message") && f.reason != "missing";
        let faults: Vec<_> = parsed.findings.iter().filter(told).collect();
        assert!(faults.is_empty(), "{what}: {faults:?}\n{shown}");
    }
}

proptest! {
    #[test]
    fn a_message_comes_back_from_every_format(message in message()) {
        let none = Quirks::NONE;
        comes_back("JSON", &write::json(&message, &none), &message, None);
        let cap = in_cap(message.clone(), &none);
        comes_back("CAP", &write::cap(&cap, &none), &cap, None);
        let national = in_national(message, &none);
        comes_back("national", &write::national(&national, &none), &national, None);
    }

    #[test]
    fn a_message_comes_back_whatever_the_quirks(message in message(), quirks in quirks()) {
        comes_back("JSON", &write::json(&message, &quirks), &message, Some(&quirks));
        let cap = in_cap(message.clone(), &quirks);
        comes_back("CAP", &write::cap(&cap, &quirks), &cap, Some(&quirks));
        let national = in_national(message, &quirks);
        comes_back("national", &write::national(&national, &quirks), &national, Some(&quirks));
    }
}
