//! A carrier over HTTP that takes everything at once and counts it.

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

/// How long nothing may come before a run is given up.
const WAIT: Duration = Duration::from_secs(60);

/// The sink; its server runs until the process ends.
pub(super) struct Sink {
    /// Where it listens.
    pub url: String,
    seen: Arc<Mutex<Seen>>,
    came: Arc<Notify>,
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

type Shared = (Arc<Mutex<Seen>>, Arc<Notify>);

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    attempts: Vec<Attempt<'a>>,
}

#[derive(Deserialize)]
struct Attempt<'a> {
    key: &'a str,
}

// === impl Sink ===

impl Sink {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (seen, came): Shared = Shared::default();
        let app = Router::new().route("/", post(take)).with_state((seen.clone(), came.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, seen, came })
    }

    /// Forgets what came before.
    pub(super) fn expect_anew(&self) {
        *self.lock() = Seen::default();
    }

    /// What came, once it is `attempts` attempts.
    pub(super) async fn seen(&self, attempts: usize) -> anyhow::Result<Seen> {
        loop {
            let came = self.came.notified();
            let so_far = self.lock().attempts;
            if so_far >= attempts {
                return Ok(std::mem::take(&mut *self.lock()));
            }
            let waited = tokio::time::timeout(WAIT, came).await;
            waited.with_context(|| format!("{so_far} of {attempts} calls came"))?;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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

async fn take(State((seen, came)): State<Shared>, at: At, body: Bytes) -> ([(&'static str, &'static str); 1], String) {
    let attempts = serde_json::from_slice::<Body<'_>>(&body).map(|b| b.attempts).unwrap_or_default();
    let mut answer = String::from("{\"results\":[");
    for (i, attempt) in attempts.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        answer.push_str(&format!("{comma}{{\"key\":\"{}\",\"status\":\"accepted\"}}", attempt.key));
    }
    answer.push_str("]}");
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.first.get_or_insert(at.0);
    seen.last = Some(at.0);
    seen.attempts += attempts.len();
    seen.keys.extend(attempts.iter().map(|a| a.key.to_owned()));
    seen.bodies.push(body.clone());
    drop(seen);
    came.notify_waiters();
    ([("content-type", "application/json")], answer)
}
