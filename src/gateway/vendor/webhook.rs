//! Twilio's signature of callbacks: HMAC-SHA1 over the address and the sorted fields of the form.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::collections::BTreeSet;

/// The header that carries it.
pub const SIGNATURE: &str = "x-twilio-signature";

/// The signature of a form that is posted to `url` (with its query).
#[must_use]
pub fn sign(token: &[u8], url: &str, fields: &[(String, Vec<u8>)]) -> String {
    BASE64_STANDARD.encode(mac(token, url, fields).finalize().into_bytes())
}

/// Whether `signature` belongs to the form; compared in constant time.
#[must_use]
pub fn verify(token: &[u8], url: &str, fields: &[(String, Vec<u8>)], signature: &str) -> bool {
    let given = BASE64_STANDARD.decode(signature.trim()).unwrap_or_default();
    mac(token, url, fields).verify_slice(&given).is_ok()
}

#[expect(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
fn mac(token: &[u8], url: &str, fields: &[(String, Vec<u8>)]) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(token).unwrap();
    mac.update(url.as_bytes());
    // A field that comes twice with the same value is signed once.
    for (name, value) in fields.iter().collect::<BTreeSet<_>>() {
        mac.update(name.as_bytes());
        mac.update(value);
    }
    mac
}
