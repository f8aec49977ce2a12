//! `jiaoying directory`: the stored versions, and what one of them holds.

use super::{ground, installation, table};
use crate::config::Config;
use crate::journal::Journal;
use crate::model::{RegionCode, SecretKey};
use anyhow::{bail, ensure};
use clap::Subcommand;
use serde_json::json;
use std::process::ExitCode;

/// What makes a running service take a version that was just published.
pub(super) const RELOAD: &str = "运行中的服务收到 SIGHUP 后采用 / a running service takes it on SIGHUP";

/// Arguments of `directory`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
    /// Print one JSON object.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List the stored versions.
    List,
    /// Publish a draft; a running service takes it on SIGHUP.
    Publish {
        /// Its number.
        version: u64,
    },
    /// Count ground, people and vacant posts: by county, or by township or village of a region.
    Show {
        /// Only this region and what lies in it.
        #[arg(long, value_parser = RegionCode::parse)]
        region: Option<RegionCode>,
        /// This version; the one in force when not given.
        #[arg(long)]
        directory: Option<u64>,
    },
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let journal = installation::open_journal(&config).await?;
    let key = installation::load_key(&config)?;
    match args.act {
        Act::List => list(&*journal, &key, args.json).await?,
        Act::Publish { version } => publish(&*journal, &key, version, args.json).await?,
        Act::Show { region, directory } => {
            let (_, directory) = installation::directory(&*journal, &key, directory).await?;
            if let Some(code) = &region
                && directory.region(code).is_none()
            {
                bail!("region {code} is not in directory version {}", directory.version());
            }
            ground::show(&directory, region.as_ref(), args.json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(journal: &dyn Journal, key: &SecretKey, as_json: bool) -> anyhow::Result<()> {
    let in_force = journal.directory(None).await?.map(|d| d.version);
    let bar = installation::spinner()?;
    let mut objects = Vec::new();
    let mut rows =
        vec![["版本 version", "状态 state", "保存时间 stored", "责任区 targets", "人员 people"].map(str::to_owned)];
    for stored in installation::versions(journal).await? {
        bar.set_message(format!("version {}", stored.version));
        let opened = installation::open_version(&stored, key);
        let counts = opened.as_ref().ok().map(|d| (d.targets().len(), d.people().count()));
        let error = opened.as_ref().err().map(|e| format!("{e:#}"));
        let state = match (&error, stored.published, in_force == Some(stored.version)) {
            (Some(_), _, _) => "不可用 unusable",
            (None, true, true) => "有效 in force",
            (None, true, false) => "已被取代 superseded",
            (None, false, _) => "草稿 draft",
        };
        let count = |n: Option<usize>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        rows.push([
            stored.version.to_string(),
            state.to_owned(),
            stored.stored_at.iso(),
            count(counts.map(|c| c.0)),
            count(counts.map(|c| c.1)),
        ]);
        objects.push(json!({
            "version": stored.version, "published": stored.published, "in_force": in_force == Some(stored.version),
            "stored_at": stored.stored_at.iso(), "targets": counts.map(|c| c.0), "people": counts.map(|c| c.1),
            "error": error,
        }));
    }
    bar.finish_and_clear();
    if as_json {
        println!("{}", json!({ "versions": objects }));
    } else if objects.is_empty() {
        println!("尚无责任人名录 / no directory version is stored");
    } else {
        table::lines(&rows).iter().for_each(|line| println!("{line}"));
    }
    Ok(())
}

async fn publish(journal: &dyn Journal, key: &SecretKey, version: u64, as_json: bool) -> anyhow::Result<()> {
    // A version that does not open must never come into force.
    let (stored, directory) = installation::directory(journal, key, Some(version)).await?;
    let newer = journal.directory(None).await?.map(|d| d.version).filter(|last| *last > version);
    ensure!(newer.is_none(), "version {version} is older than {}, which is in force", newer.unwrap_or_default());
    journal.publish_directory(version).await?;
    let (targets, people) = (directory.targets().len(), directory.people().count());
    if as_json {
        println!("{}", json!({ "version": version, "published": true, "before": stored.published }));
    } else {
        println!("第 {version} 版已发布：{targets} 处责任区，{people} 名责任人和设备");
        println!("version {version} is published: {targets} targets, {people} people and devices");
        println!("{RELOAD}");
    }
    Ok(())
}
