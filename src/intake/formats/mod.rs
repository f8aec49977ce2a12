//! The parsers: bytes in, a [`Message`] and every fault of the document out.
//!
//! - **Here:** OASIS CAP 1.2 (and 1.1) in XML as the CMA exports it (`cap`), the internal profile of the
//!   national platform (`national`), the JSON form of our own (`json`, schema in
//!   `docs/message.schema.json`), what they share: character sets (`text`), the bounded XML tree
//!   (`xml`), infos (`infos`), single values (`values`, `ground`), the rule of acceptance (`draft`).
//! - **Not here:** doors, lineage, who may send what.
//! - **Depends on:** `model`.
//! - **Promises:** pure, and bounded by [`Limits`]; never panics; never touches a file or the network; an
//!   XML document with a DOCTYPE, an entity of its own or a processing instruction is refused. A
//!   warning is refused only when who, what, where or how grave cannot be read, never for its form;
//!   every fault is listed with its place.

mod cap;
mod draft;
mod findings;
mod ground;
mod infos;
mod json;
mod national;
mod text;
mod values;
mod xml;

pub use json::MESSAGE_SCHEMA;

use crate::model::{Finding, Message};
use findings::Findings;

/// Default of [`Limits::bytes_max`]: 1 MiB.
pub const MESSAGE_BYTES_MAX_DEFAULT: usize = 1 << 20;
/// Default of [`Limits::depth_max`]; CAP 1.2 itself needs 5.
pub const MESSAGE_DEPTH_MAX_DEFAULT: usize = 32;
/// Default of [`Limits::elements_max`]: room for every village of a province as a geocode of its own.
pub const MESSAGE_ELEMENTS_MAX_DEFAULT: usize = 50_000;
/// Default of [`Limits::findings_max`].
pub const MESSAGE_FINDINGS_MAX_DEFAULT: usize = 200;

/// What a document may cost before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document as received; more is fatal and nothing is parsed.
    pub bytes_max: usize,
    /// Nesting of XML elements, or of JSON arrays and objects (which never exceeds 128); more is fatal.
    pub depth_max: usize,
    /// XML elements, or JSON objects; more is fatal.
    pub elements_max: usize,
    /// Notices that are listed; the rest is counted in a last one. Fatal findings are always listed.
    pub findings_max: usize,
}

/// The format a document was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OASIS CAP 1.2 or 1.1, or CAP without its namespace.
    Cap12,
    /// The internal profile of the national platform (国突).
    National,
    /// The JSON form of our own ([`MESSAGE_SCHEMA`]).
    Json,
    /// None that this version reads, or XML too broken to tell.
    Unknown,
}

/// What came of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What it was recognised as.
    pub format: Format,
    /// The message; `None` exactly when a finding is fatal.
    pub message: Option<Message>,
    /// Every fault, in the order met.
    pub findings: Vec<Finding>,
}

/// Reads a document with the default [`Limits`].
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    parse_within(bytes, &Limits::default())
}

/// Reads a document within limits.
#[must_use]
pub fn parse_within(bytes: &[u8], limits: &Limits) -> Parsed {
    let mut findings = Findings::new(limits.findings_max);
    let (format, draft) = recognise(bytes, limits, &mut findings);
    let message = draft.and_then(|draft| draft.accept(&mut findings));
    Parsed { format, message, findings: findings.into_vec() }
}

fn recognise(bytes: &[u8], limits: &Limits, findings: &mut Findings) -> (Format, Option<draft::Draft>) {
    if bytes.len() > limits.bytes_max {
        findings.fatal("document", format!("{} bytes; the limit is {}", bytes.len(), limits.bytes_max));
        return (Format::Unknown, None);
    }
    let Some(text) = text::decode(bytes, findings) else { return (Format::Unknown, None) };
    match text.trim_start().chars().next() {
        Some('<') => match xml::read(&text, limits, findings) {
            Ok(document) => recognise_xml(&document, findings),
            Err(finding) => {
                findings.push(finding);
                (Format::Unknown, None)
            }
        },
        Some('{') => (Format::Json, json::read(&text, limits, findings)),
        Some(_) => {
            findings.fatal("line 1, column 1", "neither XML (begins with <) nor a JSON object (begins with {)");
            (Format::Unknown, None)
        }
        None => {
            findings.fatal("document", "it is empty");
            (Format::Unknown, None)
        }
    }
}

fn recognise_xml(document: &xml::Document, findings: &mut Findings) -> (Format, Option<draft::Draft>) {
    let root = &document.root;
    if root.name != "alert" {
        findings.fatal("document", format!("the root element is {}, not CAP's alert", values::quote(&root.name)));
        return (Format::Unknown, None);
    }
    if national::is_it(root) {
        return (Format::National, Some(national::read(document, findings)));
    }
    match document.namespace.as_deref() {
        Some(cap::NAMESPACE_12 | cap::NAMESPACE_11) => {}
        Some(other) => findings.notice("alert", format!("namespace {other:?} is not CAP's; read as CAP 1.2")),
        None => findings.notice("alert", "it has no namespace; read as CAP 1.2"),
    }
    (Format::Cap12, Some(cap::read(root, findings)))
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: MESSAGE_BYTES_MAX_DEFAULT,
            depth_max: MESSAGE_DEPTH_MAX_DEFAULT,
            elements_max: MESSAGE_ELEMENTS_MAX_DEFAULT,
            findings_max: MESSAGE_FINDINGS_MAX_DEFAULT,
        }
    }
}
