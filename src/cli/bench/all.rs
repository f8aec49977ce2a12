//! All benches in one run: `--short` in under two minutes, `--full` in hours and with a disk to match.

use super::figures::Case;
use super::{Args, Servers, What, one};
use clap::{Args as _, FromArgMatches as _};
use std::time::Instant;

/// Arguments of `bench all`.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Extent {
    /// Small: that everything works, not how fast it is.
    #[arg(long)]
    short: bool,
    /// As large as the bars ask for: hours, and 15 GB of disk.
    #[arg(long)]
    full: bool,
}

/// As on the command line.
const SHORT: [&str; 8] = [
    "fan-out --persons 1000 --channels 1 --rounds 1",
    "storm --counties 5 --persons 100 --within-s 5 --step-s 4 --boards 8 --overviews 2 --foreseen-s 8",
    "priority --blue 2000 --rate 150 --reds 3 --persons 20",
    "timers --armed 10000,50000 --over-s 2",
    "recovery --calls 2000 --counties 20 --step-s 6",
    "growth --events 10000,200000 --rounds 3",
    "intake --persons 50000 --points 4000 --each-ms 200",
    "faults --persons 500 --counties 5 --messages 30 --slow-s 1 --lasts-ms 1200 --rounds 1",
];
const FULL: [&str; 8] = ["fan-out", "storm", "priority", "timers", "recovery", "growth", "intake", "faults"];

pub(super) async fn run(extent: Extent, servers: &Servers) -> anyhow::Result<Vec<Case>> {
    let (lines, begun) = (if extent.full { FULL } else { SHORT }, Instant::now());
    let mut cases = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        eprintln!("{}/{}, {:.0} s: {line}", i + 1, lines.len(), begun.elapsed().as_secs_f64());
        cases.extend(Box::pin(one(parsed(line)?, Some(servers))).await?);
    }
    eprintln!("all in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(cases)
}

fn parsed(line: &str) -> anyhow::Result<What> {
    let command = Args::augment_args(clap::Command::new("bench"));
    let matches = command.try_get_matches_from(std::iter::once("bench").chain(line.split(' ')))?;
    Ok(Args::from_arg_matches(&matches)?.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_command() {
        for line in SHORT.iter().chain(&FULL) {
            parsed(line).unwrap();
        }
    }
}
