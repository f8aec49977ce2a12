//! What goes on beside attempts: heartbeats, questions about open messages, and what becomes of states.

use super::document::{Body, In, State};
use super::facts::{gist, is_final, meaning, receipts, upcalls};
use super::gateway::EbdGateway;
use super::ledger::Open;
use super::platform::Platform;
use crate::gateway::NotTaken;
use crate::gateway::scrub::scrub;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Questions that are open at one time.
const ASKED_MAX: usize = 4;
/// Recordings of one message that are named in the log.
const RECORDINGS_MAX: usize = 20;

/// Begins the heartbeats and the questions; they end with `stop`.
pub(super) fn start(platform: &Arc<Platform>, stop: &CancellationToken) {
    let every = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
    if let Some(period) = every(platform.section.heartbeat_s) {
        let (platform, stop) = (platform.clone(), stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(heartbeats(&platform, period)).await });
    }
    if let Some(period) = every(platform.section.poll_s) {
        let (platform, stop) = (platform.clone(), stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(questions(&platform, period)).await });
    }
}

async fn heartbeats(platform: &Platform, period: Duration) {
    let mut was_well = true;
    loop {
        // What comes of it is kept by the platform: how long ago it was heard, and what was wrong.
        let _ = platform.ask(&Body::Check { at: (platform.clock)() }).await;
        let (well, detail) = platform.heard.condition((platform.clock)(), platform.section.offline_after_s);
        if well != was_well {
            tracing::warn!(gateway = %platform.id, well, detail, "the platform's heartbeat");
            was_well = well;
        }
        tokio::time::sleep(period).await;
    }
}

async fn questions(platform: &Arc<Platform>, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        let due = platform.ledger.due(platform.section.polls_max, (platform.clock)());
        futures::stream::iter(due).for_each_concurrent(ASKED_MAX, |open| question(platform, open)).await;
    }
}

async fn question(platform: &Arc<Platform>, open: Open) {
    if open.is_unwanted() && !open.cancelled {
        EbdGateway(platform.clone()).cancel(&open).await;
    }
    let Ok(received) = platform.ask(&Body::StateRequest { ebmid: &open.ebmid }).await else { return };
    match received.body {
        In::State(state) if state.ebmid == open.ebmid => {
            if let Err(reason) = platform.tell(&state).await {
                tracing::warn!(gateway = %platform.id, %reason, "a state is not taken; it is asked for again");
            }
        }
        In::State(_) => tracing::warn!(gateway = %platform.id, "the state of another message than was asked for"),
        // The state is posted to us.
        In::Response { .. } | In::Check | In::Other(_) => {}
    }
}

impl Platform {
    /// Tells what a state says about its attempts, unless that was told before.
    ///
    /// # Errors
    /// When it is not durable: the same state must come again.
    pub(super) async fn tell(&self, state: &State) -> Result<(), NotTaken> {
        let open = self.ledger.get(&state.ebmid).filter(|open| !open.members.is_empty());
        let gist = gist(state);
        if open.as_ref().is_some_and(|open| open.told.as_deref() == Some(&gist)) {
            return Ok(());
        }
        if meaning(&self.section, &state.code).is_none() {
            tracing::warn!(gateway = %self.id, code = scrub(&state.code), "a state code that has no meaning here");
        }
        self.note(state);
        let told = match &open {
            Some(open) => upcalls(&self.section, open, state),
            None => receipts(&self.section, state),
        };
        if !told.is_empty() {
            self.upcalls.take(self.id.clone(), told).await?;
        }
        if is_final(&self.section, state) {
            self.ledger.finish(&state.ebmid);
        } else {
            self.ledger.told(&state.ebmid, gist);
        }
        Ok(())
    }

    /// Coverage and recordings have no place in a timeline; they are in the log.
    fn note(&self, state: &State) {
        let recordings = state.items.iter().map(|i| i.recording.as_str()).filter(|r| !r.is_empty());
        let recordings: Vec<String> = recordings
            .take(RECORDINGS_MAX)
            .map(|r| r.chars().filter(|c| !c.is_control()).take(200).collect())
            .collect();
        tracing::info!(
            gateway = %self.id,
            message = state.ebmid,
            code = scrub(&state.code),
            coverage = state.coverage,
            resources = state.items.len(),
            ?recordings,
            "state of a message"
        );
    }
}
