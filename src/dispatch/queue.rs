//! A queue: the callouts that wait for the same lanes, each with its offers in order, and whose turn it is.
//!
//! Granting, offering and taking back cost the logarithm of what is queued: no queue is ever walked.

use super::Offer;
use crate::model::{CalloutId, Colour};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Whose turn it is: the gravest colour, and within it whoever was served longest ago.
pub(super) type Turn = (Reverse<Colour>, u64, CalloutId);

/// The offers of one callout in a queue.
struct Line {
    colour: Reverse<Colour>,
    /// When it joined the queue or was served last, counted in turns.
    served: u64,
    offers: BTreeSet<Offer>,
}

/// What waits for the same lanes.
#[derive(Default)]
pub(super) struct Queue {
    lines: BTreeMap<CalloutId, Line>,
    turns: BTreeSet<Turn>,
    len: usize,
}

// === impl Queue ===

impl Queue {
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
            Line { colour: offer.colour, served: clock, offers: BTreeSet::new() }
        });
        self.len += usize::from(line.offers.insert(offer));
    }

    /// Takes the first offer of the callout whose turn it is; its next turn comes behind all others, at
    /// turn `clock`.
    pub(super) fn pop(&mut self, clock: u64) -> Option<Offer> {
        let (colour, _, callout) = self.turns.pop_first()?;
        let line = self.lines.get_mut(&callout)?;
        let offer = line.offers.pop_first()?;
        self.len -= 1;
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
        line.offers
    }

    /// A callout has another colour now, and all that it offered has it too.
    pub(super) fn recolour(&mut self, callout: &CalloutId, colour: Colour) {
        let Some(line) = self.lines.get_mut(callout).filter(|l| l.colour.0 != colour) else { return };
        self.turns.remove(&(line.colour, line.served, callout.clone()));
        line.colour = Reverse(colour);
        self.turns.insert((line.colour, line.served, callout.clone()));
        let offers = std::mem::take(&mut line.offers);
        self.len -= offers.len();
        line.offers = offers.into_iter().map(|o| Offer { colour: Reverse(colour), ..o }).collect();
        self.len += line.offers.len();
    }

    /// All offers, in no order that matters.
    pub(super) fn into_offers(self) -> impl Iterator<Item = Offer> {
        self.lines.into_values().flat_map(|l| l.offers)
    }
}
