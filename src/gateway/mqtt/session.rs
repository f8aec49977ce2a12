//! The session with the broker: connects, listens, keeps count of what is acknowledged, connects again.

use super::inbox::Inbox;
use super::link::Link;
use super::topics::Topics;
use crate::backoff::Backoff;
use crate::gateway::scrub::scrub;
use crate::model::GatewayId;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Messages handed to a connection and not on the wire yet; more are refused.
const HANDED_MAX: usize = 4_096;

/// A session and what it needs.
pub(super) struct Session {
    pub(super) id: GatewayId,
    pub(super) options: MqttOptions,
    pub(super) topics: Arc<Topics>,
    pub(super) link: Arc<Link>,
    pub(super) inbox: Inbox,
    pub(super) backoff: Backoff,
    pub(super) stop: CancellationToken,
}

// === impl Session ===

impl Session {
    /// Runs until it is stopped.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let mut said = String::new();
        loop {
            let mut listened = false;
            let Some(reason) = stop.run_until_cancelled(self.connection(&mut listened)).await else { break };
            if listened {
                self.backoff.reset();
            }
            // Once for each reason, not once for each of a night's attempts.
            if listened || said != reason {
                tracing::warn!(gateway = %self.id, reason, "no connection to the broker");
                said.clone_from(&reason);
            }
            self.link.lost(reason);
            if stop.run_until_cancelled(tokio::time::sleep(self.backoff.fail())).await.is_none() {
                break;
            }
        }
        self.link.lost("stopped".into());
    }

    /// One connection from its begin to its end; why it ended.
    async fn connection(&mut self, listened: &mut bool) -> String {
        let (client, mut events) = AsyncClient::new(self.options.clone(), HANDED_MAX);
        let mut epoch = 0;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let filters = self.topics.filters().map(|path| Filter::new(path, QoS::AtLeastOnce));
                    if client.try_subscribe_many(filters).is_err() {
                        return "the subscriptions cannot be sent".into();
                    }
                    epoch = self.link.connected(client.clone());
                }
                Ok(Event::Incoming(Packet::SubAck(ack))) => {
                    let granted = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                    if !ack.return_codes.iter().all(granted) {
                        return format!("the broker refuses the subscriptions: {:?}", ack.return_codes);
                    }
                    tracing::info!(gateway = %self.id, "connected to the broker");
                    *listened = true;
                    self.link.listens();
                }
                Ok(Event::Outgoing(Outgoing::Publish(packet))) => self.link.on_the_wire(packet),
                Ok(Event::Incoming(Packet::PubAck(ack))) => self.link.acknowledged(ack.pkid, ack.reason),
                Ok(Event::Incoming(Packet::Publish(publish))) => self.inbox.receive(epoch, publish),
                Ok(_) => {}
                // Without addresses and numbers.
                Err(e) => return scrub(&e.to_string()),
            }
        }
    }
}
