//! Changed parts of pages as they change: at most four times a second, only what looks different.

use super::auth::Inside;
use super::facts::{last_event_id, serve};
use super::pages;
use super::refusal::Refusal;
use super::shell::Speaks;
use super::text::Lang;
use super::view::Fragment;
use crate::engine;
use crate::model::{Callout, CalloutId};
use crate::runtime::{Committed, Forecasts};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use futures::stream;
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// The least time between two patches of one client.
const PATCH_EVERY: Duration = Duration::from_millis(250);

#[derive(Deserialize)]
pub(super) struct From {
    from: Option<u64>,
}

/// The parts that a client holds: key and hash of each, in order.
type Held = Vec<(String, u64)>;

/// One client of one page.
struct Watcher {
    inside: Arc<Inside>,
    feed: Receiver<Arc<Committed>>,
    forecasts: watch::Receiver<Arc<Forecasts>>,
    /// Changes of hazard reports, which the overview shows.
    reports: Option<watch::Receiver<u64>>,
    lang: Lang,
    /// The callout of the page; `None` for the overview.
    id: Option<CalloutId>,
    held: Held,
    /// Whether something may have changed since the last look.
    changed: bool,
}

/// `GET /callouts/{id}/live`: patches of the page that was rendered at `?from=` (or `Last-Event-ID`) events.
pub(super) async fn callout(
    State(inside): State<Arc<Inside>>,
    Speaks(lang): Speaks,
    Path(id): Path<String>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id: CalloutId = id.into();
    let (feed, forecasts) = (inside.board.gallery.subscribe(), inside.board.gallery.forecasts());
    // What the client holds is the page at that many events: the same fold and rendering tell it again.
    let timeline = inside.board.timeline(&id).await?;
    let seen = last_event_id(&headers).or(from.from).unwrap_or(0) as usize;
    let then = engine::replay(id.clone(), timeline.entries.iter().take(seen));
    let held = pages::panels(&inside, lang, &then).await?.map(|p| hashes(p.all())).unwrap_or_default();
    Ok(watch(Watcher { inside, feed, forecasts, reports: None, lang, id: Some(id), held, changed: true }))
}

/// `GET /live`: patches of the overview that had the mark `?from=` (or `Last-Event-ID`).
pub(super) async fn overview(
    State(inside): State<Arc<Inside>>,
    Speaks(lang): Speaks,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Response {
    let (feed, forecasts) = (inside.board.gallery.subscribe(), inside.board.gallery.forecasts());
    let reports = inside.board.reports.as_ref().map(|desk| desk.changes());
    let now = hashes(card_fragments(&inside, lang).iter());
    // A client with other cards than these holds nothing that a patch could build on.
    let seen = last_event_id(&headers).or(from.from);
    let held = if seen == Some(mark(&now)) { now } else { Held::new() };
    watch(Watcher { inside, feed, forecasts, reports, lang, id: None, held, changed: true })
}

fn watch(watcher: Watcher) -> Response {
    let inside = watcher.inside.clone();
    let events = stream::unfold(watcher, |mut w| async move {
        let event = w.next().await?;
        Some((Ok::<_, Infallible>(event), w))
    });
    serve(&inside, events)
}

// === impl Watcher ===

impl Watcher {
    /// The next patch. Ends when the feed or the journal does: the client comes back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !self.changed {
                self.wait().await?;
                // Gather what comes close behind, then look once.
                tokio::time::sleep(PATCH_EVERY).await;
                while self.concerns_waiting() {}
            }
            self.changed = false;
            if let Some(event) = self.look().await? {
                return Some(event);
            }
        }
    }

    async fn wait(&mut self) -> Option<()> {
        while !self.changed {
            let told = async {
                match &mut self.reports {
                    Some(reports) => reports.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            let committed = tokio::select! {
                committed = self.feed.recv() => committed,
                Ok(()) = self.forecasts.changed() => {
                    self.changed = true;
                    break;
                }
                true = told => {
                    self.changed = true;
                    break;
                }
            };
            match committed {
                Ok(c) => self.changed = self.id.as_ref().is_none_or(|id| *id == c.callout),
                Err(RecvError::Lagged(_)) => self.changed = true,
                Err(RecvError::Closed) => return None,
            }
        }
        Some(())
    }

    /// Takes one waiting message off the feed; false when none waits.
    fn concerns_waiting(&mut self) -> bool {
        use tokio::sync::broadcast::error::TryRecvError;
        !matches!(self.feed.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed))
    }

    /// What looks different from what the client holds.
    async fn look(&mut self) -> Option<Option<Event>> {
        let (seq, fragments): (_, Vec<Fragment>) = match &self.id {
            None => (None, card_fragments(&self.inside, self.lang)),
            Some(id) => {
                let callout: Arc<Callout> = self.inside.board.callout(id).await.ok()?;
                let panels = pages::panels(&self.inside, self.lang, &callout).await.ok()??;
                (Some(callout.seq), panels.all().cloned().collect())
            }
        };
        let now = hashes(fragments.iter());
        let id = seq.unwrap_or_else(|| mark(&now));
        let same_parts = now.iter().map(|(k, _)| k).eq(self.held.iter().map(|(k, _)| k));
        let before = std::mem::replace(&mut self.held, now);
        let patch: Vec<_> = if same_parts {
            let changed = before.iter().zip(&self.held).map(|((_, a), (_, b))| a != b);
            fragments.iter().zip(changed).filter(|(_, c)| *c).map(|(f, _)| json!([f.key, f.html])).collect()
        } else {
            Vec::new()
        };
        if same_parts && patch.is_empty() {
            return Some(None);
        }
        let now_ms = self.inside.board.acts.now().0 / 1000;
        // Other parts than before: the page is fetched anew rather than pieced together.
        let data = json!({ "now": now_ms, "reload": !same_parts, "patch": patch });
        Some(Some(Event::default().event("patch").id(id.to_string()).data(data.to_string())))
    }
}

/// The mark of the overview that an account sees now.
pub(super) fn overview_mark(inside: &Inside, lang: Lang) -> u64 {
    mark(&hashes(card_fragments(inside, lang).iter()))
}

fn mark(held: &Held) -> u64 {
    let mut hasher = DefaultHasher::new();
    held.hash(&mut hasher);
    hasher.finish()
}

fn card_fragments(inside: &Inside, lang: Lang) -> Vec<Fragment> {
    let cards = pages::cards(inside, lang).into_iter().map(|(id, html)| Fragment { key: format!("c-{id}"), html });
    [pages::banner(inside, lang), super::hazards::open_fragment(inside, lang)].into_iter().chain(cards).collect()
}

fn hashes<'a>(fragments: impl Iterator<Item = &'a Fragment>) -> Held {
    let hash = |f: &Fragment| {
        let mut hasher = DefaultHasher::new();
        f.html.hash(&mut hasher);
        (f.key.clone(), hasher.finish())
    };
    fragments.map(hash).collect()
}
