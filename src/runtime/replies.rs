//! The words of people: what a short message or a key press says.

use crate::model::Answer;

/// The words that count, and how many digits a code has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyWords {
    /// Words that mean yes.
    pub yes: Vec<String>,
    /// Words that mean cannot.
    pub cannot: Vec<String>,
    /// Digits of a reply code.
    pub code_digits: usize,
}

/// What a text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Yes or cannot, when it says either.
    pub answer: Option<Answer>,
    /// A reply code, when there is one.
    pub code: Option<String>,
}

// === impl ReplyWords ===

impl ReplyWords {
    /// Reads a short message. Full-width digits and letters, blanks, case and punctuation do not
    /// matter: `收到`, `１＃３７２`, ` 1 372 `, `372收到。` all count. A bare code says yes: whoever types
    /// it has read the message.
    #[must_use]
    pub fn read(&self, text: &str) -> Said {
        let plain: String = text.chars().map(half_width).collect::<String>().to_lowercase();
        let mut words: Vec<String> = Vec::new();
        let mut last = Kind::Other;
        for c in plain.chars() {
            let kind = Kind::of(c);
            match (kind, words.last_mut()) {
                (Kind::Other, _) => {}
                (_, Some(word)) if kind == last => word.push(c),
                _ => words.push(c.into()),
            }
            last = kind;
        }
        let code = words.iter().find(|w| w.len() == self.code_digits && w.bytes().all(|b| b.is_ascii_digit())).cloned();
        let rest = words.iter().filter(|w| Some(*w) != code.as_ref());
        let mut answer = None;
        let mut unknown = false;
        for word in rest {
            match self.word(word) {
                // "不能收到", "收到但去不了": a refusal anywhere outweighs a yes.
                Some(Answer::Cannot) => answer = Some(Answer::Cannot),
                Some(Answer::Yes) => answer = answer.or(Some(Answer::Yes)),
                None => unknown = true,
            }
        }
        if answer.is_none() && code.is_some() && !unknown {
            answer = Some(Answer::Yes);
        }
        Said { answer, code }
    }

    /// What the keys pressed in a voice call say.
    #[must_use]
    pub fn read_keys(&self, digits: &str) -> Option<Answer> {
        self.word(digits.trim_end_matches('#'))
    }

    /// A word counts when it is one of the known words, or begins or ends with a known one of two
    /// or more characters (`收到了`, `已收到`).
    fn word(&self, word: &str) -> Option<Answer> {
        let known = |list: &[String]| {
            list.iter()
                .any(|w| word == w || (w.chars().count() > 1 && (word.starts_with(&**w) || word.ends_with(&**w))))
        };
        let refuses = self.cannot.iter().any(|w| w.chars().count() > 1 && word.contains(&**w));
        if refuses || known(&self.cannot) {
            Some(Answer::Cannot)
        } else if known(&self.yes) {
            // "没收到" and "未收到" end with a yes and mean the opposite.
            let negated = ["没", "未", "不"].iter().any(|n| word.starts_with(n));
            (!negated).then_some(Answer::Yes)
        } else {
            None
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    Letter,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            c if c.is_ascii_digit() => Self::Digit,
            c if c.is_alphabetic() => Self::Letter,
            _ => Self::Other,
        }
    }
}

/// Full-width forms (U+FF01 to U+FF5E) and the ideographic blank as their plain ASCII selves.
fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> ReplyWords {
        let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        ReplyWords {
            yes: list(&["收到", "1", "好", "知道了", "ok", "yes"]),
            cannot: list(&["2", "不能", "无法", "不行", "去不了", "no"]),
            code_digits: 3,
        }
    }

    #[test]
    fn reads_what_people_type() {
        use Answer::{Cannot, Yes};
        let cases: &[(&str, Option<Answer>, Option<&str>)] = &[
            ("收到", Some(Yes), None),
            (" 收 到 ", None, None),
            ("１", Some(Yes), None),
            ("1#372", Some(Yes), Some("372")),
            ("１＃３７２", Some(Yes), Some("372")),
            ("1 372", Some(Yes), Some("372")),
            ("372收到。", Some(Yes), Some("372")),
            ("收到372", Some(Yes), Some("372")),
            ("372", Some(Yes), Some("372")),
            ("2 372", Some(Cannot), Some("372")),
            ("已收到", Some(Yes), None),
            ("没收到", None, None),
            ("收到，但去不了", Some(Cannot), None),
            ("OK", Some(Yes), None),
            ("No", Some(Cannot), None),
            ("你是谁", None, None),
            ("你是谁 372", None, Some("372")),
            ("", None, None),
            ("9999", None, None),
        ];
        for (text, answer, code) in cases {
            let said = words().read(text);
            assert_eq!((said.answer, said.code.as_deref()), (*answer, *code), "{text:?}");
        }
        assert_eq!(words().read_keys("1#"), Some(Yes));
        assert_eq!(words().read_keys("2"), Some(Cannot));
        assert_eq!(words().read_keys("5"), None);
    }
}
