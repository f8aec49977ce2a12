//! `jiaoying demo`: a whole night on invented people, on a virtual clock paced to the wall.

use super::demo_scene::{Name, Played};
use super::demo_totals::Totals;
use super::demo_view::{self, View};
use crate::evidence::{self, Summary};
use crate::gateway::NotTaken;
use crate::gateway::simulator::People;
use crate::journal::{self, Journal, SelectCallouts};
use crate::model::{CalloutId, ClockState, Timestamp};
use crate::runtime::{Acts, CallKey, Deed, Health, Kept, Vouched};
use crate::sim::{Faults, World};
use crate::telemetry::Metrics;
use anyhow::Context;
use futures::future::{BoxFuture, FutureExt};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is played.
    #[arg(long, value_enum, default_value_t = Name::Nujiang)]
    scene: Name,
    /// Seed of the invented people; equal seeds give equal summaries.
    #[arg(long, default_value_t = 3)]
    seed: u64,
    /// How many virtual seconds pass in one second, while something happens; quiet hours are passed over.
    #[arg(long, default_value_t = 200.0)]
    speed: f64,
    /// Keep the board up when the night is over, until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// Print one JSON object last.
    #[arg(long)]
    json: bool,
    /// Port of the board, and the next one for the link page; 0 takes free ones.
    #[arg(long, default_value_t = 8480)]
    port: u16,
    /// Where to keep the night's database; a temporary folder when not given.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// A pause of the world is shown for no longer than this.
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// Virtual milliseconds for which everything must have been decided before the demo ends.
const QUIET_MS: i64 = 60_000;

/// Acts of people on the demo's pages, played into its world.
struct DemoActs {
    asks: mpsc::Sender<Ask>,
    clock: Arc<AtomicI64>,
}

enum Ask {
    Link { token: String, done: oneshot::Sender<Option<CallKey>> },
    AnswerLink { token: String, deed: Deed, done: oneshot::Sender<bool> },
    Vouch { vouched: Vouched, done: oneshot::Sender<()> },
}

impl DemoActs {
    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, NotTaken> {
        let (done, answer) = oneshot::channel();
        let over = |()| NotTaken("the demo is over".into());
        self.asks.send(ask(done)).await.map_err(|_| over(()))?;
        answer.await.map_err(|_| over(()))
    }
}

impl Acts for DemoActs {
    fn link(&self, token: String) -> BoxFuture<'_, Option<CallKey>> {
        async move { self.ask(|done| Ask::Link { token, done }).await.ok().flatten() }.boxed()
    }

    fn answer_link(&self, token: String, deed: Deed) -> BoxFuture<'_, Result<Option<Kept>, NotTaken>> {
        let told = async move { self.ask(|done| Ask::AnswerLink { token, deed, done }).await };
        told.map(|known| known.map(|known| known.then_some(None))).boxed()
    }

    fn vouch(&self, vouched: Vouched) -> BoxFuture<'_, Result<Kept, NotTaken>> {
        async move { self.ask(|done| Ask::Vouch { vouched, done }).await.map(|()| None) }.boxed()
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let temporary = std::env::temp_dir().join(format!("jiaoying-demo-{}", std::process::id()));
    let data = args.data.clone().unwrap_or_else(|| temporary.clone());
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let file = data.join("demo.db");
    anyhow::ensure!(!file.exists(), "{} is there already: the demo writes a new one", file.display());
    let result = play(&args, &format!("sqlite:{}", file.display())).await;
    if args.data.is_none() {
        // What was made for this run only goes with it.
        let _ = std::fs::remove_dir_all(&temporary);
    }
    result
}

async fn play(args: &Args, url: &str) -> anyhow::Result<ExitCode> {
    let journal = journal::open(url).await?;
    let Played { scene, title, end } = args.scene.played(args.seed)?;
    let last_post = scene.posts.iter().map(|p| p.at).max();
    let (begins, directory, key) = (scene.begins, scene.directory.clone(), scene.key.clone());
    let mut world = World::new(scene, journal.clone(), People::new(args.seed), Faults::default(), args.seed);
    world.man_duty_room(args.seed);
    let (asks, mut asked) = mpsc::channel(64);
    let clock = Arc::new(AtomicI64::new(begins.0));
    let acts = Arc::new(DemoActs { asks, clock: clock.clone() });
    let stop = CancellationToken::new();
    let state = super::pages::State {
        acts,
        gallery: world.gallery.clone(),
        journal: journal.clone(),
        directory,
        desk: None,
        reports: None,
        metrics: Metrics::new(),
        http: super::pages::loopback(args.port)?,
        bytes_max: 0,
        key,
    };
    let pages = super::pages::Pages::open(state, axum::Router::new(), stop.clone()).await?;
    world.set_link_base(&format!("{}/a/", pages.public_url));
    let mut view = View::new(title, args.speed, begins, &pages.internal_url);
    let began = Instant::now();
    let mut due = began;
    let mut paced = begins;
    // What goes up to the prefecture begins a moment after the county is through.
    let mut over_at = None;
    while let Some(at) = world.next_at().filter(|at| *at < end && over_at.is_none_or(|over| *at < over)) {
        let pause = at.micros_since(paced).max(0) as f64 / 1e6 / args.speed;
        due += Duration::from_secs_f64(pause).min(PAUSE_MAX);
        paced = paced.max(at);
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => world.step().await,
            Some(ask) = asked.recv() => answer(&mut world, ask).await,
            _ = tokio::signal::ctrl_c() => break,
        }
        clock.store(world.now.0, Ordering::Relaxed);
        view.show(&world);
        let told = last_post.is_none_or(|at| world.now > at);
        over_at = (told && is_over(&world)).then(|| over_at.unwrap_or(world.now.plus_ms(QUIET_MS)));
    }
    world.settle_all().await;
    let (summary, verified) = sum_up(&*journal).await?;
    let totals = Totals::of(&world);
    view.finish(&summary, &totals, &verified, began.elapsed(), world.now);
    if args.json {
        println!("{}", demo_view::figures(args.scene.word(), &summary, &totals, &verified));
    }
    let sound = verified.iter().all(|v| v.sound) && world.checks.violations.is_empty();
    if args.stay {
        view.stay(&pages.internal_url);
        loop {
            tokio::select! {
                Some(ask) = asked.recv() => answer(&mut world, ask).await,
                _ = tokio::signal::ctrl_c() => break,
            }
        }
    }
    stop.cancel();
    pages.closed().await;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether every target has an outcome or stands as an alarm whose first round is over, and every clock is
/// met or missed.
fn is_over(world: &World) -> bool {
    let callouts = world.gallery.all();
    let decided = |c: &crate::model::Callout| {
        let clocks = c.clocks.iter().all(|k| k.state != ClockState::Running);
        clocks && c.targets.iter().all(|t| !t.is_wanted() || t.alarm)
    };
    !callouts.is_empty() && callouts.iter().all(|c| decided(c))
}

async fn answer(world: &mut World, ask: Ask) {
    match ask {
        Ask::Link { token, done } => {
            let key = world.cell().and_then(|c| c.book().by_link(&token).cloned());
            let _ = done.send(key);
        }
        Ask::AnswerLink { token, deed, done } => {
            let known = world.tap_now(&token, deed).await;
            let _ = done.send(known);
        }
        Ask::Vouch { vouched, done } => {
            world.vouch_now(vouched).await;
            let _ = done.send(());
        }
    }
}

/// One verified timeline.
pub(super) struct Proven {
    pub callout: CalloutId,
    pub events: u64,
    pub sound: bool,
}

/// The summary over all callouts but drills, and each timeline exported and verified as an auditor would.
async fn sum_up(journal: &dyn Journal) -> anyhow::Result<(Summary, Vec<Proven>)> {
    let rows = journal.callouts(SelectCallouts::Before { before: Timestamp(i64::MAX), limit: 10_000 }).await?;
    let mut total = Summary::default();
    let mut proven = Vec::new();
    for id in rows.iter().filter_map(|r| r.stream.callout()) {
        if !id.is_drill() {
            total.merge(&evidence::summary(&evidence::replay_at(journal, &id, None).await?));
        }
        let mut export = Vec::new();
        evidence::export(journal, &id, &mut export).await?;
        let verified = evidence::verify(&export[..]);
        let events = verified.as_ref().map_or(0, |v| v.events);
        proven.push(Proven { callout: id, events, sound: verified.is_ok() });
    }
    anyhow::ensure!(!proven.is_empty(), "no callout was opened");
    Ok((total, proven))
}
