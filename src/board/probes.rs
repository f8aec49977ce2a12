//! What machines ask: alive, ready, metrics.

use super::auth::Inside;
use crate::runtime::HealthPart;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(inside): State<Arc<Inside>>) -> Response {
    let mut health = inside.board.acts.health();
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Told, but no reason to send people elsewhere: all other callouts need this engine.
    let distrusted = inside.board.gallery.distrusted();
    let ids: Vec<&str> = distrusted.iter().map(|(id, _)| id.as_str()).collect();
    let detail = if ids.is_empty() { "verify".into() } else { format!("do not verify: {}", ids.join(", ")) };
    health.parts.push(HealthPart { name: "timelines".into(), well: ids.is_empty(), vital: false, detail });
    (status, Json(health)).into_response()
}

pub(super) async fn metrics(State(inside): State<Arc<Inside>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], inside.board.metrics.render())
        .into_response()
}
