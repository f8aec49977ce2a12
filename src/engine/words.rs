//! The words that are sent: pure functions of the callout, so that a replay shows what was said.

use crate::model::{AttemptIx, Callout, Channel, Purpose};

/// The names that may stand in braces in a plan's texts.
pub const PLACEHOLDERS: [&str; 12] = [
    "headline",
    "description",
    "instruction",
    "place",
    "count",
    "code",
    "link",
    "colour",
    "hazard",
    "action",
    "clock",
    "left",
];

/// The words of an attempt. `link` is the one-time link of its call, `place` names a target; both
/// come from outside because the one is secret and the other may be shown in another language.
#[must_use]
pub fn render(callout: &Callout, attempt: AttemptIx, link: &str) -> String {
    let Some(head) = &callout.head else { return String::new() };
    let a = &callout.attempts[attempt as usize];
    let call = &callout.calls[a.call as usize];
    let texts = &head.plan.texts;
    let template = match (call.purpose, a.channel) {
        (Purpose::Cancelled, _) => &texts.cancelled,
        (Purpose::Retracted, _) => &texts.retracted,
        (Purpose::Dropped, _) => &texts.dropped,
        (Purpose::Updated, _) => &texts.updated,
        (Purpose::AskCode, _) => &texts.ask_code,
        (Purpose::Remind, _) => &texts.remind,
        (Purpose::Suspended, _) => SUSPENDED,
        (_, Channel::Sms) => &texts.sms,
        (_, Channel::Voice) => &texts.voice,
        (_, Channel::Broadcast) => &texts.broadcast,
    };
    let names = a.targets.iter().map(|t| callout.targets[*t as usize].spec.name.as_str());
    let place = match a.targets.len() {
        0 => head.place.clone(),
        1..=3 => names.collect::<Vec<_>>().join("、"),
        n => format!("{}等{n}处", names.take(2).collect::<Vec<_>>().join("、")),
    };
    // A notice names the code of the call that wants the answer.
    let asking = callout.call_ix.get(&(call.person, Purpose::CallOut)).map(|c| &callout.calls[*c as usize]);
    let code = asking.and_then(|c| c.code.clone());
    let tier = a.targets.iter().map(|t| callout.targets[*t as usize].tier).max();
    let action = tier.and_then(|t| head.plan.tiers.get(usize::from(t))).map_or("", |t| &t.action);
    // A reminder speaks of the deadline that comes first.
    let held_up = |c: &u32| super::clocks::holding_up(callout, *c).iter().any(|t| a.targets.contains(t));
    let running = |c: &u32| callout.clocks[*c as usize].due > a.released_at;
    let clocks = (0..callout.clocks.len() as u32).filter(|_| call.purpose == Purpose::Remind).filter(running);
    let clock = clocks.filter(held_up).min_by_key(|c| callout.clocks[*c as usize].due);
    let value = |name: &str| match name {
        "headline" => head.words.headline.clone(),
        "description" => head.words.description.clone(),
        "instruction" => head.words.instruction.clone(),
        "place" => place.clone(),
        "count" => a.targets.len().to_string(),
        "code" => code.clone().unwrap_or_default(),
        "link" => link.to_owned(),
        "colour" => head.colour.zh().to_owned(),
        "hazard" => head.hazard.zh().to_owned(),
        "action" => action.to_owned(),
        "clock" => clock.and_then(|c| callout.rule(c)).map(|r| r.title.clone()).unwrap_or_default(),
        "left" => clock.map(|c| minutes(callout.clocks[c as usize].due.ms_since(a.released_at))).unwrap_or_default(),
        other => format!("{{{other}}}"),
    };
    let words = fill(template, value);
    if head.status.is_drill() { marked(a.channel, &words) } else { words }
}

/// What those whom a drill reached are told when it gives way; no plan's, so that no plan can lose it.
const SUSPENDED: &str = "{place}的演练现已中止。真实预警已经发布，请立即按真实预警的通知行动。";

/// The word that every text of a drill begins and ends with.
pub const DRILL_WORD: &str = "演练";

/// A drill's words between its marks. Spoken words have no brackets, and pauses around the mark; a
/// link at the end of a short message is kept apart from it.
#[must_use]
pub fn marked(channel: Channel, words: &str) -> String {
    match channel {
        Channel::Sms => format!("【{DRILL_WORD}】{words} {DRILL_WORD}"),
        Channel::Voice | Channel::Broadcast => format!("{DRILL_WORD}。{words}。{DRILL_WORD}"),
    }
}

/// Whether a text says that it is a drill's, as its first and its last word.
#[must_use]
pub fn is_marked(text: &str) -> bool {
    text.trim_start_matches('【').starts_with(DRILL_WORD) && text.ends_with(DRILL_WORD)
}

/// Whole minutes, rounded up.
fn minutes(ms: i64) -> String {
    format!("{}分钟", (ms + 59_999) / 60_000)
}

fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        out.push_str(&value(name));
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn fills_names_and_leaves_the_rest() {
        let value = |n: &str| if n == "code" { "37".to_owned() } else { format!("<{n}>") };
        assert_eq!(super::fill("回复1#{code} {x} {open", value), "回复1#37 <x> {open");
    }
}
