//! Progress: what is committed goes out on the events exchange, at least once, in order per callout.
//!
//! A follower behind the log: it remembers per callout which event it wants next, and goes on from
//! there after a restart. Readers tell repeats by the message id (`<callout>/<sequence>`).

use super::{Progress, Publisher};
use crate::journal::Journal;
use crate::model::{Callout, CalloutId, Entry};
use crate::runtime::Gallery;
use crate::telemetry::Metrics;
use futures::future::join_all;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// The follower's name in the journal and in metrics.
const FOLLOWER: &str = "amqp_events";
/// Records read at once when the follower is behind.
const RECORDS_MAX: usize = 16;
/// How often the places are remembered.
const REMEMBER: Duration = Duration::from_secs(1);
/// How long to wait before broker or journal are tried again.
const RETRY: Duration = Duration::from_millis(500);

struct Follower {
    gallery: Arc<Gallery>,
    journal: Arc<dyn Journal>,
    publisher: Publisher,
    next: BTreeMap<CalloutId, u64>,
    changed: BTreeSet<CalloutId>,
    remembered: Instant,
}

/// Publishes committed events until `stop`.
pub async fn follow(
    gallery: Arc<Gallery>,
    journal: Arc<dyn Journal>,
    publisher: Publisher,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let mut feed = gallery.subscribe();
    let mut follower = Follower {
        gallery,
        journal,
        publisher,
        next: BTreeMap::new(),
        changed: BTreeSet::new(),
        remembered: Instant::now(),
    };
    if stop.run_until_cancelled(follower.recall()).await.is_none() {
        return;
    }
    let mut look = tokio::time::interval(Duration::from_secs(2));
    loop {
        let behind = tokio::select! {
            () = stop.cancelled() => break,
            committed = feed.recv() => match committed {
                Ok(committed) => vec![committed.callout.clone()],
                // Too far behind to be told: look at everything that is kept.
                Err(RecvError::Lagged(_)) => follower.behind(),
                Err(RecvError::Closed) => break,
            },
            _ = look.tick() => follower.behind(),
        };
        metrics.set_follower_lag(FOLLOWER, follower.lag());
        for callout in behind {
            if stop.run_until_cancelled(follower.catch_up(&callout)).await.is_none() {
                break;
            }
        }
        follower.remember(false).await;
    }
    follower.remember(true).await;
}

// === impl Follower ===

impl Follower {
    async fn recall(&mut self) {
        loop {
            match self.journal.cursors(FOLLOWER.into()).await {
                Ok(cursors) => {
                    self.next = cursors.into_iter().filter_map(|(s, next)| Some((s.callout()?, next))).collect();
                    return;
                }
                Err(error) => tracing::warn!(%error, "progress cannot be recalled"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn behind(&self) -> Vec<CalloutId> {
        let behind = |c: &&Arc<Callout>| c.seq > self.next.get(&c.id).copied().unwrap_or(0);
        self.gallery.all().iter().filter(behind).map(|c| c.id.clone()).collect()
    }

    fn lag(&self) -> u64 {
        self.gallery.all().iter().map(|c| c.seq.saturating_sub(self.next.get(&c.id).copied().unwrap_or(0))).sum()
    }

    /// Publishes what a callout has that was not published yet.
    async fn catch_up(&mut self, id: &CalloutId) {
        loop {
            let from = self.next.get(id).copied().unwrap_or(0);
            let Some(callout) = self.gallery.get(id).filter(|c| c.seq > from) else { return };
            let records = match self.journal.read(id.stream(), from, RECORDS_MAX).await {
                Ok(records) if !records.is_empty() => records,
                _ => return,
            };
            for record in &records {
                let entries: Vec<Entry> = record.entries().unwrap_or_default();
                let numbered = (record.first..).zip(&entries).filter(|(seq, _)| *seq >= from);
                let sends = numbered.map(|(seq, entry)| self.publisher.publish(progress(&callout, seq, entry)));
                if join_all(sends).await.iter().any(Result::is_err) {
                    tokio::time::sleep(RETRY).await;
                    return;
                }
                self.next.insert(id.clone(), record.end());
                self.changed.insert(id.clone());
            }
        }
    }

    async fn remember(&mut self, now: bool) {
        if self.changed.is_empty() || (!now && self.remembered.elapsed() < REMEMBER) {
            return;
        }
        let cursors = self.changed.iter().filter_map(|c| Some((c.stream(), *self.next.get(c)?))).collect();
        match self.journal.set_cursors(FOLLOWER.into(), cursors).await {
            Ok(()) => self.changed.clear(),
            // Some events will be published twice after a restart.
            Err(error) => tracing::warn!(%error, "progress cannot be remembered"),
        }
        self.remembered = Instant::now();
    }
}

fn progress(callout: &Callout, seq: u64, Entry(at, event): &Entry) -> Progress {
    let head = callout.head.as_ref();
    // One that was cancelled before it began has no head.
    let (region, warning) = callout.id.as_str().split_once('-').unwrap_or_default();
    let (region, warning) = head.map_or((region, warning), |h| (h.region.as_str(), h.warning.as_str()));
    let body = json!({
        "callout": callout.id, "warning": warning, "region": region, "seq": seq,
        "drill": callout.id.is_drill(), "at": at.iso(), "kind": event.name(), "event": event,
    });
    // Whoever follows the real thing gets no drill unasked.
    let family = if callout.id.is_drill() { "drill" } else { "progress" };
    Progress {
        routing_key: format!("{family}.{region}.{}", event.name()),
        correlation_id: head.map(|h| h.message.identifier.clone()),
        id: format!("{}/{seq}", callout.id),
        body: body.to_string().into_bytes(),
    }
}
