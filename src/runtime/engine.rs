//! The task that drives a cell on a journal, gateways and the host's clock.

use super::acts::Orders;
use super::cell::{Cell, CellParts, CellSettings, GatewayInfo, Output, Ticket};
use super::clock;
use super::entropy::entropy;
use super::gallery::Gallery;
use super::handle::{Ask, Asks, EngineHandle, Status, durable};
use super::holder;
use super::locks;
use super::measure;
use super::reads::{JOURNAL_RETRY, Read, order, read_callout};
use super::upcalls::{self, Kept};
use crate::directory::Directory;
use crate::dispatch::Lock;
use crate::gateway::{Gateway, NotTaken, Outgoing, ReadBack};
use crate::journal::{Conflict, InboxItem, Journal, JournalError, Lease, Outcome, SelectCallouts};
use crate::model::{AttemptKey, CalloutId, Command, Fact, GatewayId, SecretKey, Timestamp};
use crate::plan::PlanSet;
use crate::telemetry::Metrics;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Callouts read at once.
const LOADS_MAX: usize = 16;
/// How often the inbox is looked at when nobody says that something came.
const INBOX_POLL: Duration = Duration::from_millis(500);

/// What an engine is made of.
pub struct EngineParts {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The cell's settings.
    pub settings: CellSettings,
    /// The directory in force.
    pub directory: Arc<Directory>,
    /// The plans.
    pub plans: Arc<PlanSet>,
    /// The master key.
    pub key: SecretKey,
    /// The gateways with their limits.
    pub gateways: Vec<(Arc<dyn Gateway>, GatewayInfo)>,
    /// Makes orders of messages.
    pub orders: Arc<dyn Orders>,
    /// The readers' copies.
    pub gallery: Arc<Gallery>,
    /// The figures.
    pub metrics: Metrics,
    /// Who this process is, for the lease.
    pub holder: String,
    /// Milliseconds after which a lease that is not renewed ends.
    pub lease_ttl_ms: i64,
    /// Items read from the inbox at once.
    pub inbox_batch_max: usize,
    /// How long a shutdown waits for gateways.
    pub shutdown_grace: Duration,
}

/// The engine while it holds the lease.
struct Engine<'a> {
    parts: &'a EngineParts,
    cell: Cell,
    handle: &'a EngineHandle,
    waiting: BTreeMap<Ticket, Waiting>,
    next_ticket: Ticket,
    flush: JoinSet<(Instant, Flushed)>,
    submits: JoinSet<(GatewayId, Vec<(AttemptKey, Fact)>)>,
    to_load: VecDeque<CalloutId>,
    loads: JoinSet<(CalloutId, Read)>,
    inbox: JoinSet<Result<Vec<InboxItem>, JournalError>>,
    resolves: JoinSet<(CalloutId, String, Command)>,
    inbox_wanted: bool,
    strays: JoinSet<(Ticket, Outcome<()>)>,
    locks: JoinSet<(GatewayId, LockDone, Outcome<Option<Lock>>)>,
}

/// Who waits for a lock to be durable.
type LockDone = oneshot::Sender<Result<bool, NotTaken>>;

/// What became of a batch: one result per group.
type Flushed = Result<Vec<Result<(), Conflict>>, JournalError>;

enum Waiting {
    Upcalls(oneshot::Sender<Result<Vec<ReadBack>, NotTaken>>),
    Link(oneshot::Sender<Result<Option<Kept>, NotTaken>>),
    Vouched(oneshot::Sender<Result<Kept, NotTaken>>),
}

/// Runs the engine of a cell until `stop`: waits for the lease, reads what is open, and works. When
/// the lease is lost it drops everything and waits for it again.
pub async fn run(parts: EngineParts, handle: EngineHandle, mut asks: Asks, stop: CancellationToken) {
    let retry = Duration::from_millis(parts.lease_ttl_ms.unsigned_abs() / 3);
    while !stop.is_cancelled() {
        let acquired = parts.journal.acquire(parts.settings.name.clone(), parts.holder.clone(), parts.lease_ttl_ms);
        match acquired.await {
            Ok(Some(lease)) => {
                tracing::info!(cell = lease.cell, epoch = lease.epoch, "lease taken");
                handle.status(|s| *s = Status { lease: Some(lease.epoch), ..Status::default() });
                Engine::new(&parts, &handle, lease.clone()).work(&mut asks, &stop).await;
                parts.gallery.foresee(Vec::new());
                parts.gallery.show_gateways(Vec::new());
                handle.status(|s| s.lease = None);
                if stop.is_cancelled() {
                    let _ = parts.journal.release(lease).await;
                    return;
                }
                tracing::error!("lease lost, everything in memory is dropped");
            }
            Ok(None) => {
                if holder::free_of_the_dead(&*parts.journal, &parts.settings.name).await {
                    continue;
                }
            }
            Err(error) => {
                handle.status(|s| s.journal_error = Some(error.to_string()));
                tracing::warn!(%error, "lease cannot be asked for");
            }
        }
        // While somebody else is the engine, askers are told at once.
        let wait = tokio::time::sleep(retry);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                () = stop.cancelled() => return,
                ask = asks.asks.recv() => if ask.is_none() { return },
                // They stand in the inbox.
                Some(_) = asks.posts.recv() => {}
            }
        }
    }
}

// === impl Engine ===

impl<'a> Engine<'a> {
    fn new(parts: &'a EngineParts, handle: &'a EngineHandle, lease: Lease) -> Self {
        let made_of = CellParts {
            settings: parts.settings.clone(),
            lease,
            directory: parts.directory.clone(),
            plans: parts.plans.clone(),
            key: parts.key.clone(),
            gateways: parts.gateways.iter().map(|(_, info)| info.clone()).collect(),
            entropy: Box::new(entropy),
        };
        let cell = Cell::new(made_of, clock::now());
        Self {
            parts,
            cell,
            handle,
            waiting: BTreeMap::new(),
            next_ticket: 0,
            flush: JoinSet::new(),
            submits: JoinSet::new(),
            to_load: VecDeque::new(),
            loads: JoinSet::new(),
            inbox: JoinSet::new(),
            resolves: JoinSet::new(),
            inbox_wanted: true,
            strays: JoinSet::new(),
            locks: JoinSet::new(),
        }
    }

    /// Works until `stop` (then everything pending is committed first) or until the lease is lost.
    async fn work(mut self, asks: &mut Asks, stop: &CancellationToken) {
        let ttl = Duration::from_millis(self.parts.lease_ttl_ms.unsigned_abs());
        let mut renew = tokio::time::interval(ttl / 3);
        let mut poll = tokio::time::interval(INBOX_POLL);
        let mut renewed = Instant::now();
        if !self.read_catalogue(stop).await {
            return;
        }
        loop {
            let now = clock::now();
            self.advance(now);
            let wake = self.cell.next_wake(now);
            let idle = wake.map_or(Duration::from_secs(3600), |at| {
                Duration::from_micros(at.micros_since(now).max(0).unsigned_abs())
            });
            let open = self.cell.is_loaded();
            tokio::select! {
                biased;
                Some(Ok((began, result))) = self.flush.join_next() => {
                    if matches!(result, Err(JournalError::Fenced { .. })) {
                        return;
                    }
                    self.flushed(began, &result);
                }
                Some(Ok((gateway, facts))) = self.submits.join_next() => {
                    if let Some(until) = self.gateway(&gateway).and_then(|g| g.pause_until()) {
                        self.cell.pause(&gateway, until);
                    }
                    self.cell.submitted(&gateway, facts, clock::now());
                }
                Some(Ok((ticket, kept))) = self.strays.join_next() => {
                    if let Err(error) = &kept {
                        self.journal_failed(error);
                    }
                    self.cell.kept(ticket, kept.is_ok());
                }
                Some(Ok((gateway, done, written))) = self.locks.join_next() => self.locked(&gateway, done, written),
                Some(Ok((id, read))) = self.loads.join_next() => self.loaded(id, read).await,
                Some(Ok(items)) = self.inbox.join_next() => match items {
                    Ok(items) => {
                        self.parts.metrics.set_inbox_items(items.len());
                        self.inbox_wanted |= items.len() >= self.parts.inbox_batch_max;
                        self.cell.inbox(items, clock::now());
                    }
                    Err(error) => self.journal_failed(&error),
                },
                Some(Ok((callout, item, command))) = self.resolves.join_next() => {
                    self.cell.resolved(&callout, &item, command, clock::now());
                }
                _ = renew.tick() => match self.renew().await {
                    Some(true) => renewed = Instant::now(),
                    Some(false) => return,
                    // By the monotonic clock: a lease that could not be renewed in time is not ours.
                    None if renewed.elapsed() > ttl => return,
                    None => {}
                },
                () = stop.cancelled() => return self.finish().await,
                Some(items) = asks.posts.recv(), if self.cell.takes_orders() => self.posted(items, clock::now()),
                ask = asks.asks.recv(), if open => match ask {
                    Some(ask) => self.asked(ask),
                    None => return self.finish().await,
                },
                _ = poll.tick() => {
                    self.inbox_wanted = true;
                    measure::standing(&self.parts.metrics, &self.parts.gallery, self.cell.dispatch(), clock::now());
                }
                () = tokio::time::sleep(idle) => {}
            }
        }
    }

    async fn read_catalogue(&mut self, stop: &CancellationToken) -> bool {
        let since = clock::now().plus_ms(-self.parts.settings.code_hold_ms);
        loop {
            let open = self.parts.journal.callouts(SelectCallouts::Open).await;
            let closed = self.parts.journal.callouts(SelectCallouts::ClosedSince(since)).await;
            let locks = locks::read(&*self.parts.journal, &self.parts.key).await;
            match (open, closed, locks) {
                (Ok(open), Ok(closed), Ok(locks)) => {
                    for (gateway, lock) in locks {
                        self.cell.lock(&gateway, Some(lock));
                    }
                    self.cell.recover_all(open.iter().chain(&closed).filter_map(|row| row.stream.callout()));
                    return true;
                }
                (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => self.journal_failed(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(JOURNAL_RETRY) => {}
                () = stop.cancelled() => return false,
            }
        }
    }

    /// `Some(true)` renewed, `Some(false)` somebody else holds it, `None` not known.
    async fn renew(&self) -> Option<bool> {
        let EngineParts { journal, settings, holder, lease_ttl_ms, .. } = self.parts;
        match journal.acquire(settings.name.clone(), holder.clone(), *lease_ttl_ms).await {
            Ok(lease) => Some(lease.as_ref() == Some(self.cell.lease())),
            Err(error) => {
                self.journal_failed(&error);
                None
            }
        }
    }

    /// Lets the cell do what is due, and starts the IO that follows. What is ready does not wait for that.
    fn advance(&mut self, now: Timestamp) {
        self.flush_and_act(now);
        self.cell.turn(now);
        self.flush_and_act(now);
        while self.loads.len() < LOADS_MAX
            && let Some(id) = self.to_load.pop_front()
        {
            let journal = self.parts.journal.clone();
            self.loads.spawn(async move {
                let read = read_callout(&*journal, &id).await;
                (id, read)
            });
        }
        if self.inbox_wanted && self.inbox.is_empty() && self.cell.is_loaded() {
            self.inbox_wanted = false;
            let (journal, known) = (self.parts.journal.clone(), self.cell.inbox_ids());
            let limit = self.parts.inbox_batch_max;
            self.inbox.spawn(async move { journal.inbox(known, limit).await });
        }
        let loaded = self.cell.is_loaded();
        self.handle.status(|s| s.loaded = loaded);
    }

    /// Does what the cell wants done, and begins the next flush when none flies.
    fn flush_and_act(&mut self, now: Timestamp) {
        for output in self.cell.outputs() {
            self.act(output);
        }
        if self.flush.is_empty()
            && let Some(batch) = self.cell.batch(now)
        {
            let journal = self.parts.journal.clone();
            let began = Instant::now();
            self.flush.spawn(async move { (began, journal.commit(batch).await) });
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Submit { gateway, attempts } => self.submit(gateway, attempts),
            Output::Withdraw { gateway, key } => {
                if let Some(gateway) = self.gateway(&gateway) {
                    tokio::spawn(async move { gateway.withdraw(key).await });
                }
            }
            Output::Done { ticket, durable, noted, read_back } => match self.waiting.remove(&ticket) {
                // Whoever asked may have gone away.
                Some(Waiting::Upcalls(done)) => drop(done.send(self::durable(durable).map(|()| read_back))),
                Some(Waiting::Link(done)) => drop(done.send(self::durable(durable).map(|()| Some(noted)))),
                Some(Waiting::Vouched(done)) => drop(done.send(self::durable(durable).map(|()| noted))),
                None => {}
            },
            Output::Committed(committed) => {
                self.parts.gallery.take(&committed);
                if let Some(callout) = self.parts.gallery.get(&committed.callout) {
                    measure::committed(&self.parts.metrics, &callout, &committed.entries, clock::now());
                }
            }
            Output::Load(id) => self.to_load.push_back(id),
            Output::InboxPosted => self.inbox_wanted = true,
            Output::Resolve { callout, item, at } => {
                let orders = self.parts.orders.clone();
                self.resolves.spawn(async move { (callout, item, order(&*orders, at).await) });
            }
            Output::Stray { stray, ticket } => {
                let (journal, key) = (self.parts.journal.clone(), self.parts.key.clone());
                self.strays.spawn(async move { (ticket, upcalls::keep(&*journal, &key, &stray).await) });
            }
        }
    }

    fn submit(&mut self, id: GatewayId, attempts: Vec<Outgoing>) {
        let Some(gateway) = self.gateway(&id) else { return };
        let mut attempts = attempts.into_iter().peekable();
        while attempts.peek().is_some() {
            let batch: Vec<_> = attempts.by_ref().take(gateway.batch_max().max(1)).collect();
            let (gateway, id) = (gateway.clone(), id.clone());
            self.submits.spawn(async move {
                let keys: Vec<_> = batch.iter().map(|a| a.key.clone()).collect();
                let facts = gateway.submit(batch).await;
                (id, keys.into_iter().zip(facts).collect())
            });
        }
    }

    fn gateway(&self, id: &GatewayId) -> Option<Arc<dyn Gateway>> {
        self.parts.gateways.iter().find(|(g, _)| g.id() == id).map(|(g, _)| g.clone())
    }

    fn flushed(&mut self, began: Instant, result: &Flushed) {
        match result {
            Ok(groups) => {
                self.parts.metrics.flush(began.elapsed().as_secs_f64(), groups.len());
                self.handle.status(|s| s.journal_error = None);
                if groups.iter().any(Result::is_err) {
                    self.parts.metrics.commit_failure();
                    tracing::error!("a callout's place in the journal was taken: it is read again");
                }
            }
            Err(error) => {
                self.parts.metrics.commit_failure();
                self.journal_failed(error);
            }
        }
        self.cell.flushed(result, clock::now());
    }

    async fn loaded(&mut self, id: CalloutId, read: Read) {
        match read {
            Ok((records, salt)) => {
                if let Err(error) = self.cell.load(&id, &records, salt, clock::now()) {
                    self.parts.metrics.invariant_violation("9");
                    tracing::error!(callout = %id, %error, "a timeline does not verify and is not worked on");
                    self.parts.gallery.distrust(id, error.to_string());
                    return;
                }
                let entries: Vec<_> = records.iter().flat_map(|r| r.entries().unwrap_or_default()).collect();
                if !entries.is_empty() {
                    self.parts.gallery.show(crate::engine::replay(id, &entries));
                }
            }
            Err(error) => {
                self.journal_failed(&error);
                self.to_load.push_back(id);
                tokio::time::sleep(JOURNAL_RETRY).await;
            }
        }
    }

    /// A lock is durable, or could not be made so.
    fn locked(&mut self, gateway: &GatewayId, done: LockDone, written: Outcome<Option<Lock>>) {
        let told = match written {
            Ok(lock) => {
                tracing::warn!(%gateway, locked = lock.is_some(), by = lock.as_ref().map(|l| &*l.by), "gateway");
                Ok(self.cell.lock(gateway, lock))
            }
            Err(error) => {
                self.journal_failed(&error);
                durable(false).map(|()| false)
            }
        };
        drop(done.send(told));
    }

    fn journal_failed(&self, error: &JournalError) {
        tracing::warn!(%error, "journal");
        self.handle.status(|s| s.journal_error = Some(error.to_string()));
    }

    fn asked(&mut self, ask: Ask) {
        self.next_ticket += 1;
        let (ticket, now) = (self.next_ticket, clock::now());
        match ask {
            Ask::Upcalls { gateway, upcalls, done } => {
                self.waiting.insert(ticket, Waiting::Upcalls(done));
                self.cell.upcalls(&gateway, upcalls, ticket, now);
            }
            Ask::OpenFor { gateway, number, done } => drop(done.send(self.cell.open_for(&gateway, &number))),
            Ask::Link { token, done } => drop(done.send(self.cell.book().by_link(&token).cloned())),
            Ask::AnswerLink { token, deed, done } => {
                if self.cell.book().by_link(&token).is_some() {
                    self.waiting.insert(ticket, Waiting::Link(done));
                    self.cell.link_answer(&token, deed, ticket, now);
                } else {
                    drop(done.send(Ok(None)));
                }
            }
            Ask::Vouch { vouched, done } => {
                self.waiting.insert(ticket, Waiting::Vouched(done));
                self.cell.vouch(vouched, ticket, now);
            }
            Ask::Directory(directory) => self.cell.set_directory(directory),
            Ask::Canary { gateway, result } => self.cell.canary(&gateway, result),
            Ask::Lock { gateway, done, .. } if self.gateway(&gateway).is_none() => drop(done.send(Ok(false))),
            Ask::Lock { gateway, act, done } => {
                let (journal, key, lease) =
                    (self.parts.journal.clone(), self.parts.key.clone(), self.cell.lease().clone());
                self.locks.spawn(async move {
                    let written = locks::write(&*journal, (&key, lease, entropy()), &gateway, act, now).await;
                    (gateway, done, written)
                });
            }
        }
    }

    /// Takes what a desk of this process posted. With too much of it in memory the rest is left in the inbox.
    fn posted(&mut self, mut items: Vec<InboxItem>, now: Timestamp) {
        let room = self.cell.staged() < self.parts.inbox_batch_max;
        match items.pop_if(|item| matches!(item.command, Command::Apply(_))) {
            Some(order) => self.cell.handed_over(order, now),
            // What is being read already is not taken in twice.
            None if room && self.inbox.is_empty() => self.inbox_wanted |= !self.cell.posted(&items, now),
            None => self.inbox_wanted = true,
        }
    }

    /// Commits what is pending and hears what gateways answer, within the grace.
    async fn finish(mut self) {
        let grace = tokio::time::sleep(self.parts.shutdown_grace);
        tokio::pin!(grace);
        loop {
            let now = clock::now();
            self.flush_and_act(now);
            if self.flush.is_empty() && self.submits.is_empty() {
                return;
            }
            tokio::select! {
                Some(Ok((began, result))) = self.flush.join_next() => self.flushed(began, &result),
                Some(Ok((gateway, facts))) = self.submits.join_next() => self.cell.submitted(&gateway, facts, clock::now()),
                () = &mut grace => {
                    tracing::warn!("shutdown did not wait for all gateways");
                    return;
                }
                else => return,
            }
        }
    }
}
