//! The program is killed with many open calls, and started again when steps are overdue; on PostgreSQL.
//!
//! The program itself makes the events under load: each person is called on two channels, and the sink tells of each
//! attempt that it was delivered, so that a call stands for about ten events. Then it is killed (SIGKILL) and stays
//! down until the next step of every grid is overdue. Measured from the spawn of the new process:
//!
//! - `first_overdue_ms`: until the first attempt of such a step came to the sink;
//! - `loaded_ms`: until it says that it is ready, which is when all open callouts were read and verified, and
//!   `events_per_s`, the events in the journal divided by that;
//! - `all_called_ms`: until the last of these attempts came.
//!
//! `lost` counts overdue steps without an attempt, `duplicates` persons of such a step who were called twice.

use super::Servers;
use super::figures::{Bar, Case, round};
use super::ground::{Ground, counties, serial};
use super::rig::{Rig, SECRET, Setup, Store};
use super::sink::{Came, Request};
use crate::gateway::http::{SIGNATURE, Secret, TIMESTAMP, sign};
use crate::model::{Channel, Colour, RegionCode};
use crate::runtime::clock;
use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use serde_json::json;
use sqlx::Connection as _;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

/// Arguments of `bench recovery`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Persons, each with an open call.
    #[arg(long, default_value_t = 100_000)]
    pub calls: usize,
    /// Counties that they live in.
    #[arg(long, default_value_t = 129)]
    pub counties: usize,
    /// Seconds of the first step: the program must have made all events before they are over.
    #[arg(long, default_value_t = 300)]
    pub step_s: u64,
}

/// Two channels at once, then the village's post.
const PLAN: &str = include_str!("plan.toml");
/// How long nothing may come.
const WAIT: Duration = Duration::from_secs(120);
/// Attempts told of in one callback.
const TOLD: usize = 500;

pub(super) async fn run(args: &Args, servers: &Servers) -> anyhow::Result<Vec<Case>> {
    let ground = counties(args.counties)?;
    let (posts, channels) = ([("grid", 1), ("village", 1)], [Channel::Sms, Channel::Voice]);
    let directory = Ground::default().grids(&ground, args.calls, &posts, &channels).build()?;
    let rig = Rig::new(servers, &Setup::of(Store::Postgres, plan(args.step_s)), &directory).await?;
    let case = measured(args, &rig, &ground).await;
    rig.close().await?;
    Ok(vec![case?])
}

/// The plan of one message per person, with a second channel and a second step behind it.
fn plan(step_s: u64) -> String {
    let ring = "  [[step.ring]]\n  channel = \"voice\"\n  tries = 1\n  wait_s = 3600\n";
    let step = "[[step]]\nname = \"村负责人\"\nposts = [\"village\"]\nneed = \"any\"\nproof = \"key\"\n\
                outcome = \"satisfied\"\nwait_s = 3600\n\n  [[step.ring]]\n  channel = \"sms\"\n  tries = 1\n  \
                wait_s = 3600\n";
    let first = format!("outcome = \"satisfied\"\nwait_s = {step_s}");
    let plan = PLAN.replace("outcome = \"satisfied\"\nwait_s = 3600", &first);
    plan.replace("# second ring\n", &format!("{ring}\n{step}"))
}

async fn measured(args: &Args, rig: &Rig, ground: &[RegionCode]) -> anyhow::Result<Case> {
    let bar = ProgressBar::new(4);
    let program = rig.serve().await?;
    let mut requests = rig.sink.listen();
    let began = rig.publish("暴雨", Colour::Red, ground).await?;
    deliver(rig, &mut requests, 2 * args.calls).await?;
    bar.inc(1);
    let made = began.elapsed();
    let made_s = made.as_secs_f64();
    ensure!(made_s < args.step_s as f64, "the events took {made_s:.0} s: take a longer --step-s");
    program.kill().await;
    let events = events(rig).await?;
    bar.inc(1);
    // Every grid's step began before its calls came, and is overdue now.
    tokio::time::sleep_until((began + made + Duration::from_secs(args.step_s + 1)).into()).await;
    while requests.try_recv().is_ok() {}
    bar.inc(1);
    let spawned = Instant::now();
    let program = rig.start()?;
    let loaded = async { rig.ready().await.map(|()| spawned.elapsed()) };
    let (loaded, called) = tokio::join!(loaded, overdue(&mut requests, spawned, args.calls));
    let (loaded, called) = (loaded?, called?);
    let peak_mib = program.peak_mib()?;
    program.kill().await;
    bar.finish_and_clear();
    let figures = json!({
        "first_overdue_ms": round(called.first_ms), "loaded_ms": round(loaded.as_secs_f64() * 1000.0),
        "all_called_ms": round(called.last_ms), "events": events, "made_s": round(made_s),
        "events_per_s": round(events as f64 / loaded.as_secs_f64()), "peak_mib": round(peak_mib),
        "calls_per_s": round(called.persons.len() as f64 / (called.last_ms - called.first_ms) * 1000.0),
        "lost": args.calls.saturating_sub(called.persons.len()), "duplicates": called.duplicates,
    });
    Ok(Case {
        bench: "recovery",
        case: format!("{} open calls, {} callouts", args.calls, ground.len()),
        figures: figures.as_object().cloned().unwrap_or_default(),
        bars: vec![Bar::at_most("first overdue step, s after the start", called.first_ms / 1000.0, 5.0)],
    })
}

/// Tells of each attempt that it was delivered, until the program has recorded so many of them.
async fn deliver(rig: &Rig, requests: &mut UnboundedReceiver<Came>, attempts: usize) -> anyhow::Result<()> {
    let (mut keys, mut told) = (Vec::new(), 0);
    while told < attempts {
        let came = timeout(WAIT, requests.recv()).await.with_context(|| format!("{told} of {attempts} attempts"))?;
        if let Request::Submit(calls) = came.context("the sink is gone")?.what {
            keys.extend(calls.into_iter().map(|call| call.key));
        }
        if keys.len() >= TOLD || told + keys.len() >= attempts {
            told += keys.len();
            let events: Vec<_> = keys.drain(..).map(|key| json!({ "type": "delivered", "key": key })).collect();
            post(rig, &serde_json::to_vec(&events)?).await?;
        }
    }
    Ok(())
}

/// A signed callback; it is durable when this returns.
async fn post(rig: &Rig, body: &[u8]) -> anyhow::Result<()> {
    let timestamp = (clock::now().0 / 1_000_000).to_string();
    let signature = sign(&Secret::from(SECRET), &timestamp, body);
    let request = rig.client.post(format!("{}/callbacks/sink", rig.public));
    let request = request.header(TIMESTAMP, timestamp).header(SIGNATURE, signature);
    request.body(body.to_vec()).send().await?.error_for_status()?;
    Ok(())
}

async fn events(rig: &Rig) -> anyhow::Result<i64> {
    let mut db = sqlx::PgConnection::connect(&rig.store).await?;
    let sum = "select coalesce(sum(count), 0)::bigint from record";
    Ok(sqlx::query_scalar(sum).fetch_one(&mut db).await?)
}

/// The calls of overdue steps.
struct Overdue {
    first_ms: f64,
    last_ms: f64,
    persons: HashSet<usize>,
    duplicates: usize,
}

/// Waits until everybody of the second step was called, or nobody more is.
async fn overdue(requests: &mut UnboundedReceiver<Came>, spawned: Instant, wanted: usize) -> anyhow::Result<Overdue> {
    let (mut persons, mut times, mut duplicates) = (HashSet::new(), Vec::new(), 0);
    while persons.len() < wanted {
        let Ok(came) = timeout(WAIT, requests.recv()).await else { break };
        let Came { at, what } = came.context("the sink is gone")?;
        let Request::Submit(calls) = what else { continue };
        for call in calls {
            // The second person of a grid is the village's post.
            if let Some(person) = serial(&call.to).filter(|person| person % 2 == 1) {
                times.push(at.duration_since(spawned).as_secs_f64() * 1000.0);
                duplicates += usize::from(!persons.insert(person));
            }
        }
    }
    let (first_ms, last_ms) =
        times.first().copied().zip(times.last().copied()).context("no overdue step was called")?;
    Ok(Overdue { first_ms, last_ms, persons, duplicates })
}
