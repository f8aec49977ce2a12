//! The list of faults while a document is read.

use crate::model::{Finding, Severity};

/// The longest place or reason, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// A bounded list: fatal findings always enter, notices up to a limit.
pub(super) struct Findings {
    list: Vec<Finding>,
    notices: usize,
    notices_max: usize,
}

// === impl Findings ===

impl Findings {
    /// An empty list that holds at most `notices_max` notices.
    pub(super) fn new(notices_max: usize) -> Self {
        Self { list: Vec::new(), notices: 0, notices_max }
    }

    /// Enters a fault of form.
    pub(super) fn notice(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.push(Finding::notice(place, reason));
    }

    /// Enters a fault that leaves nothing to act on.
    pub(super) fn fatal(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.push(Finding::fatal(place, reason));
    }

    /// Enters a fault.
    pub(super) fn push(&mut self, mut finding: Finding) {
        if finding.severity == Severity::Notice {
            self.notices += 1;
            if self.notices > self.notices_max {
                return;
            }
        }
        // What a finding repeats of the document is as long as the sender likes.
        clip(&mut finding.place);
        clip(&mut finding.reason);
        self.list.push(finding);
    }

    /// Whether a fault is fatal.
    pub(super) fn any_fatal(&self) -> bool {
        self.list.iter().any(|f| f.severity == Severity::Fatal)
    }

    /// The list, with the number of notices that found no room as its last line.
    pub(super) fn into_vec(mut self) -> Vec<Finding> {
        if let Some(more @ 1..) = self.notices.checked_sub(self.notices_max) {
            self.list.push(Finding::notice("document", format!("{more} more faults of form are not listed")));
        }
        self.list
    }
}

fn clip(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_bounded_and_the_fatal_enters() {
        let mut findings = Findings::new(2);
        for _ in 0..5 {
            findings.notice("a", "b");
        }
        assert!(!findings.any_fatal());
        findings.fatal("c", "d");
        assert!(findings.any_fatal());
        let list = findings.into_vec();
        assert_eq!(list.len(), 4);
        assert_eq!(list[2], Finding::fatal("c", "d"));
        assert!(list[3].reason.starts_with("3 more"));
    }
}
