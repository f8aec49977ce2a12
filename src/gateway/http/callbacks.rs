//! The callback routes: gateways tell what became of attempts, and what people pressed and wrote.

use super::event::{self, Note};
use super::{Clock, HttpGatewayConfig, SIGNATURE, Secret, TIMESTAMP, verify};
use crate::gateway::Upcalls;
use crate::gateway::inbox::{Inbox, Refused};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::Serialize;
use std::sync::Arc;

pub use crate::gateway::inbox::CallbackLimits;

struct Callbacks {
    inbox: Inbox,
    secret: Secret,
    skew_s: u32,
    clock: Clock,
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

/// The route of a gateway: `POST /callbacks/<id>`. Answers 200 only after `sink` said that everything it
/// names as taken is durable; repeated, unordered and early events are passed on as they are.
pub fn callbacks(gateway: &HttpGatewayConfig, sink: Arc<dyn Upcalls>, clock: Clock, limits: CallbackLimits) -> Router {
    let path = format!("/callbacks/{}", gateway.id);
    let inbox = Inbox { id: gateway.id.clone(), sink, limits };
    let (secret, skew_s) = (gateway.secret.clone(), gateway.callback_clock_skew_s);
    let state = Arc::new(Callbacks { inbox, secret, skew_s, clock });
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
        let body = self.inbox.read(body).await?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        verify(&self.secret, header(TIMESTAMP), header(SIGNATURE), &body, (self.clock)(), self.skew_s)
            .map_err(|e| Refused::new(StatusCode::UNAUTHORIZED, e.to_string()))?;
        let parsed =
            event::parse(&body, self.inbox.limits.events_max).map_err(|e| Refused::new(StatusCode::BAD_REQUEST, e))?;
        let taken = parsed.good.len();
        let said = if taken > 0 { self.inbox.take(parsed.good).await? } else { Vec::new() };
        let read_back = said.into_iter().map(|r| Spoken { key: r.key.to_string(), words: r.words }).collect();
        // A request of which nothing was taken must not look like a success.
        let status =
            if taken == 0 && !parsed.refused.is_empty() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        if !parsed.refused.is_empty() {
            tracing::warn!(gateway = %self.inbox.id, taken, refused = parsed.refused.len(), "callback with bad events");
        }
        Ok((status, Json(Taken { taken, refused: parsed.refused, noted: parsed.noted, read_back })).into_response())
    }
}
