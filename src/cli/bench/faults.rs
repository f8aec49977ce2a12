//! Bad input under load: what is healthy keeps its rate. On PostgreSQL, with and without the fault in turn: A B A B.
//!
//! - *broken messages*: many small warnings, each for a few persons; with the fault, every tenth message beside them is
//!   broken (longer than the limit, cut off, no message at all, of ground that nobody knows).
//! - *a gateway that …*: a warning whose persons are called over the sink (short messages) and over a second gateway
//!   (voice) at once. With the fault the second one hangs (until the program's time for it is over), answers 429 with
//!   `Retry-After: 2`, or answers 200 after `--slow-s` seconds; without it, it answers at once. A warning ends by its own
//!   time, and the next one begins when nothing is under way at the second gateway any more.
//!
//! `calls_per_s` are the sink's calls, from just before the (first) publish until the last one came; `without_per_s`
//! the same without the fault. `limits_hit` are the program's own series that name what held or failed.

use super::Servers;
use super::child::Child;
use super::figures::{Bar, Case, median, round};
use super::ground::{counties, directory};
use super::rig::{Rig, SECRET, Setup, Store};
use crate::model::{Channel, Colour, RegionCode};
use anyhow::bail;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Arguments of `bench faults`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Persons of a warning.
    #[arg(long, default_value_t = 2000)]
    pub persons: usize,
    /// Counties that they live in.
    #[arg(long, default_value_t = 10)]
    pub counties: usize,
    /// Small warnings among which messages are broken.
    #[arg(long, default_value_t = 200)]
    pub messages: usize,
    /// Seconds after which a slow gateway answers; a hanging one is given up two seconds later.
    #[arg(long, default_value_t = 30)]
    pub slow_s: u64,
    /// Milliseconds for which a warning beside a second gateway is in force: its calls over the sink are through
    /// long before.
    #[arg(long, default_value_t = 5000)]
    pub lasts_ms: i64,
    /// Turns with and without the fault, behind one without it that is not counted.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
}

/// How the second gateway behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Hangs,
    Asks,
    Slow,
}

const MOODS: [(Mood, &str); 3] =
    [(Mood::Hangs, "a gateway that hangs"), (Mood::Asks, "a gateway that answers 429"), (Mood::Slow, "a slow gateway")];

/// The second gateway.
#[derive(Clone)]
struct Second {
    mood: Arc<AtomicU8>,
    slow: Duration,
}

/// What turns found.
#[derive(Default)]
struct Turns {
    with: Vec<f64>,
    without: Vec<f64>,
    lost: usize,
    duplicates: usize,
}

pub(super) async fn run(args: &Args, servers: &Servers) -> anyhow::Result<Vec<Case>> {
    let bar = ProgressBar::new((1 + MOODS.len() as u64) * args.rounds as u64);
    let ground = counties(args.counties)?;
    let directory = directory(&ground, args.persons, &[Channel::Sms, Channel::Voice])?;
    // Every call is one that the sink counts, also when several warnings want the same person.
    let setup = Setup { more: "[dispatch]\nbundle_max = 1\n".into(), ..Setup::quiet(Store::Postgres, 1) };
    let rig = Rig::new(servers, &setup, &directory).await?;
    let broken = broken_messages(args, &rig, &ground, &bar).await;
    rig.close().await?;
    let mut cases = vec![broken?];
    for (mood, name) in MOODS {
        let second = Second { mood: Arc::default(), slow: Duration::from_secs(args.slow_s) };
        let setup = Setup { channels: "[\"sms\"]", more: second.start().await?, ..Setup::quiet(Store::Postgres, 2) };
        let rig = Rig::new(servers, &setup, &directory).await?;
        let case = beside(args, &rig, &ground, (&second, mood, name), &bar).await;
        rig.close().await?;
        cases.push(case?);
    }
    bar.finish_and_clear();
    Ok(cases)
}

async fn broken_messages(args: &Args, rig: &Rig, ground: &[RegionCode], bar: &ProgressBar) -> anyhow::Result<Case> {
    let program = rig.serve().await?;
    let mut turns = Turns::default();
    many(args, rig, ground, "洪水", false, &mut turns).await?;
    for n in 0..args.rounds {
        let without = many(args, rig, ground, &format!("暴雨{n}"), false, &mut turns).await?;
        let with = many(args, rig, ground, &format!("大风{n}"), true, &mut turns).await?;
        turns.with.push(with);
        turns.without.push(without);
        bar.inc(1);
    }
    turns.case(rig, program, "one message in ten is broken").await
}

/// Small warnings one behind the other; calls a second.
async fn many(
    args: &Args,
    rig: &Rig,
    ground: &[RegionCode],
    hazard: &str,
    broken: bool,
    turns: &mut Turns,
) -> anyhow::Result<f64> {
    rig.sink.expect_anew();
    let (began, mut calls) = (Instant::now(), 0);
    for n in 0..args.messages {
        let county = n % ground.len();
        let (_, body) = rig.warning(&format!("{hazard}-{n}"), Colour::Red, &ground[county..=county], 3_600_000);
        rig.publish_body(Colour::Red, &body).await?;
        // Persons are spread evenly, the first counties get what is left over.
        calls += args.persons / ground.len() + usize::from(county < args.persons % ground.len());
        if broken && n % 9 == 8 {
            rig.publish_body(Colour::Red, &spoilt(n / 9, &body)).await?;
        }
    }
    turns.calls(rig, began, calls).await
}

/// A message that cannot be acted on, in four ways.
fn spoilt(n: usize, body: &[u8]) -> Vec<u8> {
    match n % 4 {
        0 => [body, &vec![b' '; 2 << 20]].concat(),
        1 => body[..body.len() * 2 / 3].to_vec(),
        2 => vec![0xFF; 1000],
        _ => String::from_utf8_lossy(body).replace("\"5", "\"9").into_bytes(),
    }
}

/// Warnings that are called over two gateways, the second of which is well or is not.
async fn beside(
    args: &Args,
    rig: &Rig,
    ground: &[RegionCode],
    (second, mood, name): (&Second, Mood, &str),
    bar: &ProgressBar,
) -> anyhow::Result<Case> {
    let program = rig.serve().await?;
    let mut turns = Turns::default();
    one(args, rig, ground, "洪水", &mut turns).await?;
    for n in 0..args.rounds {
        second.be(Mood::Well);
        let without = one(args, rig, ground, &format!("暴雨{n}"), &mut turns).await?;
        second.be(mood);
        let with = one(args, rig, ground, &format!("大风{n}"), &mut turns).await?;
        turns.with.push(with);
        turns.without.push(without);
        bar.inc(1);
    }
    turns.case(rig, program, name).await
}

async fn one(args: &Args, rig: &Rig, ground: &[RegionCode], hazard: &str, turns: &mut Turns) -> anyhow::Result<f64> {
    rig.sink.expect_anew();
    let closed = r#"jiaoying_events_total{kind="closed"}"#;
    let before = rig.metric(closed).await?;
    let (_, body) = rig.warning(hazard, Colour::Red, ground, args.lasts_ms);
    let began = rig.publish_body(Colour::Red, &body).await?;
    let per_s = turns.calls(rig, began, args.persons).await?;
    rig.metric_reaches(closed, before + ground.len() as f64).await?;
    let under_way = r#"jiaoying_lane_in_flight{gateway="second"}"#;
    let end = Instant::now() + Duration::from_secs(2 * args.slow_s + 60);
    // The program shows it twice a second.
    loop {
        tokio::time::sleep(Duration::from_millis(600)).await;
        if rig.metric(under_way).await? == 0.0 {
            return Ok(per_s);
        }
        if Instant::now() > end {
            bail!("something is under way at the second gateway for ever");
        }
    }
}

// === impl Turns ===

impl Turns {
    /// Waits for so many calls at the sink; calls a second.
    async fn calls(&mut self, rig: &Rig, began: Instant, calls: usize) -> anyhow::Result<f64> {
        let seen = rig.sink.seen(calls).await?;
        self.lost += calls.saturating_sub(seen.keys.len());
        self.duplicates += seen.attempts - seen.keys.len();
        let last = seen.last.map_or(f64::INFINITY, |last| last.duration_since(began).as_secs_f64());
        Ok(calls as f64 / last)
    }

    async fn case(self, rig: &Rig, program: Child, name: &str) -> anyhow::Result<Case> {
        let ratio = median(&self.with) / median(&self.without);
        let mut limits = serde_json::Map::new();
        for series in ["jiaoying_limit_hit_total", "jiaoying_parked_total", "jiaoying_gateway_failures_total"] {
            let hit = rig.metrics(series).await?.into_iter().filter(|(_, value)| *value > 0.0);
            limits.extend(hit.map(|(name, value)| (name.replace("jiaoying_", ""), value.into())));
        }
        let figures = json!({
            "calls_per_s": round(median(&self.with)), "without_per_s": round(median(&self.without)),
            "ratio": round(ratio), "peak_mib": round(program.peak_mib()?), "limits_hit": Value::Object(limits),
            "lost": self.lost, "duplicates": self.duplicates,
        });
        program.kill().await;
        Ok(Case {
            bench: "faults",
            case: name.to_owned(),
            figures: figures.as_object().cloned().unwrap_or_default(),
            bars: vec![Bar::at_least("rate of what is healthy, of that without the fault", ratio, 0.9)],
        })
    }
}

// === impl Second ===

impl Second {
    /// Begins to listen; the program's configuration for it.
    async fn start(&self) -> anyhow::Result<String> {
        let app = Router::new().route("/", post(answer)).route("/withdraw", post(|| async { "{}" }));
        let (app, listener) = (app.with_state(self.clone()), TcpListener::bind("127.0.0.1:0").await?);
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(format!(
            "[[gateway]]\nid = \"second\"\nkind = \"http\"\nchannels = [\"voice\"]\nurl = {url:?}\n\
             secret = {SECRET:?}\nrate_per_s = 1000000\nburst = 100000\nwindow = 10000\nlines = 1000000\n\
             batch_max = 200\ntimeout_ms = {}\n",
            (self.slow.as_secs() + 2) * 1000,
        ))
    }

    fn be(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }
}

async fn answer(State(second): State<Second>, body: Bytes) -> Response {
    let mood = second.mood.load(Ordering::Relaxed);
    if mood == Mood::Hangs as u8 {
        std::future::pending::<()>().await;
    }
    if mood == Mood::Asks as u8 {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")]).into_response();
    }
    if mood == Mood::Slow as u8 {
        tokio::time::sleep(second.slow).await;
    }
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let attempts = asked["attempts"].as_array().into_iter().flatten();
    let results: Vec<_> = attempts.map(|a| json!({ "key": a["key"], "status": "accepted" })).collect();
    axum::Json(json!({ "results": results })).into_response()
}
