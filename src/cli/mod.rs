//! The command line: one file per command, each with a form for people and a form for machines.
//!
//! - **Here:** arguments, progress, tables; putting the parts together for `serve` and `demo`.
//! - **Not here:** anything another program could want to call (that belongs to the modules above).
//! - **Depends on:** everything.
//! - **Promises:** errors name place and reason and leave with a code other than 0; `--json` prints one
//!   JSON object last; nothing prints secrets or whole phone numbers.

mod bench;
mod config;
mod demo;
mod demo_scene;
mod demo_totals;
mod demo_view;
mod directory;
mod drills;
mod export;
mod gateway;
mod ground;
mod import;
mod import_report;
mod installation;
mod pages;
mod plan;
mod registered;
mod routes;
mod serve;
mod simulate;
mod table;
mod template;
mod verify;

use crate::config::Config;
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// 叫应 jiaoying: calls out the responsible persons of a hazard warning until a person answers.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The configuration file; the documented defaults hold for what it does not say.
    #[arg(long, global = true, env = "JIAOYING_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: doors, engine, gateways, board.
    Serve(serve::Args),
    /// Show a whole night on invented people: no server, no broker, no real phone.
    Demo(demo::Args),
    /// Measure.
    Bench(bench::Args),
    /// Run the seeded simulator and check every promise after every event.
    Simulate(simulate::Args),
    /// Read sheets of ground and people, and store them as a version of the directory.
    Import(import::Args),
    /// List, publish and show versions of the directory.
    Directory(directory::Args),
    /// Prove that the plans reach the top of the chain.
    Plan(plan::Args),
    /// Try the configured gateways, without calling anybody.
    Gateway(gateway::Args),
    /// Check or print the configuration.
    Config(config::Args),
    /// Write a callout's timeline as one file that proves itself.
    Export(export::Args),
    /// The yearly record of drills: who took part, and where there was none.
    Drills(drills::Args),
    /// Verify an export, offline.
    Verify(verify::Args),
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("jiaoying: cannot start threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("jiaoying: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = || Config::load(cli.config.as_deref(), std::env::vars()).context("configuration");
    match cli.command {
        Command::Serve(args) => serve::run(args, config()?).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
        Command::Import(args) => import::run(args, config()?).await,
        Command::Directory(args) => directory::run(args, config()?).await,
        Command::Plan(args) => plan::run(args, config()?).await,
        Command::Gateway(args) => gateway::run(args, config()?).await,
        Command::Config(args) => config::run(&args, cli.config.as_deref()),
        Command::Export(args) => export::run(args, config()?).await,
        Command::Drills(args) => drills::run(args, config()?).await,
        Command::Verify(args) => verify::run(&args),
    }
}
