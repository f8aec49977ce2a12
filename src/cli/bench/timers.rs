//! Timers in the cell itself, without servers: a process of its own for each number of armed ones.
//!
//! Real orders for 129 callouts are decided by the cell, every call is released and taken by a gateway that answers at
//! once, and commits succeed at once. A grid then has two armed timers: its next step and its answer clock. The steps
//! of a few grids in each callout become due over some seconds of real time while all the others stay armed, and the
//! cell is driven as the engine drives it: asleep until it wants to be turned, then turned until nothing is left.
//!
//! - `lateness_ms`: from a step's due time until the turn that began the next step was over;
//! - `us_per_timer`: wall time of those turns over the timers that fired in them: decision, fold, records, hashes,
//!   releases and the gateway's answers;
//! - `bytes_per_timer`: growth of the process's resident memory from before the first order until all are armed, over
//!   the armed timers: the grid, its person's call and attempt, codes and indexes are all in it.

use super::child::resident_mib;
use super::figures::{Bar, Case, percentile, round, spread};
use super::ground::{Ground, KEY, counties};
use crate::directory::Directory;
use crate::dispatch::{Budgets, LaneSettings};
use crate::intake::formats;
use crate::journal::Lease;
use crate::model::{
    CalloutId, Channel, Colour, Command, Entry, Event, Fact, Message, Order, RegionCode, SecretKey, Stage, StepCause,
    Timestamp,
};
use crate::plan::{Extent, PlanFile, PlanSet, extent};
use crate::runtime::{Cell, CellParts, CellSettings, GatewayInfo, Output, ReplyWords, clock};
use crate::sim::message_json;
use anyhow::{Context, anyhow, ensure};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Arguments of `bench timers`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Armed timers; a process and a case each, the fewest first.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    pub armed: Vec<usize>,
    /// Grids in each callout whose next step becomes due.
    #[arg(long, default_value_t = 8)]
    pub due: usize,
    /// Seconds over which they become due.
    #[arg(long, default_value_t = 5)]
    pub over_s: i64,
}

const PLAN: &str = include_str!("storm-plan.toml");
/// Milliseconds of a step of the plan used here.
const STEP_MS: i64 = 3_600_000;
/// Milliseconds after which the grids are armed whose steps stay armed.
const REST_MS: i64 = 60_000;
const COUNTIES: usize = 129;

/// What fired.
#[derive(Default)]
struct Fired {
    lateness_ms: Vec<f64>,
    /// The turns in which something was due, and how long they took.
    turns: usize,
    busy: Duration,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<Vec<Case>> {
    if let [armed] = args.armed[..] {
        return Ok(vec![measured(armed, args)?]);
    }
    let bar = ProgressBar::new(args.armed.len() as u64);
    let mut cases = Vec::new();
    for armed in &args.armed {
        let (due, over_s) = (args.due.to_string(), args.over_s.to_string());
        let armed = armed.to_string();
        let asked = ["bench", "timers", "--json", "--armed", &armed, "--due", &due, "--over-s", &over_s];
        let said = tokio::process::Command::new(std::env::current_exe()?).args(asked).output().await?;
        let told: Value =
            serde_json::from_slice(&said.stdout).with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())?;
        let one = &told["cases"][0];
        let figures = one["figures"].as_object().cloned().context("a run of its own says nothing")?;
        let case = one["case"].as_str().unwrap_or_default().to_owned();
        cases.push(Case { bench: "timers", case, figures, bars: Vec::new() });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let cost = |case: Option<&Case>| case.and_then(|c| c.figures["us_per_timer"].as_f64()).unwrap_or(f64::NAN);
    let ratio = cost(cases.last()) / cost(cases.first());
    if let Some(last) = cases.last_mut() {
        last.bars.push(Bar::at_most("cost of a timer that fires, of that with the fewest armed", ratio, 2.0));
    }
    Ok(cases)
}

fn measured(armed: usize, args: &Args) -> anyhow::Result<Case> {
    let ground = counties(COUNTIES)?;
    let grids = (armed / 2).max(args.due * COUNTIES);
    let posts = [("grid", 1), ("village", 1)];
    let directory = Arc::new(Ground::default().grids(&ground, grids, &posts, &[Channel::Sms]).build()?);
    let plan = PLAN.replace("wait_s = 20", "wait_s = 3600").replace("within_s = 10", "within_s = 7200");
    let plan = plan.replace("in_force_s = 3600", "in_force_s = 36000").replace("\"voice\"", "\"sms\"");
    let plans = Arc::new(plan_set(&plan)?);
    let warning = Warning::new(&directory, &plans)?;
    let begins = clock::now();
    let mut cell = cell(directory.clone(), plans.clone(), begins);
    let before = resident_mib()?;
    // What becomes due first is armed first: orders of one warning, the second of which takes in more ground. Each is
    // made when it is taken, so that little of what is freed here is used again there.
    for (i, county) in (0..).zip(&ground) {
        let mut part = warning.order(county)?;
        part.ground.truncate(args.due);
        let at = begins.plus_ms(args.over_s * 1000 * i / COUNTIES as i64);
        take(&mut cell, &warning.callout(county), part, at);
    }
    for county in &ground {
        let at = begins.plus_ms(args.over_s * 1000 + REST_MS);
        take(&mut cell, &warning.callout(county), warning.order(county)?, at);
    }
    let armed: usize = cell.callouts().map(|c| c.agenda.timers.len()).sum();
    let held = resident_mib()? - before;
    let fired = fire(&mut cell, begins.plus_ms(STEP_MS), args.over_s);
    ensure!(fired.lateness_ms.len() == args.due * COUNTIES, "{} timers fired", fired.lateness_ms.len());
    let us = fired.busy.as_secs_f64() * 1e6 / fired.lateness_ms.len() as f64;
    let figures = json!({
        "armed": armed, "fired": fired.lateness_ms.len(), "lateness_ms": spread(&fired.lateness_ms),
        "us_per_timer": round(us), "turns": fired.turns, "bytes_per_timer": round(held * 1024.0 * 1024.0 / armed as f64),
        "resident_mib": round(resident_mib()?),
    });
    Ok(Case {
        bench: "timers",
        case: format!("{armed} armed in {COUNTIES} callouts"),
        figures: figures.as_object().cloned().unwrap_or_default(),
        bars: vec![Bar::at_most("lateness, p99 ms", percentile(&fired.lateness_ms, 99), 100.0)],
    })
}

fn plan_set(text: &str) -> anyhow::Result<PlanSet> {
    let file = PlanFile::parse("bench.toml", text).map_err(|f| anyhow!("{f:?}"))?;
    PlanSet::new(vec![file]).map_err(|f| anyhow!("{f:?}"))
}

/// One warning for all ground of a directory.
struct Warning<'a> {
    directory: &'a Directory,
    plans: &'a PlanSet,
    message: Message,
    extent: Extent,
}

// === impl Warning ===

impl<'a> Warning<'a> {
    fn new(directory: &'a Directory, plans: &'a PlanSet) -> anyhow::Result<Self> {
        let now = clock::now();
        let times = (now, now.plus_ms(10 * STEP_MS));
        let body = message_json("timers", "alert", &[], ("暴雨", Colour::Red.name()), &["53"], times);
        let message = formats::parse(&body).message.context("a message of our own is not read")?;
        let extent = extent(directory, plans, &message, directory.cover(&message.areas));
        Ok(Self { directory, plans, message, extent })
    }

    fn callout(&self, county: &RegionCode) -> CalloutId {
        CalloutId::of(county, &self.message.warning_id())
    }

    fn order(&self, county: &RegionCode) -> anyhow::Result<Order> {
        let id = self.message.warning_id();
        let order = self.extent.order(self.directory, self.plans, &self.message, &id, county, clock::now());
        order.context("no plan fits")
    }
}

fn cell(directory: Arc<Directory>, plans: Arc<PlanSet>, now: Timestamp) -> Cell {
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    let words = ReplyWords {
        yes: words(&["1"]),
        cannot: words(&["2"]),
        moving: Vec::new(),
        done: Vec::new(),
        knocked: Vec::new(),
        reached: Vec::new(),
        code_digits: 3,
    };
    let settings = CellSettings {
        name: "bench".into(),
        flush_events_max: 2000,
        first_targets: 50,
        words,
        ask_max: 2,
        code_hold_ms: STEP_MS,
        line_after_key_ms: 60_000,
        link_base: "http://127.0.0.1/a/".into(),
        budgets: Budgets::default(),
    };
    let lane = LaneSettings::unlimited("sink", &[Channel::Sms]);
    let parts = CellParts {
        settings,
        lease: Lease { cell: "bench".into(), epoch: 1 },
        directory,
        plans,
        key: SecretKey::new(KEY),
        gateways: vec![GatewayInfo { lane, idempotent: false, by_reference: false }],
        entropy: Box::new(|| KEY),
    };
    Cell::new(parts, now)
}

/// Takes an order in, and does all that follows at once.
fn take(cell: &mut Cell, id: &CalloutId, order: Order, now: Timestamp) {
    cell.command(id, Command::Apply(Box::new(order)), None, now);
    drive(cell, now, |_, _| {});
}

/// Turns the cell until nothing is left to do; `seen` is told of what was committed.
fn drive(cell: &mut Cell, now: Timestamp, mut seen: impl FnMut(&CalloutId, &[Entry])) {
    loop {
        cell.turn(now);
        let batch = cell.batch(now);
        if let Some(batch) = &batch {
            cell.flushed(&Ok(vec![Ok(()); batch.groups.len()]), now);
        }
        let outputs = cell.outputs();
        if batch.is_none() && outputs.is_empty() {
            return;
        }
        for output in outputs {
            match output {
                Output::Submit { gateway, attempts } => {
                    let accepted = Fact::Reached { stage: Stage::Submitted, reference: None };
                    let facts = attempts.into_iter().map(|a| (a.key, accepted.clone())).collect();
                    cell.submitted(&gateway, facts, now);
                }
                // Nothing was stored before.
                Output::Load(id) => drop(cell.load(&id, &[], None, now)),
                Output::Committed(committed) => seen(&committed.callout, &committed.entries),
                _ => {}
            }
        }
    }
}

/// Lets the first steps become due, the first one in a second from now, and the cell sleep between them.
fn fire(cell: &mut Cell, first_due: Timestamp, over_s: i64) -> Fired {
    let mut fired = Fired::default();
    let began = Instant::now();
    let passed = |began: Instant| i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
    let now = || Timestamp(first_due.plus_ms(-1000).0 + passed(began));
    let due: HashMap<CalloutId, Timestamp> =
        cell.callouts().filter_map(|c| Some((c.id.clone(), c.next_due()?))).collect();
    let end = first_due.plus_ms(over_s * 1000 + 500);
    while now() < end {
        let at = now();
        let wake = cell.next_wake(at).unwrap_or(end).min(end);
        if wake > at {
            std::thread::sleep(Duration::from_micros(wake.micros_since(at).unsigned_abs()));
            continue;
        }
        let (turn, mut of_turn) = (Instant::now(), Vec::new());
        drive(cell, at, |callout, entries| {
            let step = |e: &&Entry| matches!(e.1, Event::StepStarted { cause: StepCause::Deadline, .. });
            of_turn.extend(entries.iter().filter(step).filter_map(|_| due.get(callout).copied()));
        });
        let over = now();
        fired.lateness_ms.extend(of_turn.iter().map(|due| over.micros_since(*due) as f64 / 1000.0));
        if !of_turn.is_empty() {
            fired.turns += 1;
            fired.busy += turn.elapsed();
        }
    }
    fired
}
