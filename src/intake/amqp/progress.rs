//! Progress: what is committed goes out on the events exchange, at least once, in order per callout.
//!
//! A follower behind the log: it remembers per callout which event it wants next, and goes on from
//! there after a restart. What is committed while it keeps up comes to it in memory; when it is behind, it
//! reads the journal. Events of one kind that were committed within a quarter of a second are one message; readers
//! tell repeats by callout and sequence.

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
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// The follower's name in the journal and in metrics.
const FOLLOWER: &str = "amqp_events";
/// Events in one message, at most.
const EVENTS_MAX: usize = 200;
/// Records read at once when the follower is behind.
const RECORDS_MAX: usize = 16;
/// How long what is committed is gathered, so that it goes out in few messages and first calls do not wait for it.
const GATHER: Duration = Duration::from_millis(250);
/// How often it is looked for callouts that fell behind.
const LOOK: Duration = Duration::from_secs(1);
/// How often the places are remembered.
const REMEMBER: Duration = Duration::from_secs(1);
/// How long to wait before broker or journal are tried again.
const RETRY: Duration = Duration::from_millis(500);

struct Follower {
    gallery: Arc<Gallery>,
    journal: Arc<dyn Journal>,
    publisher: Publisher,
    metrics: Metrics,
    next: BTreeMap<CalloutId, u64>,
    /// Committed and not published yet, each callout's in order.
    gathered: BTreeMap<CalloutId, Vec<Arc<Committed>>>,
    /// The callouts that were behind at the last look, and where.
    late: BTreeMap<CalloutId, u64>,
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
        metrics,
        next: BTreeMap::new(),
        gathered: BTreeMap::new(),
        late: BTreeMap::new(),
        changed: BTreeSet::new(),
        remembered: Instant::now(),
        foreseen: Arc::default(),
    };
    let forecasts = follower.gallery.forecasts();
    if stop.run_until_cancelled(follower.recall()).await.is_none() {
        return;
    }
    let mut look = tokio::time::interval(LOOK);
    let mut publish = tokio::time::interval(GATHER);
    publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let work = async {
            tokio::select! {
                committed = feed.recv() => match committed {
                    Ok(c) => follower.gathered.entry(c.callout.clone()).or_default().push(c),
                    // Too far behind to be told: the next look finds what is missing.
                    Err(RecvError::Lagged(_)) => follower.gathered.clear(),
                    Err(RecvError::Closed) => return false,
                },
                _ = publish.tick() => follower.publish_gathered().await,
                _ = look.tick() => {
                    let forecasts = forecasts.borrow().clone();
                    follower.foretell(forecasts).await;
                    // Both look at all callouts, which is too much to do at every commit.
                    follower.metrics.set_follower_lag(FOLLOWER, follower.lag());
                    for callout in follower.behind() {
                        follower.catch_up(&callout).await;
                    }
                }
            }
            follower.remember(false).await;
            true
        };
        if stop.run_until_cancelled(work).await != Some(true) {
            break;
        }
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

    /// The callouts that have something unpublished and stand where they stood at the last look.
    fn behind(&mut self) -> Vec<CalloutId> {
        let next = |c: &Callout| self.next.get(&c.id).copied().unwrap_or(0);
        let late = self.gallery.all().iter().filter(|c| c.seq > next(c)).map(|c| (c.id.clone(), next(c))).collect();
        let before = std::mem::replace(&mut self.late, late);
        self.late.iter().filter(|(id, next)| before.get(*id) == Some(next)).map(|(id, _)| id.clone()).collect()
    }

    fn lag(&self) -> u64 {
        self.gallery.all().iter().map(|c| c.seq.saturating_sub(self.next.get(&c.id).copied().unwrap_or(0))).sum()
    }

    /// Publishes what was gathered, all callouts at once.
    async fn publish_gathered(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        let publishes = gathered
            .iter()
            .map(|(id, committed)| self.publish(id, committed.iter().flat_map(|c| (c.first..).zip(&c.entries))));
        let ends = join_all(publishes).await;
        ends.into_iter().zip(gathered.into_keys()).for_each(|(end, id)| self.published(id, end));
    }

    /// Publishes entries that were not published yet; the sequence behind them. `None` when something before them is
    /// missing, or one was not taken.
    async fn publish<'a>(&self, id: &CalloutId, numbered: impl Iterator<Item = (u64, &'a Entry)>) -> Option<u64> {
        let next = self.next.get(id).copied().unwrap_or(0);
        // Up to the first gap: what is behind it is read from the journal.
        let mut fresh: Vec<_> = numbered.skip_while(|(seq, _)| *seq < next).collect();
        let whole = fresh.iter().zip(next..).take_while(|((seq, _), place)| seq == place).count();
        if whole < fresh.len() && whole == 0 {
            return None;
        }
        fresh.truncate(whole);
        let end = next + fresh.len() as u64;
        // A copy that is held would have to be made again at the next commit.
        let about = self.gallery.get(id).map(|callout| About::of(&callout))?;
        let sends = messages(&about, fresh.into_iter()).into_iter().map(|message| self.publisher.publish(message));
        join_all(sends).await.iter().all(Result::is_ok).then_some(end)
    }

    fn published(&mut self, id: CalloutId, end: Option<u64>) {
        if let Some(end) = end {
            let before = self.next.insert(id.clone(), end).unwrap_or(0);
            self.metrics.followed(FOLLOWER, end - before);
            self.changed.insert(id);
        }
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
                let end = self.publish(id, (record.first..).zip(&entries)).await;
                self.published(id.clone(), end);
                if end.is_none() {
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
