//! What a bench runs on: a scratch store, a broker with names of its own, the sink, and the program as a child.

use super::child::{Child, WAIT};
use super::sink::Sink;
use super::{Servers, ground};
use crate::directory::{Directory, encode};
use crate::intake::formats;
use crate::journal::{self, Journal};
use crate::model::{Colour, RegionCode, SecretKey, Timestamp, WarningId};
use crate::runtime::clock;
use crate::sim::message_json;
use anyhow::{Context, bail};
use lapin::options::{BasicPublishOptions, ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use sqlx::Connection as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// One short message to everybody, and then nothing for an hour.
const PLAN: &str = include_str!("plan.toml");
/// What the sink and the program sign with.
pub(super) const SECRET: &str = "bench secret of 16 bytes";

const HOUR_MS: i64 = 3_600_000;

/// Which store a case runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Store {
    Postgres,
    Sqlite,
}

/// How the program is set up for a case.
pub(super) struct Setup {
    pub store: Store,
    /// The plan's text.
    pub plan: String,
    /// What the sink serves, as a list of TOML.
    pub channels: &'static str,
    /// Attempts a second that the sink takes, and how many at once after a pause.
    pub rate_per_s: usize,
    pub burst: usize,
    /// Lines of configuration behind those that every case has.
    pub more: String,
}

/// The rig of a case. [`Rig::close`] removes what it made.
pub(super) struct Rig {
    /// The store's URL.
    pub store: String,
    pub journal: Arc<dyn Journal>,
    pub sink: Sink,
    /// What its queues and exchanges begin with.
    pub name: String,
    folder: PathBuf,
    database: Option<(String, String)>,
    /// The two listeners' URLs.
    pub internal: String,
    pub public: String,
    pub client: reqwest::Client,
    channel: Channel,
}

// === impl Store ===

impl Store {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

// === impl Setup ===

impl Setup {
    /// A plan on a sink that is no limit.
    pub(super) fn of(store: Store, plan: String) -> Self {
        let channels = "[\"sms\", \"voice\"]";
        Self { store, plan, channels, rate_per_s: 1_000_000, burst: 100_000, more: String::new() }
    }

    /// The plan of one message per person on each of so many channels.
    pub(super) fn quiet(store: Store, channels: usize) -> Self {
        let ring = "  [[step.ring]]\n  channel = \"voice\"\n  tries = 1\n  wait_s = 3600\n";
        let second = if channels > 1 { ring } else { "" };
        Self::of(store, PLAN.replace("# second ring\n", second))
    }
}

// === impl Rig ===

impl Rig {
    /// Makes the scratch store with a directory in it, and the configuration.
    pub(super) async fn new(servers: &Servers, setup: &Setup, directory: &Directory) -> anyhow::Result<Self> {
        static RIGS: AtomicU32 = AtomicU32::new(0);
        let name = format!("jiaoying_bench_{}_{}", std::process::id(), RIGS.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(folder.join("plans"))?;
        std::fs::write(folder.join("plans/bench.toml"), &setup.plan)?;
        let (store, database) = match setup.store {
            Store::Sqlite => (format!("sqlite:{}", folder.join("journal.db").display()), None),
            Store::Postgres => {
                administer(&servers.postgres, &format!("create database {name}")).await?;
                let (server, _) = servers.postgres.rsplit_once('/').context("--postgres names no database")?;
                (format!("{server}/{name}"), Some((servers.postgres.clone(), name.clone())))
            }
        };
        let journal = journal::open(&store).await?;
        let key = SecretKey::new(ground::KEY);
        journal.put_directory(true, Timestamp(0), encode(directory, &key)).await?;
        let sink = Sink::start().await?;
        let (internal, public) = (free_port().await?, free_port().await?);
        let config = format!(
            "[store]\nurl = {store:?}\n[keys]\nmaster = \"{}\"\n[http]\ninternal = \"127.0.0.1:{internal}\"\n\
             public = \"127.0.0.1:{public}\"\n[amqp]\nenabled = true\nurl = {:?}\nexchange = \"{name}.warnings\"\n\
             urgent_queue = \"{name}.urgent\"\nnormal_queue = \"{name}.normal\"\nparking_queue = \"{name}.parking\"\n\
             events_exchange = \"{name}.events\"\n[[sender]]\nname = \"bench\"\naccount = \"guest\"\n\
             [[gateway]]\nid = \"sink\"\nkind = \"http\"\nchannels = {}\nurl = {:?}\n\
             secret = {SECRET:?}\nrate_per_s = {}\nburst = {}\nwindow = 10000\nlines = 1000000\n\
             batch_max = 200\n[plans]\ndir = {:?}\n[log]\nlevel = \"warn\"\n{}\n",
            hex::encode(ground::KEY),
            servers.amqp,
            setup.channels,
            sink.url,
            setup.rate_per_s,
            setup.burst,
            folder.join("plans"),
            setup.more,
        );
        std::fs::write(folder.join("jiaoying.toml"), config)?;
        let connection = Connection::connect(&servers.amqp, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let (internal, public) = (format!("http://127.0.0.1:{internal}"), format!("http://127.0.0.1:{public}"));
        let client = reqwest::Client::new();
        Ok(Self { store, journal, sink, name, folder, database, internal, public, client, channel })
    }

    /// A file of the rig's own, removed with it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the program and waits until it is ready.
    pub(super) async fn serve(&self) -> anyhow::Result<Child> {
        let child = self.start()?;
        self.ready().await?;
        Ok(child)
    }

    /// Starts the program.
    pub(super) fn start(&self) -> anyhow::Result<Child> {
        let config = self.file("jiaoying.toml");
        Child::start(["--config".as_ref(), config.as_os_str(), "serve".as_ref()], &self.file("serve.log"))
    }

    /// Waits until the program is ready: everything that was open is read.
    pub(super) async fn ready(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let answer = self.client.get(format!("{}/readyz", self.internal)).send().await;
            if answer.is_ok_and(|a| a.status().is_success()) {
                return Ok(());
            }
            if begun.elapsed() > WAIT {
                bail!("the program is not ready: {}", std::fs::read_to_string(self.file("serve.log"))?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Publishes a warning for regions, in force for an hour; the moment just before.
    pub(super) async fn publish(
        &self,
        hazard: &str,
        colour: Colour,
        regions: &[RegionCode],
    ) -> anyhow::Result<Instant> {
        let (_, body) = self.warning(hazard, colour, regions, HOUR_MS);
        self.publish_body(colour, &body).await
    }

    /// A warning that is in force for some milliseconds: its name and the message.
    pub(super) fn warning(
        &self,
        hazard: &str,
        colour: Colour,
        regions: &[RegionCode],
        lasts_ms: i64,
    ) -> (WarningId, Vec<u8>) {
        let now = clock::now();
        let codes: Vec<&str> = regions.iter().map(RegionCode::as_str).collect();
        let name = format!("{}-{hazard}-{}", self.name, now.0);
        let body = message_json(&name, "alert", &[], (hazard, colour.name()), &codes, (now, now.plus_ms(lasts_ms)));
        let id = formats::parse(&body).message.map(|m| m.warning_id()).unwrap_or_default();
        (id, body)
    }

    /// Publishes a document as a warning; the moment just before.
    pub(super) async fn publish_body(&self, colour: Colour, body: &[u8]) -> anyhow::Result<Instant> {
        let properties = BasicProperties::default().with_user_id("guest".into()).with_delivery_mode(2);
        let urgency = if colour >= Colour::Orange { "urgent" } else { "normal" };
        let exchange = format!("{}.warnings", self.name);
        let routing = format!("warning.{urgency}.bench");
        let began = Instant::now();
        let options = BasicPublishOptions::default();
        self.channel.basic_publish(exchange.into(), routing.into(), options, body, properties).await?;
        Ok(began)
    }

    /// Publishes something straight to a queue; the moment just before.
    pub(super) async fn publish_to(&self, queue: &str) -> anyhow::Result<Instant> {
        let began = Instant::now();
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default().with_delivery_mode(2));
        self.channel.basic_publish("".into(), queue.into(), options, b"{}", properties).await?;
        Ok(began)
    }

    /// The sum of a metric's series whose name and labels begin so.
    pub(super) async fn metric(&self, series: &str) -> anyhow::Result<f64> {
        // The sum of nothing is -0 else.
        Ok(self.metrics(series).await?.iter().map(|(_, value)| value).fold(0.0, std::ops::Add::add))
    }

    /// A metric's series whose name and labels begin so.
    pub(super) async fn metrics(&self, series: &str) -> anyhow::Result<Vec<(String, f64)>> {
        let text = self.client.get(format!("{}/metrics", self.internal)).send().await?.text().await?;
        let lines = text.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit_once(' '));
        Ok(lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Waits until a metric has reached a value.
    pub(super) async fn metric_reaches(&self, series: &str, value: f64) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.metric(series).await? < value {
            if begun.elapsed() > WAIT {
                bail!("{series} is {} and not {value}", self.metric(series).await?);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Waits until all that is committed went out on AMQP too: nothing of one warning shall run beside the next.
    pub(super) async fn settled(&self) -> anyhow::Result<()> {
        let committed = self.metric("jiaoying_events_total").await?;
        self.metric_reaches("jiaoying_follower_events_total", committed).await
    }

    /// Removes the store, the queues and the files.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        for queue in ["urgent", "normal", "parking", "limit", "bare"] {
            let queue = format!("{}.{queue}", self.name);
            self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        }
        for exchange in ["warnings", "events"] {
            let exchange = format!("{}.{exchange}", self.name);
            self.channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
        }
        drop(self.journal);
        if let Some((admin, name)) = &self.database {
            administer(admin, &format!("drop database {name} with (force)")).await?;
        }
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

async fn administer(url: &str, statement: &str) -> anyhow::Result<()> {
    let mut admin = sqlx::PgConnection::connect(url).await.context("--postgres")?;
    // The statement is made of names of this process alone.
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut admin).await?;
    Ok(())
}

async fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
