//! Gateways from their sections: the one place that knows every protocol.

use super::Gateway;
use super::Upcalls;
use super::simulator::{People, SimulatedGateway};
use super::{cmpp, ebd, http, mqtt, sip, smpp, vendor};
use crate::config::{GatewayKind, GatewaySection};
use crate::model::{Channel, Digest, Timestamp};
use crate::telemetry::Metrics;
use axum::Router;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Tells the time; given by the runtime, so that tests can set it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a gateway is given beside its section.
#[derive(Clone)]
pub struct Door {
    /// Takes what the gateway tells.
    pub upcalls: Arc<dyn Upcalls>,
    /// Tells the time.
    pub clock: Clock,
    /// Takes the figures of media.
    pub metrics: Metrics,
    /// Sessions end when this is cancelled.
    pub stop: CancellationToken,
    /// From entropy; feeds the jitter of pauses, so that replicas do not come back in one moment.
    pub seed: u64,
}

/// A gateway that is open.
pub struct Opened {
    /// The gateway.
    pub gateway: Arc<dyn Gateway>,
    /// The routes that its other side calls, on the public listener: all below `/callbacks/<id>`.
    pub callbacks: Router,
}

/// Why a gateway cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("gateway {id}: {reason}")]
pub struct OpenError {
    /// Its name.
    pub id: String,
    /// Why, naming the key; no secret.
    pub reason: String,
}

/// Opens a gateway. What speaks a protocol with sessions begins to connect; that the other side is down is no
/// error here. Must be used inside a tokio runtime.
///
/// # Errors
/// What cannot work at all: a secret or a file that cannot be read, a key that is missing.
pub fn open(section: &GatewaySection, door: &Door) -> Result<Opened, OpenError> {
    let opened = match section.kind {
        GatewayKind::Simulator => {
            let (id, channels) = (section.id.as_str().into(), channels_of(section));
            Ok(SimulatedGateway::new(id, channels, People::new(1), door.upcalls.clone()).into())
        }
        GatewayKind::Http => http::open(section, door),
        GatewayKind::Cmpp => cmpp::open(section, door),
        GatewayKind::Smpp => smpp::open(section, door),
        GatewayKind::Vendor => vendor::open(section, door),
        GatewayKind::Ebd => ebd::open(section, door),
        GatewayKind::Mqtt => mqtt::open(section, door),
        GatewayKind::Sip => sip::open(section, door).map(Opened::from),
    };
    opened.map_err(|reason: String| OpenError { id: section.id.clone(), reason })
}

/// The channels that a section names.
#[must_use]
pub fn channels_of(section: &GatewaySection) -> Vec<Channel> {
    section.channels.iter().filter_map(|c| Channel::ALL.into_iter().find(|x| x.name() == c.name())).collect()
}

// === impl Door ===

impl Door {
    /// A seed for one gateway, by its name.
    pub(super) fn seed_of(&self, id: &str) -> u64 {
        let digest = Digest::of_parts(&[&self.seed.to_be_bytes(), id.as_bytes()]);
        digest.0.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
    }
}

// === impl Opened ===

impl<G: Gateway + 'static> From<G> for Opened {
    /// A gateway that nobody calls back.
    fn from(gateway: G) -> Self {
        Self { gateway: Arc::new(gateway), callbacks: Router::new() }
    }
}
