//! A real Jasmin 0.11: its SMPP server for us, its SMPP client before npm `smpp` as the centre behind it. It gives
//! identifiers of its own and makes its own receipts of the centre's. Long tests only.

use super::peers::{Peer, report, submit};
use super::{attempt, delivered, long, open_at, submitted, until};
use crate::support::programs::{absent, child, free_port, listens, unread};
use crate::support::servers;
use jiaoying::gateway::Upcall;
use jiaoying::model::{Fact, Stage};
use serde_json::json;

const REDIS: &str = "/usr/bin/redis-server";

/// The reference in what a submit is answered with; the receipt may be faster than that.
fn reference(fact: &Fact) -> String {
    let Fact::Reached { stage: Stage::Submitted | Stage::Delivered, reference: Some(reference) } = fact else {
        panic!("{fact:?}")
    };
    reference.clone()
}

#[tokio::test]
async fn a_real_jasmin_hands_on_and_its_receipts_and_replies_are_understood() {
    let Some(python) = servers::jasmin() else { return };
    if absent(REDIS) {
        return;
    }
    let (Some((_, _turn)), Some((mut centre, behind))) = (servers::amqp().await, Peer::node().await) else { return };
    let (folder, redis) = (tempfile::tempdir().unwrap(), free_port().await);
    let (dir, port) = (folder.path().to_str().unwrap(), redis.to_string());
    let _redis = child(REDIS, &["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir", dir], unread());
    listens(redis).await;
    let (_jasmin, address) = Peer::jasmin(&python, folder.path(), redis, &behind).await;
    assert_eq!(centre.next("bind").await["bind"], "jasmin");
    centre.mode("receipt").await;

    let open = open_at(&address, &[]);
    until(|| open.gateway.condition().well).await;
    assert_eq!(open.gateway.check().await.as_deref(), Ok("signed in and answers"));
    let fact = submit(&open, attempt(1)).await;
    let ours = reference(&fact);
    assert_eq!(ours.len(), 36, "a UUID, not what the centre calls it: {ours}");
    let seen = centre.next("submit").await;
    assert_eq!((&seen["submit"], &seen["coding"]), (&json!("【叫应】暴雨红色预警"), &json!(8)));
    assert_eq!(seen["destination"], "8613800000001");
    until(|| open.ear.heard().len() == 1).await;
    assert_eq!(report(&open, 0), delivered(&ours));

    // It takes each part of a long text for a message, and the phone puts them together.
    let ours = reference(&submit(&open, long(2)).await);
    let parts = [centre.next("submit").await, centre.next("submit").await];
    let words: String = parts.iter().map(|part| part["submit"].as_str().unwrap()).collect();
    assert_eq!((words, ours.len()), (long(2).text, 36 + 1 + 36));
    assert!(parts.iter().all(|part| part["udh"].is_array()), "{parts:?}");
    until(|| open.ear.heard().len() == 2).await;
    assert_eq!(report(&open, 1), delivered(&ours));

    let reply = json!({ "source_addr": "13800000001", "destination_addr": "10690001037", "data_coding": 8,
        "short_message": "1 收到" });
    centre.order(json!({ "deliver": reply })).await;
    until(|| open.ear.heard().len() == 3).await;
    let Upcall::Text { from, text, extension, .. } = &open.ear.heard()[2] else { panic!("no text") };
    assert_eq!((from.as_str(), text.as_str(), extension.as_deref()), ("+8613800000001", "1 收到", Some("037")));

    let wrong = open_at(&address, &[("password", "'wrong'")]);
    until(|| wrong.gateway.condition().detail.starts_with("the bind is refused: ESME_R")).await;

    // The centre says nothing more: taken, and nobody says that it arrived.
    centre.mode("silent").await;
    let fact = submit(&open, attempt(3)).await;
    assert_eq!(fact, submitted(&reference(&fact)));
    centre.next("submit").await;
    assert_eq!(open.ear.heard().len(), 3);
    open.stop.cancel();
    until(|| open.gateway.condition().detail == "stopped").await;
}
