//! What breaks, breaks once: the door builds itself again and nothing is lost.

use super::rig::{PATIENCE, Rig, Wire, connect, next, spoiling, until};
use super::{NORMAL, URGENT, plain, progress, receipt};
use crate::support::servers;
use jiaoying::intake::amqp::spawn;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_cut_connection_delivers_again_and_the_old_ack_does_no_harm() {
    let Some(mut rig) = Rig::new("cut").await else { return };
    let wire = Wire::new(&rig.url).await;
    rig.config.urls = vec![wire.url.as_str().into()];
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    rig.post(URGENT, "slow", plain()).await;
    assert_eq!(rig.desk.next_text().await, "slow");
    wire.cut();
    assert_eq!(rig.desk.next_text().await, "slow", "delivered again by the next session");
    // The posts of both sessions end now; only the second can acknowledge.
    rig.desk.gate.add_permits(2);
    assert!(receipt(&next(&mut receipts).await).accepted);
    rig.post(URGENT, "next", plain()).await;
    assert_eq!(receipt(&next(&mut receipts).await).identifier.unwrap(), "next");
    let queue = rig.config.urgent_queue.clone();
    token.cancel();
    door.closed().await;
    assert_eq!(rig.ready(&queue).await, (0, 0));
    let (door, token) = rig.open().await;
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_connection_that_goes_dead_without_a_word_is_noticed_by_its_heartbeats() {
    let Some(mut rig) = Rig::new("dead").await else { return };
    rig.config.heartbeat_s = 1;
    let wire = Wire::new(&rig.url).await;
    rig.config.urls = vec![wire.url.as_str().into()];
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    wire.freeze();
    rig.post(URGENT, "after", plain()).await;
    assert_eq!(receipt(&next(&mut receipts).await).identifier.unwrap(), "after");
    until("all parts are back", async || door.status().connected && door.status().consuming).await;
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_deleted_queue_is_made_again_and_consumed() {
    let Some(rig) = Rig::new("deleted").await else { return };
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    let queue = rig.config.normal_queue.as_str();
    rig.client.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    until("noticed", async || door.status().last_error.is_some()).await;
    until("consumed again", async || door.status().connected && door.status().consuming).await;
    rig.post(NORMAL, "after", plain()).await;
    assert_eq!(receipt(&next(&mut receipts).await).identifier.unwrap(), "after");
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_parking_queue_that_is_gone_is_made_again_before_the_ack() {
    let Some(rig) = Rig::new("parking").await else { return };
    let (door, token) = rig.open().await;
    let queue = rig.config.parking_queue.clone();
    rig.client.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let mut receipts = rig.events("receipt.#").await;
    rig.post(NORMAL, "bad", plain()).await;
    assert!(!receipt(&next(&mut receipts).await).accepted);
    rig.desk.next().await;
    until("made again", async || rig.exists(&queue).await).await;
    assert_eq!(next(&mut rig.consume(&queue).await).await.data, b"bad");
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_channel_that_the_broker_closes_loses_no_document() {
    let Some(rig) = Rig::new("channel").await else { return };
    let (door, token) = rig.open().await;
    // Receipts to an exchange that is not there close the channel before the ack.
    let exchange = rig.config.events_exchange.as_str();
    rig.client.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();
    rig.post(URGENT, "kept", plain()).await;
    assert_eq!(rig.desk.next_text().await, "kept");
    assert_eq!(rig.desk.next_text().await, "kept", "not acknowledged, so delivered again");
    until("acknowledged by the next session", async || door.status().consuming).await;
    let mut receipts = rig.events("receipt.#").await;
    rig.post(URGENT, "after", plain()).await;
    loop {
        if receipt(&next(&mut receipts).await).identifier.unwrap() == "after" {
            break;
        }
    }
    rig.close(door, token).await;
}

#[tokio::test]
async fn names_in_another_encoding_stop_neither_their_document_nor_the_queue() {
    let Some(rig) = Rig::new("spoiled").await else { return };
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    let (conn, client) = connect(&spoiling(&rig.url).await).await;
    let Rig { conn: own_conn, client: own, .. } = rig;
    let rig = Rig { conn, client, ..rig };
    let spoiled = plain().with_message_id("SPOILED-1".into()).with_user_id("guest".into());
    rig.post("warning.urgent.SPOILED", "after all", spoiled).await;
    rig.post(URGENT, "next", plain()).await;
    let rig = Rig { conn: own_conn, client: own, ..rig };
    let posted = rig.desk.next().await;
    assert_eq!((posted.body.as_slice(), posted.account.as_deref()), (&b"after all"[..], Some("guest")));
    let told = next(&mut receipts).await;
    assert_eq!(told.properties.correlation_id().as_ref().unwrap().as_str(), "??OILED-1");
    assert_eq!(receipt(&next(&mut receipts).await).identifier.unwrap(), "next");
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_broker_that_restarts_loses_neither_documents_nor_progress() {
    let Some(rig) = Rig::alone("restart").await else { return };
    let (door, token) = rig.open().await;
    let publisher = door.publisher();
    for n in 0..3 {
        rig.post(URGENT, &format!("slow {n}"), plain()).await;
        rig.desk.next().await;
    }
    servers::rabbitmq("stop").await;
    until("noticed", async || !door.status().connected && !door.status().consuming).await;
    let waiting = tokio::spawn(async move { publisher.publish(progress(1)).await });
    servers::rabbitmq("start").await;
    until("back", async || door.status().connected && door.status().consuming).await;
    let published = timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(published, Ok(()), "it waited for the broker");
    let mut again = Vec::new();
    for _ in 0..3 {
        again.push(rig.desk.next_text().await);
    }
    again.sort();
    assert_eq!(again, ["slow 0", "slow 1", "slow 2"]);

    // The client of the test lost its connection too.
    let (conn, client) = connect(&rig.url).await;
    let rig = Rig { conn, client, ..rig };
    let mut receipts = rig.events("receipt.#").await;
    rig.desk.gate.add_permits(6);
    for _ in 0..3 {
        assert!(receipt(&next(&mut receipts).await).accepted);
    }
    rig.close(door, token).await;
}

#[tokio::test]
async fn a_door_without_broker_says_so_and_closes_when_told() {
    let Some(mut rig) = Rig::new("nobody").await else { return };
    rig.config.urls = vec!["amqp://guest:s3cret@127.0.0.1:1/%2f".into(), "nonsense".into()];
    let token = CancellationToken::new();
    let door = spawn(rig.config.clone(), rig.desk.clone(), 7, token.clone());
    until("it tells why", async || door.status().last_error.is_some()).await;
    let status = door.status();
    assert!(!status.connected && !status.consuming && !format!("{status:?}").contains("s3cret"));
    token.cancel();
    timeout(PATIENCE, door.closed()).await.unwrap();
}
