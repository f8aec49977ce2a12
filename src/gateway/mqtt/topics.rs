//! Topics: from a speaker's address to them and back.

use crate::config::{MqttSection, SPEAKER};

/// Bytes of a speaker's address.
const ADDRESS_MAX: usize = 64;

/// The topics of one gateway.
pub(super) struct Topics {
    command: String,
    state: String,
    status: String,
    /// Where all speakers listen.
    pub(super) all: String,
}

/// What came in on a topic.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// What a speaker does with a command.
    State(&'a str),
    /// Whether a speaker is there.
    Status(&'a str),
}

// === impl Topics ===

impl Topics {
    pub(super) fn new(section: &MqttSection) -> Self {
        Self {
            command: section.command_topic.clone(),
            state: section.state_topic.clone(),
            status: section.status_topic.clone(),
            all: section.all_topic.clone(),
        }
    }

    /// Where a speaker takes commands; `None` when that is no address: it would name other topics.
    pub(super) fn command(&self, speaker: &str) -> Option<String> {
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"/+#$".contains(c);
        let usable = (1..=ADDRESS_MAX).contains(&speaker.len()) && speaker.chars().all(plain);
        usable.then(|| self.command.replace(SPEAKER, speaker))
    }

    /// What this side listens to: states and status of every speaker.
    pub(super) fn filters(&self) -> [String; 2] {
        [self.state.replace(SPEAKER, "+"), self.status.replace(SPEAKER, "+")]
    }

    /// What came in on a topic, with the speaker's address.
    pub(super) fn heard<'a>(&self, topic: &'a str) -> Option<Heard<'a>> {
        match speaker(&self.state, topic) {
            Some(speaker) => Some(Heard::State(speaker)),
            None => speaker(&self.status, topic).map(Heard::Status),
        }
    }
}

/// The level of `topic` that stands where the pattern has the speaker, when all others are equal.
fn speaker<'a>(pattern: &str, topic: &'a str) -> Option<&'a str> {
    let (mut expected, mut levels, mut found) = (pattern.split('/'), topic.split('/'), None);
    loop {
        match (expected.next(), levels.next()) {
            (Some(SPEAKER), Some(level)) if (1..=ADDRESS_MAX).contains(&level.len()) => found = Some(level),
            (Some(x), Some(y)) if x == y => {}
            (None, None) => return found,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> Topics {
        let text = "url = 'mqtt://h'\nstate_topic = 'a/{speaker}/b/state'\nstatus_topic = '{speaker}/status'";
        Topics::new(&toml::from_str(text).unwrap())
    }

    #[test]
    fn a_topic_names_its_speaker_and_nothing_else_does() {
        let topics = topics();
        assert_eq!(topics.filters(), ["a/+/b/state", "+/status"]);
        assert_eq!(topics.heard("a/村1/b/state"), Some(Heard::State("村1")));
        assert_eq!(topics.heard("s9/status"), Some(Heard::Status("s9")));
        for other in ["a/s/b/state/x", "a/s/b", "a//b/state", "x/s/b/state", "", "s/state"] {
            assert_eq!(topics.heard(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_cannot_name_other_topics() {
        let topics = topics();
        assert_eq!(topics.command("533324-7").as_deref(), Some("jiaoying/533324-7/cmd"));
        for bad in ["", "a/b", "+", "#", "$SYS", "a b", "a\0", &"x".repeat(65)] {
            assert_eq!(topics.command(bad), None, "{bad:?}");
        }
    }
}
