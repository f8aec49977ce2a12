//! The link to the centre: connects, signs in, and does so again when the session is over.

use super::deliver::Told;
use super::ledger::Ledger;
use super::session::{Lost, Session};
use super::status;
use crate::backoff::Backoff;
use crate::config::SmppSection;
use rusmpp::pdus::BindTransceiver;
use rusmpp::types::COctetString;
use rusmpp::values::InterfaceVersion;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How the link stands.
#[derive(Clone)]
pub(super) enum Link {
    /// It is being set up.
    Connecting,
    /// Signed in.
    Bound(Arc<Session>),
    /// Not there, for this reason; another try comes.
    Down(String),
}

/// Sets up the link again and again.
pub(super) struct Linker {
    /// The gateway, in logs.
    pub(super) name: String,
    pub(super) settings: Arc<SmppSection>,
    pub(super) bind: BindTransceiver,
    /// Submits without an answer, at most.
    pub(super) window: usize,
    pub(super) ledger: Arc<Ledger>,
    pub(super) told: mpsc::Sender<Told>,
    pub(super) link: watch::Sender<Link>,
}

/// Why there is no session.
struct NoSession {
    reason: String,
    /// Whether it is for who we are.
    account: bool,
}

/// The request that signs in.
///
/// # Errors
/// What does not fit into it, without the value.
pub(super) fn bind(settings: &SmppSection, password: &str) -> Result<BindTransceiver, String> {
    Ok(BindTransceiver::builder()
        .system_id(octets(&settings.system_id, "system_id")?)
        .password(octets(password, "password")?)
        .system_type(octets(&settings.system_type, "system_type")?)
        .interface_version(InterfaceVersion::Smpp3_4)
        .build())
}

/// A text as a C-octet string.
pub(super) fn octets<const MAX: usize>(text: &str, what: &str) -> Result<COctetString<1, MAX>, String> {
    COctetString::from_str(text).map_err(|_| format!("{what}: wants at most {} ASCII characters", MAX - 1))
}

// === impl Linker ===

impl Linker {
    /// Works until it is stopped; says good-bye then. `seed` feeds the jitter of pauses.
    pub(super) async fn run(self, seed: u64, stop: CancellationToken) {
        let mut backoff = Backoff::new(self.settings.backoff_min_ms, self.settings.backoff_max_ms, seed);
        let mut said = String::new();
        while !stop.is_cancelled() {
            self.link.send_replace(Link::Connecting);
            let (reason, pause) = match self.connect(&stop).await {
                Ok(session) => {
                    said.clear();
                    let begun = Instant::now();
                    let reason = self.hold(&session, &stop).await;
                    tracing::warn!(gateway = self.name, reason, "the session is over");
                    // One that lived for a while begins anew at once; one that does not live is not hammered.
                    if begun.elapsed().as_millis() > u128::from(self.settings.backoff_max_ms) {
                        backoff.reset();
                    }
                    (reason, backoff.fail())
                }
                Err(NoSession { reason, account }) => {
                    // Said once, until it changes.
                    if reason != said && !stop.is_cancelled() {
                        let retry_s = account.then_some(self.settings.refused_retry_s);
                        tracing::error!(gateway = self.name, reason, retry_s, "cannot sign in");
                        said.clone_from(&reason);
                    }
                    let slow = self.settings.refused_retry_s.saturating_mul(1_000);
                    (reason, if account { backoff.jittered(slow) } else { backoff.fail() })
                }
            };
            self.link.send_replace(Link::Down(reason));
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        self.link.send_replace(Link::Down("stopped".into()));
    }

    async fn connect(&self, stop: &CancellationToken) -> Result<Arc<Session>, NoSession> {
        let no = |reason: String| NoSession { reason, account: false };
        let limit = Duration::from_millis(self.settings.connect_timeout_ms);
        let connected = tokio::select! {
            () = stop.cancelled() => return Err(no("stopped".into())),
            connected = timeout(limit, TcpStream::connect(&self.settings.address)) => connected,
        };
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(no(format!("cannot connect: {}", error.kind()))),
            Err(_) => return Err(no("cannot connect in time".into())),
        };
        // Small PDUs are not to wait for more.
        stream.set_nodelay(true).map_err(|error| no(error.to_string()))?;
        let answer_limit = Duration::from_millis(self.settings.timeout_ms);
        let limits = (self.window, answer_limit);
        let session = Session::begin(&self.name, stream.into_split(), limits, self.ledger.clone(), self.told.clone());
        let answer = tokio::select! {
            () = stop.cancelled() => Err(Lost::Unsent("stopped".into())),
            answer = session.ask(self.bind.clone()) => answer,
        };
        let refused = match answer {
            Ok(answer) if answer.status == 0 => return Ok(session),
            Ok(answer) => NoSession {
                reason: format!("the bind is refused: {}", status::name(answer.status)),
                account: status::refuses_account(answer.status),
            },
            Err(Lost::Unsent(reason) | Lost::Unanswered(reason)) => no(format!("the bind is not answered: {reason}")),
        };
        session.end(&refused.reason);
        Err(refused)
    }

    /// Keeps a session until it is over, and why it is.
    async fn hold(&self, session: &Arc<Session>, stop: &CancellationToken) -> String {
        tracing::info!(gateway = self.name, "signed in");
        self.link.send_replace(Link::Bound(session.clone()));
        tokio::select! {
            () = stop.cancelled() => session.quit().await,
            () = session.keep_alive(Duration::from_secs(self.settings.enquire_link_s)) => {}
            _ = session.ended() => {}
        }
        session.ended().await
    }
}
