//! Who answers for which ground: targets, persons, contacts, posts.

use super::{ContactId, PersonId, Point, RegionCode, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

/// A way to reach a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Short message.
    Sms,
    /// Voice call.
    Voice,
    /// Emergency broadcast: played is a fact, never an answer.
    Broadcast,
}

/// What kind of ground a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// 网格
    Grid,
    /// 村 / 社区
    Village,
    /// 隐患点
    HazardPoint,
    /// 风险区
    Zone,
    /// A whole region: the target of a plan's tier, or what a lower chain could not satisfy. In no directory.
    Region,
}

/// Ground that must be answered for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its name in the directory.
    pub id: TargetId,
    /// Its name for people.
    pub name: String,
    /// What kind of ground it is.
    pub kind: TargetKind,
    /// The region it lies in (a village or township code).
    pub region: RegionCode,
    /// Households on it.
    pub households: u32,
    /// Persons on it.
    pub persons: u32,
    /// Persons of special groups among them (old and alone, disabled, left-behind children, ill).
    pub special: u32,
    /// Risk of the ground, 0 (unknown) to 5 (highest): orders calls within a colour and step.
    pub risk: u8,
    /// Where it is, WGS-84.
    pub point: Option<Point>,
}

/// One address of a person or device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its name; what timelines hold.
    pub id: ContactId,
    /// E.164 number (`+8613800138000`) or speaker address.
    pub number: String,
    /// What it can be used for.
    pub channels: Vec<Channel>,
}

/// A person, or a device such as a village loudspeaker, that can fill posts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name in timelines.
    pub id: PersonId,
    /// The person's name.
    pub name: String,
    /// Addresses in the order in which to try them.
    pub contacts: Vec<Contact>,
    /// RFC 3066 tag of the language to call in.
    pub language: String,
    /// From when to when (exclusive) the person is away; the deputy is called instead.
    pub away: Option<(Timestamp, Timestamp)>,
}

/// A person filling a duty in a region or at a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The post's name, as plans use it (`grid`, `village`, `township_duty`, `county_duty`).
    pub post: String,
    /// A region code or a target id.
    pub ground: String,
    /// Who fills it.
    pub person: PersonId,
    /// 1 for the holder, 2 and up for deputies in order.
    pub rank: u8,
}

/// Which contact an attempt used: the contact and the directory version that held its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactRef {
    /// The contact.
    pub contact: ContactId,
    /// The directory version.
    pub version: u64,
}

// === impl Channel ===

impl Channel {
    /// All channels.
    pub const ALL: [Self; 3] = [Self::Sms, Self::Voice, Self::Broadcast];

    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Broadcast => "broadcast",
        }
    }

    /// The Chinese word.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::Sms => "短信",
            Self::Voice => "电话",
            Self::Broadcast => "广播",
        }
    }
}

// === impl Person, Contact ===

impl Person {
    /// The contacts usable on a channel, in order.
    pub fn contacts_on(&self, channel: Channel) -> impl Iterator<Item = &Contact> {
        self.contacts.iter().filter(move |c| c.channels.contains(&channel))
    }

    /// Whether the person is away at `now`.
    #[must_use]
    pub fn is_away(&self, now: Timestamp) -> bool {
        self.away.is_some_and(|(from, until)| from <= now && now < until)
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person({})", self.id)
    }
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contact({})", self.id)
    }
}

/// A number with all but its first three and last four digits hidden (`138****8000`), for screens.
#[must_use]
pub fn mask_number(number: &str) -> String {
    let local = number.strip_prefix("+86").unwrap_or(number);
    let chars: Vec<char> = local.chars().collect();
    if chars.len() < 8 {
        return "****".into();
    }
    let head: String = chars[..3].iter().collect();
    let tail: String = chars[chars.len() - 4..].iter().collect();
    format!("{head}****{tail}")
}
