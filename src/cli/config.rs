//! `jiaoying config`: checks the configuration, or shows what is in force.

use crate::config::{Config, ConfigError, Fault};
use clap::Subcommand;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Check; leaves with 1 when something is wrong. Touches neither store nor network.
    Check {
        /// Print one JSON object: ok, faults, notices.
        #[arg(long)]
        json: bool,
    },
    /// Print what is in force and where each value comes from, secrets hidden.
    Print,
}

pub(super) fn run(args: &Args, path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let config = Config::load(path, std::env::vars());
    match (&args.act, config) {
        (Act::Print, config) => {
            print!("{}", config?.print());
            Ok(ExitCode::SUCCESS)
        }
        (Act::Check { json: as_json }, Ok(config)) => {
            let notices = config.notices();
            if *as_json {
                println!("{}", json!({ "ok": true, "faults": [], "notices": notices }));
            } else {
                notices.iter().for_each(|notice| println!("提示 notice: {notice}"));
                println!("配置可用 / the configuration is usable");
            }
            Ok(ExitCode::SUCCESS)
        }
        (Act::Check { json: as_json }, Err(ConfigError::Faults(faults))) => {
            if *as_json {
                let object = |f: &Fault| json!({ "place": f.origin.to_string(), "key": f.key, "reason": f.reason });
                let faults: Vec<_> = faults.iter().map(object).collect();
                println!("{}", json!({ "ok": false, "faults": faults, "notices": [] }));
            } else {
                faults.iter().for_each(|fault| println!("错误 fault: {fault}"));
                let count = faults.len();
                println!("配置不可用，{count} 处错误 / the configuration is refused, {count} faults");
            }
            Ok(ExitCode::FAILURE)
        }
        (Act::Check { .. }, Err(error)) => Err(error.into()),
    }
}
