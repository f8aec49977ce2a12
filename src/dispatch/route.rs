//! Routing: which lanes serve an offer, and which of them takes it.
//!
//! A lane serves by channel, drill and template, and by the carriers and regions that its gateway is configured for. Of the
//! lanes that serve, those with room take turns by weight, the first priority first; a lane that is doubted (it went
//! silent, or its canary fails) stands behind all others; a locked one never takes anything, one whose breaker is open only
//! its probe. An attempt that failed on a gateway goes to another one while any works.

use super::breaker::{BreakerSettings, Pass};
use super::{Dispatch, Kind, Lane, Queue};
use crate::model::{CalloutId, Channel, GatewayId, Passed, Routed, SkipReason, TextKind, Timestamp};

/// Results after which a lane's weight is judged anew.
const JUDGED: u32 = 20;
/// Percent of bad ones among them that halve the weight, and that let an eighth of it come back. Between them it stays.
const HALVES: u32 = 20;
const RESTORES: u32 = 5;
/// The weight of a doubtful one is divided by this.
const DOUBT: u32 = 4;
/// The full weight, in eighths.
const FULL: u8 = 8;

/// What a gateway is for, and when it counts as failing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Lower ones first; the others take what these have no room for.
    pub priority: u32,
    /// Its share among those of its priority.
    pub weight: u32,
    /// Names of the carriers whose numbers it takes; empty: all numbers.
    pub carriers: Vec<String>,
    /// Codes of the command regions that it serves, with all below; empty: all.
    pub regions: Vec<String>,
    /// Milliseconds after which it counts as silent: attempts were taken, and nothing more was ever told of any, while
    /// other gateways tell. `None` for one that tells nothing by contract.
    pub silent_ms: Option<i64>,
    /// When its breaker opens.
    pub breaker: BreakerSettings,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            priority: 1,
            weight: 100,
            carriers: Vec::new(),
            regions: Vec::new(),
            silent_ms: Some(900_000),
            breaker: BreakerSettings::default(),
        }
    }
}

/// A lane's rank and its gateway's priority; lower ones first.
pub(super) type Place = (Rank, u32);

/// How a lane stands for an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It did not work, and one attempt finds out whether it does again.
    Probe,
    Plain,
    Doubted,
}

/// What is left of a lane's weight: it falls fast and comes back slowly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worth {
    eighths: u8,
    bad: u32,
    seen: u32,
}

// === impl Worth ===

impl Worth {
    pub(super) const NEW: Self = Self { eighths: FULL, bad: 0, seen: 0 };

    pub(super) fn told(&mut self, good: bool) {
        self.seen += 1;
        self.bad += u32::from(!good);
        if self.seen == JUDGED {
            let percent = self.bad * 100 / JUDGED;
            if percent >= HALVES {
                self.eighths = (self.eighths / 2).max(1);
            } else if percent <= RESTORES {
                self.eighths = (self.eighths + 1).min(FULL);
            }
            (self.seen, self.bad) = (0, 0);
        }
    }

    /// Percent of the configured weight.
    pub(super) fn percent(self) -> u32 {
        u32::from(self.eighths) * 100 / u32::from(FULL)
    }
}

// === impl Lane ===

impl Lane {
    /// How many percent of its weight are left.
    pub(super) fn percent(&self) -> u32 {
        self.worth.percent() / if self.doubtful { DOUBT } else { 1 }
    }

    /// Its weight as it is now, in hundredths of what is configured.
    fn share(&self) -> i64 {
        i64::from(self.settings().route.weight) * i64::from(self.percent())
    }

    /// Whether it is for numbers of a carrier in a region; `None` for those that no section names.
    fn is_for(&self, carrier: Option<&str>, area: Option<&str>) -> bool {
        let Route { carriers, regions, .. } = &self.settings().route;
        let carrier = carriers.is_empty() || carrier.is_some_and(|c| carriers.iter().any(|name| name == c));
        let region = regions.is_empty() || area.is_some_and(|area| regions.iter().any(|r| area.starts_with(r)));
        carrier && region
    }

    /// Whether its breaker has not been closed for so long.
    pub(super) fn is_down_for(&self, ms: i64, now: Timestamp) -> bool {
        self.breaker.state().since().is_some_and(|since| now.ms_since(since) >= ms)
    }

    /// Why it takes no attempts, or only when no other does.
    fn flaw(&self, kind: Kind, now: Timestamp) -> Option<Passed> {
        match () {
            () if self.lock.is_some() => Some(Passed::Locked),
            () if self.breaker.pass(now) != Some(Pass::Flow) => Some(Passed::Open),
            () if self.is_silent(kind.channel) => Some(Passed::Silent),
            () if self.canary.as_ref().is_some_and(|c| !c.well && c.counts) => Some(Passed::Canary),
            () => None,
        }
    }
}

// === impl Dispatch ===

impl Dispatch {
    /// The lanes that serve a kind.
    pub(super) fn serving(&self, kind: Kind) -> Vec<usize> {
        let fits = |lane: &Lane| lane.serves(kind) && self.is_routed(lane, kind);
        (0..self.lanes.len()).filter(|ix| fits(&self.lanes[*ix])).collect()
    }

    fn is_routed(&self, lane: &Lane, kind: Kind) -> bool {
        let carrier = kind.carrier.map(|c| self.carriers[c].budget.name.as_str());
        lane.is_for(carrier, kind.area.map(|a| self.areas[a].as_str()))
    }

    /// Why no lane serves a kind.
    pub(super) fn unserved_why(&self, kind: Kind, queue: &Queue) -> SkipReason {
        let open = |l: &Lane| l.is_open_to(kind.drill, kind.channel) && self.is_routed(l, kind);
        match () {
            () if !queue.lanes.is_empty() => SkipReason::Locked,
            () if self.lanes.iter().any(open) => SkipReason::NoTemplate,
            () if kind.drill => SkipReason::NoDrillGateway,
            () => SkipReason::NoGateway,
        }
    }

    /// The narrowest region that some gateway is configured for and that holds a callout's.
    pub(super) fn area_of(&self, callout: &str) -> Option<usize> {
        self.areas.iter().position(|area| callout.starts_with(area.as_str()))
    }

    /// The lane with room that takes the next offer of a queue, and its place among the lanes: within a place turns go
    /// by weight.
    pub(super) fn choose(&self, kind: Kind, queue: &Queue, now: Timestamp) -> Option<(usize, Place)> {
        let mut best: Option<(Place, i64, usize)> = None;
        for ix in queue.lanes.iter().copied() {
            let Some(place) = self.place(kind, &queue.lanes, ix, now) else { continue };
            let credit = self.lanes[ix].credit + self.lanes[ix].share();
            if best.is_none_or(|(p, c, _)| place < p || (place == p && credit > c)) {
                best = Some((place, credit, ix));
            }
        }
        best.map(|(place, _, ix)| (ix, place))
    }

    fn place(&self, kind: Kind, serving: &[usize], ix: usize, now: Timestamp) -> Option<Place> {
        let lane = &self.lanes[ix];
        if !lane.has_room(kind.channel, now) {
            return None;
        }
        let rank = match lane.flaw(kind, now) {
            None if kind.avoid == Some(ix) && self.works(kind, serving, |o| o != ix, now) => return None,
            None => Rank::Plain,
            // Alone, so that what is told then is about it.
            Some(Passed::Open) if lane.state().in_flight == 0 && lane.breaker.pass(now).is_some() => Rank::Probe,
            Some(Passed::Silent) if lane.tries_again(kind.channel, now) => Rank::Probe,
            Some(Passed::Silent | Passed::Canary) => Rank::Doubted,
            Some(_) => return None,
        };
        Some((rank, lane.settings().route.priority))
    }

    /// The lanes that a queue goes through now: those that work, else those that only try.
    pub(super) fn flowing(&self, kind: Kind, queue: &Queue, now: Timestamp) -> Vec<usize> {
        let flows = |ix: &usize| {
            let flaw = self.lanes[*ix].flaw(kind, now);
            !matches!(flaw, Some(Passed::Locked | Passed::Open))
        };
        queue.lanes.iter().copied().filter(flows).collect()
    }

    /// Whether one of some lanes works, whether or not it has room.
    fn works(&self, kind: Kind, lanes: &[usize], which: impl Fn(usize) -> bool, now: Timestamp) -> bool {
        lanes.iter().any(|ix| which(*ix) && self.lanes[*ix].flaw(kind, now).is_none())
    }

    /// Turns by weight: each lane that could have taken it gains its share, and the one that takes it pays for all.
    pub(super) fn charge(&mut self, kind: Kind, serving: &[usize], (chosen, place): (usize, Place), now: Timestamp) {
        let mut all = 0;
        for ix in serving.iter().copied() {
            if ix == chosen || self.place(kind, serving, ix, now) == Some(place) {
                let share = self.lanes[ix].share();
                self.lanes[ix].credit += share;
                all += share;
            }
        }
        self.lanes[chosen].credit -= all;
    }

    /// What an auditor is told of a choice; `None` when it was plain: the best lane took it in its turn.
    pub(super) fn routed(
        &self,
        kind: Kind,
        serving: &[usize],
        (chosen, place): (usize, Place),
        now: Timestamp,
    ) -> Option<Box<Routed>> {
        let why = |ix: usize| {
            let lane = &self.lanes[ix];
            match lane.flaw(kind, now) {
                Some(flaw) => Some(flaw),
                None if kind.avoid == Some(ix) => Some(Passed::Failed),
                None => (lane.settings().route.priority < place.1).then_some(Passed::Busy),
            }
        };
        let no_worse = |ix: &&usize| **ix != chosen && self.lanes[**ix].settings().route.priority <= place.1;
        let past = serving.iter().filter(no_worse);
        let past = past.filter_map(|ix| Some((self.lanes[*ix].settings().id.clone(), why(*ix)?))).collect();
        let routed = Routed { probe: place.0 == Rank::Probe, past };
        (routed != Routed::default()).then(|| Box::new(routed))
    }

    /// Whether a gateway that is none of `tried` works for a text to a number.
    #[must_use]
    pub fn works_elsewhere(
        &self,
        (channel, text): (Channel, TextKind),
        number: &str,
        callout: &CalloutId,
        tried: impl Fn(&GatewayId) -> bool,
        now: Timestamp,
    ) -> bool {
        let kind = self.kind(channel, text, number, (callout, None));
        self.works(kind, &self.serving(kind), |ix| !tried(&self.lanes[ix].settings().id), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_falls_fast_and_comes_back_slowly() {
        let mut worth = Worth::NEW;
        let tell = |worth: &mut Worth, bad: u32| {
            (0..JUDGED).for_each(|i| worth.told(i >= bad));
            worth.percent()
        };
        assert_eq!(tell(&mut worth, 4), 50, "a fifth was bad");
        assert_eq!(tell(&mut worth, 2), 50, "a tenth changes nothing");
        assert_eq!(tell(&mut worth, 20), 25);
        assert_eq!(tell(&mut worth, 20), 12);
        assert_eq!(tell(&mut worth, 20), 12, "it never loses all of it");
        let back: Vec<_> = (0..8).map(|_| tell(&mut worth, 1)).collect();
        assert_eq!(back, [25, 37, 50, 62, 75, 87, 100, 100]);
    }
}
