//! The page of the yearly record of drills.

use super::auth::{Account, Inside};
use super::refusal::Refusal;
use super::shell::{Shell, Speaks};
use super::view::{day as moment, rendered};
use crate::evidence::{DrillYear, read_drill_year};
use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::response::{Html, IntoResponse, Response};
use chrono::Datelike;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct Asked {
    year: Option<i32>,
}

#[derive(Template)]
#[template(path = "drills.html", config = ".askama.toml")]
struct DrillsHtml {
    s: Shell,
    record: DrillYear,
}

/// `GET /drills?year=2026`: this year's when none is asked for.
pub(super) async fn page(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Query(asked): Query<Asked>,
) -> Response {
    let year = asked.year.unwrap_or_else(|| inside.board.acts.now().to_cst().year());
    match read_drill_year(&*inside.board.journal, &inside.board.directory(), year).await {
        Ok(record) => Html(rendered(&DrillsHtml { s: Shell::new(&inside, &account, lang), record })).into_response(),
        Err(_) => Refusal::Unavailable.page(lang),
    }
}
