//! A connection that is built again whenever it breaks.
//!
//! lapin's own recovery stays off: a session begins with a fresh connection, topology and channels,
//! and ends with the first thing that fails. Nothing of one session is used in the next, so no
//! acknowledgement can reach a channel that did not deliver.

use super::AmqpConfig;
use super::mend;
use super::status::{Part, PartStatus, Status};
use crate::backoff::Backoff;
use futures::{Stream, StreamExt};
use lapin::runtime::default_runtime;
use lapin::{Connection, ConnectionProperties, ErrorKind, Event};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A session that lived this long begins its pauses anew when it breaks.
const STEADY: Duration = Duration::from_secs(10);
/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// One connection, from its opening to the first failure.
pub(super) struct Session {
    pub(super) conn: Connection,
    /// Cancelled when the session is over; cancelling it ends the session.
    pub(super) over: CancellationToken,
    /// Counts the sessions of a part, from 1.
    pub(super) generation: u64,
}

/// What a part does with a connection.
pub(super) trait Duty: Send {
    /// Works until the door closes (done) or something fails.
    fn run(&mut self, session: &Arc<Session>) -> impl Future<Output = Result<(), Broken>> + Send;
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Broken {
    pub(super) reason: String,
    /// lapin could not read what the broker sent.
    pub(super) unreadable: bool,
}

/// Runs sessions one after the other until `token` is cancelled.
pub(super) async fn supervise<D: Duty>(
    part: Part,
    config: Arc<AmqpConfig>,
    status: Arc<Status>,
    seed: u64,
    token: CancellationToken,
    mut duty: D,
) {
    let mut backoff = Backoff::new(config.backoff_min_ms, config.backoff_max_ms, seed);
    let mut generation = 0;
    let mut mended = false;
    let mut told = String::new();
    while !token.is_cancelled() {
        generation += 1;
        let begun = Instant::now();
        let end = session(part, &config, &status, generation, mended, &token, &mut duty).await;
        status.set(part, |p| *p = PartStatus::default());
        let Err(Broken { reason, unreadable }) = end else { break };
        mended = unreadable;
        status.error(part, &reason);
        if begun.elapsed() > STEADY {
            backoff.reset();
            told.clear();
        }
        // Once per outage and reason.
        if told != reason {
            tracing::warn!(part = part.name(), generation, reason, "AMQP session broke, building a new one");
            told = reason;
        }
        let pause = backoff.fail();
        tokio::select! { () = tokio::time::sleep(pause) => {}, () = token.cancelled() => {} }
    }
    tracing::info!(part = part.name(), "AMQP session closed");
}

async fn session<D: Duty>(
    part: Part,
    config: &AmqpConfig,
    status: &Status,
    generation: u64,
    mended: bool,
    token: &CancellationToken,
    duty: &mut D,
) -> Result<(), Broken> {
    let conn = tokio::select! {
        conn = connect(part, config, generation, mended) => conn?,
        () = token.cancelled() => return Ok(()),
    };
    let events = conn.events_listener();
    let session = Arc::new(Session { conn, over: CancellationToken::new(), generation });
    status.set(part, |p| p.connected = true);
    tracing::info!(part = part.name(), generation, "AMQP connected");
    let end = tokio::select! {
        end = duty.run(&session) => end,
        broken = watch(part, events, status) => Err(broken),
        () = session.over.cancelled() => Err(Broken::new("a delivery could not be finished")),
    };
    session.over.cancel();
    if session.conn.status().connected() {
        // What is not acknowledged goes back to the queue.
        let _ = timeout(GOODBYE, session.conn.close(200, "closing".into())).await;
    }
    end
}

async fn connect(part: Part, config: &AmqpConfig, generation: u64, mended: bool) -> Result<Connection, Broken> {
    let at = usize::try_from(generation - 1).unwrap_or(0) % config.urls.len().max(1);
    let uri = config.urls.get(at).and_then(super::AmqpUrl::parse);
    let mut uri = uri.ok_or_else(|| Broken::new(format!("urls[{at}] is missing or unreadable")))?;
    uri.query.heartbeat.get_or_insert(config.heartbeat_s);
    let name = format!("{}-{}", config.connection_name, part.name());
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connect = async {
        if mended {
            uri = mend::bridge(&uri, &config.tls()).await?;
        }
        Connection::connect_uri_with_config(uri, properties, config.tls(), default_runtime()?).await
    };
    match timeout(Duration::from_millis(config.connect_timeout_ms), connect).await {
        Ok(conn) => Ok(conn?),
        Err(_) => Err(Broken::new(format!("no connection within {} ms", config.connect_timeout_ms))),
    }
}

/// Follows what the broker says of the connection; done when it is lost.
async fn watch(part: Part, events: impl Stream<Item = Event> + Send, status: &Status) -> Broken {
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(part = part.name(), reason, "AMQP broker reads no more from us");
                status.error(part, &format!("blocked: {reason}"));
                status.set(part, |p| p.blocked = true);
            }
            Event::ConnectionUnblocked => status.set(part, |p| p.blocked = false),
            // Faults of a channel come here too; whoever uses the channel sees them.
            Event::Error(e) if !e.is_amqp_soft_error() => return e.into(),
            _ => {}
        }
    }
    Broken::new("the connection is gone")
}

// === impl Broken ===

impl Broken {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), unreadable: false }
    }
}

impl From<lapin::Error> for Broken {
    fn from(error: lapin::Error) -> Self {
        let unreadable = matches!(error.kind(), ErrorKind::ParsingError(_));
        Self { reason: error.to_string(), unreadable }
    }
}
