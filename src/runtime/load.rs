//! Reading callouts back: after a start, after a failed commit, and when something is told of one that
//! is not in memory; and letting go of those that are over.

use super::cell::{Cell, Live, Output, Ticket};
use super::staging::{Asked, Head};
use super::upcalls::Told;
use crate::engine;
use crate::journal::{ChainError, Record, verify_chain};
use crate::model::{AttemptIx, AttemptKey, Callout, CalloutId, Channel, Command, Entry, Fact, Stage, Timestamp};

impl Cell {
    /// Keeps what was told until the callout is read.
    pub(super) fn defer(&mut self, callout: &CalloutId, told: Told, ticket: Ticket) {
        if let Some((left, ..)) = self.tickets.get_mut(&ticket) {
            *left += 1;
        }
        self.deferred.entry(callout.clone()).or_default().push((told, ticket));
        if !self.loading.contains_key(callout) {
            self.loading.insert(callout.clone(), Vec::new());
            self.outputs.push(Output::Load(callout.clone()));
        }
    }

    /// Whether everything that was to be read has been read.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.loading.is_empty()
    }

    /// A callout's records, as read after [`Output::Load`]. Commands that waited for it are decided.
    ///
    /// # Errors
    /// When the records do not verify or cannot be read: the callout stays unread and its waiters are refused.
    pub fn load(
        &mut self,
        id: &CalloutId,
        records: &[Record],
        salt: Option<[u8; 32]>,
        now: Timestamp,
    ) -> Result<(), ChainError> {
        let loaded = verify_chain(records).and_then(|hash| {
            let mut callout = Callout::new(id.clone());
            for record in records {
                let entries: Vec<Entry> = record.entries().map_err(|_| ChainError {
                    stream: record.stream.clone(),
                    first: record.first,
                    reason: "an event is not of this version's form",
                })?;
                entries.iter().for_each(|e| engine::fold(&mut callout, e));
            }
            Ok((callout, Head { next: records.last().map_or(0, Record::end), hash }))
        });
        let waiting = self.loading.remove(id).unwrap_or_default();
        let deferred = self.deferred.remove(id).unwrap_or_default();
        let (callout, head) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                let tickets = waiting.into_iter().filter_map(|a| a.ticket);
                for ticket in tickets.chain(deferred.into_iter().map(|(_, ticket)| ticket)) {
                    self.part_done(ticket, false);
                }
                self.settle_bundles(id, now);
                self.hang_up_beside(id, now);
                return Err(error);
            }
        };
        self.register_all(&callout, now);
        self.resume_lines(&callout, now);
        self.live.insert(id.clone(), Live { callout, head, wake: None, salt });
        self.reindex(id);
        self.recover(id, now);
        self.settle_bundles(id, now);
        self.hang_up(id, now);
        self.suspend_drills(id, now);
        for asked in waiting {
            self.ask_again(id, asked, now);
        }
        for (told, ticket) in deferred {
            self.told(told, ticket, now);
            self.part_done(ticket, true);
        }
        self.retire(id);
        Ok(())
    }

    /// Voice calls that may still be live hold their lines and numbers.
    fn resume_lines(&mut self, callout: &Callout, now: Timestamp) {
        for (i, a) in callout.attempts.iter().enumerate() {
            let key = AttemptKey { callout: callout.id.clone(), attempt: i as u32 };
            // One of unknown fate is called again at once, and must not wait for itself.
            let idempotent = self.gateways.get(&a.gateway).is_some_and(|g| g.idempotent);
            let known = a.stage > Stage::Unknown || a.released_at >= self.started_at || idempotent;
            if known
                && a.channel == Channel::Voice
                && a.leads(&key)
                && a.is_live()
                && a.valid_until > now
                && self.on_line.gateway(&key).is_none()
                && let Some((_, contact)) = self.directory.contact(&a.contact.contact)
            {
                let drill = self.dispatch.resume(&a.gateway, &contact.number, &key);
                let answered = now.plus_ms(self.settings.line_after_key_ms);
                let until = if a.answered { answered.min(a.valid_until) } else { a.valid_until };
                self.on_line.hold(key, a.gateway.clone(), until);
                if let Some(drill) = drill {
                    self.hang_up_drill(drill);
                }
            }
        }
    }

    /// How many inbox items are taken in and not yet committed, beside those of callouts that are being read.
    #[must_use]
    pub fn staged(&self) -> usize {
        self.staging.inbox_ids().count() + self.openings.len() + self.arrivals.ids().count()
    }

    /// Inbox items taken in and not yet committed.
    #[must_use]
    pub fn inbox_ids(&self) -> Vec<String> {
        let loading = self.loading.values().flatten().filter_map(|a| a.inbox.as_ref());
        let opening = self.openings.values().filter_map(|(_, a)| a.inbox.as_ref());
        self.staging.inbox_ids().chain(loading).chain(opening).chain(self.arrivals.ids()).cloned().collect()
    }

    /// Has all open callouts read. Called once after the start, with the catalogue's open rows.
    pub fn recover_all(&mut self, callouts: impl IntoIterator<Item = CalloutId>) {
        for callout in callouts {
            if !self.live.contains_key(&callout) && !self.loading.contains_key(&callout) {
                self.loading.insert(callout.clone(), Vec::new());
                self.outputs.push(Output::Load(callout));
            }
        }
    }

    /// After reading: attempts whose fate is open. Those of an earlier engine may or may not have gone
    /// out; those of this one that were never handed over go out now.
    fn recover(&mut self, id: &CalloutId, now: Timestamp) {
        let Some(live) = self.live.get(id) else { return };
        let open: Vec<_> = live
            .callout
            .attempts
            .iter()
            .enumerate()
            .filter(|(i, a)| a.stage <= Stage::Unknown && a.is_live() && !tried_anew(&live.callout, *i as AttemptIx))
            .map(|(i, a)| (i as u32, a.stage, a.released_at, a.valid_until, a.gateway.clone(), a.bundle.clone()))
            .collect();
        for (attempt, stage, released_at, valid_until, gateway, bundle) in open {
            let key = AttemptKey { callout: id.clone(), attempt };
            let mine = released_at >= self.started_at;
            let resend = self.gateways.get(&gateway).is_some_and(|g| g.idempotent) && valid_until > now;
            // That it goes out again may be stored without having been acted on, and once more does no harm.
            let again = mine && stage == Stage::Unknown && resend && bundle.is_empty();
            if self.handed.contains(&key) && !again {
                continue;
            }
            if !bundle.is_empty() {
                // One of unknown fate is this engine's own business already.
                if !mine || stage == Stage::Released {
                    self.bundles.wait(&bundle);
                }
                continue;
            }
            match stage {
                Stage::Released if mine => self.submit(&key, now),
                Stage::Released => {
                    let fact = Fact::Unknown { resent: resend };
                    let command = Command::Report { attempt, fact, reported_at: None, elsewhere: false };
                    self.ask_again(id, Asked { command, ticket: None, inbox: None, blobs: Vec::new() }, now);
                }
                _ if again || (!mine && resend) => self.submit(&key, now),
                _ => {}
            }
        }
    }

    /// Drops a callout's state after a failed or unknown commit and has it read again. What the clock
    /// or the lanes asked comes again by itself; all else is asked again.
    pub(super) fn drop_state(&mut self, id: &CalloutId, asked: Vec<Asked>) {
        self.arrivals.dropped(id);
        let later = self.staging.pending.remove(id).map(|p| p.asked).unwrap_or_default();
        // What was held for attempts that were not handed over is free again.
        self.free_unsent(id);
        if let Some(wake) = self.live.remove(id).and_then(|l| l.wake) {
            self.wakes.remove(&(wake, id.clone()));
        }
        self.dispatch.withdraw(id);
        let mut again = Vec::new();
        for a in asked.into_iter().chain(later) {
            match a.command {
                Command::Release(_) | Command::Skip { .. } => {}
                Command::Tick if a.ticket.is_none() => {}
                _ => again.push(a),
            }
        }
        self.loading.entry(id.clone()).or_default().extend(again);
        self.outputs.push(Output::Load(id.clone()));
    }

    /// Lets go of a closed callout that has nothing left to do.
    pub(super) fn retire(&mut self, id: &CalloutId) {
        let Some(live) = self.live.get(id) else { return };
        let c = &live.callout;
        let busy = c.is_open()
            || self.staging.holds(id)
            || self.bundles.holds(id)
            || c.calls.iter().any(crate::model::Call::is_running)
            || self.handed.iter().any(|k| k.callout == *id)
            || self.on_line.any_of(id);
        if !busy {
            if let Some(wake) = self.live.remove(id).and_then(|l| l.wake) {
                self.wakes.remove(&(wake, id.clone()));
            }
            self.dispatch.withdraw(id);
            self.dispatch.forget(id);
        }
    }
}

/// Whether an attempt of unknown fate was tried anew: it is not to go out beside that.
pub(super) fn tried_anew(callout: &Callout, attempt: AttemptIx) -> bool {
    let a = &callout.attempts[attempt as usize];
    let later = callout.calls[a.call as usize].attempts.iter().rev().take_while(|x| **x > attempt);
    let mut later = later.map(|x| &callout.attempts[*x as usize]);
    a.stage == Stage::Unknown && later.any(|x| (x.track, x.rung) == (a.track, a.rung))
}
