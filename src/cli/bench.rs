//! `jiaoying bench`: figures, each beside its limit measured in the same run.

use super::serve::Service;
use crate::config::Config;
use crate::directory::{Draft, encode, person_id, yunnan};
use crate::journal;
use crate::model::{Channel, Contact, Person, Posting, RegionCode, SecretKey, Target, TargetKind, Timestamp};
use crate::runtime::clock;
use crate::sim::message_json;
use anyhow::{Context, anyhow};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use futures::StreamExt;
use indicatif::ProgressBar;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value, json};
use sqlx::Connection as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// From the AMQP publish of a warning to the first byte at an HTTP gateway.
    FirstCall(FirstCall),
}

/// Arguments of `bench first-call`.
#[derive(Debug, clap::Args)]
struct FirstCall {
    /// An empty PostgreSQL database; it is written to.
    #[arg(long, env = "JIAOYING_BENCH_POSTGRES")]
    postgres: String,
    /// A RabbitMQ; queues and exchanges named `jiaoying-bench.*` are made and the queues removed.
    #[arg(long, env = "JIAOYING_BENCH_AMQP")]
    amqp: String,
    /// How many warnings.
    #[arg(long, default_value_t = 200)]
    warnings: u32,
    /// Targets, with a person each, of every warning.
    #[arg(long, default_value_t = 100)]
    targets: u32,
    /// Print one JSON object last.
    #[arg(long)]
    json: bool,
}

const VILLAGE: &str = "533324204201";
const SECRET: &str = "bench secret of 16 bytes";
/// How long one warning may take before the run is given up.
const WAIT: Duration = Duration::from_secs(20);

/// A sink that tells when a request came and how many attempts it held.
struct Sink {
    url: String,
    arrivals: mpsc::UnboundedReceiver<(Instant, usize)>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let What::FirstCall(args) = args.what;
    let mut sink = Sink::start().await?;
    let ours = first_call(&args, &mut sink).await?;
    let bare = bare(&args, &mut sink).await?;
    let out = json!({
        "first_call_ms": figures(&ours), "bare_ms": figures(&bare),
        "warnings": args.warnings, "targets": args.targets,
        "ratio_p50": percentile(&ours, 50) / percentile(&bare, 50),
    });
    if args.json {
        println!("{out}");
    } else {
        let line = |name: &str, of: &[f64]| {
            println!(
                "{name:32} p50 {:7.2} ms   p99 {:7.2} ms   n {}",
                percentile(of, 50),
                percentile(of, 99),
                of.len()
            );
        };
        line("publish to first call", &ours);
        line("bare: publish, commit, HTTP", &bare);
        println!("ratio of the medians {:.2}", percentile(&ours, 50) / percentile(&bare, 50));
    }
    Ok(ExitCode::SUCCESS)
}

impl Sink {
    async fn start() -> anyhow::Result<Self> {
        type Arrivals = mpsc::UnboundedSender<(Instant, usize)>;
        async fn take(State(arrivals): State<Arrivals>, at: At, Json(body): Json<Value>) -> Json<Value> {
            let empty = Vec::new();
            let attempts = body["attempts"].as_array().unwrap_or(&empty);
            let _ = arrivals.send((at.0, attempts.len()));
            let accepted = |a: &Value| json!({ "key": a["key"], "status": "accepted" });
            Json(json!({ "results": attempts.iter().map(accepted).collect::<Vec<_>>() }))
        }
        let (tell, arrivals) = mpsc::unbounded_channel();
        let app = Router::new().route("/", post(take)).with_state(tell);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, arrivals })
    }

    /// When the first request came, once `attempts` attempts have come.
    async fn first_of(&mut self, attempts: usize) -> anyhow::Result<Instant> {
        let (mut first, mut seen) = (None, 0);
        while seen < attempts {
            let arrival = tokio::time::timeout(WAIT, self.arrivals.recv()).await;
            let (at, count) = arrival.context("no call came")?.context("the sink is gone")?;
            first.get_or_insert(at);
            seen += count;
        }
        first.context("nothing was asked for")
    }
}

/// The moment a request's head was read, before its body.
struct At(Instant);

impl<S: Sync> axum::extract::FromRequestParts<S> for At {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Instant::now()))
    }
}

/// The whole service, in this process, on real PostgreSQL and RabbitMQ.
async fn first_call(args: &FirstCall, sink: &mut Sink) -> anyhow::Result<Vec<f64>> {
    let folder = std::env::temp_dir().join(format!("jiaoying-bench-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("plans"))?;
    let result = measured(args, sink, &folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    result
}

async fn measured(args: &FirstCall, sink: &mut Sink, folder: &Path) -> anyhow::Result<Vec<f64>> {
    std::fs::write(folder.join("plans/bench.toml"), include_str!("data/bench-plan.toml"))?;
    let config = format!(
        "[store]\nurl = {:?}\n[keys]\nmaster = \"{}\"\n[http]\ninternal = \"127.0.0.1:0\"\npublic = \"127.0.0.1:0\"\n\
         [amqp]\nenabled = true\nurl = {:?}\nexchange = \"jiaoying-bench.warnings\"\nurgent_queue = \"jiaoying-bench.urgent\"\n\
         normal_queue = \"jiaoying-bench.normal\"\nparking_queue = \"jiaoying-bench.parking\"\n\
         events_exchange = \"jiaoying-bench.events\"\n[[sender]]\nname = \"bench\"\naccount = \"guest\"\n\
         [[gateway]]\nid = \"sink\"\nkind = \"http\"\nchannels = [\"sms\"]\nurl = {:?}\nsecret = {SECRET:?}\n\
         rate_per_s = 100000\nburst = 10000\nwindow = 1000\nlines = 1\nbatch_max = 50\n[plans]\ndir = {:?}\n\
         [log]\nlevel = \"warn\"\n",
        args.postgres,
        "24".repeat(32),
        args.amqp,
        sink.url,
        folder.join("plans"),
    );
    let file = folder.join("jiaoying.toml");
    std::fs::write(&file, config)?;
    let config = Config::load(Some(&file), std::iter::empty()).map_err(|e| anyhow!("{e}"))?;
    let key = SecretKey::new([0x24; 32]);
    let directory = ground(args.targets, &key)?;
    let journal = journal::open(&args.postgres).await?;
    journal.put_directory(true, Timestamp(0), encode(&directory, &key)).await?;
    let stop = CancellationToken::new();
    let service = Service::start(&config, stop.clone()).await?;
    while !service.is_ready() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let connection = Connection::connect(&args.amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let bar = ProgressBar::new(u64::from(args.warnings));
    let mut times = Vec::new();
    for i in 0..args.warnings {
        let now = clock::now();
        // A name of its own per run, so that a second run on the same database measures too.
        let name = format!("bench-{}-{i}", now.0);
        let body = message_json(&name, "alert", &[], ("暴雨", "red"), &[VILLAGE], (now, now.plus_ms(3_600_000)));
        let properties = BasicProperties::default().with_user_id("guest".into()).with_delivery_mode(2);
        let began = Instant::now();
        let options = BasicPublishOptions::default();
        let (exchange, routing) = ("jiaoying-bench.warnings".into(), "warning.urgent.bench".into());
        channel.basic_publish(exchange, routing, options, &body, properties).await?;
        let first = sink.first_of(args.targets as usize).await?;
        times.push(first.duration_since(began).as_secs_f64() * 1000.0);
        bar.inc(1);
    }
    bar.finish_and_clear();
    stop.cancel();
    service.stopped().await;
    for queue in ["jiaoying-bench.urgent", "jiaoying-bench.normal", "jiaoying-bench.parking"] {
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
    }
    Ok(times)
}

/// The same way without an engine: a queue, one row, one request.
async fn bare(args: &FirstCall, sink: &mut Sink) -> anyhow::Result<Vec<f64>> {
    let connection = Connection::connect(&args.amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let queue = "jiaoying-bench.bare";
    channel.queue_declare(queue.into(), QueueDeclareOptions::default(), FieldTable::default()).await?;
    let consume = BasicConsumeOptions::default();
    let mut consumer = channel.basic_consume(queue.into(), "bare".into(), consume, FieldTable::default()).await?;
    let mut db = sqlx::PgConnection::connect(&args.postgres).await?;
    sqlx::raw_sql("create table if not exists bench_bare (body text not null)").execute(&mut db).await?;
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    for _ in 0..args.warnings {
        let now = clock::now();
        let body = message_json("bare", "alert", &[], ("暴雨", "red"), &[VILLAGE], (now, now));
        let began = Instant::now();
        let options = BasicPublishOptions::default();
        channel.basic_publish("".into(), queue.into(), options, &body, BasicProperties::default()).await?;
        let delivery = consumer.next().await.context("the broker is gone")??;
        let text = String::from_utf8_lossy(&delivery.data).into_owned();
        sqlx::query("insert into bench_bare (body) values ($1)").bind(text).execute(&mut db).await?;
        delivery.ack(BasicAckOptions::default()).await?;
        let one = json!({ "attempts": [{ "key": "bare" }] });
        let sent = client.post(&sink.url).json(&one).send();
        let (first, answer) = tokio::join!(sink.first_of(1), sent);
        answer?.error_for_status()?;
        times.push(first?.duration_since(began).as_secs_f64() * 1000.0);
    }
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
    sqlx::raw_sql("drop table bench_bare").execute(&mut db).await?;
    Ok(times)
}

/// A village with that many targets and a person for each.
fn ground(targets: u32, key: &SecretKey) -> anyhow::Result<crate::directory::Directory> {
    let mut draft = Draft { regions: yunnan().to_vec(), ..Draft::default() };
    let region = RegionCode::parse(VILLAGE).map_err(|e| anyhow!(e))?;
    for i in 0..targets {
        let id = format!("{VILLAGE}-G{i:05}");
        let (number, name) = (format!("+86199100{i:05}"), format!("人{i}"));
        let person = person_id(key, &number, &name);
        let contact = Contact { id: format!("{person}.0").into(), number, channels: vec![Channel::Sms] };
        draft.people.push(Person {
            id: person.clone(),
            name,
            contacts: vec![contact],
            language: "zh-CN".into(),
            away: None,
        });
        draft.postings.push(Posting { post: "grid".into(), ground: id.clone(), person, rank: 1 });
        draft.targets.push(Target {
            id: id.into(),
            name: format!("第{i}网格"),
            kind: TargetKind::Grid,
            region: region.clone(),
            households: 20,
            persons: 70,
            special: 3,
            risk: 3,
            point: None,
        });
    }
    draft.build(1).map_err(|f| anyhow!("{f:?}"))
}

fn percentile(times: &[f64], p: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * p / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn figures(times: &[f64]) -> Value {
    json!({ "p50": percentile(times, 50), "p99": percentile(times, 99), "n": times.len() })
}
