//! `jiaoying plan check`: proof against a directory that plans reach the top of the chain.

use super::{installation, table};
use crate::config::Config;
use crate::directory::{Directory, sample};
use crate::model::{Finding, RegionCode, SecretKey, Severity};
use crate::plan::{PlanSet, Report, check};
use crate::runtime::clock;
use anyhow::ensure;
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Check the plans against a directory; leaves with 1 when they are refused.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The folder of the plans; that of the configuration when not given.
    #[arg(long)]
    plans: Option<PathBuf>,
    /// Check against this directory version; the one in force when not given.
    #[arg(long, conflicts_with = "sample")]
    directory: Option<u64>,
    /// Check against invented people in this region of Yunnan.
    #[arg(long, value_name = "CODE", value_parser = RegionCode::parse)]
    sample: Option<RegionCode>,
    /// Print one JSON object: accepted, findings, reaches.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let Act::Check(args) = args.act;
    let folder = args.plans.clone().unwrap_or_else(|| config.plans.dir.clone());
    let report = match PlanSet::load(&folder) {
        // No directory is needed to know that these are no plans.
        Err(findings) => Report { findings, reaches: Vec::new() },
        Ok(plans) => {
            let directory = against(&args, &config).await?;
            let bar = installation::spinner()?;
            bar.set_message(format!("checking {} plans", plans.files().len()));
            let report = check(&plans, &directory, clock::now());
            bar.finish_and_clear();
            report
        }
    };
    if args.json {
        let (accepted, findings, reaches) = (report.accepted(), &report.findings, &report.reaches);
        println!("{}", json!({ "accepted": accepted, "findings": findings, "reaches": reaches }));
    } else {
        print(&report);
    }
    Ok(if report.accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The directory that the plans are held against.
async fn against(args: &CheckArgs, config: &Config) -> anyhow::Result<Directory> {
    if let Some(region) = &args.sample {
        let draft = sample(region, 1, &SecretKey::new([0; 32]));
        ensure!(!draft.targets.is_empty(), "no village of the shipped divisions lies in {region}");
        return draft.build(1).map_err(|f| anyhow::anyhow!("the sample of {region} does not build: {f:?}"));
    }
    let journal = installation::open_journal(config).await?;
    let key = installation::load_key(config)?;
    Ok(installation::directory(&*journal, &key, args.directory).await?.1)
}

fn print(report: &Report) {
    let mut file = "";
    for reach in &report.reaches {
        if reach.file != file {
            file = &reach.file;
            println!("{file}");
        }
        println!("  {}\n    {}", reach.zh, reach.en);
        if reach.nobody > 0 {
            let nobody = reach.nobody as usize;
            let (en, have) = (table::count(nobody, "target"), if nobody == 1 { "has" } else { "have" });
            println!("    {nobody} 处责任区在任何一级都无人应答 / {en} {have} nobody in any step");
        }
    }
    report.findings.iter().for_each(print_finding);
    let faults = report.findings.iter().filter(|f| f.severity == Severity::Fatal).count();
    if report.accepted() {
        println!("通过 / accepted");
    } else {
        println!("拒绝，{faults} 处错误 / refused, {}", table::count(faults, "fault"));
    }
}

/// A finding in both languages.
pub(super) fn print_finding(finding: &Finding) {
    let word = if finding.severity == Severity::Fatal { "错误 fault" } else { "提示 notice" };
    println!("{word}: {}: {} / {}", finding.place, finding.reason_zh(), finding.reason);
}
