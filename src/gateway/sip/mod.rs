//! The SIP gateway: the engine itself places the calls on a trunk, and speaks.
//!
//! - **Here:** the user agent, one call from INVITE to BYE, a call back, speech and its cache, the media and its pacer.
//! - **Not here:** SIP messages, transactions and dialogs (`rsipstack`); what a key means (`engine`).
//! - **Depends on:** `model`, `config`, the numbers of `directory`, the traits of `gateway`.
//! - **Promises:** nobody is called before all words are there as sound; a call that the trunk says nothing to is
//!   `GatewayDown`, and is ended should it come about yet; what was recorded is read back only when it is durable.
//!   `docs/GATEWAY-SIP.md` tells what every answer of the trunk means.

mod agent;
mod back;
mod cache;
mod call;
mod caller;
mod cause;
mod g711;
mod gateway;
mod incoming;
mod lateness;
mod leg;
mod media;
mod pacer;
mod prompt;
mod rtp;
mod sdp;
mod speech;
mod talk;
mod tell;
mod wav;

pub use g711::Law;
pub use gateway::SipGateway;
pub use lateness::Lateness;
pub use rtp::{Packet, Tones, digit_of_info};
pub use sdp::{Remote, SdpError, parse as parse_description};
pub use wav::{WavError, telephone};

use super::Door;
use crate::config::GatewaySection;

/// Opens a gateway of kind `sip`.
///
/// # Errors
/// A secret that cannot be read, no place for files, no thread.
pub fn open(section: &GatewaySection, door: &Door) -> Result<SipGateway, String> {
    SipGateway::open(section, door)
}
