//! Survival: after `kill -9` at any moment the restarted service goes on.

use crate::support::service::{Service, until};
use crate::support::store::{Kind, with_store};
use crate::support::{say, servers};
use jiaoying::engine;
use jiaoying::journal::{Journal, SelectCallouts, verify_chain};
use jiaoying::model::{Callout, Entry, Event, Fact, Phase, Timestamp};
use jiaoying::sim::message_json;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The ground: a county with 29 villages.
const REGION: &str = "533324";

fn warning(name: &str, hazard: &str, colour: &str) -> Vec<u8> {
    let sent = jiaoying::runtime::clock::now();
    message_json(name, "alert", &[], (hazard, colour), &[REGION], (sent, sent.plus_ms(3_600_000)))
}

async fn timelines(journal: &dyn Journal) -> Vec<(Callout, Vec<Entry>)> {
    let before = Timestamp(i64::MAX);
    let rows = journal.callouts(SelectCallouts::Before { before, limit: 1000 }).await.unwrap();
    let mut timelines = Vec::new();
    for id in rows.iter().filter_map(|r| r.stream.callout()) {
        let records = journal.read(id.stream(), 0, 1_000_000).await.unwrap();
        verify_chain(&records).unwrap();
        let entries: Vec<Entry> = records.iter().flat_map(|r| r.entries().unwrap()).collect();
        timelines.push((engine::replay(id, &entries), entries));
    }
    timelines
}

fn decided(callout: &Callout) -> bool {
    callout.targets.iter().all(|t| !t.is_wanted() || t.alarm)
}

/// Checks what the carrier saw against what the journal holds.
fn check(service: &Service, timelines: &[(Callout, Vec<Entry>)]) {
    let seen = service.sink.seen.lock().unwrap();
    let mut known = BTreeSet::new();
    let (mut unknown, mut repeats, mut bundles) = (0, 0, BTreeSet::new());
    for (callout, entries) in timelines {
        assert!(decided(callout), "{}: {:?}", callout.id, callout.totals());
        let mut satisfied: BTreeMap<u32, Timestamp> = BTreeMap::new();
        let mut unsure = BTreeSet::new();
        let mut rungs: BTreeMap<(u32, u8, u16, usize), u32> = BTreeMap::new();
        let mut ladders: BTreeMap<u32, usize> = BTreeMap::new();
        for Entry(at, event) in entries {
            match event {
                Event::TargetSatisfied { target, .. } => drop(satisfied.insert(*target, *at)),
                Event::StepStarted { target, .. } => drop(satisfied.remove(target)),
                Event::CallPlanned { call, due: Some(_), .. } => *ladders.entry(*call).or_default() += 1,
                Event::AttemptReported { attempt, fact: Fact::Unknown { .. } | Fact::Failed { .. }, .. } => {
                    unknown += 1;
                    unsure.insert(*attempt);
                }
                Event::AttemptReleased { attempt, call, track, rung, targets, bundle, .. } => {
                    let own = format!("{}.{attempt}", callout.id);
                    // The gateway sees the key of the attempt that leads.
                    if let Some(leader) = bundle.first().map(ToString::to_string).filter(|leader| *leader != own) {
                        assert!(!seen.attempts.contains_key(&own), "{own} reached the carrier beside {leader}");
                        bundles.insert(leader);
                    }
                    known.insert(own);
                    let satisfied = |t: &u32| satisfied.get(t).is_some_and(|since| since < at);
                    assert!(
                        targets.is_empty() || !targets.iter().all(satisfied),
                        "{}.{attempt}: a satisfied one is called",
                        callout.id
                    );
                    let ladder = ladders.get(call).copied().unwrap_or(0);
                    if let Some(before) = rungs.insert((*call, *track, *rung, ladder), *attempt) {
                        repeats += 1;
                        assert!(
                            unsure.contains(&before),
                            "{}.{attempt} repeats {before}, whose fate was known",
                            callout.id
                        );
                    }
                }
                _ => {}
            }
        }
        for (ix, t) in callout.targets.iter().enumerate() {
            assert!(!matches!(t.phase, Phase::Covered), "{}: target {ix} was forgotten", callout.id);
        }
    }
    for (key, (times, _)) in &seen.attempts {
        assert!(known.contains(key), "{key} reached the carrier and is in no timeline");
        assert_eq!(*times, 1, "{key} reached the carrier twice");
    }
    say(&format!(
        "survival: {} attempts sent, {unknown} unknown or failed, {repeats} rungs repeated, {} bundles",
        seen.order.len(),
        bundles.len()
    ));
}

/// Kills the service again and again while warnings come in and people answer.
async fn kill_and_go_on(service: &mut Service, kills: u32, mut post: impl AsyncFnMut(&Service, Vec<u8>)) {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(u64::from(kills));
    service.start();
    service.ready().await;
    // Two of one colour under one plan: whoever is wanted for both gets one call.
    let warnings = [("W1", "暴雨", "red"), ("W2", "大风", "blue"), ("W3", "雷电", "orange"), ("W4", "山洪灾害", "red")];
    for (name, hazard, colour) in warnings {
        post(service, warning(name, hazard, colour)).await;
    }
    for _ in 0..kills {
        // The moment is the point here: there is no state to wait for.
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..900))).await;
        service.kill().await;
        service.start();
        service.ready().await;
    }
    let journal = service.journal().await;
    until("every target is decided", 60, async || {
        // What goes up from one callout is under way to the next: an empty inbox between two equal
        // looks at the timelines.
        let seen = timelines(&*journal).await;
        let under_way = journal.inbox(Vec::new(), 1).await.unwrap();
        let length = |all: &[(Callout, Vec<Entry>)]| all.iter().map(|(_, entries)| entries.len()).sum::<usize>();
        under_way.is_empty()
            && seen.len() >= 4
            && seen.iter().all(|(c, _)| decided(c))
            && length(&timelines(&*journal).await) == length(&seen)
    })
    .await;
    service.stop().await;
    let timelines = timelines(&*journal).await;
    check(service, &timelines);
    // Private by default: no log line holds a number.
    let logs = service.logs();
    assert!(!logs.contains("8619900"), "a phone number stands in a log");
    let covered: usize = timelines.iter().map(|(c, _)| c.targets.len()).sum();
    assert!(covered >= 3 * 40, "{covered} targets");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_the_next_engine_does_not_wait_for_the_lease_of_the_dead_one() {
    let mut service = Service::prepare(None, None, REGION, true).await;
    let file = service.folder.path().join("jiaoying.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    assert!(config.contains("lease_ttl_s = 3\n"));
    std::fs::write(&file, config.replace("lease_ttl_s = 3\n", "lease_ttl_s = 300\n")).unwrap();
    service.start();
    service.ready().await;
    service.kill().await;
    service.start();
    service.ready().await;
    assert!(service.log().contains("the engine that holds the lease is dead"), "{}", service.log());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_many_moments_on_sqlite() {
    let mut service = Service::prepare(None, None, REGION, true).await;
    let kills = if servers::all() { 40 } else { 6 };
    kill_and_go_on(&mut service, kills, async |service, body| {
        let receipt = service.post(body).await;
        assert_eq!(receipt["accepted"], true, "{receipt}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_many_moments_on_postgres_and_rabbitmq() {
    let Some((broker, _turn)) = servers::amqp().await else { return };
    with_store(Kind::Postgres, |store| async move {
        let name = format!("survival-{}", std::process::id());
        let section = format!(
            "url = \"{broker}\"\nexchange = \"{name}.w\"\nurgent_queue = \"{name}.u\"\nnormal_queue = \"{name}.n\"\n\
             parking_queue = \"{name}.p\"\nevents_exchange = \"{name}.e\"\n"
        );
        let mut service = Service::prepare(store.url.clone(), Some(&section), REGION, true).await;
        let connection = Connection::connect(&broker, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let kills = if servers::all() { 60 } else { 8 };
        kill_and_go_on(&mut service, kills, async |_, body| {
            let properties = BasicProperties::default().with_user_id("guest".into()).with_delivery_mode(2);
            let exchange = format!("{name}.w");
            let sent = channel.basic_publish(
                exchange.as_str().into(),
                "warning.urgent.533324".into(),
                BasicPublishOptions::default(),
                &body,
                properties,
            );
            sent.await.unwrap().await.unwrap();
        })
        .await;
    })
    .await;
}
