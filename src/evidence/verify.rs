//! The proof of an export: offline, with no database and no configuration.

use super::export::{EXPORT_FORMAT, EXPORT_VERSION, Footer, Header};
use super::timeline::{EvidenceError, fold_checked};
use crate::journal::{FORMAT_VERSION, Record};
use crate::model::{Callout, Digest, Entry, StreamId, Totals};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::BufRead;

/// What a file proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The stream.
    pub stream: StreamId,
    /// How many records.
    pub records: u64,
    /// How many events.
    pub events: u64,
    /// Hash of the last record: compare it with one noted elsewhere to prove that nothing was cut off.
    pub last_hash: Digest,
    /// Digest of the canonical state that the events leave.
    pub state_digest: Digest,
    /// How the targets stand.
    pub totals: Totals,
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Fault {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

/// A file being read.
#[derive(Default)]
struct Reading {
    line: u64,
    header: Option<Header>,
    footer: Option<Footer>,
    records: u64,
    next: u64,
    prev: Digest,
    callout: Option<Callout>,
    /// Events after a fault cannot be folded: what they stand on is not known.
    lost: bool,
    faults: Vec<Fault>,
}

/// Checks an export: its form, the chain, the counts, the order, and that the events leave the state
/// that the footer names.
///
/// # Errors
/// Every fault found, each with its line.
pub fn verify(reader: impl BufRead) -> Result<Verified, Vec<Fault>> {
    let mut reading = Reading::default();
    for bytes in reader.split(b'\n') {
        reading.line += 1;
        match bytes.map(String::from_utf8) {
            Ok(Ok(text)) => reading.take(&text),
            Ok(Err(_)) => reading.spoil("is not UTF-8"),
            Err(error) => {
                reading.spoil(&format!("cannot be read: {error}"));
                break;
            }
        }
    }
    reading.finish()
}

// === impl Reading ===

impl Reading {
    fn take(&mut self, text: &str) {
        if self.line == 1 {
            self.take_header(text);
        } else if self.footer.is_some() {
            self.fault("stands behind the footer");
        } else if text.starts_with("{\"records\":") {
            self.take_footer(text);
        } else {
            self.take_record(text);
        }
    }

    fn take_header(&mut self, text: &str) {
        let Some(header) = self.parse::<Header>(text, "a header") else { return };
        if header.format != EXPORT_FORMAT {
            self.fault(&format!("names the format {:?}, not {EXPORT_FORMAT:?}", header.format));
        }
        if header.version != EXPORT_VERSION {
            self.fault(&format!("names version {}, this program reads {EXPORT_VERSION}", header.version));
        }
        match header.stream.callout() {
            Some(callout) => {
                if callout.is_drill() != header.drill {
                    self.fault("says of a drill that it is real, or the reverse");
                }
                self.callout = Some(Callout::new(callout));
            }
            None => self.fault("names a stream that is no callout"),
        }
        self.header = Some(header);
    }

    fn take_record(&mut self, text: &str) {
        self.records += 1;
        let Some(record) = self.parse::<Record>(text, "a record") else { return };
        let stream = self.header.as_ref().map(|h| &h.stream);
        let mut faults = Vec::new();
        if stream.is_some_and(|s| *s != record.stream) {
            faults.push(format!("belongs to the stream {}", record.stream));
        }
        if record.version != FORMAT_VERSION {
            faults.push(format!("has records of version {}, this program reads {FORMAT_VERSION}", record.version));
        }
        if record.first != self.next {
            faults.push(format!("begins with event {}, event {} is next", record.first, self.next));
        }
        if record.prev != self.prev {
            faults.push("does not follow the record before: its prev is not that record's hash".into());
        }
        if record.hash != record.computed_hash() {
            faults.push("was altered: its hash is not that of its content".into());
        }
        let entries = record.entries::<Entry>();
        match &entries {
            Ok(entries) if entries.len() as u64 != u64::from(record.count) => {
                faults.push(format!("states {} events and holds {}", record.count, entries.len()));
            }
            Ok(_) => {}
            Err(error) => faults.push(format!("holds events that cannot be read: {error}")),
        }
        (self.next, self.prev) = (record.first.saturating_add(u64::from(record.count)), record.hash);
        self.lost |= !faults.is_empty();
        for fault in faults {
            self.fault(&fault);
        }
        if let (false, Ok(entries), Some(mut callout)) = (self.lost, entries, self.callout.take()) {
            if let Err(error) = fold_checked(&mut callout, &entries) {
                self.spoil(&match error {
                    EvidenceError::Event { seq, reason, .. } => format!("event {seq}: {reason}"),
                    other => other.to_string(),
                });
            }
            self.callout = Some(callout);
        }
    }

    fn take_footer(&mut self, text: &str) {
        let Some(footer) = self.parse::<Footer>(text, "a footer") else { return };
        if footer.records != self.records {
            self.fault(&format!("counts {} records, there are {}", footer.records, self.records));
        }
        if footer.events != self.next {
            self.fault(&format!("counts {} events, there are {}", footer.events, self.next));
        }
        if footer.last_hash != self.prev {
            self.fault("names another last hash than the last record has");
        }
        if let Some(callout) = self.callout.as_ref().filter(|_| !self.lost)
            && footer.state_digest != Digest::of(&callout.canonical())
        {
            self.fault("names another state than the events leave");
        }
        self.footer = Some(footer);
    }

    /// Reads a line that must be exactly as this program writes it.
    fn parse<T: DeserializeOwned + Serialize>(&mut self, text: &str, what: &str) -> Option<T> {
        match serde_json::from_str::<T>(text) {
            Ok(value) => {
                if serde_json::to_string(&value).ok().as_deref() != Some(text) {
                    self.fault(&format!("is {what} in another form than it was written"));
                }
                Some(value)
            }
            Err(error) => {
                self.spoil(&format!("is not {what}: {error}"));
                None
            }
        }
    }

    fn spoil(&mut self, reason: &str) {
        self.lost = true;
        self.fault(reason);
    }

    fn fault(&mut self, reason: &str) {
        self.faults.push(Fault { line: self.line, reason: reason.to_owned() });
    }

    fn finish(mut self) -> Result<Verified, Vec<Fault>> {
        match (self.header, self.footer, self.callout) {
            (Some(header), Some(footer), Some(callout)) if self.faults.is_empty() => Ok(Verified {
                stream: header.stream,
                records: footer.records,
                events: footer.events,
                last_hash: footer.last_hash,
                state_digest: footer.state_digest,
                totals: callout.totals(),
            }),
            (header, footer, _) => {
                let line = self.line + 1;
                if header.is_none() && self.line == 0 {
                    self.faults.push(Fault { line, reason: "the file is empty".into() });
                } else if footer.is_none() {
                    self.faults.push(Fault { line, reason: "the footer is missing: the file was cut off".into() });
                }
                Err(self.faults)
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}
