//! Faults of a configuration.

use super::layers::{Origin, Origins};
use std::fmt;
use std::path::PathBuf;

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The user's file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was read cannot be used.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
}

/// One fault: where it is and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where the faulty value comes from.
    pub origin: Origin,
    /// The key (`http.internal`, `gateway[1].url`); empty when there is none to name.
    pub key: String,
    /// What is wrong, without the values of secrets.
    pub reason: String,
}

/// Collects the faults of all sections.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(String, String)>);

// === impl Faults ===

impl Faults {
    /// Notes a fault.
    pub(super) fn add(&mut self, key: impl Into<String>, reason: impl Into<String>) {
        self.0.push((key.into(), reason.into()));
    }

    /// Notes a fault unless `holds`.
    pub(super) fn require(&mut self, holds: bool, key: impl Into<String>, reason: &str) {
        if !holds {
            self.add(key, reason);
        }
    }

    /// Notes each number that is zero.
    pub(super) fn positive(&mut self, section: &str, numbers: &[(&str, u64)]) {
        for (key, number) in numbers {
            self.require(*number > 0, format!("{section}.{key}"), "must be at least 1");
        }
    }

    /// The faults with their places.
    pub(super) fn located(self, origins: &Origins) -> Vec<Fault> {
        self.0.into_iter().map(|(key, reason)| Fault { origin: origins.of(&key), key, reason }).collect()
    }
}

// === impl Fault ===

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.origin, self.reason)
        } else {
            write!(f, "{}: {}: {}", self.origin, self.key, self.reason)
        }
    }
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}
