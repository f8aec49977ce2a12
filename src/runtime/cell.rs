//! The cell: everything the one active engine does, without IO. Commands, inbox items, gateways' words
//! and journal results go in; batches to commit and outputs to act on come out. The task in
//! [`super::engine`] drives it on the real world, the simulator on an invented one.

use super::book::ReplyBook;
use super::bundle::Bundles;
use super::lines::Lines;
use super::opening::{Arrivals, Openings};
use super::read_back::Keyed;
use super::replies::ReplyWords;
use super::routing;
use super::staging::{Asked, Head, Staging};
use super::upcalls::{Kept, Stray, Told};
use crate::directory::Directory;
use crate::dispatch::{Budgets, Dispatch, Lane, LaneSettings, Offer};
use crate::engine;
use crate::gateway::{Outgoing, ReadBack};
use crate::journal::{Lease, Salt};
use crate::model::{
    AttemptKey, Callout, CalloutId, Colour, Command, Entry, Event, GatewayId, MessageAt, SecretKey, TextKind, Timestamp,
};
use crate::plan::PlanSet;
use foldhash::fast::FixedState;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Names somebody who waits until something is durable.
pub type Ticket = u64;

/// What a cell is set up with.
#[derive(Clone, Debug)]
pub struct CellSettings {
    /// The cell's name.
    pub name: String,
    /// Events in one flush, at most (a single callout's may exceed it).
    pub flush_events_max: usize,
    /// Targets of an order that are called before the rest is planned.
    pub first_targets: usize,
    /// What people's words mean.
    pub words: ReplyWords,
    /// How often a person is asked for a code, at most.
    pub ask_max: u8,
    /// Milliseconds for which a closed callout's codes are not used again.
    pub code_hold_ms: i64,
    /// Milliseconds after a key in a voice call by which its line is given back, told of its end or not.
    pub line_after_key_ms: i64,
    /// What one-time links begin with (`https://…/a/`).
    pub link_base: String,
    /// The budgets of carriers and persons.
    pub budgets: Budgets,
}

/// What a cell must know of a gateway.
#[derive(Clone, Debug)]
pub struct GatewayInfo {
    /// Its limits.
    pub lane: LaneSettings,
    /// Whether it honours the idempotency key.
    pub idempotent: bool,
    /// Whether its receipts name attempts by its own references.
    pub by_reference: bool,
}

/// What a cell is made of.
pub struct CellParts {
    /// How it is set up.
    pub settings: CellSettings,
    /// The lease it works under.
    pub lease: Lease,
    /// The directory in force.
    pub directory: Arc<Directory>,
    /// The plans.
    pub plans: Arc<PlanSet>,
    /// The master key.
    pub key: SecretKey,
    /// The gateways.
    pub gateways: Vec<GatewayInfo>,
    /// Gives 32 fresh bytes a call.
    pub entropy: Box<dyn FnMut() -> [u8; 32] + Send + Sync>,
}

/// What the world around the cell must do.
#[derive(Debug)]
pub enum Output {
    /// Submit attempts to a gateway; answer by [`Cell::submitted`].
    Submit {
        /// The gateway.
        gateway: GatewayId,
        /// The attempts; all durable.
        attempts: Vec<Outgoing>,
    },
    /// Hang up or withdraw an attempt.
    Withdraw {
        /// The gateway.
        gateway: GatewayId,
        /// The attempt.
        key: AttemptKey,
    },
    /// What somebody waited for is durable, or could not be made so.
    Done {
        /// Who.
        ticket: Ticket,
        /// Whether it is durable.
        durable: bool,
        /// Why it was only noted, when it was.
        noted: Kept,
        /// What is said to those whose keys it brought.
        read_back: Vec<ReadBack>,
    },
    /// Events became durable.
    Committed(Arc<Committed>),
    /// Read a callout's records and salt; answer by [`Cell::load`].
    Load(CalloutId),
    /// Something was posted to the inbox: read it.
    InboxPosted,
    /// Make the order of a message that an inbox item names; answer by [`Cell::resolved`].
    Resolve {
        /// The callout.
        callout: CalloutId,
        /// The item.
        item: String,
        /// The message.
        at: MessageAt,
    },
    /// Keep a text that belongs to no callout; answer by [`Cell::kept`].
    Stray {
        /// The text.
        stray: Stray,
        /// Who waits for it.
        ticket: Ticket,
    },
}

/// Events that became durable.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The callout.
    pub callout: CalloutId,
    /// Sequence of the first one.
    pub first: u64,
    /// The events.
    pub entries: Vec<Entry>,
}

/// A callout in memory.
pub(super) struct Live {
    /// The state, speculative beyond `head`.
    pub callout: Callout,
    /// The committed end.
    pub head: Head,
    /// When it wants to be looked at.
    pub wake: Option<Timestamp>,
    /// The key under which people's words are sealed; made with the first commit.
    pub salt: Option<[u8; 32]>,
}

/// The engine of a cell.
pub struct Cell {
    pub(super) settings: CellSettings,
    pub(super) lease: Lease,
    pub(super) started_at: Timestamp,
    pub(super) directory: Arc<Directory>,
    pub(super) plans: Arc<PlanSet>,
    pub(super) key: SecretKey,
    pub(super) gateways: BTreeMap<GatewayId, GatewayInfo>,
    /// Looked up at every step; equal histories are walked in equal order.
    pub(super) live: HashMap<CalloutId, Live, FixedState>,
    pub(super) book: ReplyBook,
    pub(super) dispatch: Dispatch,
    pub(super) staging: Staging,
    pub(super) arrivals: Arrivals,
    pub(super) openings: Openings,
    /// Commands for callouts that are being read, in order.
    pub(super) loading: BTreeMap<CalloutId, Vec<Asked>>,
    /// What was told about callouts that are being read, in order.
    pub(super) deferred: BTreeMap<CalloutId, Vec<(Told, Ticket)>>,
    pub(super) wakes: BTreeSet<(Timestamp, CalloutId)>,
    /// Attempts that hold a place in their lane's window: granted and not answered yet.
    pub(super) granted: HashSet<AttemptKey, FixedState>,
    /// Attempts handed to gateways of which nothing is durable yet but their release: after a failed
    /// commit they must not be handed over again.
    pub(super) handed: HashSet<AttemptKey, FixedState>,
    /// Attempts that go out in one message with others.
    pub(super) bundles: Bundles,
    /// Live voice calls.
    pub(super) on_line: Lines,
    /// Tickets with the number of parts that are not durable yet, whether all went well so far, and why
    /// a part was only noted.
    pub(super) tickets: BTreeMap<Ticket, (usize, bool, Kept)>,
    /// Keys that tickets brought, with what is to be said when all of it is durable.
    pub(super) pressed: BTreeMap<Ticket, BTreeMap<AttemptKey, Keyed>>,
    entropy: Box<dyn FnMut() -> [u8; 32] + Send + Sync>,
    pub(super) outputs: Vec<Output>,
}

// === impl Cell ===

impl Cell {
    /// A cell that holds its lease and has read nothing yet.
    #[must_use]
    pub fn new(parts: CellParts, now: Timestamp) -> Self {
        let CellParts { settings, lease, directory, plans, key, gateways, entropy } = parts;
        let lanes = gateways.iter().map(|g| Lane::new(g.lane.clone())).collect();
        Self {
            book: ReplyBook::new(&key, settings.words.code_digits as u32),
            dispatch: Dispatch::new(lanes, settings.budgets.clone()),
            gateways: gateways.into_iter().map(|g| (g.lane.id.clone(), g)).collect(),
            settings,
            lease,
            started_at: now,
            directory,
            plans,
            key,
            live: HashMap::default(),
            staging: Staging::default(),
            arrivals: Arrivals::default(),
            openings: Openings::new(),
            loading: BTreeMap::new(),
            deferred: BTreeMap::new(),
            wakes: BTreeSet::new(),
            granted: HashSet::default(),
            handed: HashSet::default(),
            bundles: Bundles::default(),
            on_line: Lines::default(),
            tickets: BTreeMap::new(),
            pressed: BTreeMap::new(),
            entropy,
            outputs: Vec::new(),
        }
    }

    /// A new directory version is in force: pending calls use its contacts, what was sent keeps its own.
    pub fn set_directory(&mut self, directory: Arc<Directory>) {
        self.directory = directory;
    }

    /// What the world must do, in order.
    pub fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// The callouts in memory, speculative.
    pub fn callouts(&self) -> impl Iterator<Item = &Callout> {
        self.live.values().map(|l| &l.callout)
    }

    /// The lease it works under.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The reply book.
    #[must_use]
    pub fn book(&self) -> &ReplyBook {
        &self.book
    }

    /// The queues and lanes.
    #[must_use]
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Opens a ticket: parts are added while it is open.
    pub(super) fn open_ticket(&mut self, ticket: Ticket) {
        self.tickets.insert(ticket, (1, true, None));
    }

    /// One more part of a ticket is under way.
    pub(super) fn add_part(&mut self, ticket: Ticket) {
        if let Some((left, ..)) = self.tickets.get_mut(&ticket) {
            *left += 1;
        }
    }

    /// A stray text was kept, or could not be.
    pub fn kept(&mut self, ticket: Ticket, durable: bool) {
        self.part_done(ticket, durable);
    }

    /// Closes a ticket: it is done when its last part is.
    pub(super) fn close_ticket(&mut self, ticket: Ticket) {
        self.part_done(ticket, true);
    }

    pub(super) fn part_done(&mut self, ticket: Ticket, durable: bool) {
        let Some((left, well, noted)) = self.tickets.get_mut(&ticket) else { return };
        *left -= 1;
        *well &= durable;
        if *left == 0 {
            let (durable, noted) = (*well, *noted);
            self.tickets.remove(&ticket);
            let read_back = self.read_backs(ticket, durable);
            self.outputs.push(Output::Done { ticket, durable, noted, read_back });
        }
    }

    /// Asks something of a callout; `ticket` is told when it is durable.
    pub fn command(&mut self, callout: &CalloutId, command: Command, ticket: Option<Ticket>, now: Timestamp) {
        if let Some(ticket) = ticket {
            self.open_ticket(ticket);
        }
        self.ask(callout, Asked { command, ticket, inbox: None, blobs: Vec::new() }, now);
        if let Some(ticket) = ticket {
            self.close_ticket(ticket);
        }
    }

    /// Lets a callout decide on a command, or has it read first.
    pub(super) fn ask(&mut self, callout: &CalloutId, asked: Asked, now: Timestamp) {
        if let Some(ticket) = asked.ticket
            && let Some((left, ..)) = self.tickets.get_mut(&ticket)
        {
            *left += 1;
        }
        self.ask_again(callout, asked, now);
    }

    pub(super) fn ask_again(&mut self, callout: &CalloutId, asked: Asked, now: Timestamp) {
        if asked.inbox.is_some() {
            self.open_whole(callout, now);
        }
        if let Some(waiting) = self.loading.get_mut(callout) {
            waiting.push(asked);
            return;
        }
        let Some(live) = self.live.get_mut(callout) else {
            self.loading.insert(callout.clone(), vec![asked]);
            self.outputs.push(Output::Load(callout.clone()));
            return;
        };
        let first = live.callout.seq;
        let colour = live.callout.head.as_ref().map(|h| h.colour);
        let entries = engine::decide(&mut live.callout, &asked.command, now);
        if let Some(now) = live.callout.head.as_ref().map(|h| h.colour).filter(|now| colour.is_some_and(|c| c != *now))
        {
            self.dispatch.recolour(callout, now);
        }
        for Entry(_, event) in &entries {
            if let Event::CallSilenced { call } = event {
                self.dispatch.withdraw_call(callout, *call);
            }
        }
        let fresh_salt = (live.salt.is_none() && first == 0 && !entries.is_empty()).then(|| (self.entropy)());
        live.salt = live.salt.or(fresh_salt);
        self.reindex(callout);
        self.decided(callout, &asked, &entries);
        let note = entries.iter().find_map(|e| match e.1 {
            Event::ReplyNoted { reason, .. } => Some(reason),
            _ => None,
        });
        if let Some((.., noted)) = asked.ticket.and_then(|t| self.tickets.get_mut(&t)) {
            *noted = note;
        }
        if entries.is_empty() && asked.inbox.is_none() && asked.blobs.is_empty() {
            self.wait_with(callout, asked.ticket);
            return;
        }
        let opens = entries.iter().any(|e| matches!(e.1, Event::Opened { .. } | Event::MessageApplied { .. }));
        let posts = self.posts(callout, first, &entries, now);
        let pending = self.staging.pending.entry(callout.clone()).or_default();
        if pending.asked.is_empty() {
            pending.since = now;
        }
        pending.entries.extend(entries);
        pending.posts.extend(posts);
        pending.asked.push(asked);
        if let Some(salt) = fresh_salt {
            pending.salt = Some(Salt { subject: callout.to_string(), salt });
        }
        if opens {
            self.suspend_drills(callout, now);
        }
    }

    /// A command changed nothing: whoever asked waits for what it may repeat, which may not be durable yet.
    fn wait_with(&mut self, callout: &CalloutId, ticket: Option<Ticket>) {
        let Some(ticket) = ticket else { return };
        let part = Asked { command: Command::Tick, ticket: Some(ticket), inbox: None, blobs: Vec::new() };
        if let Some(pending) = self.staging.pending.get_mut(callout) {
            pending.asked.push(part);
        } else if let Some(flying) = self.staging.flying.iter_mut().find(|f| f.callout == *callout) {
            flying.pending.asked.push(part);
        } else {
            self.part_done(ticket, true);
        }
    }

    /// Does what is due: timers, offers to lanes, grants.
    pub fn turn(&mut self, now: Timestamp) {
        self.book.forget(now);
        self.forget_arrivals(now);
        self.open_next(now);
        while let Some(key) = self.on_line.overdue(now) {
            tracing::warn!(attempt = %key, "the end of a call was never told; its line is given back");
            self.line_ended(&key);
        }
        while let Some((_, id)) = self.wakes.first().filter(|(at, _)| *at <= now).cloned() {
            self.wake(&id, now);
        }
        self.dispatch.look(now);
        self.grant_all(now);
    }

    fn wake(&mut self, id: &CalloutId, now: Timestamp) {
        let Some(live) = self.live.get_mut(id) else {
            self.wakes.retain(|(_, c)| c != id);
            return;
        };
        if live.callout.agenda.timers.first().is_some_and(|(at, _)| *at <= now) {
            let tick = Asked { command: Command::Tick, ticket: None, inbox: None, blobs: Vec::new() };
            self.ask_again(id, tick, now);
        }
        self.offer_due(id, now);
        self.reindex(id);
    }

    /// Offers the due rungs of a callout to the lanes.
    fn offer_due(&mut self, id: &CalloutId, now: Timestamp) {
        let Some(live) = self.live.get_mut(id) else { return };
        let colour = live.callout.head.as_ref().map_or(Colour::Blue, |h| h.colour);
        let mut offers = Vec::new();
        while let Some((due, call, track)) =
            live.callout.agenda.rungs.first().copied().filter(|(due, _, _)| *due <= now)
        {
            live.callout.agenda.rungs.pop_first();
            let c = &live.callout.calls[call as usize];
            let t = &c.tracks[usize::from(track)];
            let risk = c.links.iter().map(|l| live.callout.targets[l.target as usize].spec.risk).max().unwrap_or(0);
            let (step, rung) = (c.step, t.next);
            if let Some((channel, _)) = t.rungs.get(usize::from(rung)) {
                let (colour, risk) = (Reverse(colour), Reverse(risk));
                let text = TextKind::of(c.purpose, *channel);
                let avoid = routing::failed_on(&live.callout, c, track, rung);
                let onward = t.rungs.iter().skip(usize::from(rung)).any(|(other, _)| other != channel);
                let callout = id.clone();
                let whom = 0;
                let offer = Offer { colour, step, risk, due, call, track, rung, text, avoid, onward, whom, callout };
                offers.push((*channel, offer));
            }
        }
        for (channel, offer) in offers {
            // Without a number the lane that takes it finds out that there is none.
            self.put(channel, offer);
        }
    }

    /// When the cell wants to be turned next.
    #[must_use]
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let callout = self.wakes.first().map(|(at, _)| *at);
        let opening = self.may_open().then_some(now);
        [opening, callout, self.dispatch.next_grant_at(now), self.on_line.next()].into_iter().flatten().min()
    }

    pub(super) fn reindex(&mut self, id: &CalloutId) {
        let Some(live) = self.live.get_mut(id) else { return };
        let wake = live.callout.next_due();
        if wake != live.wake {
            if let Some(old) = live.wake {
                self.wakes.remove(&(old, id.clone()));
            }
            if let Some(at) = wake {
                self.wakes.insert((at, id.clone()));
            }
            live.wake = wake;
        }
    }
}
