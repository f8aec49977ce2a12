//! `jiaoying gateway`: tries the gateways that are configured, before they are needed.

use super::table;
use crate::config::{Config, GatewaySection};
use crate::gateway::{self, Door, NotTaken, OpenCall, ReadBack, Upcall, Upcalls};
use crate::model::GatewayId;
use crate::runtime::{clock, seed};
use crate::telemetry::Metrics;
use anyhow::ensure;
use clap::Subcommand;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Arguments of `gateway`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Connect and sign in to each gateway as far as that calls nobody; leaves with 1 when one fails. A service that runs
    /// meanwhile may hold the vendor's only session: check before it starts.
    Check {
        /// The gateways; all of the configuration when none is named.
        ids: Vec<String>,
        /// Print one JSON object: ok, gateways.
        #[arg(long)]
        json: bool,
    },
}

/// What a gateway showed.
struct Checked<'a> {
    section: &'a GatewaySection,
    result: Result<String, String>,
}

/// Takes nothing: there is no engine here, and whoever calls back is to keep it for the one that runs.
struct Nobody;

impl Upcalls for Nobody {
    fn take(&self, _: GatewayId, _: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        ready(Err(NotTaken("this is a check of gateways; the service takes it".into()))).boxed()
    }

    fn open_for(&self, _: GatewayId, _: String) -> BoxFuture<'_, Result<Vec<OpenCall>, NotTaken>> {
        ready(Err(NotTaken("this is a check of gateways; the service knows it".into()))).boxed()
    }
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let Act::Check { ids, json } = args.act;
    for id in &ids {
        ensure!(config.gateways.iter().any(|g| g.id == *id), "there is no gateway {id} in the configuration");
    }
    let chosen: Vec<_> = config.gateways.iter().filter(|g| ids.is_empty() || ids.contains(&g.id)).collect();
    let stop = CancellationToken::new();
    let (upcalls, metrics) = (Arc::new(Nobody), Metrics::new());
    let door = Door { upcalls, clock: Arc::new(clock::now), metrics, stop: stop.clone(), seed: seed() };
    let mut running: FuturesUnordered<_> = chosen.iter().map(|section| check(section, &door)).collect();
    let mut checked = Vec::new();
    eprintln!("正在检查 {} / checking {}", running.len(), table::count(running.len(), "gateway"));
    while let Some(one) = running.next().await {
        eprintln!("  {} {}", mark(&one), one.section.id);
        checked.push(one);
    }
    stop.cancel();
    checked.sort_by_key(|one| chosen.iter().position(|section| section.id == one.section.id));
    let ok = checked.iter().all(|one| one.result.is_ok());
    if json {
        println!("{}", json!({ "ok": ok, "gateways": checked.iter().map(object).collect::<Vec<_>>() }));
    } else {
        let head = ["", "网关 gateway", "协议 kind", "渠道 channels", "演练 drill", "结果 result"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(checked.iter().map(row)).collect();
        table::lines(&rows).iter().for_each(|line| println!("{line}"));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check<'a>(section: &'a GatewaySection, door: &Door) -> Checked<'a> {
    let result = match gateway::open(section, door) {
        Ok(opened) => opened.gateway.check().await,
        Err(error) => Err(error.reason),
    };
    Checked { section, result }
}

fn mark(checked: &Checked<'_>) -> &'static str {
    if checked.result.is_ok() { "✓" } else { "✗" }
}

fn object(checked: &Checked<'_>) -> Value {
    let Checked { section, result } = checked;
    let detail = result.as_ref().unwrap_or_else(|wrong| wrong);
    json!({ "id": section.id, "kind": section.kind, "channels": section.channels, "drill": section.drill,
        "well": result.is_ok(), "detail": detail })
}

fn row(checked: &Checked<'_>) -> [String; 6] {
    let Checked { section, result } = checked;
    let channels: Vec<_> = section.channels.iter().map(|c| c.name()).collect();
    let drill = if section.drill { "是 yes" } else { "" };
    let told = match result {
        Ok(seen) => format!("正常 works: {seen}"),
        Err(wrong) => format!("不通 fails: {wrong}"),
    };
    let kind = json!(section.kind).as_str().unwrap_or_default().to_owned();
    [mark(checked).to_owned(), section.id.clone(), kind, channels.join(","), drill.to_owned(), told]
}
