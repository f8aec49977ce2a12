//! The AMQP door against a real RabbitMQ: nothing lost, nothing acknowledged early, never given up.

mod blocked;
mod faults;
mod rig;
mod tls;

use jiaoying::intake::Receipt;
use jiaoying::intake::amqp::{NotPublished, Progress};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use rig::{Rig, next, until};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

const URGENT: &str = "warning.urgent.533324";
const NORMAL: &str = "warning.normal.533324";

fn plain() -> BasicProperties {
    BasicProperties::default()
}

fn receipt(delivery: &Delivery) -> Receipt {
    serde_json::from_slice(&delivery.data).unwrap()
}

fn header(delivery: &Delivery, name: &str) -> String {
    let headers = delivery.properties.headers().clone().unwrap();
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => String::from_utf8(text.as_bytes().to_vec()).unwrap(),
        Some(AMQPValue::LongLongInt(n)) => n.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn the_ack_waits_for_the_desk() {
    let Some(rig) = Rig::new("ack").await else { return };
    let (door, token) = rig.open().await;
    rig.post(URGENT, "slow", plain()).await;
    assert_eq!(rig.desk.next_text().await, "slow");
    assert_eq!(rig.ready(&rig.config.urgent_queue).await, (0, 1));
    // The desk has not answered: the door closes, and the broker has the document again.
    token.cancel();
    door.closed().await;
    until("it is back", async || rig.ready(&rig.config.urgent_queue).await == (1, 0)).await;

    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    assert_eq!(rig.desk.next_text().await, "slow");
    rig.desk.gate.add_permits(2);
    assert!(receipt(&next(&mut receipts).await).accepted);
    token.cancel();
    door.closed().await;
    assert_eq!(rig.ready(&rig.config.urgent_queue).await, (0, 0));
    let (door, token) = rig.open().await;
    rig.close(door, token).await;
}

#[tokio::test]
async fn what_is_rejected_is_parked_as_it_came_and_told_with_the_posters_own_name_for_it() {
    let Some(rig) = Rig::new("rejected").await else { return };
    let (door, token) = rig.open().await;
    let mut accepted = rig.events("receipt.accepted").await;
    let mut rejected = rig.events("receipt.rejected").await;
    let mine =
        rig.client.queue_declare("".into(), QueueDeclareOptions::default(), FieldTable::default()).await.unwrap();
    let mut copies = rig.consume(mine.name().as_str()).await;
    let mut parking = rig.consume(&rig.config.parking_queue).await;

    let named = plain().with_message_id("m-1".into()).with_correlation_id("c-1".into());
    rig.post(NORMAL, "bad \u{0} document", named.with_reply_to(mine.name().clone())).await;
    let told = next(&mut rejected).await;
    assert_eq!(told.properties.correlation_id().as_ref().unwrap().as_str(), "c-1");
    assert_eq!(*told.properties.delivery_mode(), Some(2));
    let receipt_of_bad = receipt(&told);
    assert_eq!((receipt_of_bad.accepted, receipt_of_bad.parked.as_deref()), (false, Some("parked-1")));
    let copy = next(&mut copies).await;
    assert_eq!((copy.data, copy.properties.correlation_id()), (told.data, told.properties.correlation_id()));

    let parked = next(&mut parking).await;
    assert_eq!(parked.data, "bad \u{0} document".as_bytes());
    assert_eq!(header(&parked, "x-jiaoying-reason"), "/alert/sent is wrong");
    assert_eq!(header(&parked, "x-jiaoying-position"), "/alert/sent");
    assert_eq!(header(&parked, "x-jiaoying-door"), "amqp");
    assert_eq!(header(&parked, "x-jiaoying-parked"), "parked-1");
    let findings: Vec<serde_json::Value> = serde_json::from_str(&header(&parked, "x-jiaoying-findings")).unwrap();
    assert_eq!(findings.len(), 2);

    // Without a correlation id the message id stands for it. The broker vouches for the account.
    let posted = plain().with_message_id("m-2".into()).with_user_id("guest".into());
    rig.post(NORMAL, "good", posted).await;
    let told = next(&mut accepted).await;
    assert_eq!(told.properties.correlation_id().as_ref().unwrap().as_str(), "m-2");
    let accounts = [rig.desk.next().await.account, rig.desk.next().await.account];
    assert_eq!(accounts, [None, Some("guest".to_owned())]);
    rig.close(door, token).await;
}

#[tokio::test]
async fn urgent_overtakes_normal() {
    let Some(mut rig) = Rig::new("urgent").await else { return };
    rig.config.normal_prefetch = 2;
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    for n in 0..5 {
        rig.post(NORMAL, &format!("slow {n}"), plain()).await;
    }
    rig.desk.next().await;
    rig.desk.next().await;
    rig.post(URGENT, "red", plain()).await;
    assert_eq!(rig.desk.next_text().await, "red");
    assert_eq!(receipt(&next(&mut receipts).await).identifier.unwrap(), "red");
    assert_eq!(rig.ready(&rig.config.normal_queue).await.0, 3, "in hand is bounded by the prefetch");
    rig.desk.gate.add_permits(5);
    for _ in 0..5 {
        next(&mut receipts).await;
    }
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_store_that_is_down_holds_the_documents_and_they_go_on_when_it_is_back() {
    let Some(mut rig) = Rig::new("held").await else { return };
    rig.config.urgent_prefetch = 3;
    rig.desk.down.store(true, Ordering::SeqCst);
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    for n in 0..5 {
        rig.post(URGENT, &format!("held {n}"), plain()).await;
    }
    until("the door says so", async || !door.status().consuming).await;
    assert!(door.status().last_error.unwrap().contains("the store is down"));
    until("three are in hand", async || rig.ready(&rig.config.urgent_queue).await == (2, 1)).await;
    rig.desk.down.store(false, Ordering::SeqCst);
    let mut got = Vec::new();
    for _ in 0..5 {
        got.push(receipt(&next(&mut receipts).await).identifier.unwrap());
    }
    got.sort();
    assert_eq!(got, ["held 0", "held 1", "held 2", "held 3", "held 4"]);
    until("the door consumes", async || door.status().consuming).await;
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_document_that_is_too_long_is_parked_with_its_first_bytes() {
    let Some(rig) = Rig::new("long").await else { return };
    let (door, token) = rig.open().await;
    let mut parking = rig.consume(&rig.config.parking_queue).await;
    rig.post(URGENT, &"x".repeat(25_000), plain()).await;
    assert_eq!(rig.desk.next().await.body.len(), 10_001, "one byte more than the limit tells the desk");
    let parked = next(&mut parking).await;
    assert_eq!((parked.data.len(), header(&parked, "x-jiaoying-length").as_str()), (10_000, "25000"));
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_document_that_the_desk_fails_on_is_parked_and_stops_no_other() {
    let Some(mut rig) = Rig::new("panic").await else { return };
    rig.config.urgent_prefetch = 1;
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    let mut parking = rig.consume(&rig.config.parking_queue).await;
    rig.post(URGENT, "panic", plain()).await;
    rig.post(URGENT, "good", plain()).await;
    assert!(!receipt(&next(&mut receipts).await).accepted);
    assert!(receipt(&next(&mut receipts).await).accepted);
    assert_eq!(next(&mut parking).await.data, b"panic");
    rig.close(door, token).await;
}

fn progress(n: u32) -> Progress {
    Progress {
        routing_key: "progress.533324".into(),
        correlation_id: Some("c-7".into()),
        id: format!("533324-ab/{n}"),
        body: format!("{{\"n\":{n}}}").into_bytes(),
    }
}

#[tokio::test]
async fn progress_is_confirmed_and_arrives_once_with_its_names() {
    let Some(rig) = Rig::new("progress").await else { return };
    let (door, token) = rig.open().await;
    let mut events = rig.events("progress.#").await;
    let publisher = door.publisher();
    let all = futures::future::join_all((0..2500).map(|n| publisher.publish(progress(n)))).await;
    assert_eq!(all.iter().filter(|result| result.is_ok()).count(), 2500);
    let mut missing: BTreeMap<String, Vec<u8>> = (0..2500).map(|n| (progress(n).id, progress(n).body)).collect();
    for _ in 0..2500 {
        let event = next(&mut events).await;
        assert_eq!(event.properties.correlation_id().as_ref().unwrap().as_str(), "c-7");
        let id = event.properties.message_id().as_ref().unwrap().as_str();
        assert_eq!(missing.remove(id), Some(event.data.clone()), "{id}");
    }
    rig.close(door, token).await;
    assert_eq!(publisher.publish(progress(0)).await, Err(NotPublished::Closed));
}

#[tokio::test]
async fn progress_that_the_broker_refuses_is_told() {
    let Some(mut rig) = Rig::new("refused").await else { return };
    rig.config.urgent_prefetch = 2;
    let (door, token) = rig.open().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let full = rig.client.queue_declare("".into(), options, arguments).await.unwrap().name().clone();
    let exchange = rig.config.events_exchange.as_str().into();
    rig.client.queue_bind(full, exchange, "#".into(), Default::default(), FieldTable::default()).await.unwrap();
    let publisher = door.publisher();
    assert_eq!(publisher.publish(progress(0)).await, Ok(()));
    assert_eq!(publisher.publish(progress(1)).await, Err(NotPublished::Refused));
    // A full queue of a listener refuses receipts too, and must not hold up warnings.
    rig.post(URGENT, "first", plain()).await;
    rig.post(URGENT, "second", plain()).await;
    rig.desk.next().await;
    rig.desk.next().await;
    rig.post(URGENT, "third", plain()).await;
    assert_eq!(rig.desk.next_text().await, "third", "the two before it left their places at the prefetch");
    rig.close(door, token).await;
}

#[test]
fn the_documentation_names_the_defaults() {
    let mut config = crate::support::documented(include_str!("../../docs/AMQP.md"));
    config.amqp.enabled = false;
    let default = jiaoying::config::Config::load(None, std::iter::empty()).unwrap();
    assert_eq!(format!("{:?}", config.amqp), format!("{:?}", default.amqp));
}
