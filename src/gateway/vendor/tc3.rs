//! Tencent Cloud's signature TC3-HMAC-SHA256.

use super::acs3::hmac;
use crate::model::{Digest, Timestamp};

/// Its name in the Authorization header.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";
/// The type of all bodies; it is signed.
pub const CONTENT_TYPE: &str = "application/json";

/// What is signed of a request: always a POST of [`CONTENT_TYPE`] to `/` without a query.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The Host header.
    pub host: &'a str,
    /// `sms` or `vms`.
    pub service: &'a str,
    /// The X-TC-Timestamp header, Unix seconds.
    pub timestamp: i64,
    /// The body.
    pub body: &'a [u8],
}

/// The value of the Authorization header of a request that `id` makes with `key`.
#[must_use]
pub fn authorization(id: &str, key: &[u8], request: &Signed<'_>) -> String {
    let Signed { host, service, timestamp, body } = request;
    let names = "content-type;host";
    let hash = Digest::of(body).hex();
    let canonical = format!("POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\n\n{names}\n{hash}");
    let date = Timestamp(timestamp.saturating_mul(1_000_000)).to_utc().format("%Y-%m-%d").to_string();
    let scope = format!("{date}/{service}/tc3_request");
    let to_sign = format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", Digest::of(canonical.as_bytes()).hex());
    let of_date = hmac(&[b"TC3", key].concat(), date.as_bytes());
    let signing = hmac(&hmac(&of_date, service.as_bytes()), b"tc3_request");
    let signature = hex::encode(hmac(&signing, to_sign.as_bytes()));
    format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
}
