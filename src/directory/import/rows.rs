//! The rows of a sheet by column, and faults with their place.

use super::Book;
use crate::model::Finding;
use std::collections::BTreeMap;

/// A column: its two headers, and whether every row must fill it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    zh: &'static str,
    en: &'static str,
    required: bool,
}

/// A sheet whose headers are understood.
pub(super) struct Rows<'a> {
    sheet: &'static str,
    /// Position and header in the file, by Chinese header.
    found: BTreeMap<&'static str, (usize, String)>,
    rows: &'a [(usize, Vec<String>)],
}

/// One row.
pub(super) struct Row<'a> {
    rows: &'a Rows<'a>,
    number: usize,
    cells: &'a [String],
}

// === impl Column ===

impl Column {
    pub(super) const fn required(zh: &'static str, en: &'static str) -> Self {
        Self { zh, en, required: true }
    }

    pub(super) const fn optional(zh: &'static str, en: &'static str) -> Self {
        Self { zh, en, required: false }
    }

    fn is(&self, header: &str) -> bool {
        header == self.zh || header.eq_ignore_ascii_case(self.en)
    }
}

// === impl Rows ===

impl<'a> Rows<'a> {
    /// Opens a sheet and finds its columns, in any order. `None` when it is missing and not needed.
    pub(super) fn open(
        book: &'a Book,
        sheet: &'static str,
        columns: &[Column],
        needed: bool,
    ) -> Result<Option<Self>, Vec<Finding>> {
        let missing = || Finding::fatal(format!("{sheet} sheet"), "the sheet is missing");
        let Some(all) = book.sheets.get(sheet) else {
            return if needed { Err(vec![missing()]) } else { Ok(None) };
        };
        let Some(((line, headers), rows)) = all.split_first() else {
            return Err(vec![Finding::fatal(format!("{sheet} sheet"), "the sheet is empty; row 1 holds the headers")]);
        };
        let mut findings = Vec::new();
        let mut found = BTreeMap::new();
        let mut fault = |header: &str, reason: String| {
            findings.push(Finding::fatal(format!("{sheet} sheet / row {line} / column {header}"), reason));
        };
        for (ix, header) in headers.iter().enumerate().filter(|(_, h)| !h.is_empty()) {
            match columns.iter().find(|c| c.is(header)) {
                Some(column) => {
                    if found.insert(column.zh, (ix, header.clone())).is_some() {
                        fault(header, "the column stands twice".to_owned());
                    }
                }
                None => {
                    let known: Vec<&str> = columns.iter().map(|c| c.zh).collect();
                    fault(header, format!("no column has this header; known are {}", known.join(" ")));
                }
            }
        }
        for column in columns.iter().filter(|c| c.required && !found.contains_key(c.zh)) {
            fault(column.zh, format!("the column is missing (in English {})", column.en));
        }
        if findings.is_empty() { Ok(Some(Self { sheet, found, rows })) } else { Err(findings) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(number, cells)| Row { rows: self, number: *number, cells })
    }
}

// === impl Row ===

impl Row<'_> {
    /// The cell's text; `None` when it is blank or the column is not there.
    pub(super) fn get(&self, column: Column) -> Option<&str> {
        let (ix, _) = self.rows.found.get(column.zh)?;
        self.cells.get(*ix).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The text of a required cell; blank is a fault.
    pub(super) fn text(&self, column: Column, findings: &mut Vec<Finding>) -> Option<String> {
        self.parse(column, findings, |text| Ok(text.to_owned()))
    }

    /// A required cell, read; blank or unreadable is a fault.
    pub(super) fn parse<T>(
        &self,
        column: Column,
        findings: &mut Vec<Finding>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let read = self.get(column).ok_or_else(|| "the cell is blank and must be filled".to_owned()).and_then(read);
        read.map_err(|reason| findings.push(self.fault(column, reason))).ok()
    }

    /// A cell that may be blank, read; `None` only after a fault.
    pub(super) fn parse_or<T>(
        &self,
        column: Column,
        default: T,
        findings: &mut Vec<Finding>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.get(column).is_none() { Some(default) } else { self.parse(column, findings, read) }
    }

    /// A fault in a cell: English sheet name, row, and the header as it stands in the file.
    pub(super) fn fault(&self, column: Column, reason: impl Into<String>) -> Finding {
        let header = self.rows.found.get(column.zh).map_or(column.zh, |(_, header)| header);
        Finding::fatal(format!("{} sheet / row {} / column {header}", self.rows.sheet, self.number), reason)
    }
}
