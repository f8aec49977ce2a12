//! Events: what timelines hold. Their JSON is the stored form; names and fields never change meaning.
//!
//! No personal data: persons and contacts by id, words of persons as digests of sealed blobs.

use super::{
    Action, Answer, AnswerWay, AttemptIx, AttemptKey, Beside, CallIx, CalloutId, Channel, ClockIx, ClockOf,
    CloseReason, Colour, ContactRef, Digest, Fact, Gap, GatewayId, Hazard, MessageRef, Moves, NoteReason, OnBehalf,
    PersonId, Phrasing, Plan, Proof, Purpose, RegionCode, ReleaseReason, Routed, Seats, SkipReason, Status, StepCause,
    Target, TargetIx, Timestamp, Totals, WarningId, Words,
};
use serde::{Deserialize, Serialize};

/// One event with the moment it was decided. Stored as `[at, event]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry(pub Timestamp, pub Event);

/// An event of a callout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first message, or the first raise from below, opened the callout.
    Opened {
        /// The warning.
        warning: WarningId,
        /// The command region.
        region: RegionCode,
        /// Its name.
        place: String,
        /// What the warning is for.
        status: Status,
        /// The hazard.
        hazard: Hazard,
        /// The colour.
        colour: Colour,
        /// The message.
        message: MessageRef,
        /// Its words.
        words: Words,
        /// When the hazard is expected to begin.
        onset: Option<Timestamp>,
        /// When the event happened.
        origin_time: Option<Timestamp>,
        /// When the warning ends.
        expires: Timestamp,
        /// The plan, resolved.
        plan: Box<Plan>,
        /// The directory version.
        directory: u64,
        /// The place of the message in its warning's stream; 0 when a region below opened the callout.
        #[serde(default)]
        position: u64,
    },
    /// A further message applied; one that extends a time that had run out opens the callout again.
    MessageApplied {
        /// The message.
        message: MessageRef,
        /// Its words.
        words: Words,
        /// The colour from now on.
        colour: Colour,
        /// When the hazard is expected to begin, as of now.
        onset: Option<Timestamp>,
        /// When the event happened, as of now.
        origin_time: Option<Timestamp>,
        /// When the warning ends from now on.
        expires: Timestamp,
        /// The plan from now on, when it is another.
        plan: Option<Box<Plan>>,
        /// The directory version.
        directory: u64,
        /// Whether everybody is called again, those who answered too: the colour went up.
        recall: bool,
        /// Whether it contradicts an earlier message of the same identifier.
        conflict: bool,
        /// The place of the message in its warning's stream.
        #[serde(default)]
        position: u64,
    },
    /// A target must be answered for, or those who answer for it are others from now on.
    TargetCovered {
        /// Its index; a new one follows the last.
        target: TargetIx,
        /// The tier it belongs to.
        tier: u8,
        /// The ground.
        spec: Target,
        /// Who is called in which step.
        seats: Vec<Seats<PersonId>>,
        /// Why it is called when the message does not cover it itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beside: Option<Beside>,
    },
    /// Ground that nobody answers for.
    GapFound {
        /// Where and what.
        gap: Gap,
    },
    /// The warning does not name the ground of a gap any more, or it was filled.
    GapClosed {
        /// Where and what.
        gap: Gap,
    },
    /// A tier will open, or opens at another time than was said.
    TierScheduled {
        /// The tier.
        tier: u8,
        /// When.
        due: Timestamp,
    },
    /// A tier opened: its targets are called.
    TierOpened {
        /// The tier.
        tier: u8,
        /// When it should have opened.
        due: Timestamp,
        /// Who is to be moved.
        moves: Moves,
    },
    /// A step of a target began.
    StepStarted {
        /// The target.
        target: TargetIx,
        /// The step.
        step: u8,
        /// The round, from 1.
        round: u16,
        /// When the next step starts.
        due: Timestamp,
        /// Why now.
        cause: StepCause,
    },
    /// A person is to be called, or the person's call takes in further targets.
    CallPlanned {
        /// The call.
        call: CallIx,
        /// The person.
        person: PersonId,
        /// What it is for.
        purpose: Purpose,
        /// The step that asks for it.
        step: u8,
        /// Targets added or asked about again.
        targets: Vec<TargetIx>,
        /// When the ladder begins (again); `None` when a running ladder takes the targets in.
        due: Option<Timestamp>,
        /// For notices: the channels that reached the person. Otherwise the step's channels apply.
        channels: Vec<Channel>,
    },
    /// An attempt is committed for sending.
    AttemptReleased {
        /// Its index.
        attempt: AttemptIx,
        /// The call.
        call: CallIx,
        /// The track.
        track: u8,
        /// The rung.
        rung: u16,
        /// The channel.
        channel: Channel,
        /// The gateway.
        gateway: GatewayId,
        /// The contact.
        contact: ContactRef,
        /// The reply code.
        code: Option<String>,
        /// The targets it names.
        targets: Vec<TargetIx>,
        /// After this it is neither sent nor delivered.
        valid_until: Timestamp,
        /// When the next rung of the track is due.
        next_due: Option<Timestamp>,
        /// How it was phrased.
        #[serde(default, skip_serializing_if = "Phrasing::is_plain")]
        phrasing: Box<Phrasing>,
        /// Why through this gateway, when that is not plain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        routed: Option<Box<Routed>>,
        /// All attempts of its message, when that brings those of other callouts too, in the order in which it names
        /// them. The first one leads: its key is what the gateway has. Empty when it goes alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bundle: Vec<AttemptKey>,
    },
    /// A rung could not be tried.
    RungSkipped {
        /// The call.
        call: CallIx,
        /// The track.
        track: u8,
        /// The rung.
        rung: u16,
        /// Why.
        reason: SkipReason,
        /// The rung to go on with.
        next: u16,
        /// When; `None` when the track is at its end.
        next_due: Option<Timestamp>,
    },
    /// A gateway told something about an attempt.
    AttemptReported {
        /// The attempt.
        attempt: AttemptIx,
        /// What.
        fact: Fact,
        /// When, by the gateway's clock; kept as reported, drives nothing.
        reported_at: Option<Timestamp>,
        /// The track goes on with this rung at this time, because of it.
        again: Option<(u16, Timestamp)>,
    },
    /// A person answered.
    Answered {
        /// The call.
        call: CallIx,
        /// The attempt, when the answer names one.
        attempt: Option<AttemptIx>,
        /// What was said.
        answer: Answer,
        /// How surely.
        proof: Proof,
        /// On which way it came.
        way: AnswerWay,
        /// For which targets.
        targets: Vec<TargetIx>,
        /// Digest of the sealed words.
        text: Option<Digest>,
        /// Who recorded it on the person's behalf.
        on_behalf: Option<OnBehalf>,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
    /// Something was reported from the ground.
    ActionReported {
        /// The call of the person who reported, or on whose behalf it was.
        call: Option<CallIx>,
        /// The targets.
        targets: Vec<TargetIx>,
        /// What.
        action: Action,
        /// Where people were taken, as a digest of the sealed words.
        shelter: Option<Digest>,
        /// On which way it came.
        way: AnswerWay,
        /// Digest of the sealed words.
        text: Option<Digest>,
        /// Who recorded it.
        on_behalf: Option<OnBehalf>,
        /// When, by the clock of whoever sent it.
        reported_at: Option<Timestamp>,
    },
    /// Something came back that answers nothing.
    ReplyNoted {
        /// The call it seems to belong to.
        call: Option<CallIx>,
        /// Why it is no answer.
        reason: NoteReason,
        /// On which way it came.
        way: AnswerWay,
        /// Digest of the sealed words.
        text: Option<Digest>,
    },
    /// A person confirmed that the retraction of a false alarm was heard.
    Confirmed {
        /// The call that retracted.
        call: CallIx,
        /// On which way it came.
        way: AnswerWay,
        /// Digest of the sealed words.
        text: Option<Digest>,
        /// When, by the gateway's clock.
        reported_at: Option<Timestamp>,
    },
    /// The requirement of a step holds.
    TargetSatisfied {
        /// The target.
        target: TargetIx,
        /// The step.
        step: u8,
        /// The call whose answer completed it; `None` when an operator confirmed a door-knock that no
        /// call asked for.
        call: Option<CallIx>,
    },
    /// A higher post answered instead.
    TargetTakenOver {
        /// The target.
        target: TargetIx,
        /// The step; `None` when it was a region above.
        step: Option<u8>,
        /// The call whose answer took over.
        call: Option<CallIx>,
        /// The region above.
        above: Option<RegionCode>,
    },
    /// Every step passed without an answer: an alarm, not an end.
    TargetExhausted {
        /// The target.
        target: TargetIx,
        /// The round that ended.
        round: u16,
        /// When the next one begins.
        again_at: Option<Timestamp>,
    },
    /// Nobody needs to answer for it any more.
    TargetReleased {
        /// The target.
        target: TargetIx,
        /// Why.
        reason: ReleaseReason,
    },
    /// A clock was started.
    ClockStarted {
        /// Its index.
        clock: ClockIx,
        /// Index of its rule in the plan.
        rule: u8,
        /// What it watches over.
        of: ClockOf,
        /// The deadline.
        due: Timestamp,
    },
    /// A clock's deadline moved with the onset.
    ClockMoved {
        /// The clock.
        clock: ClockIx,
        /// The deadline from now on.
        due: Timestamp,
    },
    /// Those who hold a clock up were reminded.
    ClockReminded {
        /// The clock.
        clock: ClockIx,
    },
    /// What a clock waited for came, in time or late.
    ClockMet {
        /// The clock.
        clock: ClockIx,
    },
    /// A clock's deadline passed.
    ClockMissed {
        /// The clock.
        clock: ClockIx,
    },
    /// Nothing more is tried for a call, and what rings is hung up.
    CallSilenced {
        /// The call.
        call: CallIx,
    },
    /// What this region cannot satisfy went up to the parent region.
    Raised {
        /// The parent region.
        to: RegionCode,
        /// Targets that are exhausted.
        targets: u32,
        /// Gaps found.
        gaps: u32,
    },
    /// What had gone up needs the parent region no more.
    Lowered {
        /// The parent region.
        to: RegionCode,
    },
    /// A region below told how it stands.
    BelowTold {
        /// The region below.
        region: RegionCode,
        /// The sequence of the event there.
        seq: u64,
        /// Whether it needs this region.
        needs: bool,
    },
    /// The callout ended; without any other event, before it began.
    Closed {
        /// How.
        reason: CloseReason,
        /// How its targets stood.
        totals: Totals,
        /// The real callout that a drill gave way to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<CalloutId>,
    },
}

// === impl Event ===

impl Event {
    /// The stable name of the kind of event, as in its JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::MessageApplied { .. } => "message_applied",
            Self::TargetCovered { .. } => "target_covered",
            Self::GapFound { .. } => "gap_found",
            Self::GapClosed { .. } => "gap_closed",
            Self::TierScheduled { .. } => "tier_scheduled",
            Self::TierOpened { .. } => "tier_opened",
            Self::StepStarted { .. } => "step_started",
            Self::CallPlanned { .. } => "call_planned",
            Self::AttemptReleased { .. } => "attempt_released",
            Self::RungSkipped { .. } => "rung_skipped",
            Self::AttemptReported { .. } => "attempt_reported",
            Self::Answered { .. } => "answered",
            Self::ActionReported { .. } => "action_reported",
            Self::ReplyNoted { .. } => "reply_noted",
            Self::Confirmed { .. } => "confirmed",
            Self::TargetSatisfied { .. } => "target_satisfied",
            Self::TargetTakenOver { .. } => "target_taken_over",
            Self::TargetExhausted { .. } => "target_exhausted",
            Self::TargetReleased { .. } => "target_released",
            Self::ClockStarted { .. } => "clock_started",
            Self::ClockMoved { .. } => "clock_moved",
            Self::ClockReminded { .. } => "clock_reminded",
            Self::ClockMet { .. } => "clock_met",
            Self::ClockMissed { .. } => "clock_missed",
            Self::CallSilenced { .. } => "call_silenced",
            Self::Raised { .. } => "raised",
            Self::Lowered { .. } => "lowered",
            Self::BelowTold { .. } => "below_told",
            Self::Closed { .. } => "closed",
        }
    }
}
