//! A world on virtual time: it drives the real desk, cell and journal, and plays everything around them.

use super::checks::Checks;
use super::faults::{Carriers, Faults};
use super::scene::Scene;
use crate::dispatch::{Budgets, LaneSettings, Route};
use crate::gateway::Upcall;
use crate::gateway::simulator::People;
use crate::intake::formats::Limits;
use crate::intake::{Desk, FrontDesk, Posted, Receipt, Recent};
use crate::journal::{Conflict, InboxItem, Journal, JournalError, SelectCallouts};
use crate::model::{AttemptKey, CalloutId, Channel, Command, Digest, Fact, Failure, GatewayId, Timestamp};
use crate::runtime::{Cell, CellParts, CellSettings, Deed, Gallery, GatewayInfo, Orders, Output, ReplyWords, Ticket};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What happens at a time.
pub(super) enum Happening {
    Restart,
    Post { body: Vec<u8> },
    FlushDone { life: u64, result: Result<Vec<Result<(), Conflict>>, JournalError> },
    SubmitAnswered { life: u64, gateway: GatewayId, facts: Vec<(AttemptKey, Fact)> },
    Upcall(GatewayId, Upcall),
    Tap { link: String, deed: Deed },
    ReadInbox { life: u64 },
    CheckSilence(CalloutId),
    Look,
}

/// A world.
pub struct World {
    /// The virtual time.
    pub now: Timestamp,
    /// What readers see.
    pub gallery: Arc<Gallery>,
    /// The promises.
    pub checks: Checks,
    /// The receipts given, in order.
    pub receipts: Vec<Receipt>,
    /// The last one-time link that went out.
    pub last_link: Option<String>,
    journal: Arc<dyn Journal>,
    pub(super) faults: Faults,
    pub(super) people: People,
    pub(super) rng: ChaCha8Rng,
    scene: Scene,
    pub(super) desk: FrontDesk,
    clock: Arc<AtomicI64>,
    entropy: Arc<AtomicU64>,
    pub(super) cell: Option<Cell>,
    pub(super) life: u64,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    pub(super) next: u64,
    tickets: BTreeMap<Ticket, Happening>,
    pub(super) withdrawn: BTreeSet<AttemptKey>,
    pub(super) idempotent: bool,
    pub(super) link_base: String,
    pub(super) duty: Option<u64>,
    /// What the desk has posted and the engine was not told yet.
    begun: Arc<Mutex<Vec<Vec<InboxItem>>>>,
    pub(super) carriers: Carriers,
    /// Gateways that are dead, until when.
    pub(super) dead: BTreeMap<GatewayId, Timestamp>,
}

/// Gateways of worlds with twins: what the name of a second one ends in.
const TWIN: &str = "-2";
/// Id, whether it is for drills, channels. Drills have no loudspeakers here: theirs stay silent.
const GATEWAYS: [(&str, bool, &[Channel]); 5] = [
    ("sim-sms", false, &[Channel::Sms]),
    ("sim-voice", false, &[Channel::Voice]),
    ("sim-broadcast", false, &[Channel::Broadcast]),
    ("drill-sms", true, &[Channel::Sms]),
    ("drill-voice", true, &[Channel::Voice]),
];
const LEASE_TTL_MS: i64 = 10_000;
/// Warnings that one message of a world may name.
pub(super) const BUNDLE_MAX: usize = 3;
/// What one-time links of a world begin with, unless it says otherwise.
const LINK_BASE: &str = "http://127.0.0.1:8481/a/";

// === impl World ===

impl World {
    /// A world before its first event.
    #[must_use]
    pub fn new(scene: Scene, journal: Arc<dyn Journal>, people: People, faults: Faults, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6a69_616f);
        let clock = Arc::new(AtomicI64::new(scene.begins.0));
        let entropy = Arc::new(AtomicU64::new(seed));
        let (tick, fresh) = (clock.clone(), entropy.clone());
        let begun = Arc::<Mutex<Vec<Vec<InboxItem>>>>::default();
        let began = begun.clone();
        let desk = FrontDesk {
            journal: journal.clone(),
            directory: RwLock::new(scene.directory.clone()),
            plans: scene.plans.clone(),
            senders: scene.senders.clone(),
            limits: Limits::default(),
            key: scene.key.clone(),
            clock: Arc::new(move || Timestamp(tick.load(Ordering::Relaxed))),
            entropy: Arc::new(move || fresh_bytes(&fresh)),
            posted: Arc::new(move |items| {
                began.lock().unwrap_or_else(PoisonError::into_inner).push(items);
                Box::pin(async { true })
            }),
            recent: Recent::default(),
        };
        let mut world = Self {
            now: scene.begins,
            gallery: Arc::default(),
            checks: Checks::default(),
            receipts: Vec::new(),
            last_link: None,
            journal,
            faults,
            people,
            idempotent: rng.random_ratio(1, 2),
            link_base: LINK_BASE.into(),
            duty: None,
            carriers: Carriers {
                rate_per_s: 200.0,
                window: 64,
                lines: 60,
                answer_ms: 5..200,
                budgets: Budgets { bundle_max: BUNDLE_MAX, ..Budgets::default() },
                twins: None,
            },
            rng,
            desk,
            clock,
            begun,
            entropy,
            cell: None,
            life: 0,
            queue: BTreeMap::new(),
            next: 0,
            tickets: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            dead: BTreeMap::new(),
            scene,
        };
        world.at(0, Happening::Restart);
        for post in world.scene.posts.clone() {
            world.at(post.at.ms_since(world.now), Happening::Post { body: post.body });
        }
        world
    }

    /// The engine, when it lives.
    #[must_use]
    pub fn cell(&mut self) -> Option<&mut Cell> {
        self.cell.as_mut()
    }

    /// Stops making faults: from now on the world is kind.
    pub fn be_kind(&mut self) {
        self.faults = Faults::default();
        self.dead.clear();
    }

    /// When something happens next; `None` when nothing ever will.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        let wake = self.cell.as_ref().and_then(|c| c.next_wake(self.now)).map(|at| at.max(self.now));
        [queued, wake].into_iter().flatten().min()
    }

    /// Lets the next thing happen.
    pub async fn step(&mut self) {
        let Some(at) = self.next_at() else { return };
        self.now = self.now.max(at);
        self.clock.store(self.now.0, Ordering::Relaxed);
        while let Some((key, _)) = self.queue.first_key_value().filter(|((at, _), _)| *at <= self.now) {
            let key = *key;
            if let Some(happening) = self.queue.remove(&key) {
                self.happen(happening).await;
            }
        }
        self.settle().await;
    }

    pub(super) fn at(&mut self, after_ms: i64, happening: Happening) {
        self.next += 1;
        self.queue.insert((self.now.plus_ms(after_ms), self.next), happening);
    }

    pub(super) fn roll(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.rng.random_range(0..1000) < thousandths
    }

    async fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Restart => self.restart().await,
            Happening::Post { body } => self.post(body).await,
            Happening::FlushDone { life, result } => {
                if let Some(cell) = self.cell.as_mut().filter(|_| life == self.life) {
                    cell.flushed(&result, self.now);
                }
            }
            Happening::SubmitAnswered { life, gateway, facts } => {
                if let Some(cell) = self.cell.as_mut().filter(|_| life == self.life) {
                    cell.submitted(&gateway, facts, self.now);
                }
            }
            Happening::Upcall(gateway, upcall) => self.upcall(gateway, upcall),
            Happening::Tap { link, deed } => self.tap(&link, deed),
            Happening::Look => self.look(),
            Happening::ReadInbox { life } => {
                if life == self.life {
                    self.read_inbox().await;
                }
            }
            Happening::CheckSilence(id) => {
                if let Some(callout) = self.gallery.get(&id).filter(|_| self.cell.is_some()) {
                    self.checks.silence(&callout, &self.gallery, &self.withdrawn, self.now);
                }
            }
        }
    }

    pub(super) async fn post(&mut self, body: Vec<u8>) {
        let posted = Posted { door: "amqp", account: Some("bureau".into()), body: body.clone() };
        match self.desk.post(posted).await {
            Ok(receipt) => self.receipts.push(receipt),
            Err(_) => self.at(1000, Happening::Post { body: body.clone() }),
        }
        if self.roll(self.faults.message_twice) {
            self.at(500, Happening::Post { body });
        }
        // A running engine is handed the orders of messages, unless it is busy reading or the door is another process's
        // (every fourth message is taken so); the rest it reads itself, and looks for what it missed.
        let here = self.receipts.len() % 4 != 3;
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        let mut handed = false;
        if let Some(cell) = self.cell.as_mut().filter(|cell| here && cell.is_loaded()) {
            for mut items in begun {
                match items.pop_if(|item| matches!(item.command, Command::Apply(_))) {
                    Some(order) => cell.handed_over(order, self.now),
                    None => handed = cell.posted(&items, self.now),
                }
            }
        }
        if !handed {
            self.read_inbox().await;
        }
        let life = self.life;
        self.at(500, Happening::ReadInbox { life });
    }

    pub(super) async fn read_inbox(&mut self) {
        let Some(cell) = &mut self.cell else { return };
        if let Ok(items) = self.journal.inbox(cell.inbox_ids(), 1000).await {
            cell.inbox(items, self.now);
        }
    }

    /// The engine starts: it waits for the lease, reads what is open, and goes on.
    async fn restart(&mut self) {
        let holder = format!("engine-{}", self.life + 1);
        let lease = match self.journal.acquire("sim".into(), holder, LEASE_TTL_MS).await {
            Ok(Some(lease)) => lease,
            _ => {
                self.at(1000, Happening::Restart);
                return;
            }
        };
        self.life += 1;
        let lane = |(id, drill, channels, priority): (&str, bool, &[Channel], u32)| GatewayInfo {
            lane: LaneSettings {
                id: id.into(),
                channels: channels.to_vec(),
                drill,
                rate_per_s: self.carriers.rate_per_s,
                burst: 20,
                window: self.carriers.window,
                lines: self.carriers.lines,
                templates: Vec::new(),
                route: Route { priority, ..Route::default() },
            },
            idempotent: self.idempotent,
            by_reference: false,
        };
        let twins: Vec<_> = GATEWAYS.map(|(id, ..)| format!("{id}{TWIN}")).into();
        let mut gateways: Vec<_> = GATEWAYS.map(|(id, drill, channels)| (id, drill, channels, 1)).into();
        if let Some(priority) = self.carriers.twins {
            let twin = |(id, (_, drill, channels))| (String::as_str(id), drill, channels, priority);
            gateways.extend(twins.iter().zip(GATEWAYS).map(twin));
        }
        let entropy = self.entropy.clone();
        let parts = CellParts {
            settings: CellSettings {
                link_base: self.link_base.clone(),
                budgets: self.carriers.budgets.clone(),
                ..settings()
            },
            lease,
            directory: self.scene.directory.clone(),
            plans: self.scene.plans.clone(),
            key: self.scene.key.clone(),
            gateways: gateways.into_iter().map(lane).collect(),
            entropy: Box::new(move || fresh_bytes(&entropy)),
        };
        let mut cell = Cell::new(parts, self.now);
        let since = self.now.plus_ms(-settings().code_hold_ms);
        let mut rows = self.journal.callouts(SelectCallouts::Open).await.unwrap_or_default();
        rows.extend(self.journal.callouts(SelectCallouts::ClosedSince(since)).await.unwrap_or_default());
        cell.recover_all(rows.iter().filter_map(|r| r.stream.callout()));
        self.cell = Some(cell);
        self.read_inbox().await;
    }

    /// A gateway tells; while nobody takes it, it tells again.
    fn upcall(&mut self, gateway: GatewayId, upcall: Upcall) {
        let again = Happening::Upcall(gateway.clone(), upcall.clone());
        let ticket = self.next;
        self.next += 1;
        let Some(cell) = self.cell.as_mut().filter(|c| c.is_loaded()) else {
            self.at(5000, again);
            return;
        };
        cell.upcalls(&gateway, vec![upcall], ticket, self.now);
        self.tickets.insert(ticket, again);
    }

    pub(super) fn tap(&mut self, link: &str, deed: Deed) {
        let again = Happening::Tap { link: link.into(), deed: deed.clone() };
        let ticket = self.next;
        self.next += 1;
        let Some(cell) = self.cell.as_mut().filter(|c| c.is_loaded()) else {
            self.at(5000, again);
            return;
        };
        let token = link.rsplit('/').next().unwrap_or_default();
        if cell.link_answer(token, deed, ticket, self.now) {
            self.tickets.insert(ticket, again);
        }
    }

    /// Lets the cell work until it waits for something.
    pub async fn settle(&mut self) {
        loop {
            let Some(cell) = &mut self.cell else { return };
            cell.turn(self.now);
            let batch = cell.batch(self.now);
            let outputs = cell.outputs();
            if batch.is_none() && outputs.is_empty() {
                let loaded = cell.is_loaded();
                if let Some(cell) = self.cell.as_ref().filter(|_| loaded) {
                    self.checks.settled(cell, self.now);
                    self.gallery.foresee(cell.dispatch().forecast(self.now));
                }
                return;
            }
            for output in outputs {
                self.act(output).await;
            }
            if let Some(batch) = batch {
                self.fly(batch).await;
            }
        }
    }

    async fn fly(&mut self, batch: crate::journal::Batch) {
        let crash = self.roll(self.faults.crash);
        let fails = self.roll(self.faults.commit_fails) || (crash && self.rng.random_ratio(1, 2));
        let unknown = self.roll(self.faults.commit_unknown);
        let lost = || JournalError::Unavailable("simulated fault".into());
        let result = if fails {
            Err(lost())
        } else {
            let stored = self.journal.commit(batch.clone()).await;
            if stored.is_ok() {
                self.checks.stored(&batch);
            }
            if unknown { Err(lost()) } else { stored }
        };
        self.checks.seen.failed_commits += u64::from(result.is_err());
        if crash {
            self.checks.seen.crashes += 1;
            self.cell = None;
            self.life += 1;
            self.at(LEASE_TTL_MS / 2, Happening::Restart);
            // Whoever waited for an answer asks again.
            for again in std::mem::take(&mut self.tickets).into_values() {
                self.at(5000, again);
            }
            return;
        }
        let life = self.life;
        let latency = self.rng.random_range(1..4);
        self.at(latency, Happening::FlushDone { life, result });
    }

    async fn act(&mut self, output: Output) {
        match output {
            Output::Submit { gateway, attempts } => self.submit(gateway, &attempts),
            Output::Withdraw { gateway, key } => {
                self.withdrawn.insert(key.clone());
                let fact = Fact::Failed { failure: Failure::Withdrawn, detail: None };
                self.at(300, Happening::Upcall(gateway, Upcall::Report { key, fact, reported_at: None }));
            }
            Output::Done { ticket, durable, .. } => {
                if let Some(again) = self.tickets.remove(&ticket).filter(|_| !durable) {
                    self.at(5000, again);
                }
            }
            Output::Committed(committed) => {
                self.gallery.take(&committed);
                self.checks.committed(&self.gallery, &committed);
                self.at(1100, Happening::CheckSilence(committed.callout.clone()));
            }
            Output::Load(id) => {
                let records = self.journal.read(id.stream(), 0, usize::MAX >> 1).await.unwrap_or_default();
                let salt = self.journal.salt(id.to_string()).await.unwrap_or_default();
                // The gallery follows the journal: what was committed and never confirmed is shown too.
                let entries: Vec<_> = records.iter().flat_map(|r| r.entries().unwrap_or_default()).collect();
                if !entries.is_empty() {
                    self.gallery.show(crate::engine::replay(id.clone(), &entries));
                }
                if let Some(cell) = &mut self.cell
                    && let Err(e) = cell.load(&id, &records, salt, self.now)
                {
                    self.checks.fail(9, e.to_string());
                }
            }
            Output::InboxPosted => {
                let life = self.life;
                self.at(1, Happening::ReadInbox { life });
            }
            Output::Resolve { callout, item, at } => {
                let order = self.desk.order(at).await.unwrap_or_default();
                let command = order.map_or(Command::Tick, |order| Command::Apply(Box::new(order)));
                if let Some(cell) = &mut self.cell {
                    cell.resolved(&callout, &item, command, self.now);
                }
            }
            Output::Stray { ticket, .. } => {
                if let Some(cell) = &mut self.cell {
                    cell.kept(ticket, true);
                }
            }
        }
    }

    /// The directory's numbers, to look for where they must not be.
    #[must_use]
    pub fn numbers(&self) -> BTreeSet<String> {
        let people = self.scene.directory.people();
        people.flat_map(|p| &p.contacts).map(|c| c.number.clone()).filter(|n| n.starts_with("+86")).collect()
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }
}

fn fresh_bytes(counter: &AtomicU64) -> [u8; 32] {
    Digest::of_parts(&[b"entropy", &counter.fetch_add(1, Ordering::Relaxed).to_be_bytes()]).0
}

fn settings() -> CellSettings {
    let list = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    CellSettings {
        name: "sim".into(),
        flush_events_max: 2000,
        // Nearly every warning opens in two parts.
        first_targets: 2,
        words: ReplyWords {
            yes: list(&["收到", "1", "好", "知道了"]),
            cannot: list(&["2", "不能", "无法"]),
            moving: list(&["3", "动", "正在转移"]),
            done: list(&["4", "毕", "转移完毕"]),
            knocked: list(&["5", "已上门"]),
            reached: list(&["6", "到位"]),
            code_digits: 3,
        },
        ask_max: 2,
        code_hold_ms: 72 * 3_600_000,
        line_after_key_ms: 60_000,
        link_base: LINK_BASE.into(),
        budgets: Budgets::default(),
    }
}
