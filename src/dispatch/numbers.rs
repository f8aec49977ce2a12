//! The numbers with a live voice call: one at a time on each.

use super::Offer;
use crate::model::{AttemptKey, CalloutId, Colour};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Who holds which number, and the offers that wait for each.
#[derive(Default)]
pub(super) struct Numbers {
    busy: BTreeMap<String, (AttemptKey, Vec<Offer>)>,
    held: BTreeMap<AttemptKey, String>,
}

// === impl Numbers ===

impl Numbers {
    /// Who holds a number.
    pub(super) fn holder(&self, number: &str) -> Option<&AttemptKey> {
        self.busy.get(number).map(|(holder, _)| holder)
    }

    /// An offer waits for a number. False when it need not: nobody holds it, or only a drill does.
    pub(super) fn wait(&mut self, number: &str, offer: &Offer) -> bool {
        let Some((holder, waiting)) = self.busy.get_mut(number) else { return false };
        if holder.callout.is_drill() && !offer.callout.is_drill() {
            return false;
        }
        waiting.push(offer.clone());
        true
    }

    /// Gives a number to an attempt, with what waits for it; gives back who held it before.
    pub(super) fn hold(&mut self, number: &str, key: &AttemptKey) -> Option<AttemptKey> {
        let (before, waiting) = self.busy.remove(number).unzip();
        self.busy.insert(number.to_owned(), (key.clone(), waiting.unwrap_or_default()));
        if let Some(before) = &before {
            self.held.remove(before);
        }
        self.held.insert(key.clone(), number.to_owned());
        before.filter(|b| b != key)
    }

    /// Frees the number that an attempt holds; gives the number and what waited for it.
    pub(super) fn free(&mut self, key: &AttemptKey) -> (String, Vec<Offer>) {
        let number = self.held.remove(key).unwrap_or_default();
        let waiting = self.busy.remove(&number).map(|(_, waiting)| waiting).unwrap_or_default();
        (number, waiting)
    }

    /// Forgets what a callout offered.
    pub(super) fn withdraw(&mut self, callout: &CalloutId) {
        for (_, waiting) in self.busy.values_mut() {
            waiting.retain(|o| o.callout != *callout);
        }
    }

    /// A callout has another colour now.
    pub(super) fn recolour(&mut self, callout: &CalloutId, colour: Colour) {
        let waiting = self.busy.values_mut().flat_map(|(_, waiting)| waiting);
        for offer in waiting.filter(|o| o.callout == *callout) {
            offer.colour = Reverse(colour);
        }
    }
}
