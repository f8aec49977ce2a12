//! The SMPP gateway: against two centres of other makers, and against one that is played octet by octet and can do
//! what no real one does on demand.

mod centre;
mod faults;
mod jasmin;
mod peers;
mod receipts;
mod replies;

use super::contract::{self, Rig};
use super::{NOW_S, attempt};
use centre::{Centre, Ear, OK, SUBMIT_SM, UNBIND, auto};
use futures::future::BoxFuture;
use jiaoying::config::GatewaySection;
use jiaoying::gateway::{Clock, Door, Gateway, Outgoing, open};
use jiaoying::model::{Fact, Failure, Stage, Timestamp};
use jiaoying::telemetry::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A gateway with what it was given.
struct Open {
    gateway: Arc<dyn Gateway>,
    ear: Arc<Ear>,
    now_ms: Arc<AtomicI64>,
    stop: CancellationToken,
}

impl Open {
    /// Submits in a task of its own.
    fn begin(&self, attempts: Vec<Outgoing>) -> JoinHandle<Vec<Fact>> {
        let gateway = self.gateway.clone();
        tokio::spawn(async move { gateway.submit(attempts).await })
    }
}

/// Opens a gateway the way the service does, from its section. `extra` comes last and so holds.
fn open_at(address: &str, extra: &[(&str, &str)]) -> Open {
    let mut keys = vec![
        ("address", format!("'{address}'")),
        ("system_id", "'county'".to_owned()),
        ("password", "'secret'".to_owned()),
        ("source", "'10690001'".to_owned()),
        ("timeout_ms", "5000".to_owned()),
        ("connect_timeout_ms", "1000".to_owned()),
        ("backoff_min_ms", "50".to_owned()),
        ("backoff_max_ms", "200".to_owned()),
    ];
    keys.retain(|(key, _)| extra.iter().all(|(other, _)| other != key));
    keys.extend(extra.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let window = keys.iter().position(|(key, _)| *key == "window").map(|at| keys.remove(at).1);
    let keys: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let window = window.unwrap_or_else(|| "16".into());
    let section =
        format!("id = 'sms-smpp'\nkind = 'smpp'\nchannels = ['sms']\nwindow = {window}\nbatch_max = 1\n[smpp]\n{keys}");
    let section: GatewaySection = toml::from_str(&section).unwrap();
    let (ear, now_ms, stop) =
        (Arc::new(Ear::default()), Arc::new(AtomicI64::new(NOW_S * 1000)), CancellationToken::new());
    let time = now_ms.clone();
    let clock: Clock = Arc::new(move || Timestamp(time.load(Ordering::Relaxed) * 1000));
    let opened =
        open(&section, &Door { upcalls: ear.clone(), clock, metrics: Metrics::new(), stop: stop.clone(), seed: 7 })
            .unwrap();
    Open { gateway: opened.gateway, ear, now_ms, stop }
}

fn submitted(reference: &str) -> Fact {
    Fact::Reached { stage: Stage::Submitted, reference: Some(reference.into()) }
}

fn delivered(reference: &str) -> Fact {
    Fact::Reached { stage: Stage::Delivered, reference: Some(reference.into()) }
}

fn failed(failure: Failure, detail: &str) -> Fact {
    Fact::Failed { failure, detail: Some(detail.into()) }
}

/// 100 characters of UCS-2: two parts.
fn long(n: u32) -> Outgoing {
    Outgoing { text: "暴雨红色预警，请立即转移".repeat(9)[..300].to_owned(), ..attempt(n) }
}

struct Rigged;

impl Rig for Rigged {
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let open = open_at(&auto().await, &[]);
            until(|| open.gateway.condition().well).await;
            open.gateway
        })
    }

    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            tokio::spawn(async move {
                let mut quiet = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    quiet.push(stream);
                }
            });
            open_at(&address, &[]).gateway
        })
    }

    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            open_at(&listener.local_addr().unwrap().to_string(), &[]).gateway
        })
    }

    fn attempt(&self, n: u32) -> Outgoing {
        attempt(n)
    }
}

async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it never comes to that");
}

#[tokio::test]
async fn it_keeps_the_contract_of_gateways() {
    contract::holds(&Rigged).await;
}

#[tokio::test]
async fn a_message_says_all_that_was_configured() {
    let mut centre = Centre::new().await;
    let extra = [("extension", "true"), ("service_type", "'CMT'"), ("source_ton", "3"), ("system_type", "'x'")];
    let open = open_at(&centre.address, &extra);
    let bind = centre.bind().await;
    // system_id, password, system_type, version, ton, npi, range.
    assert_eq!(bind, b"county\0secret\0x\0\x34\0\0\0");
    let attempt = Outgoing { code: Some("037".into()), text: "Alarm [1]".into(), ..attempt(7) };
    let facts = open.begin(vec![attempt]);
    let submit = centre.expect(SUBMIT_SM).await;
    let head = b"CMT\0\x03\x0110690001037\0\x01\x018613800000007\0\0\0\0\x00000000001000000R\0\x01\0\0\0";
    let words = b"\x0bAlarm \x1b\x3c1\x1b\x3e";
    assert_eq!(submit.body, [&head[..], &words[..]].concat());
    centre.write(0x8000_0004, OK, submit.sequence, b"A-1\0").await;
    assert_eq!(facts.await.unwrap(), [submitted("A-1")]);
}

#[tokio::test]
async fn it_says_good_bye_when_it_is_stopped_and_takes_no_more() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    let facts = open.begin(vec![attempt(1)]);
    let submit = centre.expect(SUBMIT_SM).await;
    open.stop.cancel();
    centre.write(0x8000_0004, OK, submit.sequence, b"1\0").await;
    assert_eq!(facts.await.unwrap(), [submitted("1")], "what is under way is waited for");
    let unbind = centre.expect(UNBIND).await;
    centre.write(0x8000_0006, OK, unbind.sequence, b"").await;
    assert!(centre.read().await.is_none(), "closed");
    until(|| open.gateway.condition().detail == "stopped").await;
    assert_eq!(open.gateway.submit(vec![attempt(2)]).await, [failed(Failure::GatewayDown, "stopped")]);
}

#[tokio::test]
async fn the_example_of_the_documentation_is_a_configuration() {
    let config = crate::support::documented(include_str!("../../../docs/GATEWAY-SMPP.md"));
    assert_eq!(config.gateways[0].smpp.as_ref().unwrap().address, "10.20.0.7:2775");
}

#[test]
fn faults_of_the_table_name_their_key_and_print_names_their_place() {
    use jiaoying::config::{Config, ConfigError};
    let load = |extra: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "[[gateway]]\nid = 'a'\nkind = 'smpp'\nchannels = ['sms']\n\n[gateway.smpp]\naddress = 'h:1'\n\
             system_id = 'county'\nsource = '1069'\n{extra}"
        );
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()), std::iter::empty())
    };
    let shown = load("password = 'secret'\n").unwrap().print();
    let origin = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(origin("address = \"h:1\"").ends_with(":7") && !shown.contains("secret'"), "{shown}");
    let Err(ConfigError::Faults(faults)) = load(
        "password = 'far too long'\nsystem_type = 'a b'\ncountry = '086'\nucs2_coding = 0\nutc_offset_min = 900\n\
         enquire_link_s = 0\nbackoff_max_ms = 1\n",
    ) else {
        panic!("no faults")
    };
    let keys: Vec<_> = faults.iter().filter_map(|fault| fault.key.strip_prefix("gateway[0].smpp.")).collect();
    let expected =
        ["system_type", "password", "country", "ucs2_coding", "utc_offset_min", "enquire_link_s", "backoff_max_ms"];
    assert_eq!(keys, expected);
    assert!(!format!("{faults:?}").contains("far too long"));
}

#[test]
fn any_octets_are_survived() {
    use rand::{RngExt, SeedableRng};
    let seeds = if crate::support::servers::all() { 200_000 } else { 5_000 };
    for seed in 0..seeds {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut stream = centre::samples();
        for _ in 0..rng.random_range(0..8) {
            let at = rng.random_range(0..stream.len());
            stream[at] = rng.random();
        }
        stream.truncate(rng.random_range(0..=stream.len()));
        crate::formats::targets::smpp(&stream);
        let mut text = centre::RECEIPT.to_vec();
        for _ in 0..rng.random_range(0..8) {
            let at = rng.random_range(0..text.len());
            text[at] = rng.random();
        }
        crate::formats::targets::receipt(&text);
    }
}
