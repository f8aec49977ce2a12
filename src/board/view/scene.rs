//! A callout at a moment, with the names that the directory knows.

use super::words;
use crate::board::text::Lang;
use crate::directory::Directory;
use crate::dispatch::Forecast;
use crate::evidence::People;
use crate::model::{
    Beside, Callout, Clock, ClockEnd, ClockOf, ClockRule, ClockState, ContactId, PersonIx, Phase, RegionCode, Relation,
    TargetIx, Timestamp, mask_number,
};

/// What a page shows: a callout at a moment.
#[derive(Clone, Copy)]
pub(in crate::board) struct Scene<'a> {
    pub callout: &'a Callout,
    pub directory: &'a Directory,
    pub lang: Lang,
    /// The moment that is looked at; `None` when it is the present and clocks run on.
    pub at: Option<Timestamp>,
    /// When what is queued will have been called; the present only.
    pub forecast: Option<&'a Forecast>,
}

/// Something that will be due: the script counts down to it, a page without script shows the time.
#[derive(Clone, Debug)]
pub(in crate::board) struct Due {
    /// Milliseconds since the epoch.
    pub ms: i64,
    /// The time of day; in a replay what was left.
    pub text: String,
}

// === impl Scene ===

impl Scene<'_> {
    /// Households, persons and special groups in words.
    pub(in crate::board) fn people(&self, p: People) -> String {
        let t = self.lang.texts();
        let special = if p.special > 0 { format!(" · {} {}", t.special, p.special) } else { String::new() };
        format!("{} {} · {} {}{special}", p.households, t.households, p.persons, t.persons)
    }

    /// Why ground is called sideways.
    pub(in crate::board) fn beside(&self, beside: &Beside) -> String {
        let place = self.directory.place(beside.of.as_str());
        let (zh, en) = match beside.kind {
            Relation::Downstream => ("下游", "downstream of"),
            Relation::Upstream => ("上游", "upstream of"),
            Relation::Adjacent => ("相邻地区", "beside"),
        };
        self.lang.pick(format!("{place}的{zh}"), format!("{en} {place}"))
    }

    pub(in crate::board) fn due(&self, at: Timestamp) -> Due {
        let text = match self.at {
            None => words::clock(at),
            Some(moment) => words::span(at.ms_since(moment)),
        };
        Due { ms: at.0 / 1000, text }
    }

    /// The name of a person or device; the beginning of the id when the directory no longer has it.
    pub(in crate::board) fn person(&self, ix: PersonIx) -> String {
        let Some(id) = self.callout.people.get(ix as usize) else { return String::new() };
        match self.directory.person(id) {
            Some(person) => person.name.clone(),
            None => id.as_str().chars().take(8).collect(),
        }
    }

    /// The masked number of a contact; a loudspeaker's address is no number and is left out.
    pub(in crate::board) fn phone(&self, contact: &ContactId) -> String {
        match self.directory.contact(contact) {
            Some((_, c)) if c.number.starts_with('+') => mask_number(&c.number),
            _ => String::new(),
        }
    }

    /// The masked number a person would be tried on first.
    pub(in crate::board) fn first_phone(&self, ix: PersonIx) -> String {
        let person = self.callout.people.get(ix as usize).and_then(|id| self.directory.person(id));
        person.and_then(|p| p.contacts.first()).map(|c| self.phone(&c.id)).unwrap_or_default()
    }

    pub(in crate::board) fn region(&self, code: &RegionCode) -> String {
        self.directory.place(code.as_str())
    }

    pub(in crate::board) fn target(&self, ix: TargetIx) -> &str {
        self.callout.targets.get(ix as usize).map_or("", |t| t.spec.name.as_str())
    }

    /// `独龙江乡 孔当村第1网格`: a target with the township it lies in.
    pub(in crate::board) fn long_target(&self, ix: TargetIx) -> String {
        let Some(target) = self.callout.targets.get(ix as usize) else { return String::new() };
        match target.spec.region.at(crate::model::Level::Township) {
            Some(township) => format!("{} {}", self.region(&township), target.spec.name),
            None => target.spec.name.clone(),
        }
    }

    /// Whether a clock is worth counting down: it runs, and the alarm it would warn of does not stand yet.
    /// Ground where all steps passed shows when it is called again, not how much time is left to answer.
    pub(in crate::board) fn counts_down(&self, clock: &Clock) -> bool {
        let exhausted = match clock.of {
            ClockOf::Target(target) => {
                let target = self.callout.targets.get(target as usize);
                target.is_some_and(|t| matches!(t.phase, Phase::Exhausted { .. }))
            }
            ClockOf::Tier(_) => false,
        };
        clock.state == ClockState::Running && !exhausted
    }

    pub(in crate::board) fn step(&self, step: u8) -> String {
        let steps = self.callout.head.as_ref().map(|h| &h.plan.steps);
        steps.and_then(|s| s.get(usize::from(step))).map_or_else(|| step.to_string(), |s| s.name.clone())
    }

    pub(in crate::board) fn clock_title(&self, rule: &ClockRule) -> String {
        match self.lang {
            Lang::Zh => rule.title.clone(),
            Lang::En => rule.name.replace('_', " "),
        }
    }

    /// What a clock is called, and what it watches over.
    pub(in crate::board) fn clock(&self, clock: &Clock) -> (String, String) {
        let rule = self.callout.rules.get(usize::from(clock.rule));
        let ground = match clock.of {
            ClockOf::Target(target) => self.long_target(target),
            ClockOf::Tier(tier) => self.tier(tier),
        };
        (rule.map(|r| self.clock_title(r)).unwrap_or_default(), ground)
    }

    /// What the plan calls a milestone.
    pub(in crate::board) fn milestone(&self, name: &str) -> String {
        let waits = |r: &&ClockRule| matches!(&r.until, ClockEnd::Milestone(milestone) if milestone == name);
        let rule = self.callout.rules.iter().rev().find(waits);
        rule.map_or_else(|| name.to_owned(), |r| self.clock_title(r))
    }

    /// What the plan calls a unit of a target: the name of the step that calls its post, and nothing else. The
    /// same post has another name at each level.
    pub(in crate::board) fn unit(&self, unit: &str, target: Option<TargetIx>) -> String {
        let steps = self.callout.head.as_ref().map_or(&[][..], |h| &h.plan.steps);
        let tier = target.and_then(|t| self.callout.targets.get(t as usize)).map(|t| t.tier);
        let step =
            steps.iter().filter(|s| s.posts.len() == 1 && s.posts[0] == unit).min_by_key(|s| Some(s.tier) != tier);
        step.map_or_else(|| unit.to_owned(), |s| s.name.clone())
    }

    /// An item of the checklist.
    pub(in crate::board) fn item(&self, item: u8) -> &str {
        let list = self.callout.head.as_ref().and_then(|h| h.plan.checklist.get(usize::from(item)));
        list.map_or("", |i| &i.text)
    }

    /// The name of a tier.
    pub(in crate::board) fn tier(&self, tier: u8) -> String {
        let tiers = self.callout.head.as_ref().map(|h| &h.plan.tiers);
        let title = tiers.and_then(|t| t.get(usize::from(tier))).map(|t| t.title.clone());
        title.filter(|t| !t.is_empty()).unwrap_or_else(|| self.lang.pick("叫应", "Call-out").to_owned())
    }
}
