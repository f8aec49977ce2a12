//! `[amqp]`: the broker.

use super::Secret;
use super::error::Faults;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amqp {
    /// Whether warnings are taken from it and events are published to it.
    pub enabled: bool,
    /// `amqp://USER:PASSWORD@HOST:PORT/VHOST`, `amqps://` with TLS.
    pub url: Secret,
    /// PEM certificates of the authorities that are trusted beside the system's; only `amqps://`.
    pub ca_file: Option<PathBuf>,
    /// Messages taken from the urgent queue and not yet acknowledged, at most.
    pub prefetch_urgent: u16,
    /// Messages taken from the normal queue and not yet acknowledged, at most.
    pub prefetch_normal: u16,
    /// The exchange that warnings are published to.
    pub exchange: String,
    /// The queue of routing key `urgent`.
    pub urgent_queue: String,
    /// The queue of routing key `normal`.
    pub normal_queue: String,
    /// Where what cannot be acted on is copied to.
    pub parking_queue: String,
    /// The exchange that events are published to.
    pub events_exchange: String,
    /// The shortest pause before connecting again, in milliseconds.
    pub backoff_min_ms: u64,
    /// The longest pause before connecting again, in milliseconds.
    pub backoff_max_ms: u64,
    /// Milliseconds that the broker may take to confirm what was published.
    pub confirm_timeout_ms: u64,
}

// === impl Amqp ===

impl Amqp {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let Some(url) = self.url.here() {
            let known = url.starts_with("amqp://") || url.starts_with("amqps://");
            faults.require(known, "amqp.url", "must begin with amqp:// or amqps://");
        }
        let names = [
            ("exchange", &self.exchange),
            ("urgent_queue", &self.urgent_queue),
            ("normal_queue", &self.normal_queue),
            ("parking_queue", &self.parking_queue),
            ("events_exchange", &self.events_exchange),
        ];
        for (key, name) in names {
            // AMQP 0-9-1 §1.2: a short string holds 255 bytes; names under amq. belong to the broker.
            let fits = !name.is_empty() && name.len() <= 255 && !name.starts_with("amq.");
            faults.require(fits, format!("amqp.{key}"), "must have 1 to 255 bytes and not begin with amq.");
        }
        let queues = [&self.urgent_queue, &self.normal_queue, &self.parking_queue];
        let differ = queues[0] != queues[1] && queues[0] != queues[2] && queues[1] != queues[2];
        faults.require(differ, "amqp.urgent_queue", "the three queues must have different names");
        faults.require(self.exchange != self.events_exchange, "amqp.events_exchange", "must differ from amqp.exchange");
        faults.positive(
            "amqp",
            &[
                // A prefetch of 0 is no limit at all (AMQP 0-9-1 basic.qos).
                ("prefetch_urgent", self.prefetch_urgent.into()),
                ("prefetch_normal", self.prefetch_normal.into()),
                ("backoff_min_ms", self.backoff_min_ms),
                ("confirm_timeout_ms", self.confirm_timeout_ms),
            ],
        );
        let grows = self.backoff_max_ms >= self.backoff_min_ms;
        faults.require(grows, "amqp.backoff_max_ms", "must not be below amqp.backoff_min_ms");
    }
}
