//! `jiaoying bench`: figures, each beside its limit measured in the same run.
//!
//! - **Here:** one file per bench, each of which says at its head what it measures; the rig (a scratch store,
//!   queues of its own, the program as a child process), the sink that stands for a carrier and the people behind it,
//!   clients of live boards, invented ground, and how figures are shown.
//! - **Not here:** the limit path, which is frozen in `benches/limit`, and other makers' systems, in
//!   `benches/peers`.
//! - **Promises:** stores and queues are made for a run and removed; a figure that a bench could not take is an
//!   error, and a bar that is missed is shown as missed.

mod all;
mod bare;
mod boards;
mod child;
mod fan_out;
mod faults;
mod figures;
mod ground;
mod growth;
mod intake;
#[path = "../../../benches/limit/mod.rs"]
mod limit;
mod people;
mod priority;
mod recovery;
mod rig;
mod sink;
mod storm;
mod timers;

use anyhow::Context;
use figures::Case;
use std::process::ExitCode;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// An administrator's URL of a PostgreSQL: databases of the bench's own are made and removed.
    #[arg(long, global = true, env = "JIAOYING_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
    /// A RabbitMQ: queues and exchanges of the bench's own are made and removed.
    #[arg(long, global = true, env = "JIAOYING_TEST_AMQP", hide_env_values = true)]
    amqp: Option<String>,
    /// Print one JSON object last.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// One warning to many persons: first and last call, calls a second, CPU, bytes, memory.
    FanOut(fan_out::Args),
    /// A stormy night: lateness, silence, boards, and the forecast.
    Storm(storm::Args),
    /// A red warning behind blue calls that are due.
    Priority(priority::Args),
    /// Timers in the cell: memory, lateness, cost of one that fires.
    Timers(timers::Args),
    /// Killed with open calls, and started again.
    Recovery(recovery::Args),
    /// The same callouts on journals of other lengths.
    Growth(growth::Args),
    /// Messages read, taken again and covered.
    Intake(intake::Args),
    /// Broken messages and gateways that hang, beside healthy ones.
    Faults(faults::Args),
    /// All of them.
    All(all::Extent),
    /// The limit path, as a child process of the benches that are measured beside it.
    #[command(hide = true)]
    Limit(limit::Args),
}

/// The servers that the benches run on.
struct Servers {
    postgres: String,
    amqp: String,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let servers = || {
        let (postgres, amqp) = (args.postgres.clone(), args.amqp.clone());
        match (postgres, amqp) {
            (Some(postgres), Some(amqp)) => Ok(Servers { postgres, amqp }),
            _ => anyhow::bail!("--postgres and --amqp are needed; `benches/run` starts private ones"),
        }
    };
    let cases = match args.what {
        What::Limit(what) => return limit::run(what).await.map(|()| ExitCode::SUCCESS),
        What::All(extent) => all::run(extent, &servers()?).await?,
        // These need none.
        what @ (What::Timers(_) | What::Intake(_)) => one(what, None).await?,
        what => one(what, Some(&servers()?)).await?,
    };
    figures::show(&cases, args.json);
    Ok(ExitCode::SUCCESS)
}

async fn one(what: What, servers: Option<&Servers>) -> anyhow::Result<Vec<Case>> {
    let servers = || servers.context("it needs servers");
    match what {
        What::FanOut(what) => fan_out::run(&what, servers()?).await,
        What::Storm(what) => storm::run(&what, servers()?).await,
        What::Priority(what) => priority::run(&what, servers()?).await,
        What::Timers(what) => timers::run(&what).await,
        What::Recovery(what) => recovery::run(&what, servers()?).await,
        What::Growth(what) => growth::run(&what, servers()?).await,
        What::Intake(what) => intake::run(&what).await,
        What::Faults(what) => faults::run(&what, servers()?).await,
        What::All(_) | What::Limit(_) => anyhow::bail!("not one bench"),
    }
}
