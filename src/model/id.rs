//! Names of streams and of the things inside them.

use super::Status;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Index of a target within its callout, in order of coverage.
pub type TargetIx = u32;
/// Index of a person within a callout, in order of first mention.
pub type PersonIx = u32;
/// Index of a call within its callout.
pub type CallIx = u32;
/// Index of an attempt within its callout.
pub type AttemptIx = u32;
/// Index of a clock within its callout.
pub type ClockIx = u32;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub std::sync::Arc<str>);

        impl $name {
            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A warning: the lineage of messages about one event. 16 hex digits, from (sender, first identifier);
    /// for a drill behind `drill-`, for a test behind `test-`.
    WarningId
}
text_id! {
    /// A callout: one warning in one command region, `<region>-<warning>`. Also the name of its stream.
    CalloutId
}
text_id! {
    /// A hazard report (险情报告): eight hex digits and how often the same was said, `4f2a9c1e-1`; for a
    /// drill behind `drill-`.
    ReportId
}
text_id! {
    /// A stream of the journal: a callout's name, `warning/<id>`, `report/<id>` or `cell/<name>`.
    StreamId
}
text_id! {
    /// A target of the directory (`533324204201-G003`).
    TargetId
}
text_id! {
    /// A person of the directory; a keyed digest that tells nothing about the person.
    PersonId
}
text_id! {
    /// A contact of a person (`<person>.<ordinal>`); carries no number.
    ContactId
}
text_id! {
    /// A gateway, as named in the configuration.
    GatewayId
}

/// What the name of a drill's warning begins with.
const DRILL: &str = "drill-";
/// What the stream of a hazard report begins with.
const REPORT: &str = "report/";

/// SHA-256 of bytes; written as 64 hex digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// Names one attempt anywhere: the callout and the index in it. Written `<callout>.<index>`;
/// it is the idempotency key that gateways see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey {
    /// The callout.
    pub callout: CalloutId,
    /// The attempt in it.
    pub attempt: AttemptIx,
}

// === impl ids ===

impl WarningId {
    /// The lineage that the message (sender, identifier) begins. What is not real lives in a name space
    /// of its own, and its name says so.
    #[must_use]
    pub fn of(status: Status, sender: &str, identifier: &str) -> Self {
        let digest = Digest::of_parts(&[b"warning", sender.as_bytes(), identifier.as_bytes()]);
        let lineage = hex::encode(&digest.0[..8]);
        match status.space() {
            "" => lineage.into(),
            space => format!("{space}-{lineage}").into(),
        }
    }

    /// Whether its messages are a drill's.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.0.starts_with(DRILL)
    }

    /// The stream that holds the warning's messages.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        format!("warning/{self}").into()
    }
}

impl CalloutId {
    /// The callout of a warning in a command region.
    #[must_use]
    pub fn of(region: &crate::model::RegionCode, warning: &WarningId) -> Self {
        format!("{region}-{warning}").into()
    }

    /// Whether it is a drill's: its name says so, before anything of it is read.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.0.split_once('-').is_some_and(|(_, warning)| warning.starts_with(DRILL))
    }

    /// The command region that its name tells; `None` for a name of another form.
    #[must_use]
    pub fn region(&self) -> Option<crate::model::RegionCode> {
        crate::model::RegionCode::parse(self.0.split_once('-')?.0).ok()
    }

    /// The stream that holds the callout's timeline.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        StreamId(self.0.clone())
    }
}

impl ReportId {
    /// The `nth` report (from 1) of those that say the same, `same`.
    #[must_use]
    pub fn of(drill: bool, same: &Digest, nth: u32) -> Self {
        let space = if drill { DRILL } else { "" };
        format!("{space}{}-{nth}", hex::encode(&same.0[..4])).into()
    }

    /// Whether it is a drill's: its name says so, before anything of it is read.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.0.starts_with(DRILL)
    }

    /// The stream that holds what was said and what became of it.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        format!("{REPORT}{self}").into()
    }
}

impl StreamId {
    /// What the names of all hazard reports' streams begin with.
    pub const REPORTS: &str = REPORT;

    /// The hazard report whose stream this is.
    #[must_use]
    pub fn report(&self) -> Option<ReportId> {
        self.0.strip_prefix(REPORT).map(ReportId::from)
    }

    /// The callout whose timeline this is; `None` for warnings, reports and cells.
    #[must_use]
    pub fn callout(&self) -> Option<CalloutId> {
        (!self.0.contains('/')).then(|| CalloutId(self.0.clone()))
    }
}

// === impl Digest ===

impl Digest {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 over length-prefixed parts, so that no two lists of parts collide.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// 64 hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads 64 hex digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Reads 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", &self.hex()[..12])
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a digest is 64 hex digits"))
    }
}

// === impl AttemptKey ===

impl AttemptKey {
    /// Reads `<callout>.<index>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (callout, attempt) = text.rsplit_once('.')?;
        Some(Self { callout: callout.into(), attempt: attempt.parse().ok()? })
    }
}

impl Serialize for AttemptKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttemptKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an attempt is <callout>.<index>"))
    }
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.callout, self.attempt)
    }
}
