//! `jiaoying simulate`: many seeds, every promise after every event.

use crate::sim;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Print one JSON object: seeds, events, lost, violations.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::new(args.seeds);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} seeds  {msg}  {elapsed}")?);
    let (mut events, mut sends, mut duplicates, mut crashes, mut lost) = (0, 0, 0, 0, 0);
    let mut violations = Vec::new();
    for seed in args.from..args.from + args.seeds {
        let outcome = sim::run_seed(seed).await.map_err(|f| anyhow::anyhow!("seed {seed}: {f:?}"))?;
        events += outcome.seen.events;
        sends += outcome.seen.sends;
        duplicates += outcome.seen.duplicates;
        crashes += outcome.seen.crashes;
        lost += outcome.seen.lost;
        for v in outcome.violations {
            bar.println(format!("seed {seed}: promise {}: {}", v.promise, v.seen));
            violations.push(json!({ "seed": seed, "promise": v.promise, "seen": v.seen }));
        }
        bar.set_message(format!("{events} events, {crashes} crashes, {} violations", violations.len()));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let broken = !violations.is_empty() || lost > 0;
    if args.json {
        let out = json!({
            "seeds": args.seeds, "from": args.from, "events": events, "sends": sends, "duplicates": duplicates,
            "crashes": crashes, "lost": lost, "violations": violations,
        });
        println!("{out}");
    } else {
        println!("{} seeds from {}: {events} events, {sends} sends, {crashes} crashes", args.seeds, args.from);
        println!("second sends after an unknown fate: {duplicates}");
        println!("targets lost: {lost}; promises broken: {}", violations.len());
        if broken {
            println!("again: jiaoying simulate --from SEED --seeds 1");
        }
    }
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
