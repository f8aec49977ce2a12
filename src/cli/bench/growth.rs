//! The same callouts on journals of other lengths, in turn: A B C A B C.
//!
//! Each journal is a PostgreSQL database of its own. The events that stand in it beforehand are timelines of callouts
//! that closed long ago: records as the program writes them (a body that it wrote for a warning just before, and so
//! of its size and count of events; the same columns), catalogue rows, the warnings' identities and the follower's places. Their hashes
//! are digests of their names and verify nothing; nobody reads them, which is what is measured. Tables are analysed, and
//! a checkpoint is taken, before the program starts.
//!
//! `first_call_ms` and `last_call_ms` are those of `fan-out`, from just before the publish until the sink. `slower` is
//! the median of the last call over that on the shortest journal.

use super::Servers;
use super::child::Child;
use super::fan_out::{Round, warning};
use super::figures::{Bar, Case, median, round, spread};
use super::ground::{counties, directory};
use super::rig::{Rig, Setup, Store};
use crate::journal::{Record, SelectCallouts};
use crate::model::{Channel, RegionCode, Timestamp};
use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::json;
use sqlx::Connection as _;

/// Arguments of `bench growth`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Events that the journals hold beforehand; one case each, the shortest first.
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000,20000000")]
    pub events: Vec<u64>,
    /// Persons of a warning.
    #[arg(long, default_value_t = 1000)]
    pub persons: usize,
    /// Counties that they live in.
    #[arg(long, default_value_t = 5)]
    pub counties: usize,
    /// Warnings on each journal, behind one that is not counted.
    #[arg(long, default_value_t = 15)]
    pub rounds: usize,
}

/// Records of a callout that stands in the journal beforehand.
const RECORDS: u64 = 100;
/// Events of one insert.
const CHUNK: u64 = 1_000_000;

/// One journal with the program on it.
struct Grown {
    rig: Rig,
    program: Child,
    rounds: Vec<Round>,
    filled: Filled,
}

/// What a journal was filled with.
struct Filled {
    /// Bytes of the table and its index.
    bytes: i64,
    /// Events of a record, and bytes of its body.
    events: u64,
    body: usize,
}

pub(super) async fn run(args: &Args, servers: &Servers) -> anyhow::Result<Vec<Case>> {
    let ground = counties(args.counties)?;
    let directory = directory(&ground, args.persons, &[Channel::Sms])?;
    let sizes = args.events.len() as u64;
    let bar = ProgressBar::new(sizes * (1 + args.rounds as u64));
    let mut grown = Vec::new();
    for events in &args.events {
        let rig = Rig::new(servers, &Setup::quiet(Store::Postgres, 1), &directory).await?;
        let mut program = rig.serve().await?;
        // What the program writes is what the journal is filled with.
        warning(&rig, &program, &ground, 0, args.persons).await?;
        program.kill().await;
        let filled = fill(&rig, *events).await?;
        program = rig.serve().await?;
        warning(&rig, &program, &ground, 0, args.persons).await?;
        grown.push(Grown { rig, program, rounds: Vec::new(), filled });
        bar.inc(1);
    }
    for n in 1..=args.rounds {
        for journal in &mut grown {
            journal.round(&ground, n, args.persons).await?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let last_ms = |g: &Grown| median(&g.rounds.iter().map(|r| r.last_ms).collect::<Vec<_>>());
    let shortest = grown.first().map(last_ms).context("--events names no journal")?;
    let mut cases = Vec::new();
    for (journal, events) in grown.into_iter().zip(&args.events) {
        let slower = last_ms(&journal) / shortest;
        cases.push(journal.case(*events, args.persons, slower));
        journal.program.kill().await;
        journal.rig.close().await?;
    }
    Ok(cases)
}

// === impl Grown ===

impl Grown {
    async fn round(&mut self, ground: &[RegionCode], n: usize, persons: usize) -> anyhow::Result<()> {
        self.rounds.push(warning(&self.rig, &self.program, ground, n, persons).await?.0);
        Ok(())
    }

    fn case(&self, events: u64, persons: usize, slower: f64) -> Case {
        let of = |what: fn(&Round) -> f64| self.rounds.iter().map(what).collect::<Vec<f64>>();
        let figures = json!({
            "first_call_ms": spread(&of(|r| r.first_ms)), "last_call_ms": spread(&of(|r| r.last_ms)),
            "slower": round(slower), "journal_mib": round(self.filled.bytes as f64 / 1024.0 / 1024.0),
            "record_events": self.filled.events, "record_bytes": self.filled.body,
            "calls_per_s": round(persons as f64 / median(&of(|r| r.last_ms)) * 1000.0),
            "lost": self.rounds.iter().map(|r| r.lost).sum::<usize>(),
            "duplicates": self.rounds.iter().map(|r| r.duplicates).sum::<usize>(),
        });
        Case {
            bench: "growth",
            case: format!("{events} events, {persons} persons"),
            figures: figures.as_object().cloned().unwrap_or_default(),
            bars: vec![Bar::at_most("time to the last call, of that on the shortest journal", slower, 1.1)],
        }
    }
}

/// The record that the fill repeats: of the half whose events are nearest to a hundred, the middle one by bytes
/// per event.
async fn pattern(rig: &Rig) -> anyhow::Result<Record> {
    let latest = SelectCallouts::Before { before: Timestamp(i64::MAX), limit: 100 };
    let mut records = Vec::new();
    for callout in rig.journal.callouts(latest).await? {
        records.extend(rig.journal.read(callout.stream, 0, usize::MAX >> 1).await?);
    }
    records.sort_by_key(|record| record.count.abs_diff(100));
    records.truncate(records.len().div_ceil(2));
    records.sort_by_key(|record| record.body.len() / record.count.max(1) as usize);
    let middle = records.len() / 2;
    records.into_iter().nth(middle).context("the program wrote nothing")
}

/// Fills a journal up to so many events.
async fn fill(rig: &Rig, events: u64) -> anyhow::Result<Filled> {
    let pattern = pattern(rig).await?;
    let of_record = u64::from(pattern.count);
    let records = events.div_ceil(of_record);
    let mut db = sqlx::PgConnection::connect(&rig.store).await?;
    let insert = "insert into record (stream, first_seq, count, recorded_at, version, body, prev, hash)
        select s, (n % $3::bigint) * $4::bigint, $4, n, 1, $5::bytea, sha256((s || n - 1)::bytea), sha256((s || n)::bytea)
        from (select n, '530102-' || lpad(to_hex(n / $3), 16, '0') as s
              from generate_series($1::bigint, $2::bigint - 1) as n) as one";
    let of_chunk = CHUNK.div_ceil(of_record);
    for from in (0..records).step_by(of_chunk as usize) {
        let to = (from + of_chunk).min(records);
        let query = sqlx::query(insert).bind(from as i64).bind(to as i64).bind(RECORDS as i64);
        query.bind(of_record as i64).bind(pattern.body.as_bytes()).execute(&mut db).await?;
    }
    let others = "insert into callout (stream, warning, region, colour, opened_at, closed_at)
            select stream, substr(stream, 8), '530102', 3, min(recorded_at), max(recorded_at)
            from record where recorded_at < 1000000000000 group by stream;
        insert into message (sender, identifier, warning, digest)
            select 'bench', warning, warning, sha256(warning::bytea) from callout where closed_at < 1000000000000;
        insert into message_name (identifier, sender, warning)
            select warning, 'bench', warning from callout where closed_at < 1000000000000;
        insert into follower_cursor (follower, stream, next_seq)
            select 'amqp_events', stream, 1000000 from callout where closed_at < 1000000000000;";
    sqlx::raw_sql(others).execute(&mut db).await?;
    sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
    sqlx::raw_sql("checkpoint").execute(&mut db).await?;
    let bytes = sqlx::query_scalar("select pg_total_relation_size('record')").fetch_one(&mut db).await?;
    Ok(Filled { bytes, events: of_record, body: pattern.body.len() })
}
