//! A plan file: TOML, durations in seconds, every key known. `config/plans/default.toml` explains the keys.

use super::{Neighbour, neighbours, rules, texts, units::Seconds};
use crate::model::{
    Channel, ChecklistItem, ClockEnd, ClockRule, ClockScope, ClockStart, Colour, Digest, Finding, Hazard, Holders,
    Level, Moves, Need, Night, OnMiss, Outcome, Plan, PlanScope, Proof, RegionCode, Relation, Ring, Script, Sequence,
    Step, Texts, Tier, Variant,
};
use chrono::Timelike;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;

/// A plan as read from its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFile {
    /// The file's name.
    pub file: String,
    /// What the plan is for.
    pub scope: PlanScope,
    /// The plan. Its last tier is for what regions below a region above the county could not satisfy.
    pub plan: Plan,
    /// Places that are called sideways when others are covered.
    pub neighbours: Vec<Neighbour>,
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
    #[serde(default)]
    step: Vec<RawStep>,
    #[serde(default)]
    tier: Vec<RawTier>,
    above: Vec<RawStep>,
    #[serde(default)]
    clock: Vec<RawClock>,
    #[serde(default)]
    checklist: Vec<ChecklistItem>,
    night: Option<RawNight>,
    #[serde(default)]
    neighbour: Vec<RawNeighbour>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNeighbour {
    from: Code,
    to: Vec<Code>,
    #[serde(default)]
    kind: Relation,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTier {
    name: String,
    title: String,
    ground: TierGround,
    before_s: Option<Seconds>,
    #[serde(default)]
    action: String,
    #[serde(default)]
    moves: Moves,
    source: String,
    step: Vec<RawStep>,
}

/// Whose ground a tier calls for: the directory's targets, or one target per region of a level.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TierGround {
    Targets,
    Township,
    County,
    Prefecture,
    Province,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNight {
    from: String,
    until: String,
    moves: Moves,
    source: String,
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
    #[serde(default)]
    of: ClockScope,
    #[serde(default)]
    tiers: Vec<String>,
    starts: ClockStart,
    until: ClockEnd,
    within_s: Option<Seconds>,
    before_s: Option<Seconds>,
    #[serde(default)]
    units: Vec<String>,
    #[serde(default)]
    remind_s: Vec<Seconds>,
    #[serde(default)]
    missed: OnMiss,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTexts {
    sms: String,
    voice: String,
    broadcast: String,
    cancelled: String,
    #[serde(default = "retracted")]
    retracted: String,
    #[serde(default = "dropped")]
    dropped: String,
    updated: String,
    ask_code: String,
    #[serde(default = "remind")]
    remind: String,
    #[serde(default)]
    script: Script,
    #[serde(default)]
    lang: BTreeMap<String, Variant>,
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
        let mut findings = Vec::new();
        let mut tiers = Vec::new();
        let mut steps = Vec::new();
        let mut add = |tier: Tier, list: Vec<RawStep>| {
            let ix = tiers.len() as u8;
            steps.extend(list.into_iter().map(|raw| raw.into_step(ix)));
            tiers.push(tier);
        };
        match (raw.step.is_empty(), raw.tier.is_empty()) {
            (_, true) => add(at_once("ground", ""), raw.step),
            (true, false) => {
                for mut tier in raw.tier {
                    let list = std::mem::take(&mut tier.step);
                    add(Tier::from(tier), list);
                }
            }
            (false, false) => {
                let reason = "a plan has steps of its own or tiers with steps, not both";
                findings.push(Finding::fatal(format!("{file} / step"), reason));
            }
        }
        add(at_once(ABOVE, "上级接报"), raw.above);
        let named = |name: &String| tiers.iter().position(|t| t.name == *name).map(|ix| ix as u8);
        let mut clocks = Vec::new();
        for clock in raw.clock {
            match clock.into_rule(named) {
                Ok(rule) => clocks.push(rule),
                Err((clock, reason)) => findings.push(Finding::fatal(format!("{file} / clock {clock}"), reason)),
            }
        }
        let night = raw.night.and_then(|night| {
            let read = night.into_night();
            read.map_err(|reason| findings.push(Finding::fatal(format!("{file} / night"), reason))).ok()
        });
        let plan = Plan {
            name: raw.name,
            edition: Digest::of(text.as_bytes()).hex()[..12].to_owned(),
            steps,
            tiers,
            clocks,
            checklist: raw.checklist,
            night,
            in_force_ms: raw.in_force_s.ms,
            repeat_ms: raw.repeat_s.ms,
            repeat_from: raw.repeat_from,
            retry_ms: raw.retry_s.ms,
            gather_ms: raw.gather_s.ms,
            valid_ms: raw.valid_s.ms,
            texts: Texts::from(raw.texts),
        };
        findings.extend(rules::check_plan(file, &plan));
        findings.extend(texts::check_texts(file, &plan.texts));
        let neighbours: Vec<Neighbour> = raw.neighbour.into_iter().map(Neighbour::from).collect();
        findings.extend(neighbours::check(file, &neighbours));
        if findings.is_empty() {
            Ok(Self { file: file.to_owned(), scope: PlanScope::from(raw.scope), plan, neighbours })
        } else {
            Err(findings)
        }
    }
}

/// The name of the tier for what regions below hand up.
pub(super) const ABOVE: &str = "above";

fn at_once(name: &str, title: &str) -> Tier {
    Tier {
        name: name.into(),
        title: title.into(),
        level: None,
        before_ms: None,
        action: String::new(),
        moves: Moves::Nobody,
        source: String::new(),
    }
}

fn retracted() -> String {
    "【误报撤回】{headline}是误报，叫应取消，不必转移。请回复1#{code}或按1确认已知悉。".into()
}

fn dropped() -> String {
    "【叫应解除】{headline}。{place}已不需要您响应。".into()
}

fn remind() -> String {
    "【时限提醒】{place}：{clock}还剩{left}，请立即办理并报告。".into()
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

impl From<RawNeighbour> for Neighbour {
    fn from(raw: RawNeighbour) -> Self {
        let to = raw.to.into_iter().map(|code| code.0).collect();
        Self { from: raw.from.0, to, kind: raw.kind, source: raw.source }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        RegionCode::parse(&text).map(Self).map_err(de::Error::custom)
    }
}

impl From<RawTier> for Tier {
    fn from(raw: RawTier) -> Self {
        let level = match raw.ground {
            TierGround::Targets => None,
            TierGround::Township => Some(Level::Township),
            TierGround::County => Some(Level::County),
            TierGround::Prefecture => Some(Level::Prefecture),
            TierGround::Province => Some(Level::Province),
        };
        Self {
            name: raw.name,
            title: raw.title,
            level,
            before_ms: raw.before_s.map(|s| s.ms),
            action: raw.action,
            moves: raw.moves,
            source: raw.source,
        }
    }
}

impl RawStep {
    fn into_step(self, tier: u8) -> Step {
        Step {
            name: self.name,
            tier,
            posts: self.posts,
            alert: self.alert,
            holders: self.holders,
            need: self.need,
            proof: self.proof,
            outcome: self.outcome,
            sequence: self.sequence,
            rings: self.ring.into_iter().map(Ring::from).collect(),
            wait_ms: self.wait_s.ms,
        }
    }
}

impl RawNight {
    fn into_night(self) -> Result<Night, String> {
        let minute = |text: &str| {
            let time = chrono::NaiveTime::parse_from_str(text, "%H:%M");
            time.map(|t| (t.hour() * 60 + t.minute()) as u16)
                .map_err(|_| format!("{text:?} is not a time such as 20:00"))
        };
        let (from_min, until_min) = (minute(&self.from)?, minute(&self.until)?);
        Ok(Night { from_min, until_min, moves: self.moves, source: self.source })
    }
}

impl From<RawRing> for Ring {
    fn from(raw: RawRing) -> Self {
        Self { channel: raw.channel, tries: raw.tries, wait_ms: raw.wait_s.ms }
    }
}

impl RawClock {
    /// The rule, with its tiers by index. An error names the clock.
    fn into_rule(self, tier: impl Fn(&String) -> Option<u8>) -> Result<ClockRule, (String, String)> {
        let within_ms = match (self.within_s, self.before_s) {
            (Some(within), None) => within.ms,
            (None, Some(before)) => -before.ms,
            _ => {
                return Err((
                    self.name,
                    "it needs within_s, or before_s when it counts from the onset: one of them".into(),
                ));
            }
        };
        let mut tiers = Vec::new();
        for name in &self.tiers {
            match tier(name) {
                Some(ix) => tiers.push(ix),
                None => return Err((self.name, format!("there is no tier {name:?}"))),
            }
        }
        Ok(ClockRule {
            name: self.name,
            title: self.title,
            of: self.of,
            tiers,
            starts: self.starts,
            until: self.until,
            within_ms,
            units: self.units,
            remind_ms: self.remind_s.iter().map(|s| s.ms).collect(),
            missed: self.missed,
            source: self.source,
        })
    }
}

impl From<RawTexts> for Texts {
    fn from(raw: RawTexts) -> Self {
        let RawTexts { sms, voice, broadcast, cancelled, retracted, dropped, updated, ask_code, remind, script, lang } =
            raw;
        Self { sms, voice, broadcast, cancelled, retracted, dropped, updated, ask_code, remind, script, lang }
    }
}
