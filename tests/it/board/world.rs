//! A callout that is called out by dice, committed to a journal in memory and shown in a gallery.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use futures::future::{BoxFuture, FutureExt, ready};
use jiaoying::board::{BoardState, internal, public};
use jiaoying::config::{Http, Right, Token};
use jiaoying::directory::{Directory, Draft, sample};
use jiaoying::engine;
use jiaoying::gateway::NotTaken;
use jiaoying::intake::{Desk, Posted, Receipt, Retracted, Retraction, Unavailable};
use jiaoying::journal::{Batch, CalloutRow, Group, Journal, MemoryJournal, Record};
use jiaoying::model::*;
use jiaoying::plan::{PlanSet, orders};
use jiaoying::runtime::{Acts, CallKey, Committed, Deed, Gallery, Health, HealthPart, Kept, Vouched};
use jiaoying::telemetry::Metrics;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use tower::ServiceExt;

/// 2026-07-01T04:18:00+08:00
pub const START: Timestamp = Timestamp(1_782_850_680_000_000);
pub const KEY: [u8; 32] = [7; 32];
pub const TOKEN: &str = "a-token-of-the-duty-room";
pub const READER: &str = "a-token-that-only-reads";
pub const LINK: &str = "abcdefghijkmnpqr";

pub struct World {
    pub journal: Arc<MemoryJournal>,
    pub gallery: Arc<Gallery>,
    pub acts: Arc<FakeActs>,
    pub metrics: Arc<Metrics>,
    pub directory: Arc<Directory>,
    pub callout: Callout,
    pub now: Timestamp,
    /// Nobody answers from now on.
    pub silent: bool,
    prev: Digest,
    rng: ChaCha8Rng,
    later: BTreeMap<(Timestamp, u64), Command>,
    count: u64,
}

#[derive(Default)]
pub struct FakeActs {
    pub now: Mutex<Timestamp>,
    pub links: Mutex<BTreeMap<String, CallKey>>,
    pub answered: Mutex<Vec<(String, Deed)>>,
    pub vouched: Mutex<Vec<Vouched>>,
    pub unwell: Mutex<bool>,
    pub down: Mutex<bool>,
}

#[derive(Default)]
pub struct FakeDesk(pub Mutex<Vec<Posted>>, pub Mutex<Vec<Retraction>>);

/// An answer of a router.
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Acts for FakeActs {
    fn link(&self, token: String) -> BoxFuture<'_, Option<CallKey>> {
        ready(self.links.lock().unwrap().get(&token).cloned()).boxed()
    }

    fn answer_link(&self, token: String, deed: Deed) -> BoxFuture<'_, Result<Option<Kept>, NotTaken>> {
        if *self.down.lock().unwrap() {
            return ready(Err(NotTaken("down".into()))).boxed();
        }
        self.answered.lock().unwrap().push((token, deed));
        ready(Ok(Some(None))).boxed()
    }

    fn vouch(&self, vouched: Vouched) -> BoxFuture<'_, Result<Kept, NotTaken>> {
        self.vouched.lock().unwrap().push(vouched);
        ready(Ok(None)).boxed()
    }

    fn health(&self) -> Health {
        let well = !*self.unwell.lock().unwrap();
        Health { parts: vec![HealthPart { name: "journal".into(), well, vital: true, detail: "as told".into() }] }
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

impl Desk for FakeDesk {
    fn post(&self, posted: Posted) -> BoxFuture<'_, Result<Receipt, Unavailable>> {
        let text = String::from_utf8_lossy(&posted.body).into_owned();
        self.0.lock().unwrap().push(posted);
        let receipt = |accepted| Receipt {
            accepted,
            duplicate: false,
            identifier: Some("1".into()),
            warning: None,
            cover: Vec::new(),
            findings: vec![Finding::notice("/sent", "missing")],
            parked: None,
        };
        ready(match text.as_str() {
            "good" => Ok(receipt(true)),
            "down" => Err(Unavailable("down".into())),
            _ => Ok(receipt(false)),
        })
        .boxed()
    }

    fn retract(&self, retraction: Retraction) -> BoxFuture<'_, Result<Retracted, Unavailable>> {
        let done = match retraction.warning.as_str() {
            "over" => Retracted::Over,
            "unknown" => Retracted::Unknown,
            "drill" => Retracted::NotActual,
            _ => Retracted::Done(Box::new(Receipt {
                accepted: true,
                duplicate: false,
                identifier: Some(retraction.operator.clone()),
                warning: Some(retraction.warning.to_string()),
                cover: Vec::new(),
                findings: Vec::new(),
                parked: None,
            })),
        };
        self.1.lock().unwrap().push(retraction);
        ready(Ok(done)).boxed()
    }
}

impl World {
    /// A red rainstorm warning over a region of the invented directory.
    pub fn new(region: &str) -> Self {
        Self::with(region, |_| {}, |_| {})
    }

    /// The same, with another directory and another order.
    pub fn with(region: &str, change: impl FnOnce(&mut Draft), bend: impl FnOnce(&mut Order)) -> Self {
        let code = RegionCode::parse(region).unwrap();
        let mut draft = sample(&code, 1, &SecretKey::new(KEY));
        change(&mut draft);
        let directory = Arc::new(draft.build(1).unwrap());
        let plans = PlanSet::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config/plans")).unwrap();
        let message = message(&code, &directory.place(region));
        let cover = directory.cover(&message.areas);
        let mut orders = orders(&directory, &plans, &message, &message.warning_id(), &cover, START);
        let (command, mut order) = orders.pop_first().unwrap();
        order.expires = Some(START.plus_ms(6 * 3_600_000));
        bend(&mut order);
        let id = CalloutId::of(&command, &order.warning);
        let mut world = Self {
            journal: Arc::default(),
            gallery: Arc::default(),
            acts: Arc::default(),
            metrics: Arc::default(),
            directory,
            callout: Callout::new(id),
            now: START,
            silent: false,
            prev: Digest::default(),
            rng: ChaCha8Rng::seed_from_u64(3),
            later: BTreeMap::new(),
            count: 0,
        };
        world.command(&Command::Apply(Box::new(order)), START);
        world
    }

    pub fn id(&self) -> CalloutId {
        self.callout.id.clone()
    }

    /// Decides a command, commits its events, shows them.
    pub fn command(&mut self, command: &Command, now: Timestamp) {
        self.now = self.now.max(now);
        *self.acts.now.lock().unwrap() = self.now;
        let first = self.callout.seq;
        let entries = engine::decide(&mut self.callout, command, self.now);
        let stream = self.callout.id.stream();
        let records = Record::chain(&stream, first, self.prev, self.now, &entries).unwrap();
        let Some(last) = records.last() else { return };
        self.prev = last.hash;
        let head = self.callout.head.as_ref().unwrap();
        let row = CalloutRow {
            stream,
            warning: head.warning.to_string(),
            region: head.region.to_string(),
            colour: head.colour,
            opened_at: head.opened_at,
            closed_at: self.callout.closed.map(|_| self.now),
        };
        let group = Group { records, callouts: vec![row], ..Group::default() };
        let stored = self.journal.commit(Batch { lease: None, groups: vec![group] }).now_or_never().unwrap().unwrap();
        assert_eq!(stored, [Ok(())]);
        self.gallery.take(&Arc::new(Committed { callout: self.callout.id.clone(), first, entries }));
    }

    /// Lets people ring, pick up, answer or not, by dice, for some seconds.
    pub fn run(&mut self, seconds: i64) {
        let end = self.now.plus_ms(seconds * 1000);
        loop {
            let said = self.later.first_key_value().map(|((at, _), _)| *at);
            let due = self.callout.next_due();
            let Some(at) = [said, due].into_iter().flatten().min().filter(|at| *at <= end) else { break };
            if said == Some(at) {
                let (_, command) = self.later.pop_first().unwrap();
                self.command(&command, at);
            } else if let Some((_, call, track)) = self.callout.agenda.rungs.first().copied().filter(|r| r.0 == at) {
                self.rung(call, track, at);
            } else {
                self.command(&Command::Tick, at);
            }
        }
        self.now = end;
        *self.acts.now.lock().unwrap() = end;
    }

    fn rung(&mut self, call: CallIx, track: u8, at: Timestamp) {
        let c = &self.callout.calls[call as usize];
        let t = &c.tracks[usize::from(track)];
        let (rung, channel) = (t.next, t.rungs[usize::from(t.next)].0);
        let person = self.directory.person(&self.callout.people[c.person as usize]).unwrap();
        let Some(contact) = person.contacts_on(channel).next().map(|c| c.id.clone()) else {
            self.command(&Command::Skip { call, track, rung, reason: SkipReason::NoContact }, at);
            return;
        };
        let attempt = self.callout.attempts.len() as u32;
        let gateway = match channel {
            Channel::Sms => "sms-main",
            Channel::Voice => "voice-main",
            Channel::Broadcast => "broadcast-main",
        };
        let contact = ContactRef { contact, version: 1 };
        let (gateway, code) = (gateway.into(), Some(format!("{call:02}")));
        // A lane lets a few go a second.
        let at = self.now.max(at).plus_ms(40);
        self.command(
            &Command::Release(Release {
                call,
                track,
                rung,
                channel,
                gateway,
                contact,
                code,
                phrasing: PhrasingWish::default(),
                routed: None,
                bundle: Vec::new(),
            }),
            at,
        );
        if self.callout.attempts.len() as u32 > attempt {
            self.fate(call, attempt, channel, at);
        }
    }

    fn fate(&mut self, call: CallIx, attempt: AttemptIx, channel: Channel, at: Timestamp) {
        let reached = |stage| Fact::Reached { stage, reference: None };
        let dice = if self.silent { 70 } else { self.rng.random_range(0..100) };
        self.tell(at.plus_ms(900), attempt, reached(Stage::Submitted));
        self.tell(at.plus_ms(3_000), attempt, reached(Stage::Delivered));
        let wait = self.rng.random_range(9_000..80_000);
        match (channel, dice) {
            (Channel::Voice, 0..45) => {
                self.tell(at.plus_ms(wait / 4), attempt, reached(Stage::PickedUp));
                let answer = if dice < 5 { Answer::Cannot } else { Answer::Yes };
                self.say(at.plus_ms(wait / 2), call, Some(attempt), answer, Proof::Key, AnswerWay::Voice);
            }
            (Channel::Voice, 45..80) => {
                let failure = if dice < 60 { Failure::Busy } else { Failure::NoAnswer };
                self.tell(at.plus_ms(40_000), attempt, Fact::Failed { failure, detail: None });
            }
            (Channel::Sms, 0..28) => {
                self.say(at.plus_ms(wait * 2), call, None, Answer::Yes, Proof::Code, AnswerWay::Sms);
            }
            (Channel::Broadcast, _) => self.tell(at.plus_ms(9_000), attempt, reached(Stage::PickedUp)),
            _ => {}
        }
    }

    fn tell(&mut self, at: Timestamp, attempt: AttemptIx, fact: Fact) {
        self.plan(at, Command::Report { attempt, fact, reported_at: None, elsewhere: false });
    }

    pub fn say(
        &mut self,
        at: Timestamp,
        call: CallIx,
        attempt: Option<AttemptIx>,
        answer: Answer,
        proof: Proof,
        way: AnswerWay,
    ) {
        let reply = Reply { call, attempt, answer, proof, way, text: None, on_behalf: None, reported_at: None };
        self.plan(at, Command::Reply(reply));
    }

    fn plan(&mut self, at: Timestamp, command: Command) {
        self.count += 1;
        self.later.insert((at, self.count), command);
    }

    /// Something small that is one event.
    pub fn note(&mut self) {
        let command =
            Command::Note { call: Some(0), reason: NoteReason::Nonsense, way: AnswerWay::Sms, text: None, ask: false };
        self.command(&command, self.now.plus_ms(1));
    }

    /// The state of the routers. With tokens: one that may do everything, one that only reads.
    pub fn state(&self, tokens: bool) -> Arc<BoardState> {
        let token = |name: &str, secret: &str, rights: &[Right]| Token {
            name: name.into(),
            sha256: Digest::of(secret.as_bytes()).hex(),
            rights: rights.to_vec(),
        };
        let all = vec![
            token("值班室", TOKEN, &[Right::Read, Right::Operate, Right::Post]),
            token("大屏", READER, &[Right::Read]),
        ];
        let entropy = Mutex::new(ChaCha8Rng::seed_from_u64(9));
        Arc::new(BoardState {
            gallery: self.gallery.clone(),
            acts: self.acts.clone(),
            journal: self.journal.clone(),
            directory: RwLock::new(self.directory.clone()),
            desk: Some(Arc::new(FakeDesk::default())),
            reports: None,
            metrics: self.metrics.clone(),
            http: Http {
                internal: "127.0.0.1:0".parse().unwrap(),
                public: "127.0.0.1:0".parse().unwrap(),
                public_url: "http://127.0.0.1".into(),
                tokens: if tokens { all } else { Vec::new() },
            },
            bytes_max: 1000,
            key: SecretKey::new(KEY),
            entropy: Arc::new(move || entropy.lock().unwrap().random()),
            shutdown: Default::default(),
        })
    }

    pub fn open(&self) -> Router {
        internal(self.state(false))
    }

    pub fn guarded(&self) -> Router {
        internal(self.state(true))
    }

    pub fn public(&self) -> Router {
        public(self.state(true))
    }

    /// Makes [`LINK`] the link of a call.
    pub fn link(&self, call: CallIx) {
        self.acts.links.lock().unwrap().insert(LINK.into(), (self.id(), call));
    }

    /// The call that names most targets of those that were tried.
    pub fn busiest(&self) -> CallIx {
        let calls = self.callout.calls.iter().enumerate();
        let tried = calls.filter(|(_, c)| c.purpose == Purpose::CallOut && !c.attempts.is_empty());
        tried.max_by_key(|(_, c)| c.links.len()).unwrap().0 as CallIx
    }
}

fn message(code: &RegionCode, place: &str) -> Message {
    Message {
        sender: "533300-met".into(),
        identifier: "53332441600000_20260701041800".into(),
        sent: Some(START),
        status: Status::Actual,
        kind: MessageKind::Alert,
        references: Vec::new(),
        hazard: Hazard::from_word("暴雨"),
        colour: Some(Colour::Red),
        effective: None,
        onset: None,
        origin_time: None,
        expires: None,
        wording: vec![Wording {
            language: "zh-CN".into(),
            headline: format!("{place}气象台2026年7月1日4时18分发布暴雨红色预警信号"),
            description: "预计未来3小时降雨量将达100毫米以上，发生山洪、滑坡、泥石流的风险极高。".into(),
            instruction: "立即转移低洼地带、隐患点群众，巡查人员注意自身安全。".into(),
        }],
        areas: vec![Area { codes: vec![code.clone()], ..Area::default() }],
        issuers: Vec::new(),
        note: String::new(),
        methods: Vec::new(),
    }
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).header("accept", "text/html").body(Body::empty()).unwrap()
}

pub fn get_as(path: &str, token: &str) -> Request<Body> {
    Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

pub fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub const JSON: (&str, &str) = ("content-type", "application/json");

/// Asks a router once.
pub async fn ask(router: &Router, request: Request<Body>) -> Got {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Got { status: parts.status, headers: parts.headers, body }
}

impl Got {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}
