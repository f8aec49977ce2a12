//! The style and the script, built in.

use super::refusal::Refusal;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

const CSS: &str = include_str!("assets/board.css");
const JS: &str = include_str!("assets/board.js");

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "board.css" => ("text/css; charset=utf-8", CSS),
        "board.js" => ("text/javascript; charset=utf-8", JS),
        _ => return Refusal::NotFound.into_response(),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}
