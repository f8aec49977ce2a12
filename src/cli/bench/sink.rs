//! A carrier over HTTP that takes everything at once and counts it.

use crate::model::Timestamp;
use crate::runtime::clock;
use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long nothing may come before a run is given up.
const WAIT: Duration = Duration::from_secs(60);

/// The sink; its server runs until the process ends.
pub(super) struct Sink {
    /// Where it listens.
    pub url: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: Mutex<Seen>,
    came: Notify,
    /// Who is told of each request.
    listener: Mutex<Option<UnboundedSender<Came>>>,
}

/// What came since the last [`Sink::expect`].
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When the head of the first request was read, and of the last one.
    pub first: Option<Instant>,
    pub last: Option<Instant>,
    /// Attempts that came.
    pub attempts: usize,
    /// The requests' bodies.
    pub bodies: Vec<Bytes>,
    /// Names of the attempts.
    pub keys: HashSet<String>,
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct Came {
    /// When its head was read.
    pub at: Instant,
    pub what: Request,
}

#[derive(Debug)]
pub(super) enum Request {
    /// Attempts are submitted.
    Submit(Vec<Call>),
    /// An attempt of this name is withdrawn.
    Withdraw(String),
}

/// An attempt as it came.
#[derive(Debug)]
pub(super) struct Call {
    pub key: String,
    /// The number that is called.
    pub to: String,
    pub colour: String,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    attempts: Vec<Attempt<'a>>,
}

#[derive(Deserialize)]
struct Attempt<'a> {
    key: &'a str,
    #[serde(default)]
    to: &'a str,
    #[serde(default)]
    colour: &'a str,
}

#[derive(Deserialize)]
struct Withdrawal {
    key: String,
}

/// The moment by the clock that timelines are written by.
pub(super) fn wall(at: Instant) -> Timestamp {
    let passed = i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX);
    Timestamp(clock::now().0.saturating_sub(passed))
}

// === impl Sink ===

impl Sink {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let inner = Arc::<Inner>::default();
        let routes = Router::new().route("/", post(take)).route("/withdraw", post(withdraw));
        let app = routes.with_state(inner.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, inner })
    }

    /// Every request from now on, in the order in which they come; only the last listener is told.
    pub(super) fn listen(&self) -> UnboundedReceiver<Came> {
        let (listener, requests) = unbounded_channel();
        *self.inner.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
        requests
    }

    /// Forgets what came before.
    pub(super) fn expect_anew(&self) {
        *self.lock() = Seen::default();
    }

    /// What came, once it is `attempts` attempts.
    pub(super) async fn seen(&self, attempts: usize) -> anyhow::Result<Seen> {
        loop {
            let came = self.inner.came.notified();
            let so_far = self.lock().attempts;
            if so_far >= attempts {
                return Ok(std::mem::take(&mut *self.lock()));
            }
            let waited = tokio::time::timeout(WAIT, came).await;
            waited.with_context(|| format!("{so_far} of {attempts} calls came"))?;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn tell(&self, at: Instant, what: impl FnOnce() -> Request) {
        if let Some(listener) = &*self.listener.lock().unwrap_or_else(PoisonError::into_inner) {
            // Whoever listened may have gone.
            let _ = listener.send(Came { at, what: what() });
        }
    }
}

// === impl Call ===

impl From<&Attempt<'_>> for Call {
    fn from(a: &Attempt<'_>) -> Self {
        Self { key: a.key.to_owned(), to: a.to.to_owned(), colour: a.colour.to_owned() }
    }
}

/// The moment a request's head was read, before its body.
struct At(Instant);

impl<S: Sync> axum::extract::FromRequestParts<S> for At {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Instant::now()))
    }
}

type Json = ([(&'static str, &'static str); 1], String);

async fn take(State(inner): State<Arc<Inner>>, At(at): At, body: Bytes) -> Json {
    let attempts = serde_json::from_slice::<Body<'_>>(&body).map(|b| b.attempts).unwrap_or_default();
    let mut answer = String::from("{\"results\":[");
    for (i, attempt) in attempts.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        answer.push_str(&format!("{comma}{{\"key\":\"{}\",\"status\":\"accepted\"}}", attempt.key));
    }
    answer.push_str("]}");
    {
        let mut seen = inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.first.get_or_insert(at);
        seen.last = Some(at);
        seen.attempts += attempts.len();
        seen.keys.extend(attempts.iter().map(|a| a.key.to_owned()));
        seen.bodies.push(body.clone());
    }
    inner.tell(at, || Request::Submit(attempts.iter().map(Call::from).collect()));
    inner.came.notify_waiters();
    ([("content-type", "application/json")], answer)
}

async fn withdraw(State(inner): State<Arc<Inner>>, At(at): At, body: Bytes) -> Json {
    if let Ok(Withdrawal { key }) = serde_json::from_slice(&body) {
        inner.tell(at, || Request::Withdraw(key));
    }
    ([("content-type", "application/json")], "{}".into())
}
