//! `jiaoying config`: checks the configuration, or shows what is in force.

use super::table;
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
    /// Check, secrets included; leaves with 1 when something is wrong. Touches neither store nor network.
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
        (Act::Check { json }, Ok(config)) => {
            let (faults, mut notices) = config.examine();
            notices.splice(0..0, config.notices());
            Ok(report(&faults, &notices, *json))
        }
        (Act::Check { json }, Err(ConfigError::Faults(faults))) => Ok(report(&faults, &[], *json)),
        (Act::Check { .. }, Err(error)) => Err(error.into()),
    }
}

fn report(faults: &[Fault], notices: &[String], as_json: bool) -> ExitCode {
    let ok = faults.is_empty();
    if as_json {
        let object = |f: &Fault| json!({ "place": f.origin.to_string(), "key": f.key, "reason": f.reason });
        let faults: Vec<_> = faults.iter().map(object).collect();
        println!("{}", json!({ "ok": ok, "faults": faults, "notices": notices }));
    } else {
        faults.iter().for_each(|fault| println!("错误 fault: {fault}"));
        notices.iter().for_each(|notice| println!("提示 notice: {notice}"));
        match faults.len() {
            0 => println!("配置可用 / the configuration is usable"),
            n => println!("配置不可用，{n} 处错误 / the configuration is refused, {}", table::count(n, "fault")),
        }
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
