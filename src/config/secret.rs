//! Secrets: given as they are, in a file, or in an environment variable.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// A secret. Debug, Serialize and errors show where it is kept, never what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Here(String),
    File(PathBuf),
    Env(String),
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("cannot read the secret in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its environment variable is not set, or not UTF-8.
    #[error("the secret's environment variable {0} is not set")]
    Env(String),
}

// === impl Secret ===

impl Secret {
    /// From its written form: `file:/path`, `env:NAME`, or the secret itself.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(if let Some(path) = text.strip_prefix("file:") {
            Kept::File(path.into())
        } else if let Some(name) = text.strip_prefix("env:") {
            Kept::Env(name.to_owned())
        } else {
            Kept::Here(text.to_owned())
        })
    }

    /// The secret itself; of a file, its content without line ends around it.
    ///
    /// # Errors
    /// [`SecretError`] when the file cannot be read or the variable is not set.
    pub fn reveal(&self) -> Result<String, SecretError> {
        match &self.0 {
            Kept::Here(text) => Ok(text.clone()),
            Kept::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_matches(['\r', '\n']).to_owned())
                .map_err(|source| SecretError::File { path: path.clone(), source }),
            Kept::Env(name) => std::env::var(name).map_err(|_| SecretError::Env(name.clone())),
        }
    }

    /// The file it is kept in.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        if let Kept::File(path) = &self.0 { Some(path) } else { None }
    }

    /// The secret, when it stands in the configuration itself.
    pub(super) fn here(&self) -> Option<&str> {
        if let Kept::Here(text) = &self.0 { Some(text) } else { None }
    }

    /// Whether there is nothing at all where the secret should be named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Kept::Here(text) | Kept::Env(text) => text.is_empty(),
            Kept::File(path) => path.as_os_str().is_empty(),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Here(_) => f.write_str("…"),
            Kept::File(path) => write!(f, "file:{}", path.display()),
            Kept::Env(name) => write!(f, "env:{name}"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read as any value first: serde's own complaint about a wrong type would quote it.
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self::new(&text)),
            _ => Err(serde::de::Error::custom("a secret is a text in quotes")),
        }
    }
}
