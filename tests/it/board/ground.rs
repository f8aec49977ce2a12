//! A real cell behind the board: a plan with tiers, clocks, a checklist and a door to knock on, that no
//! preset resembles. What it is told is durable when it answers.

use super::world::{KEY, START, World};
use axum::Router;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use jiaoying::board::{BoardState, internal, public};
use jiaoying::config::Http;
use jiaoying::dispatch::LaneSettings;
use jiaoying::gateway::NotTaken;
use jiaoying::journal::{Journal, Lease, MemoryJournal};
use jiaoying::model::*;
use jiaoying::runtime::{
    Acts, CallKey, Cell, CellParts, CellSettings, Committed, Deed, Gallery, GatewayInfo, Health, Kept, Output,
    ReplyWords, Vouched,
};
use jiaoying::sim::built_in_plans;
use jiaoying::telemetry::Metrics;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};

pub const MIN: i64 = 60_000;

pub struct Rig {
    inner: Mutex<Inner>,
    pub gallery: Arc<Gallery>,
    pub journal: Arc<MemoryJournal>,
    pub id: CalloutId,
    state: Mutex<Option<Arc<BoardState>>>,
}

struct Inner {
    cell: Cell,
    now: Timestamp,
    ticket: u64,
    kept: BTreeMap<u64, Kept>,
}

/// The order of the test: the county (command post within 15 min: two units), then two grids where
/// everybody is to be moved, then one that waits for its time.
pub fn tiered(order: &mut Order) {
    let tier = |name: &str, title: &str, level, before_ms, action: &str, moves| Tier {
        name: name.into(),
        title: title.into(),
        level,
        before_ms,
        action: action.into(),
        moves,
        source: "test".into(),
    };
    let base = order.plan.steps[0].clone();
    let step = |name: &str, tier: u8, post: &str, outcome| Step {
        name: name.into(),
        tier,
        posts: vec![post.into()],
        alert: Vec::new(),
        need: Need::Any,
        proof: Proof::Key,
        outcome,
        rings: vec![Ring { channel: Channel::Sms, tries: 2, wait_ms: MIN }],
        wait_ms: 3 * MIN,
        ..base.clone()
    };
    let clock = |name: &str, title: &str, of, tiers: &[u8], starts, until, within_ms| ClockRule {
        name: name.into(),
        title: title.into(),
        of,
        tiers: tiers.to_vec(),
        starts,
        until,
        within_ms,
        units: Vec::new(),
        remind_ms: Vec::new(),
        missed: OnMiss::Nothing,
        source: "test".into(),
    };
    let plan = &mut order.plan;
    plan.tiers = vec![
        tier("lead", "县级到岗", Some(Level::County), None, "领导到岗，指挥部开设。", Moves::Nobody),
        tier("ground", "网格转移", None, None, "逐户转移。", Moves::Everyone),
        tier("later", "临灾复核", None, Some(2 * 60 * MIN), "复核有无返流。", Moves::Everyone),
        tier("above", "上级", None, None, "", Moves::Nobody),
    ];
    plan.steps = vec![
        step("县指挥部", 0, "county_command", Outcome::Satisfied),
        step("网格员", 1, "grid", Outcome::Satisfied),
        step("乡镇值班", 1, "township_duty", Outcome::TakenOver),
        step("网格员复核", 2, "grid", Outcome::Satisfied),
        step("州值班", 3, "prefecture_duty", Outcome::TakenOver),
    ];
    let command = ClockEnd::Milestone("command_post".into());
    let mut milestone =
        clock("command_post", "指挥部到位", ClockScope::Tier, &[0], ClockStart::Called, command, 15 * MIN);
    milestone.units = vec!["county_command".into(), "fire".into()];
    let checked = ClockEnd::Milestone("checked".into());
    let mut check = clock("checked", "复核到位", ClockScope::Tier, &[2], ClockStart::Called, checked, 30 * MIN);
    check.units = vec!["grid".into()];
    let target = ClockScope::Target;
    plan.clocks = vec![
        milestone,
        check,
        clock("answer", "应答时限", target, &[], ClockStart::Called, ClockEnd::Answered, 5 * MIN),
        clock("moving", "转移启动时限", target, &[1, 2], ClockStart::Answered, ClockEnd::Moving, 10 * MIN),
        clock("done", "转移完成时限", target, &[1, 2], ClockStart::Moving, ClockEnd::Done, 30 * MIN),
        clock("door_knock", "上门时限", target, &[], ClockStart::TakenOver, ClockEnd::Satisfied, 10 * MIN),
    ];
    let item = |text: &str| ChecklistItem { text: text.into(), source: "test".into() };
    plan.checklist = vec![item("危房已清空"), item("路口已封控")];
    plan.night = None;
    plan.in_force_ms = 48 * 60 * MIN;
    order.onset = Some(START.plus_ms(5 * 60 * MIN));
    order.expires = Some(START.plus_ms(24 * 60 * MIN));
    // Grids of different persons, and others above them.
    let mut people: Vec<PersonId> = Vec::new();
    for person in order.ground.iter().flat_map(|g| g.seats.iter().flat_map(|s| &s.answer)) {
        if !people.contains(person) {
            people.push(person.clone());
        }
    }
    let seats = |of: [Option<usize>; 5]| {
        let seat = |who: Option<usize>| who.map(|i| people[i].clone()).into_iter().collect();
        of.map(|who| Seats { answer: seat(who), alert: Vec::new() }).to_vec()
    };
    let grids: Vec<Target> = order.ground.iter().map(|g| g.target.clone()).take(3).collect();
    let sized = |t: &Target| Target { households: 4, persons: 12, special: 2, ..t.clone() };
    let county = Target {
        id: order.region.as_str().into(),
        name: order.place.clone(),
        kind: TargetKind::Region,
        region: order.region.clone(),
        households: 12,
        persons: 36,
        special: 6,
        ..grids[0].clone()
    };
    order.gaps.clear();
    order.ground = vec![
        Ground { target: county, tier: 0, seats: seats([Some(0), None, None, None, None]), beside: None },
        Ground { target: sized(&grids[0]), tier: 1, seats: seats([None, Some(1), Some(3), None, None]), beside: None },
        Ground { target: sized(&grids[1]), tier: 1, seats: seats([None, Some(2), Some(3), None, None]), beside: None },
        Ground { target: sized(&grids[2]), tier: 2, seats: seats([None, None, None, Some(1), None]), beside: None },
    ];
}

impl Rig {
    /// The callout of [`tiered`], opened at [`START`].
    pub fn new() -> Arc<Self> {
        let mut order = None;
        let world = World::with(
            super::SMALL,
            |_| {},
            |o| {
                tiered(o);
                order = Some(o.clone());
            },
        );
        let journal = Arc::new(MemoryJournal::default());
        journal.acquire("cell".into(), "test".into(), 1_000_000).now_or_never().unwrap().unwrap();
        let none = Vec::new;
        let words = ReplyWords {
            yes: none(),
            cannot: none(),
            moving: none(),
            done: none(),
            knocked: none(),
            reached: none(),
            code_digits: 3,
        };
        let lane = LaneSettings::unlimited("gw", &Channel::ALL);
        let parts = CellParts {
            settings: CellSettings {
                name: "cell".into(),
                flush_events_max: 1000,
                first_targets: 50,
                words,
                ask_max: 0,
                code_hold_ms: 3_600_000,
                line_after_key_ms: 60_000,
                link_base: "http://h/a/".into(),
                budgets: jiaoying::dispatch::Budgets::default(),
            },
            lease: Lease { cell: "cell".into(), epoch: 1 },
            directory: world.directory.clone(),
            plans: Arc::new(built_in_plans().unwrap()),
            key: SecretKey::new(KEY),
            gateways: vec![GatewayInfo { lane, idempotent: true, by_reference: false }],
            entropy: Box::new(|| [9; 32]),
        };
        let inner = Inner { cell: Cell::new(parts, START), now: START, ticket: 0, kept: BTreeMap::new() };
        let (gallery, id) = (Arc::<Gallery>::default(), world.id());
        let rig = Arc::new(Self { inner: Mutex::new(inner), gallery, journal, id, state: Mutex::default() });
        let state = BoardState {
            gallery: rig.gallery.clone(),
            acts: rig.clone(),
            journal: rig.journal.clone(),
            directory: RwLock::new(world.directory.clone()),
            desk: None,
            reports: None,
            metrics: Arc::new(Metrics::new()),
            http: Http {
                internal: "127.0.0.1:0".parse().unwrap(),
                public: "127.0.0.1:0".parse().unwrap(),
                public_url: "http://127.0.0.1".into(),
                tokens: Vec::new(),
            },
            bytes_max: 1000,
            key: SecretKey::new(KEY),
            entropy: Arc::new(|| [5; 32]),
            shutdown: Default::default(),
        };
        *rig.state.lock().unwrap() = Some(Arc::new(state));
        rig.command(Command::Apply(Box::new(order.unwrap())));
        rig
    }

    pub fn inside(&self) -> Router {
        internal(self.state.lock().unwrap().clone().unwrap())
    }

    pub fn outside(&self) -> Router {
        public(self.state.lock().unwrap().clone().unwrap())
    }

    pub fn callout(&self) -> Arc<Callout> {
        self.gallery.get(&self.id).unwrap()
    }

    pub fn command(&self, command: Command) {
        let mut inner = self.inner.lock().unwrap();
        let now = inner.now;
        inner.cell.command(&self.id, command, None, now);
        self.settle(&mut inner);
    }

    /// Lets time pass, with everything that is due in it.
    pub fn pass(&self, ms: i64) {
        let mut inner = self.inner.lock().unwrap();
        let end = inner.now.plus_ms(ms);
        loop {
            self.settle(&mut inner);
            let now = inner.now;
            match inner.cell.next_wake(now).filter(|at| *at <= end) {
                Some(at) => inner.now = at.max(now.plus_ms(1)),
                None => break,
            }
        }
        inner.now = inner.now.max(end);
        self.settle(&mut inner);
    }

    /// The call of the person who was called first for a target.
    pub fn call(&self, target: usize) -> CallIx {
        let callout = self.callout();
        *callout.targets[target].calls.iter().find(|c| callout.calls[**c as usize].purpose == Purpose::CallOut).unwrap()
    }

    pub fn link(&self, call: CallIx) -> String {
        format!("/a/{}", self.inner.lock().unwrap().cell.book().link(&(self.id.clone(), call)))
    }

    fn told(&self, tell: impl FnOnce(&mut Cell, u64, Timestamp) -> bool) -> Option<Kept> {
        let mut inner = self.inner.lock().unwrap();
        inner.ticket += 1;
        inner.now = inner.now.plus_ms(1000);
        let (ticket, now) = (inner.ticket, inner.now);
        let known = tell(&mut inner.cell, ticket, now);
        self.settle(&mut inner);
        known.then(|| inner.kept.remove(&ticket).unwrap())
    }

    /// Works until there is nothing to do now.
    fn settle(&self, inner: &mut Inner) {
        loop {
            let now = inner.now;
            inner.cell.turn(now);
            let (batch, outputs) = (inner.cell.batch(now), inner.cell.outputs());
            if batch.is_none() && outputs.is_empty() {
                return;
            }
            for output in outputs {
                match output {
                    Output::Submit { gateway, attempts } => {
                        let taken = |key| (key, Fact::Reached { stage: Stage::Delivered, reference: None });
                        let facts = attempts.into_iter().map(|a| taken(a.key)).collect();
                        inner.cell.submitted(&gateway, facts, now);
                    }
                    Output::Load(id) => {
                        let records = self.journal.read(id.stream(), 0, 10_000).now_or_never().unwrap().unwrap();
                        let salt = self.journal.salt(id.to_string()).now_or_never().unwrap().unwrap();
                        inner.cell.load(&id, &records, salt, now).unwrap();
                    }
                    Output::Committed(committed) => self.gallery.take(&Arc::<Committed>::clone(&committed)),
                    Output::Done { ticket, durable, noted, .. } => {
                        assert!(durable);
                        inner.kept.insert(ticket, noted);
                    }
                    _ => {}
                }
            }
            if let Some(batch) = batch {
                let stored = self.journal.commit(batch).now_or_never().unwrap();
                inner.cell.flushed(&stored, now);
            }
        }
    }
}

impl Acts for Rig {
    fn link(&self, token: String) -> BoxFuture<'_, Option<CallKey>> {
        ready(self.inner.lock().unwrap().cell.book().by_link(&token).cloned()).boxed()
    }

    fn answer_link(&self, token: String, deed: Deed) -> BoxFuture<'_, Result<Option<Kept>, NotTaken>> {
        let kept = self.told(|cell, ticket, now| cell.link_answer(&token, deed, ticket, now));
        ready(Ok(kept)).boxed()
    }

    fn vouch(&self, vouched: Vouched) -> BoxFuture<'_, Result<Kept, NotTaken>> {
        let kept = self.told(|cell, ticket, now| {
            cell.vouch(vouched, ticket, now);
            true
        });
        ready(Ok(kept.unwrap())).boxed()
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn now(&self) -> Timestamp {
        self.inner.lock().unwrap().now
    }
}
