//! From spreadsheets to a draft: sheets `targets` and `responsible`, and if wanted `regions`.
//!
//! - **Here:** reading of workbooks and CSV ([`Book`]), the columns and their Chinese and English
//!   headers, the checks of every cell, and people put together from the rows that name them.
//! - **Not here:** what a draft must hold as a whole (`draft`), the form of numbers (`phone`).
//! - **Promises:** every fault is reported with sheet, row and column in one go; without `draft`
//!   nothing is taken when anything is wrong; no finding repeats a name or a number.

mod book;
mod cells;
mod responsible;
mod rows;
mod targets;

pub use book::Book;

use super::{Draft, yunnan};
use crate::model::{Finding, Region, RegionCode, SecretKey, Severity};
use rows::{Column, Rows};
use std::collections::{BTreeMap, BTreeSet};

/// How to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Keep the good rows and tell the faults as notices. Else one fault refuses everything.
    pub draft: bool,
    /// Somebody has confirmed that a number listed under several names belongs to all of them.
    pub accept_shared_numbers: bool,
}

/// What an import gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The lists, over the shipped divisions.
    pub draft: Draft,
    /// What is worth knowing, or was left out.
    pub findings: Vec<Finding>,
}

const CODE: Column = Column::required("区划代码", "code");
const NAME: Column = Column::required("名称", "name");

/// Reads a book into a draft over the shipped divisions of Yunnan. `key` names the people.
///
/// # Errors
/// Every fault, when there is a fatal one: without [`ImportOptions::draft`] any faulty cell, with it
/// only a missing sheet or column.
pub fn import(book: &Book, key: &SecretKey, options: ImportOptions) -> Result<Imported, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fatal = Vec::new();
    let mut open = |name, columns, needed| match Rows::open(book, name, columns, needed) {
        Ok(rows) => rows,
        Err(found) => {
            fatal.extend(found);
            None
        }
    };
    let regions = open("regions", &[CODE, NAME], false);
    let targets = open("targets", targets::COLUMNS, true);
    let responsible = open("responsible", responsible::COLUMNS, true);
    if !fatal.is_empty() {
        return Err(fatal);
    }
    let mut draft = Draft { regions: read_regions(regions.as_ref(), &mut findings), ..Draft::default() };
    let codes: BTreeSet<RegionCode> = draft.regions.iter().map(|r| r.code.clone()).collect();
    draft.targets = targets.map(|rows| targets::read(&rows, &codes, &mut findings)).unwrap_or_default();
    if let Some(rows) = responsible {
        let ids: BTreeSet<&str> = draft.targets.iter().map(|t| t.id.as_str()).collect();
        let (people, postings) = responsible::read(&rows, key, &codes, &ids, options, &mut findings);
        (draft.people, draft.postings) = (people, postings);
    }
    if options.draft {
        findings.iter_mut().for_each(|f| f.severity = Severity::Notice);
    } else if findings.iter().any(|f| f.severity == Severity::Fatal) {
        return Err(findings);
    }
    Ok(Imported { draft, findings })
}

/// The shipped divisions, with those of the sheet added or renamed.
fn read_regions(rows: Option<&Rows>, findings: &mut Vec<Finding>) -> Vec<Region> {
    let mut regions: BTreeMap<RegionCode, String> = yunnan().iter().map(|r| (r.code.clone(), r.name.clone())).collect();
    let mut listed = BTreeSet::new();
    for row in rows.into_iter().flat_map(Rows::iter) {
        let code = row.parse(CODE, findings, RegionCode::parse);
        let name = row.text(NAME, findings);
        let (Some(code), Some(name)) = (code, name) else { continue };
        if listed.insert(code.clone()) {
            regions.insert(code, name);
        } else {
            findings.push(row.fault(CODE, "the code is listed twice"));
        }
    }
    regions.into_iter().map(|(code, name)| Region { code, name }).collect()
}
