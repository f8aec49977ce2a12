//! Submitting and withdrawing attempts over HTTP.

use super::answer::{self, Answer, down};
use super::{Clock, HttpGatewayConfig, SIGNATURE, TIMESTAMP, sign};
use crate::gateway::wire::{self, Pause, chain};
use crate::gateway::{Gateway, Outgoing};
use crate::model::{AttemptKey, Channel, Digest, Fact, Failure, Filled, GatewayId, Speech, Timestamp};
use futures::future::{BoxFuture, join_all};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Serialize;

/// A gateway that takes attempts by signed HTTP POST.
pub struct HttpGateway {
    config: HttpGatewayConfig,
    client: reqwest::Client,
    clock: Clock,
    pause: Pause,
}

/// Why a gateway could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("gateway {id}: {faults}")]
pub struct HttpGatewayError {
    /// The gateway.
    pub id: GatewayId,
    /// What is wrong, field by field.
    pub faults: String,
}

#[derive(Serialize)]
struct Batch<'a> {
    attempts: Vec<AttemptOut<'a>>,
}

#[derive(Serialize)]
struct AttemptOut<'a> {
    key: String,
    channel: Channel,
    to: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<TemplateOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<&'a Speech>,
    language: &'a str,
    /// Whether it is a drill's; the text says so too.
    drill: bool,
    colour: &'a str,
    valid_until: String,
}

#[derive(Serialize)]
struct TemplateOut<'a> {
    id: &'a str,
    sign: &'a str,
    /// In the vendor's order: some count their variables, some name them.
    parameters: Vec<ParameterOut<'a>>,
    /// Those that were longer than the vendor allows.
    cut: &'a [String],
}

#[derive(Serialize)]
struct ParameterOut<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct Withdrawal {
    key: String,
}

// === impl HttpGateway ===

impl HttpGateway {
    /// A gateway from its section. TLS is rustls with the ring provider, the system's roots and `ca_pem`.
    ///
    /// # Errors
    /// Every fault of the section, or why no TLS client can be had on this host.
    pub fn new(config: HttpGatewayConfig, clock: Clock) -> Result<Self, HttpGatewayError> {
        let refuse = |faults: String| HttpGatewayError { id: config.id.clone(), faults };
        let faults = config.faults();
        if !faults.is_empty() {
            return Err(refuse(faults.join("; ")));
        }
        let client = wire::client(config.ca_pem.as_deref(), config.timeout_ms, config.connect_timeout_ms);
        let client = client.map_err(refuse)?;
        Ok(Self { config, client, clock, pause: Pause::default() })
    }

    async fn submit_batch(&self, attempts: &[Outgoing]) -> Vec<Fact> {
        let now = (self.clock)();
        let fresh: Vec<_> = attempts.iter().filter(|a| a.valid_until > now).cloned().collect();
        let mut facts = if fresh.is_empty() { Vec::new() } else { self.send_batch(&fresh).await }.into_iter();
        let expired = || Fact::Failed { failure: Failure::Expired, detail: None };
        let one = |a: &Outgoing| if a.valid_until > now { facts.next() } else { None }.unwrap_or_else(expired);
        attempts.iter().map(one).collect()
    }

    async fn send_batch(&self, attempts: &[Outgoing]) -> Vec<Fact> {
        let body = to_json(&Batch { attempts: attempts.iter().map(AttemptOut::from).collect() });
        let keys: Vec<_> = attempts.iter().map(|a| a.key.to_string()).collect();
        let parts: Vec<_> = keys.iter().map(String::as_bytes).collect();
        let request = self.post(&self.config.url, body).header("idempotency-key", Digest::of_parts(&parts).hex());
        match request.send().await {
            Ok(response) => {
                self.note_pause(response.status(), response.headers());
                let status = response.status();
                let body = wire::read(response, self.config.answer_max_bytes).await;
                answer::facts(attempts, &Answer { status, body }, self.config.idempotent)
            }
            Err(e) => {
                let e = e.without_url();
                tracing::warn!(gateway = %self.config.id, attempts = attempts.len(), error = %chain(&e), "submit failed");
                let fact = if e.is_connect() {
                    down("no connection")
                } else {
                    Fact::Unknown { resent: self.config.idempotent }
                };
                vec![fact; attempts.len()]
            }
        }
    }

    fn post(&self, url: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
        let timestamp = (self.clock)().0.div_euclid(1_000_000).to_string();
        let signature = sign(&self.config.secret, &timestamp, &body);
        self.client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature)
            .body(body)
    }

    fn note_pause(&self, status: reqwest::StatusCode, headers: &HeaderMap) {
        if !matches!(status.as_u16(), 429 | 503) {
            self.pause.end();
            return;
        }
        let now = (self.clock)();
        if let Some(ms) = wire::retry_after_ms(headers, now) {
            self.pause.begin(now, ms);
        }
    }
}

impl Gateway for HttpGateway {
    /// By 429 or 503 with Retry-After, at most 300 s ahead.
    fn pause_until(&self) -> Option<Timestamp> {
        self.pause.until((self.clock)())
    }

    fn id(&self) -> &GatewayId {
        &self.config.id
    }

    fn channels(&self) -> &[Channel] {
        &self.config.channels
    }

    fn is_idempotent(&self) -> bool {
        self.config.idempotent
    }

    fn batch_max(&self) -> usize {
        self.config.batch_max
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        Box::pin(async move {
            let batches = attempts.chunks(self.config.batch_max).map(|batch| self.submit_batch(batch));
            join_all(batches).await.concat()
        })
    }

    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let url = format!("{}/withdraw", self.config.url.trim_end_matches('/'));
            let answer = self.post(&url, to_json(&Withdrawal { key: key.to_string() })).send().await;
            let problem = match answer.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return,
                Err(e) => chain(&e.without_url()),
            };
            tracing::warn!(gateway = %self.config.id, attempt = %key, error = %problem, "not withdrawn");
        })
    }

    /// Submits no attempts: a gateway that reads the signature refuses a wrong one.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let answer = self.post(&self.config.url, to_json(&Batch { attempts: Vec::new() })).send().await;
            let status = answer.map_err(|e| chain(&e.without_url()))?.status();
            match status.as_u16() {
                200..=299 => Ok("takes a signed request without attempts".into()),
                401 | 403 => Err(format!("HTTP {status}: the signature is refused")),
                _ => Err(format!("HTTP {status}")),
            }
        })
    }
}

// === impl AttemptOut, TemplateOut ===

impl<'a> From<&'a Outgoing> for AttemptOut<'a> {
    fn from(a: &'a Outgoing) -> Self {
        Self {
            key: a.key.to_string(),
            channel: a.channel,
            to: &a.number,
            text: &a.text,
            template: a.template.as_ref().map(TemplateOut::from),
            script: a.speech.as_ref(),
            language: &a.language,
            drill: a.drill,
            colour: a.colour,
            valid_until: a.valid_until.iso(),
        }
    }
}

impl<'a> From<&'a Filled> for TemplateOut<'a> {
    fn from(t: &'a Filled) -> Self {
        let parameters = t.parameters.iter().map(|(name, value)| ParameterOut { name, value }).collect();
        Self { id: &t.id, sign: &t.sign, parameters, cut: &t.cut }
    }
}

#[expect(clippy::unwrap_used, reason = "text and numbers always serialise")]
fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}
