//! A broker short of memory reads no more from whoever publishes: calling goes on, nothing is lost, and
//! all comes right by itself.

use super::rig::{Rig, connect, next, until};
use super::{URGENT, plain, progress, receipt};
use crate::support::servers;
use crate::support::service::Service;
use jiaoying::journal::SelectCallouts;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The broker's memory alarm; over when dropped, also by a test that fails.
struct Alarm;

// === impl Alarm ===

impl Alarm {
    async fn raise() -> Self {
        servers::rabbitmq("block").await;
        Self
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let script = std::env::var("JIAOYING_TEST_SERVICES").unwrap();
        std::process::Command::new(script).args(["rabbitmq", "unblock"]).status().unwrap();
    }
}

#[tokio::test]
async fn a_blocked_door_keeps_its_session_and_sends_everything_afterwards() {
    let Some(mut rig) = Rig::alone("blocked").await else { return };
    (rig.config.heartbeat_s, rig.config.confirm_timeout_ms, rig.config.urgent_prefetch) = (1, 300, 2);
    let (door, token) = rig.open().await;
    let (mut receipts, mut events) = (rig.events("receipt.#").await, rig.events("progress.#").await);
    for n in 0..3 {
        rig.post(URGENT, &format!("slow {n}"), plain()).await;
    }
    rig.desk.next().await;
    rig.desk.next().await;
    let alarm = Alarm::raise().await;
    rig.desk.gate.add_permits(2);
    let publisher = door.publisher();
    let waiting = tokio::spawn(async move { publisher.publish(progress(1)).await });
    until("the door says so", async || door.status().blocked).await;

    // What must not end the session is time: three heartbeats, and more confirms awaited in vain than
    // a receipt is published for.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let status = door.status();
    assert!(status.blocked && status.connected && status.consuming, "{status:?}");
    assert!(!waiting.is_finished(), "progress waits");
    assert_eq!(rig.ready(&rig.config.urgent_queue).await, (1, 1), "acks wait behind the receipts, so the third stays");

    drop(alarm);
    until("it goes on", async || !door.status().blocked).await;
    rig.desk.gate.add_permits(1);
    let mut missing: BTreeSet<String> = (0..3).map(|n| format!("slow {n}")).collect();
    while !missing.is_empty() {
        missing.remove(&receipt(&next(&mut receipts).await).identifier.unwrap());
    }
    assert_eq!(waiting.await.unwrap(), Ok(()));
    assert_eq!(next(&mut events).await.data, progress(1).body);
    until("all are acknowledged", async || rig.ready(&rig.config.urgent_queue).await == (0, 1)).await;
    let error = door.status().last_error.unwrap();
    assert!(error.contains("blocked"), "nothing broke: {error}");
    rig.close(door, token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_blocked_people_are_called_and_readiness_says_so() {
    let Some((broker, _turn)) = servers::amqp_alone().await else { return };
    let name = format!("blocked-{}", std::process::id());
    let section = format!(
        "url = \"{broker}\"\nexchange = \"{name}.w\"\nurgent_queue = \"{name}.u\"\nnormal_queue = \"{name}.n\"\n\
         parking_queue = \"{name}.p\"\nevents_exchange = \"{name}.e\"\n"
    );
    let mut service = Service::prepare(None, Some(&section), "533324204", true).await;
    service.start();
    service.ready().await;
    let (_connection, channel) = connect(&broker).await;
    let mine = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), mine, FieldTable::default()).await.unwrap().name().clone();
    let (exchange, none) = (format!("{name}.e"), FieldTable::default());
    let key = "progress.#".into();
    channel.queue_bind(queue.clone(), exchange.as_str().into(), key, QueueBindOptions::default(), none).await.unwrap();
    let options = BasicConsumeOptions::default();
    let mut events = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await.unwrap();
    let health = async || -> (u16, Value) {
        let answer = service.client.get(format!("{}/readyz", service.internal)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    };

    let alarm = Alarm::raise().await;
    let sent = jiaoying::runtime::clock::now();
    let times = (sent, sent.plus_ms(3_600_000));
    let body = jiaoying::sim::message_json("B1", "alert", &[], ("暴雨", "red"), &["533324204"], times);
    assert_eq!(service.post(body).await["accepted"], true);
    until("readiness says so", async || {
        let (status, health) = health().await;
        status == 503 && health.to_string().contains("the broker is short of memory or disk")
    })
    .await;
    until("people answer all the same", async || {
        let answer = service.client.get(format!("{}/api/v1/callouts", service.internal)).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["callouts"][0]["totals"]["satisfied"].as_u64() > Some(0)
    })
    .await;
    let journal = service.journal().await;
    let callout = journal.callouts(SelectCallouts::Open).await.unwrap().remove(0).stream;
    let records = journal.read(callout.clone(), 0, 10_000).await.unwrap();
    let durable = records.last().unwrap().end();

    drop(alarm);
    until("ready again", async || health().await.0 == 200).await;
    let mut missing: BTreeSet<u64> = (0..durable).collect();
    while !missing.is_empty() {
        let message = next(&mut events).await;
        let body: Value = serde_json::from_slice(&message.data).unwrap();
        assert_eq!(body["callout"], callout.as_str());
        let seqs: Vec<u64> = body["events"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
        assert!(seqs.is_sorted() && !seqs.is_empty(), "{seqs:?}");
        let id = message.properties.message_id().as_ref().unwrap().to_string();
        assert_eq!(id, format!("{callout}/{}", seqs[0]));
        missing.retain(|seq| !seqs.contains(seq));
    }
    service.stop().await;
}
