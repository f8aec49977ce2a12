//! A queue: the callouts that wait for the same lanes, each with its offers in order, and whose turn it is.
//!
//! Granting, offering and taking back cost the logarithm of what is queued: no queue is ever walked. Who else waits
//! for the same person is one look into a hash table.

use super::Offer;
use crate::model::{CallIx, CalloutId, Colour};
use foldhash::fast::FixedState;
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Whose turn it is: the gravest colour, and within it whoever was served longest ago.
pub(super) type Turn = (Reverse<Colour>, u64, CalloutId);

/// The offers of one callout in a queue.
struct Line {
    colour: Reverse<Colour>,
    /// When it joined the queue or was served last, counted in turns.
    served: u64,
    offers: BTreeSet<Offer>,
    /// The offers of each call.
    calls: BTreeMap<CallIx, Vec<Offer>>,
    /// Offers of each step.
    steps: BTreeMap<u8, usize>,
}

/// How a line of a queue stands.
pub(super) struct Waits<'a> {
    pub(super) callout: &'a CalloutId,
    pub(super) colour: Reverse<Colour>,
    /// Offers of each step.
    pub(super) steps: &'a BTreeMap<u8, usize>,
    /// The share of grants that went to offers younger than the last in line.
    pub(super) overtaken: f64,
}

/// The calls that wait for one person on one number. Mostly it is one.
struct Same {
    first: (CalloutId, CallIx),
    more: Vec<(CalloutId, CallIx)>,
}

/// Grants over which it is remembered how many overtook the last in line.
const REMEMBERED: u32 = 60;

/// What waits for the same lanes.
pub(super) struct Queue {
    /// The lanes that serve it.
    pub(super) lanes: Arc<[usize]>,
    lines: BTreeMap<CalloutId, Line>,
    turns: BTreeSet<Turn>,
    /// Who waits for whom; `None` when nothing goes out together here.
    same: Option<HashMap<u64, Same, FixedState>>,
    len: usize,
    /// Offers that another channel can serve.
    onward: usize,
    /// The share of grants that went to offers younger than the last in their line.
    overtaken: f64,
    grants: u32,
}

// === impl Queue ===

impl Queue {
    /// An empty queue in front of some lanes, and whether what waits for one person goes out together.
    pub(super) fn new(lanes: Vec<usize>, bundles: bool) -> Self {
        let (lines, turns) = (BTreeMap::new(), BTreeSet::new());
        let same = bundles.then(HashMap::default);
        Self { lanes: lanes.into(), lines, turns, same, len: 0, onward: 0, overtaken: 0.0, grants: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The turn that comes next.
    pub(super) fn turn(&self) -> Option<&Turn> {
        self.turns.first()
    }

    /// Adds an offer. A callout that had none joins behind all others of its colour, at turn `clock`.
    pub(super) fn push(&mut self, offer: Offer, clock: u64) {
        self.recolour(&offer.callout, offer.colour.0);
        let line = self.lines.entry(offer.callout.clone()).or_insert_with(|| {
            self.turns.insert((offer.colour, clock, offer.callout.clone()));
            Line::new(offer.colour, clock)
        });
        let (onward, whom) = (usize::from(offer.onward), offer.whom);
        let who = (self.same.is_some() && whom != 0).then(|| (offer.callout.clone(), offer.call));
        if line.push(offer) {
            self.len += 1;
            self.onward += onward;
            if let (Some(same), Some(who)) = (&mut self.same, who) {
                note(same, whom, who);
            }
        }
    }

    /// Takes the first offer of the callout whose turn it is; its next turn comes behind all others, at
    /// turn `clock`.
    pub(super) fn pop(&mut self, clock: u64) -> Option<Offer> {
        let (colour, _, callout) = self.turns.pop_first()?;
        let line = self.lines.get_mut(&callout)?;
        let (offer, overtakes) = line.pop()?;
        self.len -= 1;
        self.onward -= usize::from(offer.onward);
        forget(&mut self.same, &offer);
        self.grants = (self.grants + 1).min(REMEMBERED);
        self.overtaken += (f64::from(u8::from(overtakes)) - self.overtaken) / f64::from(self.grants);
        line.served = clock;
        if line.offers.is_empty() {
            self.lines.remove(&callout);
        } else {
            self.turns.insert((colour, clock, callout));
        }
        Some(offer)
    }

    /// Takes all offers of a callout.
    pub(super) fn remove(&mut self, callout: &CalloutId) -> BTreeSet<Offer> {
        let Some(line) = self.lines.remove(callout) else { return BTreeSet::new() };
        self.turns.remove(&(line.colour, line.served, callout.clone()));
        self.len -= line.offers.len();
        self.onward -= line.offers.iter().filter(|o| o.onward).count();
        line.offers.iter().for_each(|offer| forget(&mut self.same, offer));
        line.offers
    }

    /// Takes up to `max` offers that other callouts of the same colour have for the person of an offer that was taken,
    /// the most urgent first, one of each callout.
    pub(super) fn take_with(&mut self, offer: &Offer, max: usize) -> Vec<Offer> {
        let Some(same) = self.same.as_ref().and_then(|same| same.get(&offer.whom)) else { return Vec::new() };
        let of = |(callout, call): &(CalloutId, CallIx)| {
            let line = self.lines.get(callout).filter(|l| l.colour == offer.colour && *callout != offer.callout)?;
            line.calls.get(call)?.iter().filter(|o| o.whom == offer.whom).min().cloned()
        };
        let mut with: Vec<Offer> = std::iter::once(&same.first).chain(&same.more).filter_map(of).collect();
        with.sort();
        let mut callouts = BTreeSet::new();
        with.retain(|o| callouts.insert(o.callout.clone()));
        with.truncate(max);
        for taken in &with {
            self.remove_call(&taken.callout, taken.call, |o| o == taken);
        }
        with
    }

    /// Whether another channel can serve some of the offers.
    pub(super) fn has_onward(&self) -> bool {
        self.onward > 0
    }

    /// Takes the offers that another channel can serve.
    pub(super) fn take_onward(&mut self) -> Vec<Offer> {
        let onward = self.lines.values().flat_map(|l| l.offers.iter().filter(|o| o.onward));
        let taken: Vec<Offer> = onward.cloned().collect();
        for offer in &taken {
            self.remove_call(&offer.callout, offer.call, |o| o == offer);
        }
        taken
    }

    /// A callout has another colour now, and all that it offered has it too.
    pub(super) fn recolour(&mut self, callout: &CalloutId, colour: Colour) {
        let Some(line) = self.lines.get_mut(callout).filter(|l| l.colour.0 != colour) else { return };
        self.turns.remove(&(line.colour, line.served, callout.clone()));
        line.colour = Reverse(colour);
        self.turns.insert((line.colour, line.served, callout.clone()));
        let offers = std::mem::take(&mut line.offers);
        line.offers = offers.into_iter().map(|o| Offer { colour: Reverse(colour), ..o }).collect();
        line.calls.values_mut().flatten().for_each(|o| o.colour = Reverse(colour));
    }

    /// Takes those offers of a call that nobody waits for any more.
    pub(super) fn remove_call(&mut self, callout: &CalloutId, call: CallIx, which: impl Fn(&Offer) -> bool) {
        let Some(line) = self.lines.get_mut(callout) else { return };
        let (gone, stays): (Vec<_>, Vec<_>) =
            line.calls.remove(&call).unwrap_or_default().into_iter().partition(|o| which(o));
        if !stays.is_empty() {
            line.calls.insert(call, stays);
        }
        for offer in gone {
            self.len -= 1;
            self.onward -= usize::from(offer.onward);
            forget(&mut self.same, &offer);
            line.offers.remove(&offer);
            line.left(offer.step);
        }
        if line.offers.is_empty() {
            self.remove(callout);
        }
    }

    /// How the lines stand.
    pub(super) fn waits(&self) -> impl Iterator<Item = Waits<'_>> {
        self.lines.iter().map(|(callout, line)| Waits {
            callout,
            colour: line.colour,
            steps: &line.steps,
            overtaken: self.overtaken,
        })
    }

    /// All offers, in no order that matters.
    pub(super) fn into_offers(self) -> impl Iterator<Item = Offer> {
        self.lines.into_values().flat_map(|l| l.offers)
    }
}

/// A call waits for somebody.
fn note(same: &mut HashMap<u64, Same, FixedState>, whom: u64, who: (CalloutId, CallIx)) {
    match same.entry(whom) {
        Entry::Vacant(free) => {
            free.insert(Same { first: who, more: Vec::new() });
        }
        Entry::Occupied(mut taken) => taken.get_mut().more.push(who),
    }
}

/// An offer is gone.
fn forget(same: &mut Option<HashMap<u64, Same, FixedState>>, offer: &Offer) {
    let Some(same) = same else { return };
    let Entry::Occupied(mut of) = same.entry(offer.whom) else { return };
    let is = |(callout, call): &(CalloutId, CallIx)| *call == offer.call && *callout == offer.callout;
    let all = of.get_mut();
    match all.more.iter().position(is) {
        Some(at) => drop(all.more.swap_remove(at)),
        None if is(&all.first) => match all.more.pop() {
            Some(next) => all.first = next,
            None => drop(of.remove()),
        },
        None => {}
    }
}

// === impl Line ===

impl Line {
    fn new(colour: Reverse<Colour>, served: u64) -> Self {
        Self { colour, served, offers: BTreeSet::new(), calls: BTreeMap::new(), steps: BTreeMap::new() }
    }

    fn push(&mut self, offer: Offer) -> bool {
        let fresh = self.offers.insert(offer.clone());
        if fresh {
            *self.steps.entry(offer.step).or_default() += 1;
            self.calls.entry(offer.call).or_default().push(offer);
        }
        fresh
    }

    /// Takes the first offer, and whether it is younger than the last.
    fn pop(&mut self) -> Option<(Offer, bool)> {
        let offer = self.offers.pop_first()?;
        self.left(offer.step);
        if let Some(of_call) = self.calls.get_mut(&offer.call) {
            of_call.retain(|o| *o != offer);
            if of_call.is_empty() {
                self.calls.remove(&offer.call);
            }
        }
        let overtakes = self.offers.last().is_some_and(|last| offer.due > last.due);
        Some((offer, overtakes))
    }

    /// An offer of a step is gone.
    fn left(&mut self, step: u8) {
        if let Some(count) = self.steps.get_mut(&step) {
            *count -= 1;
            if *count == 0 {
                self.steps.remove(&step);
            }
        }
    }
}
