//! A red warning behind a queue of blue calls that are due, on PostgreSQL.
//!
//! The sink's rate keeps the blue queue alive for the whole measurement. Red warnings for another county come one
//! after the other: first without any blue call (`idle_first_call_ms`), then behind them (`first_call_ms`). Each is
//! the time from just before the publish until the first red call came to the sink; `last_call_ms` is the same for
//! the last one of the warning. `blue_per_s` counts the blue calls that came while red warnings were under way, from
//! their publish until a second later. `blue_waiting` is the program's own count of blue calls that wait, before the
//! first of these red warnings and behind the last one.

use super::Servers;
use super::figures::{Bar, Case, median, percentile, round, spread};
use super::ground::{Ground, counties};
use super::rig::{Rig, Setup, Store};
use super::sink::{Came, Request};
use crate::model::{Channel, Colour, RegionCode};
use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use serde_json::json;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout_at;

/// Arguments of `bench priority`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Blue calls that are due.
    #[arg(long, default_value_t = 100_000)]
    pub blue: usize,
    /// Calls a second that the sink takes.
    #[arg(long, default_value_t = 1000)]
    pub rate: usize,
    /// Red warnings, one after the other.
    #[arg(long, default_value_t = 20)]
    pub reds: usize,
    /// Persons of a red warning.
    #[arg(long, default_value_t = 100)]
    pub persons: usize,
}

/// How long a red warning may take to its last call.
const WAIT: Duration = Duration::from_secs(30);
/// How long blue calls are counted after the publish of a red warning.
const WINDOW: Duration = Duration::from_secs(1);

/// What red warnings in turn found.
#[derive(Default)]
struct Reds {
    first_ms: Vec<f64>,
    last_ms: Vec<f64>,
    /// Blue calls that came in each window.
    blue: Vec<f64>,
    lost: usize,
    duplicates: usize,
}

pub(super) async fn run(args: &Args, servers: &Servers) -> anyhow::Result<Vec<Case>> {
    let mut ground = counties((args.blue / 500).clamp(2, 120) + 1)?;
    let red = ground.split_off(ground.len() - 1);
    let (posts, sms) = ([("grid", 1)], [Channel::Sms]);
    let directory =
        Ground::default().grids(&ground, args.blue, &posts, &sms).grids(&red, args.persons, &posts, &sms).build()?;
    // What may go at once after a pause is less than a red warning: in a busy lane there is no pause.
    let setup = Setup { rate_per_s: args.rate, burst: 1, ..Setup::quiet(Store::Postgres, 1) };
    let rig = Rig::new(servers, &setup, &directory).await?;
    let case = measured(args, &rig, &ground, &red).await;
    rig.close().await?;
    Ok(vec![case?])
}

async fn measured(args: &Args, rig: &Rig, ground: &[RegionCode], red: &[RegionCode]) -> anyhow::Result<Case> {
    let program = rig.serve().await?;
    let bar = ProgressBar::new(2 * args.reds as u64 + 1);
    let mut requests = rig.sink.listen();
    // The first one warms up.
    reds(rig, &mut requests, red, 1, args.persons, &bar).await?;
    let idle = reds(rig, &mut requests, red, args.reds, args.persons, &bar).await?;
    let planned = r#"jiaoying_events_total{kind="call_planned"}"#;
    let so_far = rig.metric(planned).await?;
    rig.publish("大风", Colour::Blue, ground).await?;
    rig.metric_reaches(planned, so_far + args.blue as f64).await?;
    let waiting = r#"jiaoying_lane_waiting{gateway="sink"}"#;
    let before = waiting_now(rig, waiting).await?;
    let behind = reds(rig, &mut requests, red, args.reds, args.persons, &bar).await?;
    let after = waiting_now(rig, waiting).await?;
    ensure!(after > 0.0, "the blue queue was empty before the last red warning: take a lower --rate");
    let peak_mib = program.peak_mib()?;
    program.kill().await;
    bar.finish_and_clear();
    let allowed = (2.0 * median(&idle.first_ms)).max(50.0);
    let figures = json!({
        "first_call_ms": spread(&behind.first_ms), "idle_first_call_ms": spread(&idle.first_ms),
        "last_call_ms": spread(&behind.last_ms), "idle_last_call_ms": spread(&idle.last_ms),
        "blue_per_s": spread(&behind.blue), "blue_waiting": [before, after], "peak_mib": round(peak_mib),
        "lost": idle.lost + behind.lost, "duplicates": idle.duplicates + behind.duplicates,
    });
    Ok(Case {
        bench: "priority",
        case: format!("red behind {} blue, {} calls/s", args.blue, args.rate),
        figures: figures.as_object().cloned().unwrap_or_default(),
        bars: vec![
            Bar::at_most("first red call, median ms, of max(2 x idle, 50)", median(&behind.first_ms), allowed),
            Bar::at_least("blue calls in a red second, at least", percentile(&behind.blue, 0), 1.0),
        ],
    })
}

/// The program shows how many wait twice a second: the second look is of now.
async fn waiting_now(rig: &Rig, waiting: &str) -> anyhow::Result<f64> {
    tokio::time::sleep(Duration::from_millis(600)).await;
    rig.metric(waiting).await
}

/// Red warnings, each one a second behind the one before.
async fn reds(
    rig: &Rig,
    requests: &mut UnboundedReceiver<Came>,
    red: &[RegionCode],
    times: usize,
    persons: usize,
    bar: &ProgressBar,
) -> anyhow::Result<Reds> {
    let mut reds = Reds::default();
    for n in 0..times {
        // What came before is nobody's.
        while requests.try_recv().is_ok() {}
        let began = rig.publish(&format!("暴雨{n}"), Colour::Red, red).await?;
        reds.one(requests, began, persons).await?;
        bar.inc(1);
    }
    Ok(reds)
}

// === impl Reds ===

impl Reds {
    async fn one(
        &mut self,
        requests: &mut UnboundedReceiver<Came>,
        began: Instant,
        persons: usize,
    ) -> anyhow::Result<()> {
        let (mut seen, mut calls, mut blue) = (HashSet::new(), 0, 0);
        let (mut first, mut last) = (None, None);
        loop {
            let over = if seen.len() < persons { began + WAIT } else { began + WINDOW };
            let Ok(came) = timeout_at(over.into(), requests.recv()).await else { break };
            let Came { at, what } = came.context("the sink is gone")?;
            let Request::Submit(submitted) = what else { continue };
            for call in submitted {
                if call.colour != "red" {
                    blue += usize::from(at.duration_since(began) <= WINDOW);
                    continue;
                }
                first.get_or_insert(at);
                last = Some(at);
                calls += 1;
                seen.insert(call.key);
            }
        }
        let ms = |at: Option<Instant>| Some(at?.duration_since(began).as_secs_f64() * 1000.0);
        self.first_ms.push(ms(first).context("no red call came")?);
        self.last_ms.extend(ms(last));
        self.blue.push(blue as f64);
        self.lost += persons.saturating_sub(seen.len());
        self.duplicates += calls - seen.len();
        Ok(())
    }
}
