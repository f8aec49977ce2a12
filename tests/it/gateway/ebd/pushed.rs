//! What the platform posts of its own accord: what is believed, what is taken, and what is confirmed.

use super::platform::{ITS, OURS, Platform, Way, tar_of, text};
use super::{PATH, TOKEN, attempt, failure, key, opened, reference, rig, stage};
use crate::gateway::told::{Told, door, until};
use axum::http::StatusCode;
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use jiaoying::gateway::{Gateway, Upcall};
use jiaoying::model::{Failure, Stage, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

fn state(ebmid: &str, code: &str) -> String {
    format!("<EBM><EBMID>{ebmid}</EBMID></EBM><BrdStateCode>{code}</BrdStateCode>")
}

#[tokio::test]
async fn a_state_is_confirmed_once_it_is_durable() {
    let rig = rig(Way::Result("1"), "poll_s = 0").await;
    let ebmid = reference(&rig.gateway.submit(vec![attempt(1, "533324")]).await[0]);
    rig.told.down(true);
    let (status, answer) = rig.platform.post("EBMStateResponse", &state(&ebmid, "2"), "").await;
    assert_eq!((status, text(&answer, "ResultCode").as_str()), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    rig.told.down(false);
    for _ in 0..2 {
        let (status, answer) = rig.platform.post("EBMStateResponse", &state(&ebmid, "2"), "").await;
        assert_eq!((status, text(&answer, "ResultCode").as_str()), (StatusCode::OK, "1"));
        let asked = text(&answer, "RelatedEBD");
        assert!(asked.contains(&format!("10{ITS}")) && text(&answer, "SRC").contains(OURS), "{answer}");
    }
    assert_eq!(rig.told.facts(&key(1)).iter().map(stage).collect::<Vec<_>>(), [Some(Stage::PickedUp)]);
    assert_eq!(rig.platform.post("EBMStateResponse", &state(&ebmid, "99"), "").await.0, StatusCode::OK);
    assert_eq!(rig.told.facts(&key(1)).len(), 1, "a code without a meaning says nothing");
}

#[tokio::test]
async fn what_another_host_sent_is_told_by_its_references() {
    let rig = rig(Way::Result("1"), "poll_s = 0").await;
    let one = reference(&rig.gateway.submit(vec![attempt(1, "533324")]).await[0]);
    let both = rig.gateway.submit(vec![attempt(2, "533324100200"), attempt(3, "533325")]).await;
    let other = Arc::new(Told::default());
    let folder = tempfile::tempdir().unwrap();
    let standby = opened(&rig.platform.url, folder.path(), "poll_s = 0", &door(&other));
    assert!(standby.gateway.reports_by_reference());
    *rig.platform.callbacks.lock().unwrap() = Some(standby.callbacks);
    rig.platform.post("EBMStateResponse", &state(&one, "3"), "").await;
    let areas = "<Coverage><AreaCode>533324100200,533325000000</AreaCode></Coverage>";
    let inside = format!("{}{areas}", state(&reference(&both[0])[..30], "3"));
    rig.platform.post("EBMStateResponse", &inside, "").await;
    let told: Vec<String> = other
        .all()
        .into_iter()
        .filter_map(|u| match u {
            Upcall::Receipt { reference, fact, .. } if stage(&fact) == Some(Stage::Heard) => Some(reference),
            _ => None,
        })
        .collect();
    for expected in [one, reference(&both[0]), reference(&both[1])] {
        assert!(told.contains(&expected), "{expected} in {told:?}");
    }
}

#[tokio::test]
async fn a_package_that_is_wrong_is_refused_and_says_why() {
    let rig = rig(Way::Result("1"), "package_max_bytes = 100000").await;
    let ebmid = reference(&rig.gateway.submit(vec![attempt(1, "533324")]).await[0]);
    let platform = &rig.platform;
    let good = platform.package("EBMStateResponse", &state(&ebmid, "3"), "");
    let wrong_token = "/callbacks/ebd-a/another-token-of-16";
    assert_eq!(platform.post_bytes(wrong_token, "application/x-tar", good.clone()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(platform.post_bytes("/callbacks/ebd-a", "", good.clone()).await.0, StatusCode::NOT_FOUND);
    let xml = |xml: &str| tar_of(&[("EBDB_1.xml", xml.as_bytes())]);
    let foreign = format!(
        "<EBD><EBDID>1</EBDID><EBDType>EBMStateResponse</EBDType><SRC><EBRID>{OURS}</EBRID></SRC>\
         <EBMStateResponse>{}</EBMStateResponse></EBD>",
        state(&ebmid, "3")
    );
    let table: [(&str, Vec<u8>, u16, &str); 8] = [
        ("no tar", b"hello".to_vec(), 400, "tar"),
        ("cut off", good[..700].to_vec(), 400, "cut off"),
        ("no data", tar_of(&[("a.xml", b"<EBD/>")]), 400, "EBDB_"),
        ("no XML", xml("<EBD>"), 400, "too early"),
        ("an entity", xml("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><EBD>&x;</EBD>"), 400, "DOCTYPE"),
        ("somebody else", xml(&foreign), 400, "SRC"),
        ("not ours", platform.package("OMDRequest", "", ""), 200, "type"),
        ("too long", vec![0; 200_000], 413, "100000 bytes"),
    ];
    for (what, bytes, status, word) in table {
        let (got, answer) = platform.post_bytes(PATH, "application/x-tar", bytes).await;
        assert_eq!((got.as_u16(), text(&answer, "ResultCode").as_str()), (status, "5"), "{what}");
        assert!(text(&answer, "ResultDesc").contains(word), "{what}: {answer}");
    }
    assert_eq!(rig.told.all(), []);
    assert!(PATH.ends_with(TOKEN));
}

#[tokio::test]
async fn with_a_shared_secret_only_its_packages_are_believed() {
    let secret = "0123456789abcdef";
    let rig =
        rig(Way::Result("1"), &format!("signature = 'hmac_sha256'\nsecret = '{secret}'\npoll_s = 0\ntimeout_ms = 500"))
            .await;
    // The platform signs nothing here, so its answer cannot be believed either.
    let facts = rig.gateway.submit(vec![attempt(1, "533324")]).await;
    assert_eq!(facts, [super::UNKNOWN]);
    let seen = rig.platform.seen("EBM").pop().unwrap();
    let mac = |data: &str| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(data.as_bytes());
        base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
    };
    assert_eq!(text(&seen.signature, "SignatureValue"), mac(&seen.xml));
    let ebmid = text(&seen.xml, "EBMID");
    let xml = format!(
        "<EBD><EBDID>1</EBDID><EBDType>EBMStateResponse</EBDType><EBMStateResponse>{}</EBMStateResponse></EBD>",
        state(&ebmid, "4")
    );
    let package = |value: &str| {
        let signature = format!("<Signature><SignatureValue>{value}</SignatureValue></Signature>");
        tar_of(&[("EBDB_1.xml", xml.as_bytes()), ("EBDS_EBDB_1.xml", signature.as_bytes())])
    };
    for wrong in ["", "AAAA", &mac("another document")] {
        assert_eq!(rig.platform.post_bytes("/callbacks/ebd-a", "", package(wrong)).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(rig.platform.post_bytes("/callbacks/ebd-a", "", package(&mac(&xml))).await.0, StatusCode::OK);
    assert_eq!(failure(&rig.told.facts(&key(1))[0]), Some(Failure::Undelivered));
}

#[tokio::test]
async fn a_platform_that_keeps_silent_counts_as_offline_until_it_is_heard_again() {
    let platform = Platform::start(Way::Status(503)).await;
    let (told, folder) = (Arc::new(Told::default()), tempfile::tempdir().unwrap());
    let ahead = Arc::new(AtomicI64::new(0));
    let mut door = door(&told);
    let shift = ahead.clone();
    door.clock = Arc::new(move || Timestamp(jiaoying::runtime::clock::now().0 + shift.load(Ordering::SeqCst)));
    let opened = opened(&platform.url, folder.path(), "heartbeat_s = 1", &door);
    *platform.callbacks.lock().unwrap() = Some(opened.callbacks);
    let gateway: Arc<dyn Gateway> = opened.gateway;
    until("a heartbeat", || !platform.seen("ConnectionCheck").is_empty()).await;
    let beat = platform.seen("ConnectionCheck").remove(0);
    assert_eq!(text(&beat.xml, "EBDID"), format!("01{OURS}{}", "0".repeat(16)));
    assert!(gateway.condition().well, "it has time: {:?}", gateway.condition());
    ahead.store(301_000_000, Ordering::SeqCst);
    let condition = gateway.condition();
    assert!(!condition.well && condition.detail.contains("HTTP 503"), "{condition:?}");
    let (status, answer) = platform.post("ConnectionCheck", "<RptTime/>", "").await;
    assert_eq!((status, text(&answer, "ResultCode").as_str()), (StatusCode::OK, "1"));
    assert!(gateway.condition().well);
    ahead.store(700_000_000, Ordering::SeqCst);
    assert!(!gateway.condition().well);
    platform.goes(Way::Result("1"));
    until("an answered heartbeat", || gateway.condition().well).await;
    assert!(gateway.check().await.is_ok());
    platform.goes(Way::Result("7"));
    assert!(gateway.check().await.unwrap_err().contains("result 7"));
}
