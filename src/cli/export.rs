//! `jiaoying export`: a callout's timeline as one file that proves itself.

use super::installation;
use crate::config::Config;
use crate::evidence::{Timeline, write_export};
use crate::journal::Record;
use crate::model::{CalloutId, Digest};
use anyhow::Context;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The callout, `<region>-<warning>`.
    callout: String,
    /// The file, which must not exist; standard output when not given.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Print one JSON object: callout, file, records, events, last_hash.
    #[arg(long, requires = "output")]
    json: bool,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let journal = installation::open_journal(&config).await?;
    let id = CalloutId::from(args.callout);
    // Read and verified as a whole before the first byte is written.
    let timeline = Timeline::read(&*journal, &id).await?;
    let last_hash = timeline.records.last().map_or_else(Digest::default, |r: &Record| r.hash);
    let (records, events) = (timeline.records.len(), timeline.entries.len());
    let Some(path) = args.output else {
        write_export(&timeline, BufWriter::new(stdout().lock())).context("standard output")?;
        return Ok(ExitCode::SUCCESS);
    };
    let place = || format!("cannot write {}", path.display());
    let file = File::create_new(&path).with_context(place)?;
    write_export(&timeline, BufWriter::new(&file)).and_then(|()| file.sync_all()).with_context(place)?;
    if args.json {
        println!(
            "{}",
            json!({
                "callout": id, "file": path, "records": records, "events": events, "last_hash": last_hash,
            })
        );
    } else {
        println!("{}: {records} records, {events} events", path.display());
        println!("末条记录的摘要，请另行记下 / hash of the last record, to be noted elsewhere: {last_hash}");
    }
    Ok(ExitCode::SUCCESS)
}
