//! Documents that could not be acted on.

use super::auth::{Account, Inside};
use super::refusal::Refusal;
use super::shell::{Shell, Speaks};
use super::text::Lang;
use super::view::{day, rendered};
use crate::journal::Parked;
use crate::model::{Finding, Sealed, Severity};
use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::{Html, IntoResponse, Response};
use std::sync::Arc;

/// Parked documents looked at, newest first.
const PARKED_MAX: usize = 500;

/// A parked document in a list: its first grave fault stands for all.
pub(super) struct ParkedLine {
    pub id: String,
    pub at: String,
    pub door: String,
    pub account: String,
    pub place: String,
    pub reason: Reason,
}

/// What is wrong, in the page's language first.
#[derive(Clone, Default)]
pub(super) struct Reason {
    pub said: String,
    /// The English sentence beside a Chinese one; empty on an English page.
    pub beside: String,
}

impl Reason {
    fn of(lang: Lang, finding: &Finding) -> Self {
        match lang {
            Lang::Zh => Self { said: finding.reason_zh(), beside: finding.reason.clone() },
            Lang::En => Self { said: finding.reason.clone(), beside: String::new() },
        }
    }
}

#[derive(Template)]
#[template(path = "parked.html", config = ".askama.toml")]
struct ParkedHtml {
    s: Shell,
    parked: Vec<ParkedLine>,
}

#[derive(Template)]
#[template(path = "document.html", config = ".askama.toml")]
struct DocumentHtml {
    s: Shell,
    p: ParkedLine,
    findings: Vec<(String, Reason, bool)>,
    text: Option<String>,
}

/// The parked documents, newest first.
pub(super) async fn lines(inside: &Inside, lang: Lang) -> Result<Vec<ParkedLine>, Refusal> {
    let parked = inside.board.journal.parked(PARKED_MAX).await.map_err(|_| Refusal::Unavailable)?;
    Ok(parked.iter().map(|p| line(lang, p)).collect())
}

pub(super) async fn list(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
) -> Response {
    match lines(&inside, lang).await {
        Ok(parked) => Html(rendered(&ParkedHtml { s: Shell::new(&inside, &account, lang), parked })).into_response(),
        Err(refusal) => refusal.page(lang),
    }
}

pub(super) async fn one(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
) -> Response {
    let Ok(all) = inside.board.journal.parked(PARKED_MAX).await else { return Refusal::Unavailable.page(lang) };
    let Some(parked) = all.iter().find(|p| p.id == id) else { return Refusal::NotFound.page(lang) };
    let opened = inside.board.key.derive("parked").open("parked", &Sealed(parked.raw.sealed.clone()));
    let findings =
        parked.findings.iter().map(|f| (f.place.clone(), Reason::of(lang, f), f.severity == Severity::Fatal));
    let html = DocumentHtml {
        s: Shell::new(&inside, &account, lang),
        p: line(lang, parked),
        findings: findings.collect(),
        text: opened.ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    };
    Html(rendered(&html)).into_response()
}

fn line(lang: Lang, parked: &Parked) -> ParkedLine {
    let worst = parked.findings.iter().max_by_key(|f| f.severity);
    ParkedLine {
        id: parked.id.clone(),
        at: day(parked.at),
        door: parked.door.clone(),
        account: parked.account.clone().unwrap_or_default(),
        place: worst.map(|f| f.place.clone()).unwrap_or_default(),
        reason: worst.map(|f| Reason::of(lang, f)).unwrap_or_default(),
    }
}
