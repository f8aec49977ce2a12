//! `jiaoying drills`: the yearly record of drills, from the journal.

use super::{installation, serve, table};
use crate::config::{Config, Drill};
use crate::evidence::{DrillYear, read_drill_year};
use crate::intake::{DrillTime, unposted_drills};
use crate::runtime::clock;
use chrono::Datelike;
use serde_json::json;
use std::process::ExitCode;

/// Places without a drill that are named on the screen; the rest is counted.
const NAMED_MAX: usize = 40;

/// Arguments of `drills`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The year, China Standard Time; this year when not given.
    #[arg(long)]
    year: Option<i32>,
    /// Print one JSON object: year, parts, without, unverified, missed, schedules.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    let journal = installation::open_journal(&config).await?;
    let key = installation::load_key(&config)?;
    let (_, directory) = installation::directory(&*journal, &key, None).await?;
    let now = clock::now();
    let year = args.year.unwrap_or_else(|| now.to_cst().year());
    let record = read_drill_year(&*journal, &directory, year).await?;
    let schedules = serve::schedules(&config)?;
    let missed = unposted_drills(&*journal, &directory, &schedules, (year, now), false).await?;
    let missed: Vec<DrillTime> = missed.into_iter().map(|(_, time)| time).collect();
    if args.json {
        let mut value = json!(record);
        value["missed"] = json!(missed);
        let schedule = |d: &Drill| json!({ "name": d.name, "regions": d.regions, "source": d.source });
        value["schedules"] = json!(config.drills.iter().map(schedule).collect::<Vec<_>>());
        println!("{value}");
    } else {
        show(&record, &missed, &config.drills);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(record: &DrillYear, missed: &[DrillTime], schedules: &[Drill]) {
    let head =
        ["时间 time", "区划 region", "", "呼叫 called", "应答 answered", "转移 moved", "用时 took", "叫应 callout"];
    let mut rows = vec![head.map(str::to_owned)];
    for p in &record.parts {
        let took = match p.took_ms {
            _ if p.suspended => "中止 suspended".to_owned(),
            Some(ms) => format!("{} s", ms / 1000),
            None => "—".to_owned(),
        };
        let counts = [p.called, p.answered, p.moved].map(|n| n.to_string());
        let [called, answered, moved] = counts;
        let (region, place) = (p.place.region.to_string(), p.place.place.clone());
        rows.push([p.opened_at.iso(), region, place, called, answered, moved, took, p.callout.to_string()]);
    }
    println!("{} 年演练记录 / drills of {}", record.year, record.year);
    table::lines(&rows).iter().for_each(|line| println!("{line}"));
    for drill in schedules {
        let source = if drill.source.is_empty() { "—" } else { &drill.source };
        println!("定期演练 / scheduled: {} {}；来源 / source: {source}", drill.name, drill.regions.join(" "));
    }
    for id in &record.unverified {
        println!("时间线未通过校验 / timeline does not verify: {id}");
    }
    for time in missed {
        println!("错过 / missed: {} {} {}", time.at.iso(), time.region, time.identifier);
    }
    println!("{} 个乡镇和村本年未演练 / townships and villages without a drill this year", record.without.len());
    for p in record.without.iter().take(NAMED_MAX) {
        println!("  {} {}", p.region, p.place);
    }
    let more = record.without.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        println!("  另有 {more} 个，用 --json 查看 / and {more} more: --json");
    }
}
