//! What speakers tell, from the session to whoever takes it. The broker has each message until it was taken.

use super::link::Link;
use super::message::{read_state, read_status};
use super::topics::{Heard, Topics};
use crate::gateway::{Upcall, Upcalls};
use crate::model::GatewayId;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Publish;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Upcalls taken at once.
const BATCH_MAX: usize = 200;
/// Messages in memory: what the broker may send without an acknowledgement, some connections over.
const QUEUE_MAX: usize = 2_000;
/// Places kept free for messages that the broker would send again: a flood of the other kind cannot fill them.
const RESERVED: usize = 1_000;
/// The pause before what was not taken is offered again grows up to this.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// One line a minute about what cannot be used.
const NOISE_PERIOD: Duration = Duration::from_secs(60);

/// What is acknowledged once it was taken.
pub(super) struct Ack {
    /// The connection it came on.
    pub(super) epoch: u64,
    pub(super) publish: Publish,
}

struct Item {
    /// `None` when there is nothing to take.
    upcall: Option<Upcall>,
    ack: Option<Ack>,
}

/// Reads what comes in.
pub(super) struct Inbox {
    id: GatewayId,
    topics: Arc<Topics>,
    link: Arc<Link>,
    queue: mpsc::Sender<Item>,
    noise: Noise,
}

/// Counts what cannot be used, and says so now and then.
struct Noise {
    said_at: Option<Instant>,
    since: u64,
}

// === impl Inbox ===

impl Inbox {
    /// With the task that hands on what comes in, until `stop`.
    pub(super) fn start(
        id: GatewayId,
        topics: Arc<Topics>,
        link: Arc<Link>,
        upcalls: Arc<dyn Upcalls>,
        stop: CancellationToken,
    ) -> Self {
        let (queue, taken) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(take_all(id.clone(), link.clone(), upcalls, taken, stop));
        Self { id, topics, link, queue, noise: Noise { said_at: None, since: 0 } }
    }

    /// Takes in a message of a connection.
    pub(super) fn receive(&mut self, epoch: u64, publish: Publish) {
        let upcall = match self.read(&publish) {
            Ok(upcall) => upcall,
            Err(fault) => {
                self.noise.count(&self.id, &fault);
                None
            }
        };
        let confirmed = publish.qos != QoS::AtMostOnce;
        let room = self.queue.capacity() > if confirmed { 0 } else { RESERVED };
        let item = Item { upcall, ack: confirmed.then_some(Ack { epoch, publish }) };
        if (item.upcall.is_some() || item.ack.is_some()) && (!room || self.queue.try_send(item).is_err()) {
            // Not acknowledged: the broker keeps it for the next connection.
            self.noise.count(&self.id, "more messages than can be kept; the rest was left");
        }
    }

    /// The upcall of a message, when it has one.
    fn read(&self, publish: &Publish) -> Result<Option<Upcall>, String> {
        let topic = std::str::from_utf8(&publish.topic).map_err(|_| "a topic that is no text")?;
        match self.topics.heard(topic).ok_or("a topic that was not asked for")? {
            Heard::Status(speaker) => match (read_status(&publish.payload), publish.payload.is_empty()) {
                (None, false) => Err("a status that is neither online nor offline".into()),
                (status, _) if self.link.status(speaker, status) => Ok(None),
                _ => Err("more speakers than can be remembered".into()),
            },
            Heard::State(speaker) => {
                let state = read_state(&publish.payload).map_err(|e| format!("a state: {e}"))?;
                if self.link.sent(&state.key).is_some_and(|sent| sent.speaker != speaker) {
                    return Err("a speaker told something of an attempt that went to another".into());
                }
                Ok(Some(Upcall::Report { key: state.key, fact: state.fact, reported_at: state.at }))
            }
        }
    }
}

/// Hands on what came in, in order, and acknowledges it; what is not taken is offered again.
async fn take_all(
    id: GatewayId,
    link: Arc<Link>,
    upcalls: Arc<dyn Upcalls>,
    mut queue: mpsc::Receiver<Item>,
    stop: CancellationToken,
) {
    let mut items = Vec::new();
    while stop.run_until_cancelled(queue.recv_many(&mut items, BATCH_MAX)).await.is_some_and(|n| n > 0) {
        let told: Vec<Upcall> = items.iter().filter_map(|i| i.upcall.clone()).collect();
        let mut pause = Duration::from_millis(100);
        while !told.is_empty() {
            let Err(not_taken) = upcalls.take(id.clone(), told.clone()).await else { break };
            tracing::warn!(gateway = %id, reason = %not_taken, upcalls = told.len(), "not taken; offered again");
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        items.drain(..).filter_map(|i| i.ack).for_each(|ack| link.acknowledge(&ack));
    }
}

// === impl Noise ===

impl Noise {
    fn count(&mut self, id: &GatewayId, fault: &str) {
        self.since += 1;
        if self.said_at.is_none_or(|at| at.elapsed() >= NOISE_PERIOD) {
            tracing::warn!(gateway = %id, messages = self.since, last = fault, "messages that cannot be used");
            (self.said_at, self.since) = (Some(Instant::now()), 0);
        }
    }
}
