//! The CMPP gateway against a played ISMG: what goes over the wire, what each answer and each fault is turned into,
//! and what comes back.

mod codec;
mod faults;
mod foreign;
mod incoming;
mod ismg;
mod signing;

use super::contract::{self, Rig};
use futures::future::{BoxFuture, FutureExt};
use ismg::{ACCOUNT, FIRST, Ismg, SECRET, Script};
use jiaoying::config::CmppSection;
use jiaoying::gateway::cmpp::CmppGateway;
use jiaoying::gateway::cmpp::codec::Version;
use jiaoying::gateway::{Condition, Door, Gateway, NotTaken, Outgoing, ReadBack, Upcall, Upcalls};
use jiaoying::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Stage, Timestamp};
use jiaoying::telemetry::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// 2026-07-01T04:18:00+08:00.
const NOW_S: i64 = 1_782_850_680;
const UNKNOWN: Fact = Fact::Unknown { resent: false };

/// Short times, as a machine that does much else can keep them.
const QUICK: &str = "response_timeout_ms = 400\njoin_wait_ms = 200\nconnect_timeout_ms = 2000\nreconnect_min_ms = 20\n\
                     reconnect_max_ms = 100\nflow_pause_ms = 30\n";

/// Takes upcalls, or does not.
struct Sink {
    taken: watch::Sender<Vec<Upcall>>,
    refuses: AtomicUsize,
    /// How often it was asked to take something.
    asked: watch::Sender<usize>,
    /// Open, or what is told waits.
    gate: watch::Sender<bool>,
    /// The longest list that was taken.
    largest: AtomicUsize,
}

/// A gateway, and what it tells.
struct Side {
    gateway: CmppGateway,
    sink: Arc<Sink>,
    stop: CancellationToken,
    now: Arc<AtomicI64>,
}

impl Default for Sink {
    fn default() -> Self {
        let (refuses, largest) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            taken: watch::Sender::default(),
            refuses,
            asked: watch::Sender::default(),
            gate: watch::Sender::new(true),
            largest,
        }
    }
}

impl Upcalls for Sink {
    fn take(&self, _: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        async move {
            self.asked.send_modify(|asked| *asked += 1);
            self.gate.subscribe().wait_for(|open| *open).await.unwrap();
            let refuses = self.refuses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
            if refuses {
                return Err(NotTaken("the store is down".into()));
            }
            self.largest.fetch_max(upcalls.len(), Ordering::SeqCst);
            self.taken.send_modify(|taken| taken.extend(upcalls));
            Ok(Vec::new())
        }
        .boxed()
    }
}

impl Sink {
    /// Waits until so many upcalls were taken.
    async fn until(&self, count: usize) -> Vec<Upcall> {
        let mut taken = self.taken.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(20), taken.wait_for(|t| t.len() >= count)).await;
        waited.expect("it was never told").unwrap().clone()
    }
}

impl Side {
    fn new(address: &str, extra: &str) -> Self {
        let extension = if extra.contains("extension") { "" } else { "extension = true\n" };
        let section = format!(
            "address = '{address}'\naccount = '{ACCOUNT}'\nsecret = 'env:UNUSED'\naccess_number = '10690123'\n\
             service_id = 'jy'\n{extension}{extra}"
        );
        Self::of(toml::from_str(&section).unwrap(), SECRET)
    }

    fn of(config: CmppSection, secret: &str) -> Self {
        let (sink, stop) = (Arc::new(Sink::default()), CancellationToken::new());
        let now = Arc::new(AtomicI64::new(NOW_S * 1_000_000));
        let told = Arc::clone(&now);
        let clock = Arc::new(move || Timestamp(told.load(Ordering::SeqCst)));
        let door = Door {
            upcalls: Arc::clone(&sink) as Arc<dyn Upcalls>,
            clock,
            metrics: Metrics::new(),
            stop: stop.clone(),
            seed: 7,
        };
        let gateway = CmppGateway::new("cmpp-a".into(), vec![Channel::Sms], 20, config, secret.into(), door);
        Self { gateway, sink, stop, now }
    }

    async fn submit(&self, attempts: Vec<Outgoing>) -> Vec<Fact> {
        let facts = tokio::time::timeout(Duration::from_secs(20), self.gateway.submit(attempts)).await;
        facts.expect("the gateway hangs")
    }

    async fn one(&self, attempt: Outgoing) -> Fact {
        self.submit(vec![attempt]).await.remove(0)
    }

    /// Waits until the gateway's condition is as `what` says.
    async fn until(&self, what: impl Fn(&Condition) -> bool) -> Condition {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let condition = self.gateway.condition();
                if what(&condition) {
                    return condition;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("the condition never came")
    }
}

fn attempt(n: u32) -> Outgoing {
    Outgoing {
        key: key(n),
        channel: Channel::Sms,
        number: format!("+86138001380{n:02}"),
        text: "【叫应】暴雨红色预警，收到回1".into(),
        template: None,
        speech: None,
        code: Some("372".into()),
        language: "zh-CN".into(),
        drill: false,
        colour: "red",
        valid_until: Timestamp((NOW_S + 600) * 1_000_000),
    }
}

fn long(n: u32) -> Outgoing {
    Outgoing { text: "请立即组织转移。".repeat(20), ..attempt(n) }
}

fn key(n: u32) -> AttemptKey {
    AttemptKey { callout: "533324-ab".into(), attempt: n }
}

fn reached(reference: &str) -> Fact {
    Fact::Reached { stage: Stage::Submitted, reference: Some(reference.into()) }
}

fn failure(fact: &Fact) -> Option<Failure> {
    if let Fact::Failed { failure, .. } = fact { Some(*failure) } else { None }
}

fn delivered(n: u32) -> Upcall {
    let reported_at = Some(Timestamp((NOW_S + 60) * 1_000_000));
    Upcall::Report { key: key(n), fact: Fact::Reached { stage: Stage::Delivered, reference: None }, reported_at }
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[tokio::test]
async fn an_attempt_goes_out_as_the_contract_says_and_its_report_comes_back() {
    for (long_reports, version) in [(true, "3.0"), (false, "3.0"), (false, "2.0"), (false, "2.1")] {
        let ismg = Ismg::new(Script { state: Some("DELIVRD"), long_reports, ..Script::default() }).await;
        let side = Side::new(&ismg.address, &format!("version = '{version}'\nlevel = 3\nfee_type = '02'"));
        assert_eq!(side.one(attempt(1)).await, reached("7100000000000001"));
        assert_eq!(side.sink.until(1).await, [delivered(1)]);
        let seen = ismg.until(|seen| seen.confirmed.len() == 1).await;
        assert_eq!(seen.confirmed[0].result, 0);
        let s = &seen.submits[0];
        assert_eq!(
            (s.dest_terminal_ids.as_slice(), s.src_id.as_str()),
            (&["13800138001".to_owned()][..], "10690123372")
        );
        assert_eq!((s.registered_delivery, s.msg_fmt, s.tp_udhi, s.pk_total, s.pk_number), (1, 8, 0, 1, 1));
        assert_eq!((s.valid_time.as_str(), s.content.clone()), ("260701042800032+", ucs2(&attempt(1).text)));
        assert_eq!((s.service_id.as_str(), s.msg_src.as_str(), s.msg_level), ("jy", ACCOUNT, 3));
        assert_eq!((s.fee_user_type, s.fee_type.as_str(), s.fee_code.as_str()), (2, "02", "0"));
        let connect = &seen.connects[0];
        assert_eq!((connect.source_addr.as_str(), connect.timestamp), (ACCOUNT, 701_041_800));
        assert_eq!(Version::of(connect.version).unwrap().to_string(), version);
    }
}

#[tokio::test]
async fn a_long_text_goes_in_parts_and_is_delivered_when_all_are() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, "");
    assert_eq!(side.one(long(1)).await, reached("7100000000000001/3"));
    let submits = ismg.seen().submits;
    let mut parts: Vec<_> = submits.iter().map(|s| (s.pk_number, s.pk_total, s.tp_udhi, &s.content)).collect();
    parts.sort_unstable();
    assert_eq!(parts.iter().map(|p| (p.0, p.1, p.2)).collect::<Vec<_>>(), [(1, 3, 1), (2, 3, 1), (3, 3, 1)]);
    assert!(parts.iter().all(|p| p.3[..3] == [5, 0, 3] && p.3[3] == parts[0].3[3] && p.3[4..6] == [3, p.0]));
    let text: Vec<u8> = parts.iter().flat_map(|p| p.3[6..].to_vec()).collect();
    assert_eq!(text, ucs2(&long(1).text));
    let tell = |id, state| ismg.send(Version::V30, ismg::report(id, state, "13800138001", "10690123", true));
    for id in [FIRST + 2, FIRST, FIRST] {
        tell(id, "DELIVRD");
    }
    ismg.until(|seen| seen.confirmed.len() == 3).await;
    assert!(side.sink.taken.borrow().is_empty(), "one part is missing");
    tell(FIRST + 1, "DELIVRD");
    assert_eq!(side.sink.until(1).await, [delivered(1)]);
    // Of another, one part fails.
    assert_eq!(side.one(long(2)).await, reached("7100000000000004/3"));
    for (id, state) in [(FIRST + 3, "DELIVRD"), (FIRST + 4, "MK:0001"), (FIRST + 5, "DELIVRD"), (FIRST + 4, "DELIVRD")]
    {
        tell(id, state);
    }
    ismg.until(|seen| seen.confirmed.len() == 8).await;
    let told = side.sink.taken.borrow().clone();
    let [_, Upcall::Report { key: of, fact, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((of, failure(fact)), (&key(2), Some(Failure::DeadNumber)));
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_what_expires_in_the_queue_is_not_sent() {
    let ismg = Ismg::new(Script { swallow: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, &format!("window = 1\nparts_max = 2\n{QUICK}"));
    assert_eq!(failure(&side.one(long(1)).await), Some(Failure::Refused));
    // The first fills the window; the second waits behind it, and meanwhile its time runs out.
    let waits = side.submit(vec![attempt(2), attempt(3)]);
    let runs_out = async {
        ismg.until(|seen| seen.submits.len() == 1).await;
        side.now.store((NOW_S + 601) * 1_000_000, Ordering::SeqCst);
    };
    let (facts, ()) = tokio::join!(waits, runs_out);
    assert_eq!((&facts[0], failure(&facts[1])), (&UNKNOWN, Some(Failure::Expired)));
    assert_eq!(ismg.seen().submits.len(), 1);
}

#[tokio::test]
async fn the_window_is_kept() {
    let ismg = Ismg::new(Script { swallow: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, &format!("window = 4\n{QUICK}"));
    let facts = side.submit((0..10).map(attempt).collect()).await;
    assert_eq!(facts.iter().filter(|fact| **fact == UNKNOWN).count(), 4, "{facts:?}");
    assert_eq!(facts.iter().filter(|fact| failure(fact) == Some(Failure::GatewayDown)).count(), 6);
    assert_eq!(ismg.seen().submits.len(), 4);
}

#[tokio::test]
async fn a_withdrawal_is_a_cancel_where_the_gateway_takes_it() {
    let ismg = Ismg::new(Script::default()).await;
    for (cancel, expected) in [(false, vec![]), (true, vec![FIRST + 3, FIRST + 4, FIRST + 5])] {
        let side = Side::new(&ismg.address, &format!("cancel = {cancel}"));
        side.one(long(1)).await;
        side.gateway.withdraw(key(2)).await;
        side.gateway.withdraw(key(1)).await;
        let mut cancels = ismg.seen().cancels;
        cancels.sort_unstable();
        assert_eq!(cancels, expected);
    }
}

#[tokio::test]
async fn the_example_of_the_documentation_is_a_configuration() {
    let config = crate::support::documented(include_str!("../../../../docs/GATEWAY-CMPP.md"));
    assert!(config.gateways[0].cmpp.as_ref().unwrap().extension);
}

/// The CMPP gateway under the contract of all gateways.
struct Cmpp;

impl Cmpp {
    async fn gateway(script: Script) -> Arc<dyn Gateway> {
        let ismg = Ismg::new(script).await;
        Arc::new(
            Side::new(&ismg.address, "connect_timeout_ms = 500\nresponse_timeout_ms = 3000\njoin_wait_ms = 500")
                .gateway,
        )
    }
}

impl Rig for Cmpp {
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Self::gateway(Script::default()).boxed()
    }

    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Self::gateway(Script { mute: true, ..Script::default() }).boxed()
    }

    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            drop(listener);
            Arc::new(Side::new(&address, QUICK).gateway) as Arc<dyn Gateway>
        }
        .boxed()
    }

    fn attempt(&self, n: u32) -> Outgoing {
        attempt(n)
    }
}

#[tokio::test]
async fn the_cmpp_gateway_keeps_the_contract() {
    contract::holds(&Cmpp).await;
}
