//! The board: pages, the HTTP interface and the live streams, on two listeners.
//!
//! - **Here:** the internal router (board, replay, gateways, acts of operators, API, metrics, sign-in) and the
//!   public one (answer links); what a page shows (`view`), every word of it (`text`).
//! - **Not here:** listening and TLS (`cli`), what an answer means (`engine`), proofs (`evidence`).
//! - **Depends on:** `model`, `directory`, `journal`, `runtime`, `intake`, `evidence`.
//! - **Promises:** looking changes nothing; an act is answered when it is durable; a stream of events
//!   has neither gap nor duplicate across reconnects; no page shows a whole phone number; every POST
//!   is somebody's; pages work without script and load nothing from elsewhere.

mod acts;
mod api;
mod assets;
mod auth;
mod brake;
mod drills;
mod facts;
mod gateways;
mod hazards;
mod link;
mod live;
mod pages;
mod parked;
mod probes;
mod refusal;
mod replay;
mod report;
mod retract;
mod sessions;
mod shell;
mod sign_in;
mod state;
mod text;
mod view;
mod warnings;

pub use state::BoardState;

use auth::Inside;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use std::sync::Arc;

/// Bytes of a form or an act; documents have their own limit.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// The internal router: board, API, sign-in, metrics. Bind it to loopback unless tokens are configured.
pub fn internal(state: Arc<BoardState>) -> Router {
    let bytes_max = state.bytes_max;
    let inside = Arc::new(Inside::new(state));
    let guarded = |router: Router<Arc<Inside>>, guard: auth::Guard| {
        router.route_layer(from_fn_with_state((inside.clone(), guard), auth::guard))
    };
    let reading = Router::new()
        .route("/", get(pages::overview))
        .route("/live", get(live::overview))
        .route("/events", get(facts::all))
        .route("/callouts/{id}", get(pages::callout))
        .route("/callouts/{id}/live", get(live::callout))
        .route("/callouts/{id}/events", get(facts::one))
        .route("/callouts/{id}/export", get(pages::export))
        .route("/callouts/{id}/targets/{target}", get(pages::target))
        .route("/drills", get(drills::page))
        .route("/gateways", get(gateways::page))
        .route("/api/v1/gateways", get(gateways::list))
        .route("/parked", get(parked::list))
        .route("/parked/{id}", get(parked::one))
        .route("/reports", get(hazards::list))
        .route("/reports/{id}", get(hazards::one))
        .route("/reports/{id}/export", get(hazards::export))
        .route("/api/v1/reports", get(hazards::list_api))
        .route("/api/v1/reports/{id}", get(hazards::one_api))
        .route("/api/v1/callouts", get(api::callouts))
        .route("/api/v1/callouts/{id}", get(api::callout));
    let operating = Router::new()
        .route("/callouts/{id}/answers", post(acts::form))
        .route("/callouts/{id}/actions", post(acts::report_form))
        .route("/reports/{id}/accept", post(hazards::accept_form))
        .route("/reports/{id}/dismiss", post(hazards::dismiss_form))
        .route("/reports/{id}/end", post(hazards::end_form))
        .route("/api/v1/reports/{id}/end", post(hazards::end_api))
        .route("/api/v1/reports/{id}/accept", post(hazards::accept_api))
        .route("/api/v1/reports/{id}/dismiss", post(hazards::dismiss_api))
        .route("/api/v1/callouts/{id}/actions", post(acts::report_api))
        .route("/api/v1/callouts/{id}/answers", post(acts::api))
        .route("/gateways/{id}/lock", post(gateways::form))
        .route("/api/v1/gateways/{id}/lock", post(gateways::lock))
        .route("/api/v1/gateways/{id}/unlock", post(gateways::unlock))
        .route("/callouts/{id}/retract", post(retract::form))
        .route("/api/v1/warnings/{id}/retract", post(retract::api))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX));
    let posting = Router::new()
        .route("/api/v1/warnings", post(warnings::post).layer(DefaultBodyLimit::max(bytes_max)))
        .route("/api/v1/reports", post(hazards::post).layer(DefaultBodyLimit::max(FORM_BYTES_MAX)));
    let open = Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/assets/{name}", get(assets::asset))
        .route("/sign-in", get(sign_in::page).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX));
    guarded(reading, auth::Guard::Read)
        .merge(guarded(operating, auth::Guard::Operate))
        .merge(guarded(posting, auth::Guard::Post))
        .merge(guarded(Router::new().route("/metrics", get(probes::metrics)), auth::Guard::Metrics))
        .merge(open)
        .fallback(refusal::not_found)
        .layer(from_fn(shell::dress))
        .with_state(inside)
}

/// The public router: answer links, and nothing else.
pub fn public(state: Arc<BoardState>) -> Router {
    Router::new()
        .route("/a/{token}", get(link::show).post(link::answer))
        .route("/assets/{name}", get(assets::asset))
        .fallback(refusal::not_found)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn(shell::dress))
        .with_state(Arc::new(link::Outside::new(state)))
}
