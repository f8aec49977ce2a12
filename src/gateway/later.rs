//! Upcalls of gateways that are opened before whoever takes them.

use super::{NotTaken, OpenCall, ReadBack, Upcall, Upcalls};
use crate::model::GatewayId;
use futures::future::{BoxFuture, FutureExt, ready};
use std::sync::{Arc, OnceLock};

/// Passes upcalls on as soon as it is told to whom; until then they are not taken, and gateways try again.
#[derive(Default)]
pub struct LateUpcalls(OnceLock<Arc<dyn Upcalls>>);

impl LateUpcalls {
    /// Upcalls go there from now on; what was told first holds.
    pub fn lead_to(&self, upcalls: Arc<dyn Upcalls>) {
        // A second one would take what the first one is owed.
        let _ = self.0.set(upcalls);
    }
}

impl Upcalls for LateUpcalls {
    fn take(&self, gateway: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        match self.0.get() {
            Some(there) => there.take(gateway, upcalls),
            None => ready(Err(starting())).boxed(),
        }
    }

    fn open_for(&self, gateway: GatewayId, number: String) -> BoxFuture<'_, Result<Vec<OpenCall>, NotTaken>> {
        match self.0.get() {
            Some(there) => there.open_for(gateway, number),
            None => ready(Err(starting())).boxed(),
        }
    }
}

fn starting() -> NotTaken {
    NotTaken("the engine is starting".into())
}
