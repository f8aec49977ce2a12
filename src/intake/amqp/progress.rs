//! Progress: what is committed goes out on the events exchange, at least once, in order per callout.
//!
//! A follower behind the log: it remembers per callout which event it wants next, and goes on from
//! there after a restart. What is committed while it keeps up comes to it in memory; when it is behind, it
//! reads the journal. Events of one kind that were committed together are one message; readers tell repeats
//! by callout and sequence.

use super::{Progress, Publisher};
use crate::dispatch::Forecast;
use crate::journal::Journal;
use crate::model::{Callout, CalloutId, Digest, Entry, Event};
use crate::runtime::{Committed, Forecasts, Gallery};
use crate::telemetry::Metrics;
use futures::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// The follower's name in the journal and in metrics.
const FOLLOWER: &str = "amqp_events";
/// Events in one message, at most.
const EVENTS_MAX: usize = 200;
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
    /// The forecasts that were published last.
    foreseen: Arc<Forecasts>,
}

/// What a message says.
#[derive(Serialize)]
struct Body<'a> {
    callout: &'a CalloutId,
    warning: &'a str,
    region: &'a str,
    drill: bool,
    kind: &'a str,
    #[serde(flatten)]
    told: Told<'a>,
}

/// What is told of a callout, under its key.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Told<'a> {
    Events(Vec<Numbered<'a>>),
    Forecast(Value),
}

/// What every message about a callout says.
struct About {
    callout: CalloutId,
    region: String,
    warning: String,
    /// The identifier of the message that applies.
    identifier: Option<String>,
}

/// An event of a message.
#[derive(Serialize)]
struct Numbered<'a> {
    seq: u64,
    at: String,
    event: &'a Event,
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
        foreseen: Arc::default(),
    };
    let forecasts = follower.gallery.forecasts();
    if stop.run_until_cancelled(follower.recall()).await.is_none() {
        return;
    }
    let mut look = tokio::time::interval(Duration::from_secs(2));
    loop {
        let behind = tokio::select! {
            () = stop.cancelled() => break,
            committed = feed.recv() => match committed {
                Ok(committed) => match stop.run_until_cancelled(follower.told(&committed)).await {
                    Some(true) => Vec::new(),
                    Some(false) => vec![committed.callout.clone()],
                    None => break,
                },
                // Too far behind to be told: look at everything that is kept.
                Err(RecvError::Lagged(_)) => follower.behind(),
                Err(RecvError::Closed) => break,
            },
            _ = look.tick() => {
                let forecasts = forecasts.borrow().clone();
                if stop.run_until_cancelled(follower.foretell(forecasts)).await.is_none() {
                    break;
                }
                // Both look at all callouts, which is too much to do at every commit.
                metrics.set_follower_lag(FOLLOWER, follower.lag());
                follower.behind()
            }
        };
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

    /// Publishes what was committed just now; false when something before it is missing, or it failed.
    async fn told(&mut self, committed: &Committed) -> bool {
        let Committed { callout: id, first, entries } = committed;
        let (from, end) = (self.next.get(id).copied().unwrap_or(0), first + entries.len() as u64);
        if from < *first {
            return false;
        }
        from >= end || self.publish(id, *first, entries, from).await
    }

    /// Publishes entries from a sequence on, and notes the place behind them. False when one failed.
    async fn publish(&mut self, id: &CalloutId, first: u64, entries: &[Entry], from: u64) -> bool {
        // A copy that is held would have to be made again at the next commit.
        let Some(about) = self.gallery.get(id).map(|callout| About::of(&callout)) else { return false };
        let numbered = (first..).zip(entries).filter(|(seq, _)| *seq >= from);
        let messages = messages(&about, numbered);
        let sends = messages.into_iter().map(|message| self.publisher.publish(message));
        if join_all(sends).await.iter().any(Result::is_err) {
            return false;
        }
        self.next.insert(id.clone(), first + entries.len() as u64);
        self.changed.insert(id.clone());
        true
    }

    /// Publishes what a callout has that was not published yet.
    async fn catch_up(&mut self, id: &CalloutId) {
        loop {
            let from = self.next.get(id).copied().unwrap_or(0);
            if self.gallery.get(id).is_none_or(|c| c.seq <= from) {
                return;
            }
            let records = match self.journal.read(id.stream(), from, RECORDS_MAX).await {
                Ok(records) if !records.is_empty() => records,
                _ => return,
            };
            for record in &records {
                let entries: Vec<Entry> = record.entries().unwrap_or_default();
                if !self.publish(id, record.first, &entries, from).await {
                    tokio::time::sleep(RETRY).await;
                    return;
                }
            }
        }
    }

    /// Publishes the forecasts that changed. They are estimates: one that is lost is overtaken by the next.
    async fn foretell(&mut self, forecasts: Arc<Forecasts>) {
        let shown = std::mem::replace(&mut self.foreseen, forecasts);
        let ids: BTreeSet<_> = shown.keys().chain(self.foreseen.keys()).collect();
        let changed = ids.into_iter().filter(|id| shown.get(*id) != self.foreseen.get(*id));
        let callouts = changed.filter_map(|id| self.gallery.get(id));
        let sends = callouts.map(|c| self.publisher.publish(forecast(&About::of(&c), c.seq, self.foreseen.get(&c.id))));
        if join_all(sends).await.iter().any(Result::is_err) {
            self.foreseen = shown;
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

/// Events as messages: those of one kind together, in the order of their first ones.
fn messages<'a>(about: &About, numbered: impl Iterator<Item = (u64, &'a Entry)>) -> Vec<Progress> {
    let mut kinds: Vec<(&str, Vec<(u64, &'a Entry)>)> = Vec::new();
    for (seq, entry) in numbered {
        let name = entry.1.name();
        match kinds.iter_mut().rev().find(|(kind, _)| *kind == name) {
            Some((_, of_kind)) if of_kind.len() < EVENTS_MAX => of_kind.push((seq, entry)),
            _ => kinds.push((name, vec![(seq, entry)])),
        }
    }
    let told = |(kind, events): (&str, Vec<(u64, &'a Entry)>)| {
        let first = events.first().map_or(0, |(seq, _)| *seq);
        let event = |(seq, Entry(at, event)): (u64, &'a Entry)| Numbered { seq, at: at.iso(), event };
        message(about, kind, &first.to_string(), Told::Events(events.into_iter().map(event).collect()))
    };
    kinds.into_iter().map(told).collect()
}

/// A forecast, or that there is nothing to foresee any more: derived, and no event of the timeline.
fn forecast(about: &About, seq: u64, forecast: Option<&Forecast>) -> Progress {
    let forecast = json!(forecast.map(Forecast::json));
    // Repeats are told by the id: an equal estimate behind other events is none.
    let digest = Digest::of_parts(&[forecast.to_string().as_bytes()]).hex();
    let id = format!("{seq}/forecast/{}", &digest[..16]);
    message(about, "forecast", &id, Told::Forecast(forecast))
}

/// A message about a callout: its kind, its id within the callout, and what it tells.
fn message(about: &About, kind: &str, id: &str, told: Told) -> Progress {
    let About { callout, region, warning, identifier } = about;
    let drill = callout.is_drill();
    // Whoever follows the real thing gets no drill unasked.
    let family = if drill { "drill" } else { "progress" };
    let body = Body { callout, warning, region, drill, kind, told };
    Progress {
        routing_key: format!("{family}.{region}.{kind}"),
        correlation_id: identifier.clone(),
        id: format!("{callout}/{id}"),
        // Plain data always writes.
        body: serde_json::to_vec(&body).unwrap_or_default(),
    }
}

// === impl About ===

impl About {
    fn of(callout: &Callout) -> Self {
        let head = callout.head.as_ref();
        // One that was cancelled before it began has no head.
        let (region, warning) = callout.id.as_str().split_once('-').unwrap_or_default();
        let (region, warning) = head.map_or((region, warning), |h| (h.region.as_str(), h.warning.as_str()));
        Self {
            callout: callout.id.clone(),
            region: region.to_owned(),
            warning: warning.to_owned(),
            identifier: head.map(|h| h.message.identifier.clone()),
        }
    }
}
