//! The keyword that makes a short message a hazard report, and the mark that makes it a drill's.

use crate::engine::DRILL_WORD;
use crate::runtime::{ReplyWords, half_width};

/// What short messages that report begin with (`险情`, `BJ`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords(pub Vec<String>);

// === impl Keywords ===

impl Keywords {
    /// Whether a text is a report: it begins with a keyword, in front of which only a drill's mark may
    /// stand. `险情已收到` and the like, where nothing but answers follows, is an answer: `answers` tells.
    #[must_use]
    pub fn is_report(&self, text: &str, answers: &ReplyWords) -> bool {
        self.behind(text).is_some_and(|rest| !answers.only_answers(&rest))
    }

    /// Whether a text says that it is a drill's: the mark stands first, or first behind the keyword, and
    /// apart from what follows. `演练时发现真滑坡` is none.
    #[must_use]
    pub fn is_drill(&self, text: &str) -> bool {
        let plain = plain(text);
        without_mark(&plain).is_some() || self.behind(text).is_some_and(|rest| without_mark(&rest).is_some())
    }

    /// What follows the keyword.
    fn behind(&self, text: &str) -> Option<String> {
        let plain = plain(text);
        let text = bare(without_mark(&plain).unwrap_or(&plain));
        let rest = self.0.iter().filter_map(|word| {
            let word = word.trim().to_lowercase();
            let rest = text.strip_prefix(&*word).filter(|_| !word.is_empty())?;
            // `bj` is no beginning of `bjork`.
            let joined = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            (!(joined(word.chars().last()) && joined(rest.chars().next()))).then_some(rest)
        });
        rest.min_by_key(|rest| rest.len()).map(str::to_owned)
    }
}

/// Half-width and lower case.
fn plain(text: &str) -> String {
    text.chars().map(half_width).collect::<String>().to_lowercase()
}

/// Without what is neither letter nor digit in front.
fn bare(text: &str) -> &str {
    text.trim_start_matches(|c: char| !c.is_alphanumeric())
}

/// What follows the mark of a drill, when the text begins with one.
fn without_mark(text: &str) -> Option<&str> {
    let rest = bare(text).strip_prefix(DRILL_WORD)?;
    (!rest.starts_with(char::is_alphanumeric)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> (Keywords, ReplyWords) {
        let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let answers = ReplyWords {
            yes: list(&["收到", "已收到", "1"]),
            cannot: list(&["2", "不能"]),
            moving: list(&["3"]),
            done: list(&["4"]),
            knocked: list(&["5"]),
            reached: list(&["6"]),
            code_digits: 3,
        };
        (Keywords(list(&["险情", "BJ"])), answers)
    }

    #[test]
    fn a_report_is_no_answer_and_an_answer_no_report() {
        let (keywords, answers) = words();
        for report in [
            "险情 村后山体滑坡",
            "险情：1户被埋",
            "险情",
            "ＢＪ 塌方",
            "bj塌方",
            " 【演练】险情 塌方",
            "险情收到大量落石",
        ] {
            assert!(keywords.is_report(report, &answers), "{report}");
        }
        for other in
            ["收到", "1#372", "村后有险情", "收到，险情已解除", "bjork", "险情 收到", "险情已收到 372", "", "372"]
        {
            assert!(!keywords.is_report(other, &answers), "{other}");
        }
    }

    #[test]
    fn only_a_mark_that_stands_apart_makes_a_drill() {
        let (keywords, _) = words();
        for drill in ["【演练】险情 塌方", "险情 演练 塌方", "险情【演练】塌方", "演练：塌方", "险情 演练"]
        {
            assert!(keywords.is_drill(drill), "{drill}");
        }
        for real in ["险情 演练时发现真滑坡", "险情 塌方 演练", "险情 不是演练", "演练场后山滑坡"]
        {
            assert!(!keywords.is_drill(real), "{real}");
        }
    }
}
