//! The words of a plan: which placeholders they may hold.

use crate::engine::{PLACEHOLDERS, READ_BACK};
use crate::model::{Finding, Script, TextKind, Texts, is_language_tag, is_standard_chinese};

/// Times that a voice call may say its text: more only keeps a line from the next person.
const REPEATS_MAX: u8 = 5;

/// Faults of a plan's words: empty ones, placeholders that nothing fills, braces left open.
pub(super) fn check_texts(file: &str, texts: &Texts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in TextKind::ALL {
        check_text(&format!("{file} / texts / {}", kind.name()), texts.get(kind), &mut findings);
    }
    check_script(&format!("{file} / texts / script"), &texts.script, &mut findings);
    for (tag, variant) in &texts.lang {
        let place = format!("{file} / texts / lang / {tag}");
        if !is_language_tag(tag) {
            findings.push(Finding::fatal(&place, "no language tag (such as zh-CN)"));
        } else if is_standard_chinese(tag) {
            findings.push(Finding::fatal(&place, "the texts of the plan itself are in standard Chinese"));
        }
        for (kind, text) in &variant.texts {
            check_text(&format!("{place} / {}", kind.name()), text, &mut findings);
        }
        if variant.voice_recording.as_ref().is_some_and(|r| r.trim().is_empty()) {
            findings.push(Finding::fatal(format!("{place} / voice_recording"), "the text is empty"));
        }
        if let Some(script) = &variant.script {
            check_script(&format!("{place} / script"), script, &mut findings);
        }
    }
    findings
}

fn check_text(place: &str, text: &str, findings: &mut Vec<Finding>) {
    if text.trim().is_empty() {
        findings.push(Finding::fatal(place, "the text is empty"));
    }
    findings.extend(faults(text, &PLACEHOLDERS).into_iter().map(|reason| Finding::fatal(place, reason)));
}

fn check_script(place: &str, script: &Script, findings: &mut Vec<Finding>) {
    let Script { repeats, pause_s: _, opening, prompt, no_key, .. } = script;
    let Script { recorded, again, confirmed, not_counted, unconfirmed, wrong_key, .. } = script;
    let named: [(&str, &str, &[&str]); 9] = [
        ("opening", opening, &PLACEHOLDERS),
        ("prompt", prompt, &PLACEHOLDERS),
        ("recorded", recorded, &READ_BACK),
        ("again", again, &READ_BACK),
        ("confirmed", confirmed, &READ_BACK),
        ("not_counted", not_counted, &READ_BACK),
        ("unconfirmed", unconfirmed, &PLACEHOLDERS),
        ("wrong_key", wrong_key, &PLACEHOLDERS),
        ("no_key", no_key, &PLACEHOLDERS),
    ];
    for (key, words, known) in named {
        let place = format!("{place} / {key}");
        findings.extend(faults(words, known).into_iter().map(|reason| Finding::fatal(&place, reason)));
        // A key that is answered by silence is pressed again, or not believed.
        if words.trim().is_empty() && !matches!(key, "opening" | "prompt") {
            findings.push(Finding::fatal(&place, "the text is empty"));
        }
    }
    if !(1..=REPEATS_MAX).contains(repeats) {
        findings.push(Finding::fatal(format!("{place} / repeats"), format!("not a number from 1 to {REPEATS_MAX}")));
    }
}

/// What is wrong with the braces of a text.
pub(super) fn faults(text: &str, known: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let inner = rest[at..].strip_prefix('{').and_then(|tail| tail.split_once('}'));
        let Some((word, tail)) = inner.filter(|(word, _)| !word.contains('{')) else {
            faults.push(format!("a brace without its partner after {:?}", last_words(&rest[..at])));
            break;
        };
        if !known.contains(&word) {
            faults.push(format!("{{{word}}} is not a placeholder; known are {{{}}}", known.join("} {")));
        }
        rest = tail;
    }
    faults
}

fn last_words(text: &str) -> String {
    let count = text.chars().count();
    text.chars().skip(count.saturating_sub(8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_placeholders_pass() {
        assert!(faults("{colour}{hazard}预警：{headline}", &PLACEHOLDERS).is_empty());
        assert_eq!(faults("{title} {code} {name}", &PLACEHOLDERS).len(), 2);
        assert!(faults("已记录：{name}，{place}", &READ_BACK).is_empty());
        for open in ["回复{code", "回复code}", "{{code}}"] {
            assert_eq!(faults(open, &PLACEHOLDERS).len(), 1, "{open}");
        }
    }

    #[test]
    fn a_script_and_a_language_are_held_to_the_same() {
        let mut texts = Texts::default();
        texts.script.recorded = "{name} {link}".into();
        texts.script.repeats = 0;
        texts.lang.entry("zh-Hans".into()).or_default().texts.insert(TextKind::Sms, "{code}".into());
        texts.lang.entry("bo".into()).or_default().texts.insert(TextKind::Sms, "{name}".into());
        let found: Vec<_> = check_texts("p", &texts).iter().map(|f| f.place.clone()).collect();
        // The seven texts are empty, too.
        let wanted = [
            "p / texts / script / recorded",
            "p / texts / script / repeats",
            "p / texts / lang / bo / sms",
            "p / texts / lang / zh-Hans",
        ];
        assert_eq!(found[found.len() - 4..], wanted, "{found:?}");
    }
}
