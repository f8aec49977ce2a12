//! `jiaoying import`: sheets to a version of the directory.

use super::{import_report::Report, installation, template};
use crate::config::Config;
use crate::directory::{Book, Draft, ImportOptions, encode, import};
use crate::journal::Journal;
use crate::model::{Finding, SecretKey, Timestamp};
use crate::runtime::clock;
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::process::ExitCode;

/// How often another import may take the number that this one was made for.
const TRIES: u32 = 5;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A workbook (.xlsx) or a folder of CSV files: targets, responsible and, if wanted, regions.
    #[arg(required_unless_present = "template")]
    sheets: Option<PathBuf>,
    /// Leave out faulty rows, tell them, and store the rest unpublished.
    #[arg(long)]
    draft: bool,
    /// Confirm that a number listed under several names belongs to all of them.
    #[arg(long)]
    accept_shared_numbers: bool,
    /// Only check; touches neither store nor key.
    #[arg(long, conflicts_with = "draft")]
    check_only: bool,
    /// Write empty sheets with all headers into this folder, and import nothing.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["sheets", "draft", "check_only", "accept_shared_numbers"])]
    template: Option<PathBuf>,
    /// Print one JSON object: version, published, counts, findings.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<ExitCode> {
    if let Some(folder) = args.template {
        return template::write(&folder);
    }
    let sheets = args.sheets.context("name a workbook or a folder")?;
    let options = ImportOptions { draft: args.draft, accept_shared_numbers: args.accept_shared_numbers };
    let bar = installation::spinner()?;
    bar.set_message("reading sheets");
    let book = Book::open(&sheets);
    let report = match book {
        Err(findings) => Report::refused(findings),
        // Nothing of this is kept, so any key does.
        Ok(book) if args.check_only => match read(&book, &SecretKey::new([0; 32]), options) {
            Ok((draft, findings)) => Report::of(&draft, findings),
            Err(findings) => Report::refused(findings),
        },
        Ok(book) => {
            let journal = installation::open_journal(&config).await?;
            let key = installation::key_to_store(&config, &*journal).await?;
            match read(&book, &key, options) {
                Ok((draft, findings)) => {
                    let mut report = Report::of(&draft, findings);
                    let version = store(&*journal, &draft, &key, clock::now(), &bar).await?;
                    report.version = Some(version);
                    if !args.draft {
                        journal.publish_directory(version).await?;
                        report.published = true;
                    }
                    report
                }
                Err(findings) => Report::refused(findings),
            }
        }
    };
    bar.finish_and_clear();
    if args.json {
        report.print_json()?
    } else {
        report.print()
    }
    Ok(if report.refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Sheets to a draft that builds.
fn read(book: &Book, key: &SecretKey, options: ImportOptions) -> Result<(Draft, Vec<Finding>), Vec<Finding>> {
    let imported = import(book, key, options)?;
    imported.draft.clone().build(1)?;
    Ok((imported.draft, imported.findings))
}

/// Stores a draft, unpublished. A version's bytes tell its number, which the store gives only when it
/// stores; when another import was faster, what was stored stays unpublished and the next number is tried.
async fn store(
    journal: &dyn Journal,
    draft: &Draft,
    key: &SecretKey,
    now: Timestamp,
    bar: &ProgressBar,
) -> anyhow::Result<u64> {
    let mut number = journal.directory(None).await?.map_or(1, |last| last.version + 1);
    while journal.directory(Some(number)).await?.is_some() {
        number += 1;
    }
    for _ in 0..TRIES {
        bar.set_message(format!("sealing and storing version {number}"));
        let directory = draft.clone().build(number).map_err(|f| anyhow::anyhow!("the draft does not build: {f:?}"))?;
        let stored = journal.put_directory(false, now, encode(&directory, key)).await?;
        if stored == number {
            return Ok(number);
        }
        number = stored + 1;
    }
    bail!("other imports run at the same time; nothing was published, import again")
}
