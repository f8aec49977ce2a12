//! Two centres of other makers: npm `smpp` and PyPI `smpp34`.

use super::{Open, attempt, delivered, failed, long, open_at, submitted, until};
use crate::support::servers;
use jiaoying::gateway::{Outgoing, Upcall};
use jiaoying::model::{Fact, Failure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A peer that is running; it ends with its standard input.
pub(super) struct Peer {
    _child: Child,
    orders: ChildStdin,
    tells: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// The centre on npm `smpp`, and its address.
    pub(super) async fn node() -> Option<(Self, String)> {
        let peers = servers::peers()?;
        let mut command = Command::new("node");
        command.arg("tests/peers/smsc.js").env("NODE_PATH", format!("{peers}/node_modules"));
        let mut peer = Self::start(&mut command);
        let port = peer.tell().await["port"].as_u64().unwrap();
        Some((peer, format!("127.0.0.1:{port}")))
    }

    /// The centre on PyPI `smpp34`, and its address.
    async fn python() -> Option<(Self, String)> {
        let (peers, python) = (servers::peers()?, servers::judges()?);
        let mut command = Command::new(python);
        command.arg("tests/peers/smsc34.py").env("PYTHONPATH", format!("{peers}/python"));
        let mut peer = Self::start(&mut command);
        let port = peer.tell().await;
        Some((peer, format!("127.0.0.1:{port}")))
    }

    /// A Jasmin with its state in a folder, in front of a centre on `behind`; and its address.
    pub(super) async fn jasmin(python: &str, folder: &Path, redis: u16, behind: &str) -> (Self, String) {
        let mut command = Command::new(python);
        command.arg("tests/peers/jasmind.py").arg(folder).arg(redis.to_string());
        command.arg(behind.rsplit(':').next().unwrap());
        let log = std::fs::File::create(folder.join("stderr.log")).unwrap();
        let mut peer = Self::start(command.stderr(log));
        let port = peer.tell().await["port"].as_u64().unwrap();
        (peer, format!("127.0.0.1:{port}"))
    }

    fn start(command: &mut Command) -> Self {
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let tells = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, orders, tells }
    }

    async fn tell(&mut self) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(20), self.tells.next_line());
        serde_json::from_str(&line.await.expect("the peer says nothing").unwrap().expect("the peer ended")).unwrap()
    }

    /// What it tells next under this name.
    pub(super) async fn next(&mut self, name: &str) -> Value {
        loop {
            let tells = self.tell().await;
            if !tells[name].is_null() {
                return tells;
            }
        }
    }

    pub(super) async fn order(&mut self, order: Value) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    pub(super) async fn mode(&mut self, mode: &str) {
        self.order(json!({ "mode": mode })).await;
        assert_eq!(self.next("mode").await["mode"], mode);
    }
}

pub(super) async fn submit(open: &Open, attempt: Outgoing) -> Fact {
    open.gateway.submit(vec![attempt]).await.remove(0)
}

pub(super) fn report(open: &Open, n: usize) -> Fact {
    match &open.ear.heard()[n] {
        Upcall::Report { fact, .. } => fact.clone(),
        other => panic!("no report: {other:?}"),
    }
}

#[tokio::test]
async fn npm_smpp_reads_what_is_sent_and_its_receipts_are_understood() {
    let Some((mut peer, address)) = Peer::node().await else { return };
    let open = open_at(&address, &[("extension", "true")]);
    let bind = peer.next("bind").await;
    assert_eq!((&bind["bind"], &bind["version"], &bind["good"]), (&json!("county"), &json!(0x34), &json!(true)));
    let chinese = Outgoing { code: Some("037".into()), ..attempt(1) };
    assert_eq!(submit(&open, chinese).await, submitted("a001"));
    let seen = peer.next("submit").await;
    assert_eq!((&seen["submit"], &seen["source"]), (&json!("【叫应】暴雨红色预警"), &json!("10690001037")));
    assert_eq!((&seen["coding"], &seen["esm_class"], &seen["registered"]), (&json!(8), &json!(0), &json!(1)));
    let latin = Outgoing { text: "Storm [red] @ 100% €5".into(), ..attempt(2) };
    assert_eq!(submit(&open, latin).await, submitted("a002"));
    let seen = peer.next("submit").await;
    assert_eq!((&seen["submit"], &seen["coding"]), (&json!("Storm [red] @ 100% €5"), &json!(0)));
    for (mode, n) in [("receipt", 3), ("early", 4)] {
        peer.mode(mode).await;
        let id = format!("a00{n}");
        // The receipt may come before the engine sees what it is of.
        let fact = submit(&open, attempt(n)).await;
        assert!([submitted(&id), delivered(&id)].contains(&fact), "{fact:?}");
        assert_eq!(peer.next("confirmed").await["confirmed"], 0);
        until(|| open.ear.heard().len() == n as usize - 2).await;
        assert_eq!(report(&open, n as usize - 3), delivered(&id));
    }
    open.stop.cancel();
    assert_eq!(peer.next("unbind").await["unbind"], true);
}

#[tokio::test]
async fn npm_smpp_joins_long_texts_in_all_three_ways() {
    let Some((mut peer, address)) = Peer::node().await else { return };
    let text = long(0).text;
    for long_text in ["udh", "sar", "payload"] {
        peer.mode("receipt").await;
        let open = open_at(&address, &[("long_text", &format!("'{long_text}'"))]);
        let fact = submit(&open, long(1)).await;
        let mut parts = vec![peer.next("submit").await];
        if long_text != "payload" {
            parts.push(peer.next("submit").await);
        }
        let words: String = parts.iter().map(|part| part["submit"].as_str().unwrap()).collect();
        assert_eq!(words, text);
        let reference = match long_text {
            "udh" => {
                let header = |part: &Value| part["udh"].to_string();
                assert!(header(&parts[0]).contains("0201\"]") && header(&parts[1]).contains("0202\"]"), "{parts:?}");
                "a001+a002"
            }
            "sar" => {
                assert_eq!((&parts[0]["sar"], &parts[1]["sar"]), (&json!([1, 2]), &json!([2, 2])));
                "a003+a004"
            }
            _ => {
                assert_eq!(parts[0]["payload"], true);
                "a005"
            }
        };
        assert!([submitted(reference), delivered(reference)].contains(&fact), "{fact:?}");
        until(|| open.ear.heard().len() == 1).await;
        assert_eq!(report(&open, 0), delivered(reference));
        open.stop.cancel();
        peer.next("unbind").await;
    }
}

#[tokio::test]
async fn npm_smpp_replies_refuses_and_breaks() {
    let Some((mut peer, address)) = Peer::node().await else { return };
    let open = open_at(&address, &[("timeout_ms", "3000")]);
    peer.next("bind").await;
    until(|| open.gateway.condition().well).await;
    let reply = json!({ "source_addr": "13800000001", "destination_addr": "10690001037", "data_coding": 8,
        "short_message": "1 收到" });
    peer.order(json!({ "deliver": reply })).await;
    assert_eq!(peer.next("confirmed").await["confirmed"], 0);
    let said = Upcall::Text {
        from: "+8613800000001".into(),
        text: "1 收到".into(),
        key: None,
        extension: Some("037".into()),
        reported_at: None,
    };
    assert_eq!(open.ear.heard(), [said]);
    peer.mode("refuse").await;
    assert_eq!(submit(&open, attempt(1)).await, failed(Failure::DeadNumber, "ESME_RINVDSTADR (0x0B)"));
    peer.mode("silent").await;
    assert_eq!(submit(&open, attempt(2)).await, Fact::Unknown { resent: false });
    peer.mode("close").await;
    assert_eq!(submit(&open, attempt(3)).await, Fact::Unknown { resent: false });
    peer.next("bind").await;
    peer.mode("throttle").await;
    assert_eq!(submit(&open, attempt(4)).await, failed(Failure::GatewayDown, "ESME_RTHROTTLED (0x58)"));
    assert!(open.gateway.pause_until().is_some());
    let wrong = open_at(&address, &[("password", "'wrong'")]);
    until(|| wrong.gateway.condition().detail == "the bind is refused: ESME_RINVPASWD (0x0E)").await;
}

#[tokio::test]
async fn smpp34_takes_messages_and_its_receipts_are_understood() {
    let Some((_peer, address)) = Peer::python().await else { return };
    let open = open_at(&address, &[]);
    until(|| open.gateway.condition().well).await;
    assert_eq!(open.gateway.check().await.as_deref(), Ok("signed in and answers"));
    for (attempt, reference) in [(attempt(1), "msg-1"), (long(2), "msg-2+msg-3")] {
        let fact = submit(&open, attempt).await;
        assert!([submitted(reference), delivered(reference)].contains(&fact), "{fact:?}");
    }
    until(|| open.ear.heard().len() == 2).await;
    assert_eq!((report(&open, 0), report(&open, 1)), (delivered("msg-1"), delivered("msg-2+msg-3")));
    open.stop.cancel();
    until(|| open.gateway.condition().detail == "stopped").await;
}
