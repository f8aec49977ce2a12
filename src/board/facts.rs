//! Events as they are committed, for programs: server-sent events without gap or duplicate.

use super::auth::Inside;
use super::refusal::Refusal;
use crate::journal::Journal;
use crate::model::{CalloutId, Entry};
use crate::runtime::{Committed, Forecasts, Gallery};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::future::ready;
use futures::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Records read from the journal at once.
const READ_BATCH: usize = 16;
/// A comment is sent after this silence, so that nothing on the way takes the connection for dead.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
pub(super) struct From {
    from: Option<u64>,
}

/// A callout's events from a sequence on: first from the journal, then as they come.
struct Follower {
    journal: Arc<dyn Journal>,
    feed: Receiver<Arc<Committed>>,
    id: CalloutId,
    next: u64,
    /// Whether the journal may hold events that the feed will not bring.
    behind: bool,
    ready: VecDeque<Entry>,
}

/// `GET /callouts/{id}/events`: from `Last-Event-ID` + 1, from `?from=`, or from the beginning.
pub(super) async fn one(
    State(inside): State<Arc<Inside>>,
    Path(id): Path<String>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id: CalloutId = id.into();
    inside.board.callout(&id).await?;
    let drill = id.is_drill();
    let next = last_event_id(&headers).map(|id| id + 1).or(from.from).unwrap_or(0);
    let events = follow(&inside.board.gallery, inside.board.journal.clone(), id.clone(), next);
    let events = events.map(move |(seq, entry)| {
        let data = json!({ "seq": seq, "at": entry.0, "drill": drill, "event": entry.1 });
        Ok::<_, Infallible>(Event::default().id(seq.to_string()).event(entry.1.name()).data(data.to_string()))
    });
    let estimates = forecasts(&inside.board.gallery, Some(id));
    Ok(serve(&inside, beside(events, estimates)))
}

/// `GET /events`: what is committed from now on, in all callouts.
pub(super) async fn all(State(inside): State<Arc<Inside>>) -> Response {
    let feed = inside.board.gallery.subscribe();
    let committed = stream::unfold(feed, |mut feed| async move {
        loop {
            match feed.recv().await {
                Ok(committed) => return Some((committed, feed)),
                // Whoever follows all callouts sees the hole in the sequences and reads that callout.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let events = committed.flat_map(|c| {
        let event = |(i, entry): (usize, &Entry)| {
            let seq = c.first + i as u64;
            let data = json!({ "callout": c.callout, "drill": c.callout.is_drill(), "seq": seq, "at": entry.0, "event": entry.1 });
            Ok::<_, Infallible>(Event::default().event(entry.1.name()).data(data.to_string()))
        };
        stream::iter(c.entries.iter().enumerate().map(event).collect::<Vec<_>>())
    });
    serve(&inside, beside(events, forecasts(&inside.board.gallery, None)))
}

/// Forecasts as they change, of one callout or of all: estimates without an id, no part of any timeline.
fn forecasts(gallery: &Gallery, of: Option<CalloutId>) -> impl Stream<Item = Result<Event, Infallible>> + Send + use<> {
    let mut feed = gallery.forecasts();
    feed.mark_changed();
    let shown: Arc<Forecasts> = Arc::default();
    let changes = stream::unfold((feed, shown), |(mut feed, shown)| async move {
        feed.changed().await.ok()?;
        let fresh = feed.borrow_and_update().clone();
        let ids: BTreeSet<_> = shown.keys().chain(fresh.keys()).cloned().collect();
        let changed = ids.into_iter().filter(|id| shown.get(id) != fresh.get(id));
        let changed: Vec<_> = changed.map(|id| (fresh.get(&id).cloned(), id)).collect();
        Some((stream::iter(changed), (feed, fresh)))
    });
    let wanted = changes.flatten().filter(move |(_, id)| ready(of.as_ref().is_none_or(|of| of == id)));
    wanted.map(|(forecast, id)| {
        // Nothing is queued any more: there is nothing to foresee.
        let data = json!({ "callout": id, "drill": id.is_drill(), "forecast": forecast.map(|f| f.json()) });
        Ok(Event::default().event("forecast").data(data.to_string()))
    })
}

/// Events with estimates between them; over when the events are.
fn beside(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
    estimates: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    let events = events.map(Some).chain(stream::once(ready(None)));
    let all = stream::select(events, estimates.map(Some));
    all.take_while(|event| ready(event.is_some())).filter_map(ready)
}

/// A stream as an answer: with heartbeats, and over when the process shuts down.
pub(super) fn serve(
    inside: &Inside,
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response {
    let events = events.take_until(inside.board.shutdown.clone().cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")).into_response()
}

/// What the client saw last.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

/// A callout's events from sequence `next` on, each once and in order.
fn follow(
    gallery: &Gallery,
    journal: Arc<dyn Journal>,
    id: CalloutId,
    next: u64,
) -> impl Stream<Item = (u64, Entry)> + Send + use<> {
    // Subscribed before the journal is read: what is committed in between comes twice and is passed over.
    let feed = gallery.subscribe();
    let follower = Follower { journal, feed, id, next, behind: true, ready: VecDeque::new() };
    stream::unfold(follower, |mut f| async move {
        let next = f.next().await?;
        Some((next, f))
    })
}

// === impl Follower ===

impl Follower {
    async fn next(&mut self) -> Option<(u64, Entry)> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                self.next += 1;
                return Some((self.next - 1, entry));
            }
            if self.behind {
                self.read().await?;
                continue;
            }
            match self.feed.recv().await {
                Ok(c) if c.callout != self.id => {}
                Ok(c) if c.first > self.next => self.behind = true,
                Ok(c) => self.take(c.first, c.entries.clone()),
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Reads on in the journal. Ends the stream when it cannot: the client comes back with its last id.
    async fn read(&mut self) -> Option<()> {
        let records = self.journal.read(self.id.stream(), self.next, READ_BATCH).await.ok()?;
        self.behind = records.len() == READ_BATCH;
        for record in records {
            self.take(record.first, record.entries().ok()?);
        }
        Some(())
    }

    fn take(&mut self, first: u64, entries: Vec<Entry>) {
        let wanted = self.next + self.ready.len() as u64;
        let known = usize::try_from(wanted.saturating_sub(first)).unwrap_or(usize::MAX);
        self.ready.extend(entries.into_iter().skip(known));
    }
}
