//! The flush of a cell: what is committed next, and what follows when it was, or was not.

use super::cell::{Cell, Committed, Output};
use super::staging::{Flying, group};
use crate::journal::{Batch, Conflict, JournalError};
use crate::model::{CalloutId, Colour, Timestamp};
use std::sync::Arc;

impl Cell {
    /// The next batch, when none flies and something waits. Red first, up to the flush's limit.
    pub fn batch(&mut self, now: Timestamp) -> Option<Batch> {
        if !self.staging.flying.is_empty() || self.staging.pending.is_empty() {
            return None;
        }
        let live = &self.live;
        let colour =
            |id: &CalloutId| live.get(id).and_then(|l| l.callout.head.as_ref()).map_or(Colour::Blue, |h| h.colour);
        let (mut groups, mut events) = (Vec::new(), 0);
        for id in self.staging.order(colour) {
            let Some(pending) = self.staging.pending.get(&id) else { continue };
            if events > 0 && events + pending.entries.len() > self.settings.flush_events_max {
                break;
            }
            let Some(pending) = self.staging.pending.remove(&id) else { continue };
            events += pending.entries.len();
            let Some(live) = self.live.get(&id) else { continue };
            let (first, head) = (live.head.next, live.head);
            match group(&live.callout, &pending, head, now.max(live.callout.recorded_at)) {
                Ok((group, head)) => {
                    groups.push(group);
                    self.staging.flying.push(Flying { callout: id, pending, first, head });
                }
                // Plain data always writes; were it not so, the callout is read again and its askers are told.
                Err(_) => self.drop_state(&id, pending.asked),
            }
        }
        (!groups.is_empty()).then(|| Batch { lease: Some(self.lease.clone()), groups })
    }

    /// What became of the batch that flew.
    pub fn flushed(&mut self, result: &Result<Vec<Result<(), Conflict>>, JournalError>, now: Timestamp) {
        let flying = std::mem::take(&mut self.staging.flying);
        for (i, flying) in flying.into_iter().enumerate() {
            let stored = matches!(result, Ok(groups) if matches!(groups.get(i), Some(Ok(()))));
            let Flying { callout, pending, first, head } = flying;
            self.arrivals.landed(&callout, now);
            if !stored {
                self.drop_state(&callout, pending.asked);
                continue;
            }
            if let Some(live) = self.live.get_mut(&callout) {
                live.head = head;
            }
            if !pending.posts.is_empty() {
                self.outputs.push(Output::InboxPosted);
            }
            self.act(&callout, &pending.entries, now);
            if !pending.entries.is_empty() {
                let committed = Committed { callout: callout.clone(), first, entries: pending.entries };
                self.outputs.push(Output::Committed(Arc::new(committed)));
            }
            // Whoever is told that it is done shall find it on the pages.
            for ticket in pending.asked.iter().filter_map(|a| a.ticket) {
                self.part_done(ticket, true);
            }
            self.retire(&callout);
        }
    }
}
