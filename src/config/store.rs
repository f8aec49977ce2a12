//! `[store]`: the journal.

use super::Secret;
use super::error::Faults;
use serde::{Deserialize, Serialize};

/// Where the journal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    pub url: Secret,
}

/// The kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// One process, one file.
    Sqlite,
    /// Replicas and load.
    Postgres,
}

// === impl Store, StoreKind ===

impl Store {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let Some(url) = self.url.here() {
            faults.require(
                StoreKind::of(url).is_some(),
                "store.url",
                "must begin with sqlite: and a path, or with postgres://",
            );
        }
        faults.require(!self.url.is_empty(), "store.url", "must not be empty");
    }
}

impl StoreKind {
    /// The kind that a revealed URL names.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        if url.strip_prefix("sqlite:").is_some_and(|path| !path.is_empty()) {
            Some(Self::Sqlite)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Some(Self::Postgres)
        } else {
            None
        }
    }
}
