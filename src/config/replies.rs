//! `[replies]`: how short messages are read.

use super::error::Faults;
use serde::{Deserialize, Serialize};

/// How short messages are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replies {
    /// Words that say: received, I answer for it.
    pub yes: Vec<String>,
    /// Words that say: I cannot.
    pub cannot: Vec<String>,
    /// Words that say: people are being moved. Figures may follow (`12户34人，特殊5人，拒2人`).
    pub moving: Vec<String>,
    /// Words that say: everybody has moved.
    pub done: Vec<String>,
    /// Words that say: somebody knocked on the doors.
    pub knocked: Vec<String>,
    /// Words that say: my unit reached the milestone that comes next.
    pub reached: Vec<String>,
    /// How often a person is asked back for one call.
    pub ask_max: u32,
    /// Digits of a reply code.
    pub code_digits: u8,
    /// Hours that a number's reply code is not used again after its callout closed.
    pub code_hold_h: u32,
}

// === impl Replies ===

impl Replies {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.require(!self.yes.is_empty(), "replies.yes", "without a word nobody can answer by short message");
        let lists = [
            ("replies.yes", &self.yes),
            ("replies.cannot", &self.cannot),
            ("replies.moving", &self.moving),
            ("replies.done", &self.done),
            ("replies.knocked", &self.knocked),
            ("replies.reached", &self.reached),
        ];
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        for (ix, (key, words)) in lists.into_iter().enumerate() {
            faults.require(words.iter().all(|word| !word.trim().is_empty()), key, "a word is empty");
            for (earlier, theirs) in &lists[..ix] {
                for word in words.iter().filter(|word| theirs.iter().any(|their| same(their, word))) {
                    faults.add(key, format!("{word:?} is also a word of {earlier}"));
                }
            }
        }
        let words = lists.iter().flat_map(|(_, words)| words.iter());
        let digits = usize::from(self.code_digits);
        for word in words.filter(|word| word.len() == digits && word.bytes().all(|byte| byte.is_ascii_digit())) {
            faults.add("replies.code_digits", format!("the word {word:?} could be a code of {digits} digits"));
        }
        faults.require((2..=6).contains(&self.code_digits), "replies.code_digits", "must be 2 to 6");
    }
}
