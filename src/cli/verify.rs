//! `jiaoying verify`: the proof of an export, with no store and no configuration.

use super::table;
use crate::evidence::{Fault, Verified, verify};
use crate::model::{Digest, Totals};
use anyhow::Context;
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The export.
    file: PathBuf,
    /// The last record's hash as it was noted elsewhere: proves that nothing was cut off at the end.
    #[arg(long, value_name = "HEX", value_parser = digest)]
    last_hash: Option<Digest>,
    /// Print one JSON object: ok, verified, faults.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let file = File::open(&args.file).with_context(|| args.file.display().to_string())?;
    let result = verify(BufReader::new(file)).and_then(|verified| match args.last_hash {
        Some(noted) if noted != verified.last_hash => {
            // The last record stands on the line before the footer.
            let reason = "its hash is not the one noted: the file ends elsewhere".to_owned();
            Err(vec![Fault { line: verified.records + 1, reason }])
        }
        _ => Ok(verified),
    });
    if args.json {
        let (verified, faults) = (result.as_ref().ok(), result.as_ref().err());
        println!("{}", json!({ "ok": result.is_ok(), "verified": verified, "faults": faults }));
    } else {
        print(&result);
    }
    Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(result: &Result<Verified, Vec<Fault>>) {
    match result {
        Ok(v) => {
            println!("{}: {} records, {} events", v.stream, v.records, v.events);
            println!("末条记录的摘要 / hash of the last record: {}", v.last_hash);
            if let Some(standing) = &v.report {
                println!("险情报告 / hazard report: {}", standing.name());
                println!("核验通过 / verified");
                return;
            }
            let Totals { targets, satisfied, taken_over, exhausted, released, calling, .. } = v.totals;
            println!(
                "{targets} 处责任区：已叫应 {satisfied}，上级接手 {taken_over}，告警 {exhausted}，已解除 {released}，\
                 呼叫中 {calling} / {targets} targets: {satisfied} satisfied, {taken_over} taken over, \
                 {exhausted} exhausted, {released} released, {calling} being called"
            );
            println!("核验通过 / verified");
        }
        Err(faults) => {
            faults.iter().for_each(|fault| println!("{fault}"));
            println!("核验不通过，{} 处 / not verified, {}", faults.len(), table::count(faults.len(), "fault"));
        }
    }
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| "a hash is 64 hex digits".to_owned())
}
