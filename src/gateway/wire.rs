//! What gateways over HTTP share on the way out: the client, bounded answers, pauses, errors without numbers.

use super::scrub::scrub;
use crate::model::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The longest pause a gateway can ask for, in milliseconds; a breaker probes it again after that.
const PAUSE_MAX_MS: i64 = 300_000;

/// Until when a gateway asked to be left alone.
#[derive(Default)]
pub(super) struct Pause(
    /// Microseconds since the epoch; 0 when no pause was asked for.
    AtomicI64,
);

/// A client that opens connections within `connect_timeout_ms` and ends requests within `timeout_ms`. TLS is rustls
/// with the ring provider, the system's roots and `ca_pem`.
///
/// # Errors
/// Why `ca_pem` cannot be read, or no TLS client can be had on this host.
pub(super) fn client(
    ca_pem: Option<&str>,
    timeout_ms: u64,
    connect_timeout_ms: u64,
) -> Result<reqwest::Client, String> {
    // The build has no default provider; an error means that one was installed before, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let own = ca_pem.unwrap_or_default();
    let own = reqwest::Certificate::from_pem_bundle(own.as_bytes()).map_err(|e| format!("ca_pem: {e}"))?;
    reqwest::Client::builder()
        .tls_certs_merge(own)
        .timeout(Duration::from_millis(timeout_ms))
        .connect_timeout(Duration::from_millis(connect_timeout_ms))
        // A redirect would send numbers to somebody the signature was not made for.
        .redirect(reqwest::redirect::Policy::none())
        // Servers close idle connections after 5 s and more; a request on a closed one ends as unknown.
        .pool_idle_timeout(Duration::from_secs(4))
        // Nothing below us repeats a call.
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .map_err(|e| e.to_string())
}

/// The body, or `None` when it is longer than `max` bytes or was cut off.
pub(super) async fn read(mut response: reqwest::Response, max: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > max {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// How many milliseconds the answer asks to wait.
pub(super) fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| wait_ms(v, now))
}

/// An error with its causes, without numbers.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    let texts: Vec<_> = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect();
    scrub(&texts.join(": "))
}

/// RFC 9110 10.2.3: whole seconds, or a date.
fn wait_ms(value: &str, now: Timestamp) -> Option<i64> {
    if let Ok(seconds) = value.trim().parse::<u32>() {
        return Some(i64::from(seconds) * 1000);
    }
    let at = chrono::DateTime::parse_from_rfc2822(value.trim()).ok()?;
    Some(Timestamp::from_chrono(&at).ms_since(now))
}

// === impl Pause ===

impl Pause {
    /// It asks to wait so many milliseconds from `now`, at most 300 s.
    pub(super) fn begin(&self, now: Timestamp, ms: i64) {
        self.0.store(now.plus_ms(ms.clamp(0, PAUSE_MAX_MS)).0, Ordering::Relaxed);
    }

    /// It answers again.
    pub(super) fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// When the pause ends; `None` when there is none at `now`.
    pub(super) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let at = Timestamp(self.0.load(Ordering::Relaxed));
        (at > now).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::parse_iso("2026-07-01T04:18:00+08:00").unwrap();
        assert_eq!(wait_ms("7", now), Some(7000));
        assert_eq!(wait_ms("Tue, 30 Jun 2026 20:18:09 GMT", now), Some(9000));
        assert_eq!(wait_ms("soon", now), None);
    }

    #[test]
    fn a_pause_is_bounded_and_ends() {
        let (pause, now) = (Pause::default(), Timestamp(1_000_000));
        assert_eq!(pause.until(now), None);
        pause.begin(now, i64::MAX);
        assert_eq!(pause.until(now), Some(now.plus_ms(PAUSE_MAX_MS)));
        pause.end();
        assert_eq!(pause.until(now), None);
    }
}
