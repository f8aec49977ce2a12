//! A CMPP gateway (ISMG) played on loopback, with the faults that a real one makes when nobody asks it to. It stands
//! on the codec under test; the tests in `foreign` drive it with clients of other makers.

use bytes::BytesMut;
use jiaoying::gateway::cmpp::codec::{
    Connect, ConnectResp, Deliver, DeliverResp, Frame, Frames, Pdu, Report, Submit, SubmitResp, Version,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

pub const ACCOUNT: &str = "901234";
pub const SECRET: &str = "hush-4711";
/// The first Msg_Id that is given.
pub const FIRST: u64 = 0x7100_0000_0000_0001;

/// What it does. Empty: it takes everything and proves that it knows the secret.
#[derive(Clone, Default)]
pub struct Script {
    /// Takes connections and says nothing.
    pub mute: bool,
    /// Status of the next answers to CONNECT, then 0.
    pub statuses: VecDeque<u32>,
    /// Knows 2.0 only, and says so by status 4.
    pub old: bool,
    /// Knows 2.0 only, and takes a CONNECT of 3.0 all the same.
    pub old_and_lenient: bool,
    /// Does not know the secret.
    pub impostor: bool,
    /// Results of the next SUBMITs, then 0.
    pub results: VecDeque<u32>,
    /// Does not answer SUBMITs.
    pub swallow: bool,
    /// Does not answer ACTIVE_TESTs either.
    pub dead: bool,
    /// Hangs up in the middle of the next answer to a SUBMIT.
    pub cut: bool,
    /// Answers SUBMITs under another sequence number.
    pub askew: bool,
    /// Reports this state of every SUBMIT that it takes.
    pub state: Option<&'static str>,
    /// Reports before it answers.
    pub report_first: bool,
    /// Gives the number in reports 32 bytes.
    pub long_reports: bool,
}

/// What it saw.
#[derive(Clone, Default)]
pub struct Seen {
    pub connects: Vec<Connect>,
    pub submits: Vec<Submit>,
    pub confirmed: Vec<DeliverResp>,
    pub cancels: Vec<u64>,
    pub tests: usize,
    pub test_answers: usize,
    pub terminates: usize,
    pub terminate_answers: usize,
    pub unreadable: Vec<String>,
    pub ended: usize,
}

pub struct Ismg {
    pub address: String,
    inner: Arc<Inner>,
}

struct Inner {
    script: Mutex<Script>,
    seen: watch::Sender<Seen>,
    line: Mutex<Option<mpsc::UnboundedSender<Vec<u8>>>>,
    unanswered: Mutex<BTreeMap<u32, Pdu>>,
    next: Mutex<(u64, u32)>,
}

// === impl Ismg ===

impl Ismg {
    pub async fn new(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inner = Arc::new(Inner {
            script: Mutex::new(script),
            seen: watch::Sender::default(),
            line: Mutex::default(),
            unanswered: Mutex::default(),
            next: Mutex::new((FIRST, 1)),
        });
        let serve = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&serve);
                tokio::spawn(async move {
                    inner.serve(stream).await;
                    inner.seen.send_modify(|seen| seen.ended += 1);
                });
            }
        });
        Self { address, inner }
    }

    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.inner.script.lock().unwrap());
    }

    pub fn seen(&self) -> Seen {
        self.inner.seen.borrow().clone()
    }

    /// Waits until it saw what `what` says.
    pub async fn until(&self, what: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.inner.seen.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(20), seen.wait_for(what)).await;
        waited.expect("the gateway never saw it").unwrap().clone()
    }

    /// Sends a request; a DELIVER again after every new sign-in until it is confirmed.
    pub fn send(&self, version: Version, pdu: Pdu) -> u32 {
        let sequence = self.inner.sequence();
        let bytes = pdu.encode(version, sequence).unwrap();
        if matches!(pdu, Pdu::Deliver(_)) {
            self.inner.unanswered.lock().unwrap().insert(sequence, pdu);
        }
        self.raw(bytes);
        sequence
    }

    /// Sends bytes on the newest line.
    pub fn raw(&self, bytes: Vec<u8>) {
        self.inner.line.lock().unwrap().as_ref().unwrap().send(bytes).unwrap();
    }

    /// Hangs up.
    pub fn hang_up(&self) {
        self.inner.line.lock().unwrap().take();
    }
}

// === impl Inner ===

impl Inner {
    fn sequence(&self) -> u32 {
        let mut next = self.next.lock().unwrap();
        next.1 += 1;
        next.1
    }

    fn msg_id(&self) -> u64 {
        let mut next = self.next.lock().unwrap();
        next.0 += 1;
        next.0 - 1
    }

    async fn serve(&self, mut stream: TcpStream) {
        let (line, mut told) = mpsc::unbounded_channel();
        *self.line.lock().unwrap() = Some(line);
        let (mut frames, mut version) = (Frames { buffer: BytesMut::new() }, Version::V30);
        loop {
            tokio::select! {
                read = stream.read_buf(&mut frames.buffer) => if !read.is_ok_and(|n| n > 0) {
                    return;
                },
                bytes = told.recv() => match bytes {
                    Some(bytes) => if stream.write_all(&bytes).await.is_err() {
                        return;
                    },
                    None => return,
                },
            }
            while let Ok(Some(frame)) = frames.cut() {
                let (bytes, close) = self.answer(&frame, &mut version);
                if stream.write_all(&bytes).await.is_err() || close {
                    return;
                }
            }
        }
    }

    /// What a message is answered with, and whether the line is closed then.
    fn answer(&self, frame: &Frame, version: &mut Version) -> (Vec<u8>, bool) {
        let mut script = self.script.lock().unwrap();
        if script.mute {
            return (Vec::new(), false);
        }
        let pdu = match Pdu::decode(*version, frame) {
            Ok(pdu) => pdu,
            Err(fault) => {
                self.seen.send_modify(|seen| seen.unreadable.push(fault.to_string()));
                return (Vec::new(), false);
            }
        };
        let say = |pdu: Pdu, version: Version| pdu.encode(version, frame.sequence).unwrap();
        match pdu {
            Pdu::Connect(connect) => self.connect(connect, &mut script, version, frame.sequence),
            Pdu::Submit(submit) => self.submit(*submit, &mut script, *version, frame.sequence),
            Pdu::ActiveTest => {
                self.seen.send_modify(|seen| seen.tests += 1);
                (if script.dead { Vec::new() } else { say(Pdu::ActiveTestResp, *version) }, false)
            }
            Pdu::ActiveTestResp => {
                self.seen.send_modify(|seen| seen.test_answers += 1);
                (Vec::new(), false)
            }
            Pdu::Cancel { msg_id } => {
                self.seen.send_modify(|seen| seen.cancels.push(msg_id));
                (say(Pdu::CancelResp { success_id: 0 }, *version), false)
            }
            Pdu::Terminate => {
                self.seen.send_modify(|seen| seen.terminates += 1);
                (say(Pdu::TerminateResp, *version), true)
            }
            Pdu::TerminateResp => {
                self.seen.send_modify(|seen| seen.terminate_answers += 1);
                (Vec::new(), true)
            }
            Pdu::DeliverResp(resp) => {
                self.unanswered.lock().unwrap().remove(&frame.sequence);
                self.seen.send_modify(|seen| seen.confirmed.push(resp));
                (Vec::new(), false)
            }
            other => panic!("an SP does not send {other:?}"),
        }
    }

    fn connect(&self, connect: Connect, script: &mut Script, version: &mut Version, sequence: u32) -> (Vec<u8>, bool) {
        let asked = Version::of(connect.version).unwrap();
        let known = connect.source_addr == ACCOUNT;
        let proof = Connect::authenticator(ACCOUNT, SECRET, connect.timestamp) == connect.authenticator;
        let status = script.statuses.pop_front().unwrap_or(match (known, proof) {
            (false, _) => 2,
            (_, false) => 3,
            _ if script.old && asked == Version::V30 => 4,
            _ => 0,
        });
        *version = if script.old_and_lenient { Version::V20 } else { asked };
        let speaks = if script.old { Version::V20 } else { *version };
        let secret = if script.impostor { "guessed" } else { SECRET };
        let resp = ConnectResp::new(status, &connect.authenticator, secret, speaks);
        let mut bytes = Pdu::ConnectResp(resp).encode(speaks, sequence).unwrap();
        if status == 0 {
            for (sequence, pdu) in &*self.unanswered.lock().unwrap() {
                bytes.extend(pdu.encode(*version, *sequence).unwrap());
            }
        }
        self.seen.send_modify(|seen| seen.connects.push(connect));
        (bytes, status != 0)
    }

    fn submit(&self, submit: Submit, script: &mut Script, version: Version, sequence: u32) -> (Vec<u8>, bool) {
        let to = submit.dest_terminal_ids[0].clone();
        let from = submit.src_id.clone();
        self.seen.send_modify(|seen| seen.submits.push(submit));
        if script.swallow {
            return (Vec::new(), false);
        }
        let result = script.results.pop_front().unwrap_or(0);
        let msg_id = if result == 0 { self.msg_id() } else { 0 };
        let sequence = if script.askew { sequence ^ 0x4000_0000 } else { sequence };
        let answer = Pdu::SubmitResp(SubmitResp { msg_id, result }).encode(version, sequence).unwrap();
        if std::mem::take(&mut script.cut) {
            return (answer[..answer.len() - 5].to_vec(), true);
        }
        let Some(state) = script.state.filter(|_| result == 0) else { return (answer, false) };
        let report = report(msg_id, state, &to, &from, script.long_reports);
        let sequence = self.sequence();
        let bytes = report.encode(version, sequence).unwrap();
        self.unanswered.lock().unwrap().insert(sequence, report);
        (if script.report_first { [bytes, answer].concat() } else { [answer, bytes].concat() }, false)
    }
}

/// A report about a message.
pub fn report(msg_id: u64, state: &str, to: &str, from: &str, long: bool) -> Pdu {
    let report = Report {
        msg_id,
        stat: state.into(),
        submit_time: "2607010418".into(),
        done_time: "2607010419".into(),
        dest_terminal_id: to.into(),
        smsc_sequence: 7,
    };
    Pdu::Deliver(Box::new(Deliver {
        registered_delivery: 1,
        content: report.encode(long).unwrap(),
        ..deliver(to, from, 0, b"")
    }))
}

/// A short message of a person.
pub fn reply(from: &str, to: &str, msg_fmt: u8, content: &[u8]) -> Pdu {
    Pdu::Deliver(Box::new(deliver(from, to, msg_fmt, content)))
}

/// One part of a long one.
pub fn part(from: &str, to: &str, msg_fmt: u8, header: [u8; 3], body: &[u8]) -> Pdu {
    let content = [&[5, 0, 3][..], &header, body].concat();
    Pdu::Deliver(Box::new(Deliver { tp_udhi: 1, ..deliver(from, to, msg_fmt, &content) }))
}

fn deliver(from: &str, to: &str, msg_fmt: u8, content: &[u8]) -> Deliver {
    Deliver {
        msg_id: 99,
        dest_id: to.into(),
        service_id: "jy".into(),
        tp_pid: 0,
        tp_udhi: 0,
        msg_fmt,
        src_terminal_id: from.into(),
        registered_delivery: 0,
        content: content.to_vec(),
        link_id: String::new(),
    }
}
