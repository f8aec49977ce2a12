//! The export: one callout's timeline in one file of JSON lines that proves itself.
//!
//! Line 1 is the header, then one record a line exactly as stored, then the footer. Nothing in it is
//! personal: persons and contacts are ids, words of persons are digests.

use super::timeline::{EvidenceError, Timeline};
use crate::journal::{Journal, Record};
use crate::model::{CalloutId, Digest, StreamId};
use serde::{Deserialize, Serialize};
use std::io::Write;

/// The name of the format, in the header.
pub const EXPORT_FORMAT: &str = "jiaoying-timeline";
/// The version of the format, in the header.
pub const EXPORT_VERSION: u16 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub format: String,
    pub version: u16,
    pub stream: StreamId,
    /// Whether it is a drill's; the stream's name says so too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Footer {
    pub records: u64,
    pub events: u64,
    pub last_hash: Digest,
    pub state_digest: Digest,
}

/// Reads a callout's timeline, verifies it and writes it as one file.
///
/// # Errors
/// As [`Timeline::read`], and when the writer fails.
pub async fn export(journal: &dyn Journal, id: &CalloutId, writer: impl Write) -> Result<(), EvidenceError> {
    let timeline = Timeline::read(journal, id).await?;
    write_export(&timeline, writer)?;
    Ok(())
}

/// Writes a timeline as one file. The same timeline always gives the same bytes.
///
/// # Errors
/// When the writer fails.
pub fn write_export(timeline: &Timeline, mut writer: impl Write) -> std::io::Result<()> {
    let (stream, drill) = (timeline.id.stream(), timeline.id.is_drill());
    let header = Header { format: EXPORT_FORMAT.into(), version: EXPORT_VERSION, stream, drill };
    line(&mut writer, &header)?;
    for record in &timeline.records {
        line(&mut writer, record)?;
    }
    let footer = Footer {
        records: timeline.records.len() as u64,
        events: timeline.entries.len() as u64,
        last_hash: timeline.records.last().map(|r: &Record| r.hash).unwrap_or_default(),
        state_digest: Digest::of(&timeline.at(None).canonical()),
    };
    line(&mut writer, &footer)?;
    writer.flush()
}

pub(super) fn line(writer: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *writer, value)?;
    writer.write_all(b"\n")
}
