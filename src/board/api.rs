//! Callouts as JSON.

use super::auth::Inside;
use super::refusal::Refusal;
use crate::directory::Directory;
use crate::evidence::{TierStanding, moved, retraction, summary, tiers};
use crate::model::{Callout, Timestamp};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /api/v1/callouts`: those that are open or closed a short while ago, and those whose timeline does
/// not verify, which nobody works on.
pub(super) async fn callouts(State(inside): State<Arc<Inside>>) -> Json<Value> {
    let callouts = inside.board.gallery.all();
    let distrusted = inside.board.gallery.distrusted();
    let unverified: Vec<_> = distrusted.iter().map(|(id, reason)| json!({ "id": id, "reason": reason })).collect();
    Json(
        json!({ "callouts": callouts.iter().filter_map(|c| card(&inside, c)).collect::<Vec<_>>(), "unverified": unverified }),
    )
}

/// `GET /api/v1/callouts/{id}`: one, with its response figures.
pub(super) async fn callout(State(inside): State<Arc<Inside>>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let callout = inside.board.callout(&id.into()).await?;
    let mut value = card(&inside, &callout).ok_or(Refusal::NotFound)?;
    value["summary"] = json!(summary(&callout));
    value["gap_list"] = json!(callout.gaps);
    value["tiers"] = json!(tiers(&callout).iter().map(tier).collect::<Vec<_>>());
    let moved = moved(&callout);
    value["moved"] = json!(moved.all);
    value["moved_by_region"] = json!(moved.regions);
    if let Some(told) = unconfirmed(&callout, &inside.board.directory()) {
        value["retraction"] = told;
    }
    Ok(Json(value))
}

/// A tier, with its times as texts.
fn tier(tier: &TierStanding) -> Value {
    let iso = |at: Option<Timestamp>| at.map(|at| at.iso());
    let mut value = json!(tier);
    value["due"] = json!(iso(tier.due));
    value["opened_at"] = json!(iso(tier.opened_at));
    for (ix, clock) in tier.clocks.iter().enumerate() {
        value["clocks"][ix]["due"] = json!(iso(clock.due));
        value["clocks"][ix]["met_at"] = json!(iso(clock.met_at));
    }
    value
}

/// Who has not confirmed the retraction of a false alarm.
fn unconfirmed(callout: &Callout, directory: &Directory) -> Option<Value> {
    let r = retraction(callout)?;
    let who = |call: &u32| {
        let person = &callout.people[callout.calls[*call as usize].person as usize];
        json!({ "call": call, "person": person, "name": directory.person(person).map(|p| &p.name) })
    };
    let list: Vec<_> = r.unconfirmed.iter().map(who).collect();
    Some(json!({ "told": r.told, "confirmed": r.confirmed, "sounded": r.sounded, "unconfirmed": list }))
}

fn card(inside: &Inside, callout: &Callout) -> Option<Value> {
    let head = callout.head.as_ref()?;
    Some(json!({
        "id": callout.id,
        "warning": head.warning,
        "region": head.region,
        "place": head.place,
        "status": head.status,
        "drill": callout.is_drill(),
        "hazard": head.hazard,
        "colour": head.colour,
        "headline": head.words.headline,
        "opened_at": head.opened_at.iso(),
        "expires": head.expires.iso(),
        "closed": callout.closed,
        "plan": head.plan.name,
        "totals": callout.totals(),
        "gaps": callout.gaps.len(),
        "raised": callout.raised,
        "raised_from": callout.raised_from(),
        "next_due": callout.next_due().map(|at| at.iso()),
        "events": callout.seq,
        "forecast": inside.board.gallery.forecast(&callout.id).map(|f| f.json()),
    }))
}
