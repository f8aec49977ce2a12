//! Dispatch: in what order and how fast due calls become attempts.
//!
//! - **Here:** the queues of due rungs per channel and text, and a lane per gateway: rate, window, lines,
//!   and the texts that it has registered templates for.
//! - **Not here:** whether a call is still wanted (`engine` says so again at release), sending.
//! - **Depends on:** `model`, governor for rates.
//! - **Promises:** red never waits behind blue; drills have queues and lanes of their own, and a live
//!   call of a drill gives its number up to a real one; limits delay and never drop; a phone number has one
//!   live voice call. Queues are derived state: losing them loses nothing.

mod lane;

pub use lane::{Lane, LaneSettings, LaneState};

use crate::model::{AttemptKey, CallIx, CalloutId, Channel, Colour, GatewayId, SkipReason, TextKind, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A rung that is due. The order of offers is the order of calling: colour, step, risk of the ground, age.
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
    queues: BTreeMap<Kind, BTreeSet<Offer>>,
    lanes: Vec<Lane>,
    /// Numbers with a live voice call, and the offers that wait for each.
    busy: BTreeMap<String, (AttemptKey, Vec<Offer>)>,
}

// === impl Dispatch ===

impl Dispatch {
    /// Empty queues in front of lanes.
    #[must_use]
    pub fn new(lanes: Vec<Lane>) -> Self {
        Self { queues: BTreeMap::new(), lanes, busy: BTreeMap::new() }
    }

    /// Queues a due rung. Offering it again changes nothing.
    pub fn offer(&mut self, channel: Channel, offer: Offer) {
        self.queues.entry((offer.callout.is_drill(), channel, offer.text)).or_default().insert(offer);
    }

    /// Takes back all offers of a callout (its state was dropped; they will be offered again).
    pub fn withdraw(&mut self, callout: &CalloutId) {
        for queue in self.queues.values_mut() {
            queue.retain(|o| o.callout != *callout);
        }
        for (_, waiting) in self.busy.values_mut() {
            waiting.retain(|o| o.callout != *callout);
        }
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
        unserved.flat_map(|(kind, offers)| offers.into_iter().map(move |o| (o, why(kind)))).collect()
    }

    /// The most urgent offer that some lane can take at `now`, with that lane's gateway. The lane's
    /// token is spent and its window and line are held until [`Dispatch::give_back`],
    /// [`Dispatch::answered`] and [`Dispatch::ended`].
    pub fn grant(&mut self, now: Timestamp) -> Option<(GatewayId, Channel, Offer)> {
        let mut best: Option<(Offer, Kind, usize)> = None;
        for (kind, queue) in &self.queues {
            let Some(offer) = queue.first() else { continue };
            // Whatever is real goes before any drill: they may want the same number.
            if best.as_ref().is_some_and(|(b, (drill, ..), _)| (*drill, b) <= (kind.0, offer)) {
                continue;
            }
            let lane = self.lanes.iter().enumerate().filter(|(_, l)| l.serves(*kind));
            let free = lane.filter(|(_, l)| l.has_room(kind.1, now)).min_by_key(|(_, l)| l.state().in_flight);
            if let Some((lane, _)) = free {
                best = Some((offer.clone(), *kind, lane));
            }
        }
        let (offer, kind, lane) = best?;
        let channel = kind.1;
        if !self.lanes[lane].take(channel, now) {
            // The rate said no; the lane knows when it will say yes. Another lane may have tokens.
            return self.grant(now);
        }
        self.queues.get_mut(&kind)?.remove(&offer);
        Some((self.lanes[lane].settings().id.clone(), channel, offer))
    }

    /// When a lane that waits for its rate can grant again, while something is queued for it.
    #[must_use]
    pub fn next_grant_at(&self, now: Timestamp) -> Option<Timestamp> {
        let waits = |l: &&Lane| self.waiting(l) > 0;
        self.lanes.iter().filter(waits).filter_map(Lane::waits_until).filter(|at| *at > now).min()
    }

    /// A grant was not used: its window and line are free again.
    pub fn give_back(&mut self, gateway: &GatewayId, channel: Channel) {
        if let Some(lane) = self.lane_mut(gateway) {
            lane.answered(channel, false);
        }
    }

    /// Whether a voice call to this number is live; the offer then waits and comes back when it ends.
    /// A real one does not wait for a drill's.
    pub fn waits_for_number(&mut self, number: &str, offer: &Offer) -> bool {
        let Some((holder, waiting)) = self.busy.get_mut(number) else { return false };
        if holder.callout.is_drill() && !offer.callout.is_drill() {
            return false;
        }
        waiting.push(offer.clone());
        true
    }

    /// A voice call to this number is live from now on. What is returned is a drill's call on it, which
    /// is to be hung up; what waited for its end waits for the end of this one.
    pub fn hold_number(&mut self, number: &str, key: &AttemptKey) -> Option<AttemptKey> {
        let (before, waiting) = self.busy.remove(number).unzip();
        let held = (key.clone(), waiting.unwrap_or_default());
        self.busy.insert(number.to_owned(), held);
        before.filter(|b| b != key)
    }

    /// A voice call that an earlier engine began is still live: it holds its line and its number. What is
    /// returned is a drill's call that shares its number with a real one, and is to be hung up.
    pub fn resume(&mut self, gateway: &GatewayId, number: &str, key: &AttemptKey) -> Option<AttemptKey> {
        if let Some(lane) = self.lane_mut(gateway) {
            lane.resumed();
        }
        match self.busy.get(number).map(|(holder, _)| (holder.callout.is_drill(), key.callout.is_drill())) {
            None | Some((true, false)) => self.hold_number(number, key),
            Some((false, true)) => Some(key.clone()),
            Some(_) => None,
        }
    }

    /// The gateway answered the submit of an attempt; a voice call keeps its line when `live`.
    pub fn answered(&mut self, gateway: &GatewayId, channel: Channel, live: bool) {
        if let Some(lane) = self.lane_mut(gateway) {
            lane.answered(channel, live);
        }
    }

    /// A voice call ended: its line and its number are free.
    pub fn ended(&mut self, gateway: &GatewayId, key: &AttemptKey) {
        if let Some(lane) = self.lane_mut(gateway) {
            lane.ended();
        }
        self.free_number(key);
    }

    /// Frees the number that an attempt held, and queues again what waited for it.
    fn free_number(&mut self, key: &AttemptKey) {
        let number = self.busy.iter().find(|(_, (k, _))| k == key).map(|(number, _)| number.clone());
        if let Some((_, waiting)) = number.and_then(|n| self.busy.remove(&n)) {
            for offer in waiting {
                self.offer(Channel::Voice, offer);
            }
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
