//! Loudspeakers behind an MQTT broker: commands out, states and status back.
//!
//! - **Here:** the topics, the messages, the session with the broker, submit and withdraw.
//! - **Not here:** pacing, retries and failover (`dispatch`), what a state means (`engine`).
//! - **Depends on:** `model`, `config`, `backoff`, the traits of `gateway`.
//! - **Promises:** `Submitted` only when the broker acknowledged; whatever was handed to a connection that died
//!   before is `Unknown` and is not sent again by the next one; what speakers tell is acknowledged to the broker only
//!   after [`Upcalls::take`](super::Upcalls::take). `docs/GATEWAY-BROADCAST.md` is the contract.

mod gateway;
mod inbox;
mod link;
mod message;
mod session;
mod topics;

use super::{Door, Opened, channels_of};
use crate::config::{GatewaySection, authorities};
use rumqttc::Transport;
use rumqttc::v5::MqttOptions;
use std::time::Duration;

pub use gateway::MqttGateway;
pub use message::{SpeakerState, read_state, read_status};

/// What speakers told and nobody took yet, at most: the broker is asked not to send more.
const UNTAKEN_MAX: u16 = 200;

/// Opens a gateway of kind `mqtt` and begins to connect.
pub(super) fn open(section: &GatewaySection, door: &Door) -> Result<Opened, String> {
    let own = section.mqtt.clone().ok_or("[gateway.mqtt] is missing")?;
    let url = reqwest::Url::parse(&own.url).map_err(|e| format!("mqtt.url: {e}"))?;
    let tls = url.scheme() == "mqtts";
    let client_id = own.client_id.clone().unwrap_or_else(|| format!("jiaoying-{}", section.id));
    let host = url.host_str().ok_or("mqtt.url: names no host")?.trim_matches(['[', ']']).to_owned();
    let mut options = MqttOptions::new(client_id, host, url.port().unwrap_or(if tls { 8883 } else { 1883 }));
    options
        .set_clean_start(false)
        .set_session_expiry_interval(Some(own.session_expiry_s))
        .set_keep_alive(Duration::from_secs(own.keep_alive_s.into()))
        .set_connection_timeout(own.timeout_ms.div_ceil(1000).max(1))
        .set_receive_maximum(Some(UNTAKEN_MAX))
        .set_max_packet_size(Some(own.message_max_bytes))
        .set_manual_acks(true);
    if let Some(username) = &own.username {
        let password = own.password.as_ref().map(|p| p.reveal()).transpose();
        options.set_credentials(username, password.map_err(|e| format!("mqtt.password: {e}"))?.unwrap_or_default());
    }
    if tls {
        // The build has no default provider; an error means that one was installed before, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca = own.ca_file.as_deref().map(authorities).transpose().map_err(|e| format!("mqtt.ca_file: {e}"))?;
        options.set_transport(match ca {
            Some(pem) => Transport::tls(pem.into(), None, None),
            None => Transport::tls_with_default_config(),
        });
    }
    Ok(MqttGateway::start(section.id.as_str().into(), channels_of(section), section.batch_max, own, options, door)
        .into())
}
