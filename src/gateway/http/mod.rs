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

use crate::model::Timestamp;
use std::sync::Arc;

pub use callbacks::{CallbackLimits, callbacks};
pub use config::{HttpGatewayConfig, Secret};
pub use signature::{SIGNATURE, SignatureError, TIMESTAMP, sign, verify};
pub use submit::{HttpGateway, HttpGatewayError};

/// Tells the time; given by the runtime, so that tests can set it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Text of a gateway as it may stand in a timeline: at most 200 characters, and runs of five or more
/// digits masked, because gateways like to repeat the phone number in their error texts.
fn scrub(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    let flush = |digits: &mut String, out: &mut String| {
        out.push_str(if digits.len() < 5 { digits } else { "***" });
        digits.clear();
    };
    for c in text.chars().take(200) {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            flush(&mut digits, &mut out);
            out.push(if c.is_control() { ' ' } else { c });
        }
    }
    flush(&mut digits, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    fn masks_numbers_and_keeps_codes() {
        assert_eq!(scrub("1042: number +8613800138000 unknown"), "1042: number +*** unknown");
        assert_eq!(scrub(&"长".repeat(300)).chars().count(), 200);
    }
}
