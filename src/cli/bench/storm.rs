//! A stormy night: warnings for many counties within a minute, and people who answer, refuse and ignore.
//!
//! Measured from end to end, by the wall clock of the one machine, on PostgreSQL:
//!
//! - `lateness_ms`: from the due time of a step (in the timeline) until the first attempt of the step that follows
//!   came to the sink, for each step that began because its time had come.
//! - `silence_ms`: from just before a key press was sent to the callback address until the withdrawal of the call
//!   that rang at the other person came to the sink.
//! - `board_ms`: from the time of an event (in the timeline) until a patch that is the first to show it was there, for
//!   each client of a callout's page and each event behind those of the page's first rendering. A patch that tells the
//!   page to load anew counts as shown.
//! - `first_call_ms`: from just before the publish of a warning until its first call came to the sink.
//! - `lost`: released attempts that did not come, steps begun without an attempt, and grids without any; `duplicates`:
//!   attempts that came twice.
//!
//! The second case foresees the end of calls that wait for a sink of bounded rate: what `/api/v1/callouts/{id}` says
//! half-way between a callout's first and last call, held against when the last call came, in shares of the whole.

use super::Servers;
use super::boards::Boards;
use super::figures::{Bar, Case, percentile, round, spread};
use super::ground::{Ground, counties};
use super::people::{Night, People, kind};
use super::rig::{Rig, Setup, Store};
use super::sink::{Request, wall};
use crate::evidence::Timeline;
use crate::model::{CalloutId, Channel, Colour, Entry, Event, RegionCode, StepCause, TargetIx, Timestamp};
use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The plan; its seconds are those of a step of 20 s.
const PLAN: &str = include_str!("storm-plan.toml");

/// Arguments of `bench storm`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Counties, one warning each.
    #[arg(long, default_value_t = 40)]
    pub counties: usize,
    /// Persons of a county who are called first.
    #[arg(long, default_value_t = 1000)]
    pub persons: usize,
    /// Seconds within which the warnings are published.
    #[arg(long, default_value_t = 60)]
    pub within_s: u64,
    /// Seconds of a step of the plan.
    #[arg(long, default_value_t = 20)]
    pub step_s: u64,
    /// Live pages of callouts, and of the overview.
    #[arg(long, default_value_t = 40)]
    pub boards: usize,
    #[arg(long, default_value_t = 10)]
    pub overviews: usize,
    /// Seconds for which the calls wait whose end is foreseen.
    #[arg(long, default_value_t = 60)]
    pub foreseen_s: usize,
}

/// What the timelines and the sink say together.
#[derive(Default)]
struct Found {
    lateness_ms: Vec<f64>,
    first_call_ms: Vec<f64>,
    lost: usize,
    missed_clocks: usize,
    events: usize,
}

pub(super) async fn run(args: &Args, servers: &Servers) -> anyhow::Result<Vec<Case>> {
    let bar = ProgressBar::new(2);
    let night = night(args, servers).await?;
    bar.inc(1);
    let forecast = forecast(args, servers).await?;
    bar.finish_and_clear();
    Ok(vec![night, forecast])
}

async fn night(args: &Args, servers: &Servers) -> anyhow::Result<Case> {
    let ground = counties(args.counties)?;
    let (grids, posts) = (args.persons / 2, [("grid", 2), ("village", 1)]);
    let directory = Ground::default().grids(&ground, grids * ground.len(), &posts, &[Channel::Voice]).build()?;
    let plan = PLAN.replace("wait_s = 20", &format!("wait_s = {}", args.step_s));
    let plan = plan.replace("within_s = 10", &format!("within_s = {}", args.step_s.div_ceil(2)));
    let rig = Rig::new(servers, &Setup::of(Store::Postgres, plan), &directory).await?;
    let case = measured(args, &rig, &ground).await;
    rig.close().await?;
    case
}

async fn measured(args: &Args, rig: &Rig, ground: &[RegionCode]) -> anyhow::Result<Case> {
    let program = rig.serve().await?;
    let (stop, step) = (CancellationToken::new(), Duration::from_secs(args.step_s));
    let people = People::new(&rig.public, rig.client.clone(), step);
    let people = tokio::spawn(people.play(rig.sink.listen(), stop.clone()));
    let mut boards = Boards::new(&rig.internal, &rig.client);
    (0..args.overviews).for_each(|_| boards.open(None));
    let (mut published, began) = (BTreeMap::new(), Instant::now());
    for (i, county) in ground.iter().enumerate() {
        let at = began + Duration::from_secs(args.within_s) * i as u32 / ground.len() as u32;
        tokio::time::sleep_until(at.into()).await;
        let (warning, body) = rig.warning("暴雨", Colour::Red, std::slice::from_ref(county), 3_600_000);
        let callout = CalloutId::of(county, &warning);
        let published_at = rig.publish_body(Colour::Red, &body).await?;
        published.insert(callout.clone(), wall(published_at));
        (i..args.boards).step_by(ground.len()).for_each(|_| boards.open(Some(callout.clone())));
    }
    let grids = args.persons / 2 * ground.len();
    let alarms = (0..grids).filter(|grid| kind(*grid) == 9).count();
    rig.metric_reaches(r#"jiaoying_events_total{kind="target_satisfied"}"#, (grids - alarms) as f64).await?;
    rig.metric_reaches(r#"jiaoying_events_total{kind="target_exhausted"}"#, alarms as f64).await?;
    // What was decided last is withdrawn and shown.
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.cancel();
    let (night, boards) = (people.await??, boards.close().await);
    let (peak_mib, cpu_s) = (program.peak_mib()?, program.cpu_s()?);
    let violations = rig.metric("jiaoying_invariant_violations_total").await?;
    program.kill().await;
    let (mut found, mut timelines) = (Found::default(), BTreeMap::new());
    for (callout, at) in &published {
        let timeline = Timeline::read(&*rig.journal, callout).await?;
        found.look(&timeline, &night, *at, grids / ground.len())?;
        timelines.insert(callout.clone(), timeline.entries);
    }
    let of_callouts = boards.iter().filter_map(|w| Some((w, timelines.get(w.callout.as_ref()?)?)));
    let board_ms: Vec<f64> = of_callouts.flat_map(|(w, entries)| w.lateness_ms(entries)).collect();
    let patches: usize = boards.iter().map(|w| w.patches.len()).sum();
    let figures = json!({
        "first_call_ms": spread(&found.first_call_ms), "lateness_ms": spread(&found.lateness_ms),
        "silence_ms": spread(&night.silence_ms), "board_ms": spread(&board_ms), "patches": patches,
        "calls": night.came.len(), "answers": night.answers, "missed_clocks": found.missed_clocks,
        "events": found.events, "cpu_s": round(cpu_s), "peak_mib": round(peak_mib), "violations": violations,
        "lost": found.lost + night.ring_on, "duplicates": night.duplicates,
    });
    Ok(Case {
        bench: "storm",
        case: format!("{} counties, {} persons each, {} boards", ground.len(), args.persons, boards.len()),
        figures: figures.as_object().cloned().unwrap_or_default(),
        bars: vec![
            Bar::at_most("lateness of escalation, p99 ms", percentile(&found.lateness_ms, 99), 100.0),
            Bar::at_most("answer to silence, p99 ms", percentile(&night.silence_ms, 99), 250.0),
            Bar::at_most("event to board, p99 ms", percentile(&board_ms, 99), 500.0),
        ],
    })
}

// === impl Found ===

impl Found {
    fn look(&mut self, timeline: &Timeline, night: &Night, published: Timestamp, grids: usize) -> anyhow::Result<()> {
        let ms = |from: Timestamp, to: Timestamp| to.micros_since(from) as f64 / 1000.0;
        let mut due: HashMap<TargetIx, Timestamp> = HashMap::new();
        let mut waits: HashMap<TargetIx, Timestamp> = HashMap::new();
        let mut called: HashMap<TargetIx, ()> = HashMap::new();
        let mut first: Option<Timestamp> = None;
        for Entry(_, event) in &timeline.entries {
            match event {
                Event::StepStarted { target, due: next, cause, .. } => {
                    let was_due = due.insert(*target, *next);
                    if *cause == StepCause::Deadline {
                        waits.insert(*target, was_due.context("a step began without one before it")?);
                    }
                }
                Event::AttemptReleased { attempt, targets, bundle, .. } => {
                    let own = || format!("{}.{attempt}", timeline.id);
                    let Some(came) = night.came.get(&bundle.first().map_or_else(own, ToString::to_string)) else {
                        self.lost += 1;
                        continue;
                    };
                    first = Some(first.map_or(*came, |first| first.min(*came)));
                    for target in targets {
                        called.insert(*target, ());
                        self.lateness_ms.extend(waits.remove(target).map(|due| ms(due, *came)));
                    }
                }
                Event::ClockMissed { .. } => self.missed_clocks += 1,
                _ => {}
            }
        }
        self.events += timeline.entries.len();
        self.lost += waits.len() + grids.saturating_sub(called.len());
        self.first_call_ms.extend(first.map(|first| ms(published, first)));
        Ok(())
    }
}

/// Calls that wait for a sink of bounded rate, in several counties that take turns.
async fn forecast(args: &Args, servers: &Servers) -> anyhow::Result<Case> {
    let ground = counties(args.counties.min(4))?;
    let calls = args.persons * ground.len();
    let rate = calls / args.foreseen_s.max(1);
    let directory = Ground::default().grids(&ground, calls, &[("grid", 1)], &[Channel::Sms]).build()?;
    let setup = Setup { rate_per_s: rate.max(1), burst: 1, ..Setup::quiet(Store::Postgres, 1) };
    let rig = Rig::new(servers, &setup, &directory).await?;
    let case = foreseen(&rig, &ground, calls).await;
    rig.close().await?;
    case
}

async fn foreseen(rig: &Rig, ground: &[RegionCode], calls: usize) -> anyhow::Result<Case> {
    let program = rig.serve().await?;
    let mut requests = rig.sink.listen();
    let mut callouts = Vec::new();
    for county in ground {
        let (warning, body) = rig.warning("暴雨", Colour::Red, std::slice::from_ref(county), 3_600_000);
        rig.publish_body(Colour::Red, &body).await?;
        callouts.push(CalloutId::of(county, &warning));
    }
    let mut said: HashMap<&CalloutId, Vec<(Timestamp, Timestamp)>> = HashMap::new();
    let mut came: HashMap<String, Vec<Timestamp>> = HashMap::new();
    let mut keys = std::collections::HashSet::new();
    let (mut look, mut attempts) = (tokio::time::interval(Duration::from_millis(250)), 0);
    while attempts < calls {
        tokio::select! {
            Some(request) = requests.recv() => if let Request::Submit(calls) = request.what {
                for call in calls {
                    attempts += 1;
                    let callout = call.key.rsplit_once('.').map(|(callout, _)| callout.to_owned()).unwrap_or_default();
                    came.entry(callout).or_default().push(wall(request.at));
                    keys.insert(call.key);
                }
            },
            _ = look.tick() => for callout in &callouts {
                let answer = rig.client.get(format!("{}/api/v1/callouts/{callout}", rig.internal)).send().await?;
                let now = wall(Instant::now());
                let told: Value = answer.json().await.unwrap_or_default();
                let done = told["forecast"]["done_at"].as_str().and_then(|at| Timestamp::parse_iso(at).ok());
                said.entry(callout).or_default().extend(done.map(|done| (now, done)));
            },
        }
    }
    program.kill().await;
    let mut errors = Vec::new();
    for callout in &callouts {
        let (said, came) = (said.get(callout), came.get(callout.as_str()));
        let (first, last) = came.and_then(|c| Some((*c.first()?, *c.last()?))).context("a county was not called")?;
        let half = Timestamp(first.0.midpoint(last.0));
        let at_half = said.and_then(|said| said.iter().find(|(at, _)| *at >= half)).context("nothing was foreseen")?;
        errors.push((at_half.1.micros_since(last) as f64 / last.micros_since(first) as f64).abs());
    }
    let worst = errors.iter().copied().fold(0.0, f64::max);
    let figures = json!({
        "forecast_error": round(worst), "forecast_error_each": errors.iter().map(|e| round(*e)).collect::<Vec<_>>(),
        "lost": calls.saturating_sub(keys.len()), "duplicates": attempts - keys.len(),
    });
    Ok(Case {
        bench: "storm",
        case: format!("forecast, {calls} calls, {} counties", ground.len()),
        figures: figures.as_object().cloned().unwrap_or_default(),
        bars: vec![Bar::at_most("error of the forecast at half-way, in shares of the whole", worst, 0.1)],
    })
}
