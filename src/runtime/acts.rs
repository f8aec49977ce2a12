//! What pages ask of the engine, wherever it runs.

use super::book::CallKey;
use super::locks::LockAct;
use super::upcalls::{Deed, Kept, Vouched};
use crate::gateway::NotTaken;
use crate::journal::JournalError;
use crate::model::{GatewayId, MessageAt, Order, Timestamp};
use futures::future::{BoxFuture, FutureExt, ready};
use serde::Serialize;

/// The acts of people on pages. Done means durable.
pub trait Acts: Send + Sync {
    /// The call a one-time link belongs to.
    fn link(&self, token: String) -> BoxFuture<'_, Option<CallKey>>;

    /// Somebody answered or reported on the page of a one-time link. `None` when there is no such link.
    fn answer_link(&self, token: String, deed: Deed) -> BoxFuture<'_, Result<Option<Kept>, NotTaken>>;

    /// An operator recorded what somebody said or did.
    fn vouch(&self, vouched: Vouched) -> BoxFuture<'_, Result<Kept, NotTaken>>;

    /// An operator takes a gateway out of use, or into it again. False when there is no such gateway.
    fn lock_gateway(&self, gateway: GatewayId, act: LockAct) -> BoxFuture<'_, Result<bool, NotTaken>> {
        drop((gateway, act));
        ready(Ok(false)).boxed()
    }

    /// How the engine, its journal and its gateways are.
    fn health(&self) -> Health;

    /// The engine's time: the host's clock, or a virtual one.
    fn now(&self) -> Timestamp;
}

/// Makes the orders of messages that the inbox names.
pub trait Orders: Send + Sync {
    /// The order that a message is to a command region; `None` when it asks nothing of its callout.
    fn order(&self, at: MessageAt) -> BoxFuture<'_, Result<Option<Order>, JournalError>>;
}

/// How an installation is. Ready when every vital part is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Each part, whether it is well, and what is wrong when it is not.
    pub parts: Vec<HealthPart>,
}

/// One part of an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthPart {
    /// `journal`, `lease`, `amqp`, `gateway/<id>`, `clock`, `timelines`.
    pub name: String,
    /// Whether it is well.
    pub well: bool,
    /// Whether the installation is of no use without it. A gateway that is down is told, and is no reason to send
    /// anybody elsewhere: it is down from there as well.
    #[serde(skip)]
    pub vital: bool,
    /// What is wrong, or how it is.
    pub detail: String,
}

// === impl Health ===

impl Health {
    /// Whether every vital part is well.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|p| p.well || !p.vital)
    }
}
