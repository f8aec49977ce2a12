//! The one-time link of a call, on the public listener. Looking is no answer; only a POST is.

use super::brake::Brake;
use super::refusal::{Refusal, message};
use super::shell::Speaks;
use super::state::BoardState;
use super::text::{Lang, Texts};
use super::view::{answer as answer_word, kind, rendered};
use crate::model::{Answer, CallIx, Callout, CloseReason, Colour, Purpose, Status};
use crate::runtime::Deed;
use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Unknown links asked for, a minute; more are turned away without a page.
const UNKNOWN_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not zero");
/// Places named on the page.
const PLACES_MAX: usize = 30;
/// A link is this long (see the reply book); other texts are not looked up.
const TOKEN_LEN: usize = 16;

/// The public router's own state.
pub(super) struct Outside {
    board: Arc<BoardState>,
    brake: Brake,
}

#[derive(Deserialize)]
pub(super) struct Pressed {
    answer: Answer,
}

#[derive(Template)]
#[template(path = "link.html", config = ".askama.toml")]
struct LinkHtml<'a> {
    t: &'static Texts,
    colour: Colour,
    kind: String,
    not_real: &'static str,
    headline: &'a str,
    instruction: &'a str,
    places: Vec<&'a str>,
    more: usize,
    recorded: Option<&'static str>,
    closed: bool,
    /// It was a false alarm: the person is asked to confirm that this is known.
    retracted: bool,
}

// === impl Outside ===

impl Outside {
    pub(super) fn new(board: Arc<BoardState>) -> Self {
        Self { board, brake: Brake::per_minute(UNKNOWN_PER_MINUTE) }
    }

    async fn find(&self, token: &str) -> Result<(Arc<Callout>, CallIx), Refusal> {
        let looks_right = token.len() == TOKEN_LEN && token.bytes().all(|b| b.is_ascii_alphanumeric());
        let key = if looks_right { self.board.acts.link(token.to_owned()).await } else { None };
        let Some((id, call)) = key else {
            return Err(if self.brake.allows() { Refusal::NotFound } else { Refusal::TooMany });
        };
        Ok((self.board.callout(&id).await?, call))
    }
}

/// Shows what the link is about. Has no effect, so that previews and crawlers answer nothing.
pub(super) async fn show(
    State(outside): State<Arc<Outside>>,
    Speaks(lang): Speaks,
    Path(token): Path<String>,
) -> Response {
    match outside.find(&token).await {
        Ok((callout, call)) => {
            let link = callout.calls.get(call as usize).and_then(|c| c.links.iter().find_map(|l| l.answer));
            page(lang, &callout, call, link.map(|(answer, _)| answer), false)
        }
        Err(refusal) => refused(lang, &refusal),
    }
}

/// Records the answer of the button that was pressed.
pub(super) async fn answer(
    State(outside): State<Arc<Outside>>,
    Speaks(lang): Speaks,
    Path(token): Path<String>,
    Form(pressed): Form<Pressed>,
) -> Response {
    let (callout, call) = match outside.find(&token).await {
        Ok(found) => found,
        Err(refusal) => return refused(lang, &refusal),
    };
    match outside.board.acts.answer_link(token, Deed::Answer(pressed.answer)).await {
        Ok(Some(_)) => page(lang, &callout, call, Some(pressed.answer), true),
        Ok(None) => refused(lang, &Refusal::NotFound),
        Err(error) => {
            tracing::warn!(%error, "an answer by link was not taken");
            refused(lang, &Refusal::Unavailable)
        }
    }
}

fn page(lang: Lang, callout: &Callout, call: CallIx, recorded: Option<Answer>, posted: bool) -> Response {
    let (Some(head), Some(call)) = (&callout.head, callout.calls.get(call as usize)) else {
        return refused(lang, &Refusal::NotFound);
    };
    let retracting = callout.call_ix.get(&(call.person, Purpose::Retracted)).map(|c| &callout.calls[*c as usize]);
    let confirmed = retracting.and_then(|c| c.confirmed_at).map(|_| Answer::Yes);
    // What was said before the retraction is no confirmation of it.
    let recorded = recorded.filter(|_| posted || callout.closed != Some(CloseReason::Retracted));
    let t = lang.texts();
    let names = call.links.iter().filter_map(|l| callout.targets.get(l.target as usize));
    let html = LinkHtml {
        t,
        colour: head.colour,
        kind: kind(lang, &head.hazard, head.colour),
        not_real: match head.status {
            Status::Actual => "",
            Status::Exercise => t.drill,
            _ => t.test,
        },
        headline: &head.words.headline,
        instruction: &head.words.instruction,
        places: names.take(PLACES_MAX).map(|target| target.spec.name.as_str()).collect(),
        more: call.links.len().saturating_sub(PLACES_MAX),
        recorded: recorded.or(confirmed).map(|a| answer_word(lang, a)),
        closed: callout.closed.is_some(),
        retracted: callout.closed == Some(CloseReason::Retracted),
    };
    Html(rendered(&html)).into_response()
}

fn refused(lang: Lang, refusal: &Refusal) -> Response {
    let t = lang.texts();
    let (text, hint) = match refusal {
        Refusal::Unavailable => (t.link_busy, ""),
        _ => (t.link_unknown, t.link_unknown_hint),
    };
    let status = if *refusal == Refusal::Damaged { StatusCode::SERVICE_UNAVAILABLE } else { refusal.status() };
    message(lang, status, text, hint)
}
