//! Consuming one queue: every delivery to the desk, its receipt out, and only then the ack.

use super::AmqpConfig;
use super::letter::{Letter, arrived, letters, publish};
use super::session::{Broken, Duty, Session};
use super::status::{Part, Status};
use super::topology;
use crate::backoff::Backoff;
use crate::intake::{Desk, Posted, Receipt, Unavailable};
use crate::model::{Finding, Severity};
use futures::StreamExt;
use futures::future::join_all;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often a receipt is published before it is given up.
const TRIES: u32 = 5;

/// One queue and what is done with its documents.
pub(super) struct Lane {
    hand: Arc<Hand>,
    token: CancellationToken,
    /// What is in hand, also of sessions that are over: a post that has begun is never broken off.
    tasks: TaskTracker,
}

/// What the tasks of a lane share.
struct Hand {
    part: Part,
    config: Arc<AmqpConfig>,
    desk: Arc<dyn Desk>,
    status: Arc<Status>,
    closing: CancellationToken,
    /// Held by the one document that asks whether the store is back.
    again: Mutex<Backoff>,
}

/// What the desk said.
enum Said {
    Receipt(Receipt),
    /// It failed on this very document; the receipt is the door's.
    Panicked(Receipt),
}

// === impl Lane ===

impl Lane {
    pub(super) fn new(
        part: Part,
        config: Arc<AmqpConfig>,
        desk: Arc<dyn Desk>,
        status: Arc<Status>,
        seed: u64,
        token: CancellationToken,
    ) -> Self {
        let again = Mutex::new(Backoff::new(config.backoff_min_ms, config.backoff_max_ms, seed));
        let hand = Hand { part, config, desk, status, closing: token.clone(), again };
        Self { hand: Arc::new(hand), token, tasks: TaskTracker::new() }
    }
}

impl Duty for Lane {
    async fn run(&mut self, session: &Arc<Session>) -> Result<(), Broken> {
        let Hand { part, config, status, .. } = &*self.hand;
        let (queue, prefetch) = match part {
            Part::Urgent => (&config.urgent_queue, config.urgent_prefetch),
            Part::Normal | Part::Events => (&config.normal_queue, config.normal_prefetch),
        };
        topology::declare(&session.conn, config, *part).await?;
        let channel = session.conn.create_channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        // The broker makes a tag that is unique.
        let mut consumer = channel.basic_consume(queue.as_str().into(), "".into(), options, none).await?;
        status.set(*part, |p| p.consuming = true);
        tracing::info!(queue, generation = session.generation, "AMQP queue is consumed");
        loop {
            let next = tokio::select! {
                next = consumer.next() => next,
                () = self.token.cancelled() => break,
            };
            let delivery =
                next.ok_or_else(|| Broken::new(format!("the broker cancelled the consumer of {queue}")))??;
            let (hand, session, channel) = (self.hand.clone(), session.clone(), channel.clone());
            self.tasks.spawn(async move {
                let Err(Broken { reason, .. }) = hand.handle(&session, &channel, delivery).await else { return };
                if !session.over.is_cancelled() {
                    tracing::warn!(reason, generation = session.generation, "delivery not finished");
                    session.over.cancel();
                }
            });
        }
        self.tasks.close();
        let finish = async {
            let _ = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await;
            self.tasks.wait().await;
        };
        let _ = timeout(Duration::from_millis(config.drain_timeout_ms), finish).await;
        Ok(())
    }
}

// === impl Hand ===

impl Hand {
    async fn handle(&self, session: &Arc<Session>, channel: &Channel, delivery: Delivery) -> Result<(), Broken> {
        let max = self.config.body_max_bytes;
        let posted = Posted {
            door: "amqp",
            account: delivery.properties.user_id().as_ref().map(ToString::to_string),
            body: delivery.data[..delivery.data.len().min(max + 1)].to_vec(),
        };
        let Some(said) = self.post(&posted, session).await else { return Ok(()) };
        if session.over.is_cancelled() {
            // The channel that delivered is gone; the document comes again and is a duplicate then.
            return Ok(());
        }
        let (Said::Receipt(receipt) | Said::Panicked(receipt)) = &said;
        let out = letters(&self.config, &delivery, &posted, receipt);
        let confirmed = self.send(session, channel, out).await?;
        // The desk's answer is durable; what only the parking queue would hold is not given up.
        if confirmed || matches!(said, Said::Receipt(_)) {
            delivery.acker.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    }

    /// Posts until the desk takes it. `None` when the session or the door is over: the broker still
    /// has the document and delivers it again.
    async fn post(&self, posted: &Posted, session: &Session) -> Option<Said> {
        if let Ok(said) = self.try_post(posted).await {
            return Some(said);
        }
        let gone = async {
            tokio::select! { () = session.over.cancelled() => {}, () = self.closing.cancelled() => {} }
        };
        let until_taken = async {
            // One document asks at a time; the others wait here, and the broker at the prefetch.
            let mut backoff = self.again.lock().await;
            loop {
                tokio::time::sleep(backoff.pause()).await;
                match self.try_post(posted).await {
                    Ok(said) => {
                        backoff.reset();
                        self.status.set(self.part, |p| p.held = false);
                        return said;
                    }
                    Err(Unavailable(reason)) => {
                        self.status.set(self.part, |p| p.held = true);
                        self.status.error(self.part, &format!("held: {reason}"));
                        backoff.fail();
                    }
                }
            }
        };
        tokio::select! { said = until_taken => Some(said), () = gone => None }
    }

    /// In a task of its own, since a post that has begun must run to its end.
    async fn try_post(&self, posted: &Posted) -> Result<Said, Unavailable> {
        for _ in 0..2 {
            let (desk, posted) = (self.desk.clone(), posted.clone());
            match tokio::spawn(async move { desk.post(posted).await }).await {
                Ok(answer) => return answer.map(Said::Receipt),
                Err(e) => tracing::error!(error = %e, "the desk failed on a document"),
            }
        }
        Ok(Said::Panicked(fault(&self.config)))
    }

    /// Publishes and awaits the confirms; what was not confirmed is published again. `false` when some
    /// was given up: receipts do not hold up warnings for ever.
    async fn send(&self, session: &Arc<Session>, channel: &Channel, mut out: Vec<Letter>) -> Result<bool, Broken> {
        let limit = Duration::from_millis(self.config.confirm_timeout_ms);
        let mut tries = 0;
        while tries < TRIES {
            let mut confirms = Vec::new();
            for letter in &out {
                confirms.push(timeout(limit, publish(channel, letter).await?));
            }
            let mut left = Vec::new();
            for (letter, confirm) in out.into_iter().zip(join_all(confirms).await) {
                match confirm {
                    Ok(Ok(confirmation)) if arrived(&confirmation) => {}
                    Ok(Err(e)) => return Err(e.into()),
                    Ok(Ok(_)) | Err(_) => left.push(letter),
                }
            }
            if left.is_empty() {
                return Ok(true);
            }
            out = left;
            // While the broker does not read, trying counts for nothing.
            tries += u32::from(!self.status.is_blocked(self.part));
            topology::declare(&session.conn, &self.config, self.part).await?;
            tokio::time::sleep(Duration::from_millis(self.config.backoff_min_ms << tries)).await;
        }
        for letter in &out {
            tracing::error!(exchange = letter.exchange, key = letter.key, "the broker does not take this; given up");
        }
        Ok(false)
    }
}

/// The receipt of a document that the desk failed on.
fn fault(config: &AmqpConfig) -> Receipt {
    let reason = "an inner fault; the document is kept and the duty engineer is told".to_owned();
    Receipt {
        accepted: false,
        duplicate: false,
        identifier: None,
        warning: None,
        cover: Vec::new(),
        findings: vec![Finding { place: "document".into(), reason, severity: Severity::Fatal }],
        parked: Some(config.parking_queue.clone()),
    }
}
