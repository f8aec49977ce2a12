//! Emergency broadcast packages in front of a platform of the test's own: one message for many areas, what is told
//! of it, and what each way of answering, or not answering, is turned into.

mod platform;
mod pushed;

use super::contract;
use super::told::{Told, door, until};
use crate::support::tls::Front;
use futures::future::BoxFuture;
use jiaoying::gateway::{Door, Gateway, Opened, Outgoing, open};
use jiaoying::model::{AttemptKey, Channel, Fact, Failure, Stage};
use platform::{ITS, OURS, Platform, Way, text};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;

const TOKEN: &str = "a-token-of-16-letters";
const PATH: &str = "/callbacks/ebd-a/a-token-of-16-letters";
const UNKNOWN: Fact = Fact::Unknown { resent: false };

fn opened(url: &str, folder: &Path, extra: &str, door: &Door) -> Opened {
    let signed = extra.contains("signature");
    let token = if signed { String::new() } else { format!("token = '{TOKEN}'\n") };
    let unless = |key: &str, line: &'static str| if extra.contains(key) { "" } else { line };
    let often = [unless("poll_s", "poll_s = 1\n"), unless("heartbeat_s", "heartbeat_s = 0\n")].concat();
    let section = format!(
        "id = 'ebd-a'\nkind = 'ebd'\nchannels = ['broadcast']\nbatch_max = 100\n[ebd]\nurl = '{url}'\n\
         source = '{OURS}'\ndestination = '{ITS}'\nsender_name = '某县应急指挥部'\nsender_code = '53332400000001'\n\
         state_file = '{}'\n{often}{token}{extra}",
        folder.join("ebd.state").display()
    );
    open(&toml::from_str(&section).unwrap(), door).unwrap_or_else(|e| panic!("{e}"))
}

/// A gateway in front of a platform, with what it tells; the folder lasts as long as the rig.
struct Rig {
    platform: Arc<Platform>,
    gateway: Arc<dyn Gateway>,
    told: Arc<Told>,
    door: Door,
    folder: TempDir,
}

async fn rig(way: Way, extra: &str) -> Rig {
    let (platform, told, folder) = (Platform::start(way).await, Arc::new(Told::default()), TempDir::new().unwrap());
    let door = door(&told);
    let opened = opened(&platform.url, folder.path(), extra, &door);
    *platform.callbacks.lock().unwrap() = Some(opened.callbacks);
    Rig { platform, gateway: opened.gateway, told, door, folder }
}

fn key(n: u32) -> AttemptKey {
    AttemptKey { callout: "533324-ab".into(), attempt: n }
}

fn attempt(n: u32, place: &str) -> Outgoing {
    Outgoing {
        key: key(n),
        channel: Channel::Broadcast,
        number: place.into(),
        text: "紧急通知，紧急通知。<暴雨>红色预警 & 转移。".into(),
        template: None,
        speech: None,
        code: None,
        language: "zh-CN".into(),
        drill: false,
        colour: "orange",
        // In the middle of a minute: attempts of one message end in the same one.
        valid_until: jiaoying::model::Timestamp(jiaoying::runtime::clock::now().0 / 60_000_000 * 60_000_000)
            .plus_ms(630_000),
    }
}

fn failure(fact: &Fact) -> Option<Failure> {
    if let Fact::Failed { failure, .. } = fact { Some(*failure) } else { None }
}

fn detail(fact: &Fact) -> &str {
    if let Fact::Failed { detail: Some(detail), .. } = fact { detail } else { "" }
}

fn stage(fact: &Fact) -> Option<Stage> {
    if let Fact::Reached { stage, .. } = fact { Some(*stage) } else { None }
}

fn reference(fact: &Fact) -> String {
    if let Fact::Reached { reference: Some(reference), .. } = fact { reference.clone() } else { panic!("{fact:?}") }
}

#[tokio::test]
async fn attempts_with_the_same_words_are_one_message_with_a_list_of_areas() {
    let rig = rig(Way::Result("1"), "").await;
    let other = Outgoing { text: "另一条。".into(), language: "bo".into(), ..attempt(4, "533325") };
    let stale = Outgoing { valid_until: jiaoying::model::Timestamp(1), ..attempt(5, "533324100200") };
    let list = vec![
        attempt(0, "533324100200"),
        attempt(1, "+8613800138000"),
        attempt(2, "533324101"),
        attempt(3, "653332410020001401"),
        other,
        stale,
    ];
    let facts = rig.gateway.submit(list).await;
    let failures: Vec<_> = facts.iter().map(failure).collect();
    let expected = [None, Some(Failure::DeadNumber), None, None, None, Some(Failure::Expired)];
    assert_eq!(failures, expected);
    let seen = rig.platform.seen("EBM");
    assert_eq!(seen.len(), 2);
    let (first, second) = if seen[0].xml.contains("另一条") { (&seen[1], &seen[0]) } else { (&seen[0], &seen[1]) };
    let (ebdid, ebmid) = (text(&first.xml, "EBDID"), text(&first.xml, "EBMID"));
    assert_eq!(first.file_name, format!("EBDT_{ebdid}.tar"));
    assert_eq!(first.names, [format!("EBDB_{ebdid}.xml"), format!("EBDS_EBDB_{ebdid}.xml")]);
    assert!(ebdid.len() == 36 && ebdid.starts_with(&format!("10{OURS}")), "{ebdid}");
    assert!(ebmid.len() == 30 && ebmid.starts_with(OURS), "{ebmid}");
    assert_eq!(text(&first.signature, "SignatureValue"), "");
    for (name, value) in [
        ("MsgType", "1"),
        ("SenderName", "某县应急指挥部"),
        ("Severity", "2"),
        ("LanguageCode", "zho"),
        ("MsgTitle", "紧急通知，紧急通知"),
        ("MsgDesc", "紧急通知，紧急通知。&lt;暴雨&gt;红色预警 &amp; 转移。"),
        ("AreaCode", "533324100200,533324101000"),
    ] {
        assert_eq!(text(&first.xml, name), value, "{name}");
    }
    assert_eq!(text(&text(&first.xml, "Dispatch"), "EBRID"), "653332410020001401");
    assert_eq!(
        (text(&second.xml, "LanguageCode"), text(&second.xml, "AreaCode")),
        ("bod".into(), "533325000000".into())
    );
    assert_eq!(reference(&facts[4]), text(&second.xml, "EBMID"));
    let references: std::collections::BTreeSet<_> = [0, 2, 3].map(|i| reference(&facts[i])).into();
    assert_eq!(references.len(), 3, "each attempt has a reference of its own");
    assert!(references.iter().all(|r| r.starts_with(&ebmid) && !r.contains("533324100200")), "{references:?}");
}

#[tokio::test]
async fn a_message_is_asked_about_until_it_was_played() {
    let rig = rig(Way::Result("1"), "").await;
    let facts = rig.gateway.submit(vec![attempt(1, "533324100200"), attempt(2, "533324101000")]).await;
    let ebmid = reference(&facts[0])[..30].to_owned();
    rig.platform.state(&ebmid, "<BrdStateCode>1</BrdStateCode>");
    assert_eq!(stage(&rig.told.wait(&key(1), 1).await[0]), Some(Stage::Submitted));
    rig.platform.state(&ebmid, "<RptTime>2026-07-01 04:18:09</RptTime><BrdStateCode>2</BrdStateCode>");
    assert_eq!(stage(&rig.told.wait(&key(2), 2).await[1]), Some(Stage::PickedUp));
    let coverage = "<Coverage><CoveragePercent>96%</CoveragePercent></Coverage>";
    rig.platform.state(&ebmid, &format!("<BrdStateCode>3</BrdStateCode>{coverage}"));
    for n in [1, 2] {
        let stages: Vec<_> = rig.told.wait(&key(n), 3).await.iter().map(stage).collect();
        assert_eq!(
            stages,
            [Stage::Submitted, Stage::PickedUp, Stage::Heard].map(Some),
            "once each, though asked often"
        );
    }
    // Nothing is asked about a message that is over: another one is asked about twice, this one no more.
    let asked =
        |ebmid: &str| rig.platform.seen("EBMStateRequest").iter().filter(|s| text(&s.xml, "EBMID") == ebmid).count();
    let before = asked(&ebmid);
    let next = reference(&rig.gateway.submit(vec![attempt(3, "533324100200")]).await[0]);
    until("two questions about the next message", || asked(&next) >= 2).await;
    assert_eq!(asked(&ebmid), before);
}

#[tokio::test]
async fn played_in_a_part_only_is_no_success_elsewhere() {
    let rig = rig(Way::Result("1"), "").await;
    let facts = rig
        .gateway
        .submit(vec![attempt(1, "533324100200"), attempt(2, "533325"), attempt(3, "653332410020001401")])
        .await;
    let ebmid = reference(&facts[0])[..30].to_owned();
    let part = "<BrdStateCode>3</BrdStateCode><Coverage><CoverageRate>0.4</CoverageRate><AreaCode>533324000000</AreaCode>\
                </Coverage><ResBrdInfo><ResBrdItem><EBRAS><EBRID>653332410020001401</EBRID></EBRAS><EBRBS>\
                <BrdStateCode>4</BrdStateCode><BrdStateDesc>功放故障 13800138000</BrdStateDesc></EBRBS></ResBrdItem></ResBrdInfo>";
    rig.platform.state(&ebmid, part);
    assert_eq!(stage(&rig.told.wait(&key(1), 1).await[0]), Some(Stage::Heard), "its county is named");
    let there = &rig.told.wait(&key(2), 1).await[0];
    assert_eq!((failure(there), detail(there)), (Some(Failure::Undelivered), "played, but not there; coverage 40 %"));
    let broken = &rig.told.wait(&key(3), 1).await[0];
    assert_eq!(detail(broken), "state 4: 功放故障 ***; coverage 40 %");
}

#[tokio::test]
async fn a_message_is_cancelled_when_its_last_attempt_is_withdrawn_also_after_a_restart() {
    let rig = rig(Way::Result("1"), "").await;
    let facts = rig.gateway.submit(vec![attempt(1, "533324100200"), attempt(2, "533325")]).await;
    let ebmid = reference(&facts[0])[..30].to_owned();
    rig.gateway.withdraw(key(1)).await;
    assert_eq!(rig.platform.seen("EBM").len(), 1, "the other village still hears it");
    rig.door.stop.cancel();
    let again = super::told::door(&rig.told);
    let gateway = opened(&rig.platform.url, rig.folder.path(), "", &again).gateway;
    gateway.withdraw(key(1)).await;
    gateway.withdraw(key(2)).await;
    let cancel = rig.platform.seen("EBM").pop().unwrap().xml;
    assert_eq!((text(&cancel, "MsgType"), text(&cancel, "EBMID")), ("2".into(), ebmid.clone()));
    assert_eq!(text(&text(&cancel, "RelatedInfo"), "EBMID"), ebmid);
    for n in [1, 2] {
        assert_eq!(failure(&rig.told.wait(&key(n), 1).await[0]), Some(Failure::Withdrawn));
    }
    let next = reference(&gateway.submit(vec![attempt(3, "533324100200")]).await[0]);
    assert!(next > ebmid, "no identifier is given twice: {next}");
}

#[tokio::test]
async fn a_cancel_that_was_not_taken_is_sent_again() {
    let rig = rig(Way::Result("1"), "").await;
    rig.gateway.submit(vec![attempt(1, "533324100200")]).await;
    rig.platform.goes(Way::Status(503));
    rig.gateway.withdraw(key(1)).await;
    rig.platform.goes(Way::Result("1"));
    assert_eq!(failure(&rig.told.wait(&key(1), 1).await[0]), Some(Failure::Withdrawn));
}

#[tokio::test]
async fn every_way_of_answering_has_its_fact() {
    let rig = rig(Way::Result("1"), "timeout_ms = 400").await;
    let down = Some(Failure::GatewayDown);
    let refused = Some(Failure::Refused);
    let table = [
        (Way::Result("0"), None, ""),
        (Way::PostsLater, None, ""),
        (Way::Result("3"), refused, "result 3: 结果3 ***"),
        (Way::Status(400), refused, "HTTP 400"),
        (Way::Status(302), down, "HTTP 302"),
        (Way::Status(403), down, "HTTP 403"),
        (Way::Status(503), down, "HTTP 503"),
    ];
    for (n, (way, expected, said)) in table.into_iter().enumerate() {
        rig.platform.goes(way.clone());
        let fact = rig.gateway.submit(vec![attempt(n as u32, "533324")]).await.remove(0);
        assert_eq!((failure(&fact), detail(&fact)), (expected, said), "{way:?}");
        assert!(expected.is_some() || stage(&fact) == Some(Stage::Submitted), "{way:?}");
    }
    let unclear = [
        Way::Says(b""),
        Way::Says(b"OK"),
        Way::Says(b"<html>it works</html>"),
        Way::Says(&[0; 2048]),
        Way::Status(500),
        Way::Status(409),
        Way::AnswersAnother,
        Way::Silent,
    ];
    for (n, way) in unclear.into_iter().enumerate() {
        rig.platform.goes(way.clone());
        assert_eq!(rig.gateway.submit(vec![attempt(100 + n as u32, "533324")]).await, [UNKNOWN], "{way:?}");
    }
    // What is unknown is asked about: it was taken after all.
    rig.platform.goes(Way::Result("1"));
    let unknown = rig.platform.seen("EBM").pop().unwrap();
    rig.platform.state(&text(&unknown.xml, "EBMID"), "<BrdStateCode>2</BrdStateCode>");
    assert_eq!(stage(&rig.told.wait(&key(107), 1).await[0]), Some(Stage::PickedUp));
}

#[tokio::test]
async fn identifiers_that_cannot_be_written_down_or_are_used_up_send_nothing() {
    let rig = rig(Way::Result("1"), "sequence = [0, 1]").await;
    for n in 0..2 {
        assert_eq!(stage(&rig.gateway.submit(vec![attempt(n, "533324")]).await[0]), Some(Stage::Submitted));
    }
    let fact = rig.gateway.submit(vec![attempt(2, "533324")]).await.remove(0);
    assert_eq!(failure(&fact), Some(Failure::GatewayDown));
    assert!(detail(&fact).contains("used up"), "{fact:?}");
    assert_eq!(rig.platform.seen("EBM").len(), 2);
}

#[tokio::test]
async fn tls_is_spoken_with_a_platform_whose_authority_is_named_and_with_no_other() {
    let platform = Platform::start(Way::Result("1")).await;
    let behind = platform.url.trim_start_matches("http://").trim_end_matches("/ebd").parse().unwrap();
    let front = Front::new(behind).await;
    let folder = TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &front.ca_pem).unwrap();
    let (url, told) = (format!("https://localhost:{}/ebd", front.port), Arc::new(Told::default()));
    let trusting = opened(&url, folder.path(), &format!("ca_file = '{}'", ca.display()), &door(&told)).gateway;
    assert!(trusting.check().await.is_ok());
    let distrustful = opened(&url, &folder.path().join("other"), "", &door(&told)).gateway;
    let facts = distrustful.submit(vec![attempt(1, "533324")]).await;
    assert_eq!(failure(&facts[0]), Some(Failure::GatewayDown), "nothing was sent: {facts:?}");
}

/// The gateway under the contract of all gateways. The folders last as long as the rig.
struct Broadcasters(TempDir, std::sync::atomic::AtomicU32);

impl Broadcasters {
    fn open(&self, url: &str) -> Arc<dyn Gateway> {
        let n = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        opened(url, &self.0.path().join(n.to_string()), "timeout_ms = 500", &door(&Arc::default())).gateway
    }
}

impl contract::Rig for Broadcasters {
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async { self.open(&Platform::start(Way::Result("1")).await.url) })
    }

    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async { self.open(&Platform::start(Way::Silent).await.url) })
    }

    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            self.open(&format!("http://{}/ebd", listener.local_addr().unwrap()))
        })
    }

    fn attempt(&self, n: u32) -> Outgoing {
        attempt(n, "533324100200")
    }
}

#[tokio::test]
async fn the_ebd_gateway_keeps_the_contract() {
    contract::holds(&Broadcasters(TempDir::new().unwrap(), Default::default())).await;
}
