//! The SMPP 3.4 gateway: short messages over one session with a message centre.
//!
//! - **Here:** the session (bind, window, enquire_link, reconnecting), submits and their parts, receipts, replies.
//! - **Not here:** pacing, retries and failover (`dispatch`), what a receipt or a reply means (`engine`).
//! - **Depends on:** `model`, `config`, `backoff`, the traits of `gateway`; the crate `rusmpp` for the PDUs alone.
//! - **Promises:** one fact per attempt, in order, in bounded time; `GatewayDown` only when nothing was sent;
//!   what was written and not answered is `Unknown`. A deliver_sm is confirmed only after
//!   [`Upcalls::take`](super::Upcalls::take) (of a reply in parts: its last part). Memory is bounded whatever the
//!   other side does. `docs/GATEWAY-SMPP.md` is for those who set it up.
//!
//! `link` keeps a `session`; `submit` asks on it; what comes of its own accord goes through `deliver`, which finds
//! the attempt in the `ledger`.

mod address;
mod deliver;
mod joiner;
mod ledger;
mod link;
mod pdu;
mod receipt;
mod session;
mod status;
mod submit;
mod text;

use super::{Door, Opened, channels_of};
use crate::config::{GatewaySection, SmppSection};

pub use pdu::{Answer, BadLength, Deliver, Frame, Incoming, cut};
pub use receipt::{ReceiptText, State};
pub use submit::{SmppConfig, SmppGateway};

/// Opens a gateway of kind `smpp`; it begins to connect.
pub(super) fn open(section: &GatewaySection, door: &Door) -> Result<Opened, String> {
    let settings = section.smpp.clone().ok_or("smpp is missing")?;
    let password = settings.password.reveal().map_err(|e| format!("smpp.password: {e}"))?;
    let config = SmppConfig {
        id: section.id.as_str().into(),
        channels: channels_of(section),
        window: section.window,
        batch_max: section.batch_max,
        password,
        settings,
        seed: door.seed_of(&section.id),
    };
    Ok(SmppGateway::new(config, door).map_err(|e| format!("smpp.{e}"))?.into())
}

/// The words of a message from a phone.
#[must_use]
pub fn words(deliver: &Deliver, settings: &SmppSection) -> String {
    text::read(deliver.coding, &deliver.octets, settings)
}
