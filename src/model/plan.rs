//! Plans (预案): which posts are called, in which steps, on which channels, under which clocks.

use super::{Channel, Colour, Hazard, RegionCode};
use serde::{Deserialize, Serialize};

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

/// When a clock of a target starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockStart {
    /// When the target is covered or called again.
    Called,
    /// When a higher post took over: somebody must knock on doors.
    TakenOver,
}

/// What stops a clock of a target in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockEnd {
    /// Any answer that counts, of whichever step.
    Answered,
    /// The ground is covered.
    Satisfied,
}

/// A named response timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRule {
    /// Its name in code, SQL and metrics (`answer`, `door_knock`).
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// When it starts.
    pub starts: ClockStart,
    /// What stops it.
    pub until: ClockEnd,
    /// Milliseconds from start to deadline.
    pub within_ms: i64,
    /// Where the number comes from: these numbers differ by place and none is a general rule.
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
    /// Tells those who were reached and are not called again what changed.
    pub updated: String,
    /// Asks somebody whose bare word could mean several callouts for the code.
    pub ask_code: String,
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
    /// The clocks.
    pub clocks: Vec<ClockRule>,
    /// Milliseconds a warning is in force when its messages name no end.
    pub in_force_ms: i64,
    /// Milliseconds from exhaustion to the next round.
    pub repeat_ms: i64,
    /// The step a repeated round begins with.
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
