//! The callback routes: gateways tell what became of attempts, and what people pressed and wrote.

use super::event::{self, Note};
use super::{Clock, HttpGatewayConfig, SIGNATURE, Secret, TIMESTAMP, verify};
use crate::gateway::{ReadBack, Upcall, Upcalls};
use crate::model::GatewayId;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Bounds of the callback routes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackLimits {
    /// Bytes of a request body.
    pub body_max_bytes: usize,
    /// Events in one request.
    pub events_max: usize,
    /// Milliseconds in which a body must have arrived.
    pub read_timeout_ms: u64,
    /// Seconds a gateway is asked to wait when nothing can be stored.
    pub retry_after_s: u32,
}

struct Callbacks {
    id: GatewayId,
    secret: Secret,
    skew_s: u32,
    sink: Arc<dyn Upcalls>,
    clock: Clock,
    limits: CallbackLimits,
}

#[derive(Serialize)]
struct Taken {
    taken: usize,
    refused: Vec<Note>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    noted: Vec<Note>,
    /// What to say to those who pressed a key: what was recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    read_back: Vec<Spoken>,
}

#[derive(Serialize)]
struct Spoken {
    key: String,
    words: String,
}

/// A refusal of a whole request.
struct Refused {
    status: StatusCode,
    reason: String,
    retry_after_s: Option<u32>,
}

/// The route of a gateway: `POST /callbacks/<id>`. Answers 200 only after `sink` said that everything it
/// names as taken is durable; repeated, unordered and early events are passed on as they are.
pub fn callbacks(gateway: &HttpGatewayConfig, sink: Arc<dyn Upcalls>, clock: Clock, limits: CallbackLimits) -> Router {
    let path = format!("/callbacks/{}", gateway.id);
    let (id, secret, skew_s) = (gateway.id.clone(), gateway.secret.clone(), gateway.callback_clock_skew_s);
    let state = Arc::new(Callbacks { id, secret, skew_s, sink, clock, limits });
    Router::new().route(&path, post(receive)).with_state(state)
}

async fn receive(State(callbacks): State<Arc<Callbacks>>, headers: HeaderMap, body: Body) -> Response {
    match callbacks.receive(&headers, body).await {
        Ok(response) => response,
        Err(refused) => {
            tracing::warn!(status = refused.status.as_u16(), reason = refused.reason, "callback refused");
            refused.into_response()
        }
    }
}

// === impl Callbacks ===

impl Callbacks {
    async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
        let body = self.read(body).await?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        verify(&self.secret, header(TIMESTAMP), header(SIGNATURE), &body, (self.clock)(), self.skew_s)
            .map_err(|e| Refused::new(StatusCode::UNAUTHORIZED, e.to_string()))?;
        let parsed =
            event::parse(&body, self.limits.events_max).map_err(|e| Refused::new(StatusCode::BAD_REQUEST, e))?;
        let taken = parsed.good.len();
        let said = if taken > 0 { self.take(self.id.clone(), parsed.good).await? } else { Vec::new() };
        let read_back = said.into_iter().map(|r| Spoken { key: r.key.to_string(), words: r.words }).collect();
        // A request of which nothing was taken must not look like a success.
        let status =
            if taken == 0 && !parsed.refused.is_empty() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        if !parsed.refused.is_empty() {
            tracing::warn!(gateway = %self.id, taken, refused = parsed.refused.len(), "callback with bad events");
        }
        Ok((status, Json(Taken { taken, refused: parsed.refused, noted: parsed.noted, read_back })).into_response())
    }

    async fn read(&self, body: Body) -> Result<axum::body::Bytes, Refused> {
        let limit = Duration::from_millis(self.limits.read_timeout_ms);
        let max = self.limits.body_max_bytes;
        match tokio::time::timeout(limit, to_bytes(body, max)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => {
                Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {max} bytes in one request")))
            }
            Err(_) => Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time".into())),
        }
    }

    /// A task of its own: the handler is dropped when the peer hangs up, a half-done write must not be.
    async fn take(&self, gateway: GatewayId, upcalls: Vec<Upcall>) -> Result<Vec<ReadBack>, Refused> {
        let sink = self.sink.clone();
        let taken = tokio::spawn(async move { sink.take(gateway, upcalls).await }).await;
        let reason = match taken {
            Ok(Ok(said)) => return Ok(said),
            Ok(Err(not_taken)) => not_taken.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        tracing::error!(reason, "callback not taken");
        let refused = Refused::new(StatusCode::SERVICE_UNAVAILABLE, "nothing was taken; send it again".into());
        Err(Refused { retry_after_s: Some(self.limits.retry_after_s), ..refused })
    }
}

// === impl CallbackLimits ===

impl Default for CallbackLimits {
    fn default() -> Self {
        Self { body_max_bytes: 1 << 20, events_max: 10_000, read_timeout_ms: 10_000, retry_after_s: 5 }
    }
}

// === impl Refused ===

impl Refused {
    fn new(status: StatusCode, reason: String) -> Self {
        Self { status, reason, retry_after_s: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(serde_json::json!({ "reason": self.reason }))).into_response();
        if let Some(s) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, s.into());
        }
        response
    }
}
