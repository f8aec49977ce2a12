//! Orders on their way to their callouts: made of the messages that the inbox names, and taken in a part a turn.
//!
//! The desk that took a message hands its orders over as it makes them; of what else the inbox holds the world
//! is asked to make them ([`Output::Resolve`]). Items of one callout are taken in their order.
//!
//! The order of a large callout is taken twice: first for the ground of highest risk, and then, while that is being
//! committed, as a whole, which adds what is missing. The whole alone takes its item out of the inbox: after
//! a crash between the two it is taken again.

use super::cell::{Cell, Live, Output};
use super::staging::{Asked, Head};
use crate::journal::InboxItem;
use crate::model::{Callout, CalloutId, Colour, Command, Ground, Order, PersonId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long the orders of a message that a desk of this process took may be on their way, before the inbox is
/// read for them.
const ON_THE_WAY_MS: i64 = 5_000;

/// A warning after so long without another is the first: see [`Cell::may_open`].
const QUIET_MS: i64 = 100;
/// Orders that wait for their turn, beyond which no more are taken from desks.
const OPENINGS_MAX: usize = 2;

/// Orders that wait for their turn: red first, then in the order in which they came.
pub(super) type Openings = BTreeMap<(Reverse<Colour>, u64), (CalloutId, Asked)>;

/// Items of the inbox that are not decided on yet.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Those whose orders a desk is making, and until when they are waited for.
    on_the_way: BTreeMap<String, Timestamp>,
    /// Those that were read, by callout: an order that is not made yet keeps back what came behind it.
    resolving: BTreeMap<CalloutId, VecDeque<Arrival>>,
    /// Counts what waits for its turn.
    opened: u64,
    /// When the last part was taken in, or one that went alone was committed.
    opened_at: Timestamp,
    /// The callout whose part is committed before anything else is taken in.
    alone: Option<CalloutId>,
}

struct Arrival {
    item: String,
    /// What the callout is asked; `None` while the order is being made.
    command: Option<Command>,
}

// === impl Arrivals ===

impl Arrivals {
    /// What a callout had pending is committed.
    pub(super) fn landed(&mut self, callout: &CalloutId, now: Timestamp) {
        if self.alone.as_ref() == Some(callout) {
            (self.alone, self.opened_at) = (None, now);
        }
    }

    /// What a callout had pending is dropped.
    pub(super) fn dropped(&mut self, callout: &CalloutId) {
        self.landed(callout, self.opened_at);
    }

    /// The items' names.
    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.on_the_way.keys().chain(self.resolving.values().flatten().map(|a| &a.item))
    }
}

impl Cell {
    /// Items that were posted just now by a desk of this process. The orders of messages follow; false when
    /// something else is among them, for which the inbox must be read.
    pub fn posted(&mut self, items: &[InboxItem], now: Timestamp) -> bool {
        let messages = items.iter().filter(|item| matches!(item.command, Command::Message(_)));
        self.arrivals.on_the_way.extend(messages.map(|item| (item.id.clone(), now.plus_ms(ON_THE_WAY_MS))));
        items.iter().all(|item| matches!(item.command, Command::Message(_)))
    }

    /// The order of a message that the desk of this process made. The first message of a warning begins its
    /// callouts without a look at the journal, which refuses the commit should one have a timeline after all.
    pub fn handed_over(&mut self, item: InboxItem, now: Timestamp) {
        let Some(id) = item.stream.callout() else { return };
        self.arrivals.on_the_way.remove(&item.id);
        if self.arrivals.resolving.contains_key(&id) {
            self.resolved(&id, &item.id, item.command, now);
            return;
        }
        let first = matches!(&item.command, Command::Apply(order) if order.position == 0);
        let colour = Reverse(item.colour);
        let asked = Asked { command: item.command, ticket: None, inbox: Some(item.id), blobs: Vec::new() };
        if !first || self.live.contains_key(&id) || self.loading.contains_key(&id) {
            self.ask(&id, asked, now);
            return;
        }
        let callout = Callout::new(id.clone());
        self.live.insert(id.clone(), Live { callout, head: Head::default(), wake: None, salt: None });
        self.arrivals.opened += 1;
        self.openings.insert((colour, self.arrivals.opened), (id, asked));
    }

    /// Inbox items that were read, in the order in which they are to be taken; those that are known already are
    /// passed over.
    pub fn inbox(&mut self, items: Vec<InboxItem>, now: Timestamp) {
        let known: BTreeSet<String> = self.inbox_ids().into_iter().collect();
        for item in items {
            let Some(callout) = item.stream.callout().filter(|_| !known.contains(&item.id)) else { continue };
            let waits = self.arrivals.resolving.contains_key(&callout);
            let command = match item.command {
                Command::Message(at) => {
                    self.outputs.push(Output::Resolve { callout: callout.clone(), item: item.id.clone(), at });
                    None
                }
                command if waits => Some(command),
                command => {
                    let asked = Asked { command, ticket: None, inbox: Some(item.id), blobs: Vec::new() };
                    self.ask(&callout, asked, now);
                    continue;
                }
            };
            self.arrivals.resolving.entry(callout).or_default().push_back(Arrival { item: item.id, command });
        }
    }

    /// What a message of the inbox asks of its callout: its order, or nothing but to be taken out
    /// ([`Command::Tick`]).
    pub fn resolved(&mut self, callout: &CalloutId, item: &str, command: Command, now: Timestamp) {
        let Some(queue) = self.arrivals.resolving.get_mut(callout) else { return };
        if let Some(arrival) = queue.iter_mut().find(|a| a.item == item) {
            arrival.command = Some(command);
        }
        let mut ready = Vec::new();
        while let Some(Arrival { item, command: Some(command) }) = queue.pop_front_if(|a| a.command.is_some()) {
            ready.push(Asked { command, ticket: None, inbox: Some(item), blobs: Vec::new() });
        }
        if queue.is_empty() {
            self.arrivals.resolving.remove(callout);
        }
        for asked in ready {
            self.ask(callout, asked, now);
        }
    }

    /// Gives up waiting for orders that should have been handed over.
    pub(super) fn forget_arrivals(&mut self, now: Timestamp) {
        self.arrivals.on_the_way.retain(|_, until| *until > now);
    }

    /// Whether a desk's orders are taken.
    #[must_use]
    pub fn takes_orders(&self) -> bool {
        self.openings.len() < OPENINGS_MAX
    }

    /// Whether a part may be taken in. Something that could be committed goes first; and the first part after
    /// a quiet time is committed before more is taken in, as on a small machine whatever runs beside it delays the
    /// first call.
    pub(super) fn may_open(&self) -> bool {
        let commits_first = self.staging.flying.is_empty() && !self.staging.pending.is_empty();
        !self.openings.is_empty() && !commits_first && self.arrivals.alone.is_none()
    }

    /// Takes the next part in, when one may be.
    pub(super) fn open_next(&mut self, now: Timestamp) {
        if !self.may_open() {
            return;
        }
        let Some((turn, (id, mut asked))) = self.openings.pop_first() else { return };
        let quiet = now.ms_since(self.arrivals.opened_at) > QUIET_MS;
        self.arrivals.opened_at = now;
        let begins = self.live.get(&id).is_some_and(|l| l.callout.seq == 0);
        let first = match &mut asked.command {
            Command::Apply(order) if begins => first_part(order, self.settings.first_targets),
            _ => None,
        };
        match first {
            Some(first) => {
                let command = Command::Apply(Box::new(first));
                self.ask_again(&id, Asked { command, ticket: None, inbox: None, blobs: Vec::new() }, now);
                // One that ran out meanwhile begins nothing.
                if self.live.get(&id).is_some_and(|l| l.callout.seq > 0) {
                    self.openings.insert(turn, (id.clone(), asked));
                } else {
                    self.ask_again(&id, asked, now);
                }
            }
            None => self.ask_again(&id, asked, now),
        }
        self.arrivals.alone = Some(id).filter(|id| quiet && self.staging.pending.contains_key(id));
    }

    /// Takes in at once what waits for its turn for a callout, as something later is asked of it.
    pub(super) fn open_whole(&mut self, callout: &CalloutId, now: Timestamp) {
        let waiting: Vec<_> = self.openings.extract_if(.., |_, (id, _)| id == callout).collect();
        for (_, (id, asked)) in waiting {
            self.ask_again(&id, asked, now);
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
