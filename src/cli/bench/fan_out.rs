//! One warning to many persons, in turn with the limit path: A B A B.

use super::bare::bare;
use super::child::Child;
use super::figures::{Bar, Case, median, round, spread};
use super::ground::{counties, directory};
use super::rig::{Rig, Setup, Store};
use super::sink::Seen;
use super::{Servers, limit};
use crate::journal::SelectCallouts;
use crate::model::{Channel, Colour, RegionCode, Timestamp};
use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::json;
use std::time::Instant;

/// Arguments of `bench fan-out`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How many persons; one case each.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,45000")]
    pub persons: Vec<usize>,
    /// Counties that they live in.
    #[arg(long, default_value_t = 129)]
    pub counties: usize,
    /// On how many channels each is called; one case each.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    pub channels: Vec<usize>,
    /// The stores; one case each.
    #[arg(long, value_delimiter = ',', default_value = "postgres,sqlite")]
    stores: Vec<Store>,
    /// Warnings of a case, behind one that is not counted.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
}

/// Bare ways that are measured beside a case.
const BARE: usize = 30;

/// What one warning took.
pub(super) struct Round {
    pub first_ms: f64,
    pub last_ms: f64,
    cpu_s: f64,
    pub lost: usize,
    pub duplicates: usize,
}

pub(super) async fn run(args: &Args, servers: &Servers) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    let all = args.stores.len() * args.persons.len() * args.channels.len();
    let bar = ProgressBar::new(all as u64);
    for store in &args.stores {
        for persons in &args.persons {
            for channels in &args.channels {
                let ground = counties(args.counties.min(*persons))?;
                let both = [Channel::Sms, Channel::Voice];
                let directory = directory(&ground, *persons, &both[..*channels])?;
                let rig = Rig::new(servers, &Setup::quiet(*store, *channels), &directory).await?;
                let case = measured(&rig, servers, (*store, *persons, *channels), &ground, args.rounds).await;
                rig.close().await?;
                cases.push(case?);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(cases)
}

async fn measured(
    rig: &Rig,
    servers: &Servers,
    (store, persons, channels): (Store, usize, usize),
    ground: &[RegionCode],
    rounds: usize,
) -> anyhow::Result<Case> {
    let calls = persons * channels;
    let ours = rig.serve().await?;
    let flushes = rig.metric("jiaoying_flush_seconds_count").await?;
    // The first one warms the program up, and is what the limit path repeats.
    let (_, seen) = warning(rig, &ours, ground, 0, calls).await?;
    let flushes = (rig.metric("jiaoying_flush_seconds_count").await? - flushes) as usize + 1;
    let bytes = record(rig, &seen).await?;
    let mut theirs = limit_path(rig, servers, flushes).await?;
    let mut mine = Vec::new();
    let mut limits: Vec<Round> = Vec::new();
    repeat(rig, &mut theirs, calls).await?;
    for n in 1..=rounds {
        mine.push(warning(rig, &ours, ground, n, calls).await?.0);
        limits.push(repeat(rig, &mut theirs, calls).await?);
    }
    let peak_mib = ours.peak_mib()?;
    theirs.kill().await;
    ours.kill().await;
    let bare = bare(rig, servers, store, BARE).await?;
    let of = |rounds: &[Round], what: fn(&Round) -> f64| rounds.iter().map(what).collect::<Vec<f64>>();
    let per_s = |rounds: &[Round]| calls as f64 / median(&of(rounds, |r| r.last_ms)) * 1000.0;
    let first = of(&mine, |r| r.first_ms);
    let (ours_per_s, limit_per_s) = (per_s(&mine), per_s(&limits));
    let first_ratio = median(&first) / median(&bare);
    let figures = json!({
        "first_call_ms": spread(&first), "bare_first_call_ms": spread(&bare), "first_call_ratio": round(first_ratio),
        "last_call_ms": spread(&of(&mine, |r| r.last_ms)),
        "calls_per_s": round(ours_per_s), "limit_calls_per_s": round(limit_per_s), "ratio": round(ours_per_s / limit_per_s),
        "cpu_s_per_1000": round(median(&of(&mine, |r| r.cpu_s)) / calls as f64 * 1000.0),
        "limit_cpu_s_per_1000": round(median(&of(&limits, |r| r.cpu_s)) / calls as f64 * 1000.0),
        "limit_first_call_ms": spread(&of(&limits, |r| r.first_ms)),
        "journal_bytes_per_call": bytes / calls, "flushes": flushes, "peak_mib": round(peak_mib),
        "lost": mine.iter().map(|r| r.lost).sum::<usize>(),
        "duplicates": mine.iter().map(|r| r.duplicates).sum::<usize>(),
    });
    let plural = if channels == 1 { "channel" } else { "channels" };
    Ok(Case {
        bench: "fan_out",
        case: format!("{}, {persons} persons, {} counties, {channels} {plural}", store.name(), ground.len()),
        figures: figures.as_object().cloned().unwrap_or_default(),
        bars: vec![
            Bar::at_least("calls a second, of the limit path's", ours_per_s / limit_per_s, 0.5),
            Bar::at_most("first call, of the bare way's", first_ratio, 3.0),
        ],
    })
}

/// A warning for all counties, until the last outcome is recorded.
pub(super) async fn warning(
    rig: &Rig,
    ours: &Child,
    ground: &[RegionCode],
    n: usize,
    calls: usize,
) -> anyhow::Result<(Round, Seen)> {
    let recorded = r#"jiaoying_events_total{kind="attempt_reported"}"#;
    let (before, cpu_s) = (rig.metric(recorded).await?, ours.cpu_s()?);
    rig.sink.expect_anew();
    let began = rig.publish(&format!("暴雨{n}"), Colour::Red, ground).await?;
    let seen = rig.sink.seen(calls).await?;
    rig.metric_reaches(recorded, before + calls as f64).await?;
    rig.settled().await?;
    let round = Round {
        cpu_s: ours.cpu_s()? - cpu_s,
        lost: calls.saturating_sub(seen.keys.len()),
        duplicates: seen.attempts - seen.keys.len(),
        ..Round::new(began, &seen)?
    };
    Ok((round, seen))
}

/// Writes the bytes of all records and requests for the limit path; gives the sum of the records' bytes.
async fn record(rig: &Rig, seen: &Seen) -> anyhow::Result<usize> {
    let latest = SelectCallouts::Before { before: Timestamp(i64::MAX), limit: 1000 };
    let mut rows = Vec::new();
    for callout in rig.journal.callouts(latest).await? {
        rows.extend(rig.journal.read(callout.stream, 0, usize::MAX >> 1).await?.into_iter().map(|record| record.body));
    }
    limit::write(&rig.file("rows"), rows.iter().map(String::as_bytes))?;
    limit::write(&rig.file("bodies"), seen.bodies.iter().map(AsRef::as_ref))?;
    Ok(rows.iter().map(String::len).sum())
}

async fn limit_path(rig: &Rig, servers: &Servers, flushes: usize) -> anyhow::Result<Child> {
    let sqlite = format!("sqlite:{}", rig.file("limit.db").display());
    let store = if rig.store.starts_with("sqlite:") { sqlite } else { rig.store.clone() };
    let path = |name: &str| rig.file(name).display().to_string();
    let (rows, bodies, queue) = (path("rows"), path("bodies"), format!("{}.limit", rig.name));
    let flushes = flushes.to_string();
    let args = [
        "bench",
        "limit",
        "--broker",
        &servers.amqp,
        "--store",
        &store,
        "--queue",
        &queue,
        "--sink",
        &rig.sink.url,
        "--rows",
        &rows,
        "--bodies",
        &bodies,
        "--flushes",
        &flushes,
    ];
    let mut child = Child::start(args, &rig.file("limit.log"))?;
    child.says("ready").await.with_context(|| std::fs::read_to_string(rig.file("limit.log")).unwrap_or_default())?;
    Ok(child)
}

/// The same outcomes by the limit path.
async fn repeat(rig: &Rig, theirs: &mut Child, calls: usize) -> anyhow::Result<Round> {
    rig.sink.expect_anew();
    let cpu_s = theirs.cpu_s()?;
    let began = rig.publish_to(&format!("{}.limit", rig.name)).await?;
    let seen = rig.sink.seen(calls).await?;
    theirs.says("done").await?;
    Ok(Round { cpu_s: theirs.cpu_s()? - cpu_s, ..Round::new(began, &seen)? })
}

// === impl Round ===

impl Round {
    fn new(began: Instant, seen: &Seen) -> anyhow::Result<Self> {
        let ms = |at: Option<Instant>| Some(at?.duration_since(began).as_secs_f64() * 1000.0);
        let (first_ms, last_ms) = (ms(seen.first).context("no call came")?, ms(seen.last).context("no call came")?);
        Ok(Self { first_ms, last_ms, cpu_s: 0.0, lost: 0, duplicates: 0 })
    }
}
