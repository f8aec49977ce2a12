//! Clients of live boards: pages of callouts and the overview, patched over server-sent events.

use super::sink::wall;
use crate::model::{CalloutId, Entry, Timestamp};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often a page that is not there yet is asked for again.
const AGAIN: Duration = Duration::from_millis(50);

/// The clients while they watch.
pub(super) struct Boards {
    internal: String,
    client: reqwest::Client,
    stop: CancellationToken,
    clients: JoinSet<Watched>,
}

/// What one client was shown.
pub(super) struct Watched {
    /// Whose page; none for the overview.
    pub callout: Option<CalloutId>,
    /// Each patch: when it was there, and its id. The first one stands for the page itself.
    pub patches: Vec<(Timestamp, u64)>,
}

// === impl Boards ===

impl Boards {
    pub(super) fn new(internal: &str, client: &reqwest::Client) -> Self {
        let (internal, client) = (internal.to_owned(), client.clone());
        Self { internal, client, stop: CancellationToken::new(), clients: JoinSet::new() }
    }

    /// One more client: of a callout's page as soon as there is one, or of the overview.
    pub(super) fn open(&mut self, callout: Option<CalloutId>) {
        let url = match &callout {
            Some(id) => format!("{}/callouts/{id}/live", self.internal),
            None => format!("{}/live", self.internal),
        };
        let (client, stop) = (self.client.clone(), self.stop.clone());
        self.clients.spawn(async move {
            let mut watched = Watched { callout, patches: Vec::new() };
            // A stream that ends is opened again, as browsers do.
            while stop.run_until_cancelled(watched.watch(&client, &url)).await.is_some() {
                if stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
                    break;
                }
            }
            watched
        });
    }

    pub(super) async fn close(self) -> Vec<Watched> {
        self.stop.cancel();
        self.clients.join_all().await
    }
}

// === impl Watched ===

impl Watched {
    async fn watch(&mut self, client: &reqwest::Client, url: &str) {
        let mut request = client.get(url);
        if let Some((_, id)) = self.patches.last() {
            request = request.header("last-event-id", id.to_string());
        }
        let Ok(mut answer) = request.send().await else { return };
        if !answer.status().is_success() {
            return;
        }
        // The lines of an event that is not there yet.
        let mut rest = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            let at = Instant::now();
            let known = rest.len().saturating_sub(1);
            rest.extend_from_slice(&chunk);
            let Some(end) = rest[known..].windows(2).rposition(|two| two == b"\n\n") else { continue };
            let behind = rest.split_off(known + end + 2);
            let events = String::from_utf8_lossy(&rest);
            let ids = events.lines().filter_map(|line| line.strip_prefix("id: ").or(line.strip_prefix("id:")));
            self.patches.extend(ids.filter_map(|id| Some((wall(at), id.trim().parse().ok()?))));
            rest = behind;
        }
    }

    /// Milliseconds from each event that a patch behind the first is the first to show until that patch was
    /// there.
    pub(super) fn lateness_ms<'a>(&'a self, timeline: &'a [Entry]) -> impl Iterator<Item = f64> + 'a {
        self.patches.windows(2).flat_map(move |two| {
            let ((_, before), (at, id)) = (two[0], two[1]);
            let shown = timeline.iter().take(id as usize).skip(before as usize);
            shown.map(move |entry| at.micros_since(entry.0) as f64 / 1000.0)
        })
    }
}
