//! The one-time link of a call, on the public listener. Looking is no answer and no report; only a POST is.

use super::brake::Brake;
use super::refusal::{Refusal, message, reason_in};
use super::report::{ReportForm, fits};
use super::shell::Speaks;
use super::state::BoardState;
use super::text::{Lang, Texts};
use super::view::{LinkTarget, Scene, answer as answer_word, kind, link_targets, rendered, what, why};
use crate::intake::reports::{Incoming, ReportChannel, Taken};
use crate::model::{Answer, CallIx, Callout, CloseReason, Colour, Purpose, Status, TargetIx};
use crate::runtime::{Deed, Kept};
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Unknown links asked for, a minute; more are turned away without a page.
const UNKNOWN_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not zero");
/// A link is this long (see the reply book); other texts are not looked up.
const TOKEN_LEN: usize = 16;

/// The public router's own state.
pub(super) struct Outside {
    board: Arc<BoardState>,
    brake: Brake,
}

/// What came with a button: an answer, or a report of one target.
#[derive(Deserialize)]
pub(super) struct Pressed {
    answer: Option<Answer>,
    /// Set by the page that tells of the retraction: a page from before cannot confirm it.
    #[serde(default)]
    retracted: Option<String>,
    /// The words of a hazard report.
    hazard: Option<String>,
    /// The page said that a hazard report is taken as real.
    real: Option<String>,
    #[serde(default)]
    target: String,
    #[serde(flatten)]
    report: ReportForm,
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
    targets: Vec<LinkTarget>,
    more: usize,
    answered: Option<&'static str>,
    /// What was just taken.
    taken: Option<String>,
    /// Why what was just sent does not count.
    noted: Option<&'static str>,
    closed: bool,
    /// It was a false alarm, and the person is asked to confirm that this is known.
    retracted: bool,
    /// Whether the page is that of a drill that runs.
    drill: bool,
    /// Whether it is that of a drill that ended or gave way.
    past_drill: bool,
    /// Whether hazards can be reported here.
    reports: bool,
    edition: &'a str,
}

/// What the page tells of what was just sent.
#[derive(Default)]
struct Told {
    taken: Option<String>,
    noted: Kept,
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

    async fn take(&self, lang: Lang, token: String, pressed: Pressed) -> Result<Response, Refusal> {
        let (callout, call) = self.find(&token).await?;
        if let Some(words) = pressed.hazard {
            return self.hazard(lang, &callout, call, words, pressed.real.is_some()).await;
        }
        let directory = self.board.directory();
        let scene = Scene { callout: &callout, directory: &directory, lang, at: None, forecast: None };
        let retracted = callout.closed == Some(CloseReason::Retracted);
        if pressed.answer.is_some() && retracted != pressed.retracted.is_some() {
            return Ok(self.page(lang, &callout, call, Told::default()));
        }
        let read = deed(&scene, call, &pressed);
        if matches!(read, Err(Refusal::Field(..))) {
            // Refused, and kept: somebody reported something.
            let kept = self.board.acts.answer_link(token.clone(), Deed::BadFigure(pressed.report.typed())).await;
            kept.map_err(|_| Refusal::Unavailable)?;
        }
        let (deed, words) = read?;
        let kept = self.board.acts.answer_link(token, deed).await.map_err(|error| {
            tracing::warn!(%error, "what came by a link was not taken");
            Refusal::Unavailable
        })?;
        let noted = kept.ok_or(Refusal::NotFound)?;
        // What is durable is in the copy that pages show.
        let callout = self.board.callout(&callout.id).await?;
        let taken = noted.is_none().then_some(words);
        Ok(self.page(lang, &callout, call, Told { taken, noted }))
    }

    /// Somebody reports a hazard: under a drill that runs it is a drill's report, and the page said so. Where
    /// the drill gave way there may be a real emergency on that ground.
    async fn hazard(
        &self,
        lang: Lang,
        callout: &Callout,
        call: CallIx,
        words: String,
        real: bool,
    ) -> Result<Response, Refusal> {
        let desk = self.board.reports.as_ref().ok_or(Refusal::Unavailable)?;
        let person = callout.calls.get(call as usize).and_then(|c| callout.people.get(c.person as usize));
        let incoming = Incoming {
            person: person.cloned(),
            words,
            drill: runs_as_drill(callout) && !real,
            callout: Some(callout.id.clone()),
            ..Incoming::default()
        };
        let taken = desk.take(ReportChannel::Link, incoming).await.map_err(|error| {
            tracing::warn!(%error, "a report that came by a link was not taken");
            Refusal::Unavailable
        })?;
        match taken {
            Taken::Recorded { id, .. } => {
                let t = lang.texts();
                let kind = match (callout.is_drill(), id.is_drill()) {
                    (true, true) => t.link_hazard_as_drill,
                    (true, false) => t.link_hazard_as_real,
                    (false, _) => "",
                };
                let taken = Some(format!("{} {id} {kind}", t.link_hazard_taken));
                Ok(self.page(lang, callout, call, Told { taken, noted: None }))
            }
            Taken::Refused { findings, .. } => {
                let first = findings.first().ok_or(Refusal::Unavailable)?;
                Err(Refusal::Field(lang.texts().link_hazard.to_owned(), first.reason_zh(), first.reason.clone()))
            }
        }
    }

    fn page(&self, lang: Lang, callout: &Callout, call: CallIx, told: Told) -> Response {
        let (Some(head), Some(c)) = (&callout.head, callout.calls.get(call as usize)) else {
            return refused(lang, &Refusal::NotFound);
        };
        let t = lang.texts();
        let directory = self.board.directory();
        let (targets, more) =
            link_targets(&Scene { callout, directory: &directory, lang, at: None, forecast: None }, call);
        let retracted = callout.closed == Some(CloseReason::Retracted);
        // What was said before the retraction is no confirmation of it.
        let confirmed = || {
            let call = callout.call_ix.get(&(c.person, Purpose::Retracted))?;
            callout.calls[*call as usize].confirmed_at.map(|_| Answer::Yes)
        };
        let said = || c.links.iter().find_map(|l| l.answer).map(|(answer, _)| answer);
        let answered = if retracted { confirmed() } else { said() };
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
            targets,
            more,
            answered: answered.map(|answer| answer_word(lang, answer)),
            taken: told.taken,
            noted: told.noted.map(|reason| why(lang, reason)),
            closed: callout.closed.is_some(),
            retracted,
            drill: runs_as_drill(callout),
            past_drill: callout.is_drill() && !callout.is_open(),
            reports: self.board.reports.is_some(),
            edition: &head.plan.edition,
        };
        Html(rendered(&html)).into_response()
    }
}

/// Whether what is reported here is a drill's.
fn runs_as_drill(callout: &Callout) -> bool {
    callout.is_drill() && callout.is_open()
}

/// What a button means, and the words in which it is confirmed.
fn deed(scene: &Scene<'_>, call: CallIx, pressed: &Pressed) -> Result<(Deed, String), Refusal> {
    let (callout, t) = (scene.callout, scene.lang.texts());
    if let Some(answer) = pressed.answer {
        let said = match callout.closed {
            Some(CloseReason::Retracted) => t.link_confirm,
            _ => answer_word(scene.lang, answer),
        };
        return Ok((Deed::Answer(answer), format!("{}：{said}", t.link_recorded)));
    }
    let target: TargetIx =
        pressed.target.parse().map_err(|_| Refusal::Unprocessable("没有选择 / nothing was chosen"))?;
    fits(callout, Some(call), &[target])?;
    let (action, shelter) = pressed.report.read(callout)?;
    let words = format!("{}：{} {}", t.link_taken, scene.target(target), what(scene, &action, &[target]));
    Ok((Deed::Action { action, targets: vec![target], shelter }, words))
}

/// Shows what the link is about. Has no effect, so that previews and crawlers answer nothing.
pub(super) async fn show(
    State(outside): State<Arc<Outside>>,
    Speaks(lang): Speaks,
    Path(token): Path<String>,
) -> Response {
    match outside.find(&token).await {
        Ok((callout, call)) => outside.page(lang, &callout, call, Told::default()),
        Err(refusal) => refused(lang, &refusal),
    }
}

/// Records the answer or the report of the button that was pressed.
pub(super) async fn answer(
    State(outside): State<Arc<Outside>>,
    Speaks(lang): Speaks,
    Path(token): Path<String>,
    pressed: Result<Form<Pressed>, FormRejection>,
) -> Response {
    let pressed = match pressed {
        Ok(Form(pressed)) => pressed,
        Err(rejection) => return refused(lang, &rejection.into()),
    };
    match outside.take(lang, token, pressed).await {
        Ok(page) => page,
        Err(refusal) => refused(lang, &refusal),
    }
}

fn refused(lang: Lang, refusal: &Refusal) -> Response {
    let t = lang.texts();
    let (text, hint) = match refusal {
        Refusal::Unavailable => (t.link_busy, ""),
        Refusal::Field(..) | Refusal::Conflict(_) => {
            return message(lang, refusal.status(), t.link_wrong, &reason_in(lang, refusal));
        }
        Refusal::Unprocessable(_) | Refusal::TooLarge => (t.link_form, t.link_form_hint),
        _ => (t.link_unknown, t.link_unknown_hint),
    };
    let status = if *refusal == Refusal::Damaged { StatusCode::SERVICE_UNAVAILABLE } else { refusal.status() };
    message(lang, status, text, hint)
}
