//! The gateways: how each stands, what its word is worth, and its lock.

use super::acts::{Why, json as body, sent};
use super::auth::{Account, Inside};
use super::refusal::Refusal;
use super::shell::{Shell, Speaks};
use super::text::Lang;
use super::view::{channel, day, rendered};
use crate::dispatch::{BreakerState, GatewayStanding};
use crate::model::{GatewayId, Timestamp};
use crate::runtime::LockAct;
use askama::Template;
use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "gateways.html", config = ".askama.toml")]
struct GatewaysHtml {
    s: Shell,
    rows: Vec<Row>,
    form_token: String,
}

/// A gateway as the page shows it.
struct Row {
    id: String,
    drill: bool,
    channels: String,
    /// `good`, `miss` or `bad`, with the words for it.
    state: (&'static str, String),
    /// More that ought to be known.
    notes: Vec<String>,
    priority: u32,
    weight: String,
    load: String,
    truth: Vec<String>,
    canary: Option<(bool, String)>,
    fault: String,
    lock: Option<String>,
}

/// An operator's act on a gateway, from the page.
#[derive(Deserialize)]
pub(super) struct LockForm {
    #[serde(flatten)]
    why: Why,
    form: String,
    /// `lock` or `unlock`.
    act: String,
}

/// `GET /gateways`
pub(super) async fn page(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
) -> Response {
    let conditions = conditions(&inside);
    let rows = inside.board.gallery.gateways().iter().map(|g| row(lang, g, &conditions)).collect();
    let s = Shell::new(&inside, &account, lang);
    Html(rendered(&GatewaysHtml { s, rows, form_token: account.form_token.clone() })).into_response()
}

/// `GET /api/v1/gateways`
pub(super) async fn list(State(inside): State<Arc<Inside>>) -> Json<Value> {
    let conditions = conditions(&inside);
    let all: Vec<_> = inside.board.gallery.gateways().iter().map(|g| object(g, &conditions)).collect();
    Json(json!({ "gateways": all }))
}

/// `POST /api/v1/gateways/{id}/lock`
pub(super) async fn lock(
    inside: State<Arc<Inside>>,
    account: Extension<Account>,
    id: Path<String>,
    why: Result<Json<Why>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    by_program(inside, account, id, why, true).await
}

/// `POST /api/v1/gateways/{id}/unlock`
pub(super) async fn unlock(
    inside: State<Arc<Inside>>,
    account: Extension<Account>,
    id: Path<String>,
    why: Result<Json<Why>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    by_program(inside, account, id, why, false).await
}

async fn by_program(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    why: Result<Json<Why>, JsonRejection>,
    locked: bool,
) -> Result<Json<Value>, Refusal> {
    let why = body(why, Why::WANTED)?;
    act(&inside, &account, id, &why, locked).await?;
    Ok(Json(json!({ "recorded": true, "locked": locked })))
}

/// The form of the page.
pub(super) async fn form(
    State(inside): State<Arc<Inside>>,
    Extension(account): Extension<Account>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
    form: Result<Form<LockForm>, FormRejection>,
) -> Response {
    let done = async {
        let LockForm { why, act: what, .. } = sent(&account, form, |form| &form.form)?;
        act(&inside, &account, id, &why, what == "lock").await
    };
    match done.await {
        Ok(()) => Redirect::to("/gateways").into_response(),
        Err(refusal) => refusal.page(lang),
    }
}

async fn act(inside: &Inside, account: &Account, id: String, why: &Why, locked: bool) -> Result<(), Refusal> {
    let (by, reason) = why.signed(account)?;
    match inside.board.acts.lock_gateway(GatewayId::from(id), LockAct { locked, by, reason }).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::NotFound),
        Err(error) => {
            tracing::warn!(%error, "a lock was not taken");
            Err(Refusal::Unavailable)
        }
    }
}

/// How each gateway says that it stands: of the health's parts, those of gateways.
fn conditions(inside: &Inside) -> BTreeMap<String, (bool, String)> {
    let parts = inside.board.acts.health().parts.into_iter();
    parts.filter_map(|p| Some((p.name.strip_prefix("gateway/")?.to_owned(), (p.well, p.detail)))).collect()
}

fn row(lang: Lang, g: &GatewayStanding, conditions: &BTreeMap<String, (bool, String)>) -> Row {
    let condition = conditions.get(g.id.as_str()).filter(|(well, _)| !well);
    let bad = |zh: &str, en: &str| ("bad", format!("▲ {}", lang.pick(zh, en)));
    let since = g.breaker.since().map(day).unwrap_or_default();
    let state = match g.breaker {
        _ if g.lock.is_some() => ("miss", format!("◼ {}", lang.pick("人工锁定，不用", "locked by hand"))),
        BreakerState::Open { .. } => bad(&format!("不通，始于 {since}"), &format!("does not work since {since}")),
        BreakerState::Probing { .. } => {
            bad(&format!("试探中，不通始于 {since}"), &format!("being tried, down since {since}"))
        }
        BreakerState::Closed if !g.silent.is_empty() => {
            bad("只接收，无回音", "takes attempts and tells nothing of them")
        }
        BreakerState::Closed if g.canary.as_ref().is_some_and(|c| !c.well) => bad("自检失败", "its canary fails"),
        BreakerState::Closed if g.is_well() && condition.is_some() => bad("未连通", "not connected"),
        BreakerState::Closed if g.doubtful => {
            ("miss", format!("○ {}", lang.pick("送达存疑", "“delivered” is doubtful")))
        }
        BreakerState::Closed => ("good", format!("✓ {}", lang.pick("正常", "works"))),
    };
    let notes = condition.map(|(_, detail)| detail.clone()).into_iter().collect();
    let load = format!("{}/{} · {}", g.in_flight.0, g.in_flight.1, g.waiting);
    let pace = g.paces.iter().map(|(c, per_s)| format!("{} {per_s:.1}/s", channel(lang, *c))).collect::<Vec<_>>();
    let truth = |(c, carrier, t): &(_, Option<String>, crate::dispatch::Tally)| {
        let carrier = carrier.as_deref().unwrap_or(lang.pick("其他号码", "other numbers"));
        let share = t.percent().map_or_else(|| "—".to_owned(), |p| format!("{p} %"));
        format!("{} {carrier}：{share}（{}/{}，✗{}）", channel(lang, *c), t.answered, t.delivered, t.failed)
    };
    let (weight, percent) = g.weight;
    Row {
        id: g.id.to_string(),
        drill: g.drill,
        channels: g.channels.iter().map(|c| channel(lang, *c)).collect::<Vec<_>>().join(" "),
        state,
        notes,
        priority: g.priority,
        weight: if percent == 100 { weight.to_string() } else { format!("{weight} × {percent} %") },
        load: format!("{load} · {}", pace.join(" ")),
        truth: g.truth.iter().map(truth).collect(),
        canary: g.canary.as_ref().map(|c| (c.well, format!("{} {}", day(c.at), c.detail))),
        fault: g.fault.as_ref().map(|(at, detail)| format!("{} {detail}", day(*at))).unwrap_or_default(),
        lock: g.lock.as_ref().map(|l| format!("{} {}：{}", day(l.at), l.by, l.reason)),
    }
}

fn object(g: &GatewayStanding, conditions: &BTreeMap<String, (bool, String)>) -> Value {
    let iso = |at: Timestamp| at.iso();
    let condition = conditions.get(g.id.as_str());
    let truth = |(channel, carrier, t): &(crate::model::Channel, Option<String>, crate::dispatch::Tally)| {
        json!({ "channel": channel, "carrier": carrier, "delivered": t.delivered, "answered": t.answered,
            "failed": t.failed, "percent": t.percent() })
    };
    json!({
        "id": g.id, "drill": g.drill, "channels": g.channels, "priority": g.priority,
        "weight": g.weight.0, "weight_percent": g.weight.1,
        "well": g.is_well() && condition.is_none_or(|(well, _)| *well),
        "detail": condition.map(|(_, detail)| detail),
        "breaker": g.breaker.name(), "down_since": g.breaker.since().map(iso),
        "silent": g.silent, "doubtful": g.doubtful,
        "lock": g.lock.as_ref().map(|l| json!({ "by": l.by, "reason": l.reason, "at": iso(l.at) })),
        "canary": g.canary.as_ref().map(|c| json!({ "well": c.well, "detail": c.detail, "at": iso(c.at) })),
        "fault": g.fault.as_ref().map(|(at, detail)| json!({ "at": iso(*at), "detail": detail })),
        "in_flight": g.in_flight.0, "window": g.in_flight.1, "lines_used": g.lines.0, "lines": g.lines.1,
        "waiting": g.waiting,
        "per_s": g.paces.iter().map(|(c, per_s)| (c.name(), *per_s)).collect::<BTreeMap<_, _>>(),
        "truth": g.truth.iter().map(truth).collect::<Vec<_>>(),
    })
}
