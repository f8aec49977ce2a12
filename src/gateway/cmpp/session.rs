//! The session: signs in, serves, and signs in again when the line is lost.

use super::codec::{Connect, ConnectResp, Frames, Pdu, Submit, Version};
use super::link::Link;
use super::outcome;
use super::receipts::{Receipts, Track};
use crate::backoff::Backoff;
use crate::config::{CmppSection, CmppVersion};
use crate::gateway::Door;
use crate::model::{GatewayId, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// What the gateway and its session share.
pub(super) struct Shared {
    pub(super) id: GatewayId,
    pub(super) config: CmppSection,
    pub(super) secret: String,
    pub(super) door: Door,
    pub(super) receipts: Mutex<Receipts>,
    pub(super) state: watch::Sender<State>,
    /// Microseconds since the epoch; in the past when no pause was asked for.
    pub(super) pause_until: AtomicI64,
    /// Somebody wants to know now whether it connects.
    pub(super) nudge: Notify,
}

/// How the session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// How often it began to connect.
    pub(super) tries: u64,
    pub(super) phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    Up(Version),
    /// Signed in, and a submit was not answered and nothing else came since.
    Quiet,
    /// Why.
    Down(String),
}

/// Something to be asked of the gateway.
pub(super) struct Order {
    pub(super) ask: Ask,
    /// It is not sent later than this.
    pub(super) not_after: Instant,
    /// Nor when this has passed.
    pub(super) valid_until: Timestamp,
    pub(super) reply: oneshot::Sender<Answer>,
}

pub(super) enum Ask {
    Submit(Box<Submit>, Track),
    Cancel(u64),
    Test,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A submit was taken. `named` is false when its Msg_Id names nothing.
    Taken { msg_id: u64, named: bool },
    /// A submit was refused with this result, a cancel with this Success_Id.
    Refused(u32),
    /// A cancel or a test was answered.
    Done,
    /// It never left: why.
    Unsent(String),
    /// It never left, and is not wanted any more.
    Expired,
    /// It left, and no answer came.
    Unknown,
}

/// Why there is no session.
enum NoSession {
    /// Try again soon.
    Unreachable(String),
    /// Somebody has to change something first.
    Refused(String),
    /// The gateway speaks an older version.
    TooHigh,
}

// === impl Shared ===

impl Shared {
    pub(super) fn say(&self, phase: Phase) {
        self.state.send_if_modified(|state| {
            let news = state.phase != phase;
            state.tries += u64::from(phase == Phase::Connecting);
            state.phase = phase;
            news
        });
    }

    pub(super) fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.config.response_timeout_ms)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.config.connect_timeout_ms)
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.door.clock)()
    }

    /// Flow control was asked for.
    pub(super) fn pause(&self) {
        let until = self.now().plus_ms(i64::try_from(self.config.flow_pause_ms).unwrap_or(i64::MAX));
        self.pause_until.store(until.0, Ordering::Relaxed);
    }

    async fn connect(&self, version: Version) -> Result<(TcpStream, Frames, Version), NoSession> {
        match timeout(self.connect_timeout(), self.sign_in(version)).await {
            Ok(done) => done,
            Err(_) => Err(NoSession::Unreachable("no answer while signing in".into())),
        }
    }

    async fn sign_in(&self, version: Version) -> Result<(TcpStream, Frames, Version), NoSession> {
        let lost = |e: std::io::Error| NoSession::Unreachable(format!("no connection: {}", e.kind()));
        let mut stream = TcpStream::connect(&self.config.address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let timestamp = self.now().to_cst().format("%m%d%H%M%S").to_string().parse().unwrap_or_default();
        let connect = Connect::new(&self.config.account, &self.secret, version, timestamp);
        let source = connect.authenticator;
        let bytes = Pdu::Connect(connect).encode(version, 1).map_err(|e| NoSession::Refused(e.to_string()))?;
        stream.write_all(&bytes).await.map_err(lost)?;
        let mut frames = Frames::default();
        loop {
            let broken = |e: super::codec::CodecError| NoSession::Unreachable(format!("no CMPP: {e}"));
            while let Some(frame) = frames.cut().map_err(broken)? {
                if let Pdu::ConnectResp(resp) = Pdu::decode(version, &frame).map_err(broken)? {
                    let version = self.admitted(version, &resp, &source)?;
                    return Ok((stream, frames, version));
                }
            }
            if stream.read_buf(&mut frames.buffer).await.map_err(lost)? == 0 {
                return Err(NoSession::Unreachable("the gateway hung up while signing in".into()));
            }
        }
    }

    /// The version to speak, when the answer lets us in.
    fn admitted(&self, asked: Version, resp: &ConnectResp, source: &[u8; 16]) -> Result<Version, NoSession> {
        let words = format!("status {}: {}", resp.status, outcome::status_words(resp.status));
        match resp.status {
            0 => {}
            4 => return Err(NoSession::TooHigh),
            1..=3 => return Err(NoSession::Refused(words)),
            _ => return Err(NoSession::Unreachable(words)),
        }
        if self.config.verify && !resp.proves(source, &self.secret) {
            let why = "the gateway does not prove that it knows the secret (AuthenticatorISMG)";
            return Err(NoSession::Refused(why.into()));
        }
        match (asked, resp.short) {
            // It took the account, and answers as 2.0 does.
            (Version::V30, true) if self.config.version == CmppVersion::Auto => Ok(Version::V20),
            (Version::V30, true) => Err(NoSession::Refused("the gateway speaks 2.0 only".into())),
            _ => Ok(asked),
        }
    }
}

/// Runs the session until it is stopped, or nobody is left to ask anything of it.
pub(super) async fn run(shared: Arc<Shared>, mut orders: mpsc::Receiver<Order>) {
    let (stop, config) = (shared.door.stop.clone(), &shared.config);
    let mut version = match config.version {
        CmppVersion::Auto | CmppVersion::V30 => Version::V30,
        CmppVersion::V21 => Version::V21,
        CmppVersion::V20 => Version::V20,
    };
    let seed = shared.door.seed_of(shared.id.as_str());
    let mut backoff = Backoff::new(config.reconnect_min_ms, config.reconnect_max_ms, seed);
    let mut told = String::new();
    while !stop.is_cancelled() && !orders.is_closed() {
        shared.say(Phase::Connecting);
        let connected = tokio::select! {
            connected = shared.connect(version) => connected,
            () = stop.cancelled() => break,
        };
        let refused = backoff.jittered(config.refused_retry_s.saturating_mul(1_000));
        let (why, wait) = match connected {
            Ok((stream, frames, spoken)) => {
                tracing::info!(gateway = %shared.id, version = %spoken, "signed in");
                told.clear();
                let since = Instant::now();
                let why = Link::new(&shared, spoken, frames).run(stream, &mut orders).await;
                // One that lets us in and hangs up at once is met less and less often.
                if since.elapsed() >= Duration::from_millis(config.reconnect_max_ms) {
                    backoff.reset();
                }
                (why, backoff.fail())
            }
            Err(NoSession::TooHigh) if config.version == CmppVersion::Auto && version == Version::V30 => {
                tracing::info!(gateway = %shared.id, "the gateway speaks no 3.0; trying 2.0");
                version = Version::V20;
                continue;
            }
            Err(NoSession::TooHigh) => {
                let why = format!("status 4: {} ({version})", outcome::status_words(4));
                (why, refused)
            }
            Err(NoSession::Refused(why)) => (why, refused),
            Err(NoSession::Unreachable(why)) => (why, backoff.fail()),
        };
        // Each reason is told once, not at every try.
        if told != why && !stop.is_cancelled() {
            tracing::warn!(gateway = %shared.id, why, "not signed in");
            told.clone_from(&why);
        }
        shared.say(Phase::Down(why.clone()));
        rest(&shared, &mut orders, &why, wait).await;
    }
    shared.say(Phase::Down("stopped".into()));
    orders.close();
    while let Some(order) = orders.recv().await {
        order.answer(Answer::Unsent("stopped".into()));
    }
}

/// Waits before the next try, and tells everybody who asks that nothing is sent.
async fn rest(shared: &Shared, orders: &mut mpsc::Receiver<Order>, why: &str, wait: Duration) {
    let until = Instant::now() + wait;
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => order.answer(Answer::Unsent(why.to_owned())),
                None => return,
            },
            () = sleep_until(until) => return,
            () = shared.nudge.notified() => return,
            () = shared.door.stop.cancelled() => return,
        }
    }
}

// === impl Order ===

impl Order {
    pub(super) fn answer(self, answer: Answer) {
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(answer);
    }
}
