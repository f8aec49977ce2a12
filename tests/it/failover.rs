//! Two gateways over HTTP, one of them killed under a thousand calls: none is lost, and none is silent for longer than its
//! attempt was valid.

use crate::support::service::{Service, until};
use crate::support::sink::{SECRET, Sink};
use jiaoying::journal::{Journal, SelectCallouts};
use jiaoying::model::{Entry, Event, Fact, Failure, Passed, Purpose, SkipReason, Stage, Timestamp};
use jiaoying::sim::message_json;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Each grid person once, by short message; nobody answers here. Attempts are valid for ten seconds.
const PLAN: &str = r#"
name = "once"
in_force_s = 3600
repeat_s = 600
repeat_from = 0
retry_s = 5
gather_s = 1
valid_s = 10

[scope]

[texts]
sms = "{headline} {place} 收到回复1#{code} 不能到岗回复2#{code}"
voice = "{headline} {place} 收到请按1 不能请按2"
broadcast = "{headline}"
cancelled = "解除 {headline}"
updated = "更新 {headline}"
ask_code = "请回复1#{code}"

[[step]]
name = "网格员"
posts = ["grid", "village"]
need = "any"
proof = "key"
outcome = "satisfied"
wait_s = 600

  [[step.ring]]
  channel = "sms"
  tries = 1
  wait_s = 500

[[above]]
name = "州市值班"
posts = ["prefecture_duty"]
holders = "everyone"
need = "any"
proof = "key"
outcome = "taken_over"
wait_s = 600

  [[above.ring]]
  channel = "sms"
  tries = 1
  wait_s = 500

[[clock]]
name = "answer"
title = "应答"
starts = "called"
until = "answered"
within_s = 600
source = "invented for tests"
"#;
/// A prefecture with some hundreds of villages.
const REGION: &str = "5331";
const CALLS: usize = 1000;
/// Milliseconds that an attempt of the plan is valid.
const VALID_MS: i64 = 10_000;

/// The way of one call: when it was first released, the attempts, and when a gateway took one.
#[derive(Default)]
struct Way {
    released: Option<Timestamp>,
    attempts: u32,
    taken: Option<Timestamp>,
}

/// All calls that ask for an answer, of which each has one rung here, and how often the dead gateway was passed over.
async fn ways(journal: &dyn Journal) -> (BTreeMap<(String, u32), Way>, usize) {
    let (mut ways, mut past) = (BTreeMap::<_, Way>::new(), 0);
    let all = SelectCallouts::Before { before: Timestamp(i64::MAX), limit: 100 };
    for row in journal.callouts(all).await.unwrap() {
        let records = journal.read(row.stream.clone(), 0, usize::MAX >> 1).await.unwrap();
        let mut of = BTreeMap::new();
        for Entry(at, event) in records.iter().flat_map(|r| r.entries::<Entry>().unwrap()) {
            match event {
                Event::CallPlanned { call, purpose: Purpose::CallOut, .. } => {
                    ways.entry((row.stream.to_string(), call)).or_default();
                }
                Event::AttemptReleased { attempt, call, routed, .. } => {
                    let place = (row.stream.to_string(), call);
                    let Some(way) = ways.get_mut(&place) else { continue };
                    way.released.get_or_insert(at);
                    way.attempts += 1;
                    of.insert(attempt, place);
                    past += usize::from(routed.is_some_and(|r| r.past.get("doomed") == Some(&Passed::Open)));
                }
                Event::AttemptReported { attempt, fact: Fact::Reached { stage: Stage::Submitted, .. }, .. } => {
                    if let Some(way) = of.get(&attempt).and_then(|place| ways.get_mut(place)) {
                        way.taken.get_or_insert(at);
                    }
                }
                // Whatever it said before is as good as nothing.
                Event::AttemptReported { attempt, fact, .. } => {
                    let certain = matches!(
                        fact,
                        Fact::Failed { failure: Failure::GatewayDown, .. } | Fact::Unknown { resent: false }
                    );
                    assert!(certain, "attempt {attempt}: {fact:?}");
                }
                _ => {}
            }
        }
    }
    (ways, past)
}

/// The numbers that a carrier was given.
fn numbers(sink: &Sink) -> Vec<String> {
    let seen = sink.seen.lock().unwrap();
    seen.attempts.values().map(|(_, attempt)| attempt["to"].as_str().unwrap().to_owned()).collect()
}

/// A gateway as the API shows it.
async fn standing(service: &Service, id: &str) -> Value {
    let answer = service.client.get(format!("{}/api/v1/gateways", service.internal)).send().await.unwrap();
    let all: Value = answer.json().await.unwrap();
    all["gateways"].as_array().unwrap().iter().find(|g| g["id"] == id).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_gateway_stays_locked_over_a_crash_and_says_who_and_why() {
    let mut service = Service::prepare(None, None, "533324204", false).await;
    service.start();
    service.ready().await;
    let act = async |service: &Service, act: &str, body: Value| {
        let url = format!("{}/api/v1/gateways/{act}", service.internal);
        service.client.post(url).json(&body).send().await.unwrap().status().as_u16()
    };
    let why = json!({ "reason": "the vendor asks for it", "operator": "duty officer" });
    assert_eq!(act(&service, "sink/lock", json!({ "reason": "", "operator": "a" })).await, 422, "without a reason");
    assert_eq!(act(&service, "nobody/lock", why.clone()).await, 404);
    assert_eq!(act(&service, "sink/lock", why.clone()).await, 200);
    service.kill().await;
    service.start();
    service.ready().await;
    let lock = async || standing(&service, "sink").await["lock"].clone();
    until("it is still locked", 20, async || !lock().await.is_null()).await;
    assert_eq!((&lock().await["by"], &lock().await["reason"]), (&why["operator"], &why["reason"]));
    let page = service.client.get(format!("{}/gateways", service.internal)).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("人工锁定") && page.contains("the vendor asks for it"), "{page}");
    let now = jiaoying::runtime::clock::now();
    let times = (now, now.plus_ms(3_600_000));
    service.post(message_json("F2", "alert", &[], ("暴雨", "red"), &["533324204"], times)).await;
    let journal = service.journal().await;
    let skipped = async || {
        let all = SelectCallouts::Before { before: Timestamp(i64::MAX), limit: 100 };
        let mut skipped = false;
        for row in journal.callouts(all).await.unwrap() {
            let records = journal.read(row.stream, 0, usize::MAX >> 1).await.unwrap();
            let events = records.iter().flat_map(|r| r.entries::<Entry>().unwrap());
            let locked = |e: Entry| matches!(e.1, Event::RungSkipped { reason: SkipReason::Locked, .. });
            skipped |= events.into_iter().any(locked);
        }
        skipped
    };
    until("the callout is told why nobody is called", 20, skipped).await;
    assert_eq!(service.sink.count(), 0, "locked means locked");
    assert_eq!(act(&service, "sink/unlock", why).await, 200);
    until("it is in use again", 20, async || standing(&service, "sink").await["well"] == true).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_calls_under_which_a_gateway_dies_none_is_lost_and_none_silent() {
    let mut service = Service::prepare(None, None, REGION, false).await;
    let (doomed, alive) = Sink::doomed();
    fs::write(service.folder.path().join("plans/quick.toml"), PLAN).unwrap();
    let file = service.folder.path().join("jiaoying.toml");
    let config = fs::read_to_string(&file).unwrap();
    // Slow enough that the death comes in the middle.
    let config = config.replace("rate_per_s = 2000\nburst = 500", "rate_per_s = 150\nburst = 20");
    let (head, gateway) = config.split_once("[[gateway]]").unwrap();
    let (gateway, plans) = gateway.split_once("[plans]").unwrap();
    let second = gateway.replace("id = \"sink\"", "id = \"doomed\"").replace(&service.sink.url, &doomed.url);
    assert!(second.contains(SECRET) && second.contains(&doomed.url));
    fs::write(&file, format!("{head}[[gateway]]{gateway}[[gateway]]{second}[plans]{plans}")).unwrap();
    service.start();
    service.ready().await;
    let now = jiaoying::runtime::clock::now();
    let times = (now, now.plus_ms(3_600_000));
    let receipt = service.post(message_json("F1", "alert", &[], ("暴雨", "red"), &[REGION], times)).await;
    assert_eq!(receipt["accepted"], true, "{receipt}");

    until("the doomed one is in the middle of it", 60, async || doomed.count() >= 200).await;
    drop(alive);
    let journal = service.journal().await;
    until("every call is taken by a gateway", 60, async || {
        let (ways, _) = ways(&*journal).await;
        ways.len() >= CALLS && ways.values().all(|w| w.taken.is_some())
    })
    .await;
    let (ways, past) = ways(&*journal).await;
    let silent = ways.values().map(|w| w.taken.unwrap().ms_since(w.released.unwrap())).max().unwrap();
    let moved = ways.values().filter(|w| w.attempts > 1).count();
    println!("{} calls, {moved} moved over, the longest after {silent} ms, {past} passed it over", ways.len());
    assert!(silent < VALID_MS, "the longest silence: {silent} ms");
    assert!(moved > 0 && past > 100, "{moved} moved over, {past} say why");
    let numbers: BTreeSet<String> = [&doomed, &service.sink].into_iter().flat_map(numbers).collect();
    assert_eq!(numbers.len(), ways.len(), "what the carriers saw: everybody");

    let (dead, lives) = (standing(&service, "doomed").await, standing(&service, "sink").await);
    assert!(dead["well"] == false && dead["breaker"] != "closed" && !dead["fault"].is_null(), "{dead}");
    assert!(lives["well"] == true && lives["breaker"] == "closed", "{lives}");
    service.stop().await;
}
