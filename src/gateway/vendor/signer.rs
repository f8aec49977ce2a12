//! Who signs a request, and how.

use super::request::Request;
use super::{acs3, tc3};
use crate::gateway::http::Secret;
use crate::model::{Digest, Timestamp};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// What shows a vendor who asks.
pub(super) enum Signer {
    /// Alibaba Cloud.
    Acs3 { id: String, key: Secret },
    /// Tencent Cloud; the service is `sms` or `vms`.
    Tc3 { id: String, key: Secret, service: &'static str },
    /// User name and password in a header.
    Basic { user: String, password: Secret },
    /// The request holds it already.
    Within,
}

// === impl Signer ===

impl Signer {
    /// Adds the headers of the signature. `host` is what the Host header will be; `nonce` comes never twice.
    pub(super) fn sign(&self, request: &mut Request, host: &str, at: Timestamp, nonce: &str) {
        match self {
            Self::Acs3 { id, key } => {
                request.headers.push(("x-acs-content-sha256", Digest::of(&request.body).hex()));
                request.headers.push(("x-acs-date", at.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()));
                request.headers.push(("x-acs-signature-nonce", nonce.to_owned()));
                let mut headers: Vec<_> = request.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                headers.push(("host", host));
                let signed = acs3::Signed {
                    method: request.method.as_str(),
                    path: &request.path,
                    query: &request.query_string(),
                    headers: &headers,
                    body: &request.body,
                };
                let authorization = acs3::authorization(id, key.bytes(), &signed);
                request.headers.push(("authorization", authorization));
            }
            Self::Tc3 { id, key, service } => {
                let timestamp = at.0.div_euclid(1_000_000);
                let signed = tc3::Signed { host, service, timestamp, body: &request.body };
                let authorization = tc3::authorization(id, key.bytes(), &signed);
                request.headers.push(("content-type", tc3::CONTENT_TYPE.to_owned()));
                request.headers.push(("x-tc-timestamp", timestamp.to_string()));
                request.headers.push(("authorization", authorization));
            }
            Self::Basic { user, password } => {
                let both = [user.as_bytes(), b":", password.bytes()].concat();
                request.headers.push(("authorization", format!("Basic {}", BASE64_STANDARD.encode(both))));
            }
            Self::Within => {}
        }
    }
}
