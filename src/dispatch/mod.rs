//! Dispatch: in what order and how fast due calls become attempts.
//!
//! - **Here:** the queues of due rungs per channel and text, whose turn it is in each, the numbers with a
//!   live voice call, and a lane per gateway: rate, window, lines, and the texts that it has registered
//!   templates for.
//!   How fast lanes really go is measured, and a forecast says when what is queued will have been made.
//! - **Not here:** whether a call is still wanted (`engine` says so again at release), sending.
//! - **Depends on:** `model`, governor for rates.
//! - **Promises:** red never waits behind blue; within a colour callouts take turns, so that no county waits
//!   behind another's thousands; drills have queues and lanes of their own, and a live
//!   call of a drill gives its number up to a real one; limits delay and never drop; a phone number has one
//!   live voice call. Queues are derived state: losing them loses nothing.

mod forecast;
mod lane;
mod numbers;
mod pace;
mod queue;

pub use forecast::{Forecast, ForecastPart};
pub use lane::{Lane, LaneSettings, LaneState};

use crate::model::{AttemptKey, CallIx, CalloutId, Channel, Colour, GatewayId, SkipReason, TextKind, Timestamp};
use numbers::Numbers;
use queue::{Queue, Turn};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A rung that is due. The order of offers is the order of calling within a callout: step, risk of the
/// ground, age. Between callouts the graver colour goes first, and equal colours take turns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    /// Red first.
    pub colour: Reverse<Colour>,
    /// Lower steps first.
    pub step: u8,
    /// Riskier ground first.
    pub risk: Reverse<u8>,
    /// Older first.
    pub due: Timestamp,
    /// The callout.
    pub callout: CalloutId,
    /// The call.
    pub call: CallIx,
    /// The track.
    pub track: u8,
    /// The rung.
    pub rung: u16,
    /// What is to be told.
    pub text: TextKind,
}

/// What a queue is for: whether drills (the real ones stand first), the channel, and what is told: a
/// gateway may have no template for it.
type Kind = (bool, Channel, TextKind);

/// The queues and lanes of a cell.
pub struct Dispatch {
    queues: BTreeMap<Kind, Queue>,
    lanes: Vec<Lane>,
    numbers: Numbers,
    /// Counts turns: each grant is one, and each callout that joins a queue.
    clock: u64,
    /// When something was last to be granted.
    now: Timestamp,
}

// === impl Dispatch ===

impl Dispatch {
    /// Empty queues in front of lanes.
    #[must_use]
    pub fn new(lanes: Vec<Lane>) -> Self {
        Self { queues: BTreeMap::new(), lanes, numbers: Numbers::default(), clock: 0, now: Timestamp(0) }
    }

    /// Queues a due rung. Offering it again changes nothing.
    pub fn offer(&mut self, channel: Channel, offer: Offer) {
        self.clock += 1;
        let kind = (offer.callout.is_drill(), channel, offer.text);
        self.queues.entry(kind).or_default().push(offer, self.clock);
    }

    /// Takes back all offers of a callout (its state was dropped; they will be offered again).
    pub fn withdraw(&mut self, callout: &CalloutId) {
        for queue in self.queues.values_mut() {
            queue.remove(callout);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        self.numbers.withdraw(callout);
    }

    /// Takes back the offers of a call that has nothing left to ask.
    pub fn withdraw_call(&mut self, callout: &CalloutId, call: CallIx) {
        for queue in self.queues.values_mut() {
            queue.remove_call(callout, call);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
    }

    /// A callout has another colour: what it offered is as urgent as that from now on.
    pub fn recolour(&mut self, callout: &CalloutId, colour: Colour) {
        self.queues.values_mut().for_each(|queue| queue.recolour(callout, colour));
        self.numbers.recolour(callout, colour);
    }

    /// Takes the offers that no lane serves, and never will, each with why.
    pub fn unserved(&mut self) -> Vec<(Offer, SkipReason)> {
        let lanes = &self.lanes;
        let none = |kind: &Kind| !lanes.iter().any(|l| l.serves(*kind));
        let why = |(drill, channel, _): Kind| match () {
            () if lanes.iter().any(|l| l.is_open_to(drill, channel)) => SkipReason::NoTemplate,
            () if drill => SkipReason::NoDrillGateway,
            () => SkipReason::NoGateway,
        };
        let unserved = self.queues.extract_if(.., |kind, _| none(kind));
        unserved.flat_map(|(kind, queue)| queue.into_offers().map(move |o| (o, why(kind)))).collect()
    }

    /// The most urgent offer that some lane can take at `now`, with that lane's gateway. The lane's
    /// token is spent and its window and line are held until [`Dispatch::give_back`],
    /// [`Dispatch::answered`] and [`Dispatch::ended`].
    pub fn grant(&mut self, now: Timestamp) -> Option<(GatewayId, Channel, Offer)> {
        self.now = now;
        loop {
            let (kind, lane) = self.next(now)?;
            // When the rate says no, the lane knows when it will say yes. Another lane may have tokens.
            if self.lanes[lane].take(kind.1, now) {
                self.clock += 1;
                let queue = self.queues.get_mut(&kind)?;
                let offer = queue.pop(self.clock)?;
                if queue.is_empty() {
                    self.queues.remove(&kind);
                }
                let more = self.queues.keys().any(|k| k.1 == kind.1 && self.lanes[lane].serves(*k));
                self.lanes[lane].granted(kind.1, more, now);
                return Some((self.lanes[lane].settings().id.clone(), kind.1, offer));
            }
        }
    }

    /// The queue whose turn it is among those that a lane with room serves, and that lane.
    fn next(&self, now: Timestamp) -> Option<(Kind, usize)> {
        let mut best: Option<((bool, &Turn), Kind, usize)> = None;
        for (kind, queue) in &self.queues {
            let Some(turn) = queue.turn() else { continue };
            // Whatever is real goes before any drill: they may want the same number.
            let turn = (kind.0, turn);
            if best.as_ref().is_some_and(|(b, ..)| *b <= turn) {
                continue;
            }
            let lane = self.lanes.iter().enumerate().filter(|(_, l)| l.serves(*kind));
            let free = lane.filter(|(_, l)| l.has_room(kind.1, now)).min_by_key(|(_, l)| l.state().in_flight);
            if let Some((lane, _)) = free {
                best = Some((turn, *kind, lane));
            }
        }
        best.map(|(_, kind, lane)| (kind, lane))
    }

    /// When a lane that waits for its rate can grant again, while something is queued for it.
    #[must_use]
    pub fn next_grant_at(&self, now: Timestamp) -> Option<Timestamp> {
        let waits = |l: &&Lane| self.waiting(l) > 0;
        self.lanes.iter().filter(waits).filter_map(Lane::waits_until).filter(|at| *at > now).min()
    }

    /// A grant was not used: its window and line are free again.
    pub fn give_back(&mut self, gateway: &GatewayId, channel: Channel) {
        self.answered(gateway, channel, false);
    }

    /// Whether a voice call to this number is live; the offer then waits and comes back when it ends.
    /// A real one does not wait for a drill's.
    pub fn waits_for_number(&mut self, number: &str, offer: &Offer) -> bool {
        self.numbers.wait(number, offer)
    }

    /// A voice call to this number is live from now on. What is returned is a drill's call on it, which
    /// is to be hung up; what waited for its end waits for the end of this one.
    pub fn hold_number(&mut self, number: &str, key: &AttemptKey) -> Option<AttemptKey> {
        self.numbers.hold(number, key)
    }

    /// A voice call that an earlier engine began is still live: it holds its line and its number. What is
    /// returned is a drill's call that shares its number with a real one, and is to be hung up.
    pub fn resume(&mut self, gateway: &GatewayId, number: &str, key: &AttemptKey) -> Option<AttemptKey> {
        if let Some(lane) = self.lane_mut(gateway) {
            lane.resumed();
        }
        match self.numbers.holder(number).map(|holder| (holder.callout.is_drill(), key.callout.is_drill())) {
            None | Some((true, false)) => self.hold_number(number, key),
            Some((false, true)) => Some(key.clone()),
            Some(_) => None,
        }
    }

    /// The gateway answered the submit of an attempt; a voice call keeps its line when `live`.
    pub fn answered(&mut self, gateway: &GatewayId, channel: Channel, live: bool) {
        let now = self.now;
        if let Some(lane) = self.lane_mut(gateway) {
            lane.answered(channel, live, now);
        }
    }

    /// A voice call ended: its line and its number are free.
    pub fn ended(&mut self, gateway: &GatewayId, key: &AttemptKey) {
        let now = self.now;
        if let Some(lane) = self.lane_mut(gateway) {
            lane.ended(now);
        }
        for offer in self.numbers.free(key) {
            self.offer(Channel::Voice, offer);
        }
    }

    /// A gateway asked for a pause.
    pub fn pause(&mut self, gateway: &GatewayId, until: Timestamp) {
        if let Some(lane) = self.lane_mut(gateway) {
            lane.pause(until);
        }
    }

    /// The lanes, each with how many offers wait on the channels it serves.
    pub fn lanes(&self) -> impl Iterator<Item = (&Lane, usize)> {
        self.lanes.iter().map(|l| (l, self.waiting(l)))
    }

    /// How many offers wait on the channels of a lane.
    fn waiting(&self, lane: &Lane) -> usize {
        self.queues.iter().filter(|(kind, _)| lane.serves(**kind)).map(|(_, queue)| queue.len()).sum()
    }

    fn lane_mut(&mut self, gateway: &GatewayId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|l| l.settings().id == *gateway)
    }
}
