//! The directory over the shipped divisions: what an area covers, who answers, how it is stored.

mod import;

use jiaoying::directory::{Cover, Directory, Draft, decode, encode, sample, yunnan};
use jiaoying::model::{
    Area, Circle, Gap, GapReason, Holders, Level, Person, Point, Posting, RegionCode, SecretKey, Target, TargetId,
    TargetKind, Timestamp,
};

const DULONGJIANG: &str = "533324204";

fn code(text: &str) -> RegionCode {
    RegionCode::parse(text).unwrap()
}

fn key() -> SecretKey {
    SecretKey::new([7; 32])
}

fn dulongjiang() -> Draft {
    sample(&code(DULONGJIANG), 1, &key())
}

fn build(draft: Draft) -> Directory {
    draft.build(1).unwrap()
}

fn codes(codes: &[&str]) -> Vec<Area> {
    vec![Area { codes: codes.iter().map(|c| code(c)).collect(), ..Area::default() }]
}

fn gap(ground: &str, reason: GapReason) -> Gap {
    Gap { ground: ground.into(), step: None, reason }
}

fn target(id: &str, region: &str, point: Option<Point>) -> Target {
    let (id, name, region) = (id.into(), id.into(), code(region));
    Target { id, name, kind: TargetKind::Grid, region, households: 1, persons: 1, special: 0, risk: 0, point }
}

fn person(id: &str, away: Option<(Timestamp, Timestamp)>) -> Person {
    Person { id: id.into(), name: id.into(), contacts: Vec::new(), language: "zh-CN".into(), away }
}

fn posting(post: &str, ground: &str, person: &str, rank: u8) -> Posting {
    Posting { post: post.into(), ground: ground.into(), person: person.into(), rank }
}

#[test]
fn the_shipped_divisions_are_complete() {
    let count = |level| yunnan().iter().filter(|r| r.code.level() == level).count();
    assert_eq!(Level::ALL.map(count), [1, 16, 129, 1461, 14888]);
    let directory = build(Draft { regions: yunnan().to_vec(), ..Draft::default() });
    assert_eq!(directory.villages_in(&code(DULONGJIANG)).count(), 6);
    assert_eq!(directory.place("533324204000"), "独龙江乡");
    assert_eq!(directory.known_ancestor(&code("533324999")), Some(code("533324")));
    assert_eq!(directory.known_ancestor(&code("110101")), None);
}

/// The covered targets of all regions.
fn covered(directory: &Directory, cover: &Cover) -> Vec<TargetId> {
    let targets = cover.regions.values().flat_map(|c| directory.targets_at(&c.targets));
    targets.map(|t| t.id.clone()).collect()
}

#[test]
fn a_code_covers_what_lies_in_it_and_nothing_beside_it() {
    let directory = build(dulongjiang());
    let all: Vec<TargetId> = directory.targets().iter().map(|t| t.id.clone()).collect();
    assert!(all.len() >= 6);
    for covering in ["533324204", "533324"] {
        let cover = directory.cover(&codes(&[covering]));
        assert_eq!(cover.regions.keys().cloned().collect::<Vec<_>>(), [code("533324")]);
        assert_eq!(covered(&directory, &cover), all);
    }
    let cover = directory.cover(&codes(&["533324204203"]));
    let expected: Vec<TargetId> = all.into_iter().filter(|id| id.as_str().starts_with("533324204203")).collect();
    assert_eq!(covered(&directory, &cover), expected);
    assert_eq!(directory.cover(&codes(&["533324204", "533324204203"])), directory.cover(&codes(&["533324204"])));
}

#[test]
fn a_covered_village_without_target_is_a_gap() {
    let mut draft = dulongjiang();
    draft.targets.retain(|t| t.region != code("533324204205"));
    draft.postings.retain(|p| !p.ground.starts_with("533324204205-"));
    let cover = build(draft).cover(&codes(&[DULONGJIANG]));
    assert_eq!(cover.regions[&code("533324")].gaps, [gap("533324204205", GapReason::NoTarget)]);
}

#[test]
fn a_code_above_the_county_opens_every_county_below() {
    let cover = build(dulongjiang()).cover(&codes(&["53"]));
    assert_eq!(cover.regions.len(), 129);
    let gaps: usize = cover.regions.values().map(|c| c.gaps.len()).sum();
    assert_eq!(gaps, 14888 - 6);
    assert!(cover.outside.is_empty());
}

#[test]
fn ground_that_is_not_known_is_named_not_dropped() {
    let directory = build(dulongjiang());
    let nameless = Area { name: "上游河谷".into(), ..Area::default() };
    let cover = directory.cover(&[codes(&["533324999", "110101", "5399"]), vec![nameless]].concat());
    let county = &cover.regions[&code("533324")];
    assert!(county.targets.is_empty());
    assert_eq!(county.gaps, [gap("533324999", GapReason::UnknownArea)]);
    let outside = ["110101", "5399", "上游河谷"].map(|ground| gap(ground, GapReason::UnknownArea));
    assert_eq!(cover.outside, outside);
}

#[test]
fn shapes_are_held_against_points_and_joined_with_codes() {
    let at = |lat, lon| Some(Point { lat, lon });
    let targets = vec![
        target("in", "533324204201", at(27.5, 98.5)),
        target("edge", "533324204202", at(27.0, 98.5)),
        target("near", "533324204203", at(28.005, 98.5)),
        target("far", "533324204204", at(28.2, 98.5)),
        target("unplaced", "533324204205", None),
    ];
    let directory = build(Draft { regions: yunnan().to_vec(), targets, ..Draft::default() });
    let ring = [(27.0, 98.0), (27.0, 99.0), (27.8, 99.0), (27.8, 98.0), (27.0, 98.0)];
    let square: Vec<Point> = ring.iter().map(|&(lat, lon)| Point { lat, lon }).collect();
    let covered = |area: Area| -> Vec<String> {
        covered(&directory, &directory.cover(&[area])).iter().map(ToString::to_string).collect()
    };
    assert_eq!(covered(Area { polygons: vec![square.clone()], ..Area::default() }), ["in", "edge"]);
    // 0.005 degrees of latitude are 556 m.
    let circle = |radius_m| Circle { centre: Point { lat: 28.0, lon: 98.5 }, radius_m };
    assert_eq!(covered(Area { circles: vec![circle(560.0)], ..Area::default() }), ["near"]);
    let beside = directory.cover(&[Area { name: "圈".into(), circles: vec![circle(550.0)], ..Area::default() }]);
    assert_eq!(beside.outside, [gap("圈", GapReason::UnknownArea)]);
    let both = Area { polygons: vec![square], codes: vec![code("533324204205")], ..Area::default() };
    assert_eq!(covered(both), ["in", "edge", "unplaced"]);
}

#[test]
fn seats_come_from_the_nearest_ground_that_has_the_post() {
    let now = Timestamp::default();
    let away = Some((now.plus_ms(-1), now.plus_ms(1)));
    let draft = Draft {
        regions: yunnan().to_vec(),
        targets: vec![target("533324204201-G001", "533324204201", None)],
        people: vec![person("a", away), person("b", None), person("c", None), person("county", None)],
        postings: vec![
            posting("grid", "533324204201-G001", "c", 3),
            posting("grid", "533324204201-G001", "b", 2),
            posting("grid", "533324204201-G001", "a", 1),
            posting("grid", "533324204", "county", 1),
            posting("duty", "533324", "county", 1),
            posting("duty", "53", "a", 1),
            posting("other", "533324204202", "a", 1),
        ],
    };
    let directory = build(draft);
    let ground = &directory.targets()[0];
    let seats = |post, holders, now| -> Vec<String> {
        directory.seats(post, holders, ground, now).iter().map(ToString::to_string).collect()
    };
    assert_eq!(seats("grid", Holders::Present, now), ["b"]);
    assert_eq!(seats("grid", Holders::Present, now.plus_ms(1)), ["a"], "the end of an absence is exclusive");
    assert_eq!(seats("grid", Holders::Deputies, now), ["b", "c"]);
    assert_eq!(seats("grid", Holders::Everyone, now), ["a", "b", "c"]);
    assert_eq!(seats("duty", Holders::Everyone, now), ["county"]);
    assert!(seats("other", Holders::Everyone, now).is_empty());
}

#[test]
fn a_draft_that_contradicts_itself_is_refused_with_every_fault() {
    let mut draft = dulongjiang();
    draft.targets.push(draft.targets[0].clone());
    draft.targets.push(target("high", "5333", None));
    draft.targets.push(target("lost", "533399", None));
    draft.people.push(draft.people[0].clone());
    draft.postings.push(posting("grid", "nowhere", "nobody", 1));
    let findings = draft.build(1).unwrap_err();
    let reasons: Vec<&str> = findings.iter().map(|f| f.reason.as_str()).collect();
    assert_eq!(findings.len(), 6, "{reasons:?}");
}

#[test]
fn people_are_found_by_number_and_contact() {
    let directory = build(dulongjiang());
    let person = directory.people().find(|p| p.contacts[0].number.starts_with("+86")).unwrap();
    let contact = &person.contacts[0];
    let short = contact.number.strip_prefix("+86").unwrap();
    for number in [contact.number.as_str(), short, &format!("0086 {short}")] {
        assert_eq!(directory.by_number(number), std::slice::from_ref(&person.id));
    }
    assert_eq!(directory.by_number("speaker-533324204201").len(), 1);
    assert!(directory.by_number("+8613000000000").is_empty());
    assert_eq!(directory.contact(&contact.id).unwrap().0.id, person.id);
    assert!(directory.contact(&"nobody.1".into()).is_none());
}

#[test]
fn a_sample_is_the_same_every_time_and_has_gaps_on_purpose() {
    assert_eq!(dulongjiang(), dulongjiang());
    assert_ne!(dulongjiang(), sample(&code(DULONGJIANG), 2, &key()));
    let directory = build(sample(&code("533324"), 1, &key()));
    let vacant = |t: &&Target| directory.seats("grid", Holders::Everyone, t, Timestamp::default()).is_empty();
    let vacant = directory.targets().iter().filter(vacant).count();
    assert!(vacant > 0 && vacant < directory.targets().len() / 5, "{vacant}");
    for t in directory.targets() {
        for post in ["village", "speaker", "township_duty", "county_duty", "prefecture_duty", "province_duty"] {
            assert!(!directory.seats(post, Holders::Present, t, Timestamp::default()).is_empty(), "{post}");
        }
    }
    let numbers: std::collections::BTreeSet<&str> =
        directory.people().flat_map(|p| &p.contacts).map(|c| c.number.as_str()).collect();
    assert_eq!(numbers.len(), directory.people().count());
}

#[test]
fn a_stored_version_comes_back_whole_and_shows_no_name_and_no_number() {
    let directory = build(dulongjiang());
    let chunks = encode(&directory, &key());
    assert!(chunks.len() > 17, "16,495 regions in chunks of 1,000");
    let text = chunks.iter().map(|c| String::from_utf8(c.clone()).unwrap()).collect::<String>();
    for person in directory.people() {
        assert!(!text.contains(&person.name), "a name");
        assert!(!text.contains(person.contacts[0].number.trim_start_matches("+86")), "a number");
    }
    let back = decode(&chunks, &key()).unwrap();
    assert!(encode(&back, &key()) == chunks, "the same bytes again");
    assert!(back.people().eq(directory.people()));
    assert_eq!(back.targets(), directory.targets());
    assert!(back.postings().eq(directory.postings()));
}

#[test]
fn damaged_or_foreign_bytes_are_no_directory() {
    let chunks = encode(&build(dulongjiang()), &key());
    assert!(decode(&chunks, &SecretKey::new([8; 32])).is_err());
    assert!(decode(&chunks[..chunks.len() - 1], &key()).is_err());
    assert!(decode(&chunks[1..], &key()).is_err());
    let mut bent = chunks.clone();
    bent[1].truncate(40);
    assert!(decode(&bent, &key()).is_err());
}

#[test]
fn an_erased_person_keeps_the_post_and_loses_name_and_numbers() {
    let directory = build(dulongjiang());
    let mut chunks = encode(&directory, &key());
    let id = directory.people().next().unwrap().id.clone();
    for chunk in &mut chunks {
        let mut json: serde_json::Value = serde_json::from_slice(chunk).unwrap();
        for record in json.get_mut("people").and_then(|p| p.as_array_mut()).into_iter().flatten() {
            if record["id"] == id.as_str() {
                record["key"] = "".into();
            }
        }
        *chunk = serde_json::to_vec(&json).unwrap();
    }
    let back = decode(&chunks, &key()).unwrap();
    let erased = back.person(&id).unwrap();
    assert!(erased.name.is_empty() && erased.contacts.is_empty());
    assert!(back.postings().any(|p| p.person == id));
    assert_eq!(back.people().filter(|p| p.name.is_empty()).count(), 1);
}
