//! `jiaoying serve`: puts the parts together and runs them until it is told to stop.

use super::installation;
use super::pages::Pages;
use super::{registered, routes};
use crate::config::{self, Carrier, Config, Drill, authorities};
use crate::directory::{self, Directory, Draft};
use crate::dispatch::{Budgets, CarrierBudget, GatewayStanding, LaneSettings, PersonBudget};
use crate::gateway::{self, Door, Gateway, LateUpcalls};
use crate::intake::amqp::{self, AmqpConfig, AmqpDoor};
use crate::intake::formats::Limits;
use crate::intake::reports::{Keywords, REPORT_ACCOUNT, ReportDesk, ReportDoor, ReportRules, run_reports};
use crate::intake::{
    DRILL_ACCOUNT, Desk, DrillSchedule, FrontDesk, Posted, Receipt, Recent, Retracted, Retraction, Sender, Senders,
    Unavailable, run_drills,
};
use crate::journal::Journal;
use crate::model::{Colour, Hazard, RegionCode, SecretKey, Severity, Status};
use crate::plan::PlanSet;
use crate::runtime::{
    self, Canaries, CanaryDoor, CellSettings, EngineHandle, EngineParts, Gallery, GatewayInfo, HealthPart, ReplyWords,
    clock, entropy, run_canaries, seed,
};
use crate::telemetry::{self, Metrics};
use anyhow::{Context, anyhow, bail};
use axum::Router;
use futures::future::{BoxFuture, FutureExt};
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) async fn run(_args: Args, config: Config) -> anyhow::Result<ExitCode> {
    telemetry::init(config.log.format, &config.log.level).map_err(|e| anyhow!("log: {e}"))?;
    let stop = CancellationToken::new();
    let service = Service::start(&config, stop.clone()).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut reload = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
            _ = reload.recv() => service.reload().await,
        }
    }
    tracing::info!("stopping");
    stop.cancel();
    service.stopped().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// A running service.
pub(super) struct Service {
    journal: Arc<dyn Journal>,
    key: SecretKey,
    handle: EngineHandle,
    desk: Arc<FrontDesk>,
    pages: Pages,
    door: Option<AmqpDoor>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// The desk, with what it did counted.
struct Counted {
    desk: Arc<FrontDesk>,
    metrics: Metrics,
    bytes_max: usize,
}

impl Desk for Counted {
    fn post(&self, posted: Posted) -> BoxFuture<'_, Result<Receipt, Unavailable>> {
        async move {
            if posted.body.len() > self.bytes_max {
                self.metrics.limit_hit("intake.bytes_max");
            }
            let door = posted.door;
            let receipt = self.desk.post(posted).await?;
            let result = match (receipt.accepted, receipt.duplicate) {
                (true, true) => "duplicate",
                (true, false) => "accepted",
                (false, _) => "rejected",
            };
            self.metrics.message(door, result);
            if receipt.parked.is_some() && !receipt.duplicate {
                self.metrics.parked();
            }
            Ok(receipt)
        }
        .boxed()
    }

    fn retract(&self, retraction: Retraction) -> BoxFuture<'_, Result<Retracted, Unavailable>> {
        self.desk.retract(retraction)
    }
}

// === impl Service ===

impl Service {
    pub(super) async fn start(config: &Config, stop: CancellationToken) -> anyhow::Result<Self> {
        for notice in config.notices() {
            tracing::warn!(notice, "configuration");
        }
        let journal = installation::open_journal(config).await?;
        let key = installation::key_to_store(config, &*journal).await?;
        let directory = Arc::new(directory_in_force(&*journal, &key).await?);
        let plans = Arc::new(PlanSet::load(&config.plans.dir).map_err(|f| anyhow!("plans: {}", join(&f)))?);
        let found = registered::findings(config);
        let (fatal, told): (Vec<_>, Vec<_>) = found.into_iter().partition(|f| f.severity == Severity::Fatal);
        if !fatal.is_empty() {
            bail!("{}", join(&fatal));
        }
        told.iter().for_each(|finding| tracing::warn!(%finding, "templates"));
        let (handle, asks) = EngineHandle::new();
        let told = Arc::<LateUpcalls>::default();
        let (gallery, metrics) = (Arc::<Gallery>::default(), Metrics::new());
        let clock = Arc::new(clock::now);
        let door = Door { upcalls: told.clone(), clock, metrics: metrics.clone(), stop: stop.clone(), seed: seed() };
        let (gateways, callbacks) = gateways(config, &door)?;
        let probe = |(gateway, _): &(Arc<dyn Gateway>, GatewayInfo)| gateway_probe(gateway.clone(), gallery.clone());
        gateways.iter().for_each(|gateway| handle.add_probe(probe(gateway)));
        let canaries = Arc::new(Canaries::new(routes::canaries(config, &gateways)));
        let posted = handle.clone();
        let desk = Arc::new(FrontDesk {
            journal: journal.clone(),
            directory: RwLock::new(directory.clone()),
            plans: plans.clone(),
            senders: senders(config)?,
            limits: limits(config),
            key: key.clone(),
            clock: Arc::new(clock::now),
            entropy: Arc::new(entropy),
            posted: Arc::new(move |items| {
                let engine = posted.clone();
                async move { engine.inbox_posted(items).await }.boxed()
            }),
            recent: Recent::default(),
        });
        let counted: Arc<dyn Desk> =
            Arc::new(Counted { desk: desk.clone(), metrics: metrics.clone(), bytes_max: config.intake.bytes_max });
        let mut tasks = Vec::new();
        let ways = gateways.iter().map(|(gateway, info)| (gateway.clone(), info.lane.drill)).collect();
        let reports =
            Arc::new(ReportDesk::new(desk.clone(), counted.clone(), report_rules(config)?, ways, metrics.clone()));
        let parts = EngineParts {
            journal: journal.clone(),
            settings: settings(config)?,
            directory: directory.clone(),
            plans,
            key: key.clone(),
            gateways,
            orders: desk.clone(),
            gallery: gallery.clone(),
            metrics: metrics.clone(),
            holder: runtime::holder(&entropy()[..6]),
            lease_ttl_ms: i64::try_from(config.cell.lease_ttl_s)?.saturating_mul(1000),
            inbox_batch_max: config.intake.inbox_batch_max,
            shutdown_grace: Duration::from_secs(config.runtime.shutdown_grace_s),
        };
        // On a thread of its own, so that what it begins runs beside it: a task that it spawned on a worker would not
        // begin before the engine itself has nothing left to do.
        let (host, engine) =
            (tokio::runtime::Handle::current(), runtime::run(parts, handle.clone(), asks, stop.clone()));
        tasks.push(tokio::task::spawn_blocking(move || host.block_on(engine)));
        let engine = handle.clone();
        tasks.push(tokio::spawn(run_reports(reports.clone(), move || engine.leads(), stop.clone())));
        let (engine, saw) = (handle.clone(), handle.clone());
        tasks.push(tokio::spawn(run_canaries(
            canaries.clone(),
            move || engine.leads(),
            move |gateway, result| saw.canary(gateway, result),
            clock::now,
            stop.clone(),
        )));
        let schedules = schedules(config)?;
        if !schedules.is_empty() {
            let engine = handle.clone();
            tasks.push(tokio::spawn(run_drills(desk.clone(), schedules, move || engine.leads(), stop.clone())));
        }
        let door = match config.amqp.enabled {
            true => Some(open_door(config, &counted, &handle, &mut tasks, (&gallery, &journal, &metrics), &stop)?),
            false => None,
        };
        let texts = ReportDoor { reports: reports.clone(), engine: Arc::new(handle.clone()), answers: words(config) };
        told.lead_to(Arc::new(CanaryDoor { canaries, rest: Arc::new(texts) }));
        let state = super::pages::State {
            acts: Arc::new(handle.clone()),
            gallery,
            journal: journal.clone(),
            directory,
            // This door counts by itself.
            desk: Some(desk.clone()),
            reports: Some(reports),
            metrics,
            http: config.http.clone(),
            bytes_max: config.intake.bytes_max,
            key: key.clone(),
        };
        let pages = Pages::open(state, callbacks, stop).await?;
        tracing::info!(board = pages.internal_url, public = pages.public_url, "listening");
        Ok(Self { journal, key, handle, desk, pages, door, tasks })
    }

    /// Takes the last published directory version into force, on SIGHUP.
    async fn reload(&self) {
        match directory_in_force(&*self.journal, &self.key).await {
            Ok(directory) => {
                let directory = Arc::new(directory);
                tracing::info!(version = directory.version(), "directory in force");
                *self.desk.directory.write().unwrap_or_else(std::sync::PoisonError::into_inner) = directory.clone();
                self.pages.set_directory(directory.clone());
                self.handle.set_directory(directory).await;
            }
            Err(error) => tracing::error!(%error, "directory not taken, the one before stays in force"),
        }
    }

    pub(super) async fn stopped(self) {
        if let Some(door) = &self.door {
            door.closed().await;
        }
        for task in self.tasks {
            // A task that panicked has said so; the others still get their time.
            let _ = task.await;
        }
        self.pages.closed().await;
    }
}

/// Opens the AMQP door and the follower that publishes progress through it.
fn open_door(
    config: &Config,
    desk: &Arc<dyn Desk>,
    handle: &EngineHandle,
    tasks: &mut Vec<tokio::task::JoinHandle<()>>,
    (gallery, journal, metrics): (&Arc<Gallery>, &Arc<dyn Journal>, &Metrics),
    stop: &CancellationToken,
) -> anyhow::Result<AmqpDoor> {
    let section = &config.amqp;
    let settings = AmqpConfig {
        urls: vec![section.url.reveal()?.as_str().into()],
        ca_pem: section.ca_file.as_deref().map(authorities).transpose().context("amqp.ca_file")?,
        warnings_exchange: section.exchange.clone(),
        urgent_queue: section.urgent_queue.clone(),
        normal_queue: section.normal_queue.clone(),
        parking_queue: section.parking_queue.clone(),
        events_exchange: section.events_exchange.clone(),
        urgent_prefetch: section.prefetch_urgent,
        normal_prefetch: section.prefetch_normal,
        body_max_bytes: config.intake.bytes_max,
        backoff_min_ms: section.backoff_min_ms,
        backoff_max_ms: section.backoff_max_ms,
        confirm_timeout_ms: section.confirm_timeout_ms,
        ..AmqpConfig::default()
    };
    let faults = settings.faults();
    if !faults.is_empty() {
        bail!("amqp: {}", faults.join("; "));
    }
    let door = amqp::spawn(settings, desk.clone(), seed(), stop.clone());
    let follow = amqp::follow(gallery.clone(), journal.clone(), door.publisher(), metrics.clone(), stop.clone());
    tasks.push(tokio::spawn(follow));
    let status = door.watch();
    handle.add_probe(Box::new(move || {
        let s = status();
        let detail = match (&s.last_error, s.blocked) {
            (_, true) => "the broker is short of memory or disk".into(),
            (Some(error), _) if !s.connected || !s.consuming => error.clone(),
            _ => "consumes".into(),
        };
        HealthPart { name: "amqp".into(), well: s.connected && s.consuming && !s.blocked, vital: true, detail }
    }));
    Ok(door)
}

/// The last published directory; without one, only the divisions of Yunnan, so that every warning
/// shows as ground that nobody answers for.
async fn directory_in_force(journal: &dyn Journal, key: &SecretKey) -> anyhow::Result<Directory> {
    match journal.directory(None).await? {
        Some(stored) => installation::open_version(&stored, key),
        None => {
            tracing::warn!("no directory is published: nobody can be called (jiaoying import)");
            let draft = Draft { regions: directory::yunnan().to_vec(), ..Draft::default() };
            draft.build(0).map_err(|f| anyhow!("directory: {}", join(&f)))
        }
    }
}

/// The gateways with their limits, and the routes that their other sides call.
type Gateways = (Vec<(Arc<dyn Gateway>, GatewayInfo)>, Router);

fn gateways(config: &Config, door: &Door) -> anyhow::Result<Gateways> {
    let (mut gateways, mut callbacks) = (Vec::new(), Router::new());
    for section in &config.gateways {
        let opened = gateway::open(section, door)?;
        let lane = LaneSettings {
            id: opened.gateway.id().clone(),
            channels: opened.gateway.channels().to_vec(),
            drill: section.drill,
            rate_per_s: f64::from(section.rate_per_s),
            burst: section.burst,
            window: section.window,
            lines: section.lines,
            templates: registered::templates(section).map_err(|f| anyhow!("{f}"))?,
            route: routes::route(config, section),
        };
        let (idempotent, by_reference) = (opened.gateway.is_idempotent(), opened.gateway.reports_by_reference());
        gateways.push((opened.gateway, GatewayInfo { lane, idempotent, by_reference }));
        callbacks = callbacks.merge(opened.callbacks);
    }
    Ok((gateways, callbacks))
}

/// Tells of a gateway in the installation's health: how it stands itself, and how it stands with the engine.
fn gateway_probe(gateway: Arc<dyn Gateway>, gallery: Arc<Gallery>) -> runtime::HealthProbe {
    Box::new(move || {
        let condition = gateway.condition();
        let name = format!("gateway/{}", gateway.id());
        let shown = gallery.gateways();
        let wrong = shown.iter().find(|s| s.id == *gateway.id()).and_then(GatewayStanding::wrong);
        let detail = wrong.clone().filter(|_| condition.well).unwrap_or(condition.detail);
        HealthPart { name, well: condition.well && wrong.is_none(), vital: false, detail }
    })
}

fn senders(config: &Config) -> anyhow::Result<Senders> {
    let mut senders = Vec::new();
    for s in &config.senders {
        let regions = s.regions.iter().map(|r| RegionCode::parse(r)).collect::<Result<_, _>>();
        senders.push(Sender {
            name: s.name.clone(),
            account: s.account.clone(),
            senders: s.senders.clone(),
            regions: regions.map_err(|e| anyhow!("sender {}: {e}", s.name))?,
            hazards: s.hazards.iter().map(|h| Hazard::from_word(h)).collect(),
            statuses: s.statuses.iter().filter_map(|status| Status::from_word(status.name())).collect(),
        });
    }
    // Its name cannot be given to another: the configuration refuses that.
    senders.push(Sender {
        name: "演练计划 drill schedule".into(),
        account: DRILL_ACCOUNT.into(),
        senders: vec![DRILL_ACCOUNT.into()],
        regions: Vec::new(),
        hazards: Vec::new(),
        statuses: vec![Status::Exercise],
    });
    senders.push(Sender {
        name: "险情报告 hazard reports".into(),
        account: REPORT_ACCOUNT.into(),
        senders: vec![config.reports.sender.clone()],
        regions: Vec::new(),
        hazards: Vec::new(),
        statuses: vec![Status::Actual, Status::Exercise],
    });
    Ok(Senders(senders))
}

/// What the configuration says of hazard reports.
fn report_rules(config: &Config) -> anyhow::Result<ReportRules> {
    let reports = &config.reports;
    Ok(ReportRules {
        keywords: Keywords(reports.keywords.clone()),
        sender: reports.sender.clone(),
        answer_within_ms: i64::from(reports.answer_within_s) * 1000,
        same_within_ms: i64::from(reports.same_within_s) * 1000,
        duty_posts: reports.duty_posts.clone(),
        trusted_posts: reports.trusted_posts.clone(),
        trusted_hazards: reports.trusted_hazards.iter().map(|word| Hazard::from_word(word)).collect(),
        trusted_colour: Colour::from_word(&reports.trusted_colour).context("reports.trusted_colour")?,
    })
}

/// The scheduled drills of the configuration.
pub(super) fn schedules(config: &Config) -> anyhow::Result<Vec<DrillSchedule>> {
    let schedule = |d: &Drill| {
        let at = || format!("drill {}", d.name);
        let regions = d.regions.iter().map(|r| RegionCode::parse(r)).collect::<Result<_, _>>();
        Ok(DrillSchedule {
            name: d.name.clone(),
            regions: regions.map_err(|e| anyhow!("{}: {e}", at()))?,
            hazard: d.hazard.clone(),
            colour: Colour::from_word(&d.colour).with_context(at)?,
            days: d.span().or_else(|| d.on().map(|day| (day, day))).with_context(at)?,
            in_turn: d.on.is_none(),
            minute: d.minute().with_context(at)?,
            title: d.title.clone(),
            text: d.text.clone(),
            lasts_ms: i64::from(d.lasts_min) * 60_000,
            grace_ms: i64::from(d.grace_h) * 3_600_000,
        })
    };
    config.drills.iter().map(schedule).collect()
}

fn limits(config: &Config) -> Limits {
    Limits {
        bytes_max: config.intake.bytes_max,
        depth_max: config.intake.depth_max,
        elements_max: config.intake.elements_max,
        findings_max: config.intake.findings_max,
    }
}

fn settings(config: &Config) -> anyhow::Result<CellSettings> {
    Ok(CellSettings {
        name: config.cell.name.clone(),
        flush_events_max: config.runtime.flush_events_max,
        first_targets: config.runtime.first_targets,
        words: words(config),
        ask_max: u8::try_from(config.replies.ask_max).unwrap_or(u8::MAX),
        code_hold_ms: i64::from(config.replies.code_hold_h) * 3_600_000,
        line_after_key_ms: i64::try_from(config.runtime.line_after_key_s)?.saturating_mul(1000),
        link_base: registered::link_base(config),
        budgets: budgets(config)?,
    })
}

fn words(config: &Config) -> ReplyWords {
    let replies = &config.replies;
    ReplyWords {
        yes: replies.yes.clone(),
        cannot: replies.cannot.clone(),
        moving: replies.moving.clone(),
        done: replies.done.clone(),
        knocked: replies.knocked.clone(),
        reached: replies.reached.clone(),
        code_digits: usize::from(replies.code_digits),
    }
}

fn budgets(config: &Config) -> anyhow::Result<Budgets> {
    let colour = |word: &Option<String>| word.as_deref().and_then(Colour::from_word);
    let carrier = |c: &Carrier| CarrierBudget {
        name: c.name.clone(),
        prefixes: c.prefixes.clone(),
        rate_per_s: c.rate_per_s.map_or(f64::INFINITY, f64::from),
        burst: c.burst.unwrap_or(1),
        yields_to: colour(&c.yields_to).filter(|_| !c.contract),
    };
    let person = |p: &config::PersonBudget| PersonBudget {
        per_hour: p.per_hour,
        per_day: p.per_day,
        yields_to: colour(&p.yields_to),
    };
    let person = config.person_budget.as_ref().map(person).unwrap_or_default();
    let ported = routes::ported(config)?;
    let carriers = config.carriers.iter().map(carrier).collect();
    Ok(Budgets { carriers, person, ported, bundle_max: config.dispatch.bundle_max })
}

fn join(findings: &[crate::model::Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
