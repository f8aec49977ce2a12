//! Submitting and withdrawing attempts.

use super::inbox::Inbox;
use super::link::{Link, Published, Sent};
use super::message::{cancel, play};
use super::session::Session;
use super::topics::Topics;
use crate::backoff::Backoff;
use crate::config::{MqttSection, OfflineSpeaker};
use crate::gateway::{Clock, Condition, Door, Gateway, Outgoing};
use crate::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Stage, Timestamp};
use futures::future::{BoxFuture, join_all};
use rumqttc::v5::MqttOptions;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Seconds for which a cancel of an attempt that is not remembered stays with the broker.
const CANCEL_EXPIRY_S: u32 = 3_600;

/// A gateway whose loudspeakers listen at an MQTT broker.
pub struct MqttGateway {
    id: GatewayId,
    channels: Vec<Channel>,
    batch_max: usize,
    section: MqttSection,
    topics: Arc<Topics>,
    link: Arc<Link>,
    clock: Clock,
}

/// How far a submit came before the broker's word.
enum Begun {
    Decided(Fact),
    Handed(oneshot::Receiver<Published>),
}

// === impl MqttGateway ===

impl MqttGateway {
    /// Begins to connect. Must be used inside a tokio runtime.
    pub(super) fn start(
        id: GatewayId,
        channels: Vec<Channel>,
        batch_max: usize,
        section: MqttSection,
        options: MqttOptions,
        door: &Door,
    ) -> Self {
        let (topics, link) = (Arc::new(Topics::new(&section)), Arc::new(Link::new()));
        let (upcalls, stop) = (door.upcalls.clone(), door.stop.clone());
        let inbox = Inbox::start(id.clone(), topics.clone(), link.clone(), upcalls, stop.clone());
        let backoff = Backoff::new(section.backoff_min_ms, section.backoff_max_ms, door.seed_of(id.as_str()));
        let session =
            Session { id: id.clone(), options, topics: topics.clone(), link: link.clone(), inbox, backoff, stop };
        tokio::spawn(session.run());
        Self { id, channels, batch_max, section, topics, link, clock: door.clock.clone() }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.section.timeout_ms)
    }

    fn begin(&self, attempt: &Outgoing) -> Begun {
        let now = (self.clock)();
        let failed = |failure, detail: &str| Begun::Decided(Fact::Failed { failure, detail: Some(detail.to_owned()) });
        if attempt.valid_until <= now {
            return Begun::Decided(Fact::Failed { failure: Failure::Expired, detail: None });
        }
        let Some(topic) = self.topics.command(&attempt.number) else {
            return failed(Failure::DeadNumber, "not an address of a speaker");
        };
        let payload = play(attempt, self.section.repeat);
        if payload.len() + topic.len() > self.section.message_max_bytes as usize {
            return failed(Failure::Refused, &format!("a command of {} bytes; message_max_bytes", payload.len()));
        }
        // Before the status: whether a speaker is there is not known without the broker.
        if !self.link.condition().0 {
            return failed(Failure::GatewayDown, &self.link.condition().1);
        }
        if self.section.offline == OfflineSpeaker::Fail && self.link.is_offline(&attempt.number) {
            return failed(Failure::Undelivered, "the speaker is offline");
        }
        let sent = Sent { speaker: attempt.number.clone(), valid_until: attempt.valid_until };
        // Before it is sent: a quick speaker answers before this returns.
        self.link.remember(&attempt.key, sent);
        match self.link.publish(topic, payload, seconds(now, attempt.valid_until)) {
            Ok(receiver) => Begun::Handed(receiver),
            Err(reason) => failed(Failure::GatewayDown, &reason),
        }
    }

    async fn end(&self, begun: Begun) -> Fact {
        let receiver = match begun {
            Begun::Decided(fact) => return fact,
            Begun::Handed(receiver) => receiver,
        };
        let failed = |failure, detail: &str| Fact::Failed { failure, detail: Some(detail.to_owned()) };
        match tokio::time::timeout(self.timeout(), receiver).await {
            Ok(Ok(Published::Taken)) => Fact::Reached { stage: Stage::Submitted, reference: None },
            Ok(Ok(Published::NobodyListens)) => failed(Failure::Undelivered, "no speaker listens on its topic"),
            Ok(Ok(Published::Refused(reason))) => failed(Failure::Refused, reason),
            Ok(Ok(Published::Lost) | Err(_)) | Err(_) => Fact::Unknown { resent: self.section.idempotent },
        }
    }
}

impl Gateway for MqttGateway {
    fn id(&self) -> &GatewayId {
        &self.id
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn is_idempotent(&self) -> bool {
        self.section.idempotent
    }

    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        Box::pin(async move {
            let begun: Vec<Begun> = attempts.iter().map(|a| self.begin(a)).collect();
            join_all(begun.into_iter().map(|b| self.end(b))).await
        })
    }

    /// Tells the speaker to stop; all speakers, when it is not remembered which.
    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let sent = self.link.sent(&key);
            let topic = sent.as_ref().and_then(|s| self.topics.command(&s.speaker));
            let expiry_s = sent.map_or(CANCEL_EXPIRY_S, |s| seconds((self.clock)(), s.valid_until));
            let topic = topic.unwrap_or_else(|| self.topics.all.clone());
            let problem = match self.link.publish(topic, cancel(&key), expiry_s) {
                Err(reason) => reason,
                Ok(receiver) => match tokio::time::timeout(self.timeout(), receiver).await {
                    Ok(Ok(Published::Taken | Published::NobodyListens)) => return,
                    other => format!("{other:?}"),
                },
            };
            tracing::warn!(gateway = %self.id, attempt = %key, error = problem, "not withdrawn");
        })
    }

    fn condition(&self) -> Condition {
        let (well, detail) = self.link.condition();
        Condition { well, detail }
    }

    /// Waits until the session stands.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let mut up = self.link.watch();
            // Either way the condition tells.
            let _ = tokio::time::timeout(self.timeout(), up.wait_for(|up| *up)).await;
            let (well, detail) = self.link.condition();
            if well { Ok(detail) } else { Err(detail) }
        })
    }
}

/// Whole seconds that are left, at least one: a broker reads zero as none.
fn seconds(now: Timestamp, until: Timestamp) -> u32 {
    u32::try_from((until.ms_since(now) / 1000).max(1)).unwrap_or(u32::MAX)
}
