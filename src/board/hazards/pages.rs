//! The pages of hazard reports, and the part of the overview that shows the open ones.

use super::line::{Line, actor};
use crate::board::auth::{Account, Inside};
use crate::board::refusal::Refusal;
use crate::board::shell::{Shell, Speaks};
use crate::board::text::{Lang, Texts};
use crate::board::view::{Fragment, day, fragment, rendered};
use crate::evidence::{read_report, write_report_export};
use crate::intake::reports::{ReportDesk, ReportEntry, ReportEvent, Standing, TextPurpose};
use crate::model::{Colour, Fact, ReportId};
use askama::Template;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

/// Decided reports in the list, newest first.
const DECIDED_MAX: usize = 200;

#[derive(Template)]
#[template(path = "hazards-open.html", config = ".askama.toml")]
struct OpenHtml {
    t: &'static Texts,
    open: Vec<Line>,
    damaged: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "hazards.html", config = ".askama.toml")]
struct ListHtml {
    s: Shell,
    open: Fragment,
    decided: Vec<Line>,
}

#[derive(Template)]
#[template(path = "hazard.html", config = ".askama.toml")]
struct OneHtml {
    s: Shell,
    r: Line,
    colours: Vec<(&'static str, &'static str)>,
    events: Vec<(String, String)>,
    form_token: String,
    done: bool,
}

#[derive(Deserialize)]
pub(in crate::board) struct Asked {
    done: Option<String>,
}

fn is_open(desk: &ReportDesk, lang: Lang, inside: &Inside, open: bool) -> Vec<Line> {
    let directory = inside.board.directory();
    let all = desk.all();
    let some = all.iter().filter(|s| matches!(s.report.standing, Standing::Open | Standing::Accepted) == open);
    some.map(|shown| Line::of(lang, &directory, shown, desk.rules.answer_within_ms)).collect()
}

/// The open reports, above the callouts of the overview.
pub(in crate::board) fn open_fragment(inside: &Inside, lang: Lang) -> Fragment {
    let (mut open, mut damaged) = (Vec::new(), Vec::new());
    if let Some(desk) = &inside.board.reports {
        open = is_open(desk, lang, inside, true);
        // The real ones first.
        open.sort_by_key(|line| !line.drill.is_empty());
        damaged = desk.damaged().into_iter().map(|(id, reason)| (id.to_string(), reason)).collect();
    }
    fragment("hazards", &OpenHtml { t: lang.texts(), open, damaged })
}

/// `GET /reports`
pub(in crate::board) async fn list(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
) -> Response {
    let mut s = Shell::new(&inside, &account, lang);
    // The overview's stream: of its parts this page has the open reports.
    s.live = Some(format!("/live?from={}", crate::board::live::overview_mark(&inside, lang)));
    let mut decided = inside.board.reports.as_ref().map_or_else(Vec::new, |desk| is_open(desk, lang, &inside, false));
    decided.truncate(DECIDED_MAX);
    Html(rendered(&ListHtml { s, open: open_fragment(&inside, lang), decided })).into_response()
}

/// `GET /reports/{id}`
pub(in crate::board) async fn one(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<ReportId>,
    Query(asked): Query<Asked>,
) -> Response {
    match page(&inside, &account, lang, &id, asked.done.is_some()).await {
        Ok(html) => Html(rendered(&html)).into_response(),
        Err(refusal) => refusal.page(lang),
    }
}

async fn page(inside: &Inside, account: &Account, lang: Lang, id: &ReportId, done: bool) -> Result<OneHtml, Refusal> {
    let desk = inside.board.reports.as_ref().ok_or(Refusal::NotFound)?;
    let shown = desk.shown(id).ok_or(Refusal::NotFound)?;
    let records = inside.board.journal.read(id.stream(), 0, usize::MAX >> 1).await;
    let mut events = Vec::new();
    for record in records.map_err(|_| Refusal::Unavailable)? {
        for ReportEntry(at, event) in record.entries().map_err(|_| Refusal::Damaged)? {
            events.push((day(at), what(inside, lang, &event)));
        }
    }
    let r = Line::of(lang, &inside.board.directory(), &shown, desk.rules.answer_within_ms);
    let colours = Colour::ALL.iter().rev().map(|c| (c.name(), lang.pick(c.zh(), c.name()))).collect();
    let s = Shell::new(inside, account, lang);
    Ok(OneHtml { s, r, colours, events, form_token: account.form_token.clone(), done })
}

/// An event in words.
fn what(inside: &Inside, lang: Lang, event: &ReportEvent) -> String {
    let t = lang.texts();
    match event {
        ReportEvent::Reported(_) => t.report_came.to_owned(),
        ReportEvent::Texted { purpose, to, region, gateway } => {
            let place = region.as_ref().map_or_else(String::new, |r| inside.board.directory().place(r.as_str()));
            let whom = match purpose {
                TextPurpose::Confirm => t.report_confirm,
                TextPurpose::Alert => t.report_alert,
            };
            let way = gateway.as_ref().map_or(t.report_no_gateway, |g| g.as_str());
            format!("{whom} {place} ×{} · {way}", to.len())
        }
        ReportEvent::TextsSent { facts } => {
            let well = facts.iter().filter(|f| matches!(f, Fact::Reached { .. })).count();
            format!("{} {well}/{}", t.report_texts, facts.len())
        }
        ReportEvent::Accepted { by, warning } => {
            let codes: Vec<&str> = warning.codes.iter().map(|c| c.as_str()).collect();
            let kind = crate::board::view::kind(lang, &warning.hazard, warning.colour);
            format!("{} {}：{kind} {} {}", t.report_accepted_by, actor(lang, by), codes.join("、"), warning.headline)
        }
        ReportEvent::Raised { callouts, .. } => {
            let callouts: Vec<&str> = callouts.iter().map(|c| c.as_str()).collect();
            format!("{} {}", t.report_raised, callouts.join("、"))
        }
        ReportEvent::Refused { findings, .. } => {
            let reasons: Vec<String> = findings
                .iter()
                .map(|f| format!("{}：{}", f.place, lang.pick(f.reason_zh(), f.reason.clone())))
                .collect();
            format!("{} {}", t.report_refused, reasons.join("；"))
        }
        ReportEvent::Dismissed { by, .. } => format!("{} {}", t.report_dismissed_by, actor(lang, by)),
        ReportEvent::Ended { by, .. } => format!("{} {}", t.report_ended_by, actor(lang, by)),
        ReportEvent::Cancelled => t.report_cancelled.to_owned(),
    }
}

/// `GET /reports/{id}/export`: the report's timeline as one file that proves itself.
pub(in crate::board) async fn export(
    State(inside): State<Arc<Inside>>,
    Path(id): Path<ReportId>,
) -> Result<Response, Refusal> {
    let timeline = read_report(inside.board.journal.as_ref(), &id).await.map_err(|error| {
        tracing::error!(report = %id, %error, "a report cannot be exported");
        Refusal::Damaged
    })?;
    let timeline = timeline.ok_or(Refusal::NotFound)?;
    let mut bytes = Vec::new();
    write_report_export(&timeline, &mut bytes).map_err(|_| Refusal::Damaged)?;
    let name = format!("attachment; filename=\"report-{id}.jsonl\"");
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, bytes).into_response())
}
