//! The callback route: behind a path that only the vendor knows, from its addresses, in its words.

use super::dialect::{Callback, Dialect, Event, Name, What};
use super::references::References;
use super::request::pairs;
use super::sources::Sources;
use super::webhook::SIGNATURE;
use crate::gateway::Upcall;
use crate::gateway::http::Secret;
use crate::gateway::inbox::{Inbox, Refused};
use crate::gateway::scrub::scrub;
use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The callbacks of a gateway.
pub(super) struct Callbacks {
    pub(super) inbox: Inbox,
    pub(super) path_secret: Secret,
    pub(super) sources: Sources,
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) references: Arc<References>,
}

async fn receive(State(callbacks): State<Arc<Callbacks>>, Path(secret): Path<String>, request: Request) -> Response {
    match callbacks.receive(&secret, request).await {
        Ok(response) => response,
        Err(refused) => {
            let (status, reason) = (refused.status.as_u16(), &refused.reason);
            tracing::warn!(gateway = %callbacks.inbox.id, status, reason, "callback refused");
            refused.into_response()
        }
    }
}

// === impl Callbacks ===

impl Callbacks {
    /// `GET` and `POST /callbacks/<id>/<secret>`. The vendor is told that all is well only after everything that
    /// could be read is durable; repeated, unordered and early events are passed on as they are.
    pub(super) fn route(self) -> Router {
        let path = format!("/callbacks/{}/{{secret}}", self.inbox.id);
        Router::new().route(&path, get(receive).post(receive)).with_state(Arc::new(self))
    }

    async fn receive(&self, secret: &str, request: Request) -> Result<Response, Refused> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        if !self.sources.allow(peer, request.headers()) {
            return Err(Refused::new(StatusCode::FORBIDDEN, "not one of the vendor's addresses".into()));
        }
        // As if there were nothing: whoever tries paths learns nothing.
        if !bool::from(secret.as_bytes().ct_eq(self.path_secret.bytes())) {
            return Err(Refused::new(StatusCode::NOT_FOUND, "no such path".into()));
        }
        let callback = self.callback(request).await?;
        self.dialect.believes(&callback).map_err(|e| Refused::new(StatusCode::UNAUTHORIZED, e))?;
        let told = self.dialect.read(&callback, self.inbox.limits.events_max);
        let told = told.map_err(|e| Refused::new(StatusCode::BAD_REQUEST, scrub(&e)))?;
        let (taken, bad) = (told.events.len(), told.bad.len());
        if let Some(first) = told.bad.first() {
            tracing::warn!(gateway = %self.inbox.id, taken, bad, first = scrub(first), "callback with bad events");
            // What holds nothing good must not look like a success.
            if taken == 0 {
                return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "no event that can be read".into()));
            }
        }
        let upcalls = self.upcalls(told.events).await;
        if upcalls.is_empty() {
            return Ok(self.dialect.confirm(&callback, &[]));
        }
        match self.inbox.take(upcalls).await {
            Ok(said) => Ok(self.dialect.confirm(&callback, &said)),
            Err(refused) => self.dialect.postpone(&callback).ok_or(refused),
        }
    }

    async fn callback(&self, request: Request) -> Result<Callback, Refused> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        let signature = text(&parts.headers, SIGNATURE).map(str::to_owned);
        let is_form = text(&parts.headers, CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        let body = self.inbox.read(body).await?;
        let form = if is_form { pairs(&body) } else { Vec::new() };
        Ok(Callback { target, query, form, body: body.to_vec(), signature })
    }

    /// Names attempts by our keys, as far as they are known here; the engine knows the other references.
    async fn upcalls(&self, events: Vec<Event>) -> Vec<Upcall> {
        let unknown = |event: &Event| matches!(event, Event::Of { name: Name::Reference(name), .. } if self.references.key(name).is_none());
        if events.iter().any(unknown) {
            self.references.settle().await;
        }
        events.into_iter().map(|event| self.upcall(event)).collect()
    }

    fn upcall(&self, event: Event) -> Upcall {
        let (name, what, reported_at) = match event {
            Event::Text { from, text, extension, at } => {
                return Upcall::Text { from, text, key: None, extension, reported_at: at };
            }
            Event::Of { name, what, at } => (name, what, at),
        };
        let known = match name {
            Name::Key(key) => Ok(key),
            Name::Reference(reference) => self.references.key(&reference).ok_or(reference),
        };
        match (known, what) {
            (Ok(key), What::Fact(fact)) => Upcall::Report { key, fact, reported_at },
            (Ok(key), What::Digits(digits)) => Upcall::Key { key, digits, reported_at },
            (Err(reference), What::Fact(fact)) => Upcall::Receipt { reference, fact, reported_at },
            (Err(reference), What::Digits(digits)) => Upcall::Pressed { reference, digits, reported_at },
        }
    }
}

/// How many events a callback tells and how many elements cannot be read, its signature aside; for tests with
/// bytes of any kind.
///
/// # Errors
/// Why nothing can be read of it.
pub(super) fn count(dialect: &dyn Dialect, query: &[u8], body: &[u8], max: usize) -> Result<(usize, usize), String> {
    let (query, form) = (pairs(query), pairs(body));
    let callback = Callback { target: String::new(), query, form, body: body.to_vec(), signature: None };
    let told = dialect.read(&callback, max)?;
    Ok((told.events.len(), told.bad.len()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
