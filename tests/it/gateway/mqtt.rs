//! Loudspeakers behind a real mosquitto: what goes out, what comes back, and what becomes of attempts when a
//! speaker, the broker or the store is away.

mod broker;

use super::contract;
use super::told::{Told, door, until};
use crate::support::tls::Front;
use broker::Broker;
use futures::future::{BoxFuture, join_all};
use jiaoying::gateway::{Door, Gateway, Outgoing, Upcall, open};
use jiaoying::model::{AttemptKey, Channel, Fact, Failure, Stage, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::net::TcpListener;

fn opened(port: u16, extra: &str, door: &Door) -> Arc<dyn Gateway> {
    opened_at(&format!("mqtt://127.0.0.1:{port}"), extra, door)
}

fn opened_at(url: &str, extra: &str, door: &Door) -> Arc<dyn Gateway> {
    let section = format!(
        "id = 'horns'\nkind = 'mqtt'\nchannels = ['broadcast']\n[mqtt]\nurl = '{url}'\n\
         keep_alive_s = 5\nbackoff_max_ms = 300\n{extra}"
    );
    open(&toml::from_str(&section).unwrap(), door).unwrap().gateway
}

/// A gateway that stands, and what it tells.
async fn connected(broker: &Broker, extra: &str) -> (Arc<dyn Gateway>, Arc<Told>) {
    let told = Arc::new(Told::default());
    let gateway = opened(broker.port, extra, &door(&told));
    until("a connection", || gateway.condition().well).await;
    (gateway, told)
}

fn key(n: u32) -> AttemptKey {
    AttemptKey { callout: "533324-ab".into(), attempt: n }
}

fn attempt(n: u32, speaker: &str) -> Outgoing {
    Outgoing {
        key: key(n),
        channel: Channel::Broadcast,
        number: speaker.into(),
        text: "紧急通知：暴雨红色预警，请转移。".into(),
        template: None,
        speech: None,
        code: None,
        language: "zh-CN".into(),
        drill: false,
        colour: "red",
        valid_until: jiaoying::runtime::clock::now().plus_ms(600_000),
    }
}

fn reached(stage: Stage) -> Fact {
    Fact::Reached { stage, reference: None }
}

const SUBMITTED: Fact = Fact::Reached { stage: Stage::Submitted, reference: None };
const UNKNOWN: Fact = Fact::Unknown { resent: false };

fn failure(fact: &Fact) -> Option<Failure> {
    if let Fact::Failed { failure, .. } = fact { Some(*failure) } else { None }
}

#[tokio::test]
async fn a_command_reaches_its_speaker_and_its_states_come_back() {
    let broker = Broker::start().await;
    let (one, other) = (broker.speaker("village-1").await, broker.speaker("village-2").await);
    let (gateway, told) = connected(&broker, "repeat = 2").await;
    let sent = attempt(1, "village-1");
    assert_eq!(gateway.submit(vec![sent.clone()]).await, [SUBMITTED]);
    let heard = one.wait(1).await;
    let payload = json!({
        "key": "533324-ab.1", "text": "紧急通知：暴雨红色预警，请转移。", "language": "zh-CN", "repeat": 2,
        "valid_until": sent.valid_until.iso(), "drill": false, "colour": "red",
    });
    assert_eq!(heard, [("jiaoying/village-1/cmd".into(), "1".into(), payload)]);
    assert_eq!(other.heard(), []);
    for state in ["received", "playing", "played"] {
        let payload = json!({"key": "533324-ab.1", "state": state, "at": "2026-07-01T04:18:09+08:00"});
        broker.publish("jiaoying/village-1/state", &payload.to_string(), false).await;
    }
    let facts = told.wait(&key(1), 3).await;
    assert_eq!(facts, [Stage::Delivered, Stage::PickedUp, Stage::Heard].map(reached));
    let at = Timestamp::parse_iso("2026-07-01T04:18:09+08:00").unwrap();
    assert!(told.all().iter().all(|u| matches!(u, Upcall::Report { reported_at: Some(t), .. } if *t == at)));
    broker.publish("jiaoying/village-1/state", "{\"key\":\"533324-ab.1\",\"state\":\"failed\"}", false).await;
    assert_eq!(failure(&told.wait(&key(1), 4).await[3]), Some(Failure::Undelivered));
}

#[tokio::test]
async fn a_speaker_whose_last_will_says_offline_fails_at_once_unless_it_may_wait() {
    let broker = Broker::start().await;
    let speaker = broker.speaker("village-1").await;
    let (gateway, _) = connected(&broker, "").await;
    let (patient, _) = connected(&broker, "offline = 'queue'\nclient_id = 'patient'").await;
    assert_eq!(gateway.submit(vec![attempt(1, "village-1")]).await, [SUBMITTED]);
    speaker.wait(1).await;
    speaker.dies().await;
    let offline = |g: &Arc<dyn Gateway>| g.condition().detail.contains("1 offline");
    until("the last will", || offline(&gateway) && offline(&patient)).await;
    let facts = gateway.submit(vec![attempt(2, "village-1")]).await;
    assert_eq!(failure(&facts[0]), Some(Failure::Undelivered), "{facts:?}");
    assert_eq!(patient.submit(vec![attempt(3, "village-1")]).await, [SUBMITTED]);
    let brief = Outgoing { valid_until: jiaoying::runtime::clock::now().plus_ms(1_100), ..attempt(4, "village-1") };
    assert_eq!(patient.submit(vec![brief.clone()]).await, [SUBMITTED]);
    until("the end of an attempt", || jiaoying::runtime::clock::now() > brief.valid_until.plus_ms(1_000)).await;
    // It comes back: what was left for it arrives, and what is no longer valid does not.
    let again = broker.speaker("village-1").await;
    until("a speaker that is back", || gateway.condition().detail.contains("1 speakers online")).await;
    assert_eq!(gateway.submit(vec![attempt(5, "village-1")]).await, [SUBMITTED]);
    let keys: Vec<_> = again.wait(2).await.into_iter().map(|(_, _, p)| p["key"].clone()).collect();
    assert_eq!(keys, ["533324-ab.3", "533324-ab.5"]);
}

#[tokio::test]
async fn an_address_at_which_nobody_listens_is_told_so() {
    let broker = Broker::start().await;
    let (gateway, _) = connected(&broker, "").await;
    let facts = gateway.submit(vec![attempt(1, "nobody"), attempt(2, "a/b"), attempt(3, "#")]).await;
    let failures: Vec<_> = facts.iter().map(failure).collect();
    assert_eq!(failures, [Failure::Undelivered, Failure::DeadNumber, Failure::DeadNumber].map(Some));
    let long = Outgoing { text: "雨".repeat(30_000), ..attempt(4, "nobody") };
    assert_eq!(failure(&gateway.submit(vec![long]).await[0]), Some(Failure::Refused));
    assert!(gateway.condition().well, "a long text does not break the session");
}

#[tokio::test]
async fn a_withdrawn_attempt_is_cancelled_at_its_speaker_and_after_a_restart_at_all() {
    let broker = Broker::start().await;
    let (one, other) = (broker.speaker("village-1").await, broker.speaker("village-2").await);
    let (gateway, told) = connected(&broker, "").await;
    gateway.submit(vec![attempt(1, "village-1")]).await;
    gateway.withdraw(key(1)).await;
    assert_eq!(one.wait(2).await[1].2, json!({"cancel": "533324-ab.1"}));
    broker.publish("jiaoying/village-1/state", "{\"key\":\"533324-ab.1\",\"state\":\"cancelled\"}", false).await;
    assert_eq!(failure(&told.wait(&key(1), 1).await[0]), Some(Failure::Withdrawn));
    let (restarted, _) = connected(&broker, "client_id = 'other'").await;
    restarted.withdraw(key(7)).await;
    let all = ("jiaoying/all".to_owned(), "1".to_owned(), json!({"cancel": "533324-ab.7"}));
    assert_eq!((one.wait(3).await[2].clone(), other.wait(1).await), (all.clone(), vec![all]));
}

#[tokio::test]
async fn what_is_on_its_way_when_the_broker_dies_is_unknown_and_is_not_sent_again() {
    let mut broker = Broker::start().await;
    let speaker = broker.speaker("village-1").await;
    let (gateway, _) = connected(&broker, "").await;
    broker.signal("STOP").await;
    let there = gateway.clone();
    let submit = tokio::spawn(async move { there.submit((0..5).map(|n| attempt(n, "village-1")).collect()).await });
    // The broker is frozen: whatever is written to it is not answered. Then it dies with all of it.
    tokio::task::yield_now().await;
    broker.kill().await;
    assert_eq!(submit.await.unwrap(), vec![UNKNOWN; 5]);
    until("the loss of the connection", || !gateway.condition().well).await;
    let facts = gateway.submit(vec![attempt(5, "village-1")]).await;
    assert_eq!(failure(&facts[0]), Some(Failure::GatewayDown), "{facts:?}");
    drop(speaker);
    broker.again().await;
    let speaker = broker.speaker("village-1").await;
    until("a new connection", || gateway.condition().well).await;
    assert_eq!(gateway.submit(vec![attempt(6, "village-1")]).await, [SUBMITTED]);
    let keys: Vec<_> = speaker.wait(1).await.into_iter().map(|(_, _, p)| p["key"].clone()).collect();
    assert_eq!(keys, ["533324-ab.6"], "an unknown attempt was made anew by the engine: its message must not come too");
}

#[tokio::test]
async fn no_attempt_is_lost_silently_while_the_broker_is_killed_and_started_again() {
    let mut broker = Broker::start().await;
    let (gateway, _) = connected(&broker, "timeout_ms = 2000").await;
    let mut speaker = broker.speaker("village-1").await;
    let (mut received, mut taken, mut other) = (BTreeSet::new(), BTreeSet::new(), 0);
    for round in 0..4 {
        until("a connection", || gateway.condition().well).await;
        let submits = (0..40).map(|n| {
            let (gateway, n) = (gateway.clone(), round * 40 + n);
            tokio::spawn(async move { (n, gateway.submit(vec![attempt(n, "village-1")]).await) })
        });
        let submits: Vec<_> = submits.collect();
        // Somewhere in the middle: when the speaker got the first of them.
        if round < 3 {
            speaker.wait(1).await;
            broker.kill().await;
        }
        for submit in join_all(submits).await {
            let (n, facts) = submit.unwrap();
            assert_eq!(facts.len(), 1);
            match &facts[0] {
                fact if *fact == SUBMITTED => drop(taken.insert(n)),
                Fact::Unknown { resent: false } => other += 1,
                fact => {
                    assert_eq!(failure(fact), Some(Failure::GatewayDown), "{fact:?}");
                    other += 1;
                }
            }
        }
        if round == 3 {
            speaker.wait(40).await;
        }
        received.extend(speaker.heard().into_iter().map(|(_, _, p)| p["key"].as_str().unwrap().to_owned()));
        if round < 3 {
            drop(speaker);
            broker.again().await;
            speaker = broker.speaker("village-1").await;
        }
    }
    assert_eq!(taken.len() + other, 160, "one fact for each attempt");
    let last: BTreeSet<_> = (120..160).map(|n| format!("533324-ab.{n}")).collect();
    assert!(last.is_subset(&received), "once the broker stays, everything arrives");
}

#[tokio::test]
async fn what_is_not_durable_stays_with_the_broker_also_over_a_restart() {
    let broker = Broker::start().await;
    let told = Arc::new(Told::default());
    told.down(true);
    let first = door(&told);
    let gateway = opened(broker.port, "", &first);
    until("a connection", || gateway.condition().well).await;
    broker.publish("jiaoying/village-1/state", "{\"key\":\"533324-ab.1\",\"state\":\"played\"}", false).await;
    until("a refusal", || told.refused() > 1).await;
    first.stop.cancel();
    until("the end of the session", || !gateway.condition().well).await;
    // Told while nobody is there.
    broker.publish("jiaoying/village-1/state", "{\"key\":\"533324-ab.2\",\"state\":\"played\"}", false).await;
    assert_eq!(told.all(), []);
    told.down(false);
    let second = door(&told);
    let _gateway = opened(broker.port, "", &second);
    assert_eq!(told.wait(&key(1), 1).await, [reached(Stage::Heard)]);
    assert_eq!(told.wait(&key(2), 1).await, [reached(Stage::Heard)]);
}

#[tokio::test]
async fn a_store_that_comes_back_takes_what_waited() {
    let broker = Broker::start().await;
    let (gateway, told) = connected(&broker, "").await;
    told.down(true);
    for n in 0..10 {
        let payload = format!("{{\"key\":\"533324-ab.{n}\",\"state\":\"played\"}}");
        broker.publish("jiaoying/village-1/state", &payload, false).await;
    }
    until("a refusal", || told.refused() > 0).await;
    told.down(false);
    for n in 0..10 {
        assert_eq!(told.wait(&key(n), 1).await, [reached(Stage::Heard)], "once each");
    }
    assert!(gateway.condition().well);
}

#[tokio::test]
async fn what_is_no_message_of_a_speaker_changes_nothing() {
    let broker = Broker::start().await;
    let (_one, _two) = (broker.speaker("village-1").await, broker.speaker("village-2").await);
    let (gateway, told) = connected(&broker, "message_max_bytes = 2000").await;
    gateway.submit(vec![attempt(1, "village-1")]).await;
    let good = "{\"key\":\"533324-ab.1\",\"state\":\"played\"}";
    for bad in ["", "x", "[]", "{\"key\":7}", "{\"key\":\"533324-ab.1\",\"state\":\"done\"}", &"[".repeat(1500)] {
        broker.publish("jiaoying/village-1/state", bad, false).await;
    }
    // Larger than this side takes: the broker keeps it to itself.
    broker.publish("jiaoying/village-1/state", &format!("{good}{}", " ".repeat(5000)), false).await;
    // Another speaker cannot speak for it.
    broker.publish("jiaoying/village-2/state", good, false).await;
    broker.publish("jiaoying/village-1/status", "asleep", true).await;
    broker.publish("jiaoying/village-2/state", "{\"key\":\"533324-ab.9\",\"state\":\"playing\"}", false).await;
    told.wait(&key(9), 1).await;
    assert_eq!(told.all().len(), 1, "{:?}", told.all());
    broker.publish("jiaoying/village-1/state", good, false).await;
    assert_eq!(told.wait(&key(1), 1).await, [reached(Stage::Heard)]);
}

#[tokio::test]
async fn a_flood_fills_no_memory_and_pushes_nothing_out_that_is_confirmed() {
    let broker = Broker::start().await;
    let (gateway, told) = connected(&broker, "").await;
    told.down(true);
    broker.publish("jiaoying/village-1/state", "{\"key\":\"533324-ab.1\",\"state\":\"played\"}", false).await;
    until("a refusal", || told.refused() > 0).await;
    broker.flood("jiaoying/village-1/state", "{\"key\":\"533324-ab.2\",\"state\":\"playing\"}", 6_000).await;
    broker.flood("jiaoying/village-1/state", "{\"key\":", 1_000).await;
    broker.publish("jiaoying/village-1/state", "{\"key\":\"533324-ab.3\",\"state\":\"played\"}", false).await;
    told.down(false);
    for n in [1, 3] {
        assert_eq!(told.wait(&key(n), 1).await, [reached(Stage::Heard)]);
    }
    let kept = told.facts(&key(2)).len();
    assert!((1..=1_500).contains(&kept), "{kept} of a flood of 6000 were kept while nothing was taken");
    assert!(gateway.condition().well);
}

#[tokio::test]
async fn tls_is_spoken_with_a_broker_whose_authority_is_named_and_with_no_other() {
    let broker = Broker::start().await;
    let front = Front::new(([127, 0, 0, 1], broker.port).into()).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &front.ca_pem).unwrap();
    let (url, told) = (format!("mqtts://localhost:{}", front.port), Arc::new(Told::default()));
    let gateway = opened_at(&url, &format!("ca_file = '{}'", ca.display()), &door(&told));
    assert!(gateway.check().await.is_ok(), "{:?}", gateway.condition());
    let _speaker = broker.speaker("village-1").await;
    assert_eq!(gateway.submit(vec![attempt(1, "village-1")]).await, [SUBMITTED]);
    let distrustful = opened_at(&url, "timeout_ms = 1000\nclient_id = 'other'", &door(&told));
    let refused = distrustful.check().await.unwrap_err();
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
}

/// The MQTT gateway under the contract of all gateways.
struct Horns {
    broker: Broker,
}

impl contract::Rig for Horns {
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async { connected(&self.broker, "").await.0 })
    }

    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::spawn(async move {
                let mut quiet = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    quiet.push(stream);
                }
            });
            opened(port, "timeout_ms = 500", &door(&Arc::default()))
        })
    }

    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            opened(port, "timeout_ms = 500", &door(&Arc::default()))
        })
    }

    fn attempt(&self, n: u32) -> Outgoing {
        attempt(n, "village-1")
    }
}

#[tokio::test]
async fn the_mqtt_gateway_keeps_the_contract() {
    let broker = Broker::start().await;
    let _speaker = broker.speaker("village-1").await;
    contract::holds(&Horns { broker }).await;
}
