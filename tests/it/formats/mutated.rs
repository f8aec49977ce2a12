//! The fuzz targets on any bytes and on mutated real documents: a bounded number, each by its seed.

use super::targets;
use crate::support::servers;
use proptest::prelude::*;
use proptest::sample::select;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

/// One document takes no longer, on a slow machine in a build without optimisation.
const TIME_MAX: Duration = Duration::from_secs(5);

/// What breaks parsers, in the words of these formats.
const WORDS: [&str; 32] = [
    "<",
    ">",
    "&",
    "\"",
    "]]>",
    "<![CDATA[",
    "<!--",
    "<!DOCTYPE a>",
    "<?xml version='1.0' encoding='GBK'?>",
    "&#0;",
    "&#x110000;",
    "&l;",
    "</alert>",
    "<info>",
    "<area>",
    "<x:y>",
    "xmlns:x=''",
    "<polygon>1,2 3,4 5,6</polygon>",
    "<circle>91,181 -1</circle>",
    "<severity>Red</severity>",
    "<senderCode>1</senderCode>",
    "<references>a,b c;d</references>",
    "[[[",
    "{}",
    "null",
    "1e999",
    "-0",
    "\\ud800",
    "53332\u{FF10}",
    "9999-99-99 99:99:99",
    "\u{0}",
    "\u{FEFF}",
];

/// How many seeds: a few in the default tier, many by `JIAOYING_TEST_ALL=1`.
fn seeds() -> u64 {
    if servers::all() { 200_000 } else { 4_000 }
}

fn mutated(seed: u64, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = corpus.choose(&mut rng).unwrap().clone();
    for _ in 0..rng.random_range(1..12) {
        let start = rng.random_range(0..=bytes.len());
        let end = (start + rng.random_range(0..60)).min(bytes.len());
        let insert: Vec<u8> = match rng.random_range(0..6) {
            0 => WORDS.choose(&mut rng).unwrap().as_bytes().to_vec(),
            1 => (0..rng.random_range(1..20)).map(|_| rng.random()).collect(),
            2 => bytes[start..end].repeat(rng.random_range(2..9)),
            3 => {
                let other = corpus.choose(&mut rng).unwrap();
                let from = rng.random_range(0..other.len());
                other[from..(from + rng.random_range(1..200)).min(other.len())].to_vec()
            }
            4 => encoding_rs::GB18030.encode(&String::from_utf8_lossy(&bytes[start..end])).0.into_owned(),
            _ => Vec::new(),
        };
        bytes.splice(start..end, insert);
    }
    match rng.random_range(0..12) {
        0 => encoding_rs::GB18030.encode(&String::from_utf8_lossy(&bytes)).0.into_owned(),
        1 => String::from_utf8_lossy(&bytes).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        2 => bytes[..rng.random_range(0..=bytes.len())].to_vec(),
        _ => bytes,
    }
}

#[test]
fn mutated_documents_never_break_a_promise() {
    let corpus = super::documents();
    let (mut read, seeds) = (0, seeds());
    for seed in 0..seeds {
        let bytes = mutated(seed, &corpus);
        let begun = Instant::now();
        let held = std::panic::catch_unwind(|| targets::document(&bytes));
        assert!(held.is_ok(), "seed {seed}: {}", String::from_utf8_lossy(&bytes));
        assert!(begun.elapsed() < TIME_MAX, "seed {seed} took {:?}", begun.elapsed());
        read += u64::from(jiaoying::intake::formats::parse(&bytes).message.is_some());
    }
    assert!(read > seeds / 100 && read < seeds, "{read} of {seeds} were read: mutations that break all prove nothing");
}

/// The same for what is no document: short messages, plans, sheets.
#[test]
fn mutated_texts_plans_and_sheets_never_break_a_promise() {
    let plans = ["nujiang-flood", "mianxian"].map(|name| preset(&format!("config/presets/{name}.toml")));
    let sheet = |name: &str| std::fs::read(super::data(&format!("directory/good/{name}.csv"))).unwrap();
    let (ground, people) = (sheet("targets"), [sheet("responsible")]);
    let texts: Vec<_> = TEXTS.iter().map(|t| t.as_bytes().to_vec()).collect();
    for seed in 0..seeds() / 4 {
        let text = |corpus: &[Vec<u8>]| String::from_utf8_lossy(&mutated(seed, corpus)).into_owned();
        let held = std::panic::catch_unwind(|| {
            targets::words(&text(&texts));
            targets::plan(&text(&plans));
            // A directory is built for each: fewer do.
            if seed % 20 == 0 {
                targets::sheet(&ground, &mutated(seed, &people));
            }
        });
        assert!(held.is_ok(), "seed {seed}: {:?}", text(&texts));
    }
}

fn preset(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// What people send.
const TEXTS: [&str; 8] = [
    "收到",
    "１＃３７２",
    "4#372 12户34人，特殊5人，拒2人，安置点：村小学",
    "转移完毕共120人其中特殊群体11人 安置在3组活动室",
    "3 毕 -5人 负3户",
    "险情 村后滑坡，1户2人被困",
    "【演练】险情 BJ 塌方",
    "收到，但去不了 6-372 到位",
];

/// What short messages are made of.
const PIECES: [&str; 24] = [
    "1",
    "4",
    "372",
    "３",
    "-",
    "#",
    " ",
    "，",
    "：",
    "12",
    "99999999999",
    "户",
    "人",
    "特殊",
    "拒",
    "负",
    "其中",
    "共",
    "安置点",
    "安置在",
    "完毕",
    "收到",
    "险情",
    "演练",
];

proptest! {
    #[test]
    fn any_words_never_break_a_promise(
        words in proptest::collection::vec(prop_oneof![select(PIECES.to_vec()).prop_map(String::from), "\\PC"], 0..14),
    ) {
        targets::words(&words.concat());
    }

    #[test]
    fn any_bytes_never_break_a_promise(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        targets::document(&bytes);
        targets::inside(&bytes);
        targets::broadcast(&bytes);
    }
}

#[test]
fn mutated_packages_and_messages_never_break_a_promise() {
    let state = "<EBD><EBDID>1</EBDID><EBDType>EBMStateResponse</EBDType><EBMStateResponse><EBM><EBMID>1</EBMID></EBM>\
                 <BrdStateCode>3</BrdStateCode><Coverage><CoverageRate>0.9</CoverageRate><AreaCode>53,33</AreaCode>\
                 </Coverage></EBMStateResponse></EBD>";
    let speaker = b"{\"key\":\"533324-ab.1\",\"state\":\"played\",\"at\":\"2026-07-01T04:18:00+08:00\"}";
    let corpus = [jiaoying::gateway::ebd::pack_any(state), state.as_bytes().to_vec(), speaker.to_vec()];
    let mut read = 0;
    for seed in 0..seeds() {
        let bytes = mutated(seed, &corpus);
        let held = std::panic::catch_unwind(|| targets::broadcast(&bytes));
        assert!(held.is_ok(), "seed {seed}: {}", String::from_utf8_lossy(&bytes));
        let whole = jiaoying::gateway::ebd::read_any("", &bytes).is_ok();
        read += u64::from(whole || jiaoying::gateway::mqtt::read_state(&bytes).is_ok());
    }
    assert!(read > seeds() / 100 && read < seeds(), "{read} of {}: mutations that break all prove nothing", seeds());
}

/// Documents inside the byte limit that are built to be costly.
#[test]
fn costly_documents_stay_cheap() {
    let cap = |body: &str| format!("<alert xmlns:x=\"{}\">{body}</alert>", "u".repeat(9_000));
    let national = |body: &str| format!("<alert><senderCode>1</senderCode>{body}</alert>");
    let many = |n: usize, each: &dyn Fn(usize) -> String| (0..n).map(each).collect::<String>();
    let area = |body: &str| national(&format!("<info><eventType>11B03</eventType><area>{body}</area></info>"));
    let rows = [
        ("bare &", cap(&"& ".repeat(500_000))),
        ("attributes", format!("<alert {}/>", many(70_000, &|i| format!("a{i}='' ")))),
        ("foreign", cap(&"<x:a/>".repeat(49_000))),
        ("infos", cap(&many(24_000, &|i| format!("<info><headline>{i}</headline></info>")))),
        (
            "areas",
            cap(&format!("<info>{}</info>", many(24_000, &|i| format!("<area><areaDesc>{i}</areaDesc></area>")))),
        ),
        (
            "circles",
            cap(&format!(
                "<info><area>{}</area></info>",
                many(30_000, &|i| format!("<circle>1,{}.{:03} 1</circle>", i / 1000, i % 1000))
            )),
        ),
        ("parameters", cap(&format!("<info>{}</info>", "<parameter><valueName/></parameter>".repeat(24_000)))),
        ("methods", national(&format!("<code>{}</code>", "<method><message>x</message></method>".repeat(24_000)))),
        (
            "groups",
            national(&format!("<code><method><audienceGrp>{}</audienceGrp></method></code>", "1,".repeat(500_000))),
        ),
        ("bare references", national(&format!("<references>{}</references>", many(90_000, &|i| format!("{i} "))))),
        ("levels", national(&format!("<info><headline>{}</headline></info>", "Ⅰ".repeat(300_000)))),
        ("lines", area(&format!("<polygon>{}</polygon>", many(70_000, &|i| format!("99.{i},26.1 "))))),
        (
            "national codes",
            area(&format!("<geocode>{}</geocode>", many(70_000, &|i| format!("{},", 530_000_000_000 + i)))),
        ),
        (
            "codes",
            format!("{{\"areas\":[{{\"codes\":[\"{}\"]}}]}}", many(100_000, &|i| format!("{:09},", i + 100_000_001))),
        ),
        ("numbers", format!("{{\"areas\":[{{\"polygons\":[[{}0]]}}]}}", "0,".repeat(500_000))),
    ];
    for (what, text) in rows {
        assert!(text.len() <= jiaoying::intake::formats::Limits::default().bytes_max, "{what}: {}", text.len());
        let begun = Instant::now();
        targets::document(text.as_bytes());
        assert!(begun.elapsed() < TIME_MAX, "{what} took {:?}", begun.elapsed());
    }
}
