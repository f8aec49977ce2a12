//! The state of a callout, as the fold of its timeline leaves it.

use super::{
    Attempt, AttemptIx, Beside, Call, CallIx, CalloutId, Clock, ClockIx, ClockOf, ClockRule, Colour, Hazard,
    MessageRef, Moves, PersonId, PersonIx, Plan, Progress, Purpose, RegionCode, Status, Target, TargetId, TargetIx,
    TargetKind, Timestamp, WarningId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One warning in one command region.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Callout {
    /// Its name.
    pub id: CalloutId,
    /// How many events have been folded in.
    pub seq: u64,
    /// When the last of them was recorded.
    pub recorded_at: Timestamp,
    /// What is being called out; `None` before the first event.
    pub head: Option<Head>,
    /// The ground, in order of coverage.
    pub targets: Vec<TargetState>,
    /// The persons, in order of first mention.
    pub people: Vec<PersonId>,
    /// The calls.
    pub calls: Vec<Call>,
    /// The attempts.
    pub attempts: Vec<Attempt>,
    /// The tiers of the plan in force.
    pub tiers: Vec<TierState>,
    /// All clock rules that have been in force, in order.
    pub rules: Vec<ClockRule>,
    /// The clocks.
    pub clocks: Vec<Clock>,
    /// Ground that nobody answers for.
    pub gaps: Vec<Gap>,
    /// How often this callout has gone up to the parent region.
    pub raised: u32,
    /// How many of these are over: what had gone up is satisfied, taken over or released here.
    pub lowered: u32,
    /// The last word from each region below: the sequence of its event there.
    pub below: BTreeMap<RegionCode, u64>,
    /// How it ended.
    pub closed: Option<CloseReason>,
    /// What is due when; derived, not part of the state's canonical form.
    #[serde(skip)]
    pub agenda: Agenda,
    /// Where each person stands in `people`; derived.
    #[serde(skip)]
    pub person_ix: BTreeMap<PersonId, PersonIx>,
    /// Where the targets of each name stand in `targets`, one per tier; derived.
    #[serde(skip)]
    pub target_ix: BTreeMap<TargetId, Vec<TargetIx>>,
    /// The call of a person for a purpose; derived.
    #[serde(skip)]
    pub call_ix: BTreeMap<(PersonIx, Purpose), CallIx>,
}

/// What is being called out, under which plan, until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
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
    /// The colour, as of the last message.
    pub colour: Colour,
    /// The last message that applied.
    pub message: MessageRef,
    /// Its words.
    pub words: Words,
    /// When the hazard is expected to begin.
    pub onset: Option<Timestamp>,
    /// When the event happened.
    pub origin_time: Option<Timestamp>,
    /// When the warning ends.
    pub expires: Timestamp,
    /// The plan, resolved.
    pub plan: Plan,
    /// The directory version the ground and posts were taken from.
    pub directory: u64,
    /// When the callout was opened.
    pub opened_at: Timestamp,
    /// Attempts before this one were made for a lower colour and no longer satisfy anything.
    pub recalled_from: AttemptIx,
    /// The place of the last message in its warning's stream.
    pub position: u64,
}

/// The public words of a message, in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// One line.
    pub headline: String,
    /// What is expected.
    pub description: String,
    /// What to do.
    pub instruction: String,
}

/// Where the calling for a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Covered, and no step has begun yet: its tier is not open.
    Covered,
    /// A step is running.
    Calling {
        /// The step.
        step: u8,
        /// When the next step starts.
        due: Timestamp,
    },
    /// Covered ground: the requirement of a step holds.
    Satisfied {
        /// Since when.
        at: Timestamp,
        /// Which step's.
        step: u8,
    },
    /// A higher post answered instead.
    TakenOver {
        /// Since when.
        at: Timestamp,
        /// The step that answered; `None` when it was a region above.
        step: Option<u8>,
    },
    /// Every step passed without an answer.
    Exhausted {
        /// Since when.
        at: Timestamp,
        /// When the round repeats.
        again_at: Option<Timestamp>,
    },
    /// Nobody needs to answer any more.
    Released {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: ReleaseReason,
    },
}

/// Why a target is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The warning was cancelled.
    Cancelled,
    /// The warning's time ran out.
    Expired,
    /// An Update no longer covers the ground.
    NotCovered,
    /// The drill was suspended.
    Suspended,
    /// The region below needs nobody here any more.
    SettledBelow,
}

/// The persons of one step for one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seats<P> {
    /// Those who must answer.
    pub answer: Vec<P>,
    /// Those who are alerted and owe no answer.
    pub alert: Vec<P>,
}

/// A target within a callout.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetState {
    /// The ground.
    pub spec: Target,
    /// The tier it belongs to.
    pub tier: u8,
    /// Why it is called when the message does not cover it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
    /// Who is called in which step.
    pub seats: Vec<Seats<PersonIx>>,
    /// Where the calling stands.
    pub phase: Phase,
    /// What has been reported from the ground.
    pub progress: Progress,
    /// Rounds begun, from 1.
    pub round: u16,
    /// The highest step begun since the last (re)call.
    pub reached: u8,
    /// The lowest step whose answers still count: those before were heard and nothing was done.
    pub floor: u8,
    /// Whether the ground stands as an alarm: exhausted and neither satisfied, taken over nor released since.
    pub alarm: bool,
    /// The calls that name it.
    pub calls: Vec<CallIx>,
    /// Its clocks.
    pub clocks: Vec<ClockIx>,
}

/// Ground that nobody answers for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The region code or target id.
    pub ground: String,
    /// The step whose posts nobody fills; `None` when there is no target at all.
    pub step: Option<u8>,
    /// What is missing.
    pub reason: GapReason,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The message names an area that the directory does not know.
    UnknownArea,
    /// A village that has no target.
    NoTarget,
    /// Nobody fills the step's posts for the ground.
    NobodyInPost,
    /// Nobody at all answers for the ground, in any step.
    NobodyAtAll,
}

/// How a callout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The warning was cancelled.
    Cancelled,
    /// The warning's time ran out.
    Expired,
    /// A drill gave way to a real red or orange warning on its ground.
    Suspended,
    /// It was a false alarm.
    Retracted,
}

/// What is due when. Derived from the state by the fold; a cache that is rebuilt by folding again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// What the engine itself must decide at a time.
    pub timers: BTreeSet<(Timestamp, Timer)>,
    /// Rungs that become due and have not been offered to a lane: (due, call, track).
    pub rungs: BTreeSet<(Timestamp, CallIx, u8)>,
}

/// What the engine must decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A clock's deadline; stands first, so that a deadline is judged before the step that follows it.
    Clock(ClockIx),
    /// A reminder before a clock's deadline.
    Remind(ClockIx),
    /// A tier opens.
    Tier(u8),
    /// The next step of a target.
    Step(TargetIx),
    /// The next round of a target.
    Round(TargetIx),
    /// The end of the warning; stands last.
    Expiry,
}

/// How a tier stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TierState {
    /// When it opens, or should have opened.
    pub due: Option<Timestamp>,
    /// When it opened.
    pub opened_at: Option<Timestamp>,
    /// Who is to be moved since it opened.
    pub moves: Moves,
    /// Its clocks.
    pub clocks: Vec<ClockIx>,
}

/// How many targets stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All of them.
    pub targets: u32,
    /// Waiting for their tier to open: nobody is called for them yet.
    #[serde(default)]
    pub waiting: u32,
    /// Being called.
    pub calling: u32,
    /// Covered.
    pub satisfied: u32,
    /// Taken over by a higher post.
    pub taken_over: u32,
    /// Standing as an alarm, whether a round is running again or not.
    pub exhausted: u32,
    /// Released without an answer.
    pub released: u32,
}

// === impl Callout ===

impl Callout {
    /// A callout before its first event.
    #[must_use]
    pub fn new(id: CalloutId) -> Self {
        Self {
            id,
            seq: 0,
            recorded_at: Timestamp::default(),
            head: None,
            targets: Vec::new(),
            people: Vec::new(),
            calls: Vec::new(),
            attempts: Vec::new(),
            tiers: Vec::new(),
            rules: Vec::new(),
            clocks: Vec::new(),
            gaps: Vec::new(),
            raised: 0,
            lowered: 0,
            below: BTreeMap::new(),
            closed: None,
            agenda: Agenda::default(),
            person_ix: BTreeMap::new(),
            target_ix: BTreeMap::new(),
            call_ix: BTreeMap::new(),
        }
    }

    /// Whether messages, answers and timers still move it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.head.is_some() && self.closed.is_none()
    }

    /// Whether it is a drill's.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.head.as_ref().map_or_else(|| self.id.is_drill(), |h| h.status.is_drill())
    }

    /// Whether it is real, grave and open: drills on its ground give way.
    #[must_use]
    pub fn suspends_drills(&self) -> bool {
        !self.is_drill()
            && self.is_open()
            && self.head.as_ref().is_some_and(|h| h.status == Status::Actual && h.colour >= Colour::Orange)
    }

    /// Whether what went up to the parent region still needs it: an alarm, ground that rests on the
    /// answer from above, or ground with nobody at all.
    #[must_use]
    pub fn needs_parent(&self) -> bool {
        let rests = |t: &TargetState| t.alarm || matches!(t.phase, Phase::TakenOver { step: None, .. });
        self.is_open() && (self.targets.iter().any(rests) || self.gaps.iter().any(|gap| self.goes_up(gap)))
    }

    /// Whether a gap of this region's own ground has no target and goes up as such.
    #[must_use]
    pub fn goes_up(&self, gap: &Gap) -> bool {
        matches!(gap.reason, GapReason::UnknownArea | GapReason::NoTarget) && !self.is_from_below(gap)
    }

    /// Whether a gap was handed up by a region below, whose ground is a target here.
    #[must_use]
    pub fn is_from_below(&self, gap: &Gap) -> bool {
        let above = self.head.as_ref().map_or(0, |h| h.plan.above());
        self.target_in(above, &gap.ground.as_str().into()).is_some()
    }

    /// The target of a name in a tier.
    #[must_use]
    pub fn target_in(&self, tier: u8, id: &TargetId) -> Option<TargetIx> {
        self.target_ix.get(id)?.iter().copied().find(|ix| self.targets[*ix as usize].tier == tier)
    }

    /// The rule of a clock.
    #[must_use]
    pub fn rule(&self, clock: ClockIx) -> Option<&ClockRule> {
        self.rules.get(usize::from(self.clocks.get(clock as usize)?.rule))
    }

    /// The targets that a clock watches over and that are not released.
    pub fn watched(&self, of: ClockOf) -> impl Iterator<Item = TargetIx> + '_ {
        let among = match of {
            ClockOf::Target(target) => target..target + 1,
            ClockOf::Tier(_) => 0..self.targets.len() as TargetIx,
        };
        among.filter(move |ix| {
            let t = &self.targets[*ix as usize];
            let within = match of {
                ClockOf::Target(_) => true,
                ClockOf::Tier(tier) => t.tier == tier,
            };
            within && !matches!(t.phase, Phase::Released { .. })
        })
    }

    /// The regions below that raised to this one what they could not satisfy: the ground of a callout
    /// above the county, and the reason that there is one. Empty when a message opened it.
    #[must_use]
    pub fn raised_from(&self) -> Vec<&RegionCode> {
        let above = self.head.as_ref().map_or(0, |h| h.plan.above());
        let regions = self.targets.iter().filter(|t| t.spec.kind == TargetKind::Region && t.tier == above);
        regions.map(|t| &t.spec.region).collect()
    }

    /// How its targets stand.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.targets.iter().for_each(|target| totals.count(target));
        totals
    }

    /// How the targets of a tier stand.
    #[must_use]
    pub fn totals_of_tier(&self, tier: u8) -> Totals {
        let mut totals = Totals::default();
        self.targets.iter().filter(|t| t.tier == tier).for_each(|target| totals.count(target));
        totals
    }

    /// The canonical JSON of the state: equal states give equal bytes.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        // Serialising plain data into a vector cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// When something is due next, of whichever kind.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let timer = self.agenda.timers.first().map(|(at, _)| *at);
        let rung = self.agenda.rungs.first().map(|(at, _, _)| *at);
        [timer, rung].into_iter().flatten().min()
    }
}

// === impl Totals ===

impl Totals {
    /// Counts one more target.
    pub fn count(&mut self, target: &TargetState) {
        self.targets += 1;
        match target.phase {
            Phase::Satisfied { .. } => self.satisfied += 1,
            Phase::TakenOver { .. } => self.taken_over += 1,
            Phase::Released { .. } => self.released += 1,
            _ if target.alarm => self.exhausted += 1,
            Phase::Covered => self.waiting += 1,
            Phase::Calling { .. } | Phase::Exhausted { .. } => self.calling += 1,
        }
    }
}

// === impl TargetState ===

impl TargetState {
    /// Whether somebody still has to answer for it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        matches!(self.phase, Phase::Covered | Phase::Calling { .. } | Phase::Exhausted { .. })
    }
}
