//! Callouts that begin, a part a turn: the first calls do not wait until the last ones are planned and durable.
//!
//! The order of a large callout is taken twice: first for the ground of highest risk, and then, while that is being
//! committed, as a whole, which adds what is missing. The whole alone takes its item out of the inbox: after
//! a crash between the two it is taken again.

use super::cell::{Cell, Live};
use super::staging::{Asked, Head};
use crate::journal::InboxItem;
use crate::model::{Callout, CalloutId, Command, Ground, Order, PersonId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Orders that wait for their turn.
pub(super) type Openings = VecDeque<(CalloutId, Asked)>;

impl Cell {
    /// Items that were posted just now and begin their callouts: taken in without a look at the journal,
    /// which refuses the commit should a callout have a timeline after all. False when one must be read.
    pub fn begin(&mut self, items: Vec<InboxItem>) -> bool {
        let mut all = true;
        for item in items {
            let Some(id) = item.stream.callout() else { continue };
            if self.live.contains_key(&id) || self.loading.contains_key(&id) {
                all = false;
                continue;
            }
            let callout = Callout::new(id.clone());
            self.live.insert(id.clone(), Live { callout, head: Head::default(), wake: None, salt: None });
            let asked = Asked { command: item.command, ticket: None, inbox: Some(item.id), blobs: Vec::new() };
            self.openings.push_back((id, asked));
        }
        all
    }

    /// Takes the next part in, unless something else could be committed first.
    pub(super) fn open_next(&mut self, now: Timestamp) {
        if !self.staging.flying.is_empty() || self.staging.pending.is_empty() {
            let Some((id, mut asked)) = self.openings.pop_front() else { return };
            let begins = self.live.get(&id).is_some_and(|l| l.callout.seq == 0);
            let first = match &mut asked.command {
                Command::Apply(order) if begins => first_part(order, self.settings.first_targets),
                _ => None,
            };
            match first {
                Some(first) => {
                    let command = Command::Apply(Box::new(first));
                    self.ask_again(&id, Asked { command, ticket: None, inbox: None, blobs: Vec::new() }, now);
                    self.openings.push_front((id, asked));
                }
                None => self.ask_again(&id, asked, now),
            }
        }
    }

    /// Takes in at once what waits for its turn for a callout, as something later is asked of it.
    pub(super) fn open_whole(&mut self, callout: &CalloutId, now: Timestamp) {
        while let Some(at) = self.openings.iter().position(|(id, _)| id == callout) {
            if let Some((id, asked)) = self.openings.remove(at) {
                self.ask_again(&id, asked, now);
            }
        }
    }
}

/// The order for about `targets` targets of highest risk, with all other ground of those who are called for
/// them first: nobody is called twice because the order came in parts. `None` when it is small, or when that
/// would be most of it.
fn first_part(order: &mut Order, targets: usize) -> Option<Order> {
    if order.ground.len() <= 2 * targets {
        return None;
    }
    let mut of_person: BTreeMap<&PersonId, Vec<usize>> = BTreeMap::new();
    for (i, ground) in order.ground.iter().enumerate() {
        called_first(ground).for_each(|person| of_person.entry(person).or_default().push(i));
    }
    let mut by_risk: Vec<usize> = (0..order.ground.len()).collect();
    by_risk.sort_by_key(|i| (Reverse(order.ground[*i].target.risk), *i));
    let mut taken = BTreeSet::new();
    for i in by_risk {
        if taken.len() >= targets {
            break;
        }
        let mut wanted = vec![i];
        while let Some(i) = wanted.pop() {
            if taken.insert(i) {
                wanted.extend(called_first(&order.ground[i]).filter_map(|p| of_person.remove(p)).flatten());
            }
        }
    }
    if taken.len() > 2 * targets {
        return None;
    }
    let (ground, gaps) = (std::mem::take(&mut order.ground), std::mem::take(&mut order.gaps));
    let mut first = order.clone();
    first.ground = taken.into_iter().map(|i| ground[i].clone()).collect();
    (order.ground, order.gaps) = (ground, gaps);
    Some(first)
}

/// Who is called for ground when its calling begins.
fn called_first(ground: &Ground) -> impl Iterator<Item = &PersonId> {
    let seats = ground.seats.iter().find(|s| !s.answer.is_empty());
    seats.into_iter().flat_map(|s| s.answer.iter().chain(&s.alert))
}
