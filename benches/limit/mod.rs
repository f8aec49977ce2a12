//! The limit path: what the same outcomes cost without an engine. Frozen: a change here changes what every
//! figure is held against.
//!
//! A message comes from a queue; rows of the program's own bytes are stored in as many flushes as the program
//! made; the program's own request is sent as often as the program sent it, each one after its share of the first half
//! of the flushes is durable; the second half of the flushes records the answers. No cover, no plan, no timers,
//! no hash chain, no reply book, no board, no events.
//!
//! It runs as a child process, as the program does: `ready` when it can take messages, `done` after each one.

use anyhow::Context;
use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ConnectionProperties};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// What a run of the program wrote and sent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The broker.
    #[arg(long)]
    broker: String,
    /// The queue, which is declared as the program declares its own.
    #[arg(long)]
    queue: String,
    /// The store: `postgres://…` or `sqlite:PATH`.
    #[arg(long)]
    store: String,
    /// Where requests go.
    #[arg(long)]
    sink: String,
    /// The rows that the program wrote, as [`write`] writes them.
    #[arg(long)]
    rows: PathBuf,
    /// The bodies of the requests that the program sent, in the same form.
    #[arg(long)]
    bodies: PathBuf,
    /// Flushes of a message.
    #[arg(long)]
    flushes: usize,
    /// Requests under way at once.
    #[arg(long, default_value_t = 50)]
    window: usize,
}

#[derive(Clone)]
enum Db {
    Postgres(sqlx::PgPool),
    Sqlite(sqlx::SqlitePool),
}

/// Runs until it is killed.
///
/// # Errors
/// When a server cannot be reached or refuses something.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let rows = Arc::new(read(&args.rows)?);
    let bodies: Vec<bytes::Bytes> = read(&args.bodies)?.into_iter().map(Into::into).collect();
    let db = Db::open(&args.store).await?;
    let client = reqwest::Client::new();
    let connection = Connection::connect(&args.broker, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare(args.queue.clone().into(), options, arguments).await?;
    let (queue, none) = (args.queue.clone().into(), FieldTable::default());
    let mut consumer = channel.basic_consume(queue, "limit".into(), BasicConsumeOptions::default(), none).await?;
    println!("ready");
    let mut message = 0;
    while let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        message += 1;
        let half = args.flushes.div_ceil(2).max(1);
        let after = args.flushes.max(2) - half;
        let (committed, durable) = watch::channel(0);
        let (answered, mut answers) = watch::channel(0);
        let plans = {
            let (db, rows) = (db.clone(), rows.clone());
            let flushes = half + after;
            async move {
                for flush in 0..half {
                    db.store(message, &rows, flush, flushes).await?;
                    if flush == 0 {
                        delivery.ack(BasicAckOptions::default()).await?;
                    }
                    committed.send_replace(flush + 1);
                }
                anyhow::Ok(())
            }
        };
        let sends = send(&args, client.clone(), &bodies, half, durable, Arc::new(answered));
        let outcomes = async {
            for flush in 0..after {
                let wanted = (flush + 1) * bodies.len() / after;
                answers.wait_for(|n| *n >= wanted).await?;
                db.store(message, &rows, half + flush, half + after).await?;
            }
            anyhow::Ok(())
        };
        tokio::try_join!(plans, sends, outcomes)?;
        println!("done");
    }
    Ok(())
}

/// Sends each request once its share of the flushes is durable.
async fn send(
    args: &Args,
    client: reqwest::Client,
    bodies: &[bytes::Bytes],
    half: usize,
    mut durable: watch::Receiver<usize>,
    answered: Arc<watch::Sender<usize>>,
) -> anyhow::Result<()> {
    let window = Arc::new(Semaphore::new(args.window));
    let mut sends = tokio::task::JoinSet::new();
    for (request, body) in bodies.iter().enumerate() {
        let wanted = ((request + 1) * half).div_ceil(bodies.len());
        durable.wait_for(|n| *n >= wanted).await?;
        let room = window.clone().acquire_owned().await?;
        let post = client.post(&args.sink).header("content-type", "application/json").body(body.clone());
        let answered = answered.clone();
        sends.spawn(async move {
            post.send().await?.error_for_status()?.bytes().await?;
            drop(room);
            answered.send_modify(|n| *n += 1);
            anyhow::Ok(())
        });
    }
    while let Some(sent) = sends.join_next().await {
        sent??;
    }
    Ok(())
}

/// Writes parts to a file: each behind its length as 4 bytes, big end first.
///
/// # Errors
/// When the file cannot be written.
pub fn write<'a>(file: &Path, parts: impl Iterator<Item = &'a [u8]>) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u32::try_from(part.len())?.to_be_bytes());
        bytes.extend(part);
    }
    Ok(std::fs::write(file, bytes)?)
}

fn read(file: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let bytes = std::fs::read(file)?;
    let (mut rest, mut parts) = (bytes.as_slice(), Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let (part, behind) = behind.split_at_checked(length).context("a file is cut off")?;
        parts.push(part.to_vec());
        rest = behind;
    }
    Ok(parts)
}

impl Db {
    async fn open(url: &str) -> anyhow::Result<Self> {
        let table = "create table if not exists limit_record (stream text not null, first_seq bigint not null, \
                     body bytea not null, primary key (stream, first_seq))";
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            sqlx::raw_sql(table).execute(&pool).await?;
            return Ok(Self::Sqlite(pool));
        }
        let pool = PgPoolOptions::new().max_connections(2).test_before_acquire(false).connect(url).await?;
        sqlx::raw_sql(table).execute(&pool).await?;
        sqlx::raw_sql("alter table limit_record alter column body set compression lz4").execute(&pool).await?;
        Ok(Self::Postgres(pool))
    }

    /// One flush: its share of the rows, in one transaction.
    async fn store(&self, message: usize, rows: &[Vec<u8>], flush: usize, flushes: usize) -> anyhow::Result<()> {
        let (from, to) = (rows.len() * flush / flushes, rows.len() * (flush + 1) / flushes);
        let stream = format!("message/{message}");
        match self {
            Self::Postgres(pool) => {
                let seqs: Vec<i64> = (from..to).map(|seq| seq as i64).collect();
                let insert = "insert into limit_record select $1, * from unnest($2::bigint[], $3::bytea[])";
                sqlx::query(insert).bind(stream).bind(seqs).bind(&rows[from..to]).execute(pool).await?;
            }
            Self::Sqlite(pool) => {
                let mut transaction = pool.begin_with("begin immediate").await?;
                for (seq, row) in (from..to).zip(&rows[from..to]) {
                    let insert = "insert into limit_record values ($1, $2, $3)";
                    let query = sqlx::query(insert).bind(&stream).bind(seq as i64).bind(row);
                    query.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
        }
        Ok(())
    }
}
