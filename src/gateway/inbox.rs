//! What callback routes share: bounded bodies, and upcalls that are confirmed only when they are durable.

use super::{ReadBack, Upcall, Upcalls};
use crate::model::GatewayId;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{StatusCode, header::RETRY_AFTER};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
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

/// Where the callbacks of one gateway come in.
pub(super) struct Inbox {
    pub(super) id: GatewayId,
    pub(super) sink: Arc<dyn Upcalls>,
    pub(super) limits: CallbackLimits,
}

/// A refusal of a whole request.
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) reason: String,
    pub(super) retry_after_s: Option<u32>,
}

// === impl Inbox ===

impl Inbox {
    /// The whole body, within the limits of size and time.
    pub(super) async fn read(&self, body: Body) -> Result<Bytes, Refused> {
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

    /// Passes upcalls on; done when they are durable. A task of its own: the handler is dropped when the peer
    /// hangs up, a half-done write must not be.
    pub(super) async fn take(&self, upcalls: Vec<Upcall>) -> Result<Vec<ReadBack>, Refused> {
        let (sink, id) = (self.sink.clone(), self.id.clone());
        let taken = tokio::spawn(async move { sink.take(id, upcalls).await }).await;
        let reason = match taken {
            Ok(Ok(said)) => return Ok(said),
            Ok(Err(not_taken)) => not_taken.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        tracing::error!(gateway = %self.id, reason, "callback not taken");
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
    pub(super) fn new(status: StatusCode, reason: String) -> Self {
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
