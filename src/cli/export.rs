//! `jiaoying export`: a callout's or a hazard report's timeline as one file that proves itself.

use super::installation;
use crate::config::Config;
use crate::evidence::{Timeline, read_report, write_export, write_report_export};
use crate::journal::Record;
use crate::model::{CalloutId, Digest};
use anyhow::Context;
use serde_json::json;
use std::fs::File;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The callout, `<region>-<warning>`, or the hazard report, `report/<id>`.
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
    let mut bytes = Vec::new();
    // Read and verified as a whole before the first byte is written.
    let (all, events) = match id.stream().report() {
        Some(report) => {
            let timeline = read_report(&*journal, &report).await?.with_context(|| format!("there is no {id}"))?;
            write_report_export(&timeline, &mut bytes)?;
            (timeline.records, timeline.report.seq)
        }
        None => {
            let timeline = Timeline::read(&*journal, &id).await?;
            write_export(&timeline, &mut bytes)?;
            (timeline.records, timeline.entries.len() as u64)
        }
    };
    let last_hash = all.last().map_or_else(Digest::default, |r: &Record| r.hash);
    let records = all.len();
    let Some(path) = args.output else {
        stdout().lock().write_all(&bytes).context("standard output")?;
        return Ok(ExitCode::SUCCESS);
    };
    let place = || format!("cannot write {}", path.display());
    let mut file = File::create_new(&path).with_context(place)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).with_context(place)?;
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
