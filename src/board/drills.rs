//! The page of the yearly record of drills.

use super::auth::{Account, Inside};
use super::refusal::Refusal;
use super::shell::{Shell, Speaks};
use super::view::{day as moment, rendered};
use crate::directory::Directory;
use crate::evidence::{DrillPart, DrillYear, read_drill_year};
use crate::model::PersonId;
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
    directory: Arc<Directory>,
}

impl DrillsHtml {
    /// Who answered, by name; the beginning of the id of whom the directory no longer has.
    fn names(&self, part: &DrillPart) -> String {
        let name = |id: &PersonId| match self.directory.person(id) {
            Some(person) => person.name.clone(),
            None => id.as_str().chars().take(8).collect(),
        };
        part.persons.iter().map(name).collect::<Vec<_>>().join("、")
    }
}

/// `GET /drills?year=2026`: this year's when none is asked for.
pub(super) async fn page(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Query(asked): Query<Asked>,
) -> Response {
    let year = asked.year.unwrap_or_else(|| inside.board.acts.now().to_cst().year());
    let directory = inside.board.directory();
    match read_drill_year(&*inside.board.journal, &directory, year).await {
        Ok(record) => {
            let s = Shell::new(&inside, &account, lang);
            Html(rendered(&DrillsHtml { s, record, directory })).into_response()
        }
        Err(_) => Refusal::Unavailable.page(lang),
    }
}
