//! The AMQP 0-9-1 door: warnings in, receipts and progress out.
//!
//! - **Here:** the supervised sessions, the topology, the two consumers, the publisher.
//! - **Not here:** what a document means (the [`Desk`]), which events are published (`runtime`).
//! - **Depends on:** `model`, `backoff`, the traits of `intake`.
//! - **Promises:** a delivery is acknowledged only after the desk's answer, and only on the channel that
//!   delivered it; urgent and normal share no connection, so that one never waits behind the other; a
//!   session that breaks in any way is built again, with growing pauses, for ever. `docs/AMQP.md` is
//!   the contract.

mod config;
mod consumer;
mod letter;
mod mend;
mod progress;
mod publisher;
mod session;
mod status;
mod topology;

use super::Desk;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::{AmqpConfig, AmqpUrl};
pub use progress::follow;
pub use publisher::{NotPublished, Progress, Publisher};
pub use status::DoorStatus;

use consumer::Lane;
use session::supervise;
use status::{Part, Status};

/// A running door. Dropping it does not stop it; the token does.
pub struct AmqpDoor {
    status: Arc<Status>,
    publisher: Publisher,
    tasks: TaskTracker,
}

/// Opens the door: connects, and keeps connecting until `token` is cancelled. `seed` feeds the jitter
/// of the pauses between tries; replicas need different ones.
pub fn spawn(config: AmqpConfig, desk: Arc<dyn Desk>, seed: u64, token: CancellationToken) -> AmqpDoor {
    // The build has no default provider; an error means that one was installed before, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Arc::new(config);
    let status = Arc::new(Status::default());
    let tasks = TaskTracker::new();
    for (part, seed) in [(Part::Urgent, seed), (Part::Normal, seed.wrapping_add(1))] {
        let lane = Lane::new(part, config.clone(), desk.clone(), status.clone(), seed, token.clone());
        tasks.spawn(supervise(part, config.clone(), status.clone(), seed, token.clone(), lane));
    }
    let (publisher, pump) = publisher::channel(config.clone(), token.clone());
    tasks.spawn(supervise(Part::Events, config, status.clone(), seed.wrapping_add(2), token, pump));
    tasks.close();
    AmqpDoor { status, publisher, tasks }
}

// === impl AmqpDoor ===

impl AmqpDoor {
    /// How the door stands, for readiness.
    #[must_use]
    pub fn status(&self) -> DoorStatus {
        self.status.get()
    }

    /// Tells how the door stands, whenever it is asked; outlives the door.
    pub fn watch(&self) -> impl Fn() -> DoorStatus + Send + Sync + use<> {
        let status = self.status.clone();
        move || status.get()
    }

    /// Publishes progress through this door.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Done when the door is closed: the token was cancelled, what was in hand is finished or given
    /// back to the broker. Takes at most `drain_timeout_ms` and a little.
    pub async fn closed(&self) {
        self.tasks.wait().await;
    }
}
