//! The SIP gateway against `sipp`, a foreign user agent: what it does on the wire, and what each way in which a call
//! goes is told as. The scenarios are in `tests/peers/sipp`.

mod bytes;
mod incoming;
mod keys;
mod load;
mod peer;
mod phone;
mod speech;

use super::contract::{self, Rig};
use futures::future::BoxFuture;
use jiaoying::config::{Config, GatewaySection};
use jiaoying::gateway::sip::{self, SipGateway};
use jiaoying::gateway::{Clock, Door, Gateway, NotTaken, OpenCall, Outgoing, ReadBack, Upcall, Upcalls};
use jiaoying::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Speech, Stage, Timestamp};
use jiaoying::telemetry::Metrics;
use peer::{Peer, free_port};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than any call here.
const WAIT: Duration = Duration::from_secs(40);

/// Words that are said after a key that means nothing.
const WRONG: &str = "按键无效";

/// What the engine would be told. 1 and 2 are answers; anything else means nothing.
#[derive(Default)]
struct Told {
    upcalls: Mutex<Vec<Upcall>>,
    /// How often it is not taken first.
    refuse: AtomicI64,
    /// What is open, and for which number.
    open: Mutex<Vec<(String, OpenCall)>>,
}

impl Upcalls for Told {
    fn take(&self, _: GatewayId, mut upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        if self.refuse.fetch_sub(1, Ordering::Relaxed) > 0 {
            return Box::pin(std::future::ready(Err(NotTaken("not yet".into()))));
        }
        // Of a 5 nothing is said.
        let words = |digits: &str| if matches!(digits, "1" | "2") { "已记录" } else { WRONG }.to_owned();
        let read_back = |upcall: &Upcall| match upcall {
            Upcall::Key { key, digits, .. } | Upcall::CalledBack { key, digits, .. } if digits != "5" => {
                Some(ReadBack { key: key.clone(), words: words(digits) })
            }
            _ => None,
        };
        let said = upcalls.iter().filter_map(read_back).collect();
        self.upcalls.lock().unwrap().append(&mut upcalls);
        Box::pin(std::future::ready(Ok(said)))
    }

    fn open_for(&self, _: GatewayId, number: String) -> BoxFuture<'_, Result<Vec<OpenCall>, NotTaken>> {
        if self.refuse.load(Ordering::Relaxed) > 0 {
            return Box::pin(std::future::ready(Err(NotTaken("not yet".into()))));
        }
        let open = self.open.lock().unwrap();
        let of_number = open.iter().filter(|(of, _)| *of == number).map(|(_, open)| open.clone()).collect();
        Box::pin(std::future::ready(Ok(of_number)))
    }
}

impl Told {
    /// What was told of an attempt, in short: stages, failures, keys, the end.
    fn of(&self, key: &AttemptKey) -> Vec<String> {
        let short = |upcall: &Upcall| match upcall {
            Upcall::Report { key: of, fact, .. } if of == key => Some(short(fact)),
            Upcall::Key { key: of, digits, .. } if of == key => Some(format!("key {digits}")),
            Upcall::CalledBack { key: of, digits, .. } if of == key => Some(format!("called back, key {digits}")),
            _ => None,
        };
        self.upcalls.lock().unwrap().iter().filter_map(short).collect()
    }

    /// Waits until the end of an attempt is told.
    async fn to_the_end(&self, key: &AttemptKey) -> Vec<String> {
        let over = |told: &Vec<String>| told.last().is_some_and(|t| t == "ended" || t.starts_with("failed"));
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            let told = self.of(key);
            if over(&told) {
                return told;
            }
            assert!(tokio::time::Instant::now() < until, "no end of {key}: {told:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn short(fact: &Fact) -> String {
    match fact {
        Fact::Reached { stage: Stage::Submitted, .. } => "submitted".into(),
        Fact::Reached { stage: Stage::Delivered, .. } => "rings".into(),
        Fact::Reached { stage: Stage::PickedUp, .. } => "picked up".into(),
        Fact::Reached { stage: Stage::Heard, .. } => "heard".into(),
        Fact::Failed { failure, .. } => format!("failed {failure:?}"),
        Fact::Ended => "ended".into(),
        other => format!("{other:?}"),
    }
}

fn detail(fact: &Fact) -> &str {
    match fact {
        Fact::Failed { detail, .. } => detail.as_deref().unwrap_or_default(),
        _ => "",
    }
}

/// A gateway on a trunk, with who is told.
struct Trunk {
    gateway: SipGateway,
    /// Where it takes calls.
    port: u16,
    metrics: Metrics,
    told: Arc<Told>,
    stop: CancellationToken,
}

fn clock() -> Clock {
    Arc::new(|| Timestamp(1_782_850_680_000_000))
}

/// The section of a gateway in front of a port of this machine. Speech is a tone of half a second.
fn section(port: u16, lines: usize, more: &str) -> GatewaySection {
    let tone = speech::tone();
    // Calls back have lines of their own.
    let (local, lines_of_all) = (free_port(), lines + 4);
    let rtp = peer::media_ports(lines_of_all);
    let text = format!(
        "[[gateway]]\nid = 'voice'\nkind = 'sip'\nchannels = ['voice']\nlines = {lines}\n[gateway.sip]\n\
         trunk = '127.0.0.1:{port}'\nlocal = '127.0.0.1:{local}'\ncaller = '12379'\nrtp_port_min = {rtp}\n\
         rtp_port_max = {}\nping_s = 0\n{more}\n",
        rtp + 2 * u16::try_from(lines_of_all).unwrap() + 1
    );
    let text = if more.contains("key_wait_s") { text } else { format!("{text}key_wait_s = 1\n") };
    let text = if more.contains("tts") {
        text
    } else {
        format!(
            "{text}tts = 'command'\ntts_command = ['sh', '-c', 'cp {tone} \"$2\"', 'sh', '{{text_file}}', '{{out_file}}']\n"
        )
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    Config::load(Some(file.path()), std::iter::empty()).unwrap_or_else(|e| panic!("{e}\n{text}")).gateways.remove(0)
}

impl Trunk {
    fn to(port: u16, lines: usize, more: &str) -> Self {
        Self::of(&section(port, lines, more))
    }

    fn of(section: &GatewaySection) -> Self {
        let (told, metrics, stop) = (Arc::<Told>::default(), Metrics::new(), CancellationToken::new());
        let (upcalls, clock) = (told.clone(), clock());
        let door = Door { upcalls, clock, metrics: metrics.clone(), stop: stop.clone(), seed: 7 };
        let port = section.sip.as_ref().unwrap().local.port();
        Self { gateway: sip::open(section, &door).unwrap(), port, metrics, told, stop }
    }

    /// Submits one attempt and waits for its end: what the submit said and what was told.
    async fn call(&self) -> (Fact, Vec<String>) {
        let attempt = attempt(0);
        let fact = self.gateway.submit(vec![attempt.clone()]).await.remove(0);
        let told = match fact {
            Fact::Failed { .. } | Fact::Unknown { .. } => self.told.of(&attempt.key),
            _ => self.told.to_the_end(&attempt.key).await,
        };
        (fact, told)
    }
}

fn script() -> Speech {
    Speech {
        text: "暴雨红色预警".into(),
        prompt: "请按1".into(),
        repeats: 2,
        pause_s: 0,
        unconfirmed: "没有得到确认".into(),
        wrong_key: WRONG.into(),
        no_key: "没有收到按键".into(),
        ..Speech::default()
    }
}

fn attempt(n: u32) -> Outgoing {
    Outgoing {
        key: AttemptKey { callout: "533324-ab".into(), attempt: n },
        channel: Channel::Voice,
        number: format!("+86138000{n:05}"),
        text: "暴雨红色预警，请按1".into(),
        template: None,
        speech: Some(script()),
        code: None,
        language: "zh-CN".into(),
        drill: false,
        colour: "red",
        valid_until: clock()().plus_ms(600_000),
    }
}

/// One call to a scenario; the peer must have seen all that it waits for.
async fn one(scenario: &str, keys: &[(&str, &str)], more: &str) -> (Fact, Vec<String>) {
    let peer = Peer::start(scenario, 1, keys);
    let trunk = Trunk::to(peer.port, 2, more);
    let result = trunk.call().await;
    peer.content().await;
    result
}

#[tokio::test]
async fn a_voicemail_hears_all_of_it_and_answers_nothing() {
    if peer::absent() {
        return;
    }
    assert_eq!(one("no_key", &[], "").await.1, ["rings", "picked up", "heard", "ended"]);
}

#[tokio::test]
async fn each_refusal_is_told_as_what_it_is() {
    if peer::absent() {
        return;
    }
    let cases = [
        ("486 Busy Here", "0", Failure::Busy),
        ("600 Busy Everywhere", "0", Failure::Busy),
        ("480 Temporarily Unavailable", "0", Failure::NoAnswer),
        ("603 Decline", "0", Failure::Declined),
        ("403 Forbidden", "0", Failure::Refused),
        ("404 Not Found", "0", Failure::DeadNumber),
        ("484 Address Incomplete", "0", Failure::DeadNumber),
        ("503 Service Unavailable", "0", Failure::GatewayDown),
        ("503 Service Unavailable", "1", Failure::DeadNumber),
        ("480 Temporarily Unavailable", "17", Failure::Busy),
    ];
    for (status, cause, expected) in cases {
        let (fact, told) = one("refuse", &[("status", status), ("cause", cause)], "").await;
        assert!(matches!(fact, Fact::Failed { failure, .. } if failure == expected), "{status}: {fact:?}");
        assert!(detail(&fact).starts_with(&format!("SIP {status}")), "{fact:?}");
        assert!(told.is_empty(), "all was told to the submit: {told:?}");
    }
    for (status, expected) in [("603 Decline", "failed Declined"), ("500 Oops", "failed Undelivered")] {
        let (fact, told) = one("ring_refuse", &[("status", status)], "").await;
        assert_eq!(short(&fact), "submitted");
        assert_eq!(told, ["rings", expected], "it rang: nobody says that nothing did");
    }
}

#[tokio::test]
async fn a_trunk_that_asks_to_wait_is_left_alone() {
    if peer::absent() {
        return;
    }
    let peer = Peer::start("refuse", 1, &[("status", "503 Service Unavailable"), ("cause", "0")]);
    let trunk = Trunk::to(peer.port, 1, "");
    trunk.call().await;
    assert_eq!(trunk.gateway.pause_until(), Some(clock()().plus_ms(20_000)));
    peer.content().await;
}

#[tokio::test]
async fn nobody_picks_up() {
    if peer::absent() {
        return;
    }
    let peer = Peer::start("never", 1, &[]);
    let trunk = Trunk::to(peer.port, 1, "ring_s = 1\n");
    let (fact, told) = trunk.call().await;
    assert_eq!((short(&fact).as_str(), told), ("submitted", vec!["rings".into(), "failed NoAnswer".into()]));
    peer.content().await;
}

#[tokio::test]
async fn a_call_that_was_given_up_rings_nobody_for_long() {
    if peer::absent() {
        return;
    }
    let (fact, told) = one("late_first", &[], "first_answer_ms = 400\n").await;
    assert!(matches!(fact, Fact::Failed { failure: Failure::GatewayDown, .. }), "{fact:?}");
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn a_call_that_is_not_wanted_any_more_is_cancelled_and_a_late_pick_up_is_ended() {
    if peer::absent() {
        return;
    }
    for scenario in ["never", "late_pick_up"] {
        let peer = Peer::start(scenario, 1, &[]);
        let trunk = Trunk::to(peer.port, 1, "");
        let attempt = attempt(0);
        assert_eq!(short(&trunk.gateway.submit(vec![attempt.clone()]).await[0]), "submitted");
        wait_for(&trunk, &attempt.key, "rings").await;
        trunk.gateway.withdraw(attempt.key.clone()).await;
        let told = trunk.told.to_the_end(&attempt.key).await;
        assert_eq!(told.last().unwrap(), "failed Withdrawn", "{scenario}");
        peer.content().await;
    }
}

#[tokio::test]
async fn a_call_is_hung_up_when_it_is_not_wanted_and_not_while_somebody_answers() {
    if peer::absent() {
        return;
    }
    let peer = Peer::start("no_key", 1, &[]);
    let trunk = Trunk::to(peer.port, 1, "");
    let attempt = attempt(0);
    trunk.gateway.submit(vec![attempt.clone()]).await;
    wait_for(&trunk, &attempt.key, "picked up").await;
    trunk.gateway.withdraw(attempt.key.clone()).await;
    assert_eq!(trunk.told.to_the_end(&attempt.key).await.last().unwrap(), "failed Withdrawn");
    peer.content().await;

    let peer = Peer::start("key", 1, &[]);
    let trunk = Trunk::to(peer.port, 1, "");
    trunk.told.refuse.store(4, Ordering::Relaxed);
    trunk.gateway.submit(vec![attempt.clone()]).await;
    wait_for(&trunk, &attempt.key, "key 1").await;
    trunk.gateway.withdraw(attempt.key.clone()).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(trunk.told.to_the_end(&attempt.key).await, ["rings", "picked up", "key 1", "ended"]);
    assert!(begun.elapsed() > Duration::from_millis(300), "the read-back of half a second was cut");
    peer.content().await;
}

async fn wait_for(trunk: &Trunk, key: &AttemptKey, what: &str) {
    let seen = async {
        while !trunk.told.of(key).iter().any(|told| told == what) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(WAIT, seen).await.unwrap_or_else(|_| panic!("never {what}"));
}

#[tokio::test]
async fn whoever_hangs_up_early_did_not_hear_it() {
    if peer::absent() {
        return;
    }
    let peer = Peer::start("hangs_up", 1, &[]);
    let trunk = Trunk::to(peer.port, 1, "");
    let (_, told) = trunk.call().await;
    assert_eq!(told, ["rings", "picked up", "failed HungUp"]);
    let last = trunk.told.upcalls.lock().unwrap().last().cloned();
    let Some(Upcall::Report { fact, .. }) = last else { panic!("{last:?}") };
    assert_eq!(detail(&fact), "heard 0 s of 1 s");
    peer.content().await;
}

#[tokio::test]
async fn a_bye_that_is_answered_late_ends_the_call() {
    if peer::absent() {
        return;
    }
    assert_eq!(one("late_bye", &[], "").await.1, ["rings", "picked up", "key 1", "ended"]);
}

#[tokio::test]
async fn nothing_is_said_to_somebody_on_hold() {
    if peer::absent() {
        return;
    }
    let (_, told) = one("hold", &[], "key_wait_s = 3\n").await;
    assert_eq!(told, ["rings", "picked up", "key 1", "ended"], "on hold it would have been heard to the end");
}

#[tokio::test]
async fn a_call_without_a_common_coding_is_ended_and_told_as_undelivered() {
    if peer::absent() {
        return;
    }
    assert_eq!(one("no_coding", &[], "").await.1, ["rings", "picked up", "failed Undelivered"]);
}

#[tokio::test]
async fn a_trunk_that_asks_for_a_digest_gets_it() {
    if peer::absent() {
        return;
    }
    let right = "user = 'jiaoying'\npassword = 'a secret of the trunk'\n";
    let (fact, told) = one("digest", &[], right).await;
    assert_eq!(told, ["rings", "picked up", "key 1", "ended"], "{fact:?}");
    let wrong = right.replace("a secret", "another secret");
    let (fact, _) = one("digest", &[], &wrong).await;
    assert!(matches!(fact, Fact::Failed { failure: Failure::Refused, .. }), "{fact:?}");
}

#[tokio::test]
async fn no_more_calls_than_lines() {
    if peer::absent() {
        return;
    }
    let peer = Peer::start("never", 2, &[]);
    let trunk = Trunk::to(peer.port, 2, "");
    let facts = trunk.gateway.submit((0..3).map(attempt).collect()).await;
    assert_eq!(facts.iter().map(short).collect::<Vec<_>>(), ["submitted", "submitted", "failed GatewayDown"]);
    assert_eq!(detail(&facts[2]), "all lines are in use");
    assert_eq!(trunk.gateway.calls(), 2);
    for n in 0..2 {
        wait_for(&trunk, &attempt(n).key, "rings").await;
    }
    // When the service stops, nobody's phone goes on ringing.
    trunk.stop.cancel();
    for n in 0..2 {
        assert_eq!(trunk.told.to_the_end(&attempt(n).key).await.last().unwrap(), "failed Withdrawn");
    }
    peer.content().await;
}

/// Gateways in front of trunks of different kinds.
struct VoiceRig {
    peer: Peer,
    silent: std::net::UdpSocket,
    open: Mutex<Vec<CancellationToken>>,
}

impl VoiceRig {
    fn gateway(&self, port: u16) -> BoxFuture<'_, Arc<dyn Gateway>> {
        let trunk = Trunk::to(port, 10, "");
        self.open.lock().unwrap().push(trunk.stop.clone());
        Box::pin(async move {
            let gateway: Arc<dyn Gateway> = Arc::new(trunk.gateway);
            gateway
        })
    }
}

impl Rig for VoiceRig {
    fn well(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        Box::pin(async move {
            let gateway = self.gateway(self.peer.port).await;
            gateway.check().await.unwrap();
            gateway
        })
    }

    fn silent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        self.gateway(self.silent.local_addr().unwrap().port())
    }

    fn absent(&self) -> BoxFuture<'_, Arc<dyn Gateway>> {
        self.gateway(free_port())
    }

    fn attempt(&self, n: u32) -> Outgoing {
        attempt(n)
    }
}

#[tokio::test]
async fn the_contract_holds() {
    if peer::absent() {
        return;
    }
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let rig = VoiceRig { peer: Peer::start("never", 10, &[]), silent, open: Mutex::default() };
    contract::holds(&rig).await;
    rig.open.lock().unwrap().iter().for_each(CancellationToken::cancel);
}
