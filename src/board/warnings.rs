//! The HTTP door for documents.

use super::auth::{Account, Inside};
use super::refusal::Refusal;
use crate::intake::{Posted, Unavailable};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The name of this door in receipts and metrics.
const DOOR: &str = "http";

/// Takes one document. 202 and 422 both carry a receipt, and both mean durable.
pub(super) async fn post(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let board = &inside.board;
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let error = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                board.metrics.limit_hit("intake.bytes_max");
                let most = board.bytes_max;
                format!(
                    "报文过大，未收下；最多 {most} 字节 / the document is too large and was not kept; at most {most} bytes"
                )
            } else {
                "报文没有收完整，未收下 / the document did not arrive whole and was not kept".to_owned()
            };
            return (rejection.status(), Json(serde_json::json!({ "error": error }))).into_response();
        }
    };
    let Some(desk) = &board.desk else { return Refusal::Unavailable.into_response() };
    let (desk, posted) = (desk.clone(), Posted { door: DOOR, account: Some(account.name), body: body.to_vec() });
    // In a task of its own: a post that has begun runs to its end, also when whoever posted has gone.
    let post = tokio::spawn(async move { desk.post(posted).await }).await;
    match post.unwrap_or_else(|e| Err(Unavailable(e.to_string()))) {
        Ok(receipt) => {
            let (status, result) = match (receipt.accepted, receipt.duplicate) {
                (true, true) => (StatusCode::ACCEPTED, "duplicate"),
                (true, false) => (StatusCode::ACCEPTED, "accepted"),
                (false, _) => (StatusCode::UNPROCESSABLE_ENTITY, "parked"),
            };
            board.metrics.message(DOOR, result);
            if receipt.parked.is_some() && !receipt.duplicate {
                board.metrics.parked();
            }
            (status, Json(receipt)).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "a document was not taken");
            Refusal::Unavailable.into_response()
        }
    }
}
