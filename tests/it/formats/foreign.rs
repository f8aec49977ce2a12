//! Differential: what parsers of other makers read in CAP documents, ours reads too; and the schema of
//! the JSON form against a validator of another maker.

use super::{Sample, blocks, cap_files, data};
use crate::support::servers;
use jiaoying::intake::formats::parse;
use jiaoying::model::{Colour, Hazard, Message, Point, RegionCode, Timestamp};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::Command;

/// A CAP document as a foreign parser reads it.
#[derive(Debug, Deserialize)]
struct Foreign {
    identifier: String,
    sender: String,
    sent: String,
    status: String,
    #[serde(rename = "msgType")]
    msg_type: String,
    references: Vec<String>,
    infos: Vec<Info>,
}

#[derive(Debug, Deserialize)]
struct Info {
    event: String,
    severity: String,
    effective: Option<String>,
    onset: Option<String>,
    expires: Option<String>,
    headline: Option<String>,
    areas: Vec<Area>,
}

#[derive(Debug, Deserialize)]
struct Area {
    codes: Vec<String>,
    polygons: Vec<Vec<(f64, f64)>>,
    circles: Vec<(f64, f64, f64)>,
}

/// Compares all that both read.
fn agree(who: &str, file: &str, ours: &Message, foreign: &Foreign) {
    let time = |text: &String| Timestamp::parse_iso(text).unwrap();
    let times =
        |pick: fn(&Info) -> &Option<String>| foreign.infos.iter().filter_map(move |i| pick(i).as_ref().map(time));
    let at = format!("{file} as {who} reads it");
    assert_eq!((&ours.sender, &ours.identifier), (&foreign.sender, &foreign.identifier), "{at}");
    assert_eq!(ours.status.name(), foreign.status.to_lowercase(), "{at}");
    assert_eq!(format!("{:?}", ours.kind), foreign.msg_type, "{at}");
    assert_eq!(ours.sent, Some(time(&foreign.sent)), "{at}");
    assert_eq!(ours.references, foreign.references, "{at}");
    assert_eq!(ours.effective, times(|i| &i.effective).min(), "{at}");
    assert_eq!(ours.onset, times(|i| &i.onset).min(), "{at}");
    assert_eq!(ours.expires, times(|i| &i.expires).max(), "{at}");
    // Ours is one hazard and one colour of what the infos say.
    assert!(foreign.infos.iter().any(|i| Hazard::from_word(&i.event) == ours.hazard), "{at}: {:?}", ours.hazard);
    let rank = |info: &Info| match info.severity.as_str() {
        "Extreme" => Some(Colour::Red),
        "Severe" => Some(Colour::Orange),
        "Moderate" => Some(Colour::Yellow),
        "Minor" => Some(Colour::Blue),
        other => (other != "Unknown").then(|| panic!("{at}: {other}")),
    };
    assert_eq!(ours.colour, foreign.infos.iter().filter_map(rank).max(), "{at}");
    let mut headlines: Vec<&str> = ours.wording.iter().map(|w| w.headline.as_str()).collect();
    let mut theirs: Vec<&str> = foreign.infos.iter().filter_map(|i| i.headline.as_deref()).collect();
    headlines.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(headlines, theirs, "{at}");
    ground(&at, ours, foreign);
}

/// The same ground in two infos counts once.
fn ground(at: &str, ours: &Message, foreign: &Foreign) {
    let areas = || foreign.infos.iter().flat_map(|i| &i.areas);
    let once = |mut list: Vec<String>| {
        list.sort();
        list.dedup();
        list
    };
    let written = |point: &(f64, f64)| Point { lat: point.0, lon: point.1 };
    let codes =
        areas().flat_map(|a| &a.codes).flat_map(|c| c.split(',')).map(|c| RegionCode::parse(c).unwrap().to_string());
    let rings = areas().flat_map(|a| &a.polygons).map(|r| format!("{:?}", r.iter().map(written).collect::<Vec<_>>()));
    let circles = areas().flat_map(|a| &a.circles).map(|(lat, lon, km)| format!("{lat},{lon} {}", km * 1000.0));
    let own = || ours.areas.iter();
    assert_eq!(once(own().flat_map(|a| &a.codes).map(ToString::to_string).collect()), once(codes.collect()), "{at}");
    assert_eq!(
        once(own().flat_map(|a| &a.polygons).map(|r| format!("{r:?}")).collect()),
        once(rings.collect()),
        "{at}"
    );
    let own_circles =
        own().flat_map(|a| &a.circles).map(|c| format!("{},{} {}", c.centre.lat, c.centre.lon, c.radius_m));
    assert_eq!(once(own_circles.collect()), once(circles.collect()), "{at}");
}

fn ours(sample: &Sample) -> Message {
    let parsed = parse(sample.text.as_bytes());
    parsed.message.unwrap_or_else(|| panic!("{}: {:?}", sample.name, parsed.findings))
}

#[test]
fn oasiscap_reads_the_same() {
    for sample in cap_files() {
        let alert: oasiscap::Alert = sample.text.parse().unwrap_or_else(|e| panic!("{}: {e:?}", sample.name));
        let alert = alert.into_latest();
        let time = |at: &oasiscap::DateTime| chrono::DateTime::from(*at).to_rfc3339();
        let area = |area: &oasiscap::v1dot2::Area| Area {
            codes: area.geocode.clone().into_iter().map(|(_, value)| value).collect(),
            polygons: area.polygons.iter().map(|p| p.iter().map(|p| (p.latitude(), p.longitude())).collect()).collect(),
            circles: area.circles.iter().map(|c| (c.center.latitude(), c.center.longitude(), c.radius)).collect(),
        };
        let info = |info: &oasiscap::v1dot2::Info| Info {
            event: info.event.clone(),
            severity: format!("{:?}", info.severity),
            effective: info.effective.as_ref().map(time),
            onset: info.onset.as_ref().map(time),
            expires: info.expires.as_ref().map(time),
            headline: info.headline.clone(),
            areas: info.areas.iter().map(area).collect(),
        };
        let foreign = Foreign {
            identifier: alert.identifier.to_string(),
            sender: alert.sender.to_string(),
            sent: time(&alert.sent),
            status: format!("{:?}", alert.status),
            msg_type: format!("{:?}", alert.message_type),
            references: alert.references.iter().flatten().map(|r| r.identifier.to_string()).collect(),
            infos: alert.info.iter().map(info).collect(),
        };
        agree("oasiscap", &sample.name, &ours(&sample), &foreign);
    }
}

#[test]
fn capparser_reads_the_same() {
    let Some(python) = servers::judges() else { return };
    let samples = cap_files();
    let list = run(&python, &["cap"], samples.iter().map(|s| s.path.clone()).collect());
    let list: Vec<Foreign> = serde_json::from_str(&list).unwrap();
    assert_eq!(list.len(), samples.len());
    for (sample, foreign) in samples.iter().zip(&list) {
        agree("capparser", &sample.name, &ours(sample), foreign);
    }
}

#[test]
fn the_documented_examples_and_the_fixtures_follow_the_schema() {
    let Some(python) = servers::judges() else { return };
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, jiaoying::intake::formats::MESSAGE_SCHEMA).unwrap();
    let mut files = vec![data("message-alert-red.json"), data("message-earthquake.json")];
    for (i, block) in blocks("json").into_iter().enumerate() {
        files.push(folder.path().join(format!("docs-{i}.json")));
        std::fs::write(files.last().unwrap(), block).unwrap();
    }
    assert!(files.len() > 2, "docs/FORMATS.md holds an example");
    assert_eq!(run(&python, &["schema", schema.to_str().unwrap()], files).trim(), "");
    // The judge can say no.
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, r#"{"sender":"a","identifier":"b","status":"actual","kind":"alert","hazard":"11B03"}"#)
        .unwrap();
    let output = judge(&python, &["schema", schema.to_str().unwrap()], vec![bad]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("'colour' is a required property"));
}

fn judge(python: &str, task: &[&str], files: Vec<PathBuf>) -> std::process::Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign.py");
    Command::new(python).env("PYTHONUTF8", "1").arg(script).args(task).args(files).output().unwrap()
}

fn run(python: &str, task: &[&str], files: Vec<PathBuf>) -> String {
    let output = judge(python, task, files);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}
