//! Sheets of text cells, from CSV files or a workbook.

use crate::model::{Finding, Timestamp};
use calamine::{Data, Reader, Xlsx};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

/// Excel counts days from 1899-12-30; this many lie before 1970-01-01.
const EXCEL_EPOCH_DAYS: f64 = 25_569.0;

/// Sheets by English name (`targets`, `responsible`, `regions`): rows of trimmed text, each with its number.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Book {
    pub(super) sheets: BTreeMap<String, Vec<(usize, Vec<String>)>>,
}

/// Names under which sheets and files go.
const NAMES: [(&str, &str); 3] = [("targets", "责任区"), ("responsible", "责任人"), ("regions", "区划")];

// === impl Book ===

impl Book {
    /// Reads a folder of CSV files or one workbook (`.xlsx`).
    ///
    /// # Errors
    /// What cannot be read at all, with its file.
    pub fn open(path: &Path) -> Result<Self, Vec<Finding>> {
        let fault = |e: std::io::Error| vec![Finding::fatal(path.display().to_string(), e.to_string())];
        if !path.is_dir() {
            return Self::from_xlsx(std::fs::read(path).map_err(fault)?);
        }
        let mut book = Self::default();
        let mut findings = Vec::new();
        for entry in std::fs::read_dir(path).map_err(fault)? {
            let file = entry.map_err(fault)?.path();
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if file.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv")) && english(&stem).is_some() {
                let bytes = std::fs::read(&file).map_err(fault)?;
                findings.extend(book.add_csv(&stem, &bytes).err());
            }
        }
        if findings.is_empty() { Ok(book) } else { Err(findings) }
    }

    /// Adds a sheet from CSV: UTF-8 with or without a byte order mark, UTF-16 with one, or GB 18030.
    ///
    /// # Errors
    /// A sentence on bytes that are text in none of these, on a row that is no CSV, or on a name that
    /// no sheet has.
    pub fn add_csv(&mut self, name: &str, bytes: &[u8]) -> Result<(), Finding> {
        let Some(name) = english(name) else {
            return Err(Finding::fatal(name, "no sheet has this name; known are targets, responsible, regions"));
        };
        let fault = |reason: &str| Finding::fatal(format!("{name} sheet"), reason);
        let text = decode(bytes).ok_or_else(|| fault("the text is neither UTF-8 nor GB 18030"))?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|_| fault("the text is not CSV"))?;
            let line = record.position().map_or(0, |p| usize::try_from(p.line()).unwrap_or_default());
            rows.push((line, record.iter().map(|cell| cell.trim().to_owned()).collect()));
        }
        self.add(name, rows);
        Ok(())
    }

    /// Reads a workbook; sheets of other names are left alone.
    ///
    /// # Errors
    /// A sentence on bytes that are no workbook.
    pub fn from_xlsx(bytes: Vec<u8>) -> Result<Self, Vec<Finding>> {
        let fault = |e: calamine::XlsxError| vec![Finding::fatal("workbook", format!("it does not read: {e}"))];
        let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(fault)?;
        let mut book = Self::default();
        for title in workbook.sheet_names() {
            let Some(name) = english(&title) else { continue };
            let range = workbook.worksheet_range(&title).map_err(fault)?;
            let first = range.start().map_or(0, |(row, _)| row as usize) + 1;
            let rows = range.rows().enumerate().map(|(ix, row)| (first + ix, row.iter().map(cell).collect()));
            book.add(name, rows.collect());
        }
        Ok(book)
    }

    fn add(&mut self, name: &str, mut rows: Vec<(usize, Vec<String>)>) {
        rows.retain(|(_, cells)| cells.iter().any(|c| !c.is_empty()));
        self.sheets.insert(name.to_owned(), rows);
    }
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.sheets.iter().map(|(name, rows)| (name, rows.len()))).finish()
    }
}

/// The English name of a sheet or file, whichever of its two names it goes by.
fn english(title: &str) -> Option<&'static str> {
    let title = title.trim();
    NAMES.iter().find(|(en, zh)| title.eq_ignore_ascii_case(en) || title == *zh).map(|(en, _)| *en)
}

fn decode(bytes: &[u8]) -> Option<String> {
    let marked = encoding_rs::Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let encoding = match marked {
        Some(encoding) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8,
        None => encoding_rs::GB18030,
    };
    let (text, _, broken) = encoding.decode(bytes);
    (!broken).then(|| text.into_owned())
}

/// A cell as text: whole numbers without a fraction (phones, codes), times as they show, without a zone.
fn cell(data: &Data) -> String {
    match data {
        Data::Float(number) => number.to_string(),
        Data::DateTime(at) if at.is_datetime() => {
            let seconds = ((at.as_f64() - EXCEL_EPOCH_DAYS) * 86_400.0).round();
            // Excel's times carry no zone: they are China time.
            let wall = Timestamp((seconds as i64).saturating_mul(1_000_000)).to_utc().naive_utc();
            // A day without a time is a bare day, as most cells of this kind are.
            let form = if at.as_f64().fract() == 0.0 { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
            wall.format(form).to_string()
        }
        Data::Empty | Data::Error(_) => String::new(),
        other => other.to_string().trim().to_owned(),
    }
}
