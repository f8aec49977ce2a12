//! The one client: signs, sends, limits, times out, pauses; what is asked and answered is the dialect's.

use super::Settings;
use super::dialect::{Dialect, Said};
use super::references::References;
use super::request::Request;
use crate::gateway::scrub::{reference, scrub};
use crate::gateway::wire::{self, Pause, chain};
use crate::gateway::{Clock, Condition, Gateway, Outgoing};
use crate::model::{AttemptKey, Channel, Digest, Fact, Failure, GatewayId, Stage, Timestamp};
use futures::future::{BoxFuture, FutureExt, join_all};
use reqwest::Url;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of an answer that are read; a longer one counts as unreadable.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// A gateway that speaks a vendor's API.
pub struct VendorGateway {
    id: GatewayId,
    channels: Vec<Channel>,
    batch_max: usize,
    dialect: Arc<dyn Dialect>,
    references: Arc<References>,
    client: reqwest::Client,
    /// Scheme, host and port.
    origin: String,
    /// What stands in front of every path.
    path: String,
    /// The Host header.
    host: String,
    clock: Clock,
    pause: Pause,
    /// Why it took nothing the last time.
    trouble: Mutex<Option<String>>,
    serial: AtomicU64,
}

/// How a request ended.
enum Sent {
    /// With a status and a body, as far as it could be read, and how long the vendor wants to be left alone.
    Answered { status: u16, body: Option<Vec<u8>>, wait_ms: Option<i64> },
    /// There was no connection: the vendor has seen nothing.
    NoConnection(String),
    /// The vendor may have seen it.
    Lost(String),
}

// === impl VendorGateway ===

impl VendorGateway {
    pub(super) fn new(
        settings: &Settings,
        dialect: Arc<dyn Dialect>,
        references: Arc<References>,
        clock: Clock,
    ) -> Result<Self, String> {
        let url = Url::parse(&settings.url).map_err(|e| format!("url: {e}"))?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let host = url.host_str().filter(|_| plain).ok_or("url: wants a host, and neither credentials nor a query")?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let connect_ms = (settings.timeout_ms / 2).min(3_000);
        Ok(Self {
            id: settings.id.clone(),
            channels: settings.channels.clone(),
            batch_max: settings.batch_max,
            dialect,
            references,
            client: wire::client(settings.ca_pem.as_deref(), settings.timeout_ms, connect_ms)?,
            origin: format!("{}://{host}", url.scheme()),
            path: url.path().trim_end_matches('/').to_owned(),
            host,
            clock,
            pause: Pause::default(),
            trouble: Mutex::default(),
            serial: AtomicU64::new(0),
        })
    }

    async fn submit_one(&self, attempt: &Outgoing) -> Fact {
        let now = (self.clock)();
        if attempt.valid_until <= now {
            return Fact::Failed { failure: Failure::Expired, detail: None };
        }
        let request = match self.dialect.request(attempt, now) {
            Ok(request) => request,
            Err(reason) => return Fact::Failed { failure: Failure::Refused, detail: Some(reason) },
        };
        let _under_way = self.references.begin();
        let said = match self.send(request).await {
            Sent::Answered { status, body, wait_ms } => {
                let said = match body {
                    Some(body) => self.dialect.answer(status, &body),
                    None if status < 300 => Said::Unknown,
                    None => Said::of_status(status, ""),
                };
                self.note(&said, wait_ms, now);
                said
            }
            Sent::NoConnection(reason) => {
                tracing::warn!(gateway = %self.id, error = reason, "no connection");
                let said = Said::Down { detail: "no connection".into(), pause_ms: None };
                self.note(&said, None, now);
                said
            }
            Sent::Lost(reason) => {
                tracing::warn!(gateway = %self.id, error = reason, "submit failed");
                Said::Unknown
            }
        };
        if let Said::Taken(Some(name)) = &said {
            self.references.learn(name, &attempt.key);
        }
        fact(said, &attempt.number)
    }

    /// What an answer tells about the gateway itself.
    fn note(&self, said: &Said, wait_ms: Option<i64>, now: Timestamp) {
        let trouble = match said {
            Said::Down { detail, pause_ms } => {
                if let Some(ms) = wait_ms.or(*pause_ms) {
                    self.pause.begin(now, ms);
                }
                Some(detail.clone())
            }
            Said::Unknown => return,
            Said::Taken(_) | Said::Failed(..) => {
                self.pause.end();
                None
            }
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    async fn send(&self, mut request: Request) -> Sent {
        let now = (self.clock)();
        request.path = format!("{}{}", self.path, request.path);
        self.dialect.signer().sign(&mut request, &self.host, now, &self.nonce(now));
        let query = request.query_string();
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{mark}{query}", self.origin, request.path);
        let mut builder = self.client.request(request.method, url).header("accept", "application/json");
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        match builder.body(request.body).send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let wait_ms = matches!(status, 429 | 503).then(|| wire::retry_after_ms(response.headers(), now));
                let body = wire::read(response, ANSWER_MAX_BYTES).await;
                Sent::Answered { status, body, wait_ms: wait_ms.flatten() }
            }
            Err(e) => {
                // Addresses hold numbers, and some of them passwords.
                let e = e.without_url();
                if e.is_connect() { Sent::NoConnection(chain(&e)) } else { Sent::Lost(chain(&e)) }
            }
        }
    }

    /// Never the same twice, also after a restart, and nothing that others could tell beforehand matters of it.
    fn nonce(&self, now: Timestamp) -> String {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let parts = [self.id.as_str().as_bytes(), &now.0.to_be_bytes(), &serial.to_be_bytes()];
        Digest::of_parts(&parts).hex()[..32].to_owned()
    }
}

impl Gateway for VendorGateway {
    fn id(&self) -> &GatewayId {
        &self.id
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// None of these APIs knows a key that is submitted twice.
    fn is_idempotent(&self) -> bool {
        false
    }

    fn batch_max(&self) -> usize {
        self.batch_max
    }

    /// One request for each attempt: its words, its key and its answer are its own.
    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        async move { join_all(attempts.iter().map(|attempt| self.submit_one(attempt))).await }.boxed()
    }

    fn pause_until(&self) -> Option<Timestamp> {
        self.pause.until((self.clock)())
    }

    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        async move {
            let reference = self.references.reference(&key);
            let Some(request) = reference.and_then(|name| self.dialect.withdrawal(&name)) else { return };
            let problem = match self.send(request).await {
                Sent::Answered { status: 200..=299, .. } => return,
                Sent::Answered { status, .. } => format!("HTTP {status}"),
                Sent::NoConnection(reason) | Sent::Lost(reason) => reason,
            };
            tracing::warn!(gateway = %self.id, attempt = %key, error = problem, "not withdrawn");
        }
        .boxed()
    }

    fn reports_by_reference(&self) -> bool {
        self.dialect.reports_by_reference()
    }

    fn condition(&self) -> Condition {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asked = self.pause_until().map(|at| format!("asked to be left alone until {at}"));
        match trouble.or(asked) {
            Some(detail) => Condition { well: false, detail },
            None => Condition { well: true, detail: "not known to be down".into() },
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        async move {
            match self.send(self.dialect.probe()).await {
                Sent::Answered { status, body, .. } => {
                    self.dialect.probed(status, &body.unwrap_or_default())?;
                    Ok("believes our requests; nobody was called".into())
                }
                Sent::NoConnection(reason) | Sent::Lost(reason) => Err(reason),
            }
        }
        .boxed()
    }
}

fn fact(said: Said, number: &str) -> Fact {
    match said {
        Said::Taken(name) => Fact::Reached { stage: Stage::Submitted, reference: reference(number, name.as_deref()) },
        Said::Unknown => Fact::Unknown { resent: false },
        Said::Failed(failure, detail) => Fact::Failed { failure, detail: Some(scrub(&detail)) },
        Said::Down { detail, .. } => Fact::Failed { failure: Failure::GatewayDown, detail: Some(scrub(&detail)) },
    }
}
