//! What is wrong with the registered templates of a gateway, and what they lack.

use super::example::{Example, is_key, late, mark_ends};
use super::texts::faults;
use crate::engine::{PLACEHOLDERS, is_marked};
use crate::model::{Channel, Finding, Parameter, Template, TextKind, cut_words};
use std::collections::BTreeSet;

/// Characters of a reply code that a parameter must have room for.
const CODE_CHARS: usize = 4;

/// Faults of the templates of a gateway that serves `channel`, and the texts that it cannot send. A
/// one-time link has `link_chars` characters. Nothing is found where there are no templates: such a
/// gateway takes any words.
#[must_use]
pub fn check_templates(
    gateway: &str,
    channel: Channel,
    drill: bool,
    templates: &[Template],
    link_chars: usize,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut taken = BTreeSet::new();
    for t in templates {
        let place = format!("gateway {gateway} / template {}", t.id);
        let mut fatal = |reason: String| findings.push(Finding::fatal(&place, reason));
        if !t.purpose.goes_by(channel) {
            fatal(format!("{} does not go out by {}", t.purpose.name(), channel.name()));
        }
        if !taken.insert((t.purpose, t.language.as_deref().map(str::to_lowercase))) {
            fatal(format!("another template stands for {} in this language", t.purpose.name()));
        }
        let standard = templates.iter().any(|other| other.purpose == t.purpose && other.language.is_none());
        if !standard {
            fatal(format!("no template for {} in standard Chinese, which whoever has no words gets", t.purpose.name()));
        }
        if drill && !is_marked(&t.text) {
            fatal("a drill's template must begin and end with 演练".to_owned());
        }
        let names: Vec<&str> = t.parameters.iter().map(|p| p.name.as_str()).collect();
        faults(&t.text, &names).into_iter().for_each(&mut fatal);
        for p in &t.parameters {
            parameter(p, &t.text, link_chars).into_iter().for_each(&mut fatal);
        }
        if channel == Channel::Sms {
            findings.extend(late(&place, key_ends(t, link_chars)));
        }
    }
    let lacking = |kind: &TextKind| {
        let wanted = kind.goes_by(channel) && (drill || *kind != TextKind::Suspended);
        wanted && !templates.is_empty() && Template::choose(templates, *kind, "").is_none()
    };
    findings.extend(TextKind::ALL.into_iter().filter(lacking).map(|kind| {
        let reason = format!("no template for {}: this gateway sends no such text", kind.name());
        Finding::notice(format!("gateway {gateway} / template"), reason)
    }));
    findings
}

fn parameter(p: &Parameter, text: &str, link_chars: usize) -> Vec<String> {
    let Parameter { name, from, max } = p;
    let mut found = faults(from, &PLACEHOLDERS);
    if !text.contains(&format!("{{{name}}}")) {
        found.push(format!("parameter {name} stands nowhere in the text"));
    }
    // Half a link opens nothing, and half a code names nobody's call.
    for (word, wanted) in [("link", link_chars), ("code", CODE_CHARS)] {
        if from.contains(&format!("{{{word}}}")) && *max < wanted {
            found.push(format!("parameter {name} allows {max} characters; {word} needs {wanted}"));
        }
    }
    if *max == 0 {
        found.push(format!("parameter {name} allows no characters"));
    }
    found
}

/// Where the key sentence of a template ends in an example, the signature included.
fn key_ends(t: &Template, link_chars: usize) -> usize {
    let example = Example::plain(link_chars);
    let named = |name: &str| t.parameters.iter().find(|p| p.name == name);
    let value = |name: &str| {
        named(name)
            .map_or_else(String::new, |p| cut_words(&crate::engine::fill(&p.from, |word| example.value(word)), p.max))
    };
    let key = |name: &str| named(name).is_some_and(|p| is_key(&p.from));
    let sign: usize = t.sign.chars().map(char::len_utf16).sum();
    match mark_ends(&t.text, value, key).1 {
        0 => 0,
        ends => sign + ends,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(purpose: TextKind, text: &str, from: &str, max: usize) -> Template {
        let parameter = Parameter { name: "1".into(), from: from.into(), max };
        let sign = "【某县应急】".to_owned();
        Template { id: "T".into(), purpose, language: None, sign, text: text.into(), parameters: vec![parameter] }
    }

    fn reasons(channel: Channel, drill: bool, templates: &[Template]) -> Vec<String> {
        check_templates("g", channel, drill, templates, 40).into_iter().map(|f| f.reason).collect()
    }

    #[test]
    fn a_gateway_with_templates_is_told_what_it_cannot_send() {
        let all = ["sms", "cancelled", "retracted", "dropped", "updated", "ask_code", "remind"];
        let kinds = TextKind::ALL.into_iter().filter(|k| all.contains(&k.name()));
        let mut templates: Vec<_> = kinds.map(|k| template(k, "{1}预警", "{colour}", 2)).collect();
        assert_eq!(reasons(Channel::Sms, false, &templates), Vec::<String>::new());
        templates.retain(|t| t.purpose != TextKind::Remind);
        assert_eq!(
            reasons(Channel::Sms, false, &templates),
            ["no template for remind: this gateway sends no such text"]
        );
        assert_eq!(reasons(Channel::Sms, false, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_template_that_cannot_work_is_a_fault() {
        let fatal = |t: Template, drill| {
            let found = check_templates("g", Channel::Sms, drill, &[t], 40);
            let fatal = found.into_iter().filter(|f| f.severity == crate::model::Severity::Fatal);
            fatal.map(|f| f.reason).collect::<Vec<_>>()
        };
        let sms = |text: &str, from: &str, max| template(TextKind::Sms, text, from, max);
        assert_eq!(fatal(sms("{1}", "{link}", 39), false), ["parameter 1 allows 39 characters; link needs 40"]);
        assert_eq!(fatal(sms("{1}", "{link}", 40), false), Vec::<String>::new());
        assert_eq!(fatal(sms("回1#{1}", "{code}", 3), false), ["parameter 1 allows 3 characters; code needs 4"]);
        assert_eq!(fatal(sms("{2}", "{colour}", 9), false).len(), 2, "one that is nowhere, one that is unknown");
        assert_eq!(fatal(sms("{1}", "{name}", 9), false).len(), 1);
        assert_eq!(fatal(sms("{1}", "{place}", 9), true), ["a drill's template must begin and end with 演练"]);
        assert_eq!(fatal(sms("【演练】{1} 演练", "{place}", 9), true), Vec::<String>::new());
        assert_eq!(fatal(template(TextKind::Voice, "{1}", "{place}", 9), false), ["voice does not go out by sms"]);
        let tibetan = Template { language: Some("bo".into()), ..sms("{1}", "{place}", 9) };
        assert_eq!(fatal(tibetan, false).len(), 1, "whoever speaks no Tibetan would get nothing");
    }

    #[test]
    fn the_key_sentence_of_a_template_counts_its_signature() {
        let long = "一二三四五六七八九十".repeat(5);
        let at = |text: &str| reasons(Channel::Sms, false, &[template(TextKind::Sms, text, "{place}", 12)]);
        let late = |found: &[String]| found.iter().any(|r| r.starts_with("the key sentence ends at character 71"));
        // 6 of the signature, 50, 2 or 3, and 12.
        assert!(!late(&at(&format!("{long}ab{{1}}"))));
        assert!(late(&at(&format!("{long}abc{{1}}"))));
    }
}
