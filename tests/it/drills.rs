//! Promise 7: a drill never looks like the real thing, a test rings nobody, and a real red or orange
//! warning suspends drills on its ground.

use chrono::Datelike;
use futures::FutureExt;
use jiaoying::directory::{Directory, sample};
use jiaoying::engine::is_marked;
use jiaoying::evidence::read_drill_year;
use jiaoying::gateway::simulator::People;
use jiaoying::intake::formats::Limits;
use jiaoying::intake::{DRILL_ACCOUNT, DrillSchedule, FrontDesk, Sender, Senders, post_drills, unposted_drills};
use jiaoying::journal::{Journal, MemoryJournal};
use jiaoying::model::*;
use jiaoying::sim::{Faults, Post, Scene, World, as_drill, built_in_plans, message_json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

const BEGIN: Timestamp = Timestamp(1_780_000_000_000_000);
const TOWNSHIP: &str = "533324204";

fn directory() -> Arc<Directory> {
    let key = SecretKey::new([7; 32]);
    Arc::new(sample(&RegionCode::parse(TOWNSHIP).unwrap(), 1, &key).build(1).unwrap())
}

fn after(s: i64) -> Timestamp {
    BEGIN.plus_ms(s * 1000)
}

fn alert(id: &str, colour: &str, at: i64) -> Vec<u8> {
    message_json(id, "alert", &[], ("暴雨", colour), &[TOWNSHIP], (after(at), after(3600)))
}

fn cancel(id: &str, at: i64) -> Vec<u8> {
    message_json("Z", "cancel", &[id], ("暴雨", "red"), &[TOWNSHIP], (after(at), after(3600)))
}

/// Posts each document at its second, in a world without faults, until `end` seconds.
fn run(posts: Vec<(i64, Vec<u8>)>, end: i64) -> World {
    let posts = posts.into_iter().map(|(s, body)| Post { at: after(s), body }).collect();
    let scene = Scene {
        begins: BEGIN,
        directory: directory(),
        plans: Arc::new(built_in_plans().unwrap()),
        senders: Scene::senders(),
        posts,
        key: SecretKey::new([7; 32]),
    };
    let journal = Arc::new(MemoryJournal::default());
    let mut world = World::new(scene, journal.clone(), People::new(3), Faults::default(), 3);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    while let Some(at) = world.next_at().filter(|at| *at < after(end)) {
        journal.set_now(at);
        runtime.block_on(world.step());
    }
    assert_eq!(world.checks.violations, []);
    world
}

/// The callouts of a county: the drill's, and the real one's.
fn callouts(world: &World, drill: bool) -> Vec<Arc<Callout>> {
    let in_county = |c: &Arc<Callout>| c.head.as_ref().is_some_and(|h| h.region.as_str() == "533324");
    world.gallery.all().into_iter().filter(|c| c.id.is_drill() == drill).filter(in_county).collect()
}

#[test]
fn a_drill_runs_whole_and_only_through_gateways_for_drills() {
    let world = run(vec![(1, as_drill(&alert("A", "red", 1)))], 1800);
    let drill = &callouts(&world, true)[0];
    assert!(drill.totals().satisfied > 0 && drill.clocks.iter().any(|c| !c.waits()), "answers and clocks");
    assert!(world.checks.seen.drill_sends > 10 && world.checks.seen.drill_sends == world.checks.seen.sends);
    assert!(drill.attempts.iter().all(|a| a.gateway.as_str().starts_with("drill-")));
    // There are no loudspeakers for drills: they stay silent, and the timeline says why.
    let records = world.journal().read(drill.id.stream(), 0, 10_000).now_or_never().unwrap().unwrap();
    let events: Vec<Entry> = records.iter().flat_map(|r| r.entries().unwrap()).collect();
    let skipped = |e: &Entry| matches!(e.1, Event::RungSkipped { reason: SkipReason::NoDrillGateway, .. });
    assert!(events.iter().any(skipped));
    assert!(drill.attempts.iter().all(|a| a.channel != Channel::Broadcast));
}

#[test]
fn one_identifier_is_a_drill_and_the_real_thing_and_neither_ends_the_other() {
    for drill_first in [true, false] {
        let (drill, real) = (as_drill(&alert("A", "yellow", 1)), alert("A", "yellow", 1));
        let (first, second) = if drill_first { (drill, real) } else { (real, drill) };
        let posts = vec![(1, first), (5, second), (300, as_drill(&cancel("A", 300)))];
        let world = run(posts, 400);
        assert!(world.receipts.iter().all(|r| r.accepted && !r.duplicate), "{:?}", world.receipts);
        assert_eq!(callouts(&world, true)[0].closed, Some(CloseReason::Cancelled));
        assert_eq!(callouts(&world, false)[0].closed, None, "the Cancel of a drill finds nothing real");
        let world = run(
            vec![(1, alert("A", "yellow", 1)), (2, as_drill(&alert("A", "yellow", 1))), (300, cancel("A", 300))],
            400,
        );
        assert_eq!(callouts(&world, true)[0].closed, None, "nor the reverse");
        assert_eq!(callouts(&world, false)[0].closed, Some(CloseReason::Cancelled));
    }
}

#[test]
fn a_real_red_ends_the_drill_at_once_and_a_drill_beside_it_does_not_begin() {
    let world = run(
        vec![
            (1, as_drill(&alert("D", "red", 1))),
            (120, alert("A", "red", 120)),
            (300, as_drill(&alert("E", "blue", 300))),
        ],
        900,
    );
    let drills = callouts(&world, true);
    assert_eq!(drills.len(), 2);
    let real = &callouts(&world, false)[0];
    assert!(drills.iter().all(|d| d.closed == Some(CloseReason::Suspended)));
    let began = real.head.as_ref().unwrap().opened_at;
    let late = drills.iter().find(|d| d.head.as_ref().unwrap().opened_at > began).unwrap();
    assert!(late.attempts.is_empty(), "nobody was rung by it");
    let told = &world.receipts[2].findings;
    assert!(told.iter().any(|f| f.reason.contains("suspended in 533324")), "{told:?}");
    let first = drills.iter().find(|d| d.id != late.id).unwrap();
    let hung_up = |a: &&Attempt| a.failure == Some(Failure::Withdrawn) && a.channel == Channel::Voice;
    assert!(first.attempts.iter().any(|a| hung_up(&a)), "calls of the drill are hung up");
    let rings = |a: &&Attempt| a.is_live() && a.channel == Channel::Voice;
    assert!(!first.attempts.iter().any(|a| rings(&a)), "and none rings on");
    let notices = first.calls.iter().filter(|c| c.purpose == Purpose::Suspended);
    let (told, reached): (BTreeSet<_>, BTreeSet<_>) = (
        notices.map(|c| c.person).collect(),
        first.attempts.iter().filter(|a| a.failure.is_none()).map(|a| first.calls[a.call as usize].person).collect(),
    );
    assert!(!reached.is_empty() && told.is_superset(&reached), "whoever was reached is told");
}

#[test]
fn a_real_yellow_leaves_drills_alone() {
    let world = run(vec![(1, as_drill(&alert("D", "red", 1))), (60, alert("A", "yellow", 60))], 300);
    assert_eq!(callouts(&world, true)[0].closed, None);
}

#[test]
fn no_plan_can_lose_the_marks_of_a_drill() {
    let world = run(vec![(1, as_drill(&alert("A", "red", 1)))], 900);
    let mut drill = (*callouts(&world, true)[0]).clone();
    let plain = |text: &str| text.to_owned();
    drill.head.as_mut().unwrap().plan.texts = Texts {
        sms: plain("{headline}"),
        voice: plain(""),
        broadcast: plain("{place}"),
        cancelled: plain("x"),
        retracted: plain("x"),
        dropped: plain("x"),
        updated: plain("x"),
        ask_code: plain("x"),
        remind: plain("x"),
        ..Texts::default()
    };
    for channel in Channel::ALL {
        for purpose in [
            Purpose::CallOut,
            Purpose::Alert,
            Purpose::Cancelled,
            Purpose::Retracted,
            Purpose::Dropped,
            Purpose::Updated,
            Purpose::AskCode,
            Purpose::Remind,
            Purpose::Suspended,
        ] {
            let call = drill.attempts[0].call as usize;
            drill.attempts[0].channel = channel;
            drill.calls[call].purpose = purpose;
            let text = jiaoying::engine::render(&drill, 0, "http://h/a/x");
            assert!(is_marked(&text), "{purpose:?} on {channel:?}: {text}");
            drill.head.as_mut().unwrap().status = Status::Actual;
            assert!(!is_marked(&jiaoying::engine::render(&drill, 0, "http://h/a/x")));
            drill.head.as_mut().unwrap().status = Status::Exercise;
        }
    }
}

fn schedule(days: ((u32, u32), (u32, u32)), in_turn: bool) -> DrillSchedule {
    DrillSchedule {
        name: "rain".into(),
        regions: vec![RegionCode::parse("533324").unwrap()],
        hazard: "暴雨".into(),
        colour: Colour::Orange,
        days,
        in_turn,
        minute: 600,
        title: "叫应演练".into(),
        text: "请回复".into(),
        lasts_ms: 7_200_000,
        grace_ms: 86_400_000,
    }
}

fn desk(journal: &Arc<MemoryJournal>, clock: &Arc<AtomicI64>) -> FrontDesk {
    let now = clock.clone();
    FrontDesk {
        journal: journal.clone(),
        directory: RwLock::new(directory()),
        plans: Arc::new(built_in_plans().unwrap()),
        senders: Senders(vec![Sender {
            name: DRILL_ACCOUNT.into(),
            account: DRILL_ACCOUNT.into(),
            senders: vec![DRILL_ACCOUNT.into()],
            regions: Vec::new(),
            hazards: Vec::new(),
            statuses: vec![Status::Exercise],
        }]),
        limits: Limits::default(),
        key: SecretKey::new([7; 32]),
        clock: Arc::new(move || Timestamp(now.load(Ordering::Relaxed))),
        entropy: Arc::new(|| [9; 32]),
        posted: Arc::new(|_| Box::pin(async { true })),
        recent: jiaoying::intake::Recent::default(),
    }
}

#[tokio::test]
async fn a_scheduled_drill_is_posted_once_by_whoever_leads_and_made_up_for_within_its_grace() {
    let (journal, clock) = (Arc::new(MemoryJournal::default()), Arc::new(AtomicI64::new(0)));
    let schedules = vec![schedule(((5, 12), (5, 12)), false)];
    let time = schedules[0].times(&directory(), 2026).remove(0);
    assert_eq!(
        (time.at.iso().as_str(), time.identifier.as_str()),
        ("2026-05-12T10:00:00.000+08:00", "drill-rain-2026-533324")
    );
    let post = async |ms: i64| {
        clock.store(time.at.plus_ms(ms).0, Ordering::Relaxed);
        // Each time another process.
        post_drills(&desk(&journal, &clock), &schedules, &mut BTreeSet::new()).await.unwrap();
        journal.inbox(Vec::new(), 100).await.unwrap().len()
    };
    assert_eq!(post(-1).await, 0, "not before its time");
    assert_eq!(post(3_600_000).await, 1, "an hour late, as the service was down");
    for again in [3_600_001, 7_000_000, 90_000_000] {
        assert_eq!(post(again).await, 1, "once");
    }
    let item = journal.inbox(Vec::new(), 100).await.unwrap().remove(0);
    assert!(item.stream.callout().unwrap().is_drill() && item.colour == Colour::Blue, "behind everything real");
    // The year after nobody was there within a day.
    let next = schedules[0].times(&directory(), 2027).remove(0);
    let late = next.at.plus_ms(86_400_000);
    clock.store(late.0, Ordering::Relaxed);
    post_drills(&desk(&journal, &clock), &schedules, &mut BTreeSet::new()).await.unwrap();
    assert_eq!(journal.inbox(Vec::new(), 100).await.unwrap().len(), 1);
    let missed = unposted_drills(&*journal, &directory(), &schedules, (2027, late), false).await.unwrap();
    assert_eq!(missed, [(0, next)], "told as missed");
}

#[test]
fn townships_take_turns_evenly_through_a_span_of_days() {
    let times = schedule(((5, 11), (5, 22)), true).times(&directory(), 2026);
    let known = directory().regions_in(&RegionCode::parse("533324").unwrap(), Level::Township).count();
    assert!(times.len() == known && known > 3, "{known}");
    let days: BTreeSet<u32> = times.iter().map(|t| t.at.to_cst().day()).collect();
    assert!(*days.first().unwrap() == 11 && *days.last().unwrap() <= 22 && days.len() == known.min(12));
    let names: BTreeSet<_> = times.iter().map(|t| &t.identifier).collect();
    assert_eq!(names.len(), times.len());
}

#[test]
fn the_yearly_record_tells_who_took_part_and_where_there_was_no_drill() {
    let village = "533324204201";
    let body = message_json("A", "alert", &[], ("暴雨", "red"), &[village], (after(1), after(1500)));
    let world = run(vec![(1, as_drill(&body)), (5, alert("R", "yellow", 5))], 2000);
    let (journal, directory) = (world.journal().clone(), directory());
    let year = BEGIN.to_cst().year();
    let read = |year| read_drill_year(&*journal, &directory, year).now_or_never().unwrap().unwrap();
    let record = read(year);
    let part = record.parts.iter().find(|p| p.place.region.as_str() == village).unwrap();
    assert!(part.called > 0 && part.answered > 0 && part.answered <= part.called && !part.suspended, "{part:?}");
    assert!(record.parts.iter().all(|p| p.callout.is_drill()), "nothing real counts");
    assert!(part.persons.len() == part.answered as usize && part.persons.iter().all(|p| directory.person(p).is_some()));
    let without: Vec<_> = record.without.iter().map(|p| p.region.as_str()).collect();
    assert!(!without.contains(&village) && !without.contains(&TOWNSHIP) && !without.is_empty(), "{without:?}");
    let before = read(year - 1);
    assert!(before.parts.is_empty() && before.without.len() > record.without.len());
    // Suspended, it does not count as held.
    let world = run(vec![(1, as_drill(&body)), (60, alert("R", "red", 60))], 600);
    let journal = world.journal().clone();
    let record = read_drill_year(&*journal, &directory, year).now_or_never().unwrap().unwrap();
    assert!(record.parts.iter().any(|p| p.suspended) && record.without.iter().any(|p| p.region.as_str() == village));
}
