//! Calls and attempts within a callout.

use super::{
    AttemptIx, AttemptKey, CallIx, Channel, ContactId, ContactRef, GatewayId, NoteReason, PersonIx, Phrasing, Proof,
    TargetIx, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// An answer is wanted.
    CallOut,
    /// To be heard by many; no answer is owed.
    Alert,
    /// Tells those who were reached that the warning is over.
    Cancelled,
    /// Tells those who were reached that it was a false alarm, and asks them to confirm it.
    Retracted,
    /// Tells those who were reached what changed.
    Updated,
    /// Tells those who were reached that their ground needs nobody any more.
    Dropped,
    /// Tells why what came back did not count, and asks for the code or a clearer word.
    AskCode,
    /// Reminds somebody who holds a clock up.
    Remind,
    /// Tells those whom a drill reached that it stops and the real warning counts.
    Suspended,
}

/// One person in one callout, for all targets of that person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The person.
    pub person: PersonIx,
    /// What it is for.
    pub purpose: Purpose,
    /// The highest step that asked for it.
    pub step: u8,
    /// The targets.
    pub links: Vec<Link>,
    /// What is to be tried, and how far it has come.
    pub tracks: Vec<Track>,
    /// Attempts made.
    pub attempts: Vec<AttemptIx>,
    /// Attempts made before the running ladder began.
    pub ladder_from: u16,
    /// Contacts found dead in this callout.
    pub dead: BTreeSet<ContactId>,
    /// The reply code, once an attempt carried one.
    pub code: Option<String>,
    /// How often the person was asked for a code or a clearer word.
    pub asked: u8,
    /// Why what last came back did not count; derived, not part of the state's canonical form.
    #[serde(skip)]
    pub noted: Option<NoteReason>,
    /// No contact of the person could be used.
    pub unreachable: bool,
    /// When the person confirmed a retraction.
    pub confirmed_at: Option<Timestamp>,
}

/// One target of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The target.
    pub target: TargetIx,
    /// Whether an attempt has named it to the person.
    pub named: bool,
    /// What the person answered for it, and how surely.
    pub answer: Option<(Answer, Proof)>,
}

/// A ladder of attempts on one channel, or on several in series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Track {
    /// The rungs: one attempt each, with the milliseconds to wait after it.
    pub rungs: Vec<(Channel, i64)>,
    /// The next rung.
    pub next: u16,
    /// When it is due; `None` when nothing more is to be tried.
    pub due: Option<Timestamp>,
}

/// What a person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Heard, and taking it on.
    Yes,
    /// Cannot: call the next one at once.
    Cannot,
}

/// One try of a call on one channel through one gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The call.
    pub call: CallIx,
    /// The track and rung it belongs to.
    pub track: u8,
    /// The rung.
    pub rung: u16,
    /// The channel.
    pub channel: Channel,
    /// The gateway.
    pub gateway: GatewayId,
    /// The contact and directory version; the number itself is nowhere in a timeline.
    pub contact: ContactRef,
    /// The targets it names.
    pub targets: Vec<TargetIx>,
    /// When it was committed for sending.
    pub released_at: Timestamp,
    /// After this it is neither sent nor delivered.
    pub valid_until: Timestamp,
    /// How far it came.
    pub stage: Stage,
    /// How it ended, when it ended without success.
    pub failure: Option<Failure>,
    /// Whether a voice call is over, however it went.
    pub ended: bool,
    /// Whether the person answered in it: it reads back what was recorded, and ends by itself. Derived, not part
    /// of the state's canonical form.
    #[serde(skip)]
    pub answered: bool,
    /// How it was phrased.
    #[serde(skip_serializing_if = "Phrasing::is_plain")]
    pub phrasing: Box<Phrasing>,
    /// All attempts of its message, in order, when there are several; the first one leads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundle: Vec<AttemptKey>,
    /// The place of its release in the timeline; derived, not part of the state's canonical form.
    #[serde(skip)]
    pub seq: u64,
    /// The gateway's own name for it; not part of the state's canonical form.
    #[serde(skip)]
    pub reference: Option<Box<str>>,
    /// When it came this far, or ended without success; derived, not part of the state's canonical form.
    #[serde(skip)]
    pub since: Timestamp,
}

/// How far an attempt came, weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Committed; the gateway has not confirmed it.
    Released,
    /// The gateway may or may not have it.
    Unknown,
    /// The gateway has it.
    Submitted,
    /// The network says it arrived (or: it rings).
    Delivered,
    /// Somebody or something picked up (or: the loudspeaker plays).
    PickedUp,
    /// Heard (or played) to the end.
    Heard,
}

/// How an attempt ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The line was busy.
    Busy,
    /// It rang and nobody picked up.
    NoAnswer,
    /// The person declined the call.
    Declined,
    /// Picked up and hung up before the end.
    HungUp,
    /// The network could not deliver.
    Undelivered,
    /// No such number.
    DeadNumber,
    /// The gateway refused it for good.
    Refused,
    /// The gateway could not be reached or asked to wait; nothing was sent.
    GatewayDown,
    /// Its time ran out before it was sent.
    Expired,
    /// It was not wanted any more and was hung up or withdrawn.
    Withdrawn,
    /// The message that it was to go out in with others was not made; nothing was sent.
    Parted,
}

// === impl Purpose ===

impl Purpose {
    /// Whether it only tells something: it is told whatever has become of the ground.
    #[must_use]
    pub fn is_notice(self) -> bool {
        !matches!(self, Self::CallOut | Self::Alert)
    }

    /// Whether it is the last word on a warning.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Retracted | Self::Suspended)
    }

    /// Whether a word, key or link that comes back on it is meant for it.
    #[must_use]
    pub fn wants_reply(self) -> bool {
        matches!(self, Self::CallOut | Self::Retracted)
    }
}

// === impl Call, Failure, Attempt ===

impl Call {
    /// Whether anything more is to be tried.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.tracks.iter().any(|t| t.due.is_some())
    }

    /// The link to a target.
    #[must_use]
    pub fn link(&self, target: TargetIx) -> Option<&Link> {
        self.links.iter().find(|l| l.target == target)
    }
}

impl Failure {
    /// Whether the person's device may have noticed anything of an attempt that ended so.
    #[must_use]
    pub fn may_have_reached(self) -> bool {
        !matches!(self, Self::GatewayDown | Self::Expired | Self::Refused | Self::DeadNumber | Self::Parted)
    }
}

impl Attempt {
    /// Whether the gateway may still be working on it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.failure.is_none() && !self.ended
    }

    /// Whether it is itself what its gateway has: it goes out alone, or leads its bundle.
    #[must_use]
    pub fn leads(&self, key: &AttemptKey) -> bool {
        self.bundle.first().is_none_or(|leader| leader == key)
    }

    /// Whether it is to be hung up once nobody needs it: it rings or plays, and brought no answer itself.
    #[must_use]
    pub fn rings(&self, now: Timestamp) -> bool {
        self.is_live() && self.channel != Channel::Sms && self.valid_until > now && !self.answered
    }
}

impl Answer {
    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Cannot => "cannot",
        }
    }
}
