//! `jiaoying bench`: figures, each beside its limit measured in the same run.
//!
//! - **Here:** one file per bench; the rig (a scratch store, queues of its own, the program as a child process),
//!   the sink that stands for a carrier, invented ground, and how figures are shown.
//! - **Not here:** the limit path, which is frozen in `benches/limit`, and other makers' systems, in
//!   `benches/peers`.
//! - **Promises:** stores and queues are made for a run and removed; a figure that a bench could not take is an
//!   error, and a bar that is missed is shown as missed.

mod bare;
mod child;
mod fan_out;
mod figures;
mod ground;
#[path = "../../../benches/limit/mod.rs"]
mod limit;
mod rig;
mod sink;

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
    let cases: Vec<Case> = match args.what {
        What::FanOut(what) => fan_out::run(&what, &servers()?).await?,
        What::Limit(what) => return limit::run(what).await.map(|()| ExitCode::SUCCESS),
    };
    figures::show(&cases, args.json);
    Ok(ExitCode::SUCCESS)
}
