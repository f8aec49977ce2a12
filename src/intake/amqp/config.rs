//! How the AMQP door is configured: the `[amqp]` section.

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::AMQPUri;
use serde::Deserialize;
use std::fmt;

/// The AMQP door. Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AmqpConfig {
    /// Brokers of one cluster, tried in turn (`amqps://user:password@host:5671/vhost`).
    pub urls: Vec<AmqpUrl>,
    /// PEM certificates of authorities that are trusted beside the system's.
    pub ca_pem: Option<String>,
    /// What the broker's operators see as the connection's name, with the part behind it.
    pub connection_name: String,
    /// Seconds between heartbeats; a broker that is silent for twice as long counts as gone.
    pub heartbeat_s: u16,
    /// Whether exchanges, queues and bindings that are missing are made. What exists is used as it is.
    pub declare: bool,
    /// Topic exchange that warnings are posted to.
    pub warnings_exchange: String,
    /// Queue of urgent warnings.
    pub urgent_queue: String,
    /// Routing keys that are urgent.
    pub urgent_key: String,
    /// Urgent documents in hand at one time.
    pub urgent_prefetch: u16,
    /// Queue of all other warnings.
    pub normal_queue: String,
    /// Routing keys that are normal.
    pub normal_key: String,
    /// Normal documents in hand at one time.
    pub normal_prefetch: u16,
    /// Queue that keeps what was parked, as it was received.
    pub parking_queue: String,
    /// Topic exchange for receipts and progress.
    pub events_exchange: String,
    /// Bytes of a document. Of a longer one the desk sees one byte more than this, and refuses it.
    pub body_max_bytes: usize,
    /// Milliseconds for opening a connection.
    pub connect_timeout_ms: u64,
    /// Milliseconds for the broker to confirm a receipt before it is published again.
    pub confirm_timeout_ms: u64,
    /// Milliseconds that one event of progress may wait, across lost connections, for its confirm.
    pub publish_timeout_ms: u64,
    /// Events of progress that wait for their confirm at one time.
    pub publish_window: usize,
    /// Milliseconds for finishing what is in hand when the door closes.
    pub drain_timeout_ms: u64,
    /// Milliseconds before the first new try after a failure.
    pub backoff_min_ms: u64,
    /// Milliseconds between tries at most.
    pub backoff_max_ms: u64,
}

/// Address of a broker with its credentials, which are never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct AmqpUrl(String);

// === impl AmqpConfig ===

impl AmqpConfig {
    /// Every fault of the section, as `field: reason`; empty when it can be used.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |ok: bool, fault: String| {
            if !ok {
                faults.push(fault);
            }
        };
        check(!self.urls.is_empty(), "urls: wants at least one".into());
        for (i, url) in self.urls.iter().enumerate() {
            // The parser's own words may repeat the password.
            check(url.parse().is_some(), format!("urls[{i}]: wants amqp[s]://user:password@host:port/vhost"));
        }
        let names = [
            ("warnings_exchange", &self.warnings_exchange),
            ("urgent_queue", &self.urgent_queue),
            ("urgent_key", &self.urgent_key),
            ("normal_queue", &self.normal_queue),
            ("normal_key", &self.normal_key),
            ("parking_queue", &self.parking_queue),
            ("events_exchange", &self.events_exchange),
        ];
        for (field, name) in names {
            check((1..=255).contains(&name.len()), format!("{field}: wants 1 to 255 bytes"));
        }
        let queues = [&self.urgent_queue, &self.normal_queue, &self.parking_queue];
        let distinct = queues[0] != queues[1] && queues[0] != queues[2] && queues[1] != queues[2];
        check(distinct, "urgent_queue, normal_queue, parking_queue: want three different names".into());
        let counts = [
            ("heartbeat_s", usize::from(self.heartbeat_s)),
            ("urgent_prefetch", usize::from(self.urgent_prefetch)),
            ("normal_prefetch", usize::from(self.normal_prefetch)),
            ("body_max_bytes", self.body_max_bytes),
            ("publish_window", self.publish_window),
        ];
        for (field, count) in counts {
            check(count > 0, format!("{field}: wants more than 0"));
        }
        let times = [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("confirm_timeout_ms", self.confirm_timeout_ms),
            ("publish_timeout_ms", self.publish_timeout_ms),
            ("backoff_min_ms", self.backoff_min_ms),
        ];
        for (field, ms) in times {
            check(ms > 0, format!("{field}: wants more than 0"));
        }
        check(self.backoff_max_ms >= self.backoff_min_ms, "backoff_max_ms: wants backoff_min_ms or more".into());
        faults
    }

    pub(super) fn tls(&self) -> OwnedTLSConfig {
        OwnedTLSConfig { identity: None, cert_chain: self.ca_pem.clone() }
    }
}

impl Default for AmqpConfig {
    fn default() -> Self {
        Self {
            urls: vec!["amqp://guest:guest@127.0.0.1:5672/%2f".into()],
            ca_pem: None,
            connection_name: "jiaoying".into(),
            heartbeat_s: 10,
            declare: true,
            warnings_exchange: "jiaoying.warnings".into(),
            urgent_queue: "jiaoying.urgent".into(),
            urgent_key: "warning.urgent.#".into(),
            urgent_prefetch: 200,
            normal_queue: "jiaoying.normal".into(),
            normal_key: "warning.normal.#".into(),
            normal_prefetch: 200,
            parking_queue: "jiaoying.parking".into(),
            events_exchange: "jiaoying.events".into(),
            body_max_bytes: 4 << 20,
            connect_timeout_ms: 10_000,
            confirm_timeout_ms: 10_000,
            publish_timeout_ms: 30_000,
            publish_window: 1000,
            drain_timeout_ms: 10_000,
            backoff_min_ms: 100,
            backoff_max_ms: 10_000,
        }
    }
}

// === impl AmqpUrl ===

impl AmqpUrl {
    pub(super) fn parse(&self) -> Option<AMQPUri> {
        self.0.parse().ok()
    }
}

impl From<&str> for AmqpUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parse() {
            Some(uri) => write!(f, "AmqpUrl({}:{})", uri.authority.host, uri.authority.port),
            None => f.write_str("AmqpUrl(unreadable)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_valid_and_shows_no_password() {
        let config: AmqpConfig = toml::from_str("urls = ['amqps://door:s3cret@mq1:5671/w']").unwrap();
        assert_eq!(config.faults(), Vec::<String>::new());
        let shown = format!("{config:?}");
        assert!(shown.contains("mq1:5671") && !shown.contains("s3cret"), "{shown}");
        assert!(toml::from_str::<AmqpConfig>("prefetch = 3").is_err());
    }

    #[test]
    fn names_every_fault_and_no_password() {
        let mut config = AmqpConfig { urls: vec!["s3cret://x".into()], urgent_prefetch: 0, ..AmqpConfig::default() };
        config.normal_queue.clone_from(&config.urgent_queue);
        let faults = config.faults();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(!faults.concat().contains("s3cret"));
    }
}
