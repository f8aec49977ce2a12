//! A broker whose certificate comes from an authority of one's own.

use super::rig::{Rig, next, until};
use super::{URGENT, plain, receipt};
use crate::support::tls::Front;
use jiaoying::intake::amqp::spawn;
use lapin::uri::AMQPUri;
use tokio_util::sync::CancellationToken;

/// Puts TLS in front of the rig's broker, and its address into the configuration.
async fn front(rig: &mut Rig) -> Front {
    let uri: AMQPUri = rig.url.parse().unwrap();
    let behind = tokio::net::lookup_host((uri.authority.host.as_str(), uri.authority.port)).await.unwrap().next();
    let front = Front::new(behind.unwrap()).await;
    rig.config.urls = vec![format!("amqps://guest:guest@localhost:{}/%2f", front.port).as_str().into()];
    front
}

#[tokio::test]
async fn with_the_authority_configured_documents_and_receipts_go_over_tls() {
    let Some(mut rig) = Rig::new("tls").await else { return };
    rig.config.ca_pem = Some(front(&mut rig).await.ca_pem);
    let (door, token) = rig.open().await;
    let mut receipts = rig.events("receipt.#").await;
    rig.post(URGENT, "over tls", plain()).await;
    assert!(receipt(&next(&mut receipts).await).accepted);
    rig.close(door, token).await;
}

#[tokio::test]
async fn without_it_the_door_stays_shut_and_says_why() {
    let Some(mut rig) = Rig::new("untrusted").await else { return };
    front(&mut rig).await;
    let other = Front::new("127.0.0.1:1".parse().unwrap()).await.ca_pem;
    for ca_pem in [None, Some(other)] {
        rig.config.ca_pem = ca_pem;
        let token = CancellationToken::new();
        let door = spawn(rig.config.clone(), rig.desk.clone(), 7, token.clone());
        until("it says why", async || door.status().last_error.is_some()).await;
        let status = door.status();
        let error = status.last_error.unwrap();
        assert!(!status.connected && error.contains("invalid peer certificate"), "{error}");
        token.cancel();
        door.closed().await;
    }
}
