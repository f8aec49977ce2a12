//! The shortest way that keeps anything: a publish, one committed row, one HTTP request.

use super::Servers;
use super::rig::{Rig, Store};
use crate::sim::message_json;
use anyhow::Context;
use futures::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::json;
use sqlx::Connection as _;
use std::time::Instant;

/// Milliseconds from the publish to the sink, `times` times: on a queue of the program's own kind, and on the
/// rig's PostgreSQL (a SQLite file is written by nobody else).
pub(super) async fn bare(rig: &Rig, servers: &Servers, store: Store, times: usize) -> anyhow::Result<Vec<f64>> {
    let connection = Connection::connect(&servers.amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let queue = format!("{}.bare", rig.name);
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare(queue.clone().into(), options, arguments).await?;
    let consume = BasicConsumeOptions::default();
    let mut consumer =
        channel.basic_consume(queue.clone().into(), "bare".into(), consume, FieldTable::default()).await?;
    let mut row = Row::open(rig, store).await?;
    let client = reqwest::Client::new();
    let mut found = Vec::new();
    for _ in 0..times {
        let now = crate::runtime::clock::now();
        let body = message_json("bare", "alert", &[], ("暴雨", "red"), &["53"], (now, now));
        rig.sink.expect_anew();
        let began = Instant::now();
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default().with_delivery_mode(2));
        channel.basic_publish("".into(), queue.clone().into(), options, &body, properties).await?;
        let delivery = consumer.next().await.context("the broker is gone")??;
        row.insert(String::from_utf8_lossy(&delivery.data).into_owned()).await?;
        delivery.ack(BasicAckOptions::default()).await?;
        let sent = client.post(&rig.sink.url).json(&json!({ "attempts": [{ "key": "bare" }] })).send();
        let (seen, answer) = tokio::join!(rig.sink.seen(1), sent);
        answer?.error_for_status()?;
        let first = seen?.first.context("nothing came")?;
        found.push(first.duration_since(began).as_secs_f64() * 1000.0);
    }
    Ok(found)
}

enum Row {
    Postgres(sqlx::PgConnection),
    Sqlite(sqlx::SqliteConnection),
}

const TABLE: &str = "create table bare (body text not null)";
const INSERT: &str = "insert into bare (body) values ($1)";

// === impl Row ===

impl Row {
    async fn open(rig: &Rig, store: Store) -> anyhow::Result<Self> {
        Ok(match store {
            Store::Postgres => {
                let mut db = sqlx::PgConnection::connect(&rig.store).await?;
                sqlx::raw_sql(TABLE).execute(&mut db).await?;
                Self::Postgres(db)
            }
            Store::Sqlite => {
                let url = format!("sqlite:{}?mode=rwc", rig.file("bare.db").display());
                let mut db = sqlx::SqliteConnection::connect(&url).await?;
                sqlx::raw_sql("pragma journal_mode = wal; pragma synchronous = full;").execute(&mut db).await?;
                sqlx::raw_sql(TABLE).execute(&mut db).await?;
                Self::Sqlite(db)
            }
        })
    }

    async fn insert(&mut self, body: String) -> anyhow::Result<()> {
        match self {
            Self::Postgres(db) => sqlx::query(INSERT).bind(body).execute(db).await.map(|_| ())?,
            Self::Sqlite(db) => sqlx::query(INSERT).bind(body).execute(db).await.map(|_| ())?,
        }
        Ok(())
    }
}
