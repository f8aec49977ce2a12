//! A desk of reports on a journal in memory, with gateways that only listen and an engine that only notes.

use crate::intake::store::{Flaky, resolved};
use futures::future::{BoxFuture, FutureExt, ready};
use jiaoying::config::Config;
use jiaoying::directory::{Directory, sample};
use jiaoying::gateway::{Gateway, NotTaken, Outgoing, ReadBack, Upcall, Upcalls};
use jiaoying::intake::formats::Limits;
use jiaoying::intake::reports::*;
use jiaoying::intake::{FrontDesk, Sender, Senders};
use jiaoying::journal::{Batch, Group, InboxItem, Journal, MemoryJournal, Record};
use jiaoying::model::*;
use jiaoying::runtime::ReplyWords;
use jiaoying::sim::built_in_plans;
use jiaoying::telemetry::Metrics;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

pub const BEGIN: Timestamp = Timestamp(1_780_000_000_000_000);
pub const PLACE: &str = "533324204";

/// What went out: the gateway and the text.
type Sent = Arc<Mutex<Vec<(String, Outgoing)>>>;

/// Its name, what it was given, and whether it takes nothing.
struct Listener(GatewayId, Sent, Arc<AtomicBool>);

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Upcall>>>);

pub struct Rig {
    pub desk: Arc<ReportDesk>,
    pub journal: Arc<MemoryJournal>,
    /// The desk of warnings behind it.
    pub front: Arc<FrontDesk>,
    /// Whether the store writes nothing.
    pub down: Arc<AtomicBool>,
    /// Whether the gateways refuse every text.
    pub mute: Arc<AtomicBool>,
    pub door: ReportDoor,
    pub engine: Arc<Mutex<Vec<Upcall>>>,
    directory: Arc<Directory>,
    clock: Arc<AtomicI64>,
    sent: Sent,
    senders: Senders,
    rules: ReportRules,
}

impl Gateway for Listener {
    fn id(&self) -> &GatewayId {
        &self.0
    }

    fn channels(&self) -> &[Channel] {
        &[Channel::Sms]
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    fn batch_max(&self) -> usize {
        1
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        let fact = match self.2.load(Ordering::Relaxed) {
            true => Fact::Failed { failure: Failure::Refused, detail: None },
            false => Fact::Reached { stage: Stage::Submitted, reference: None },
        };
        let facts = attempts.iter().map(|_| fact.clone()).collect();
        let mut sent = self.1.lock().unwrap();
        sent.extend(attempts.into_iter().map(|a| (self.0.to_string(), a)));
        ready(facts).boxed()
    }

    fn withdraw(&self, _: AttemptKey) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        ready(Ok(String::new())).boxed()
    }
}

impl Upcalls for Notes {
    fn take(&self, _: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        self.0.lock().unwrap().extend(upcalls);
        ready(Ok(Vec::new())).boxed()
    }
}

fn senders() -> Senders {
    let sender = |account: &str, regions: &[&str], statuses: &[Status]| Sender {
        name: account.into(),
        account: account.into(),
        senders: Vec::new(),
        regions: regions.iter().map(|r| RegionCode::parse(r).unwrap()).collect(),
        hazards: Vec::new(),
        statuses: statuses.to_vec(),
    };
    Senders(vec![
        sender("county", &["533324"], &[Status::Actual]),
        sender("other", &["533301"], &[Status::Actual]),
        sender(REPORT_ACCOUNT, &[], &[Status::Actual, Status::Exercise]),
    ])
}

/// As the default file has them.
pub fn rules() -> ReportRules {
    let reports = Config::load(None, std::iter::empty()).unwrap().reports;
    ReportRules {
        keywords: Keywords(reports.keywords),
        sender: reports.sender,
        answer_within_ms: i64::from(reports.answer_within_s) * 1000,
        same_within_ms: i64::from(reports.same_within_s) * 1000,
        duty_posts: reports.duty_posts,
        trusted_posts: reports.trusted_posts,
        trusted_hazards: reports.trusted_hazards.iter().map(|h| Hazard::from_word(h)).collect(),
        trusted_colour: Colour::from_word(&reports.trusted_colour).unwrap(),
    }
}

impl Rig {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut ReportRules)) -> Self {
        let mut rules = rules();
        change(&mut rules);
        Self::made(Arc::default(), Arc::new(AtomicI64::new(BEGIN.0)), senders(), rules).loaded()
    }

    pub fn bent(change: impl FnOnce(&mut Senders)) -> Self {
        let mut senders = senders();
        change(&mut senders);
        Self::made(Arc::default(), Arc::new(AtomicI64::new(BEGIN.0)), senders, rules()).loaded()
    }

    /// Another process on the same journal, which has read nothing yet.
    pub fn restarted(&self) -> Self {
        Self::made(self.journal.clone(), self.clock.clone(), self.senders.clone(), self.rules.clone())
    }

    /// Another process on the same journal, with other senders.
    pub fn restarted_with(&self, change: impl FnOnce(&mut Senders)) -> Self {
        let mut senders = self.senders.clone();
        change(&mut senders);
        Self::made(self.journal.clone(), self.clock.clone(), senders, self.rules.clone()).loaded()
    }

    fn made(journal: Arc<MemoryJournal>, clock: Arc<AtomicI64>, senders: Senders, rules: ReportRules) -> Self {
        let key = SecretKey::new([7; 32]);
        let directory = Arc::new(sample(&RegionCode::parse(PLACE).unwrap(), 1, &key).build(1).unwrap());
        let (tick, down) = (clock.clone(), Arc::new(AtomicBool::new(false)));
        let front = Arc::new(FrontDesk {
            journal: Arc::new(Flaky { inner: journal.clone(), down: down.clone() }),
            directory: RwLock::new(directory.clone()),
            plans: Arc::new(built_in_plans().unwrap()),
            senders: senders.clone(),
            limits: Limits::default(),
            key,
            clock: Arc::new(move || Timestamp(tick.fetch_add(1000, Ordering::Relaxed))),
            entropy: Arc::new(|| [9; 32]),
            posted: Arc::new(|_| Box::pin(async { true })),
            recent: jiaoying::intake::Recent::default(),
        });
        let sent = Sent::default();
        let mute = Arc::new(AtomicBool::new(false));
        let gateway =
            |id: &str, drill| (Arc::new(Listener(id.into(), sent.clone(), mute.clone())) as Arc<dyn Gateway>, drill);
        let gateways = vec![gateway("sms", false), gateway("drill-sms", true)];
        let desk = Arc::new(ReportDesk::new(front.clone(), front.clone(), rules.clone(), gateways, Metrics::new()));
        let replies = Config::load(None, std::iter::empty()).unwrap().replies;
        let answers = ReplyWords {
            yes: replies.yes,
            cannot: replies.cannot,
            moving: replies.moving,
            done: replies.done,
            knocked: replies.knocked,
            reached: replies.reached,
            code_digits: usize::from(replies.code_digits),
        };
        let notes = Notes::default();
        let door = ReportDoor { reports: desk.clone(), engine: Arc::new(notes.clone()), answers };
        Self { desk, front, journal, down, mute, door, engine: notes.0, directory, clock, sent, senders, rules }
    }

    fn loaded(self) -> Self {
        self.desk.load().now_or_never().unwrap().unwrap();
        self
    }

    /// What waits in the inbox, each message as its order.
    pub async fn inbox(&self) -> Vec<InboxItem> {
        resolved(&self.front, self.journal.inbox(Vec::new(), 100).await.unwrap()).await
    }

    /// A person who holds a post and no other, with the number.
    pub fn holder(&self, post: &str) -> (PersonId, String) {
        let one = |id: &PersonId| self.directory.postings().filter(|p| p.person == *id).count() == 1;
        let holder = self.directory.postings().find(|p| p.post == post && one(&p.person)).unwrap();
        let person = self.directory.person(&holder.person).unwrap();
        (holder.person.clone(), person.contacts_on(Channel::Sms).next().unwrap().number.clone())
    }

    /// Whom an alert for a region goes to.
    pub fn officers(&self, post: &str, region: &str) -> Vec<PersonId> {
        self.directory.seats_at(post, Holders::Present, region, self.now())
    }

    pub async fn text(&self, from: &str, text: &str, at: Option<Timestamp>) {
        self.text_by("sms", from, text, at).await;
    }

    pub async fn text_by(&self, gateway: &str, from: &str, text: &str, at: Option<Timestamp>) {
        let upcall = Upcall::Text { from: from.into(), text: text.into(), key: None, extension: None, reported_at: at };
        self.door.take(gateway.into(), vec![upcall]).await.unwrap();
    }

    pub fn only(&self) -> Arc<Shown> {
        let all = self.desk.all();
        assert_eq!(all.len(), 1);
        all[0].clone()
    }

    pub fn engine_texts(&self) -> usize {
        self.engine.lock().unwrap().len()
    }

    pub fn sent(&self) -> Vec<(String, Outgoing)> {
        self.sent.lock().unwrap().clone()
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }

    pub fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms * 1000, Ordering::Relaxed);
    }

    /// Everything stored of a report, as text.
    pub async fn raw(&self, id: &ReportId) -> String {
        self.journal.read(id.stream(), 0, 100).await.unwrap().iter().map(|r| r.body.clone()).collect()
    }

    /// Writes an event behind a report, past the desk.
    pub async fn append(&self, report: &Report, entry: &ReportEntry) {
        let records = Record::chain(&report.id.stream(), report.seq, report.hash, entry.0, &[entry]).unwrap();
        let group = Group { records, ..Group::default() };
        let stored = self.journal.commit(Batch { lease: None, groups: vec![group] }).await.unwrap();
        assert_eq!(stored, [Ok(())]);
    }
}
