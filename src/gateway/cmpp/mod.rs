//! The CMPP gateway: China Mobile's protocol for short messages, 3.0 or 2.0, over one long connection.
//!
//! - **Here:** the codec, texts as parts, the session with its window and its tests of the line, which attempt a
//!   report is about, what codes mean.
//! - **Not here:** pacing, retries and failover (`dispatch`), what a report or a reply means (`engine`).
//! - **Depends on:** `model`, `config`, `backoff`, the traits of `gateway`.
//! - **Promises:** one fact per attempt, in order, within about twice the time for an answer; `GatewayDown` only for
//!   what never left; whatever left and was not answered is `Unknown`, and is not sent a second time here. A DELIVER
//!   is answered only after [`Upcalls::take`](super::Upcalls::take). `docs/GATEWAY-CMPP.md` tells the rest.

pub mod codec;
mod incoming;
mod link;
mod outcome;
mod pieces;
mod receipts;
mod session;
mod submit;
mod text;

use super::{Door, Opened, channels_of};
use crate::config::GatewaySection;

pub use submit::CmppGateway;

/// Opens a gateway of kind `cmpp`; it begins to connect.
pub(super) fn open(section: &GatewaySection, door: &Door) -> Result<Opened, String> {
    let config = section.cmpp.clone().ok_or("[gateway.cmpp] is missing")?;
    let secret = config.secret.reveal().map_err(|e| format!("cmpp.secret: {e}"))?;
    let id = section.id.as_str().into();
    Ok(CmppGateway::new(id, channels_of(section), section.batch_max, config, secret, door.clone()).into())
}
