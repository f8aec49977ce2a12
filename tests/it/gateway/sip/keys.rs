//! Keys that are pressed in a call: how they come, and from whom.

use super::peer::{self, Peer};
use super::{Trunk, one, section};
use jiaoying::model::{Fact, Stage};
use std::time::Duration;

#[tokio::test]
async fn a_key_is_told_read_back_and_the_call_ends() {
    if peer::absent() {
        return;
    }
    let (fact, told) = one("key", &[], "").await;
    assert!(
        matches!(&fact, Fact::Reached { stage: Stage::Submitted, reference: Some(id) } if !id.contains("138")),
        "{fact:?}"
    );
    assert_eq!(told, ["rings", "picked up", "key 1", "ended"]);
}

#[tokio::test]
async fn keys_come_by_info_in_both_forms_and_one_press_counts_once() {
    if peer::absent() {
        return;
    }
    let picked = |key: &str| ["rings", "picked up", key, "ended"].map(str::to_owned);
    for (scenario, key) in [("info", "key 1"), ("info_digit", "key 2"), ("both_ways", "key 1")] {
        assert_eq!(one(scenario, &[], "").await.1, picked(key), "{scenario}");
    }
}

#[tokio::test]
async fn a_key_that_means_nothing_asks_again() {
    if peer::absent() {
        return;
    }
    assert_eq!(one("wrong_key", &[], "key_wait_s = 8\n").await.1, ["rings", "picked up", "key 9", "key 1", "ended"]);
}

#[tokio::test]
async fn keys_come_from_where_the_trunk_signals_and_from_no_stranger() {
    if peer::absent() {
        return;
    }
    // It listens at one of its addresses and sends from another.
    let (_, told) = one("key", &[("media_ip", "127.0.0.2")], "").await;
    assert_eq!(told, ["rings", "picked up", "key 1", "ended"]);

    let peer = Peer::start("no_key", 1, &[]);
    let section = section(peer.port, 1, "");
    let media = section.sip.as_ref().unwrap().rtp_port_min;
    let trunk = Trunk::of(&section);
    let stranger = tokio::net::UdpSocket::bind("127.0.0.3:0").await.unwrap();
    let presses = async {
        for n in 0_u16.. {
            let mut packet = [0x80, 0xE5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0x80, 0, 160];
            packet[6..8].copy_from_slice(&n.to_be_bytes());
            for port in media..media + 4 {
                // Nobody may listen there yet.
                let _ = stranger.send_to(&packet, ("127.0.0.1", port)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        unreachable!("no call is that long")
    };
    let (_, told) = tokio::select! { done = trunk.call() => done, never = presses => never };
    assert_eq!(told, ["rings", "picked up", "heard", "ended"]);
    peer.content().await;
}
