//! Calls back: `sipp` is the trunk that brings them.

use super::{Peer, Trunk, WAIT, attempt, peer, script, speech};
use crate::support::service::{Service, until};
use jiaoying::gateway::OpenCall;
use peer::{free_port, media_ports};
use std::fmt::Write;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

const CALLER: &str = "<sip:+8613800000001@127.0.0.1;user=phone>";
const HERE: &str = "127.0.0.1";

/// What a scenario is filled with, when a test does not say otherwise.
const PLAIN: [(&str, &str); 5] = [
    ("codings", "8 101"),
    ("asserted", "<sip:unknown@127.0.0.1>"),
    ("first", "1"),
    ("after_ms", "300"),
    ("between_ms", "4000"),
];

/// A gateway with attempts that are open for the caller, and the trunk's port.
fn open(attempts: u32, more: &str) -> (Trunk, u16) {
    let port = free_port();
    let trunk = Trunk::to(port, 2, more);
    let of = |n| OpenCall { key: attempt(n).key, language: "zh-CN".into(), speech: script() };
    trunk.told.open.lock().unwrap().extend((0..attempts).map(|n| ("+8613800000001".to_owned(), of(n))));
    (trunk, port)
}

/// A call of the trunk; the peer must have seen all that its scenario waits for.
async fn back(trunk: &Trunk, port: u16, scenario: &str, caller: &str, keys: &[(&str, &str)]) {
    call(trunk, (HERE, port), (scenario, 1), caller, keys).content().await;
}

fn call(trunk: &Trunk, from: (&str, u16), (scenario, calls): (&str, u32), caller: &str, keys: &[(&str, &str)]) -> Peer {
    wait_until_it_listens(trunk.port);
    let keys = [keys, &PLAIN, &[("caller", caller)]].concat();
    Peer::call(scenario, from, trunk.port, calls, &keys)
}

fn wait_until_it_listens(port: u16) {
    for _ in 0..6_000 {
        if UdpSocket::bind((HERE, port)).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("nobody takes calls");
}

fn of(trunk: &Trunk, n: u32) -> Vec<String> {
    trunk.told.of(&attempt(n).key)
}

/// Speech whose words go to a file.
fn written(folder: &Path, more: &str) -> String {
    let said = folder.join("said").display().to_string();
    let (tone, form) = (speech::tone(), "['sh', '-c', 'cat \"$1\" >> SAID; echo >> SAID; MORE cp TONE \"$2\"', 'sh'");
    let form = form.replace("SAID", &said).replace("TONE", &tone).replace("MORE", more);
    format!("tts = 'command'\ntts_command = {form}, '{{text_file}}', '{{out_file}}']\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_call_back_answers_what_is_open_and_is_read_back() {
    if peer::absent() {
        return;
    }
    let asserted = ("asserted", "<tel:+86-138-0000-0001>");
    for (scenario, caller, keys) in [
        ("back_key", CALLER, &[][..]),
        ("back_info", "<sip:013800000001@127.0.0.1>", &[]),
        ("back_key", "\"Anonymous\" <sip:anonymous@anonymous.invalid>", &[asserted]),
    ] {
        let (trunk, port) = open(1, "key_wait_s = 8\n");
        back(&trunk, port, scenario, caller, keys).await;
        assert_eq!(of(&trunk, 0), ["called back, key 1"], "{scenario}, {caller}");
        idle(&trunk).await;
    }
}

/// Waits until all lines of calls back are free.
async fn idle(trunk: &Trunk) {
    until("lines are free", WAIT.as_secs(), async || trunk.gateway.calls_back() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_is_answered_one_by_one() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(2, "key_wait_s = 8\n");
    back(&trunk, port, "back_two", CALLER, &[("first", "1"), ("second", "2")]).await;
    assert_eq!((of(&trunk, 0), of(&trunk, 1)), (vec!["called back, key 1".into()], vec!["called back, key 2".into()]));
    let media = trunk.metrics.render();
    let counted = media
        .lines()
        .any(|l| l.starts_with("jiaoying_media_lateness_seconds_count{gateway=\"voice\"}") && !l.ends_with(" 0"));
    assert!(counted, "{media}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_behind_the_read_back_does_not_answer_what_was_not_said_yet() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(2, "");
    // The read-back takes half a second, and the silence behind it one.
    back(&trunk, port, "back_two", CALLER, &[("second", "2"), ("between_ms", "700")]).await;
    assert_eq!(of(&trunk, 0).first().map(String::as_str), Some("called back, key 1"));
    assert!(of(&trunk, 1).is_empty(), "{:?}", of(&trunk, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_meaning_asks_again() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(1, "key_wait_s = 8\n");
    back(&trunk, port, "back_two", CALLER, &[("first", "9"), ("second", "1")]).await;
    assert_eq!(of(&trunk, 0), ["called back, key 9", "called back, key 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pressed_a_key_that_is_not_confirmed_hears_that_and_is_not_asked_again() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(1, "key_wait_s = 8\n");
    let socket = tokio::net::UdpSocket::bind((HERE, 0)).await.unwrap();
    let media = socket.local_addr().unwrap().port().to_string();
    // Two seconds of script, silence, the key.
    let keys = [("first", "5"), ("after_ms", "3000"), ("media_port", media.as_str())];
    let ((), payloads) = tokio::join!(back(&trunk, port, "back_key", CALLER, &keys), speech::heard(socket));
    assert_eq!(of(&trunk, 0), ["called back, key 5"]);
    let loud: Vec<usize> =
        speech::runs(&payloads).iter().filter(|(loud, _)| *loud).map(|(_, frames)| *frames).collect();
    let [script, told] = loud[..] else { panic!("the script and one sentence: {loud:?}") };
    assert!((99..=101).contains(&script) && (24..=26).contains(&told), "{loud:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_nothing_to_answer_hears_one_sentence() {
    if peer::absent() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (trunk, port) = open(1, &written(folder.path(), ""));
    for caller in ["<sip:+8613900000009@127.0.0.1>", "\"+8613800000001\" <sip:anonymous@anonymous.invalid>"] {
        back(&trunk, port, "back_hears", caller, &[]).await;
    }
    let said = fs::read_to_string(folder.path().join("said")).unwrap();
    let (strict, port) = open(1, "back_asserted_only = true\n");
    back(&strict, port, "back_hears", CALLER, &[]).await;
    assert!(of(&strict, 0).is_empty());
    back(&strict, port, "back_key", CALLER, &[("asserted", CALLER)]).await;
    assert_eq!(of(&strict, 0), ["called back, key 1"]);
    assert_eq!(said, "您好，这里是预警叫应电话。目前没有需要您应答的叫应。\n", "the same to both, made once");
    assert!(of(&trunk, 0).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_that_nothing_is_open_when_that_is_not_known() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(1, "");
    trunk.told.refuse.store(i64::MAX, Ordering::Relaxed);
    back(&trunk, port, "back_refused", CALLER, &[("status", "480")]).await;
    idle(&trunk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_it_cannot_speak_to_and_who_may_not_call_is_refused() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(1, "peers = ['127.0.0.2']\nback_peers = ['127.0.0.1']\n");
    for codings in ["18", "x"] {
        back(&trunk, port, "back_refused", CALLER, &[("status", "488"), ("codings", codings)]).await;
    }
    let other = call(&trunk, ("127.0.0.2", free_port()), ("back_refused", 1), CALLER, &[("status", "403")]);
    other.content().await;
    // Whoever is no peer gets no answer at all: it was sent first, and the peer's is answered.
    let ask = |ip: &str| {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(WAIT)).unwrap();
        let at = socket.local_addr().unwrap();
        let request = format!(
            "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:x@127.0.0.1>\r\nCall-ID: {at}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            at.port()
        );
        socket.send_to(request.as_bytes(), (HERE, trunk.port)).unwrap();
        socket
    };
    let (stranger, peer) = (ask("127.0.0.3"), ask("127.0.0.2"));
    let mut answer = [0; 2_000];
    let length = peer.recv(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"SIP/2.0 200"));
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut answer).is_err());
    assert!(of(&trunk, 0).is_empty());
    let (closed, port) = open(1, "back_lines = 0\n");
    back(&closed, port, "back_refused", CALLER, &[("status", "480")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_back_than_lines_are_refused_and_take_none_of_the_others() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(1, "back_lines = 1\nkey_wait_s = 20\n");
    let first = call(&trunk, (HERE, port), ("back_hears", 1), CALLER, &[]);
    until("the first is taken", WAIT.as_secs(), async || trunk.gateway.calls_back() == 1).await;
    let many = call(&trunk, (HERE, free_port()), ("back_refused", 20), CALLER, &[("status", "486")]);
    many.content().await;
    assert_eq!((trunk.gateway.calls_back(), trunk.gateway.calls()), (1, 0), "no line of outgoing calls is taken");
    assert!(trunk.metrics.render().contains("jiaoying_limit_hit_total{limit=\"gateway.sip.back_lines\"} 20"));
    // Nobody goes on being spoken to when the service stops.
    trunk.stop.cancel();
    first.content().await;
    idle(&trunk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_or_gives_up_answers_nothing_and_holds_no_line() {
    if peer::absent() {
        return;
    }
    let (trunk, port) = open(1, "key_wait_s = 60\n");
    back(&trunk, port, "back_hangs_up", CALLER, &[]).await;
    idle(&trunk).await;
    let folder = tempfile::tempdir().unwrap();
    let (trunk, port) = open(1, &written(folder.path(), "sleep 5;"));
    back(&trunk, port, "back_gives_up", CALLER, &[]).await;
    idle(&trunk).await;
    assert!(of(&trunk, 0).is_empty());
}

/// The program itself: a warning goes out by other gateways, somebody calls back and presses 1, and the ground of that
/// person is covered; the timeline says that it was a call back.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_back_to_the_running_service_covers_the_ground_of_who_calls() {
    if peer::absent() {
        return;
    }
    let mut service = Service::prepare(None, None, "533324204", false).await;
    let (port, local, rtp) = (free_port(), free_port(), media_ports(4));
    let file = service.folder.path().join("jiaoying.toml");
    let mut config = fs::read_to_string(&file).unwrap();
    write!(
        config,
        "[[gateway]]\nid = 'trunk'\nkind = 'sip'\nchannels = ['voice']\nlines = 1\npriority = 2\n[gateway.sip]\n\
         trunk = '{HERE}:{port}'\nlocal = '{HERE}:{local}'\ncaller = '12379'\nback_lines = 2\nping_s = 0\n\
         rtp_port_min = {rtp}\nrtp_port_max = {}\n{}",
        rtp + 7,
        written(service.folder.path(), "")
    )
    .unwrap();
    fs::write(&file, config).unwrap();
    service.start();
    service.ready().await;
    let document = fs::read(crate::end_to_end::cap(service.folder.path())).unwrap();
    let receipt = service.post(document).await;
    let id = receipt["cover"][0]["callout"].as_str().unwrap().to_owned();
    // The first who was called, by short message or voice.
    let called = || {
        let seen = service.sink.seen.lock().unwrap();
        let people = |key: &String| seen.attempts[key].1["channel"] != "broadcast";
        let first = seen.order.iter().find(|key| people(key))?;
        Some(seen.attempts[first].1["to"].as_str().unwrap().to_owned())
    };
    until("somebody is called", 20, async || called().is_some()).await;
    let number = called().unwrap();
    wait_until_it_listens(local);
    let caller = format!("<sip:{}@{HERE}>", number.replace("+86", "0"));
    Peer::call("back_key", (HERE, port), local, 1, &[&PLAIN[..], &[("caller", &caller)]].concat()).content().await;
    let get = async |path: String| {
        service.client.get(format!("{}{path}", service.internal)).send().await.unwrap().text().await.unwrap()
    };
    let export = get(format!("/callouts/{id}/export")).await;
    assert!(jiaoying::evidence::verify(export.as_bytes()).is_ok());
    let events = export.replace('\\', "");
    let (answer, then) = events.split_once("{\"answered\":").unwrap().1.split_once('}').unwrap();
    assert!(answer.contains("\"proof\":\"key\",\"way\":\"call_back\""), "{answer}");
    assert!(then.contains("target_satisfied"), "{then}");
    let state: serde_json::Value = serde_json::from_str(&get(format!("/callouts/{id}.json")).await).unwrap();
    assert!(
        state["targets"].as_array().unwrap().iter().any(|t| t["phase"].to_string().contains("satisfied")),
        "{state}"
    );
    assert!(get(format!("/callouts/{id}")).await.contains("回拨电话"), "the board says so");
    assert!(!service.logs().contains(&number[3..]), "the number stands in the log");
    service.stop().await;
}
