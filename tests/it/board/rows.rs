//! Rows, cards and banners: that what stands on the board is what the timeline says, and the whole of it.

use super::world::{START, World, ask, get};
use super::{SMALL, small};
use axum::http::StatusCode;
use futures::future::BoxFuture;
use jiaoying::engine;
use jiaoying::evidence::events;
use jiaoying::journal::{Batch, CalloutRow, Group, Journal, MemoryJournal, Record};
use jiaoying::model::*;
use jiaoying::plan;
use jiaoying::runtime::{self, CellSettings, EngineHandle, EngineParts, Gallery};
use jiaoying::sim::built_in_plans;
use jiaoying::telemetry::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The row of a target on the callout's page.
fn row<'a>(world: &World, page: &'a str, target: usize) -> &'a str {
    let ground = page.split("class=\"ground\"").nth(1).unwrap();
    let from = ground.split(&format!("href=\"/callouts/{}/targets/{target}\"", world.id())).nth(1).unwrap();
    from.split("</a>").next().unwrap()
}

fn clock(at: Timestamp) -> String {
    at.to_cst().format("%H:%M:%S").to_string()
}

/// A target in its first step whose one person has been sent a message and rings.
fn tried_twice(world: &World) -> Option<(usize, Vec<AttemptIx>)> {
    world.callout.targets.iter().enumerate().find_map(|(ix, target)| {
        let call = &world.callout.calls[*target.calls.first()? as usize];
        let named = |a: &&AttemptIx| world.callout.attempts[**a as usize].targets.contains(&(ix as TargetIx));
        let named: Vec<AttemptIx> = call.attempts.iter().filter(named).copied().collect();
        let [one, other] = [named.first()?, named.get(1)?].map(|a| &world.callout.attempts[*a as usize]);
        let first = matches!(target.phase, Phase::Calling { step: 0, .. }) && named.len() == 2;
        (first && one.channel != other.channel && other.stage > Stage::Released).then_some((ix, named))
    })
}

#[tokio::test]
async fn a_row_names_every_channel_with_the_time_of_the_stage_it_shows() {
    let mut world = World::new(SMALL);
    let (target, attempts) = loop {
        world.run(2);
        assert!(world.now < START.plus_ms(600_000), "no target is tried on two channels");
        if let Some(found) = tried_twice(&world) {
            break found;
        }
    };
    let page = ask(&world.open(), get(&format!("/callouts/{}", world.id()))).await;
    let row = row(&world, page.text(), target);
    let timeline = events(world.journal.as_ref(), &world.id()).await.unwrap();
    for attempt in attempts {
        let a = &world.callout.attempts[attempt as usize];
        assert!(row.contains(a.channel.zh()), "{:?} is missing in {row}", a.channel);
        let shown = timeline.iter().find_map(|n| match &n.entry.1 {
            Event::AttemptReported { attempt: of, fact: Fact::Reached { stage, .. }, .. } => {
                (*of == attempt && *stage == a.stage).then_some(n.entry.0)
            }
            _ => None,
        });
        assert!(row.contains(&clock(shown.unwrap())), "{:?} at {} in {row}", a.stage, clock(shown.unwrap()));
    }
}

#[tokio::test]
async fn the_next_step_is_one_that_somebody_fills() {
    let mut world = World::with(SMALL, |draft| draft.postings.retain(|p| p.post == "grid" && p.rank == 1), |_| {});
    world.run(10);
    let page = ask(&world.open(), get(&format!("/callouts/{}", world.id()))).await;
    let calling = |t: &TargetState| matches!(t.phase, Phase::Calling { .. });
    let target = world.callout.targets.iter().position(calling).unwrap();
    assert!(row(&world, page.text(), target).contains("再无下一级"), "{}", row(&world, page.text(), target));

    let mut world = World::with(SMALL, |draft| draft.postings.retain(|p| p.rank == 1 && p.post != "village"), |_| {});
    world.run(10);
    let page = ask(&world.open(), get(&format!("/callouts/{}", world.id()))).await;
    let target = world.callout.targets.iter().position(calling).unwrap();
    let next = row(&world, page.text(), target);
    assert!(next.contains("下一级 乡镇值班"), "neither deputies nor village heads are there: {next}");
}

#[tokio::test]
async fn ground_where_all_steps_passed_counts_down_to_no_answer() {
    let mut world = World::with(SMALL, |draft| draft.postings.clear(), |_| {});
    world.run(10);
    assert!(world.callout.targets.iter().all(|t| matches!(t.phase, Phase::Exhausted { .. })));
    assert!(world.callout.clocks.iter().any(|c| c.state == ClockState::Running));
    for path in ["/".to_owned(), format!("/callouts/{}", world.id())] {
        let page = ask(&world.open(), get(&path)).await;
        assert!(!page.text().contains("data-due"), "{path}");
    }
    let page = ask(&world.open(), get(&format!("/callouts/{}", world.id()))).await;
    assert!(page.text().contains("▲ 已告警"), "they are still counted");
}

#[tokio::test]
async fn a_callout_above_the_county_says_from_where_it_was_raised() {
    let world = small();
    let head = world.callout.head.as_ref().unwrap();
    let parent = head.region.parent().unwrap();
    let raise = plan::raise(&world.directory, &built_in_plans().unwrap(), head, &parent, 3, 1, START);
    let mut above = Callout::new(CalloutId::of(&parent, &head.warning));
    engine::decide(&mut above, &Command::Raise(Box::new(raise)), START);
    let id = above.id.clone();
    world.gallery.show(above);
    let from = format!("下级上报： <b>{}</b>", head.place);
    for path in ["/".to_owned(), format!("/callouts/{id}")] {
        let page = ask(&world.open(), get(&path)).await;
        assert_eq!(page.text().matches(&from).count(), 1, "{path}");
    }
    let list = ask(&world.open(), get("/api/v1/callouts")).await;
    assert!(list.text().contains(r#""raised_from":["533324"]"#), "{}", list.text());
}

/// A store whose one open callout was altered behind the engine's back.
async fn bent_store(world: &World) -> Arc<MemoryJournal> {
    let journal = Arc::new(MemoryJournal::default());
    let mut records: Vec<Record> = world.journal.read(world.id().stream(), 0, 10_000).await.unwrap();
    records[1].prev = Digest::default();
    let head = world.callout.head.as_ref().unwrap();
    let row = CalloutRow {
        stream: world.id().stream(),
        warning: head.warning.to_string(),
        region: head.region.to_string(),
        colour: head.colour,
        opened_at: head.opened_at,
        closed_at: None,
    };
    let group = Group { records, callouts: vec![row], ..Group::default() };
    journal.commit(Batch { lease: None, groups: vec![group] }).await.unwrap()[0].unwrap();
    journal
}

#[tokio::test]
async fn a_timeline_that_does_not_verify_stands_above_everything_else() {
    let world = small();
    let gallery = Arc::<Gallery>::default();
    let settings = CellSettings {
        name: "province".into(),
        flush_events_max: 100,
        first_targets: 50,
        words: runtime::ReplyWords {
            yes: Vec::new(),
            cannot: Vec::new(),
            moving: Vec::new(),
            done: Vec::new(),
            knocked: Vec::new(),
            reached: Vec::new(),
            code_digits: 2,
        },
        ask_max: 1,
        code_hold_ms: 0,
        line_after_key_ms: 60_000,
        link_base: String::new(),
        budgets: jiaoying::dispatch::Budgets::default(),
    };
    let parts = EngineParts {
        journal: bent_store(&world).await,
        settings,
        directory: world.directory.clone(),
        plans: Arc::new(built_in_plans().unwrap()),
        key: SecretKey::new([0; 32]),
        gateways: Vec::new(),
        orders: Arc::new(NoOrders),
        gallery: gallery.clone(),
        metrics: Metrics::new(),
        holder: "one".into(),
        lease_ttl_ms: 60_000,
        inbox_batch_max: 10,
        shutdown_grace: Duration::ZERO,
    };
    let (handle, asks) = EngineHandle::new();
    let stop = CancellationToken::new();
    let engine = tokio::spawn(runtime::run(parts, handle, asks, stop.clone()));
    while gallery.distrusted().is_empty() {
        assert!(!engine.is_finished());
        tokio::task::yield_now().await;
    }
    stop.cancel();
    engine.await.unwrap();

    let (id, reason) = gallery.distrusted().remove(0);
    assert_eq!(id, world.id());
    let router = world.open();
    let calm = ask(&router, get("/")).await;
    assert!(!calm.text().contains("时间线校验不通过"));
    world.gallery.distrust(id.clone(), reason);
    let page = ask(&router, get("/")).await;
    assert!(
        page.text().contains("时间线校验不通过，已停止叫应") && page.text().contains(id.as_str()),
        "{}",
        page.text()
    );
    assert!(!page.text().contains(&format!("href=\"/callouts/{id}\"")), "no card claims that it is being worked on");
    let list = ask(&router, get("/api/v1/callouts")).await;
    assert!(list.text().contains(&format!(r#""unverified":[{{"id":"{id}""#)), "{}", list.text());
    let ready = ask(&router, get("/readyz")).await;
    assert_eq!(ready.status, StatusCode::OK, "the others need this engine");
    assert!(ready.text().contains(&format!("do not verify: {id}")), "{}", ready.text());
}

/// Nothing comes by the inbox.
struct NoOrders;

impl runtime::Orders for NoOrders {
    fn order(
        &self,
        at: jiaoying::model::MessageAt,
    ) -> BoxFuture<'_, Result<Option<jiaoying::model::Order>, jiaoying::journal::JournalError>> {
        panic!("nobody posted {at:?}")
    }
}
