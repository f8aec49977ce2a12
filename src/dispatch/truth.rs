//! What a gateway's word is worth: whether anything is told after it took attempts, and how often "delivered" leads to an
//! answer.
//!
//! Both are known by comparison only: people who do not answer and networks without receipts are no fault of a gateway. So
//! one is silent only while others of its channel tell, and doubtful only beside another that the same carrier's people
//! answer. Counted since the engine began.

use super::{Dispatch, Lane};
use crate::model::{AttemptKey, CalloutId, Channel, GatewayId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Attempts taken before a silence is one.
const UNHEARD_MIN: u32 = 5;
/// Attempts delivered before their answers are compared.
const DELIVERED_MIN: u64 = 50;
/// Percent of the best other one's share of answers below which a gateway is doubtful, and above which no longer.
const DOUBTFUL: u64 = 50;
const TRUSTED: u64 = 75;

/// What became of an attempt after its gateway took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The gateway says that it arrived.
    Delivered,
    /// The gateway says that it did not.
    Failed,
    /// The person answered on its channel.
    Answered,
}

/// Attempts of one gateway on one channel to the numbers of one carrier, of those that ask for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Said to have arrived.
    pub delivered: u64,
    /// Answered after that.
    pub answered: u64,
    /// Said not to have arrived.
    pub failed: u64,
}

/// The tallies by lane, channel and carrier.
#[derive(Default)]
pub(super) struct Truth {
    pub(super) tallies: BTreeMap<(usize, Channel, Option<usize>), Tally>,
    /// Attempts of open callouts that are delivered and not answered, and those that were answered: an answer may come
    /// first, and counts once.
    delivered: BTreeSet<AttemptKey>,
    answered: BTreeSet<AttemptKey>,
}

/// What a gateway tells on one channel after it took attempts.
#[derive(Clone, Debug, Default)]
pub(super) struct Hearing {
    /// Attempts taken since anything was told, and since when.
    unheard: u32,
    since: Option<Timestamp>,
    heard_at: Option<Timestamp>,
    /// Since when it counts as silent, and when one attempt tries again.
    silent: Option<(Timestamp, Timestamp)>,
}

// === impl Truth, Tally ===

impl Truth {
    fn told(&mut self, place: (usize, Channel, Option<usize>), key: &AttemptKey, told: Told) {
        let tally = self.tallies.entry(place).or_default();
        match told {
            Told::Failed => tally.failed += 1,
            Told::Delivered if self.delivered.insert(key.clone()) => {
                tally.delivered += 1;
                tally.answered += u64::from(self.answered.contains(key));
            }
            Told::Answered if self.answered.insert(key.clone()) => {
                tally.answered += u64::from(self.delivered.contains(key));
            }
            Told::Delivered | Told::Answered => {}
        }
    }

    fn forget(&mut self, callout: &CalloutId) {
        for set in [&mut self.delivered, &mut self.answered] {
            let first = AttemptKey { callout: callout.clone(), attempt: 0 };
            let last = AttemptKey { callout: callout.clone(), attempt: u32::MAX };
            set.extract_if(first..=last, |_| true).for_each(drop);
        }
    }
}

impl Tally {
    /// Percent of the delivered ones that were answered; `None` before any was delivered.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        (self.answered * 100).checked_div(self.delivered)
    }
}

// === impl Hearing ===

impl Hearing {
    pub(super) fn took(&mut self, now: Timestamp, retry_ms: i64) {
        self.unheard += 1;
        self.since.get_or_insert(now);
        if let Some((_, again)) = &mut self.silent {
            *again = now.plus_ms(retry_ms);
        }
    }

    fn heard(&mut self, now: Timestamp) {
        *self = Self { heard_at: Some(now), ..Self::default() };
    }
}

// === impl Lane ===

impl Lane {
    /// Whether it took attempts on a channel and nothing is told of them, while others tell.
    #[must_use]
    pub fn is_silent(&self, channel: Channel) -> bool {
        self.hearing.get(&channel).is_some_and(|h| h.silent.is_some())
    }

    /// Whether a silent one gets an attempt to see whether it tells again.
    pub(super) fn tries_again(&self, channel: Channel, now: Timestamp) -> bool {
        self.hearing.get(&channel).and_then(|h| h.silent).is_some_and(|(_, again)| again <= now)
    }
}

// === impl Dispatch ===

impl Dispatch {
    /// Something was told of an attempt that a gateway took.
    pub fn heard(&mut self, gateway: &GatewayId, channel: Channel, now: Timestamp) {
        if let Some(hearing) = self.lane_mut(gateway).and_then(|lane| lane.hearing.get_mut(&channel)) {
            hearing.heard(now);
        }
    }

    /// What became of an attempt that asks for an answer; told twice it counts once.
    pub fn told(&mut self, gateway: &GatewayId, channel: Channel, number: &str, key: &AttemptKey, told: Told) {
        let carrier = super::carrier_of(&self.carriers, &self.ported, number);
        if let Some(lane) = self.lanes.iter().position(|l| l.settings().id == *gateway) {
            self.truth.told((lane, channel, carrier), key, told);
        }
    }

    /// A callout is over: nothing more is told of its attempts.
    pub fn forget(&mut self, callout: &CalloutId) {
        self.truth.forget(callout);
    }

    /// Compares the lanes: which of them are silent, and whose word is doubtful. Looks at all of them once a second.
    pub fn look(&mut self, now: Timestamp) {
        if self.looked_at.is_some_and(|at| now.ms_since(at) < 1000) {
            return;
        }
        self.looked_at = Some(now);
        for ix in 0..self.lanes.len() {
            let silent: Vec<_> = self.silences(ix, now).collect();
            let retry_ms = self.lanes[ix].settings().route.breaker.pause_ms_max;
            for channel in silent {
                if let Some(hearing) = self.lanes[ix].hearing.get_mut(&channel) {
                    hearing.silent = Some((now, now.plus_ms(retry_ms)));
                }
            }
            self.lanes[ix].doubtful = self.is_doubtful(ix);
        }
    }

    /// The channels on which a lane is silent from now on.
    fn silences(&self, ix: usize, now: Timestamp) -> impl Iterator<Item = Channel> {
        let lane = &self.lanes[ix];
        let tells = move |channel: Channel, since: Timestamp| {
            let mut others = self.lanes.iter().filter(|o| o.settings().drill == lane.settings().drill);
            others.any(|o| o.hearing.get(&channel).is_some_and(|h| h.heard_at.is_some_and(|at| at >= since)))
        };
        let silent_ms = lane.settings().route.silent_ms;
        let silent = move |(channel, h): (&Channel, &Hearing)| {
            let since = h.since.filter(|_| h.silent.is_none() && h.unheard >= UNHEARD_MIN)?;
            (now.ms_since(since) >= silent_ms? && tells(*channel, since)).then_some(*channel)
        };
        lane.hearing.iter().filter_map(silent)
    }

    /// Whether a lane's "delivered" is answered far less than that of another lane, on the same channel and by the same
    /// carrier's people.
    fn is_doubtful(&self, ix: usize) -> bool {
        let enough = |t: &&Tally| t.delivered >= DELIVERED_MIN;
        let bar = if self.lanes[ix].doubtful { TRUSTED } else { DOUBTFUL };
        self.truth.tallies.iter().filter(|((lane, ..), t)| *lane == ix && enough(t)).any(|((_, channel, of), mine)| {
            let others = self.truth.tallies.iter().filter(|((l, c, o), _)| *l != ix && (c, o) == (channel, of));
            let best = others.map(|(_, t)| t).filter(enough).filter_map(Tally::percent).max();
            best.is_some_and(|best| mine.percent().is_some_and(|p| p * 100 < best * bar))
        })
    }
}
