//! Colour and status of a warning.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The colour of a warning, weak to strong (blue Ⅳ, yellow Ⅲ, orange Ⅱ, red Ⅰ).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// Ⅳ 一般
    Blue,
    /// Ⅲ 较重 (较大)
    Yellow,
    /// Ⅱ 严重 (重大)
    Orange,
    /// Ⅰ 特别严重 (特别重大)
    Red,
}

/// Parts a name space from the name in it (ASCII unit separator).
pub const SPACE_END: char = '\u{1f}';

/// What a message is for (CAP 1.2 §3.2.1 `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The real thing: people are called.
    Actual,
    /// A drill.
    Exercise,
    /// For the network's own functions.
    System,
    /// A technical test: nobody is called.
    Test,
    /// Not to be acted on.
    Draft,
}

// === impl Colour ===

impl Colour {
    /// All colours, weak to strong.
    pub const ALL: [Self; 4] = [Self::Blue, Self::Yellow, Self::Orange, Self::Red];

    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Red => "red",
        }
    }

    /// The Chinese word.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::Blue => "蓝色",
            Self::Yellow => "黄色",
            Self::Orange => "橙色",
            Self::Red => "红色",
        }
    }

    /// Reads an English or Chinese colour word, whatever its case (`Red`, `红`, `红色`).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase();
        Self::ALL.into_iter().find(|c| c.name() == word || c.zh() == word || c.zh().strip_suffix('色') == Some(&word))
    }

    /// The colour of a CAP severity as the CMA exports it: Minor blue, Moderate yellow, Severe orange, Extreme red.
    #[must_use]
    pub fn from_severity(severity: &str) -> Option<Self> {
        match severity.trim() {
            "Minor" => Some(Self::Blue),
            "Moderate" => Some(Self::Yellow),
            "Severe" => Some(Self::Orange),
            "Extreme" => Some(Self::Red),
            _ => None,
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Status ===

impl Status {
    /// The stable name in code, SQL, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Exercise => "exercise",
            Self::System => "system",
            Self::Test => "test",
            Self::Draft => "draft",
        }
    }

    /// Whether it is a drill: everything runs, apart from the real thing and marked.
    #[must_use]
    pub fn is_drill(self) -> bool {
        self == Self::Exercise
    }

    /// Whether its messages call people. Tests, system messages and drafts ring nobody.
    #[must_use]
    pub fn calls(self) -> bool {
        matches!(self, Self::Actual | Self::Exercise)
    }

    /// The name space of its messages: one identifier may be used in each, and nothing refers across.
    /// Empty for the real thing.
    #[must_use]
    pub fn space(self) -> &'static str {
        match self {
            Self::Actual => "",
            Self::Exercise => "drill",
            Self::System | Self::Test | Self::Draft => "test",
        }
    }

    /// The name under which a sender's identifiers are taken, by name space. The separator is refused in
    /// what senders call themselves, so that nobody can reach into another space.
    #[must_use]
    pub fn scoped(self, sender: &str) -> String {
        match self.space() {
            "" => sender.to_owned(),
            space => format!("{space}{SPACE_END}{sender}"),
        }
    }

    /// The sender whose scoped name this is; `None` when it is of another name space.
    #[must_use]
    pub fn unscoped(self, name: &str) -> Option<&str> {
        match name.split_once(SPACE_END) {
            None => Some(name).filter(|_| self.space().is_empty()),
            Some((space, sender)) => Some(sender).filter(|_| space == self.space()),
        }
    }

    /// How urgent a warning of this colour is beside others: a drill is never more urgent than anything real.
    #[must_use]
    pub fn urgency(self, colour: Colour) -> Colour {
        if self.is_drill() { Colour::Blue } else { colour }
    }

    /// Reads CAP's word (`Actual`, `Exercise`, `System`, `Test`, `Draft`), whatever its case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase();
        [Self::Actual, Self::Exercise, Self::System, Self::Test, Self::Draft].into_iter().find(|s| s.name() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
