//! What an import tells: a table of faults for people, one object for machines.

use super::directory::RELOAD;
use super::table;
use crate::directory::Draft;
use crate::model::{Finding, Severity};
use serde::Serialize;

/// What became of an import.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// The version that was stored.
    pub version: Option<u64>,
    /// Whether it is published.
    pub published: bool,
    /// Whether faults kept everything out.
    pub refused: bool,
    targets: usize,
    people: usize,
    postings: usize,
    faults: usize,
    notices: usize,
    findings: Vec<Row>,
}

/// A finding with its place taken apart.
#[derive(Debug, Serialize)]
struct Row {
    sheet: Option<String>,
    row: Option<u64>,
    column: Option<String>,
    place: String,
    reason: String,
    reason_zh: String,
    severity: Severity,
}

// === impl Report ===

impl Report {
    /// Nothing was taken.
    pub(super) fn refused(findings: Vec<Finding>) -> Self {
        Self { refused: true, ..Self::with(findings) }
    }

    /// A draft was taken.
    pub(super) fn of(draft: &Draft, findings: Vec<Finding>) -> Self {
        Self {
            targets: draft.targets.len(),
            people: draft.people.len(),
            postings: draft.postings.len(),
            ..Self::with(findings)
        }
    }

    fn with(findings: Vec<Finding>) -> Self {
        let findings: Vec<Row> = findings.into_iter().map(Row::from).collect();
        let faults = findings.iter().filter(|r| r.severity == Severity::Fatal).count();
        Self { faults, notices: findings.len() - faults, findings, ..Self::default() }
    }

    pub(super) fn print_json(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }

    /// The findings, grouped by sheet, then the sum.
    pub(super) fn print(&self) {
        for row in self.findings.iter().filter(|r| r.row.is_none()) {
            println!("{}: {} / {}", row.place, row.reason_zh, row.reason);
        }
        for (sheet, zh) in [("regions", "区划"), ("targets", "责任区"), ("responsible", "责任人")] {
            let of_sheet = self.findings.iter().filter(|r| r.sheet.as_deref() == Some(sheet));
            let rows: Vec<[String; 4]> = of_sheet.filter_map(Row::cells).collect();
            if rows.is_empty() {
                continue;
            }
            println!("{zh} {sheet}: {}", rows.len());
            let head = ["行 row", "列 column", "程度 severity", "原因 reason"].map(str::to_owned);
            let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
            table::lines(&rows).iter().for_each(|line| println!("{line}"));
        }
        let (faults, notices) = (self.faults, self.notices);
        println!(
            "{faults} 处错误，{notices} 处提示 / {}, {}",
            table::count(faults, "fault"),
            table::count(notices, "notice")
        );
        let (targets, people, postings) = (self.targets, self.people, self.postings);
        let zh = format!("{targets} 处责任区，{people} 名责任人和设备，{postings} 条岗位");
        let en = format!(
            "{}, {people} people and devices, {}",
            table::count(targets, "target"),
            table::count(postings, "posting")
        );
        match (self.version, self.published) {
            _ if self.refused => println!("未导入任何内容 / nothing was imported"),
            (Some(v), true) => {
                println!("第 {v} 版已保存并发布：{zh} / version {v} stored and published: {en}");
                println!("{RELOAD}");
            }
            (Some(v), false) => {
                println!("第 {v} 版已保存为草稿：{zh} / version {v} stored as a draft: {en}");
                println!("发布 / to publish: jiaoying directory publish {v}");
            }
            (None, _) => println!("可以导入：{zh} / fit to import: {en}"),
        }
    }
}

// === impl Row ===

impl From<Finding> for Row {
    /// Takes `targets sheet / row 3 / column id` apart; other places stay as they are.
    fn from(finding: Finding) -> Self {
        let reason_zh = finding.reason_zh();
        let Finding { place, reason, severity } = finding;
        let part = |ix: usize, word: &str| place.split(" / ").nth(ix)?.strip_prefix(word).map(str::to_owned);
        let sheet = place.split(" / ").next().and_then(|p| p.strip_suffix(" sheet")).map(str::to_owned);
        let row = part(1, "row ").and_then(|n| n.parse().ok());
        Self { sheet, row, column: part(2, "column "), place, reason, reason_zh, severity }
    }
}

impl Row {
    fn cells(&self) -> Option<[String; 4]> {
        let severity = match self.severity {
            Severity::Fatal => "错误 fault",
            Severity::Notice => "提示 notice",
        };
        let column = self.column.clone().unwrap_or_default();
        let reason = format!("{} / {}", self.reason_zh, self.reason);
        Some([self.row?.to_string(), column, severity.to_owned(), reason])
    }
}
