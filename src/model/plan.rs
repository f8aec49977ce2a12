//! Plans (预案): which posts are called, in which steps, on which channels, under which clocks.

use super::{
    Channel, ClockRule, Colour, Hazard, Level, RegionCode, Script, TextKind, Timestamp, Variant, language_ranges,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How sure an answer is, weak to strong. `Delivered` is a fact, never an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The network says the message arrived.
    Delivered,
    /// Somebody or something picked up.
    PickedUp,
    /// The message was heard to its end.
    Heard,
    /// A key was pressed, or a plain SMS word came.
    Key,
    /// A challenge digit, a reply code, or the link's POST.
    Code,
    /// Somebody else vouches, with name and reason.
    Attested,
    /// An action was reported.
    Action,
}

/// How many of a step's persons must answer for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// One of them.
    Any,
    /// Every one of them.
    All,
    /// This many of them (all, when there are fewer).
    K(u16),
}

/// What an answer at a step means for the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The ground is covered.
    Satisfied,
    /// A higher post knows; the ground stays uncovered and somebody must go there.
    TakenOver,
}

/// Which persons of a post a step calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holders {
    /// The first by rank who is not away.
    #[default]
    Present,
    /// Everybody but the first.
    Deputies,
    /// Everybody.
    Everyone,
}

/// How the channels of a step follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// All channels begin at once.
    #[default]
    Parallel,
    /// One after the other.
    Series,
}

/// One channel of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// The channel.
    pub channel: Channel,
    /// How many attempts.
    pub tries: u16,
    /// Milliseconds from one attempt to the next when it brings no answer.
    pub wait_ms: i64,
}

/// One level of the escalation policy, as resolved into a callout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name for people (`网格员`).
    pub name: String,
    /// The tier it belongs to.
    pub tier: u8,
    /// The posts that must answer.
    pub posts: Vec<String>,
    /// Posts that are alerted too and owe no answer (loudspeakers).
    pub alert: Vec<String>,
    /// Which persons of those posts.
    pub holders: Holders,
    /// How many must answer.
    pub need: Need,
    /// The weakest proof that counts.
    pub proof: Proof,
    /// What an answer means.
    pub outcome: Outcome,
    /// How the channels follow each other.
    pub sequence: Sequence,
    /// The channels.
    pub rings: Vec<Ring>,
    /// Milliseconds from the step's start until the next step starts.
    pub wait_ms: i64,
}

/// A part of a plan that opens at its own time, for ground of its own level: a rung of "1262", a level
/// of "123". A plan without such parts is one tier that opens at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Its name in code and metrics (`h12`).
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The level of the regions that are its targets; `None` for the targets of the directory.
    pub level: Option<Level>,
    /// Milliseconds before the expected onset at which it opens; `None` opens at once.
    pub before_ms: Option<i64>,
    /// What is to be done now, for texts (`{action}`).
    pub action: String,
    /// Who is to be moved.
    pub moves: Moves,
    /// Where this comes from.
    pub source: String,
}

/// Who is to be moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moves {
    /// Nobody yet.
    #[default]
    Nobody,
    /// Persons of special groups.
    Special,
    /// Everybody who is threatened.
    Everyone,
}

/// A time of day (China Standard Time) at which risk cannot be judged, and who is to be moved then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Night {
    /// Minute of the day from which it is night.
    pub from_min: u16,
    /// Minute of the day at which it ends.
    pub until_min: u16,
    /// Who is to be moved in a tier that opens in the night or whose hazard comes in it, at least.
    pub moves: Moves,
    /// Where this comes from.
    pub source: String,
}

/// One thing to be done on every target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItem {
    /// What.
    pub text: String,
    /// Where this comes from.
    pub source: String,
}

/// The words that are sent; `{headline}`, `{place}`, `{code}`, `{link}` … are filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// The short message of a call.
    pub sms: String,
    /// The spoken text of a call.
    pub voice: String,
    /// The text for loudspeakers.
    pub broadcast: String,
    /// Tells those who were reached that the warning is over.
    pub cancelled: String,
    /// Tells those who were reached that it was a false alarm, and asks them to confirm that they know.
    #[serde(default)]
    pub retracted: String,
    /// Tells those who were reached that their ground needs nobody any more.
    #[serde(default)]
    pub dropped: String,
    /// Tells those who were reached and are not called again what changed.
    pub updated: String,
    /// Asks somebody whose bare word could mean several callouts for the code.
    pub ask_code: String,
    /// Reminds those who hold a clock up.
    pub remind: String,
    /// What a voice call says around its text.
    #[serde(default, skip_serializing_if = "is_default")]
    pub script: Script,
    /// The words in other languages, by language tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lang: BTreeMap<String, Variant>,
}

/// A plan, as far as a callout needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Digest of the file's text, hex: which edition this was.
    pub edition: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The tiers; the last one is for what regions below hand up.
    pub tiers: Vec<Tier>,
    /// The clocks.
    pub clocks: Vec<ClockRule>,
    /// What is to be done on every target, when the plan lists it.
    pub checklist: Vec<ChecklistItem>,
    /// When it is night.
    pub night: Option<Night>,
    /// Milliseconds a warning is in force when its messages name no end.
    pub in_force_ms: i64,
    /// Milliseconds from exhaustion to the next round.
    pub repeat_ms: i64,
    /// The step of a tier that a repeated round begins with.
    pub repeat_from: u8,
    /// Milliseconds after a failed attempt until the next one, when that is sooner than the ring's own wait.
    pub retry_ms: i64,
    /// Milliseconds within which further ground is gathered before a person who was just called is called again.
    pub gather_ms: i64,
    /// Milliseconds from release during which an attempt may still go out or be delivered.
    pub valid_ms: i64,
    /// The words that are sent.
    pub texts: Texts,
}

/// How a neighbour lies to ground that is covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// 下游
    #[default]
    Downstream,
    /// 上游
    Upstream,
    /// 相邻
    Adjacent,
}

/// Why ground is called sideways: it is the neighbour of a place that is covered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// The place that is covered.
    pub of: RegionCode,
    /// How the ground lies to it.
    pub kind: Relation,
}

/// What a plan is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanScope {
    /// Hazards; empty for all.
    pub hazards: Vec<Hazard>,
    /// Colours; empty for all.
    pub colours: Vec<Colour>,
    /// Regions; empty for all.
    pub regions: Vec<RegionCode>,
}

// === impl Need ===

impl Need {
    /// How many of `holders` persons must answer; at least one.
    #[must_use]
    pub fn count(self, holders: usize) -> usize {
        match self {
            Self::Any => 1,
            Self::All => holders.max(1),
            Self::K(k) => usize::from(k).min(holders).max(1),
        }
    }
}

// === impl Texts ===

/// What those whom a drill reached are told when it gives way; no plan's, so that no plan can lose it.
const SUSPENDED: &str = "{place}的演练现已中止。真实预警已经发布，请立即按真实预警的通知行动。";

impl Texts {
    /// A text in standard Chinese.
    #[must_use]
    pub fn get(&self, kind: TextKind) -> &str {
        match kind {
            TextKind::Sms => &self.sms,
            TextKind::Voice => &self.voice,
            TextKind::Broadcast => &self.broadcast,
            TextKind::Cancelled => &self.cancelled,
            TextKind::Retracted => &self.retracted,
            TextKind::Dropped => &self.dropped,
            TextKind::Updated => &self.updated,
            TextKind::AskCode => &self.ask_code,
            TextKind::Remind => &self.remind,
            TextKind::Suspended => SUSPENDED,
        }
    }

    /// The language in which there are words for somebody who wants `language`, by its key in `lang`;
    /// `None` for standard Chinese.
    #[must_use]
    pub fn language(&self, kind: TextKind, language: &str) -> Option<&str> {
        let known = |range: &str| self.lang.iter().find(|(tag, v)| tag.eq_ignore_ascii_case(range) && v.has(kind));
        language_ranges(language).find_map(known).map(|(tag, _)| tag.as_str())
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

// === impl Plan ===

impl Plan {
    /// The tier for what regions below hand up.
    #[must_use]
    pub fn above(&self) -> u8 {
        self.tiers.len().saturating_sub(1) as u8
    }

    /// The first step of a tier.
    #[must_use]
    pub fn first_step(&self, tier: u8) -> u8 {
        self.steps.iter().position(|s| s.tier == tier).unwrap_or(self.steps.len()) as u8
    }

    /// Who is to be moved in a tier that opens at `now` before `onset`: more of them in the night.
    #[must_use]
    pub fn moves(&self, tier: u8, onset: Option<Timestamp>, now: Timestamp) -> Moves {
        let by_day = self.tiers.get(usize::from(tier)).map_or(Moves::Nobody, |t| t.moves);
        match &self.night {
            Some(night)
                if by_day > Moves::Nobody && [Some(now), onset].into_iter().flatten().any(|at| night.holds(at)) =>
            {
                by_day.max(night.moves)
            }
            _ => by_day,
        }
    }
}

// === impl Night ===

impl Night {
    /// Whether a moment lies in it.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        let minute = at.minute_of_day();
        if self.from_min <= self.until_min {
            (self.from_min..self.until_min).contains(&minute)
        } else {
            minute >= self.from_min || minute < self.until_min
        }
    }
}

// === impl Step ===

impl Step {
    /// Milliseconds from the start of the step to its last attempt's end, when nobody answers.
    #[must_use]
    pub fn ladder_ms(&self) -> i64 {
        let lengths = self.rings.iter().map(|r| r.wait_ms * i64::from(r.tries));
        match self.sequence {
            Sequence::Parallel => lengths.max().unwrap_or(0),
            Sequence::Series => lengths.sum(),
        }
    }
}
