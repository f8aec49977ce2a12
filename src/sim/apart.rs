//! Promise 7, checked from outside: drills and the real thing never touch, and never look alike.

use super::checks::Checks;
use crate::engine::is_marked;
use crate::gateway::Outgoing;
use crate::model::{Callout, Channel, CloseReason, Event, GatewayId, Purpose, Timestamp};
use crate::runtime::Cell;

/// How long a drill may go on beside a real red or orange warning on its ground.
const SUSPENDED_WITHIN_MS: i64 = 1000;

impl Checks {
    /// An attempt reaches a gateway: it is of the kind that the gateway is for, marked when it is a
    /// drill's and only then, and no drill's that has given way.
    pub fn kept_apart(&mut self, cell: &Cell, gateway: &GatewayId, outgoing: &Outgoing) {
        let key = &outgoing.key;
        let Some(callout) = cell.callouts().find(|c| c.id == key.callout) else { return };
        let drill = callout.head.as_ref().is_some_and(|h| h.status.is_drill());
        self.seen.drill_sends += u64::from(drill);
        if gateway.as_str().starts_with("drill") != drill || outgoing.drill != drill || callout.id.is_drill() != drill {
            self.fail(7, format!("{key} went through {gateway}; a drill: {drill}"));
        }
        if is_marked(&outgoing.text) != drill {
            self.fail(7, format!("{key} reads {:?}; a drill: {drill}", outgoing.text));
        }
        let speech = outgoing.speech.as_ref();
        let said = speech.map(|s| s.spoken().concat());
        if said.as_ref().is_some_and(|said| is_marked(said) != drill)
            || (outgoing.channel == Channel::Voice) != said.is_some()
        {
            self.fail(7, format!("{key} says {said:?}; a drill: {drill}"));
        }
        let purpose = callout.calls[callout.attempts[key.attempt as usize].call as usize].purpose;
        if callout.closed == Some(CloseReason::Suspended) && purpose != Purpose::Suspended {
            self.fail(7, format!("{key} went out for {purpose:?} after its drill gave way"));
        }
    }

    /// What became durable in a callout: only a drill gives way, and only to the real thing.
    pub(super) fn gave_way(&mut self, callout: &Callout, event: &Event) {
        if let Event::Closed { reason: CloseReason::Suspended, by, .. } = event {
            self.seen.suspended += 1;
            if !callout.id.is_drill() || by.as_ref().is_none_or(|by| by.is_drill()) {
                self.fail(7, format!("{} gave way to {by:?}", callout.id));
            }
        }
    }

    /// The cell has nothing left to do at `now`: no drill goes on beside a real red or orange warning on
    /// its ground for longer than a second.
    pub(super) fn drills_give_way(&mut self, cell: &Cell, now: Timestamp) {
        let mut beside = std::collections::BTreeMap::new();
        for real in cell.callouts().filter(|c| c.suspends_drills()) {
            let Some(region) = real.head.as_ref().map(|h| &h.region) else { continue };
            let shares =
                |c: &&Callout| c.head.as_ref().is_some_and(|h| h.region.holds(region) || region.holds(&h.region));
            for drill in cell.callouts().filter(|c| c.id.is_drill() && c.is_open()).filter(shares) {
                let pair = (drill.id.clone(), real.id.clone());
                let since = self.beside.get(&pair).copied().unwrap_or(now);
                beside.insert(pair, since);
            }
        }
        let over: Vec<_> = beside
            .iter()
            .filter(|(_, since)| now.ms_since(**since) > SUSPENDED_WITHIN_MS)
            .map(|(p, _)| p.clone())
            .collect();
        for (drill, real) in over {
            self.fail(7, format!("{drill} goes on beside {real}"));
        }
        self.beside = beside;
    }
}
