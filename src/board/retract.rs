//! A false alarm taken back: one act for all callouts of a warning.

use super::acts::{Why, json, sent};
use super::auth::{Account, Inside};
use super::refusal::Refusal;
use super::shell::Speaks;
use crate::intake::{Receipt, Retracted, Retraction};
use crate::model::WarningId;
use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Extension, Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::sync::Arc;

/// Why a warning that is over cannot be ended.
pub(super) const OVER: &str = "该预警此前已解除或撤回 / the warning was cancelled or retracted before";

/// What an operator says on the page.
#[derive(Deserialize)]
pub(super) struct RetractForm {
    #[serde(flatten)]
    why: Why,
    form: String,
}

/// `POST /api/v1/warnings/{id}/retract`
pub(super) async fn api(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    why: Result<Json<Why>, JsonRejection>,
) -> Result<Response, Refusal> {
    let why = json(why, Why::WANTED)?;
    let receipt = retract(&inside, &account, id.into(), &why).await?;
    Ok((StatusCode::ACCEPTED, Json(receipt)).into_response())
}

/// The form of a callout's page.
pub(super) async fn form(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
    form: Result<Form<RetractForm>, FormRejection>,
) -> Response {
    let done = async {
        let RetractForm { why, .. } = sent(&account, form, |form| &form.form)?;
        let callout = inside.board.callout(&id.as_str().into()).await?;
        let warning = callout.head.as_ref().map(|h| h.warning.clone()).ok_or(Refusal::NotFound)?;
        retract(&inside, &account, warning, &why).await
    };
    match done.await {
        Ok(_) => Redirect::to(&format!("/callouts/{id}")).into_response(),
        Err(refusal) => refusal.page(lang),
    }
}

async fn retract(inside: &Inside, account: &Account, warning: WarningId, why: &Why) -> Result<Receipt, Refusal> {
    let (operator, reason) = why.signed(account)?;
    let desk = inside.board.desk.as_ref().ok_or(Refusal::Unavailable)?;
    match desk.retract(Retraction { warning, operator, reason }).await {
        Ok(Retracted::Done(receipt)) => Ok(*receipt),
        Ok(Retracted::Unknown) => Err(Refusal::NotFound),
        Ok(Retracted::NotActual) => Err(Refusal::Conflict(
            "报文性质不是实际发布，未叫过任何人 / the warning is for no actual event: nobody was called",
        )),
        Ok(Retracted::Over) => Err(Refusal::Conflict(OVER)),
        Err(error) => {
            tracing::warn!(%error, "a retraction was not taken");
            Err(Refusal::Unavailable)
        }
    }
}
