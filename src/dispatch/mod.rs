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

mod budget;
mod forecast;
mod lane;
mod numbers;
mod pace;
mod queue;

pub use budget::{Budgets, CarrierBudget, PersonBudget};
pub use forecast::{Forecast, ForecastPart};
pub use lane::{Lane, LaneSettings, LaneState};

use crate::model::{
    AttemptKey, CallIx, CalloutId, Channel, Colour, GatewayId, PersonId, SkipReason, TextKind, Timestamp,
};
use budget::{Carrier, Persons, carrier_of};
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
    /// The call.
    pub call: CallIx,
    /// The track.
    pub track: u8,
    /// The rung.
    pub rung: u16,
    /// What is to be told.
    pub text: TextKind,
    /// The callout; last, as offers are mostly compared with others of the same one.
    pub callout: CalloutId,
}

/// What a queue is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// The real ones stand first.
    drill: bool,
    channel: Channel,
    /// What is told: a gateway may have no template for it.
    text: TextKind,
    /// Whose numbers are called, when that carrier has a budget.
    carrier: Option<usize>,
}

/// The queues and lanes of a cell.
pub struct Dispatch {
    queues: BTreeMap<Kind, Queue>,
    lanes: Vec<Lane>,
    numbers: Numbers,
    carriers: Vec<Carrier>,
    persons: Persons,
    /// Counts turns: each grant is one, and each callout that joins a queue.
    clock: u64,
    /// When something was last to be granted.
    now: Timestamp,
}

// === impl Dispatch ===

impl Dispatch {
    /// Empty queues in front of lanes.
    #[must_use]
    pub fn new(lanes: Vec<Lane>, budgets: Budgets) -> Self {
        Self {
            queues: BTreeMap::new(),
            lanes,
            numbers: Numbers::default(),
            carriers: budgets.carriers.into_iter().map(Carrier::new).collect(),
            persons: Persons::new(budgets.person),
            clock: 0,
            now: Timestamp(0),
        }
    }

    /// Queues a due rung that is to go to a number. Offering it again changes nothing.
    pub fn offer(&mut self, channel: Channel, number: &str, offer: Offer) {
        self.clock += 1;
        let carrier = carrier_of(&self.carriers, number);
        let kind = Kind { drill: offer.callout.is_drill(), channel, text: offer.text, carrier };
        self.queues.entry(kind).or_default().push(offer, self.clock);
    }

    /// Takes back all offers of a callout (its state was dropped; they will be offered again).
    pub fn withdraw(&mut self, callout: &CalloutId) {
        for queue in self.queues.values_mut() {
            queue.remove(callout);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        self.numbers.withdraw(callout);
        self.persons.withdraw(callout);
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
        for (channel, number, offer) in self.persons.recoloured(callout) {
            self.offer(channel, &number, Offer { colour: Reverse(colour), ..offer });
        }
    }

    /// Takes the offers that no lane serves, and never will, each with why.
    pub fn unserved(&mut self) -> Vec<(Offer, SkipReason)> {
        let lanes = &self.lanes;
        let none = |kind: &Kind| !lanes.iter().any(|l| l.serves(*kind));
        let why = |Kind { drill, channel, .. }: Kind| match () {
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
        self.carriers.iter_mut().for_each(|carrier| carrier.begin(now));
        while let Some((channel, number, offer)) = self.persons.due(now) {
            self.offer(channel, &number, offer);
        }
        loop {
            let (kind, lane) = self.next(now)?;
            // When the rate says no, the lane knows when it will say yes. Another lane may have tokens.
            if self.lanes[lane].take(kind.channel, now) {
                self.clock += 1;
                let queue = self.queues.get_mut(&kind)?;
                let offer = queue.pop(self.clock)?;
                if queue.is_empty() {
                    self.queues.remove(&kind);
                }
                if let Some(carrier) = kind.carrier {
                    self.carriers[carrier].take(now);
                }
                let more = self.queues.iter().any(|(k, q)| {
                    k.channel == kind.channel && self.lanes[lane].serves(*k) && self.has_budget(*k, q, now)
                });
                self.lanes[lane].granted(kind.channel, more, now);
                return Some((self.lanes[lane].settings().id.clone(), kind.channel, offer));
            }
        }
    }

    /// The queue whose turn it is among those that a lane with room serves, and that lane.
    fn next(&self, now: Timestamp) -> Option<(Kind, usize)> {
        let mut best: Option<((bool, &Turn), Kind, usize)> = None;
        for (kind, queue) in &self.queues {
            let Some(turn) = queue.turn() else { continue };
            // Whatever is real goes before any drill: they may want the same number.
            let turn = (kind.drill, turn);
            if best.as_ref().is_some_and(|(b, ..)| *b <= turn) || !self.has_budget(*kind, queue, now) {
                continue;
            }
            let lane = self.lanes.iter().enumerate().filter(|(_, l)| l.serves(*kind));
            let free = lane.filter(|(_, l)| l.has_room(kind.channel, now)).min_by_key(|(_, l)| l.state().in_flight);
            if let Some((lane, _)) = free {
                best = Some((turn, *kind, lane));
            }
        }
        best.map(|(_, kind, lane)| (kind, lane))
    }

    /// Whether the carrier's budget has room for whose turn it is.
    fn has_budget(&self, kind: Kind, queue: &Queue, now: Timestamp) -> bool {
        let colour = queue.turn().map_or(Colour::Blue, |(colour, ..)| colour.0);
        kind.carrier.is_none_or(|carrier| self.carriers[carrier].allows(colour, now))
    }

    /// When a lane or a carrier that waits for its rate can grant again, while something is queued for it,
    /// or somebody may be called again.
    #[must_use]
    pub fn next_grant_at(&self, now: Timestamp) -> Option<Timestamp> {
        let waits = |l: &&Lane| self.waiting(l) > 0;
        let lanes = self.lanes.iter().filter(waits).filter_map(Lane::waits_until);
        let carriers = self.queues.keys().filter_map(|kind| Some(self.carriers[kind.carrier?].free_at(now)));
        lanes.chain(carriers).chain(self.persons.next()).filter(|at| *at > now).min()
    }

    /// Whether a person was called too often to be called now for this offer, which then waits.
    pub fn waits_for_person(
        &mut self,
        person: &PersonId,
        (channel, number): (Channel, &str),
        offer: &Offer,
        now: Timestamp,
    ) -> bool {
        let drill = offer.callout.is_drill();
        let Some(until) = self.persons.waits_until(person, drill, offer.colour.0, now) else { return false };
        self.persons.hold(until, (channel, number.to_owned(), offer.clone()));
        true
    }

    /// An attempt to a person was released at `at`: it counts to the person's budget. Telling it again changes
    /// nothing.
    pub fn called(&mut self, person: &PersonId, key: &AttemptKey, at: Timestamp, now: Timestamp) {
        self.persons.called(person, key, at, now);
    }

    /// An attempt that was released at `at` never reached the person.
    pub fn not_called(&mut self, person: &PersonId, key: &AttemptKey, at: Timestamp) {
        self.persons.not_called(person, key, at);
    }

    /// Every budget with how many offers it holds back now.
    #[must_use]
    pub fn limited(&self, now: Timestamp) -> Vec<(String, usize)> {
        let held = |(i, carrier): (usize, &Carrier)| {
            let queues = self.queues.iter().filter(|(k, q)| k.carrier == Some(i) && !self.has_budget(**k, q, now));
            (carrier.budget.name.clone(), queues.map(|(_, q)| q.len()).sum())
        };
        let carriers = self.carriers.iter().enumerate().map(held);
        carriers.chain([("person".to_owned(), self.persons.later().len())]).collect()
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
        let (number, waiting) = self.numbers.free(key);
        for offer in waiting {
            self.offer(Channel::Voice, &number, offer);
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
