//! Answers that an operator writes down on somebody's behalf.

use super::auth::{Account, Inside};
use super::refusal::Refusal;
use super::shell::Speaks;
use crate::config::LOCAL_ACCOUNT;
use crate::model::{Answer, CallIx, CalloutId, Purpose, TargetIx};
use crate::runtime::{Deed, Vouched};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::sync::Arc;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 500;
/// Characters of a typed name.
const NAME_CHARS_MAX: usize = 40;

/// What an operator says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Said {
    call: CallIx,
    answer: Answer,
    reason: String,
    #[serde(default)]
    operator: String,
}

/// The same from the form of a page.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SaidInForm {
    #[serde(flatten)]
    said: Fields,
    form: String,
    target: TargetIx,
}

/// Form values arrive as text, which a flattened number would refuse.
#[derive(Clone, Debug, Deserialize)]
struct Fields {
    call: String,
    answer: Answer,
    reason: String,
    #[serde(default)]
    operator: String,
}

/// `POST /api/v1/callouts/{id}/answers`
pub(super) async fn api(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    said: Result<Json<Said>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(said) = said.map_err(|_| Refusal::Unprocessable("the body is not JSON with call, answer and reason"))?;
    vouch(&inside, &account, id.into(), said).await?;
    Ok(Json(serde_json::json!({ "recorded": true })).into_response())
}

/// The form of a target's page.
pub(super) async fn form(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
    Form(form): Form<SaidInForm>,
) -> Response {
    if !account.sent(&form.form) {
        return Refusal::Forbidden("the form is not of this session").page(lang);
    }
    let Fields { call, answer, reason, operator } = form.said;
    let Ok(call) = call.parse() else { return Refusal::Unprocessable("call is not a number").page(lang) };
    let back = format!("/callouts/{id}/targets/{}?done=1", form.target);
    match vouch(&inside, &account, id.into(), Said { call, answer, reason, operator }).await {
        Ok(()) => Redirect::to(&back).into_response(),
        Err(refusal) => refusal.page(lang),
    }
}

async fn vouch(inside: &Inside, account: &Account, id: CalloutId, said: Said) -> Result<(), Refusal> {
    let (operator, reason) = signed(account, &said.operator, &said.reason)?;
    let callout = inside.board.callout(&id).await?;
    if !callout.is_open() {
        return Err(Refusal::Conflict("the callout is over"));
    }
    if callout.calls.get(said.call as usize).is_none_or(|c| c.purpose != Purpose::CallOut) {
        return Err(Refusal::NotFound);
    }
    let (call, deed) = (Some(said.call), Deed::Answer(said.answer));
    let vouched = Vouched { callout: id, call, deed, operator, reason };
    inside.board.acts.vouch(vouched).await.map(|_| ()).map_err(|error| {
        tracing::warn!(%error, "an answer on behalf was not taken");
        Refusal::Unavailable
    })
}

/// Who acts, as timelines name operators, and why.
pub(super) fn signed(account: &Account, operator: &str, reason: &str) -> Result<(String, String), Refusal> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(Refusal::Unprocessable("reason must be given, in at most 500 characters"));
    }
    let typed = operator.trim();
    if typed.chars().count() > NAME_CHARS_MAX || typed.contains(char::is_control) {
        return Err(Refusal::Unprocessable("operator must be at most 40 plain characters"));
    }
    // A token may be a room's: the typed name says who of them it was.
    let operator = match (typed, account.name.as_str()) {
        ("", LOCAL_ACCOUNT) => return Err(Refusal::Unprocessable("operator must be given: nobody is signed in")),
        ("", name) => name.to_owned(),
        (typed, LOCAL_ACCOUNT) => typed.to_owned(),
        (typed, name) => format!("{typed}@{name}"),
    };
    Ok((operator, reason.to_owned()))
}
