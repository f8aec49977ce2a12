//! Replay, export, verification, figures.

use super::small;
use super::world::{START, World, ask, get};
use axum::http::StatusCode;
use jiaoying::engine;
use jiaoying::evidence::{Fault, Timeline, Verified, events, export, replay_at, summary, verify};
use jiaoying::model::{Callout, Digest, Entry, Timestamp};

#[tokio::test]
async fn the_replay_at_a_second_is_the_fold_up_to_it_byte_for_byte() {
    let world = small();
    let router = world.open();
    let id = world.id();
    let all: Vec<Entry> = events(world.journal.as_ref(), &id).await.unwrap().into_iter().map(|n| n.entry).collect();
    for second in [0, 1, 7, 61, 200, 359, 100_000] {
        let at = START.plus_ms(second * 1000);
        let mut by_hand = Callout::new(id.clone());
        all.iter().filter(|e| e.0 <= at).for_each(|e| engine::fold(&mut by_hand, e));
        let bytes = by_hand.canonical();
        assert_eq!(replay_at(world.journal.as_ref(), &id, Some(at)).await.unwrap().canonical(), bytes);
        for at in [second.to_string(), at.iso(), at.iso().replace('+', "%2B")] {
            let got = ask(&router, get(&format!("/callouts/{id}.json?at={at}"))).await;
            assert_eq!(got.body, bytes, "at {at}");
        }
    }
    let live = ask(&router, get(&format!("/callouts/{id}.json"))).await;
    assert_eq!(live.body, world.callout.canonical());
}

#[tokio::test]
async fn the_replay_page_is_marked_and_leads_to_its_neighbours() {
    let world = small();
    let router = world.open();
    let id = world.id();
    let timeline = Timeline::read(world.journal.as_ref(), &id).await.unwrap();
    let at = START.plus_ms(93_000);
    let around = timeline.around(at);
    assert!(around.earlier.unwrap() < at && at < around.later.unwrap());
    assert_eq!(around.count, timeline.entries.iter().filter(|e| e.0 <= at).count());
    let page = ask(&router, get(&format!("/callouts/{id}?at=93"))).await;
    assert!(page.text().contains("回放：不是现在的情况"));
    assert!(!page.text().contains("data-live"), "a replay does not move");
    let digest = Digest::of(&timeline.at(Some(at)).canonical()).hex();
    assert!(page.text().contains(&digest), "the state's digest stands on the page");
    for rel in ["prev", "next"] {
        let link = super::value(page.text(), &format!("rel=\"{rel}\" href=\""));
        let got = ask(&router, get(&format!("/callouts/{id}{link}"))).await;
        assert_eq!(got.status, StatusCode::OK, "{link}");
    }
    for (path, said) in [
        (format!("/callouts/{id}?at=-5"), "此刻叫应尚未开始"),
        (format!("/callouts/{id}?at=-5"), "叫应开始于 2026-07-01 04:18:00"),
        (format!("/callouts/{id}?at=-5&lang=en"), "Opened at 2026-07-01 04:18:00"),
        (format!("/callouts/{id}.json?at=-5"), "not opened yet; opened at 2026-07-01T04:18:00"),
        (format!("/callouts/{id}.json?at=2026-06-30T00:00:00Z"), "此刻叫应尚未开始；开始于 2026-07-01T04:18:00"),
    ] {
        let before = ask(&router, get(&path)).await;
        assert_eq!(before.status, StatusCode::NOT_FOUND, "{path}");
        assert!(before.text().contains(said), "{path}: {}", before.text());
    }
    let nonsense = ask(&router, get(&format!("/callouts/{id}?at=noon"))).await;
    assert_eq!(nonsense.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_export_verifies_offline() {
    let world = small();
    let id = world.id();
    let mut file = Vec::new();
    export(world.journal.as_ref(), &id, &mut file).await.unwrap();
    let got = ask(&world.open(), get(&format!("/callouts/{id}/export"))).await;
    assert_eq!(got.body, file, "the page and the tool write the same file");
    let Verified { stream, records, events, state_digest, totals, .. } = verify(&file[..]).unwrap();
    assert_eq!((stream, events), (id.stream(), world.callout.seq));
    assert_eq!(records, file.iter().filter(|b| **b == b'\n').count() as u64 - 2);
    assert_eq!(state_digest, Digest::of(&world.callout.canonical()));
    assert_eq!(totals, world.callout.totals());
}

#[tokio::test]
async fn every_bent_line_is_found_and_named() {
    let mut world = World::new("533324204");
    world.run(90);
    let mut file = Vec::new();
    export(world.journal.as_ref(), &world.id(), &mut file).await.unwrap();
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let faults = |lines: &[String]| verify((lines.join("\n") + "\n").as_bytes()).unwrap_err();
    let owned = || lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let names = |faults: &[Fault], line: usize| faults.iter().any(|f| f.line == line as u64 + 1);
    for ix in 0..lines.len() {
        let mut missing = owned();
        missing.remove(ix);
        assert!(!faults(&missing).is_empty(), "line {ix} left out");
        // One digit or letter anywhere in the line.
        for place in [3, lines[ix].len() / 3, lines[ix].len() / 2, lines[ix].len() - 4] {
            let mut bent = owned();
            let mut chars: Vec<char> = lines[ix].chars().collect();
            let place = place.min(chars.len() - 1);
            chars[place] = if chars[place] == '7' { '8' } else { '7' };
            bent[ix] = chars.into_iter().collect();
            let found = faults(&bent);
            // A header that names another stream shows at the first record.
            assert!(
                names(&found, ix) || (ix == 0 && names(&found, 1)),
                "line {ix}, character {place}: {:?}",
                found.first()
            );
        }
        let mut doubled = owned();
        doubled.insert(ix, lines[ix].to_owned());
        assert!(names(&faults(&doubled), ix + 1), "line {ix} doubled");
    }
    let mut blanks = owned();
    blanks[2].insert(1, ' ');
    assert!(names(&faults(&blanks), 2), "not the bytes that were written");
    assert!(!verify(&b""[..]).unwrap_err().is_empty());
    assert!(!verify(&b"\xff\n{}\n"[..]).unwrap_err().is_empty());
}

#[tokio::test]
async fn a_chain_forged_anew_does_not_fold() {
    use jiaoying::journal::Record;
    use jiaoying::model::Event;
    let world = small();
    let timeline = Timeline::read(world.journal.as_ref(), &world.id()).await.unwrap();
    for event in [
        Event::TargetSatisfied { target: 9999, step: 0, call: Some(0) },
        Event::CallSilenced { call: 9999 },
        Event::ClockMet { clock: 9999 },
    ] {
        let mut entries = timeline.entries.clone();
        entries.push(Entry(timeline.entries.last().unwrap().0, event));
        let records = Record::chain(&timeline.id.stream(), 0, Digest::default(), START, &entries).unwrap();
        let forged = Timeline { id: timeline.id.clone(), records, entries: timeline.entries.clone() };
        let mut file = Vec::new();
        jiaoying::evidence::write_export(&forged, &mut file).unwrap();
        let faults = verify(&file[..]).unwrap_err();
        assert!(faults[0].reason.contains("that is not there"), "{faults:?}");
    }
}

#[test]
fn figures_add_up_and_merge() {
    let mut world = small();
    world.run(3000);
    let one = summary(&world.callout);
    let totals = world.callout.totals();
    assert_eq!(one.satisfied.values().sum::<u32>(), totals.satisfied);
    assert_eq!(one.attempts.values().sum::<u32>() as usize, world.callout.attempts.len());
    let clocks: u32 = one.clocks.values().map(|c| c.met + c.missed + c.running + c.stopped).sum();
    assert_eq!(clocks as usize, world.callout.clocks.len());
    assert!(one.answer_ms.p50.unwrap() > 0 && one.answer_ms.p50 <= one.answer_ms.p95);
    assert_eq!(one.answer_ms.count, totals.satisfied);
    let mut two = one.clone();
    two.merge(&one);
    assert_eq!((two.callouts, two.targets), (2, 2 * one.targets));
    assert_eq!((two.answer_ms.p50, two.answer_ms.p95), (one.answer_ms.p50, one.answer_ms.p95));
    let json = serde_json::to_value(&two).unwrap();
    assert_eq!(json["answer_ms"]["count"], 2 * totals.satisfied);
    assert!(world.now > Timestamp::default());
}
