//! A plan file: TOML, durations in seconds, every key known. `config/plans/default.toml` explains the keys.

use super::{rules, texts, units::Seconds};
use crate::model::{
    Channel, ClockEnd, ClockRule, ClockStart, Colour, Digest, Finding, Hazard, Holders, Need, Outcome, Plan, PlanScope,
    Proof, RegionCode, Ring, Sequence, Step, Texts,
};
use serde::{Deserialize, Deserializer, de};

/// A plan as read from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFile {
    /// The file's name.
    pub file: String,
    /// What the plan is for.
    pub scope: PlanScope,
    /// The plan of a command region.
    pub plan: Plan,
    /// The plan of the regions above, for what the regions below could not satisfy.
    pub above: Plan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    name: String,
    in_force_s: Seconds,
    repeat_s: Seconds,
    repeat_from: u8,
    retry_s: Seconds,
    gather_s: Seconds,
    valid_s: Seconds,
    scope: RawScope,
    texts: RawTexts,
    step: Vec<RawStep>,
    above: Vec<RawStep>,
    #[serde(default)]
    clock: Vec<RawClock>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScope {
    #[serde(default)]
    hazards: Vec<String>,
    #[serde(default)]
    colours: Vec<Colour>,
    #[serde(default)]
    regions: Vec<Code>,
}

/// A region code with its fault named where it stands.
struct Code(RegionCode);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    name: String,
    posts: Vec<String>,
    #[serde(default)]
    alert: Vec<String>,
    #[serde(default)]
    holders: Holders,
    need: Need,
    proof: Proof,
    outcome: Outcome,
    #[serde(default)]
    sequence: Sequence,
    wait_s: Seconds,
    ring: Vec<RawRing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRing {
    channel: Channel,
    tries: u16,
    wait_s: Seconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClock {
    name: String,
    title: String,
    starts: ClockStart,
    until: ClockEnd,
    within_s: Seconds,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTexts {
    sms: String,
    voice: String,
    broadcast: String,
    cancelled: String,
    updated: String,
    ask_code: String,
}

// === impl PlanFile ===

impl PlanFile {
    /// Reads a plan. `file` names it in findings.
    ///
    /// # Errors
    /// Every fault that was found; a fault of form with its line, a fault of sense with its step or key.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Finding>> {
        let raw: RawPlan = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            vec![Finding::fatal(format!("{file} line {line}"), e.message())]
        })?;
        let plan = Plan {
            name: raw.name,
            edition: Digest::of(text.as_bytes()).hex()[..12].to_owned(),
            steps: raw.step.into_iter().map(Step::from).collect(),
            clocks: raw.clock.into_iter().map(ClockRule::from).collect(),
            in_force_ms: raw.in_force_s.ms,
            repeat_ms: raw.repeat_s.ms,
            repeat_from: raw.repeat_from,
            retry_ms: raw.retry_s.ms,
            gather_ms: raw.gather_s.ms,
            valid_ms: raw.valid_s.ms,
            texts: Texts::from(raw.texts),
        };
        let steps = raw.above.into_iter().map(Step::from).collect();
        let above = Plan { steps, repeat_from: 0, ..plan.clone() };
        let mut findings = rules::check_plan(file, &plan);
        findings.extend(rules::check_steps(file, "above", &above));
        findings.extend(texts::check_texts(file, &plan.texts));
        if findings.is_empty() {
            Ok(Self { file: file.to_owned(), scope: PlanScope::from(raw.scope), plan, above })
        } else {
            Err(findings)
        }
    }
}

// === impl raw forms ===

impl From<RawScope> for PlanScope {
    fn from(raw: RawScope) -> Self {
        Self {
            hazards: raw.hazards.iter().map(|word| Hazard::from_word(word)).collect(),
            colours: raw.colours,
            regions: raw.regions.into_iter().map(|code| code.0).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        RegionCode::parse(&text).map(Self).map_err(de::Error::custom)
    }
}

impl From<RawStep> for Step {
    fn from(raw: RawStep) -> Self {
        Self {
            name: raw.name,
            posts: raw.posts,
            alert: raw.alert,
            holders: raw.holders,
            need: raw.need,
            proof: raw.proof,
            outcome: raw.outcome,
            sequence: raw.sequence,
            rings: raw.ring.into_iter().map(Ring::from).collect(),
            wait_ms: raw.wait_s.ms,
        }
    }
}

impl From<RawRing> for Ring {
    fn from(raw: RawRing) -> Self {
        Self { channel: raw.channel, tries: raw.tries, wait_ms: raw.wait_s.ms }
    }
}

impl From<RawClock> for ClockRule {
    fn from(raw: RawClock) -> Self {
        let RawClock { name, title, starts, until, within_s, source } = raw;
        Self { name, title, starts, until, within_ms: within_s.ms, source }
    }
}

impl From<RawTexts> for Texts {
    fn from(raw: RawTexts) -> Self {
        let RawTexts { sms, voice, broadcast, cancelled, updated, ask_code } = raw;
        Self { sms, voice, broadcast, cancelled, updated, ask_code }
    }
}
