//! A message as received, in the one inner form that every format is read into.

use super::{Colour, Digest, Hazard, RegionCode, Status, Timestamp, WarningId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a message does to its warning (CAP 1.2 §3.2.1 `msgType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The first message of an event.
    Alert,
    /// Changes area, colour or times.
    Update,
    /// Ends the warning.
    Cancel,
}

/// A point on the ground, WGS-84 degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Latitude, north positive.
    pub lat: f64,
    /// Longitude, east positive.
    pub lon: f64,
}

/// A circle on the ground (CAP 1.2 §3.2.4 `circle`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Circle {
    /// Its centre.
    pub centre: Point,
    /// Its radius in metres.
    pub radius_m: f64,
}

/// Ground that a message names: everything in it counts, codes and shapes together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// The message's own words for the place.
    pub name: String,
    /// Division codes.
    pub codes: Vec<RegionCode>,
    /// Closed rings; first point equals last.
    pub polygons: Vec<Vec<Point>>,
    /// Circles.
    pub circles: Vec<Circle>,
}

/// The words of a message in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// RFC 3066 tag (`zh-CN`, `en-US`).
    pub language: String,
    /// One line.
    pub headline: String,
    /// What is expected.
    pub description: String,
    /// What to do.
    pub instruction: String,
}

/// What the sender wrote for one way of publishing (national profile, `code/method`). Single receivers
/// are not kept: they may be telephone numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// The way, as written: `SMS`, `SPEAKER`, `PHONE` ...
    pub name: String,
    /// The text for it; empty when the description is meant.
    pub text: String,
    /// The sender's own names of the groups that it is for.
    pub groups: Vec<String>,
}

/// A parsed message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who posted it, in the sender's own words (CAP `sender`, JSON `sender`, national `senderCode`).
    pub sender: String,
    /// The sender's name for this message.
    pub identifier: String,
    /// When the sender says it was sent.
    pub sent: Option<Timestamp>,
    /// What it is for.
    pub status: Status,
    /// What it does.
    pub kind: MessageKind,
    /// Identifiers of earlier messages of the same warning, in the order named. The sent part of
    /// CAP's triples is dropped: in real exports it is the new message's own time.
    pub references: Vec<String>,
    /// The hazard.
    pub hazard: Hazard,
    /// The colour. A Cancel may come without one.
    pub colour: Option<Colour>,
    /// When the warning takes effect.
    pub effective: Option<Timestamp>,
    /// When the hazard is expected to begin.
    pub onset: Option<Timestamp>,
    /// When the event itself began, such as the origin time of an earthquake, when the message tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_time: Option<Timestamp>,
    /// When the warning ends; the plan's in-force time applies when it is missing.
    pub expires: Option<Timestamp>,
    /// The words, by language; Chinese first when there is any.
    pub wording: Vec<Wording>,
    /// The ground.
    pub areas: Vec<Area>,
    /// The offices that issue it together, when the message names them beside the sender.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<String>,
    /// What the sender remarks, such as the reason of a Cancel (CAP 1.2 §3.2.1 `note`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Texts for single ways of publishing. They are kept and not sent: calls use the plan's words,
    /// which name the place and how to answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A fault of form: the message is still acted on.
    Notice,
    /// The message cannot be acted on.
    Fatal,
}

/// One fault in a document: where it is and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Element path, JSON pointer, line and column, or sheet, row and column.
    pub place: String,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// Whether the document can still be acted on.
    pub severity: Severity,
}

/// Names a message inside timelines, without its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    /// Who posted it.
    pub sender: String,
    /// The sender's name for it.
    pub identifier: String,
    /// What it does.
    pub kind: MessageKind,
    /// Digest of the parsed content ([`Message::digest`]).
    pub digest: Digest,
}

// === impl Message ===

impl Message {
    /// The lineage that a message with no known relatives begins: named by its first reference, as
    /// both Chinese profiles point every Update and Cancel at the event's first message.
    #[must_use]
    pub fn warning_id(&self) -> WarningId {
        let first = self.references.first().unwrap_or(&self.identifier);
        WarningId::of(self.status, &self.sender, first)
    }

    /// SHA-256 of the canonical JSON of the parsed content: two documents that say the same are equal.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Serialising plain data into a vector cannot fail.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The name that timelines use.
    #[must_use]
    pub fn reference(&self) -> MessageRef {
        MessageRef {
            sender: self.sender.clone(),
            identifier: self.identifier.clone(),
            kind: self.kind,
            digest: self.digest(),
        }
    }

    /// The wording in a language (`zh`, `en`), or the first there is.
    #[must_use]
    pub fn wording(&self, language: &str) -> Option<&Wording> {
        self.wording.iter().find(|w| w.language.starts_with(language)).or_else(|| self.wording.first())
    }
}

// === impl Finding ===

impl Finding {
    /// A fault of form.
    #[must_use]
    pub fn notice(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into(), severity: Severity::Notice }
    }

    /// A fault that leaves nothing to act on.
    #[must_use]
    pub fn fatal(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into(), severity: Severity::Fatal }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

// === impl MessageKind ===

impl MessageKind {
    /// Reads CAP's word; `None` for `Ack`, `Error` and anything else.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word.trim().to_lowercase().as_str() {
            "alert" => Some(Self::Alert),
            "update" => Some(Self::Update),
            "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }
}
