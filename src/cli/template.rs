//! Sheets to fill in: every header, one example row.
//!
//! The example row of people has no number on purpose: as long as it stands there, the import refuses
//! the sheet, so nobody who does not exist gets into a directory.

use anyhow::Context;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

const SHEETS: [(&str, &str); 3] = [
    ("责任区.csv", include_str!("templates/targets.csv")),
    ("责任人.csv", include_str!("templates/responsible.csv")),
    ("区划.csv", include_str!("templates/regions.csv")),
];

/// Without it Excel takes a CSV file for text of the system's own encoding.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Writes the sheets into a folder. A file that is there is never written over.
pub(super) fn write(folder: &Path) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in SHEETS {
        let path = folder.join(name);
        let place = || format!("cannot write {}", path.display());
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).with_context(place)?;
        file.write_all(BYTE_ORDER_MARK).and_then(|()| file.write_all(text.as_bytes())).with_context(place)?;
        println!("{}", path.display());
    }
    println!(
        "请填写后删去示例行，再执行 / fill in, delete the example rows, then: jiaoying import {}",
        folder.display()
    );
    Ok(ExitCode::SUCCESS)
}
