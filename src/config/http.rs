//! `[http]`: the two listeners and who may use the internal one.

use super::error::Faults;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use subtle::ConstantTimeEq as _;

/// The account of whoever uses the internal listener while it has no token.
pub const LOCAL_ACCOUNT: &str = "local";

/// The two listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Board, API and metrics.
    pub internal: SocketAddr,
    /// Answer links and signed callbacks.
    pub public: SocketAddr,
    /// The beginning of one-time links, without the last slash.
    pub public_url: String,
    /// Who may use the internal listener; empty: everybody on this machine, as [`LOCAL_ACCOUNT`].
    #[serde(rename = "token", default)]
    pub tokens: Vec<Token>,
}

/// A token that signs in to the internal listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The account under which its deeds are recorded.
    pub name: String,
    /// SHA-256 of the token, 64 hex digits.
    pub sha256: String,
    /// What it may do.
    pub rights: Vec<Right>,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Post warnings.
    Post,
    /// Act on callouts, publish directories and plans.
    Operate,
    /// See.
    Read,
}

// === impl Http, Token ===

impl Http {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.require(
            self.internal.ip().is_loopback() || !self.tokens.is_empty(),
            "http.internal",
            "is not a loopback address: configure a [[http.token]] first",
        );
        faults.require(
            self.internal != self.public || self.internal.port() == 0,
            "http.public",
            "must differ from http.internal",
        );
        let host = self.public_url.strip_prefix("http://").or_else(|| self.public_url.strip_prefix("https://"));
        faults.require(
            host.is_some_and(|host| !host.is_empty() && !host.ends_with('/') && !host.contains(['?', '#', ' '])),
            "http.public_url",
            "must be http:// or https:// with a host and no slash at the end",
        );
        for (i, token) in self.tokens.iter().enumerate() {
            let at = |key: &str| format!("http.token[{i}].{key}");
            faults.require(!token.name.is_empty(), at("name"), "must not be empty");
            faults.require(token.name != LOCAL_ACCOUNT, at("name"), "is kept for listeners without tokens");
            faults.require(token.digest().is_some(), at("sha256"), "must be the token's SHA-256 in 64 hex digits");
            faults.require(!token.rights.is_empty(), at("rights"), "must name at least one of post, operate, read");
            let before = &self.tokens[..i];
            faults.require(before.iter().all(|t| t.name != token.name), at("name"), "is taken by another token");
            faults.require(
                before.iter().all(|t| t.digest().is_none() || t.digest() != token.digest()),
                at("sha256"),
                "is that of another token",
            );
        }
    }

    /// The token that a caller presents, compared in constant time.
    #[must_use]
    pub fn admit(&self, presented: &str) -> Option<&Token> {
        let digest = Sha256::digest(presented.as_bytes());
        self.tokens.iter().find(|token| token.digest().is_some_and(|known| known.ct_eq(digest.as_slice()).into()))
    }
}

impl Token {
    /// Whether it may do something.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    fn digest(&self) -> Option<[u8; 32]> {
        let mut digest = [0; 32];
        hex::decode_to_slice(&self.sha256, &mut digest).ok()?;
        Some(digest)
    }
}
