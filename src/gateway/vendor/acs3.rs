//! Alibaba Cloud's signature ACS3-HMAC-SHA256.

use crate::model::Digest;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Its name in the Authorization header.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What is signed of a request.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path, encoded.
    pub path: &'a str,
    /// The query, sorted and encoded.
    pub query: &'a str,
    /// Names in lower case, and values; in any order.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The value of the Authorization header of a request that `id` makes with `key`.
#[must_use]
pub fn authorization(id: &str, key: &[u8], request: &Signed<'_>) -> String {
    let mut headers: Vec<(&str, &str)> = request.headers.iter().map(|(n, v)| (*n, v.trim())).collect();
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let Signed { method, path, query, body, .. } = request;
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", Digest::of(body).hex());
    let to_sign = format!("{ALGORITHM}\n{}", Digest::of(canonical.as_bytes()).hex());
    let signature = hex::encode(hmac(key, to_sign.as_bytes()));
    format!("{ALGORITHM} Credential={id},SignedHeaders={names},Signature={signature}")
}

/// HMAC-SHA256.
#[expect(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
pub(super) fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
