//! Messages read, taken again and covered, in this process, one after the other on one thread.
//!
//! - `messages_per_s`: documents through `formats::parse`; `limit_per_s`: the same bytes through serde_json into
//!   nothing (JSON), or event by event through quick-xml (both XML forms), which is what reading them costs at least.
//! - *taken again*: the same JSON document posted to the desk, which finds that it was taken before and gives the same
//!   receipt; on a journal in memory and on a SQLite file. Its limit is reading the document.
//! - *covered*: `Directory::cover` of a province's code, a county's code, and a polygon of 64 corners over about a
//!   tenth of the ground. The limits: the grids in the codes found by binary search and walked once; each point held
//!   against the polygon's box.

use super::figures::{Case, median, round};
use super::ground::{Ground, KEY, counties};
use crate::directory::{Directory, yunnan};
use crate::intake::formats::{self, Limits};
use crate::intake::{Desk, FrontDesk, Posted, Recent};
use crate::journal::{self, Journal, MemoryJournal};
use crate::model::{Area, Channel, Point, RegionCode, SecretKey};
use crate::runtime::{clock, entropy};
use crate::sim::{Scene, built_in_plans, message_json};
use anyhow::{Context, anyhow, ensure};
use indicatif::ProgressBar;
use quick_xml::Reader;
use serde::de::IgnoredAny;
use serde_json::json;
use std::hint::black_box;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// Arguments of `bench intake`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Persons of the directory.
    #[arg(long, default_value_t = 500_000)]
    pub persons: usize,
    /// Grids of the directory, each with a point.
    #[arg(long, default_value_t = 40_000)]
    pub points: usize,
    /// Milliseconds for which each thing is done again and again, five times in turn with its limit.
    #[arg(long, default_value_t = 1000)]
    pub each_ms: u64,
}

const CAP: &[u8] = include_bytes!("../data/demo-rainstorm-red.xml");
const JSON: &[u8] = include_bytes!("../data/demo-geohazard.json");
const NATIONAL: &[u8] = include_bytes!("national.xml");
/// Turns: ours, the limit, ours, the limit.
const TURNS: u32 = 5;

pub(super) async fn run(args: &Args) -> anyhow::Result<Vec<Case>> {
    let bar = ProgressBar::new(8);
    let each = Duration::from_millis(args.each_ms) / TURNS;
    let mut cases = Vec::new();
    for (name, bytes) in [("JSON", JSON), ("CAP 1.2", CAP), ("national profile", NATIONAL)] {
        ensure!(formats::parse(bytes).message.is_some(), "{name} is not read");
        let parse = || drop(black_box(formats::parse(black_box(bytes))));
        cases.push(case(format!("{name}, {} bytes", bytes.len()), each, parse, || skim(black_box(bytes))));
        bar.inc(1);
    }
    let ground = counties(129)?;
    let holders = (args.persons / args.points).max(1);
    let directory = Ground::province().grids(&ground, args.points, &[("grid", holders)], &[Channel::Sms]).build()?;
    let directory = Arc::new(directory);
    let folder = std::env::temp_dir().join(format!("jiaoying_bench_intake_{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let sqlite = journal::open(&format!("sqlite:{}", folder.join("journal.db").display())).await?;
    for (name, journal) in [("memory", Arc::<MemoryJournal>::default() as Arc<dyn Journal>), ("SQLite", sqlite)] {
        cases.push(again(name, journal, &directory, each).await?);
        bar.inc(1);
    }
    std::fs::remove_dir_all(&folder)?;
    cases.extend(covers(&directory, &ground, each, &bar)?);
    bar.finish_and_clear();
    Ok(cases)
}

/// Reads the bytes and builds nothing.
fn skim(bytes: &[u8]) {
    if bytes.first() == Some(&b'{') {
        let _ = black_box(serde_json::from_slice::<IgnoredAny>(bytes));
        return;
    }
    let mut reader = Reader::from_reader(bytes);
    while let Ok(event) = reader.read_event() {
        if matches!(black_box(event), quick_xml::events::Event::Eof) {
            return;
        }
    }
}

/// How often a second something is done, in turn with its limit: the medians.
fn case(name: String, each: Duration, mut ours: impl FnMut(), mut limit: impl FnMut()) -> Case {
    let (mut mine, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        mine.push(per_s(each, &mut ours));
        limits.push(per_s(each, &mut limit));
    }
    figured(name, median(&mine), median(&limits))
}

fn figured(case: String, ours: f64, limit: f64) -> Case {
    let figures = json!({ "messages_per_s": round(ours), "limit_per_s": round(limit), "ratio": round(ours / limit) });
    Case { bench: "intake", case, figures: figures.as_object().cloned().unwrap_or_default(), bars: Vec::new() }
}

fn per_s(each: Duration, act: &mut impl FnMut()) -> f64 {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < each {
        act();
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// The same document again and again at the desk.
async fn again(
    name: &str,
    journal: Arc<dyn Journal>,
    directory: &Arc<Directory>,
    each: Duration,
) -> anyhow::Result<Case> {
    let plans = built_in_plans().map_err(|f| anyhow!("{f:?}"))?;
    let desk = FrontDesk {
        journal,
        directory: RwLock::new(directory.clone()),
        plans: Arc::new(plans),
        senders: Scene::senders(),
        limits: Limits::default(),
        key: SecretKey::new(KEY),
        clock: Arc::new(clock::now),
        entropy: Arc::new(entropy),
        posted: Arc::new(|_| Box::pin(async { true })),
        recent: Recent::default(),
    };
    let now = clock::now();
    let county = directory.targets().first().and_then(|t| t.region.at(crate::model::Level::County));
    let county = county.context("the directory is empty")?;
    let body = message_json("again", "alert", &[], ("暴雨", "red"), &[county.as_str()], (now, now.plus_ms(3_600_000)));
    let posted = || Posted { door: "amqp", account: Some("bureau".into()), body: body.clone() };
    ensure!(desk.post(posted()).await?.accepted, "the message is not accepted");
    let (mut mine, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < each {
            let receipt = desk.post(posted()).await?;
            ensure!(receipt.duplicate && receipt.accepted, "the message was taken twice");
            count += 1;
        }
        mine.push(f64::from(count) / began.elapsed().as_secs_f64());
        limits.push(per_s(each, &mut || skim(black_box(&body))));
    }
    Ok(figured(format!("taken again, {name}"), median(&mine), median(&limits)))
}

fn covers(
    directory: &Directory,
    ground: &[RegionCode],
    each: Duration,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Case>> {
    let province: RegionCode = RegionCode::parse("53").map_err(|e| anyhow!("{e}"))?;
    let county = ground.first().context("there is no county")?.clone();
    let of_codes = |code: &RegionCode| vec![Area { codes: vec![code.clone()], ..Area::default() }];
    let shape = vec![Area { polygons: vec![ring()], ..Area::default() }];
    let covered = |areas: &[Area]| directory.cover(areas).regions.values().map(|c| c.targets.len()).sum::<usize>();
    let walk = |code: &RegionCode| directory.targets_in(code).iter().map(|t| t.persons).sum::<u32>();
    let of_ring = |of: fn(&Point) -> f64| {
        let values: Vec<f64> = ring().iter().map(of).collect();
        let (low, high) =
            (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(f64::MIN, f64::max));
        low..=high
    };
    let (lat, lon) = (of_ring(|p| p.lat), of_ring(|p| p.lon));
    let in_box = |p: &Point| lat.contains(&p.lat) && lon.contains(&p.lon);
    let boxed = || directory.targets().iter().filter(|t| t.point.as_ref().is_some_and(in_box)).count();
    let size = format!(
        "{} regions, {} persons, {} points",
        yunnan().len(),
        directory.people().count(),
        directory.targets().len()
    );
    let mut cases = Vec::new();
    for (name, code) in [("province", &province), ("county", &county)] {
        let areas = of_codes(code);
        let (name, ours) = (format!("cover by {name}, {} grids; {size}", covered(&areas)), || {
            black_box(covered(black_box(&areas)));
        });
        cases.push(case(name, each, ours, || _ = black_box(walk(black_box(code)))));
        bar.inc(1);
    }
    let name = format!("cover by polygon, {} grids; {size}", covered(&shape));
    cases.push(case(name, each, || _ = black_box(covered(black_box(&shape))), || _ = black_box(boxed())));
    bar.inc(1);
    Ok(cases)
}

/// A circle of 64 corners around the middle of the ground, about a tenth of it.
fn ring() -> Vec<Point> {
    let corner = |i: u32| {
        let angle = f64::from(i % 64) / 64.0 * std::f64::consts::TAU;
        Point { lat: 25.0 + 1.43 * angle.sin(), lon: 101.5 + 1.43 * angle.cos() }
    };
    (0..=64).map(corner).collect()
}
