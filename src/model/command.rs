//! Commands: what doors, gateways, lanes and the clock ask of a callout.

use super::{
    ActionReport, Answer, AnswerWay, AttemptIx, AttemptKey, Beside, CallIx, CalloutId, Channel, Colour, ContactRef,
    Digest, Fact, Gap, GatewayId, Hazard, MessageRef, NoteReason, OnBehalf, PersonId, PhrasingWish, Plan, Proof,
    RegionCode, Routed, Seats, SkipReason, Status, Target, Timestamp, WarningId, Words,
};
use serde::{Deserialize, Serialize};

/// Something a callout is asked to take into account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A message applies to the command region.
    Apply(Box<Order>),
    /// A message applies to the command region, as the inbox keeps it: before a callout decides on it, the order
    /// is made of it and takes its place ([`Command::Apply`]).
    Message(MessageAt),
    /// A region below cannot satisfy its ground.
    Raise(Box<Raise>),
    /// What a region below had handed up is over there: satisfied, taken over or released.
    Lowered {
        /// The region below.
        region: RegionCode,
        /// The sequence of the event there: of two words from below the later one counts.
        seq: u64,
    },
    /// The region above answered for what this one could not.
    AnsweredAbove {
        /// The region above.
        region: RegionCode,
    },
    /// A real red or orange warning is open on the ground of this drill: it ends.
    Suspend {
        /// The real callout.
        by: CalloutId,
    },
    /// Time has passed: whatever is due is decided.
    Tick,
    /// A lane grants an attempt.
    Release(Release),
    /// A lane cannot serve a rung.
    Skip {
        /// The call.
        call: CallIx,
        /// The track.
        track: u8,
        /// The rung.
        rung: u16,
        /// Why.
        reason: SkipReason,
    },
    /// A gateway tells something about an attempt.
    Report {
        /// The attempt.
        attempt: AttemptIx,
        /// What.
        fact: Fact,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
        /// Of a gateway that is down: whether another one that has not failed this rung works.
        #[serde(default)]
        elsewhere: bool,
    },
    /// An answer, already routed to this callout.
    Reply(Reply),
    /// A report from the ground, already routed to this callout.
    Act(ActionReport),
    /// Something came back that answers nothing.
    Note {
        /// The call it seems to belong to.
        call: Option<CallIx>,
        /// Why it is no answer.
        reason: NoteReason,
        /// The way it came.
        way: AnswerWay,
        /// Digest of the sealed words.
        text: Option<Digest>,
        /// Whether to ask the person for the code.
        ask: bool,
    },
}

/// A message of a warning, for one command region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAt {
    /// The warning.
    pub warning: WarningId,
    /// The place of the message in the warning's stream.
    pub position: u64,
    /// The command region.
    pub region: RegionCode,
}

/// A message as resolved for one command region: the ground, and who answers for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The warning.
    pub warning: WarningId,
    /// The command region.
    pub region: RegionCode,
    /// Its name.
    pub place: String,
    /// What the warning is for.
    pub status: Status,
    /// The hazard.
    pub hazard: Hazard,
    /// The colour.
    pub colour: Colour,
    /// The message.
    pub message: MessageRef,
    /// Its words.
    pub words: Words,
    /// When the hazard is expected to begin.
    pub onset: Option<Timestamp>,
    /// When the event happened.
    pub origin_time: Option<Timestamp>,
    /// When the warning ends, when the message says so.
    pub expires: Option<Timestamp>,
    /// The plan.
    pub plan: Plan,
    /// The directory version.
    pub directory: u64,
    /// All ground that the warning covers from now on in this region; empty for a Cancel.
    pub ground: Vec<Ground>,
    /// Ground that nobody answers for.
    pub gaps: Vec<Gap>,
    /// Whether the message contradicts an earlier one of the same identifier.
    pub conflict: bool,
    /// The place of the message in its warning's stream: an order never undoes a later one.
    #[serde(default)]
    pub position: u64,
    /// Whether a Cancel says that it was a false alarm.
    #[serde(default)]
    pub retracted: bool,
}

/// A target with the persons of each step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ground {
    /// The target.
    pub target: Target,
    /// The tier of the plan that calls it.
    pub tier: u8,
    /// Who is called in which step.
    pub seats: Vec<Seats<PersonId>>,
    /// Why it is called when the message does not cover it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

/// What a region below hands up. The order's ground is the region below, as one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Raise {
    /// The order that opens or extends the parent's callout.
    pub order: Order,
    /// Exhausted targets below.
    pub targets: u32,
    /// Gaps below.
    pub gaps: u32,
    /// The sequence of the event there: of two words from below the later one counts.
    #[serde(default)]
    pub seq: u64,
}

/// What a lane grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The call.
    pub call: CallIx,
    /// The track.
    pub track: u8,
    /// The rung that was offered; a stale offer is dropped.
    pub rung: u16,
    /// The channel.
    pub channel: Channel,
    /// The gateway.
    pub gateway: GatewayId,
    /// The contact that was resolved.
    pub contact: ContactRef,
    /// The reply code that routes a reply from that number to this call.
    pub code: Option<String>,
    /// How it is to be phrased.
    pub phrasing: PhrasingWish,
    /// Why through this gateway, when that is not plain.
    #[serde(default)]
    pub routed: Option<Box<Routed>>,
    /// All attempts of its message, in order, when there are several.
    #[serde(default)]
    pub bundle: Vec<AttemptKey>,
}

/// An answer, already routed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The call.
    pub call: CallIx,
    /// The attempt, when the answer names one (a key press does).
    pub attempt: Option<AttemptIx>,
    /// What was said.
    pub answer: Answer,
    /// How surely.
    pub proof: Proof,
    /// The way it came.
    pub way: AnswerWay,
    /// Digest of the sealed words.
    pub text: Option<Digest>,
    /// Who recorded it on the person's behalf.
    pub on_behalf: Option<OnBehalf>,
    /// When, by the gateway's clock.
    pub reported_at: Option<Timestamp>,
}
