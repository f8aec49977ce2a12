//! Dispatch: in what order and how fast due calls become attempts.
//!
//! - **Here:** the queues of due rungs per channel and text, whose turn it is in each, the numbers with a
//!   live voice call, and a lane per gateway: rate, window, lines, and the texts that it has registered
//!   templates for. Which lane takes what (`route`), which one works (`breaker`), and what its word is worth (`truth`).
//!   How fast lanes really go is measured, and a forecast says when what is queued will have been made.
//! - **Not here:** whether a call is still wanted (`engine` says so again at release), sending.
//! - **Depends on:** `model`, governor for rates.
//! - **Promises:** red never waits behind blue; within a colour callouts take turns, so that no county waits
//!   behind another's thousands; drills have queues and lanes of their own, and a live
//!   call of a drill gives its number up to a real one; limits delay and never drop; a phone number has one
//!   live voice call; what several callouts of one colour want of one person at the same time goes out in one
//!   message; what one gateway fails, another that works gets. Queues are derived state: losing them loses
//!   nothing.

mod breaker;
mod budget;
mod forecast;
mod lane;
mod numbers;
mod pace;
mod queue;
mod route;
mod standing;
mod truth;

pub use breaker::{Breaker, BreakerSettings, BreakerState, Pass};
pub use budget::{Budgets, CarrierBudget, PersonBudget, Ported};
pub use forecast::{Forecast, ForecastPart};
pub use lane::{Lane, LaneSettings, LaneState};
pub use route::Route;
pub use standing::{CanaryResult, GatewayStanding, Lock, Outcome};
pub use truth::{Tally, Told};

use crate::model::{
    AttemptKey, CallIx, CalloutId, Channel, Colour, GatewayId, PersonId, Routed, SkipReason, TextKind, Timestamp,
};
use budget::{Carrier, Persons, carrier_of};
use numbers::Numbers;
use queue::{Queue, Turn};
use route::Place;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use truth::Truth;

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
    /// The gateway that failed it just now: it goes through another one, while any works.
    pub avoid: Option<GatewayId>,
    /// Whether another channel follows on its track: when nothing works here, that one is called.
    pub onward: bool,
    /// Whom it is to reach, as a digest of person and number: offers of several callouts that are equal in this may go
    /// out in one message. 0 when that is not known, or not wanted.
    pub whom: u64,
    /// The callout; last, as offers are mostly compared with others of the same one.
    pub callout: CalloutId,
}

/// An offer that a lane takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The lane's gateway.
    pub gateway: GatewayId,
    /// The channel.
    pub channel: Channel,
    /// The offer.
    pub offer: Offer,
    /// Offers of other callouts that wait for the same person: they go out in the same message.
    pub with: Vec<Offer>,
    /// Why this gateway, when that is not plain.
    pub routed: Option<Box<Routed>>,
}

/// Milliseconds that no gateway of a channel must have worked before the next channel of a person is called instead.
const DOWN_MS: i64 = 10_000;

/// What a queue is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// The real ones stand first.
    drill: bool,
    channel: Channel,
    /// What is told: a gateway may have no template for it.
    text: TextKind,
    /// Whose numbers are called, when that carrier is known.
    carrier: Option<usize>,
    /// The narrowest region of those that gateways are configured for.
    area: Option<usize>,
    /// The lane that failed it.
    avoid: Option<usize>,
}

/// The queues and lanes of a cell.
pub struct Dispatch {
    queues: BTreeMap<Kind, Queue>,
    lanes: Vec<Lane>,
    numbers: Numbers,
    carriers: Vec<Carrier>,
    ported: Ported,
    /// The regions that gateways are configured for, the narrowest first.
    areas: Vec<String>,
    persons: Persons,
    truth: Truth,
    bundle_max: usize,
    /// Counts turns: each grant is one, and each callout that joins a queue.
    clock: u64,
    /// When something was last to be granted.
    now: Timestamp,
    /// When the lanes were last compared.
    looked_at: Option<Timestamp>,
}

// === impl Dispatch ===

impl Dispatch {
    /// Empty queues in front of lanes.
    #[must_use]
    pub fn new(lanes: Vec<Lane>, budgets: Budgets) -> Self {
        let mut areas: Vec<_> = lanes.iter().flat_map(|l| l.settings().route.regions.iter().cloned()).collect();
        areas.sort_by_key(|area| Reverse(area.len()));
        Self {
            queues: BTreeMap::new(),
            lanes,
            numbers: Numbers::default(),
            carriers: budgets.carriers.into_iter().map(Carrier::new).collect(),
            ported: budgets.ported,
            areas,
            persons: Persons::new(budgets.person),
            truth: Truth::default(),
            bundle_max: budgets.bundle_max,
            clock: 0,
            now: Timestamp(0),
            looked_at: None,
        }
    }

    /// Queues a due rung that is to go to a number. Offering it again changes nothing.
    pub fn offer(&mut self, channel: Channel, number: &str, offer: Offer) {
        self.clock += 1;
        let kind = self.kind(channel, offer.text, number, (&offer.callout, offer.avoid.as_ref()));
        if !self.queues.contains_key(&kind) {
            let lanes = self.serving(kind);
            // A loudspeaker speaks of one warning at a time.
            let bundles = self.bundle_max > 1 && channel != Channel::Broadcast;
            self.queues.insert(kind, Queue::new(lanes, bundles));
        }
        if let Some(queue) = self.queues.get_mut(&kind) {
            queue.push(offer, self.clock);
        }
    }

    fn kind(
        &self,
        channel: Channel,
        text: TextKind,
        number: &str,
        (callout, avoid): (&CalloutId, Option<&GatewayId>),
    ) -> Kind {
        Kind {
            drill: callout.is_drill(),
            channel,
            text,
            carrier: carrier_of(&self.carriers, &self.ported, number),
            area: self.area_of(callout.as_str()),
            avoid: avoid.and_then(|id| self.lanes.iter().position(|l| l.settings().id == *id)),
        }
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
            queue.remove_call(callout, call, |_| true);
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

    /// Takes the offers that no lane serves, or only lanes that people locked, each with why; and of those for which no
    /// lane has worked for a while, the ones that another channel can serve.
    pub fn unserved(&mut self, now: Timestamp) -> Vec<(Offer, SkipReason)> {
        let lanes = &self.lanes;
        let none = |queue: &Queue| queue.lanes.iter().all(|ix| lanes[*ix].lock.is_some());
        let unserved: Vec<_> = self.queues.extract_if(.., |_, queue| none(queue)).collect();
        let why = |(kind, queue): (Kind, Queue)| {
            let why = self.unserved_why(kind, &queue);
            queue.into_offers().map(move |offer| (offer, why))
        };
        let mut unserved: Vec<_> = unserved.into_iter().flat_map(why).collect();
        for queue in self.queues.values_mut().filter(|queue| queue.has_onward()) {
            let works = |ix: &usize| lanes[*ix].lock.is_none() && !lanes[*ix].is_down_for(DOWN_MS, now);
            if !queue.lanes.iter().any(works) {
                unserved.extend(queue.take_onward().into_iter().map(|offer| (offer, SkipReason::NoneWorks)));
            }
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        unserved
    }

    /// The most urgent offer that some lane can take at `now`. The lane's
    /// token is spent and its window and line are held until [`Dispatch::give_back`],
    /// [`Dispatch::answered`] and [`Dispatch::ended`].
    pub fn grant(&mut self, now: Timestamp) -> Option<Grant> {
        self.now = now;
        self.carriers.iter_mut().for_each(|carrier| carrier.begin(now));
        while let Some((channel, number, offer)) = self.persons.due(now) {
            self.offer(channel, &number, offer);
        }
        loop {
            let (kind, lane, place) = self.next(now)?;
            // When the rate says no, the lane knows when it will say yes. Another lane may have tokens.
            if self.lanes[lane].take(kind.channel, now) {
                self.clock += 1;
                let queue = self.queues.get_mut(&kind)?;
                let offer = queue.pop(self.clock)?;
                // A registered template holds one warning.
                let free = self.lanes[lane].settings().templates.is_empty();
                let with = if free { queue.take_with(&offer, self.bundle_max.saturating_sub(1)) } else { Vec::new() };
                let serving = queue.lanes.clone();
                if queue.is_empty() {
                    self.queues.remove(&kind);
                }
                if let Some(carrier) = kind.carrier {
                    self.carriers[carrier].take(now);
                }
                let more = self
                    .queues
                    .iter()
                    .any(|(k, q)| k.channel == kind.channel && q.lanes.contains(&lane) && self.has_budget(*k, q, now));
                let routed = self.routed(kind, &serving, (lane, place), now);
                self.charge(kind, &serving, (lane, place), now);
                let taken = &mut self.lanes[lane];
                taken.breaker.passed();
                taken.granted(kind.channel, more, now);
                return Some(Grant {
                    gateway: taken.settings().id.clone(),
                    channel: kind.channel,
                    offer,
                    with,
                    routed,
                });
            }
        }
    }

    /// The queue whose turn it is among those that a lane with room serves, and that lane.
    fn next(&self, now: Timestamp) -> Option<(Kind, usize, Place)> {
        type Best<'a> = ((bool, &'a Turn), Kind, (usize, Place));
        let mut best: Option<Best<'_>> = None;
        for (kind, queue) in &self.queues {
            let Some(turn) = queue.turn() else { continue };
            // Whatever is real goes before any drill: they may want the same number.
            let turn = (kind.drill, turn);
            if best.as_ref().is_some_and(|(b, ..)| *b <= turn) || !self.has_budget(*kind, queue, now) {
                continue;
            }
            if let Some(lane) = self.choose(*kind, queue, now) {
                best = Some((turn, *kind, lane));
            }
        }
        best.map(|(_, kind, (lane, place))| (kind, lane, place))
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
        let waiting = self.lanes().filter(|(_, waiting)| *waiting > 0);
        let lanes = waiting.filter_map(|(lane, _)| match lane.breaker.state() {
            BreakerState::Open { until, .. } => Some(lane.waits_until().map_or(until, |at| at.max(until))),
            _ => lane.waits_until(),
        });
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
        let limited = |(_, carrier): &(usize, &Carrier)| !carrier.is_free();
        let carriers = self.carriers.iter().enumerate().filter(limited).map(held);
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

    /// The lanes, each with how many offers wait that it serves.
    pub fn lanes(&self) -> impl Iterator<Item = (&Lane, usize)> {
        self.lanes.iter().enumerate().map(|(ix, lane)| (lane, self.waiting(ix)))
    }

    /// How many offers wait that a lane serves.
    fn waiting(&self, ix: usize) -> usize {
        self.queues.values().filter(|queue| queue.lanes.contains(&ix)).map(Queue::len).sum()
    }

    fn lane_mut(&mut self, gateway: &GatewayId) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|l| l.settings().id == *gateway)
    }
}
