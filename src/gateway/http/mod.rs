//! The generic HTTP gateway: signed JSON out, signed callbacks in.
//!
//! - **Here:** its configuration, the signature, submit and withdraw, the callback routes.
//! - **Not here:** pacing, retries and failover (`dispatch`), what a callback means (`engine`).
//! - **Depends on:** `model`, the traits of `gateway`.
//! - **Promises:** one fact per attempt, in order, within the configured time; `GatewayDown` only when
//!   nothing was taken; whatever could have been taken and was not answered is `Unknown`. Callbacks
//!   are confirmed only after [`Upcalls::take`](super::Upcalls::take). `docs/GATEWAY-HTTP.md` is the contract.

mod answer;
mod callbacks;
mod config;
mod event;
mod signature;
mod submit;

use super::{Door, Opened, channels_of};
use crate::config::{GatewaySection, authorities};
use std::sync::Arc;

pub use super::Clock;
pub use callbacks::{CallbackLimits, callbacks};
pub use config::{HttpGatewayConfig, Secret};
pub use signature::{SIGNATURE, SignatureError, TIMESTAMP, sign, verify};
pub use submit::{HttpGateway, HttpGatewayError};

/// Opens a gateway of kind `http` with its callback route.
pub(super) fn open(section: &GatewaySection, door: &Door) -> Result<Opened, String> {
    let ca_pem = section.ca_file.as_deref().map(authorities).transpose().map_err(|e| format!("ca_file: {e}"))?;
    let secret = section.secret.as_ref().ok_or("secret is missing")?;
    let config = HttpGatewayConfig {
        id: section.id.as_str().into(),
        url: section.url.clone().ok_or("url is missing")?,
        ca_pem,
        secret: secret.reveal().map_err(|e| format!("secret: {e}"))?.as_str().into(),
        channels: channels_of(section),
        batch_max: section.batch_max,
        timeout_ms: section.timeout_ms(),
        idempotent: section.is_idempotent(),
        callback_clock_skew_s: u32::try_from(section.callback_skew_s()).unwrap_or(u32::MAX),
        connect_timeout_ms: (section.timeout_ms() / 2).min(3_000),
        answer_max_bytes: 1 << 20,
    };
    let callbacks = callbacks(&config, door.upcalls.clone(), door.clock.clone(), CallbackLimits::default());
    let gateway = HttpGateway::new(config, door.clock.clone()).map_err(|e| e.faults)?;
    Ok(Opened { gateway: Arc::new(gateway), callbacks })
}
