//! `jiaoying config`: checks the configuration, or shows what is in force.

use super::plan::print_finding;
use super::{registered, routes, table};
use crate::config::{Config, ConfigError, Fault};
use crate::model::{Finding, Severity};
use crate::plan::{PlanSet, TextFigure, figures, late_keys};
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
    /// Check, secrets, plans' texts and registered templates included; leaves with 1 when something is wrong. Touches neither store nor network.
    Check {
        /// Print one JSON object: ok, faults, notices, findings, texts.
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
            let mut checked = Checked { faults, notices, ..Checked::default() };
            checked.words(&config);
            Ok(report(&checked, *json))
        }
        (Act::Check { json }, Err(ConfigError::Faults(faults))) => {
            Ok(report(&Checked { faults, ..Checked::default() }, *json))
        }
        (Act::Check { .. }, Err(error)) => Err(error.into()),
    }
}

/// What a check found.
#[derive(Default)]
struct Checked {
    faults: Vec<Fault>,
    notices: Vec<String>,
    /// Of plans and registered templates.
    findings: Vec<Finding>,
    texts: Vec<TextFigure>,
}

// === impl Checked ===

impl Checked {
    /// Holds the words of plans and templates against what short messages and vendors allow.
    fn words(&mut self, config: &Config) {
        self.findings.extend(registered::findings(config));
        if let Err(error) = routes::ported(config) {
            self.findings.push(Finding::fatal("routing.ported_file", format!("{error:#}")));
        }
        let dir = &config.plans.dir;
        if !dir.exists() {
            self.notices.push(format!("plans.dir: {} is not there; its texts are not checked", dir.display()));
            return;
        }
        match PlanSet::load(dir) {
            Ok(plans) => {
                self.texts = plans.files().iter().flat_map(|f| figures(f, registered::link_chars(config))).collect();
                self.findings.extend(plans.files().iter().flat_map(late_keys));
            }
            Err(findings) => self.findings.extend(findings),
        }
    }

    fn count_faults(&self) -> usize {
        self.faults.len() + self.findings.iter().filter(|f| f.severity == Severity::Fatal).count()
    }
}

fn report(checked: &Checked, as_json: bool) -> ExitCode {
    let Checked { faults, notices, findings, texts } = checked;
    let count = checked.count_faults();
    if as_json {
        let object = |f: &Fault| json!({ "place": f.origin.to_string(), "key": f.key, "reason": f.reason });
        let text = |t: &TextFigure| {
            json!({
                "plan": t.file, "text": t.kind, "language": t.language, "characters": t.characters,
                "alphabet": t.segments.alphabet, "units": t.segments.units, "segments": t.segments.segments,
                "key_ends": t.key_ends,
            })
        };
        let faults: Vec<_> = faults.iter().map(object).collect();
        let texts: Vec<_> = texts.iter().map(text).collect();
        let ok = count == 0;
        println!("{}", json!({ "ok": ok, "faults": faults, "notices": notices, "findings": findings, "texts": texts }));
    } else {
        if !texts.is_empty() {
            println!("短信长度（地名较长的示例）/ short messages, for an example with long names:");
        }
        let rows: Vec<_> = texts.iter().map(row).collect();
        table::lines(&rows).iter().for_each(|line| println!("{line}"));
        faults.iter().for_each(|fault| println!("错误 fault: {fault}"));
        findings.iter().for_each(print_finding);
        notices.iter().for_each(|notice| println!("提示 notice: {notice}"));
        match count {
            0 => println!("配置可用 / the configuration is usable"),
            n => println!("配置不可用，{n} 处错误 / the configuration is refused, {}", table::count(n, "fault")),
        }
    }
    if count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line: `default.toml  sms  101 字 characters  UCS-2  2 条 segments  要点到第 45 字 key ends at 45`.
fn row(t: &TextFigure) -> [String; 5] {
    let (alphabet, segments) = (t.segments.alphabet.name(), t.segments.segments);
    [
        t.file.clone(),
        [t.kind.name(), t.language.as_deref().unwrap_or_default()].join(" "),
        format!("{} 字 characters", t.characters),
        format!("{alphabet}, {segments} 条 segments"),
        format!("要点到第 {0} 字 key sentence ends at {0}", t.key_ends),
    ]
}
