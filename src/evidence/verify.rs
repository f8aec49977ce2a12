//! The proof of an export: offline, with no database and no configuration.

use super::export::{EXPORT_FORMAT, EXPORT_VERSION, Footer, Header};
use super::timeline::{EvidenceError, fold_checked};
use crate::intake::reports::{Report, ReportEntry, Standing};
use crate::journal::{FORMAT_VERSION, Record};
use crate::model::{Callout, Digest, Entry, ReportId, StreamId, Totals};
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
    /// How the targets stand; none in a hazard report.
    pub totals: Totals,
    /// How the hazard report stands; `None` for a callout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Standing>,
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Fault {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

/// What a file is about, as far as it was read.
enum Subject {
    Callout(Box<Callout>),
    Report(ReportId, Option<Box<Report>>),
}

/// The events of one record.
enum Entries {
    Callout(Vec<Entry>),
    Report(Vec<ReportEntry>),
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
    subject: Option<Subject>,
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
        let (subject, drill) = match (header.stream.callout(), header.stream.report()) {
            (Some(callout), _) => (Some(Subject::Callout(Callout::new(callout.clone()).into())), callout.is_drill()),
            (None, Some(report)) => (Some(Subject::Report(report.clone(), None)), report.is_drill()),
            (None, None) => (None, header.drill),
        };
        if drill != header.drill {
            self.fault("says of a drill that it is real, or the reverse");
        }
        if subject.is_none() {
            self.fault("names a stream that is neither a callout nor a hazard report");
        }
        self.subject = subject;
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
        let entries = match self.subject {
            Some(Subject::Report(..)) => record.entries().map(Entries::Report),
            _ => record.entries().map(Entries::Callout),
        };
        match entries.as_ref().map(Entries::len) {
            Ok(count) if count as u64 != u64::from(record.count) => {
                faults.push(format!("states {} events and holds {count}", record.count));
            }
            Ok(_) => {}
            Err(error) => faults.push(format!("holds events that cannot be read: {error}")),
        }
        (self.next, self.prev) = (record.first.saturating_add(u64::from(record.count)), record.hash);
        self.lost |= !faults.is_empty();
        for fault in faults {
            self.fault(&fault);
        }
        if let (false, Ok(entries), Some(subject)) = (self.lost, entries, self.subject.take()) {
            match subject.fold(entries, record.first, record.hash) {
                Ok(subject) => self.subject = Some(subject),
                Err((subject, reason)) => {
                    self.subject = Some(subject);
                    self.spoil(&reason);
                }
            }
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
        if let Some(subject) = self.subject.as_ref().filter(|_| !self.lost)
            && footer.state_digest != Digest::of(&subject.canonical())
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
        match (self.header, self.footer, self.subject) {
            (Some(header), Some(footer), Some(subject)) if self.faults.is_empty() => Ok(Verified {
                stream: header.stream,
                records: footer.records,
                events: footer.events,
                last_hash: footer.last_hash,
                state_digest: footer.state_digest,
                totals: subject.totals(),
                report: subject.standing(),
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

// === impl Subject, Entries ===

impl Subject {
    /// What the next record's events leave; else why they do not fit.
    fn fold(self, entries: Entries, first: u64, hash: Digest) -> Result<Self, (Self, String)> {
        match (self, entries) {
            (Self::Callout(mut callout), Entries::Callout(entries)) => match fold_checked(&mut callout, &entries) {
                Ok(()) => Ok(Self::Callout(callout)),
                Err(EvidenceError::Event { seq, reason, .. }) => {
                    Err((Self::Callout(callout), format!("event {seq}: {reason}")))
                }
                Err(other) => Err((Self::Callout(callout), other.to_string())),
            },
            (Self::Report(id, mut report), Entries::Report(entries)) => {
                for (seq, entry) in (first..).zip(entries) {
                    match Report::fold(report.take().map(|r| *r), &id, entry) {
                        Ok(folded) => report = Some(Report { hash, ..folded }.into()),
                        Err(reason) => return Err((Self::Report(id, None), format!("event {seq}: {reason}"))),
                    }
                }
                Ok(Self::Report(id, report))
            }
            (subject, _) => Err((subject, "holds events of another kind".into())),
        }
    }

    fn canonical(&self) -> Vec<u8> {
        match self {
            Self::Callout(callout) => callout.canonical(),
            Self::Report(_, report) => report.as_ref().map(|r| r.canonical()).unwrap_or_default(),
        }
    }

    fn totals(&self) -> Totals {
        match self {
            Self::Callout(callout) => callout.totals(),
            Self::Report(..) => Totals::default(),
        }
    }

    fn standing(self) -> Option<Standing> {
        match self {
            Self::Callout(_) => None,
            Self::Report(_, report) => report.map(|r| r.standing),
        }
    }
}

impl Entries {
    fn len(&self) -> usize {
        match self {
            Self::Callout(entries) => entries.len(),
            Self::Report(entries) => entries.len(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}
