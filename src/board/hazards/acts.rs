//! Reports by programs, and the acts of duty officers on reports.

use super::line::json_of;
use crate::board::acts::{operator, signed};
use crate::board::auth::{Account, Inside};
use crate::board::refusal::Refusal;
use crate::board::retract::OVER;
use crate::board::shell::Speaks;
use crate::board::text::Lang;
use crate::intake::Unavailable;
use crate::intake::reports::{
    Acted, Actor, Incoming, Report, ReportChannel, ReportDesk, Shown, Standing, Taken, WarningDraft,
};
use crate::model::{Finding, Point, ReportId};
use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Extension, Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// A report as a program posts it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::board) struct ReportBody {
    words: String,
    place: Option<String>,
    hazard: Option<String>,
    position: Option<[f64; 2]>,
    /// The telephone number of the person who reports.
    from: Option<String>,
    #[serde(default)]
    drill: bool,
}

/// A warning to be made of a report.
#[derive(Deserialize)]
pub(in crate::board) struct AcceptBody {
    #[serde(default)]
    form: String,
    #[serde(default)]
    hazard: String,
    #[serde(default)]
    colour: String,
    #[serde(default)]
    codes: String,
    #[serde(default)]
    headline: String,
    #[serde(default)]
    instruction: String,
    #[serde(default)]
    operator: String,
}

/// Why a report is dismissed, or its warning ended.
#[derive(Deserialize)]
pub(in crate::board) struct ReasonBody {
    #[serde(default)]
    form: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    operator: String,
}

/// What a reason is given for.
#[derive(Clone, Copy)]
enum Closing {
    /// There was no hazard.
    Dismiss,
    /// The hazard was real and is over.
    End,
}

fn desk(inside: &Inside) -> Result<&Arc<ReportDesk>, Refusal> {
    inside.board.reports.as_ref().ok_or(Refusal::Unavailable)
}

fn unavailable(error: Unavailable) -> Refusal {
    tracing::warn!(%error, "a report could not be worked on");
    Refusal::Unavailable
}

fn json_body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Refusal> {
    body.map(|Json(body)| body).map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => {
            let reason = rejection.body_text();
            Refusal::Field("body".into(), format!("不是所要的 JSON（{reason}）"), reason)
        }
    })
}

/// `POST /api/v1/reports`: 202 for a report, 422 for what is parked; both mean durable.
pub(in crate::board) async fn post(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    body: Result<Json<ReportBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let body = json_body(body)?;
    let incoming = Incoming {
        number: body.from,
        account: Some(account.name),
        words: body.words,
        place: body.place,
        hazard: body.hazard,
        position: body.position.map(|[lat, lon]| Point { lat, lon }),
        drill: body.drill,
        ..Incoming::default()
    };
    let desk = desk(&inside)?;
    Ok(match desk.take(ReportChannel::Api, incoming).await.map_err(unavailable)? {
        Taken::Recorded { id, repeated } => {
            let mut value = desk.shown(&id).map_or_else(|| json!({ "id": id }), |shown| json_of(&shown));
            value["repeated"] = json!(repeated);
            (StatusCode::ACCEPTED, Json(value)).into_response()
        }
        Taken::Refused { findings, parked } => {
            let body = json!({ "error": said(&findings), "findings": findings, "parked": parked });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
        }
    })
}

/// Every fault, Chinese before English.
fn said(findings: &[Finding]) -> String {
    let zh: Vec<String> = findings.iter().map(|f| format!("{}：{}", f.place, f.reason_zh())).collect();
    let en: Vec<String> = findings.iter().map(ToString::to_string).collect();
    format!("{} / {}", zh.join("；"), en.join("; "))
}

/// `GET /api/v1/reports`: all, newest first, and those that do not verify.
pub(in crate::board) async fn list_api(State(inside): State<Arc<Inside>>) -> Result<Json<Value>, Refusal> {
    let desk = desk(&inside)?;
    desk.loaded().map_err(unavailable)?;
    let damaged: Vec<_> = desk.damaged().iter().map(|(id, reason)| json!({ "id": id, "reason": reason })).collect();
    let reports: Vec<_> = desk.all().iter().map(|shown| json_of(shown)).collect();
    Ok(Json(json!({ "reports": reports, "unverified": damaged })))
}

/// `GET /api/v1/reports/{id}`
pub(in crate::board) async fn one_api(
    State(inside): State<Arc<Inside>>,
    Path(id): Path<ReportId>,
) -> Result<Json<Value>, Refusal> {
    desk(&inside)?.shown(&id).map(|shown| Json(json_of(&shown))).ok_or(Refusal::NotFound)
}

/// A program that decides on a report.
pub(in crate::board) type ByProgram = (State<Arc<Inside>>, Extension<Account>, Path<ReportId>);
/// A duty officer on the page of a report.
pub(in crate::board) type OnPage = (State<Arc<Inside>>, Extension<Account>, Speaks, Path<ReportId>);

/// `POST /api/v1/reports/{id}/accept`
pub(in crate::board) async fn accept_api(
    (State(inside), Extension(account), Path(id)): ByProgram,
    body: Result<Json<AcceptBody>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(json_of(&*accept(&inside, &account, &id, json_body(body)?).await?)))
}

/// `POST /api/v1/reports/{id}/dismiss`
pub(in crate::board) async fn dismiss_api(
    by: ByProgram,
    body: Result<Json<ReasonBody>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    close_by(by, body, Closing::Dismiss).await
}

/// `POST /api/v1/reports/{id}/end`
pub(in crate::board) async fn end_api(
    by: ByProgram,
    body: Result<Json<ReasonBody>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    close_by(by, body, Closing::End).await
}

async fn close_by(
    (State(inside), Extension(account), Path(id)): ByProgram,
    body: Result<Json<ReasonBody>, JsonRejection>,
    closing: Closing,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(json_of(&*close(&inside, &account, &id, closing, json_body(body)?).await?)))
}

/// The form that makes a report a warning.
pub(in crate::board) async fn accept_form(
    (State(inside), Extension(account), Speaks(lang), Path(id)): OnPage,
    form: Result<Form<AcceptBody>, FormRejection>,
) -> Response {
    let done = async {
        let Form(body) = form?;
        account.sent(&body.form)?;
        accept(&inside, &account, &id, body).await
    };
    back(lang, &id, done.await)
}

/// The form that dismisses a report.
pub(in crate::board) async fn dismiss_form(on: OnPage, form: Result<Form<ReasonBody>, FormRejection>) -> Response {
    close_on(on, form, Closing::Dismiss).await
}

/// The form that ends a report's warning.
pub(in crate::board) async fn end_form(on: OnPage, form: Result<Form<ReasonBody>, FormRejection>) -> Response {
    close_on(on, form, Closing::End).await
}

async fn close_on(
    (State(inside), Extension(account), Speaks(lang), Path(id)): OnPage,
    form: Result<Form<ReasonBody>, FormRejection>,
    closing: Closing,
) -> Response {
    let done = async {
        let Form(body) = form?;
        account.sent(&body.form)?;
        close(&inside, &account, &id, closing, body).await
    };
    back(lang, &id, done.await)
}

fn back(lang: Lang, id: &ReportId, done: Result<Arc<Shown>, Refusal>) -> Response {
    match done {
        Ok(_) => Redirect::to(&format!("/reports/{id}?done=1")).into_response(),
        Err(refusal) => refusal.page(lang),
    }
}

async fn accept(inside: &Inside, account: &Account, id: &ReportId, body: AcceptBody) -> Result<Arc<Shown>, Refusal> {
    let by = Actor::Operator(operator(account, &body.operator)?);
    let AcceptBody { hazard, colour, codes, headline, instruction, .. } = body;
    let draft = WarningDraft { hazard, colour, codes, headline, instruction };
    acted(id, desk(inside)?.accept(id, by, &draft).await)
}

async fn close(
    inside: &Inside,
    account: &Account,
    id: &ReportId,
    closing: Closing,
    body: ReasonBody,
) -> Result<Arc<Shown>, Refusal> {
    let (by, reason) = signed(account, &body.operator, &body.reason)?;
    let (desk, by) = (desk(inside)?, Actor::Operator(by));
    let done = match closing {
        Closing::Dismiss => desk.dismiss(id, by, &reason).await,
        Closing::End => desk.end(id, by, &reason).await,
    };
    acted(id, done)
}

fn acted(id: &ReportId, acted: Result<Acted, Unavailable>) -> Result<Arc<Shown>, Refusal> {
    match acted.map_err(unavailable)? {
        Acted::Done(shown) => Ok(shown),
        Acted::Unknown => Err(Refusal::NotFound),
        Acted::Decided(shown) => Err(Refusal::Decided(decided(id, &shown.report))),
        Acted::Over => Err(Refusal::Conflict(OVER)),
        Acted::Faults(faults) => {
            let first = faults.first().ok_or(Refusal::Unavailable)?;
            Err(Refusal::Field(first.place.clone(), first.reason_zh(), first.reason.clone()))
        }
    }
}

/// How a report stands, for whoever wants what that does not allow.
fn decided(id: &ReportId, report: &Report) -> String {
    let (zh, en) = match report.standing {
        Standing::Open => {
            return format!(
                "报告 {id} 尚未受理，没有可解除的预警 / report {id} is not accepted: it has no warning to end"
            );
        }
        Standing::Accepted => ("受理，预警正在发布", "accepted, and its warning is being posted"),
        Standing::Raised { .. } => ("受理", "accepted"),
        Standing::Dismissed => ("排除", "dismissed"),
        Standing::Ending { .. } | Standing::Ended { .. } => ("解除", "ended"),
    };
    let ended = report.ended.as_ref().map(|(_, at, by)| (at, by));
    let by = ended.or_else(|| report.decided.as_ref().map(|(at, by)| (at, by)));
    let (at, by) = by.map_or_else(Default::default, |(at, by)| (at.iso(), by.to_string()));
    format!("报告 {id} 已由 {by} 于 {at} {zh} / report {id} was {en} by {by} at {at}")
}
