//! The route that the platform posts its packages to.

use super::document::{Body as Out, In, Received};
use super::platform::Platform;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// In this time a package must have arrived.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds that the platform is asked to wait when nothing can be stored.
const RETRY_AFTER_S: u32 = 5;

struct Callbacks {
    platform: Arc<Platform>,
    token: Option<String>,
}

/// The route of a gateway: `POST /callbacks/<id>`, with the token behind it where there is one.
pub(super) fn callbacks(platform: Arc<Platform>, token: Option<String>) -> Router {
    let base = format!("/callbacks/{}", platform.id);
    let state = Arc::new(Callbacks { platform, token });
    let router = match state.token {
        Some(_) => Router::new().route(&format!("{base}/{{token}}"), post(with_token)),
        None => Router::new().route(&base, post(without)),
    };
    router.with_state(state)
}

async fn with_token(
    State(callbacks): State<Arc<Callbacks>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Digests have one length, so that the time tells nothing.
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let ours = digest(callbacks.token.as_deref().unwrap_or_default());
    if bool::from(ours.as_slice().ct_eq(digest(&token).as_slice())) {
        callbacks.receive(&headers, body).await
    } else {
        tracing::warn!(gateway = %callbacks.platform.id, "a package with a wrong token");
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn without(State(callbacks): State<Arc<Callbacks>>, headers: HeaderMap, body: Body) -> Response {
    callbacks.receive(&headers, body).await
}

// === impl Callbacks ===

impl Callbacks {
    async fn receive(&self, headers: &HeaderMap, body: Body) -> Response {
        let platform = &self.platform;
        let max = platform.section.package_max_bytes;
        let bytes = match tokio::time::timeout(READ_TIMEOUT, to_bytes(body, max)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => return self.refuse(StatusCode::PAYLOAD_TOO_LARGE, None, &format!("at most {max} bytes")),
            Err(_) => return self.refuse(StatusCode::REQUEST_TIMEOUT, None, "the package did not arrive in time"),
        };
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let received = match platform.open(content_type, &bytes) {
            Ok(received) => received,
            Err(reason) => return self.refuse(StatusCode::BAD_REQUEST, None, &reason),
        };
        platform.heard.now((platform.clock)());
        let ebdid = received.ebdid.clone();
        match received {
            // An answer is not answered.
            Received { body: In::Response { .. }, .. } => {
                platform.answered(received);
                StatusCode::OK.into_response()
            }
            Received { body: In::Check, .. } => self.accept(&ebdid),
            Received { body: In::State(state), .. } => {
                // A task of its own: the handler is dropped when the peer hangs up, a half-done write must not be.
                let there = platform.clone();
                match tokio::spawn(async move { there.tell(&state).await }).await {
                    Ok(Ok(())) => self.accept(&ebdid),
                    Ok(Err(not_taken)) => self.not_taken(&ebdid, &not_taken.to_string()),
                    Err(panicked) => self.not_taken(&ebdid, &panicked.to_string()),
                }
            }
            Received { body: In::Other(_), .. } => {
                self.refuse(StatusCode::OK, Some(&ebdid), "packages of this type are not taken here")
            }
        }
    }

    fn accept(&self, ebdid: &str) -> Response {
        let code = self.platform.section.accepted_codes.first().map_or("1", String::as_str);
        self.answer(StatusCode::OK, Some(ebdid), code, "数据接收成功")
    }

    fn refuse(&self, status: StatusCode, ebdid: Option<&str>, reason: &str) -> Response {
        tracing::warn!(gateway = %self.platform.id, status = status.as_u16(), reason, "a package is refused");
        self.answer(status, ebdid, &self.platform.section.refused_code, reason)
    }

    fn not_taken(&self, ebdid: &str, reason: &str) -> Response {
        let mut response =
            self.refuse(StatusCode::SERVICE_UNAVAILABLE, Some(ebdid), "nothing was taken; send it again");
        tracing::error!(gateway = %self.platform.id, reason, "a state is not taken");
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        response
    }

    fn answer(&self, status: StatusCode, related: Option<&str>, code: &str, desc: &str) -> Response {
        let (_, tar) = self.platform.package(related, &Out::Response { code, desc });
        (status, [(header::CONTENT_TYPE, "application/x-tar")], tar).into_response()
    }
}
