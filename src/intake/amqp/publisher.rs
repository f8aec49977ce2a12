//! Publishing progress: a window of events that wait for the broker's confirm, kept across sessions.

use super::AmqpConfig;
use super::letter::{Letter, arrived, cut, persistent, publish};
use super::session::{Broken, Duty, Session};
use super::status::Part;
use super::topology;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Confirmation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// One event of progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Routing key on the events exchange, at most 255 bytes.
    pub routing_key: String,
    /// What it answers, as the poster named it.
    pub correlation_id: Option<String>,
    /// Stream and sequence; the message id, by which receivers tell repeats.
    pub id: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// Why an event is not known to be published. It may have been; publish it again under the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPublished {
    /// No confirm came in time.
    #[error("the broker did not confirm in time")]
    Timeout,
    /// The broker said no: a queue is full or without quorum.
    #[error("the broker refused the event")]
    Refused,
    /// The door is closed.
    #[error("the door is closed")]
    Closed,
}

/// Publishes progress; clones share one window.
#[derive(Clone)]
pub struct Publisher {
    jobs: mpsc::Sender<Job>,
    config: Arc<AmqpConfig>,
}

struct Job {
    letter: Letter,
    done: oneshot::Sender<Result<(), NotPublished>>,
}

/// The other end of [`Publisher`].
pub(super) struct Pump {
    config: Arc<AmqpConfig>,
    token: CancellationToken,
    jobs: mpsc::Receiver<Job>,
    /// Not confirmed yet, in order; published again by the next session.
    pending: BTreeMap<u64, Job>,
    next: u64,
}

pub(super) fn channel(config: Arc<AmqpConfig>, token: CancellationToken) -> (Publisher, Pump) {
    let (sender, jobs) = mpsc::channel(config.publish_window);
    let publisher = Publisher { jobs: sender, config: config.clone() };
    (publisher, Pump { config, token, jobs, pending: BTreeMap::new(), next: 0 })
}

// === impl Publisher ===

impl Publisher {
    /// Publishes one event, persistent; done when the broker has confirmed it. Waits for a place in
    /// the window and for a connection, up to `publish_timeout_ms`.
    ///
    /// # Errors
    /// Why it is not known to be published.
    pub async fn publish(&self, progress: Progress) -> Result<(), NotPublished> {
        let (done, confirmed) = oneshot::channel();
        let job = Job { letter: self.letter(progress), done };
        let published = async {
            self.jobs.send(job).await.map_err(|_| NotPublished::Closed)?;
            confirmed.await.unwrap_or(Err(NotPublished::Closed))
        };
        let limit = Duration::from_millis(self.config.publish_timeout_ms);
        timeout(limit, published).await.unwrap_or(Err(NotPublished::Timeout))
    }

    fn letter(&self, progress: Progress) -> Letter {
        let mut properties = persistent("application/json").with_message_id(cut(&progress.id, 255).into());
        if let Some(id) = &progress.correlation_id {
            properties = properties.with_correlation_id(cut(id, 255).into());
        }
        let key = cut(&progress.routing_key, 255).to_owned();
        let exchange = self.config.events_exchange.clone();
        Letter { exchange, key, mandatory: false, properties, body: progress.body }
    }
}

// === impl Pump ===

impl Duty for Pump {
    async fn run(&mut self, session: &Arc<Session>) -> Result<(), Broken> {
        topology::declare(&session.conn, &self.config, Part::Events).await?;
        let channel = session.conn.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut confirms = FuturesUnordered::new();
        // Nobody waits any more for what was given up.
        self.pending.retain(|_, job| !job.done.is_closed());
        for (&n, job) in &self.pending {
            confirms.push(send(&channel, n, &job.letter).await?);
        }
        let token = self.token.clone();
        let drain = Duration::from_millis(self.config.drain_timeout_ms);
        let mut drained = std::pin::pin!(async { (token.cancelled().await, sleep(drain).await) });
        let mut ended = false;
        while !(ended && self.pending.is_empty()) {
            let room = self.pending.len() < self.config.publish_window;
            tokio::select! {
                Some((n, confirmation)) = confirms.next(), if !confirms.is_empty() => self.settle(n, &confirmation?),
                job = self.jobs.recv(), if room && !ended => match job {
                    Some(job) if job.done.is_closed() => {}
                    Some(job) => {
                        self.next += 1;
                        let job = self.pending.entry(self.next).or_insert(job);
                        confirms.push(send(&channel, self.next, &job.letter).await?);
                    }
                    None => ended = true,
                },
                () = self.token.cancelled(), if !self.jobs.is_closed() => self.jobs.close(),
                _ = &mut drained => break,
            }
        }
        Ok(())
    }
}

impl Pump {
    fn settle(&mut self, n: u64, confirmation: &Confirmation) {
        if let Some(job) = self.pending.remove(&n) {
            let result = if arrived(confirmation) { Ok(()) } else { Err(NotPublished::Refused) };
            // Nobody waits any more: it took too long.
            let _ = job.done.send(result);
        }
    }
}

async fn send(
    channel: &Channel,
    n: u64,
    letter: &Letter,
) -> Result<impl Future<Output = (u64, lapin::Result<Confirmation>)> + use<>, Broken> {
    let confirm = publish(channel, letter).await?;
    Ok(async move { (n, confirm.await) })
}
