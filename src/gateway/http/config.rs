//! How a generic HTTP gateway is configured: one `[[gateway]]` section.

use crate::config::GATEWAY_SECRET_MIN;
use crate::model::{Channel, GatewayId};
use serde::Deserialize;
use std::fmt;

/// A generic HTTP gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGatewayConfig {
    /// Its name; also the last part of its callback address, `/callbacks/<id>`.
    pub id: GatewayId,
    /// Where attempts are posted (`https://sms.example.cn/v1/attempts`); withdrawals go to `<url>/withdraw`.
    /// Without credentials, query and fragment: the signature says who asks.
    pub url: String,
    /// PEM certificates of authorities that are trusted beside the system's.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// Shared secret of the signatures in both directions, at least [`GATEWAY_SECRET_MIN`] bytes.
    pub secret: Secret,
    /// The channels it serves.
    pub channels: Vec<Channel>,
    /// Attempts in one request, 1 to 1000.
    #[serde(default = "batch_max")]
    pub batch_max: usize,
    /// Milliseconds from the begin of a request to the end of its answer; then its attempts are unknown.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Milliseconds for opening a connection; then the gateway is down. Lower than `timeout_ms`.
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Whether it promises that a key submitted twice is called once. Unknown attempts are then sent again.
    #[serde(default)]
    pub idempotent: bool,
    /// Bytes of an answer that are read; a longer one counts as unreadable.
    #[serde(default = "answer_max_bytes")]
    pub answer_max_bytes: usize,
    /// Seconds by which the time of a callback may differ from ours, either way.
    #[serde(default = "callback_clock_skew_s")]
    pub callback_clock_skew_s: u32,
}

/// A shared secret. Never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

fn batch_max() -> usize {
    50
}

fn timeout_ms() -> u64 {
    10_000
}

fn connect_timeout_ms() -> u64 {
    3_000
}

fn answer_max_bytes() -> usize {
    1 << 20
}

fn callback_clock_skew_s() -> u32 {
    300
}

// === impl HttpGatewayConfig ===

impl HttpGatewayConfig {
    /// Every fault of the section, as `field: reason`; empty when it can be used.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |ok: bool, fault: &str| {
            if !ok {
                faults.push(fault.to_owned());
            }
        };
        let id = self.id.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        check(!id.is_empty() && id.chars().all(plain), "id: wants letters, digits, '-', '_' or '.'");
        match reqwest::Url::parse(&self.url) {
            Err(e) => check(false, &format!("url: {e}")),
            Ok(url) => {
                check(matches!(url.scheme(), "http" | "https"), "url: wants http or https");
                check(url.username().is_empty() && url.password().is_none(), "url: must not hold credentials");
                check(url.query().is_none() && url.fragment().is_none(), "url: must not hold a query or fragment");
            }
        }
        let long = self.secret.bytes().len() >= GATEWAY_SECRET_MIN;
        check(long, &format!("secret: wants at least {GATEWAY_SECRET_MIN} bytes"));
        check(!self.channels.is_empty(), "channels: wants at least one of sms, voice, broadcast");
        check((1..=1000).contains(&self.batch_max), "batch_max: wants 1 to 1000");
        check(self.connect_timeout_ms > 0, "connect_timeout_ms: wants more than 0");
        check(self.timeout_ms > self.connect_timeout_ms, "timeout_ms: wants more than connect_timeout_ms");
        check(self.answer_max_bytes >= 1024, "answer_max_bytes: wants at least 1024");
        faults
    }
}

// === impl Secret ===

impl Secret {
    /// The bytes, for signing.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text, for what is sent as it is.
    pub(in crate::gateway) fn text(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(extra: &str) -> Result<HttpGatewayConfig, toml::de::Error> {
        toml::from_str(&format!(
            "id = 'sms-a'\nsecret = '0123456789abcdef'\nurl = 'http://localhost/v1'\nchannels = ['sms']\n{extra}"
        ))
    }

    #[test]
    fn defaults_hold_and_unknown_fields_do_not() {
        let config = section("").unwrap();
        assert_eq!(config.faults(), Vec::<String>::new());
        assert!(!config.idempotent);
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
        assert!(section("batchmax = 3").unwrap_err().to_string().contains("batchmax"));
    }

    #[test]
    fn names_every_fault() {
        let mut config = section("batch_max = 0\ntimeout_ms = 100").unwrap();
        config.url = "ftp://user:pw@host/x?y".into();
        config.secret = "short".into();
        let faults = config.faults();
        let fields: Vec<_> = faults.iter().filter_map(|f| f.split(':').next()).collect();
        assert_eq!(fields, ["url", "url", "url", "secret", "batch_max", "timeout_ms"]);
    }
}
