//! What an operator writes down: answers on somebody's behalf, reports from the ground.

use super::auth::{Account, Inside};
use super::refusal::Refusal;
use super::report::{ReportBody, ReportForm, fits};
use super::shell::Speaks;
use super::text::Lang;
use super::view::why;
use crate::config::LOCAL_ACCOUNT;
use crate::model::{Answer, CallIx, CalloutId, Purpose, TargetIx};
use crate::runtime::{Deed, Kept, Vouched};
use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Extension, Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::sync::Arc;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 500;
/// Characters of a typed name.
const NAME_CHARS_MAX: usize = 40;

/// Why an operator does something that needs no other words.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Why {
    reason: String,
    #[serde(default)]
    operator: String,
}

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

/// A report from the form of a page.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ReportInForm {
    form: String,
    target: String,
    #[serde(default)]
    call: String,
    reason: String,
    #[serde(default)]
    operator: String,
    #[serde(flatten)]
    report: ReportForm,
}

// === impl Why ===

impl Why {
    /// What the body of a program's request ought to be.
    pub(super) const WANTED: &str =
        "内容应为 JSON，含 reason 和 operator / the body is not JSON with reason and operator";

    /// Who acts, as timelines name operators, and why.
    pub(super) fn signed(&self, account: &Account) -> Result<(String, String), Refusal> {
        signed(account, &self.operator, &self.reason)
    }
}

/// `POST /api/v1/callouts/{id}/answers`
pub(super) async fn api(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    said: Result<Json<Said>, JsonRejection>,
) -> Result<Response, Refusal> {
    let said =
        json(said, "内容不是含 call、answer、reason 的 JSON / the body is not JSON with call, answer and reason")?;
    Ok(told(vouch(&inside, &account, id.into(), said).await?))
}

/// The form of a target's page.
pub(super) async fn form(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
    form: Result<Form<SaidInForm>, FormRejection>,
) -> Response {
    let form = match sent(&account, form, |form| &form.form) {
        Ok(form) => form,
        Err(refusal) => return refusal.page(lang),
    };
    let Fields { call, answer, reason, operator } = form.said;
    let Ok(call) = call.parse() else {
        return Refusal::Unprocessable("call 不是数字 / call is not a number").page(lang);
    };
    let done = vouch(&inside, &account, id.clone().into(), Said { call, answer, reason, operator }).await;
    back(&id, form.target, done, lang)
}

/// `POST /api/v1/callouts/{id}/actions`
pub(super) async fn report_api(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    body: Result<Json<serde_json::Value>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = json(body, "内容不是 JSON / the body is not JSON")?;
    let (text, field) = (body["action"].to_string(), |name: &str| body[name].as_str().unwrap_or_default().to_owned());
    let (call, reason, operator) = (body["call"].as_u64().map(|c| c as CallIx), field("reason"), field("operator"));
    let read = ReportBody::read(body);
    if matches!(&read, Err(Refusal::Field(at, ..)) if at.starts_with("action.")) {
        keep(&inside, &account, id.as_str().into(), call, text, (&reason, &operator)).await?;
    }
    Ok(told(report(&inside, &account, id.into(), read?).await?))
}

/// The form of a target's page for reports from the ground.
pub(super) async fn report_form(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
    form: Result<Form<ReportInForm>, FormRejection>,
) -> Response {
    let form = match sent(&account, form, |form| &form.form) {
        Ok(form) => form,
        Err(refusal) => return refusal.page(lang),
    };
    let (Ok(target), Ok(call)) = (form.target.parse(), parse_call(&form.call)) else {
        return Refusal::Unprocessable("call 或 target 不是数字 / call or target is not a number").page(lang);
    };
    let written = async {
        let callout = inside.board.callout(&id.as_str().into()).await?;
        let (reason, operator) = (form.reason, form.operator);
        let read = form.report.read(&callout);
        if matches!(read, Err(Refusal::Field(..))) {
            let typed = form.report.typed();
            keep(&inside, &account, id.as_str().into(), call, typed, (&reason, &operator)).await?;
        }
        let (action, shelter) = read?;
        let body = ReportBody { call, targets: vec![target], action, shelter, reason, operator };
        report(&inside, &account, id.as_str().into(), body).await
    };
    let done = written.await;
    back(&id, target, done, lang)
}

fn parse_call(text: &str) -> Result<Option<CallIx>, std::num::ParseIntError> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some) }
}

/// What became of an act, for a program.
fn told(kept: Kept) -> Response {
    let body = match kept {
        None => serde_json::json!({ "recorded": true, "counts": true }),
        Some(reason) => {
            let text = format!("{} / {}", why(Lang::Zh, reason), why(Lang::En, reason));
            serde_json::json!({ "recorded": true, "counts": false, "reason": reason.name(), "text": text })
        }
    };
    Json(body).into_response()
}

/// Back to the page of the target, which says what became of the act.
fn back(id: &str, target: TargetIx, done: Result<Kept, Refusal>, lang: Lang) -> Response {
    match done {
        Ok(None) => Redirect::to(&format!("/callouts/{id}/targets/{target}?done=1")).into_response(),
        Ok(Some(reason)) => {
            Redirect::to(&format!("/callouts/{id}/targets/{target}?noted={}", reason.name())).into_response()
        }
        Err(refusal) => refusal.page(lang),
    }
}

async fn vouch(inside: &Inside, account: &Account, id: CalloutId, said: Said) -> Result<Kept, Refusal> {
    let (operator, reason) = signed(account, &said.operator, &said.reason)?;
    let callout = inside.board.callout(&id).await?;
    if !callout.is_open() {
        return Err(Refusal::Conflict("叫应已结束 / the callout is over"));
    }
    if callout.calls.get(said.call as usize).is_none_or(|c| c.purpose != Purpose::CallOut) {
        return Err(Refusal::NotFound);
    }
    let (call, deed) = (Some(said.call), Deed::Answer(said.answer));
    record(inside, Vouched { callout: id, call, deed, operator, reason }).await
}

/// A report of what is over is kept too: the engine notes it.
async fn report(inside: &Inside, account: &Account, id: CalloutId, body: ReportBody) -> Result<Kept, Refusal> {
    let (operator, reason) = signed(account, &body.operator, &body.reason)?;
    let callout = inside.board.callout(&id).await?;
    fits(&callout, body.call, &body.targets)?;
    let deed = Deed::Action { action: body.action, targets: body.targets, shelter: body.shelter };
    record(inside, Vouched { callout: id, call: body.call, deed, operator, reason }).await
}

/// Keeps a report that is refused for its figures: somebody reported something.
async fn keep(
    inside: &Inside,
    account: &Account,
    id: CalloutId,
    call: Option<CallIx>,
    written: String,
    (reason, operator): (&str, &str),
) -> Result<(), Refusal> {
    let (operator, reason) = signed(account, operator, reason)?;
    let callout = inside.board.callout(&id).await?;
    let call = call.filter(|c| (*c as usize) < callout.calls.len());
    record(inside, Vouched { callout: id, call, deed: Deed::BadFigure(written), operator, reason }).await.map(drop)
}

async fn record(inside: &Inside, vouched: Vouched) -> Result<Kept, Refusal> {
    inside.board.acts.vouch(vouched).await.map_err(|error| {
        tracing::warn!(%error, "an act of an operator was not taken");
        Refusal::Unavailable
    })
}

/// The body of a program's request; `wanted` tells what it ought to be.
pub(super) fn json<T>(body: Result<Json<T>, JsonRejection>, wanted: &'static str) -> Result<T, Refusal> {
    body.map(|Json(body)| body).map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::Unprocessable(wanted),
    })
}

/// The form of a page that this account was shown: `token` is what the page gave it.
pub(super) fn sent<T>(
    account: &Account,
    form: Result<Form<T>, FormRejection>,
    token: impl Fn(&T) -> &str,
) -> Result<T, Refusal> {
    let Form(form) = form?;
    account.sent(token(&form))?;
    Ok(form)
}

/// Who acts, as timelines name operators, and why.
pub(super) fn signed(account: &Account, by: &str, why: &str) -> Result<(String, String), Refusal> {
    Ok((operator(account, by)?, reason(why)?))
}

pub(super) fn reason(text: &str) -> Result<String, Refusal> {
    let reason = text.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(Refusal::Unprocessable(
            "必须填写理由，最多 500 字 / reason must be given, in at most 500 characters",
        ));
    }
    Ok(reason.to_owned())
}

/// Under whose name it is recorded. A token may be a room's: the typed name says who of them it was.
pub(super) fn operator(account: &Account, typed: &str) -> Result<String, Refusal> {
    let typed = typed.trim();
    if typed.chars().count() > NAME_CHARS_MAX || typed.contains(char::is_control) {
        return Err(Refusal::Unprocessable("经办人最多 40 个普通字符 / operator must be at most 40 plain characters"));
    }
    Ok(match (typed, account.name.as_str()) {
        ("", LOCAL_ACCOUNT) => {
            return Err(Refusal::Unprocessable("未登录，必须填写经办人 / operator must be given: nobody is signed in"));
        }
        ("", name) => name.to_owned(),
        (typed, LOCAL_ACCOUNT) => typed.to_owned(),
        (typed, name) => format!("{typed}@{name}"),
    })
}
