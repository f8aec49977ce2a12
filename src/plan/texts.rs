//! The words of a plan: which placeholders they may hold.

use crate::engine::PLACEHOLDERS;
use crate::model::{Finding, Texts};

/// Faults of a plan's words: empty ones, placeholders that nothing fills, braces left open.
pub(super) fn check_texts(file: &str, texts: &Texts) -> Vec<Finding> {
    let Texts { sms, voice, broadcast, cancelled, retracted, dropped, updated, ask_code, remind } = texts;
    let named = [
        ("sms", sms),
        ("voice", voice),
        ("broadcast", broadcast),
        ("cancelled", cancelled),
        ("retracted", retracted),
        ("dropped", dropped),
        ("updated", updated),
        ("ask_code", ask_code),
        ("remind", remind),
    ];
    let mut findings = Vec::new();
    for (key, text) in named {
        let place = format!("{file} / texts / {key}");
        if text.trim().is_empty() {
            findings.push(Finding::fatal(&place, "the text is empty"));
        }
        findings.extend(faults(text).into_iter().map(|reason| Finding::fatal(&place, reason)));
    }
    findings
}

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let inner = rest[at..].strip_prefix('{').and_then(|tail| tail.split_once('}'));
        let Some((word, tail)) = inner.filter(|(word, _)| !word.contains('{')) else {
            faults.push(format!("a brace without its partner after {:?}", last_words(&rest[..at])));
            break;
        };
        if !PLACEHOLDERS.contains(&word) {
            faults.push(format!("{{{word}}} is not a placeholder; known are {{{}}}", PLACEHOLDERS.join("} {")));
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
        assert!(faults("{colour}{hazard}预警：{headline}").is_empty());
        assert_eq!(faults("{title} {code} {name}").len(), 2);
        for open in ["回复{code", "回复code}", "{{code}}"] {
            assert_eq!(faults(open).len(), 1, "{open}");
        }
    }
}
