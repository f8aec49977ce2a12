//! The board's pages.

use super::auth::{Account, Inside};
use super::parked::{ParkedLine, lines};
use super::refusal::Refusal;
use super::replay::{Replay, asked_moment, exact};
use super::shell::{Shell, Speaks};
use super::text::Lang;
use super::view::{Card, Fragment, Panels, Past, Scene, TargetDetail, card_html, kind, rendered, unverified, why};
use crate::evidence::{Numbered, write_export};
use crate::journal::SelectCallouts;
use crate::model::{Callout, CalloutId, Entry, NoteReason};
use askama::Template;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Events shown beside a callout.
const TAIL: usize = 24;
/// Closed callouts shown below the open ones.
const PAST: usize = 20;

#[derive(Template)]
#[template(path = "overview.html", config = ".askama.toml")]
struct OverviewHtml {
    s: Shell,
    banner: Fragment,
    hazards: Fragment,
    cards: Vec<String>,
    parked: Vec<ParkedLine>,
    past: Vec<Past>,
}

#[derive(Template)]
#[template(path = "callout.html", config = ".askama.toml")]
struct CalloutHtml {
    s: Shell,
    id: String,
    title: String,
    panels: Option<Panels>,
    replay: Option<Replay>,
    now_exact: String,
    /// For the form that retracts a false alarm; `None` when there is nothing to retract.
    form_token: Option<String>,
}

#[derive(Template)]
#[template(path = "target.html", config = ".askama.toml")]
struct TargetHtml {
    s: Shell,
    id: String,
    d: TargetDetail,
    form_token: String,
    /// `演练`; empty for the real thing.
    drill: &'static str,
    done: bool,
    /// Why the last act does not count.
    noted: Option<&'static str>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    at: Option<String>,
    done: Option<String>,
    /// A reason's name; another word is none.
    noted: Option<String>,
}

pub(super) async fn overview(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
) -> Response {
    match (lines(&inside, lang).await, past(&inside, lang).await) {
        (Ok(parked), Ok(past)) => {
            let mut s = Shell::new(&inside, &account, lang);
            s.live = Some(format!("/live?from={}", super::live::overview_mark(&inside, lang)));
            let cards = cards(&inside, lang).into_iter().map(|(_, html)| html).collect();
            let (banner, hazards) = (banner(&inside, lang), super::hazards::open_fragment(&inside, lang));
            Html(rendered(&OverviewHtml { s, banner, hazards, cards, parked, past })).into_response()
        }
        (Err(refusal), _) | (_, Err(refusal)) => refusal.page(lang),
    }
}

/// The open callouts, most urgent first: their names and their cards.
pub(super) fn cards(inside: &Inside, lang: Lang) -> Vec<(String, String)> {
    let directory = inside.board.directory();
    let open = inside.board.gallery.all().into_iter().filter(|c| c.is_open());
    let card = |callout: Arc<Callout>| {
        let forecast = inside.board.gallery.forecast(&callout.id);
        Card::of(&Scene { callout: &callout, directory: &directory, lang, at: None, forecast: forecast.as_ref() })
    };
    let mut cards: Vec<_> = open.filter_map(card).collect();
    cards.sort_by_key(Card::order);
    cards.into_iter().map(|c| (c.id.clone(), card_html(lang, &c))).collect()
}

/// The callouts whose timeline does not verify, above everything else.
pub(super) fn banner(inside: &Inside, lang: Lang) -> Fragment {
    unverified(lang, &inside.board.directory(), &inside.board.gallery.distrusted())
}

async fn past(inside: &Inside, lang: Lang) -> Result<Vec<Past>, Refusal> {
    let select = SelectCallouts::Before { before: inside.board.acts.now().plus_ms(1), limit: PAST };
    let rows = inside.board.journal.callouts(select).await.map_err(|_| Refusal::Unavailable)?;
    let directory = inside.board.directory();
    // The catalogue is written behind the log: what the gallery shows as open is not past.
    let open: BTreeSet<CalloutId> =
        inside.board.gallery.all().iter().filter(|c| c.is_open()).map(|c| c.id.clone()).collect();
    let closed = rows.iter().filter(|r| r.closed_at.is_some() && r.stream.callout().is_none_or(|c| !open.contains(&c)));
    Ok(closed.map(|r| Past::of(lang, r, directory.place(&r.region))).collect())
}

/// The page of a callout, live or at a moment; `{id}.json` is its canonical state.
pub(super) async fn callout(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    if let Some(id) = id.strip_suffix(".json") {
        return canonical(&inside, id.into(), asked.at.as_deref()).await.into_response();
    }
    let shell = Shell::new(&inside, &account, lang);
    let page = match &asked.at {
        Some(at) => replay_page(&inside, shell, lang, id.into(), at).await,
        None => live_page(&inside, shell, lang, id.into(), &account).await,
    };
    page.map_or_else(|refusal| refusal.page(lang), |html| Html(rendered(&html)).into_response())
}

async fn live_page(
    inside: &Inside,
    mut s: Shell,
    lang: Lang,
    id: CalloutId,
    account: &Account,
) -> Result<CalloutHtml, Refusal> {
    let callout = inside.board.callout(&id).await?;
    let panels = panels(inside, lang, &callout).await?;
    s.live = callout.is_open().then(|| format!("/callouts/{id}/live?from={}", callout.seq));
    let now_exact = exact(callout.recorded_at);
    let title = title(&callout, lang);
    let form_token = callout.is_open().then(|| account.form_token.clone());
    Ok(CalloutHtml { s, id: id.to_string(), title, panels, replay: None, now_exact, form_token })
}

/// The parts of a callout's page as it stands.
pub(super) async fn panels(inside: &Inside, lang: Lang, callout: &Callout) -> Result<Option<Panels>, Refusal> {
    let from = callout.seq.saturating_sub(TAIL as u64);
    let records = inside.board.journal.read(callout.id.stream(), from, TAIL).await;
    let records = records.map_err(|_| Refusal::Unavailable)?;
    let mut tail = Vec::new();
    for record in records {
        let entries = record.entries::<Entry>().map_err(|_| Refusal::Damaged)?;
        let numbered = (record.first..).zip(entries).map(|(seq, entry)| Numbered { seq, entry });
        // Never an event that this copy has not folded in yet.
        tail.extend(numbered.filter(|n| n.seq >= from && n.seq < callout.seq));
    }
    let directory = inside.board.directory();
    let forecast = inside.board.gallery.forecast(&callout.id);
    let scene = Scene { callout, directory: &directory, lang, at: None, forecast: forecast.as_ref() };
    Ok(Panels::of(&scene, &tail))
}

async fn replay_page(inside: &Inside, s: Shell, lang: Lang, id: CalloutId, at: &str) -> Result<CalloutHtml, Refusal> {
    let timeline = inside.board.timeline(&id).await?;
    let at = asked_moment(at, &timeline)?;
    let callout = timeline.at(Some(at));
    let numbered = timeline.until(Some(at)).iter().zip(0..).map(|(e, seq)| Numbered { seq, entry: e.clone() });
    let tail: Vec<_> = numbered.skip(timeline.around(at).count.saturating_sub(TAIL)).collect();
    let directory = inside.board.directory();
    let scene = Scene { callout: &callout, directory: &directory, lang, at: Some(at), forecast: None };
    let panels = Panels::of(&scene, &tail);
    let replay = Some(Replay::of(&timeline, &callout, at));
    let (id, title) = (id.to_string(), title(&callout, lang));
    Ok(CalloutHtml { s, id, title, panels, replay, now_exact: exact(at), form_token: None })
}

async fn canonical(inside: &Inside, id: CalloutId, at: Option<&str>) -> Result<Response, Refusal> {
    let bytes = match at {
        None => inside.board.callout(&id).await?.canonical(),
        Some(at) => {
            let timeline = inside.board.timeline(&id).await?;
            timeline.at(Some(asked_moment(at, &timeline)?)).canonical()
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// The page of one target, with the form to answer on somebody's behalf.
pub(super) async fn target(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path((id, target)): Path<(String, u32)>,
    Query(asked): Query<Asked>,
) -> Response {
    let callout = match inside.board.callout(&id.as_str().into()).await {
        Ok(callout) => callout,
        Err(refusal) => return refusal.page(lang),
    };
    let directory = inside.board.directory();
    let scene = Scene { callout: &callout, directory: &directory, lang, at: None, forecast: None };
    let Some(d) = TargetDetail::of(&scene, target) else { return Refusal::NotFound.page(lang) };
    let s = Shell::new(&inside, &account, lang);
    let reason = asked.noted.and_then(|name| serde_json::from_value::<NoteReason>(name.into()).ok());
    let (done, noted) = (asked.done.is_some(), reason.map(|reason| why(lang, reason)));
    let html = TargetHtml { s, id, d, drill: drill_mark(&callout, lang), form_token: account.form_token, done, noted };
    Html(rendered(&html)).into_response()
}

/// The timeline as one file that proves itself.
pub(super) async fn export(State(inside): State<Arc<Inside>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let id: CalloutId = id.into();
    let timeline = inside.board.timeline(&id).await?;
    let mut bytes = Vec::new();
    write_export(&timeline, &mut bytes).map_err(|_| Refusal::Damaged)?;
    let name = format!("attachment; filename=\"{id}.jsonl\"");
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, bytes).into_response())
}

fn title(callout: &Callout, lang: Lang) -> String {
    let Some(head) = &callout.head else { return callout.id.to_string() };
    format!("{}{} {}", drill_mark(callout, lang), head.place, kind(lang, &head.hazard, head.colour))
}

fn drill_mark(callout: &Callout, lang: Lang) -> &'static str {
    if callout.is_drill() { lang.texts().drill } else { "" }
}
