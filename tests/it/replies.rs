//! What people say back, as the cell takes it: to notices, too late, and when nobody knows what is meant.

mod drills;
mod references;
mod reports;

use futures::FutureExt;
use jiaoying::directory::sample;
use jiaoying::dispatch::LaneSettings;
use jiaoying::engine::is_marked;
use jiaoying::gateway::{Outgoing, ReadBack, Upcall};
use jiaoying::journal::{Batch, Conflict, Group, Journal, MemoryJournal, Outcome};
use jiaoying::model::*;
use jiaoying::plan::orders;
use jiaoying::runtime::{Cell, CellParts, CellSettings, GatewayInfo, Output, ReplyWords};
use jiaoying::sim::built_in_plans;
use std::sync::Arc;

pub(crate) const BEGIN: Timestamp = Timestamp(1_780_000_000_000_000);
const VILLAGE: &str = "533324204201";

/// A cell on a journal in memory; its gateway takes everything and nobody reacts by themselves.
pub(crate) struct Case {
    pub(crate) cell: Cell,
    pub(crate) journal: MemoryJournal,
    pub(crate) now: Timestamp,
    pub(crate) sent: Vec<Outgoing>,
    parts: CellParts,
    /// Whether the gateway only takes attempts, under references of its own.
    pub(crate) refers: bool,
    /// What the gateway answers to the next submit, once.
    pub(crate) answers: Option<Fact>,
    /// The callout whose place in the journal is taken, once.
    pub(crate) refuse: Option<CalloutId>,
    /// What was to be hung up.
    pub(crate) hung_up: Vec<AttemptKey>,
    /// What was read back.
    pub(crate) read_back: Vec<ReadBack>,
}

fn parts(ask_max: u8, bundle_max: usize) -> CellParts {
    let (key, words) = (SecretKey::new([7; 32]), |list: &[&str]| list.iter().map(ToString::to_string).collect());
    CellParts {
        settings: CellSettings {
            name: "cell".into(),
            flush_events_max: 1000,
            first_targets: 50,
            words: ReplyWords {
                yes: words(&["收到", "1"]),
                cannot: words(&["2", "不能"]),
                moving: Vec::new(),
                done: words(&["4"]),
                knocked: Vec::new(),
                reached: Vec::new(),
                code_digits: 3,
            },
            ask_max,
            code_hold_ms: 3_600_000,
            line_after_key_ms: 60_000,
            link_base: "http://h/a/".into(),
            budgets: jiaoying::dispatch::Budgets { bundle_max, ..Default::default() },
        },
        lease: jiaoying::journal::Lease { cell: "cell".into(), epoch: 1 },
        directory: Arc::new(sample(&RegionCode::parse(VILLAGE).unwrap(), 1, &key).build(1).unwrap()),
        plans: Arc::new(built_in_plans().unwrap()),
        key,
        gateways: [("gw", false), ("drill", true)]
            .map(|(id, drill)| LaneSettings { drill, ..LaneSettings::unlimited(id, &Channel::ALL) })
            .map(|lane| GatewayInfo { lane, idempotent: true, by_reference: true })
            .into(),
        entropy: Box::new(|| [9; 32]),
    }
}

impl Case {
    pub(crate) fn new(ask_max: u8) -> Self {
        Self::with(ask_max, 0, |_| {})
    }

    /// A cell that names up to three warnings in one message.
    pub(crate) fn bundling(change: impl Fn(&mut CellSettings)) -> Self {
        Self::with(2, 3, change)
    }

    fn with(ask_max: u8, bundle_max: usize, change: impl Fn(&mut CellSettings)) -> Self {
        let journal = MemoryJournal::default();
        let lease = journal.acquire("cell".into(), "test".into(), 1_000_000).now_or_never().unwrap().unwrap();
        assert_eq!(lease.unwrap().epoch, 1);
        let mut of = parts(ask_max, bundle_max);
        change(&mut of.settings);
        Self {
            cell: Cell::new(of, BEGIN),
            journal,
            now: BEGIN,
            sent: Vec::new(),
            parts: parts(ask_max, bundle_max),
            refers: false,
            answers: None,
            refuse: None,
            hung_up: Vec::new(),
            read_back: Vec::new(),
        }
    }

    /// A message about a hazard in the village; its callout.
    fn message(&mut self, hazard: &str, kind: MessageKind) -> CalloutId {
        self.message_for(Status::Actual, Colour::Orange, hazard, kind)
    }

    fn message_for(&mut self, status: Status, colour: Colour, hazard: &str, kind: MessageKind) -> CalloutId {
        let id = self.tell(status, colour, hazard, kind);
        self.settle();
        id
    }

    /// A message that is taken, and nothing done for it yet.
    pub(crate) fn tell(&mut self, status: Status, colour: Colour, hazard: &str, kind: MessageKind) -> CalloutId {
        let wording = vec![Wording { language: "zh-CN".into(), headline: "预警".into(), ..Wording::default() }];
        let message = Message {
            sender: "office".into(),
            identifier: format!("{hazard} {kind:?}"),
            sent: Some(self.now),
            status,
            kind,
            references: Vec::new(),
            hazard: Hazard::from_word(hazard),
            colour: Some(colour),
            effective: None,
            onset: None,
            expires: Some(BEGIN.plus_ms(3_600_000)),
            wording,
            areas: vec![Area { codes: vec![RegionCode::parse(VILLAGE).unwrap()], ..Area::default() }],
            origin_time: None,
            issuers: Vec::new(),
            note: String::new(),
            methods: Vec::new(),
        };
        let CellParts { directory, plans, .. } = &self.parts;
        let warning = WarningId::of(status, "office", hazard);
        let cover = directory.cover(&message.areas);
        let (region, order) = orders(directory, plans, &message, &warning, &cover, self.now).pop_first().unwrap();
        let id = CalloutId::of(&region, &warning);
        self.cell.command(&id, Command::Apply(Box::new(order)), None, self.now);
        id
    }

    /// Retracts a callout as a false alarm.
    fn retract(&mut self, id: &CalloutId) {
        let head = self.cell.callouts().find(|c| c.id == *id).and_then(|c| c.head.clone()).unwrap();
        let order = Order {
            warning: head.warning,
            region: head.region,
            place: head.place,
            status: head.status,
            message: MessageRef { kind: MessageKind::Cancel, identifier: "retract".into(), ..head.message },
            words: head.words,
            hazard: head.hazard,
            colour: head.colour,
            onset: None,
            origin_time: None,
            expires: None,
            plan: head.plan,
            directory: 1,
            ground: Vec::new(),
            gaps: Vec::new(),
            conflict: false,
            retracted: true,
            position: 9,
        };
        self.now = self.now.plus_ms(1000);
        self.cell.command(id, Command::Apply(Box::new(order)), None, self.now);
        self.settle();
    }

    /// Reads what is to be read, and decides; nothing is committed yet.
    pub(crate) fn decide(&mut self) {
        for output in self.cell.outputs() {
            if let Output::Load(id) = output {
                self.cell.load(&id, &[], None, self.now).unwrap();
            }
        }
        self.cell.turn(self.now);
    }

    /// Works until there is nothing to do now.
    pub(crate) fn settle(&mut self) {
        loop {
            self.cell.turn(self.now);
            let (batch, outputs) = (self.cell.batch(self.now), self.cell.outputs());
            if batch.is_none() && outputs.is_empty() {
                return;
            }
            for output in outputs {
                match output {
                    Output::Submit { gateway, attempts } => {
                        let answers = self.answers.take();
                        let fact = |a: &Outgoing| match self.refers {
                            _ if answers.is_some() => answers.clone().unwrap(),
                            true => Fact::Reached { stage: Stage::Submitted, reference: Some(reference(&a.key)) },
                            false => Fact::Reached { stage: Stage::Delivered, reference: None },
                        };
                        let taken = |a: &Outgoing| (a.key.clone(), fact(a));
                        self.cell.submitted(&gateway, attempts.iter().map(taken).collect(), self.now);
                        self.sent.extend(attempts);
                    }
                    Output::Load(id) => {
                        let records = self.journal.read(id.stream(), 0, 1000).now_or_never().unwrap().unwrap();
                        let salt = self.journal.salt(id.to_string()).now_or_never().unwrap().unwrap();
                        self.cell.load(&id, &records, salt, self.now).unwrap();
                    }
                    Output::Withdraw { key, .. } => self.hung_up.push(key),
                    Output::Done { read_back, .. } => self.read_back.extend(read_back),
                    _ => {}
                }
            }
            if let Some(batch) = batch {
                let stored = self.commit(batch);
                self.cell.flushed(&stored, self.now);
            }
        }
    }

    fn commit(&mut self, mut batch: Batch) -> Outcome<Vec<Result<(), Conflict>>> {
        let of = |g: &Group, id: &CalloutId| g.records.iter().any(|r| r.stream == id.stream());
        let refused: Vec<_> = batch.groups.iter().map(|g| self.refuse.as_ref().is_some_and(|id| of(g, id))).collect();
        self.refuse = self.refuse.take().filter(|_| !refused.contains(&true));
        let mut each = refused.iter();
        batch.groups.retain(|_| !each.next().unwrap());
        let mut stored = self.journal.commit(batch).now_or_never().unwrap()?.into_iter();
        Ok(refused.into_iter().map(|no| if no { Err(Conflict) } else { stored.next().unwrap() }).collect())
    }

    pub(crate) fn entries(&self, id: &CalloutId) -> Vec<Event> {
        let records = self.journal.read(id.stream(), 0, 1000).now_or_never().unwrap().unwrap();
        records.iter().flat_map(|r| r.entries::<Entry>().unwrap()).map(|e| e.1).collect()
    }

    /// The last attempt that a callout made on a channel for a purpose.
    pub(crate) fn last(&self, id: &CalloutId, purpose: Purpose, channel: Channel) -> Option<&Outgoing> {
        let events = self.entries(id);
        let is = |a: &&Outgoing| {
            let call = events.iter().find_map(|e| match e {
                Event::AttemptReleased { attempt, call, .. } if *attempt == a.key.attempt => Some(*call),
                _ => None,
            });
            let planned = |e: &Event| matches!(e, Event::CallPlanned { call: c, purpose: p, .. } if Some(*c) == call && *p == purpose);
            a.key.callout == *id && a.channel == channel && events.iter().any(planned)
        };
        self.sent.iter().rev().find(is)
    }

    /// The number of somebody who was sent a short message.
    pub(crate) fn number(&self, id: &CalloutId) -> String {
        self.last(id, Purpose::CallOut, Channel::Sms).unwrap().number.clone()
    }

    /// Sends a text and gives the events that followed in a callout.
    pub(crate) fn text(&mut self, id: &CalloutId, from: &str, text: &str, key: Option<AttemptKey>) -> Vec<Event> {
        self.text_through("gw", id, from, text, key)
    }

    fn text_through(
        &mut self,
        gateway: &str,
        id: &CalloutId,
        from: &str,
        text: &str,
        key: Option<AttemptKey>,
    ) -> Vec<Event> {
        let text = Upcall::Text { from: from.into(), text: text.into(), key, extension: None, reported_at: None };
        self.told(gateway, id, text)
    }

    /// Sends a text to the number behind which the code of a call stands.
    fn text_to(&mut self, gateway: &str, id: &CalloutId, from: &str, text: &str, extension: &str) -> Vec<Event> {
        let (from, text, extension) = (from.into(), text.into(), Some(extension.into()));
        self.told(gateway, id, Upcall::Text { from, text, key: None, extension, reported_at: None })
    }

    /// A gateway tells something; the events that followed in a callout.
    pub(crate) fn told(&mut self, gateway: &str, id: &CalloutId, upcall: Upcall) -> Vec<Event> {
        let before = self.entries(id).len();
        self.now = self.now.plus_ms(1000);
        self.cell.upcalls(&gateway.into(), vec![upcall], 1, self.now);
        self.settle();
        self.entries(id).split_off(before)
    }

    /// An engine that starts with what the journal of this one holds about a callout.
    fn restarted(&self, id: &CalloutId) -> Self {
        self.restarted_with(Self::new(2), &[id])
    }

    /// Another engine, which starts with what the journal of this one holds about some callouts.
    pub(crate) fn restarted_with(&self, mut back: Self, ids: &[&CalloutId]) -> Self {
        for id in ids {
            let records = self.journal.read(id.stream(), 0, 1000).now_or_never().unwrap().unwrap();
            if records.is_empty() {
                continue;
            }
            let group = Group { records, ..Group::default() };
            let stored = back.journal.commit(Batch { lease: None, groups: vec![group] }).now_or_never().unwrap();
            assert_eq!(stored.unwrap(), [Ok(())]);
        }
        // Later, so that what was released before is not its own.
        back.now = self.now.plus_ms(1000);
        let of = parts(2, 3);
        back.cell = Cell::new(CellParts { settings: CellSettings { ..of.settings }, ..of }, back.now);
        back.cell.recover_all(ids.iter().map(|id| (*id).clone()));
        back.settle();
        back
    }

    /// The code of the call that somebody was sent for a callout.
    pub(crate) fn code(&self, id: &CalloutId, number: &str) -> String {
        let sms = self.sent.iter().find(|a| a.key.callout == *id && a.number == number && a.channel == Channel::Sms);
        sms.unwrap().code.clone().unwrap()
    }

    /// The code of the call that an attempt belongs to.
    pub(crate) fn code_of(&self, key: &AttemptKey) -> String {
        let callout = self.cell.callouts().find(|callout| callout.id == key.callout).unwrap();
        let call = callout.attempts[key.attempt as usize].call;
        callout.calls[call as usize].code.clone().unwrap()
    }

    /// Whether nobody has answered a call of a callout.
    pub(crate) fn is_silent(&self, id: &CalloutId) -> bool {
        let callout = self.cell.callouts().find(|callout| callout.id == *id).unwrap();
        callout.calls.iter().flat_map(|call| &call.links).all(|l| l.answer.is_none())
    }
}

pub(crate) fn reference(key: &AttemptKey) -> String {
    format!("r-{key}")
}

pub(crate) fn receipt(reference: String, fact: Fact) -> Upcall {
    Upcall::Receipt { reference, fact, reported_at: None }
}

fn arrived() -> Fact {
    Fact::Reached { stage: Stage::Delivered, reference: None }
}

pub(crate) fn noted(events: &[Event]) -> Option<NoteReason> {
    events.iter().find_map(|e| match e {
        Event::ReplyNoted { reason, text, .. } => text.map(|_| *reason),
        _ => None,
    })
}

fn answers(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(e, Event::Answered { answer: Answer::Yes, attempt: None, .. }))
}

#[test]
fn a_word_to_an_update_answers_the_call_that_is_still_open() {
    let mut c = Case::new(2);
    let id = c.message("暴雨", MessageKind::Alert);
    let from = c.number(&id);
    c.message("暴雨", MessageKind::Update);
    let notice = c.last(&id, Purpose::Updated, Channel::Sms).unwrap().key.clone();
    let events = c.text(&id, &from, "收到", Some(notice.clone()));
    assert!(answers(&events), "{events:?}");
    assert!(c.text(&id, &from, "收到", Some(notice)).is_empty(), "said once");
}

#[test]
fn a_word_after_the_end_is_kept_and_nobody_is_asked_what_it_meant() {
    let mut c = Case::new(2);
    let id = c.message("暴雨", MessageKind::Alert);
    let from = c.number(&id);
    c.message("暴雨", MessageKind::Cancel);
    let notice = c.last(&id, Purpose::Cancelled, Channel::Sms).unwrap().key.clone();
    for (text, key, reason) in [
        ("收到", None, NoteReason::Closed),
        ("收到", Some(notice.clone()), NoteReason::Closed),
        ("谢谢", None, NoteReason::Nonsense),
        ("谢谢", Some(notice), NoteReason::Nonsense),
    ] {
        let events = c.text(&id, &from, text, key);
        assert_eq!((noted(&events), events.len()), (Some(reason), 1), "{text}: {events:?}");
    }
    assert!(c.last(&id, Purpose::AskCode, Channel::Sms).is_none());
}

#[test]
fn a_bare_word_for_two_callouts_is_asked_back_and_the_code_says_which() {
    let mut c = Case::new(2);
    let rain = c.message("暴雨", MessageKind::Alert);
    c.now = c.now.plus_ms(1000);
    let wind = c.message("大风", MessageKind::Alert);
    let from = c.number(&rain);
    let code = |c: &Case, id: &CalloutId| {
        let sms = c.sent.iter().find(|a| a.key.callout == *id && a.number == from && a.channel == Channel::Sms);
        sms.unwrap().text.split_once('#').unwrap().1.chars().take(3).collect::<String>()
    };
    let events = c.text(&wind, &from, "收到", None);
    assert_eq!(noted(&events), Some(NoteReason::Ambiguous), "{events:?}");
    let asked = c.last(&wind, Purpose::AskCode, Channel::Sms).unwrap().clone();
    assert_eq!(asked.number, from);
    // The answer to the question names the other callout.
    let events = c.text(&rain, &from, &format!("1#{}", code(&c, &rain)), Some(asked.key));
    assert!(answers(&events), "{events:?}");
    let open = c.cell.callouts().find(|callout| callout.id == wind).unwrap();
    assert!(open.calls.iter().flat_map(|call| &call.links).all(|l| l.answer.is_none()), "the other one still waits");
}

#[test]
fn a_bare_word_may_mean_the_retraction_that_is_not_confirmed_or_the_call_that_is_open() {
    let mut c = Case::new(2);
    let rain = c.message("暴雨", MessageKind::Alert);
    let wind = c.message("大风", MessageKind::Alert);
    let from = c.number(&rain);
    c.retract(&rain);
    let notice = c.last(&rain, Purpose::Retracted, Channel::Sms).unwrap().clone();
    assert_eq!(notice.number, from);
    let for_caller = |c: &Case| c.cell.open_for(&"gw".into(), &from).into_iter().map(|o| o.key).collect::<Vec<_>>();
    assert_eq!(for_caller(&c).iter().filter(|key| key.callout == rain).collect::<Vec<_>>(), [&notice.key]);
    let events = c.text(&wind, &from, "收到", None);
    assert_eq!(noted(&events), Some(NoteReason::Ambiguous), "it must not silence the call: {events:?}");
    let events = c.text(&rain, &from, "收到", Some(notice.key));
    assert!(events.iter().any(|e| matches!(e, Event::Confirmed { .. })), "{events:?}");
    assert!(for_caller(&c).iter().all(|key| key.callout == wind));
    let events = c.text(&wind, &from, "收到", None);
    assert!(answers(&events), "once it is confirmed the word is clear: {events:?}");
}

#[test]
fn who_calls_back_hears_the_graver_first_then_what_opened_last_and_not_all_of_a_great_many() {
    let mut c = Case::new(2);
    let mut sent = Vec::new();
    let hazards = ["大风", "暴雨", "雷电", "冰雹", "高温", "寒潮"];
    for (hazard, colour) in hazards.into_iter().zip([Colour::Orange, Colour::Red].into_iter().cycle()) {
        sent.push(c.message_for(Status::Actual, colour, hazard, MessageKind::Alert));
        c.now = c.now.plus_ms(60_000);
    }
    let open = c.cell.open_for(&"gw".into(), &c.number(&sent[0]));
    let heard: Vec<_> = open.iter().map(|o| o.key.callout.clone()).collect();
    assert_eq!(heard, [5, 3, 1, 4, 2].map(|n| sent[n].clone()), "three reds, and two of the three oranges");
}

#[test]
fn a_late_word_goes_to_what_closed_last() {
    let mut c = Case::new(2);
    let mut closed = Vec::new();
    for hazard in ["暴雨", "大风", "雷电", "冰雹"] {
        closed.push(c.message(hazard, MessageKind::Alert));
        c.now = c.now.plus_ms(60_000);
        c.message(hazard, MessageKind::Cancel);
    }
    let (last, from) = (closed[3].clone(), c.number(&closed[3]));
    assert_eq!(noted(&c.text(&last, &from, "收到", None)), Some(NoteReason::Closed));
}

#[test]
fn nobody_is_asked_back_more_often_than_ask_max_says() {
    for ask_max in [0, 1, 2] {
        let mut c = Case::new(ask_max);
        let id = c.message("暴雨", MessageKind::Alert);
        let from = c.number(&id);
        let mut asked = 0;
        for _ in 0..4 {
            let events = c.text(&id, &from, "你是谁", None);
            assert_eq!(noted(&events), Some(NoteReason::Nonsense));
            asked +=
                events.iter().filter(|e| matches!(e, Event::CallPlanned { purpose: Purpose::AskCode, .. })).count();
        }
        assert_eq!(asked, usize::from(ask_max));
    }
}
