//! How long the words of a plan become, for a warning with long names and long words.
//!
//! A long short message arrives in pieces, and some phones show them apart: the first piece must say
//! where, of what, what to do and how to answer.

use super::PlanFile;
use crate::engine::fill;
use crate::model::{Channel, Finding, NoteReason, Plan, Segments, TextKind, UCS2_UNITS, Variant};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What the first piece of a short message must hold, wherever a text names it.
const KEY: [&str; 7] = ["colour", "hazard", "place", "action", "code", "clock", "left"];
/// What the short message of a call must name at all.
const CALL_KEY: [&str; 4] = ["colour", "hazard", "place", "code"];
/// Two grids with long names, of twelve.
const PLACE: &str = "达普洛村委会第11网格、达普洛村委会第12网格等12处";
/// The longest hazard of a plan for any.
const HAZARD: &str = "地质灾害";

/// A short message of a plan with the example filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFigure {
    /// The plan's file.
    pub file: String,
    /// The text.
    pub kind: TextKind,
    /// Its language; `None` for standard Chinese.
    pub language: Option<String>,
    /// Characters.
    pub characters: usize,
    /// How it is cut for the air.
    pub segments: Segments,
    /// UTF-16 code units up to the end of the key sentence.
    pub key_ends: usize,
}

/// The short messages of a plan, each with how long it becomes. A one-time link has `link_chars` characters.
#[must_use]
pub fn figures(file: &PlanFile, link_chars: usize) -> Vec<TextFigure> {
    let texts = &file.plan.texts;
    let own = TextKind::ALL.map(|kind| (kind, None, texts.get(kind)));
    let of_variant = |(tag, v): (&String, &Variant)| {
        v.texts.iter().map(|(kind, text)| (*kind, Some(tag.clone()), text.clone())).collect::<Vec<_>>()
    };
    let others: Vec<_> = texts.lang.iter().flat_map(of_variant).collect();
    let all = own.into_iter().chain(others.iter().map(|(kind, tag, text)| (*kind, tag.clone(), text.as_str())));
    let example = Example::of(&file.plan, link_chars);
    let figure = |(kind, language, text): (TextKind, Option<String>, &str)| {
        let (words, key_ends) = example.filled(text);
        let (characters, segments) = (words.chars().count(), Segments::of(&words));
        TextFigure { file: file.file.clone(), kind, language, characters, segments, key_ends }
    };
    all.filter(|(kind, ..)| kind.goes_by(Channel::Sms)).map(figure).collect()
}

/// Short messages whose first piece lacks the key sentence.
#[must_use]
pub fn late_keys(file: &PlanFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for figure in figures(file, 0) {
        let place = match &figure.language {
            None => format!("{} / texts / {}", file.file, figure.kind.name()),
            Some(tag) => format!("{} / texts / lang / {tag} / {}", file.file, figure.kind.name()),
        };
        findings.extend(late(&place, figure.key_ends));
    }
    let unsaid = |key: &&str| !file.plan.texts.sms.contains(&format!("{{{key}}}"));
    findings.extend(CALL_KEY.iter().filter(|key| unsaid(key)).map(|key| {
        let place = format!("{} / texts / sms", file.file);
        Finding::notice(place, format!("the key sentence does not say {{{key}}}"))
    }));
    findings
}

/// A key sentence that the first piece does not hold.
pub(super) fn late(place: &str, key_ends: usize) -> Option<Finding> {
    let reason =
        format!("the key sentence ends at character {key_ends} in an example; the first piece has {UCS2_UNITS}");
    (key_ends > UCS2_UNITS).then(|| Finding::notice(place, reason))
}

/// The words of a warning with long names.
pub(super) struct Example {
    hazard: String,
    action: String,
    clock: String,
    link_chars: usize,
}

impl Example {
    /// An example with the longest words that a plan itself brings along.
    fn of(plan: &Plan, link_chars: usize) -> Self {
        let longest = |words: Vec<&String>| words.into_iter().max_by_key(|w| w.chars().count()).cloned();
        Self {
            action: longest(plan.tiers.iter().map(|t| &t.action).collect()).unwrap_or_default(),
            clock: longest(plan.clocks.iter().filter(|c| !c.remind_ms.is_empty()).map(|c| &c.title).collect())
                .unwrap_or_default(),
            ..Self::plain(link_chars)
        }
    }

    /// An example for words that belong to no plan.
    pub(super) fn plain(link_chars: usize) -> Self {
        Self {
            hazard: HAZARD.into(),
            action: "立即转移全部受威胁群众。".into(),
            clock: "转移完毕时限".into(),
            link_chars,
        }
    }

    pub(super) fn value(&self, name: &str) -> String {
        match name {
            "headline" => "福贡县气象台7月1日4时18分发布地质灾害气象风险红色预警".into(),
            "description" => "过去6小时上帕镇、匹河乡等地降雨量已达80毫米，预计未来6小时仍有强降雨。".into(),
            "instruction" => "请立即转移危险区域人员，停止户外作业，防范山洪、滑坡、泥石流。".into(),
            "place" => PLACE.into(),
            "count" => "12".into(),
            "code" => "372".into(),
            "link" => "x".repeat(self.link_chars),
            "colour" => "红色".into(),
            "hazard" => self.hazard.clone(),
            "action" => self.action.clone(),
            "clock" => self.clock.clone(),
            "left" => "120分钟".into(),
            "why" => NoteReason::AboveRoster.zh().into(),
            other => format!("{{{other}}}"),
        }
    }

    /// A text with the example filled in, and where in UTF-16 code units the last of its key
    /// placeholders ends that stands there for the first time.
    fn filled(&self, text: &str) -> (String, usize) {
        mark_ends(text, |name| self.value(name), |name| KEY.contains(&name))
    }
}

/// Where the key placeholders of a template's parameter are.
pub(super) fn is_key(from: &str) -> bool {
    KEY.iter().any(|key| from.contains(&format!("{{{key}}}")))
}

/// A text filled in, and where in UTF-16 code units the first mention of the last key ends.
pub(super) fn mark_ends(text: &str, value: impl Fn(&str) -> String, is_key: impl Fn(&str) -> bool) -> (String, usize) {
    const END: char = '\u{1}';
    let said = RefCell::new(BTreeSet::new());
    let marked = fill(text, |name| {
        let first = is_key(name) && said.borrow_mut().insert(name.to_owned());
        let value = value(name);
        if first { format!("{value}{END}") } else { value }
    });
    let before = marked.rsplit_once(END).map_or("", |(before, _)| before);
    let units = before.chars().filter(|c| *c != END).map(char::len_utf16).sum();
    (marked.replace(END, ""), units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_ends_where_the_last_key_is_first_said() {
        let value = |name: &str| if name == "place" { "𠮷村".to_owned() } else { "12".to_owned() };
        let (words, ends) = mark_ends("{place}：{count}处，回1#{code}，再回{code}", value, |n| n != "count");
        assert_eq!((words.as_str(), ends), ("𠮷村：12处，回1#12，再回12", 3 + 1 + 3 + 1 + 4 + 1));
        assert_eq!(mark_ends("无", value, |_| true), ("无".to_owned(), 0));
    }
}
