//! A hazard report's stream: read and verified, and exported in the same form as a callout's.

use super::export::{EXPORT_FORMAT, EXPORT_VERSION, Footer, Header, line};
use super::timeline::EvidenceError;
use crate::intake::reports::Report;
use crate::journal::{Journal, Record};
use crate::model::{Digest, ReportId};
use std::io::Write;

/// A whole report whose chain holds.
#[derive(Clone, Debug)]
pub struct ReportTimeline {
    /// Its records, as stored.
    pub records: Vec<Record>,
    /// What they leave.
    pub report: Report,
}

/// Reads a report's stream and verifies it; `None` when there is no such report.
///
/// # Errors
/// When the journal cannot be read, the chain is broken or an event cannot be understood.
pub async fn read_report(journal: &dyn Journal, id: &ReportId) -> Result<Option<ReportTimeline>, EvidenceError> {
    let records = journal.read(id.stream(), 0, usize::MAX >> 1).await?;
    Ok(Report::of(id, &records)?.map(|report| ReportTimeline { records, report }))
}

/// Writes a report's stream as one file. The same stream always gives the same bytes.
///
/// # Errors
/// When the writer fails.
pub fn write_report_export(timeline: &ReportTimeline, mut writer: impl Write) -> std::io::Result<()> {
    let ReportTimeline { records, report } = timeline;
    let (stream, drill) = (report.id.stream(), report.is_drill());
    line(&mut writer, &Header { format: EXPORT_FORMAT.into(), version: EXPORT_VERSION, stream, drill })?;
    for record in records {
        line(&mut writer, record)?;
    }
    let footer = Footer {
        records: records.len() as u64,
        events: report.seq,
        last_hash: report.hash,
        state_digest: Digest::of(&report.canonical()),
    };
    line(&mut writer, &footer)?;
    writer.flush()
}
