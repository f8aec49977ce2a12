//! The signature of requests in both directions: `v1=hex(HMAC-SHA256(secret, timestamp "." body))`.

use super::Secret;
use crate::model::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Header with the time of signing, in whole seconds since 1970-01-01T00:00:00Z.
pub const TIMESTAMP: &str = "x-jiaoying-timestamp";
/// Header with the signature.
pub const SIGNATURE: &str = "x-jiaoying-signature";

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing or unreadable.
    #[error("wants the headers X-Jiaoying-Timestamp (Unix seconds) and X-Jiaoying-Signature (v1=<64 hex digits>)")]
    Headers,
    /// The time of signing is too far from now.
    #[error("X-Jiaoying-Timestamp is too far from the present time")]
    Stale,
    /// The signature does not belong to this body, time and secret.
    #[error("X-Jiaoying-Signature does not belong to this body")]
    Wrong,
}

/// The value of [`SIGNATURE`] for a body signed at `timestamp` (the text of [`TIMESTAMP`]).
#[must_use]
pub fn sign(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    format!("v1={}", hex::encode(mac(secret, timestamp, body).finalize().into_bytes()))
}

/// Checks the signature of a body, in constant time, and that it was signed within `skew_s` seconds of `now`.
///
/// # Errors
/// Which of the checks failed.
pub fn verify(
    secret: &Secret,
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
    now: Timestamp,
    skew_s: u32,
) -> Result<(), SignatureError> {
    let timestamp = timestamp.ok_or(SignatureError::Headers)?;
    let signed_at: i64 = timestamp.parse().map_err(|_| SignatureError::Headers)?;
    let hex = signature.and_then(|s| s.strip_prefix("v1=")).ok_or(SignatureError::Headers)?;
    let given = hex::decode(hex).map_err(|_| SignatureError::Headers)?;
    mac(secret, timestamp, body).verify_slice(&given).map_err(|_| SignatureError::Wrong)?;
    let apart = now.0.div_euclid(1_000_000).saturating_sub(signed_at).unsigned_abs();
    if apart > u64::from(skew_s) { Err(SignatureError::Stale) } else { Ok(()) }
}

#[expect(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
fn mac(secret: &Secret, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    // From: printf '1782850680.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
    const KNOWN: &str = "v1=10af770dd5933e82254bc8b7b4a8b309c3b48ace3bf9c09eeeeae4c7ab446935";

    #[test]
    fn agrees_with_openssl() {
        assert_eq!(sign(&"0123456789abcdef".into(), "1782850680", b"{}"), KNOWN);
    }

    #[test]
    fn every_check_can_fail() {
        let secret = "0123456789abcdef".into();
        let at = |s: i64| Timestamp(s * 1_000_000);
        let check = |t, s, body: &[u8], now| verify(&secret, t, s, body, now, 300);
        let (t, s) = (Some("1782850680"), Some(KNOWN));
        assert_eq!(check(t, s, b"{}", at(1_782_850_680)), Ok(()));
        assert_eq!(check(t, s, b"{}", at(1_782_850_380)), Ok(()));
        assert_eq!(check(t, s, b"{}", at(1_782_850_981)), Err(SignatureError::Stale));
        assert_eq!(check(t, s, b"{ }", at(1_782_850_680)), Err(SignatureError::Wrong));
        assert_eq!(check(Some("1782850681"), s, b"{}", at(1_782_850_680)), Err(SignatureError::Wrong));
        assert_eq!(check(t, Some("v1=00"), b"{}", at(1_782_850_680)), Err(SignatureError::Wrong));
        assert_eq!(check(None, s, b"{}", at(1_782_850_680)), Err(SignatureError::Headers));
        assert_eq!(check(t, Some("v1=zz"), b"{}", at(1_782_850_680)), Err(SignatureError::Headers));
    }
}
