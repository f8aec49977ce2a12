//! Emergency broadcast platforms: packages (EBD) by HTTP, both ways, as GD/J 082 has them.
//!
//! - **Here:** the package and its documents, the signature, the ledger of messages, submit and cancel, heartbeats,
//!   questions about what plays, the route that the platform posts to.
//! - **Not here:** pacing, retries and failover (`dispatch`), what a state means for ground (`engine`).
//! - **Depends on:** `model`, `config`, the traits of `gateway`.
//! - **Promises:** no message identifier is given twice on one host, also over restarts; one fact per attempt, in
//!   order, within the configured time; what could have been taken and was not answered is `Unknown`, and is asked
//!   about; a state is confirmed to the platform only after [`Upcalls::take`](super::Upcalls::take).
//!
//! The standard's text was not at hand: `docs/GATEWAY-BROADCAST.md` says what is known how well.

mod callbacks;
mod document;
mod facts;
mod gateway;
mod ledger;
mod package;
mod platform;
mod sign;
mod watch;
mod xml;

use super::{Door, Opened, channels_of, wire};
use crate::config::{EbdSection, EbdSignature, GATEWAY_SECRET_MIN, GatewaySection, Secret, authorities};
use platform::{Heard, Platform};
use sign::{HmacSha256, NoSignature, Signer};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

pub use gateway::EbdGateway;

/// Opens a gateway of kind `ebd` with the route that the platform posts to; begins heartbeats and questions.
pub(super) fn open(section: &GatewaySection, door: &Door) -> Result<Opened, String> {
    let own = section.ebd.clone().ok_or("[gateway.ebd] is missing")?;
    let signer: Box<dyn Signer> = match own.signature {
        EbdSignature::None => Box::new(NoSignature),
        EbdSignature::HmacSha256 => {
            let secret = reveal("ebd.secret", own.secret.as_ref())?.ok_or("ebd.secret is missing")?;
            Box::new(HmacSha256(secret.into_bytes()))
        }
    };
    let token = reveal("ebd.token", own.token.as_ref())?;
    let plain = |token: &String| token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if token.as_ref().is_some_and(|token| !plain(token)) {
        return Err("ebd.token: wants letters, digits, - and _".into());
    }
    let now = (door.clock)();
    let platform = Arc::new(Platform {
        id: section.id.as_str().into(),
        channels: channels_of(section),
        batch_max: section.batch_max,
        client: client(&own)?,
        signer,
        ledger: ledger::Ledger::open(&own.state_file, &own.source, own.sequence, now)
            .map_err(|e| format!("ebd.state_file: {e}"))?,
        upcalls: door.upcalls.clone(),
        clock: door.clock.clone(),
        last_package: AtomicI64::new(0),
        awaited: Default::default(),
        heard: Heard::new(now),
        section: own,
    });
    watch::start(&platform, &door.stop);
    let callbacks = callbacks::callbacks(platform.clone(), token);
    Ok(Opened { gateway: Arc::new(EbdGateway(platform)), callbacks })
}

/// What is read of any bytes that are posted: the package, its document, and what they say. Nothing is kept; for
/// tests that look for bytes that break it.
pub fn read_any(content_type: &str, body: &[u8]) -> Result<String, String> {
    let package = package::unpack(package::file_of(content_type, body)?)?;
    NoSignature.check(package.data.as_bytes(), package.signature.as_deref())?;
    Ok(format!("{:?}", document::receive(&package.data)?))
}

/// A package of a document, unsigned; for tests.
#[must_use]
pub fn pack_any(data: &str) -> Vec<u8> {
    package::pack("10", data, &NoSignature, crate::model::Timestamp(0))
}

fn reveal(key: &str, secret: Option<&Secret>) -> Result<Option<String>, String> {
    let Some(secret) = secret else { return Ok(None) };
    let value = secret.reveal().map_err(|e| format!("{key}: {e}"))?;
    if value.len() < GATEWAY_SECRET_MIN {
        return Err(format!("{key}: wants at least {GATEWAY_SECRET_MIN} bytes"));
    }
    Ok(Some(value))
}

fn client(section: &EbdSection) -> Result<reqwest::Client, String> {
    let pem = section.ca_file.as_deref().map(authorities).transpose().map_err(|e| format!("ebd.ca_file: {e}"))?;
    let connect_ms = (section.timeout_ms / 2).min(3_000);
    wire::client(pem.as_deref(), section.timeout_ms, connect_ms).map_err(|e| format!("ebd.ca_file: {e}"))
}
