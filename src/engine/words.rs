//! The words that are sent: pure functions of the callout, so that a replay shows what was said.

use crate::model::{
    Answer, AttemptIx, Call, Callout, Channel, Filled, Head, NoteReason, Purpose, Speech, TargetIx, Template, TextKind,
    Timestamp, cut_words,
};

/// The names that may stand in braces in a plan's texts.
pub const PLACEHOLDERS: [&str; 13] = [
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
    "why",
];

/// The names that may stand in the words that are read back after a key.
pub const READ_BACK: [&str; 4] = ["name", "place", "time", "answer"];

/// What goes out in an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// All that the person receives, a template's signature included; of a voice call what is said once.
    pub text: String,
    /// The registered template and what fills it.
    pub template: Option<Filled>,
    /// The script of a voice call.
    pub speech: Option<Speech>,
}

/// An attempt as far as its words go, made or about to be made.
pub(super) struct Occasion<'a> {
    pub call: &'a Call,
    pub channel: Channel,
    pub targets: &'a [TargetIx],
    pub at: Timestamp,
    /// The code that this attempt brings along.
    pub code: Option<&'a str>,
    pub language: Option<&'a str>,
    pub template: Option<&'a Template>,
}

/// The words of an attempt. `link` is the one-time link of its call: it comes from outside because it
/// is secret.
#[must_use]
pub fn sent(callout: &Callout, attempt: AttemptIx, link: &str) -> Sent {
    occasion(callout, attempt).words(callout, link)
}

/// What is said of an attempt to somebody who calls back: the speech of a voice call, whichever channel the attempt
/// went by, and its language; `None` for standard Chinese.
#[must_use]
pub fn said_back<'a>(callout: &'a Callout, attempt: AttemptIx, link: &str) -> Option<(Option<&'a str>, Speech)> {
    let made = occasion(callout, attempt);
    let texts = &callout.head.as_ref()?.plan.texts;
    // What was written may have no spoken words: not in its template, nor in its language.
    let template = made.template.filter(|_| made.channel == Channel::Voice);
    let kind = TextKind::of(made.call.purpose, Channel::Voice);
    let language = made.language.filter(|of| template.is_some() || texts.language(kind, of).is_some());
    let speech = Occasion { channel: Channel::Voice, template, language, ..made }.words(callout, link).speech?;
    Some((language, speech))
}

fn occasion(callout: &Callout, attempt: AttemptIx) -> Occasion<'_> {
    let a = &callout.attempts[attempt as usize];
    Occasion {
        call: &callout.calls[a.call as usize],
        channel: a.channel,
        targets: &a.targets,
        at: a.released_at,
        code: None,
        language: a.phrasing.language.as_deref(),
        template: a.phrasing.template.as_deref(),
    }
}

/// The text of an attempt; see [`sent`].
#[must_use]
pub fn render(callout: &Callout, attempt: AttemptIx, link: &str) -> String {
    sent(callout, attempt, link).text
}

// === impl Occasion ===

impl Occasion<'_> {
    /// The words, filled in, and a drill's between its marks.
    pub(super) fn words(&self, callout: &Callout, link: &str) -> Sent {
        let Some(head) = &callout.head else {
            return Sent { text: String::new(), template: None, speech: None };
        };
        let value = self.values(callout, head, link);
        let kind = TextKind::of(self.call.purpose, self.channel);
        let texts = &head.plan.texts;
        let variant = self.language.and_then(|language| texts.lang.get(language));
        let drill = head.status.is_drill();
        let filled = self.template.map(|t| filled(t, &value));
        let body = match (self.template, &filled) {
            // Its words are registered: the marks of a drill are among them.
            (Some(t), Some(f)) => {
                let of = |name: &str| f.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
                fill(&t.text, |name| of(name).unwrap_or_default())
            }
            _ => fill(variant.and_then(|v| v.texts.get(&kind)).map_or_else(|| texts.get(kind), String::as_str), &value),
        };
        let registered = filled.is_some();
        let mark = |words: &str| if drill { marked(self.channel, words) } else { words.to_owned() };
        if self.channel != Channel::Voice {
            let sign = filled.as_ref().map_or("", |f| f.sign.as_str());
            let text = if registered { format!("{sign}{body}") } else { mark(&body) };
            return Sent { text, template: filled, speech: None };
        }
        let script = variant.and_then(|v| v.script.as_ref()).unwrap_or(&texts.script);
        let said = |words: &str| fill(words, &value);
        // A retraction says in its own words how it is confirmed.
        let prompts = self.call.purpose == Purpose::CallOut;
        let (opening, prompt) = (said(&script.opening), if prompts { said(&script.prompt) } else { String::new() });
        let spoken = format!("{opening}{body}{prompt}");
        let after = |words: &str| if self.call.purpose.wants_reply() { mark(&said(words)) } else { String::new() };
        let recording = variant.filter(|_| kind == TextKind::Voice).and_then(|v| v.voice_recording.clone());
        let speech = Speech {
            opening: if drill { format!("{DRILL_WORD}。{opening}") } else { opening },
            text: body.clone(),
            recording,
            prompt,
            repeats: script.repeats.max(1),
            pause_s: script.pause_s,
            unconfirmed: after(&script.unconfirmed),
            wrong_key: after(&script.wrong_key),
            no_key: after(&script.no_key),
            closing: if drill { DRILL_WORD.to_owned() } else { String::new() },
        };
        Sent { text: if registered { body } else { mark(&spoken) }, template: filled, speech: Some(speech) }
    }

    fn values<'b>(&'b self, callout: &'b Callout, head: &'b Head, link: &'b str) -> impl Fn(&str) -> String + 'b {
        let place = place(callout, head, self.targets);
        // A notice names the code of the call that wants the answer.
        let asking = callout.call_ix.get(&(self.call.person, Purpose::CallOut)).map(|c| &callout.calls[*c as usize]);
        let code = self.code.or_else(|| asking.and_then(|c| c.code.as_deref()));
        let tier = self.targets.iter().map(|t| callout.targets[*t as usize].tier).max();
        let action = tier.and_then(|t| head.plan.tiers.get(usize::from(t))).map_or("", |t| &t.action);
        // A reminder speaks of the deadline that comes first.
        let held_up = |c: &u32| super::clocks::holding_up(callout, *c).iter().any(|t| self.targets.contains(t));
        let running = |c: &u32| callout.clocks[*c as usize].due > self.at;
        let reminds = self.call.purpose == Purpose::Remind;
        let clocks = (0..callout.clocks.len() as u32).filter(|_| reminds).filter(running);
        let clock = clocks.filter(held_up).min_by_key(|c| callout.clocks[*c as usize].due);
        move |name: &str| match name {
            "headline" => head.words.headline.clone(),
            "description" => head.words.description.clone(),
            "instruction" => head.words.instruction.clone(),
            "place" => place.clone(),
            "count" => self.targets.len().to_string(),
            "code" => code.unwrap_or_default().to_owned(),
            "link" => link.to_owned(),
            "colour" => head.colour.zh().to_owned(),
            "hazard" => head.hazard.zh().to_owned(),
            "action" => action.to_owned(),
            "clock" => clock.and_then(|c| callout.rule(c)).map(|r| r.title.clone()).unwrap_or_default(),
            "left" => clock.map(|c| minutes(callout.clocks[c as usize].due.ms_since(self.at))).unwrap_or_default(),
            "why" => asking.and_then(|c| c.noted).map_or("", NoteReason::zh).to_owned(),
            other => format!("{{{other}}}"),
        }
    }
}

/// The names of the targets, or of the region when there are none.
fn place(callout: &Callout, head: &Head, targets: &[TargetIx]) -> String {
    let names = targets.iter().map(|t| callout.targets[*t as usize].spec.name.as_str());
    match targets.len() {
        0 => head.place.clone(),
        1..=3 => names.collect::<Vec<_>>().join("、"),
        n => format!("{}等{n}处", names.take(2).collect::<Vec<_>>().join("、")),
    }
}

/// A template with its parameters, each at most as long as the vendor allows.
fn filled(template: &Template, value: impl Fn(&str) -> String) -> Filled {
    let (mut parameters, mut cut) = (Vec::new(), Vec::new());
    for p in &template.parameters {
        let whole = fill(&p.from, &value);
        let words = cut_words(&whole, p.max);
        if words != whole {
            cut.push(p.name.clone());
        }
        parameters.push((p.name.clone(), words));
    }
    Filled { id: template.id.clone(), sign: template.sign.clone(), parameters, cut }
}

/// What became of a key that somebody pressed in a voice call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// It was recorded now.
    Recorded(Answer, Timestamp),
    /// It says what was recorded before.
    Again(Answer),
    /// It confirmed, then, the retraction of a false alarm.
    Confirmed(Timestamp),
    /// It was kept and does not count.
    NotCounted,
    /// It means nothing.
    Wrong,
}

/// The words that are read back to somebody who pressed a key: what was recorded, and nothing else.
#[must_use]
pub fn read_back(callout: &Callout, attempt: AttemptIx, name: &str, pressed: Pressed, targets: &[TargetIx]) -> String {
    let (Some(head), Some(a)) = (&callout.head, callout.attempts.get(attempt as usize)) else {
        return String::new();
    };
    let texts = &head.plan.texts;
    let variant = a.phrasing.language.as_deref().and_then(|language| texts.lang.get(language));
    let script = variant.and_then(|v| v.script.as_ref()).unwrap_or(&texts.script);
    let (words, answer, at) = match pressed {
        Pressed::Recorded(answer, at) => (&script.recorded, Some(answer), Some(at)),
        Pressed::Again(answer) => (&script.again, Some(answer), None),
        Pressed::Confirmed(at) => (&script.confirmed, None, Some(at)),
        Pressed::NotCounted => (&script.not_counted, None, None),
        Pressed::Wrong => (&script.wrong_key, None, None),
    };
    let said = fill(words, |word| match word {
        "name" => name.to_owned(),
        "place" => place(callout, head, targets),
        "time" => at.map(|at| at.to_cst().format("%-H时%-M分").to_string()).unwrap_or_default(),
        "answer" => answer.map(spoken_answer).unwrap_or_default().to_owned(),
        other => format!("{{{other}}}"),
    });
    if head.status.is_drill() { marked(Channel::Voice, &said) } else { said }
}

fn spoken_answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "确认收到",
        Answer::Cannot => "不能到岗，将叫应下一位",
    }
}

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

/// Whether a text says that it is a drill's, as its first and its last word. A signature that a vendor
/// puts in front of every short message is no word of it.
#[must_use]
pub fn is_marked(text: &str) -> bool {
    let begins = |text: &str| text.trim_start_matches('【').starts_with(DRILL_WORD);
    let signed = text.strip_prefix('【').and_then(|rest| rest.split_once('】')).is_some_and(|(_, rest)| begins(rest));
    (begins(text) || signed) && text.ends_with(DRILL_WORD)
}

/// Whole minutes, rounded up.
fn minutes(ms: i64) -> String {
    format!("{}分钟", (ms + 59_999) / 60_000)
}

/// Words with each `{name}` replaced by its value.
#[must_use]
pub fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
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
