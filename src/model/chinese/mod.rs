//! Findings in Chinese, for the officer who reads them. The English sentence is what is stored and sent;
//! the Chinese one is made from it, so that documents parked long ago are told in both.
//!
//! - **Here:** how a sentence is recognised and said; the table itself is `sentences`.
//! - **Promises:** a sentence that a parser, the desk, an import or a plan's reader makes is in the table:
//!   the tests hold it against the source, both ways (`held`).

#[cfg(test)]
mod held;
mod sentences;

use super::{Colour, Finding};
use sentences::SENTENCES;

/// What an unknown sentence (most come from a library) is told as: the place stands beside it.
const UNREADABLE: &str = "此处有误，无法读取，详见英文";

impl Finding {
    /// What is wrong, in a Chinese sentence.
    #[must_use]
    pub fn reason_zh(&self) -> String {
        let said = SENTENCES.iter().find_map(|(en, zh)| Some(filled(zh, &taken(en, &self.reason)?)));
        said.unwrap_or_else(|| UNREADABLE.to_owned())
    }
}

/// What stands at the `{}` of a template; `None` when the text is another sentence.
fn taken<'a>(template: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = template.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    let parts: Vec<&str> = parts.collect();
    for (ix, part) in parts.iter().enumerate() {
        let last = ix + 1 == parts.len();
        let at = if last {
            rest.len().checked_sub(part.len()).filter(|at| rest.get(*at..) == Some(*part))
        } else {
            rest.find(part)
        };
        let at = at?;
        found.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(found)
}

fn filled(template: &str, found: &[&str]) -> String {
    let mut out = String::new();
    for (ix, part) in template.split("{}").enumerate() {
        if let Some(before) = ix.checked_sub(1) {
            let word = found.get(before).copied().unwrap_or_default();
            // Of the words that are taken over only colours are ours to say in Chinese.
            out.push_str(Colour::ALL.iter().find(|c| c.name() == word).map_or(word, |c| c.zh()));
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zh(reason: &str) -> String {
        Finding::fatal("p", reason).reason_zh()
    }

    #[test]
    fn what_is_named_is_taken_over() {
        assert_eq!(zh("account \"x\" is not a registered sender"), "账号 \"x\" 不是登记的发报单位");
        assert_eq!(zh("orange, but the headline says red; red counts"), "此处为橙色，标题却说红色；以红色为准");
        assert_eq!(zh("513 characters; the limit is 512"), "513 个字符；上限 512");
        assert_eq!(zh("neither XML (begins with <) nor a JSON object (begins with {)").chars().next(), Some('既'));
        assert_eq!(zh("expected value"), UNREADABLE);
    }

    #[test]
    fn a_template_takes_as_much_as_it_says() {
        for (en, zh) in SENTENCES {
            assert_eq!(en.matches("{}").count(), zh.matches("{}").count(), "{en}");
            let first = SENTENCES.iter().find(|(other, _)| taken(other, en).is_some());
            assert_eq!(first.map(|s| s.0), Some(*en), "an earlier sentence takes its place");
        }
    }
}
