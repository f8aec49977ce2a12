//! `[reports]`: hazard reports from below.

use super::error::Faults;
use super::replies::Replies;
use serde::{Deserialize, Serialize};

/// Hazard reports from below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// What short messages that report begin with.
    pub keywords: Vec<String>,
    /// The name of the sender of warnings made of reports.
    pub sender: String,
    /// Seconds after which an open report goes to the next duty officers above.
    pub answer_within_s: u32,
    /// Where that time comes from.
    pub source: String,
    /// Seconds within which the same words, after they were made a warning, are no new report.
    pub same_within_s: u32,
    /// The posts that reports are told to.
    pub duty_posts: Vec<String>,
    /// The posts whose reports become warnings at once.
    pub trusted_posts: Vec<String>,
    /// The hazards for which they do, as event code or word.
    pub trusted_hazards: Vec<String>,
    /// The colour that they then have.
    pub trusted_colour: String,
}

// === impl Reports ===

impl Reports {
    pub(super) fn check(&self, replies: &Replies, faults: &mut Faults) {
        let filled = |list: &[String]| list.iter().all(|word| !word.trim().is_empty());
        for (key, list) in [
            ("reports.keywords", &self.keywords),
            ("reports.duty_posts", &self.duty_posts),
            ("reports.trusted_posts", &self.trusted_posts),
            ("reports.trusted_hazards", &self.trusted_hazards),
        ] {
            faults.require(filled(list), key, "a word is empty");
        }
        let answers =
            [&replies.yes, &replies.cannot, &replies.moving, &replies.done, &replies.knocked, &replies.reached];
        for answer in answers.into_iter().flatten() {
            let begins = |word: &&String| answer.to_lowercase().starts_with(&word.trim().to_lowercase());
            if let Some(word) = self.keywords.iter().find(|w| !w.trim().is_empty() && begins(w)) {
                faults.add("reports.keywords", format!("{word:?} begins the answer {answer:?} of [replies]"));
            }
        }
        let digits = |word: &String| word.trim().bytes().all(|b| b.is_ascii_digit());
        faults.require(!self.keywords.iter().any(digits), "reports.keywords", "digits alone would be taken for codes");
        faults.require(!self.sender.trim().is_empty(), "reports.sender", "must not be empty");
        faults.require(!self.source.trim().is_empty(), "reports.source", "must tell where answer_within_s comes from");
        faults.positive(
            "reports",
            &[("answer_within_s", self.answer_within_s.into()), ("same_within_s", self.same_within_s.into())],
        );
        let known = ["blue", "yellow", "orange", "red"].contains(&self.trusted_colour.as_str());
        faults.require(known, "reports.trusted_colour", "must be blue, yellow, orange or red");
        let open = !self.trusted_posts.is_empty() && self.trusted_hazards.is_empty();
        faults.require(!open, "reports.trusted_hazards", "must name hazards when there are trusted posts");
    }
}
