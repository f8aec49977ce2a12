//! Budgets beside the limits of gateways: what goes to a carrier, and how often a person is called.
//!
//! What a budget holds back waits. A budget may yield to a colour; one that a contract sets yields to none.

use super::Offer;
use crate::model::{AttemptKey, CalloutId, Channel, Colour, PersonId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Milliseconds of an hour and of a day.
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The budgets of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budgets {
    /// By carrier.
    pub carriers: Vec<CarrierBudget>,
    /// Of each person.
    pub person: PersonBudget,
    /// Numbers that left the carrier that they begin like.
    pub ported: Ported,
    /// Warnings in one message to a person, at most; with 0 or 1 each goes alone.
    pub bundle_max: usize,
}

/// Numbers that were ported, each with the name of the carrier that has it now. Shown nowhere: they are people's.
#[derive(Clone, Default, PartialEq)]
pub struct Ported(pub Arc<HashMap<Box<str>, Box<str>>>);

/// What may go to the numbers of a carrier, over all gateways.
#[derive(Clone, Debug, PartialEq)]
pub struct CarrierBudget {
    /// The carrier.
    pub name: String,
    /// Beginnings of its numbers; the longest that fits counts.
    pub prefixes: Vec<String>,
    /// Attempts per second in the long run; infinite for a carrier without a budget.
    pub rate_per_s: f64,
    /// Attempts that may go at once after a pause.
    pub burst: u32,
    /// This colour and graver ones may exceed it; `None` when a contract forbids that.
    pub yields_to: Option<Colour>,
}

/// How often one person is called, over all callouts; drills are counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersonBudget {
    /// Attempts in an hour, at most.
    pub per_hour: Option<u32>,
    /// Attempts in 24 hours, at most.
    pub per_day: Option<u32>,
    /// This colour and graver ones may exceed it.
    pub yields_to: Option<Colour>,
}

/// A carrier's budget and how much of it is left.
pub(super) struct Carrier {
    pub(super) budget: CarrierBudget,
    tokens: f64,
    /// When so many were left; `None` before the first look.
    at: Option<Timestamp>,
}

/// Who was called when, in the last day; empty without a budget.
#[derive(Default)]
pub(super) struct Persons {
    budget: PersonBudget,
    called: BTreeMap<(bool, PersonId), BTreeSet<(Timestamp, AttemptKey)>>,
    /// The same by time, to forget what is older than a day.
    by_time: BTreeSet<(Timestamp, AttemptKey, PersonId)>,
    /// What waits until its person may be called again.
    later: BTreeMap<(Timestamp, CalloutId, u64), Held>,
    held: u64,
}

/// An offer with its way.
pub(super) type Held = (Channel, String, Offer);

// === impl Ported, Carrier ===

impl std::fmt::Debug for Ported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ported({} numbers)", self.0.len())
    }
}

impl Carrier {
    pub(super) fn new(budget: CarrierBudget) -> Self {
        Self { budget, tokens: 0.0, at: None }
    }

    /// The engine looks at it for the first time. What an engine before it spent is not known: a budget that
    /// yields to nothing begins empty, so that a restart does not exceed it.
    pub(super) fn begin(&mut self, now: Timestamp) {
        if self.at.is_none() {
            self.at = Some(now);
            self.tokens = self.budget.yields_to.map_or(0.0, |_| f64::from(self.budget.burst));
        }
    }

    /// Whether an attempt of this colour may go now.
    pub(super) fn allows(&self, colour: Colour, now: Timestamp) -> bool {
        self.yields(colour) || self.left(now) >= 1.0
    }

    /// Whether it has no budget at all.
    pub(super) fn is_free(&self) -> bool {
        self.budget.rate_per_s.is_infinite()
    }

    pub(super) fn yields(&self, colour: Colour) -> bool {
        self.is_free() || self.budget.yields_to.is_some_and(|from| colour >= from)
    }

    /// An attempt goes.
    pub(super) fn take(&mut self, now: Timestamp) {
        if self.is_free() {
            return;
        }
        self.tokens = (self.left(now) - 1.0).max(0.0);
        self.at = Some(now);
    }

    /// When the next attempt may go.
    pub(super) fn free_at(&self, now: Timestamp) -> Timestamp {
        if self.is_free() {
            return now;
        }
        let missing = (1.0 - self.left(now)).max(0.0);
        Timestamp(now.0.saturating_add((missing / self.budget.rate_per_s * 1e6).ceil() as i64))
    }

    fn left(&self, now: Timestamp) -> f64 {
        let passed = self.at.map_or(0.0, |at| now.micros_since(at).max(0) as f64 / 1e6);
        // A whole token must be seen as one.
        (self.tokens + passed * self.budget.rate_per_s + 1e-9).min(f64::from(self.budget.burst.max(1)))
    }
}

/// The carrier that a number belongs to.
pub(super) fn carrier_of(carriers: &[Carrier], ported: &Ported, number: &str) -> Option<usize> {
    if let Some(name) = ported.0.get(number) {
        return carriers.iter().position(|c| *c.budget.name == **name);
    }
    let fits = carriers.iter().enumerate().flat_map(|(i, c)| c.budget.prefixes.iter().map(move |p| (p.len(), i, p)));
    fits.filter(|(.., prefix)| number.starts_with(*prefix)).max().map(|(_, i, _)| i)
}

// === impl Persons ===

impl Persons {
    pub(super) fn new(budget: PersonBudget) -> Self {
        Self { budget, ..Self::default() }
    }

    fn is_limited(&self) -> bool {
        self.budget.per_hour.is_some() || self.budget.per_day.is_some()
    }

    /// An attempt to a person was released at `at`. Telling it again changes nothing.
    pub(super) fn called(&mut self, person: &PersonId, key: &AttemptKey, at: Timestamp, now: Timestamp) {
        let old = now.plus_ms(-DAY_MS);
        while let Some((at, key, person)) = self.by_time.first().filter(|(at, ..)| *at <= old).cloned() {
            self.not_called(&person, &key, at);
        }
        if self.is_limited() && at > old {
            let of = self.called.entry((key.callout.is_drill(), person.clone())).or_default();
            of.insert((at, key.clone()));
            self.by_time.insert((at, key.clone(), person.clone()));
        }
    }

    /// The attempt never reached the person.
    pub(super) fn not_called(&mut self, person: &PersonId, key: &AttemptKey, at: Timestamp) {
        self.by_time.remove(&(at, key.clone(), person.clone()));
        let whose = (key.callout.is_drill(), person.clone());
        if let Some(of) = self.called.get_mut(&whose) {
            of.remove(&(at, key.clone()));
            if of.is_empty() {
                self.called.remove(&whose);
            }
        }
    }

    /// Until when a person must not be called for this colour; `None` when now is fine.
    pub(super) fn waits_until(
        &self,
        person: &PersonId,
        drill: bool,
        colour: Colour,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if self.budget.yields_to.is_some_and(|from| colour >= from) {
            return None;
        }
        let called = self.called.get(&(drill, person.clone()))?;
        let spans = [(self.budget.per_hour, HOUR_MS), (self.budget.per_day, DAY_MS)];
        let free = |(most, span_ms): (Option<u32>, i64)| {
            // The last so many calls: the oldest of them must be a span ago.
            let oldest = called.iter().rev().nth((most? as usize).checked_sub(1)?)?;
            Some(oldest.0.plus_ms(span_ms)).filter(|at| *at > now)
        };
        spans.into_iter().filter_map(free).max()
    }

    pub(super) fn hold(&mut self, until: Timestamp, held: Held) {
        self.held += 1;
        self.later.insert((until, held.2.callout.clone(), self.held), held);
    }

    /// What has waited long enough.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Held> {
        let first = self.later.first_entry().filter(|e| e.key().0 <= now)?;
        Some(first.remove())
    }

    /// When something has waited long enough.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|(at, ..)| *at)
    }

    /// What waits, and until when.
    pub(super) fn later(&self) -> impl ExactSizeIterator<Item = (Timestamp, &Held)> {
        self.later.iter().map(|((at, ..), held)| (*at, held))
    }

    pub(super) fn withdraw(&mut self, callout: &CalloutId) {
        self.later.retain(|(_, of, _), _| of != callout);
    }

    /// A callout has another colour: what it offered is judged anew.
    pub(super) fn recoloured(&mut self, callout: &CalloutId) -> Vec<Held> {
        self.later.extract_if(.., |(_, of, _), _| of == callout).map(|(_, held)| held).collect()
    }
}
