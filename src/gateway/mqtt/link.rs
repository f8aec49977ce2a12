//! What the session and the gateway share: the connection as it stands, what is on its way, who is there.
//!
//! A client lives as long as its connection. What was handed to one that died is lost to the sender, and no later
//! connection sends it: it would come beside the attempt that was made in its place, or after its time.

use super::inbox::Ack;
use crate::model::{AttemptKey, Timestamp};
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{PubAckReason, PublishProperties};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// Speakers whose status is remembered; those of a province are a tenth of it.
const SPEAKERS_MAX: usize = 200_000;
/// Attempts of which is remembered to which speaker they went.
const SENT_MAX: usize = 50_000;

/// What became of a message that was handed to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// The broker has it.
    Taken,
    /// The broker has it, and nobody listens on its topic.
    NobodyListens,
    /// The broker refuses it, for this reason.
    Refused(&'static str),
    /// The connection died before the broker said anything.
    Lost,
}

/// Where an attempt went.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) speaker: String,
    pub(super) valid_until: Timestamp,
}

/// The connection, shared.
pub(super) struct Link {
    state: Mutex<State>,
    up: watch::Sender<bool>,
}

struct State {
    client: Option<AsyncClient>,
    /// Counts connections.
    epoch: u64,
    /// Whether the broker confirmed the subscriptions: what speakers tell comes in.
    listens: bool,
    detail: String,
    /// Handed to the client in this order, not on the wire yet.
    waiting: VecDeque<oneshot::Sender<Published>>,
    /// On the wire, by packet identifier.
    flying: HashMap<u16, oneshot::Sender<Published>>,
    speakers: HashMap<String, bool>,
    sent: HashMap<AttemptKey, Sent>,
    sent_order: VecDeque<AttemptKey>,
}

// === impl Link ===

impl Link {
    pub(super) fn new() -> Self {
        let state = State {
            client: None,
            epoch: 0,
            listens: false,
            detail: "connecting".into(),
            waiting: VecDeque::new(),
            flying: HashMap::new(),
            speakers: HashMap::new(),
            sent: HashMap::new(),
            sent_order: VecDeque::new(),
        };
        Self { state: Mutex::new(state), up: watch::Sender::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told when the connection comes up and goes down.
    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// Whether it takes messages, and how it stands.
    pub(super) fn condition(&self) -> (bool, String) {
        let state = self.state();
        if !state.listens {
            return (false, state.detail.clone());
        }
        let online = state.speakers.values().filter(|online| **online).count();
        let offline = state.speakers.len() - online;
        (true, format!("connected; {online} speakers online, {offline} offline by their last word"))
    }

    /// Hands a message to the connection. What comes back tells what became of it.
    ///
    /// # Errors
    /// Why nothing was handed over.
    pub(super) fn publish(
        &self,
        topic: String,
        payload: Vec<u8>,
        expiry_s: u32,
    ) -> Result<oneshot::Receiver<Published>, String> {
        let mut state = self.state();
        let Some(client) = state.client.as_ref().filter(|_| state.listens) else { return Err(state.detail.clone()) };
        let properties = PublishProperties {
            message_expiry_interval: Some(expiry_s),
            payload_format_indicator: Some(1),
            content_type: Some("application/json".into()),
            ..PublishProperties::default()
        };
        client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties)
            .map_err(|_| "too many messages wait for the broker".to_owned())?;
        let (sender, receiver) = oneshot::channel();
        state.waiting.push_back(sender);
        Ok(receiver)
    }

    /// A connection was made; it takes messages once it listens.
    pub(super) fn connected(&self, client: AsyncClient) -> u64 {
        let mut state = self.state();
        state.epoch += 1;
        state.client = Some(client);
        state.detail = "connected; the broker has not confirmed the subscriptions".into();
        state.epoch
    }

    /// The broker confirmed the subscriptions.
    pub(super) fn listens(&self) {
        self.state().listens = true;
        self.up.send_replace(true);
    }

    /// The connection died, or could not be made.
    pub(super) fn lost(&self, reason: String) {
        let mut state = self.state();
        state.client = None;
        state.listens = false;
        state.detail = reason;
        let flying = std::mem::take(&mut state.flying);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.up.send_replace(false);
        for sender in flying.into_values().chain(waiting) {
            // Whoever waited may have given up.
            let _ = sender.send(Published::Lost);
        }
    }

    /// The message that was handed over first is on the wire.
    pub(super) fn on_the_wire(&self, packet: u16) {
        let mut state = self.state();
        if let Some(sender) = state.waiting.pop_front() {
            state.flying.insert(packet, sender);
        }
    }

    /// The broker acknowledged a message.
    pub(super) fn acknowledged(&self, packet: u16, reason: PubAckReason) {
        let Some(sender) = self.state().flying.remove(&packet) else { return };
        let _ = sender.send(match reason {
            PubAckReason::Success => Published::Taken,
            PubAckReason::NoMatchingSubscribers => Published::NobodyListens,
            PubAckReason::NotAuthorized => Published::Refused("not authorized"),
            PubAckReason::QuotaExceeded => Published::Refused("quota exceeded"),
            PubAckReason::TopicNameInvalid => Published::Refused("topic name invalid"),
            PubAckReason::PayloadFormatInvalid => Published::Refused("payload format invalid"),
            _ => Published::Refused("refused by the broker"),
        });
    }

    /// Acknowledges to the broker what was taken, on the connection that it came on; a later one gets it again.
    pub(super) fn acknowledge(&self, ack: &Ack) {
        let state = self.state();
        if let Some(client) = state.client.as_ref().filter(|_| state.epoch == ack.epoch) {
            // When the queue is full the message comes again; taking it twice changes nothing.
            let _ = client.try_ack(&ack.publish);
        }
    }

    /// What a speaker says of itself. False when too many are known to keep one more.
    pub(super) fn status(&self, speaker: &str, online: Option<bool>) -> bool {
        let mut state = self.state();
        match online {
            None => drop(state.speakers.remove(speaker)),
            Some(_) if state.speakers.len() >= SPEAKERS_MAX && !state.speakers.contains_key(speaker) => return false,
            Some(online) => drop(state.speakers.insert(speaker.to_owned(), online)),
        }
        true
    }

    /// Whether a speaker's last word was that it is offline.
    pub(super) fn is_offline(&self, speaker: &str) -> bool {
        self.state().speakers.get(speaker) == Some(&false)
    }

    /// Remembers where an attempt goes.
    pub(super) fn remember(&self, key: &AttemptKey, sent: Sent) {
        let mut state = self.state();
        if state.sent.insert(key.clone(), sent).is_none() {
            state.sent_order.push_back(key.clone());
        }
        while state.sent_order.len() > SENT_MAX {
            if let Some(oldest) = state.sent_order.pop_front() {
                state.sent.remove(&oldest);
            }
        }
    }

    /// Where an attempt went; `None` when it was sent by an earlier run, or long ago.
    pub(super) fn sent(&self, key: &AttemptKey) -> Option<Sent> {
        self.state().sent.get(key).cloned()
    }
}
