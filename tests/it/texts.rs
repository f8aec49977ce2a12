//! In which words people are told: templates, languages, what the first segment holds, what is read back.

mod back;

use futures::FutureExt;
use jiaoying::directory::{Directory, sample};
use jiaoying::dispatch::LaneSettings;
use jiaoying::engine::is_marked;
use jiaoying::gateway::{Outgoing, Upcall};
use jiaoying::journal::{Journal, MemoryJournal};
use jiaoying::model::*;
use jiaoying::plan::{PlanFile, PlanSet, check, late_keys, orders};
use jiaoying::runtime::{Cell, CellParts, CellSettings, GatewayInfo, Output, ReplyWords};
use std::path::Path;
use std::sync::Arc;

const BEGIN: Timestamp = Timestamp(1_780_000_000_000_000);
const VILLAGE: &str = "533324204201";
const DEFAULT: &str = include_str!("../../config/plans/default.toml");

/// Tibetan words for the plan's call, and a recording for its voice.
const TIBETAN: &str = "\n[texts.lang.bo]\nsms = \"བོད་ {place} 1#{code}\"\nvoice_recording = \"bo.wav\"\n\n[[step]]\n";

/// A cell with gateways of the test's choice; they take everything, and nobody reacts.
struct Case {
    cell: Cell,
    journal: MemoryJournal,
    directory: Arc<Directory>,
    plans: Arc<PlanSet>,
    now: Timestamp,
    sent: Vec<Outgoing>,
    done: Vec<(bool, Vec<String>)>,
}

fn lane(id: &str, channels: &[Channel], templates: Vec<Template>) -> LaneSettings {
    LaneSettings { drill: id.starts_with("drill"), templates, ..LaneSettings::unlimited(id, channels) }
}

fn template(purpose: TextKind, language: Option<&str>, text: &str, parameters: &[(&str, &str, usize)]) -> Template {
    Template {
        id: format!("T-{}", purpose.name()),
        purpose,
        language: language.map(str::to_owned),
        sign: "【某县应急】".into(),
        text: text.into(),
        parameters: parameters
            .iter()
            .map(|(name, from, max)| Parameter { name: (*name).into(), from: (*from).into(), max: *max })
            .collect(),
    }
}

impl Case {
    /// Everybody of the village has `language`; all short messages and calls go out at once.
    fn new(lanes: Vec<LaneSettings>, language: &str) -> Self {
        Self::with(lanes, language, TIBETAN)
    }

    /// With these words of another language.
    fn with(lanes: Vec<LaneSettings>, language: &str, other: &str) -> Self {
        let key = SecretKey::new([7; 32]);
        let mut draft = sample(&RegionCode::parse(VILLAGE).unwrap(), 1, &key);
        draft.people.iter_mut().for_each(|p| p.language = language.into());
        let directory = Arc::new(draft.build(1).unwrap());
        let text = DEFAULT.replace("sequence = \"series\"\n", "").replacen("\n[[step]]\n", other, 1);
        let plans = Arc::new(PlanSet::new(vec![PlanFile::parse("p.toml", &text).unwrap()]).unwrap());
        let journal = MemoryJournal::default();
        let lease = journal.acquire("cell".into(), "test".into(), 1_000_000).now_or_never().unwrap().unwrap().unwrap();
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let parts = CellParts {
            settings: CellSettings {
                name: "cell".into(),
                flush_events_max: 1000,
                first_targets: 50,
                words: ReplyWords {
                    yes: words(&["1"]),
                    cannot: words(&["2"]),
                    moving: Vec::new(),
                    done: Vec::new(),
                    knocked: Vec::new(),
                    reached: Vec::new(),
                    code_digits: 3,
                },
                ask_max: 0,
                code_hold_ms: 3_600_000,
                line_after_key_ms: 60_000,
                link_base: "http://h/a/".into(),
                budgets: jiaoying::dispatch::Budgets::default(),
            },
            lease,
            directory: directory.clone(),
            plans: plans.clone(),
            key,
            gateways: lanes
                .into_iter()
                .map(|lane| GatewayInfo { lane, idempotent: true, by_reference: false })
                .collect(),
            entropy: Box::new(|| [9; 32]),
        };
        let cell = Cell::new(parts, BEGIN);
        Self { cell, journal, directory, plans, now: BEGIN, sent: Vec::new(), done: Vec::new() }
    }

    fn message(&mut self, status: Status, kind: MessageKind) -> CalloutId {
        let id = self.begin(status, kind);
        self.settle(true);
        id
    }

    /// A message comes; what follows has not begun.
    fn begin(&mut self, status: Status, kind: MessageKind) -> CalloutId {
        let wording = vec![Wording { language: "zh-CN".into(), headline: "暴雨预警".into(), ..Wording::default() }];
        let message = Message {
            sender: "office".into(),
            identifier: format!("{kind:?}"),
            sent: Some(self.now),
            status,
            kind,
            references: Vec::new(),
            hazard: Hazard::from_word("暴雨"),
            colour: Some(Colour::Red),
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
        let warning = WarningId::of(status, "office", "1");
        let cover = self.directory.cover(&message.areas);
        let made = orders(&self.directory, &self.plans, &message, &warning, &cover, self.now);
        let (region, order) = made.into_iter().next().unwrap();
        let id = CalloutId::of(&region, &warning);
        self.cell.command(&id, Command::Apply(Box::new(order)), None, self.now);
        id
    }

    /// Works until there is nothing to do now; without the journal, until nothing but a commit is left.
    fn settle(&mut self, stores: bool) {
        loop {
            self.cell.turn(self.now);
            let batch = if stores { self.cell.batch(self.now) } else { None };
            let outputs = self.cell.outputs();
            if batch.is_none() && outputs.is_empty() {
                return;
            }
            for output in outputs {
                match output {
                    Output::Submit { gateway, attempts } => {
                        let fact = Fact::Reached { stage: Stage::Delivered, reference: None };
                        let facts = attempts.iter().map(|a| (a.key.clone(), fact.clone())).collect();
                        self.cell.submitted(&gateway, facts, self.now);
                        self.sent.extend(attempts);
                    }
                    Output::Done { durable, read_back, .. } => {
                        self.done.push((durable, read_back.into_iter().map(|r| r.words).collect()));
                    }
                    Output::Load(id) => {
                        let records = self.journal.read(id.stream(), 0, 1000).now_or_never().unwrap().unwrap();
                        let salt = self.journal.salt(id.to_string()).now_or_never().unwrap().unwrap();
                        self.cell.load(&id, &records, salt, self.now).unwrap();
                    }
                    _ => {}
                }
            }
            if let Some(batch) = batch {
                let stored = self.journal.commit(batch).now_or_never().unwrap();
                self.cell.flushed(&stored, self.now);
            }
        }
    }

    fn entries(&self, id: &CalloutId) -> Vec<Event> {
        let records = self.journal.read(id.stream(), 0, 1000).now_or_never().unwrap().unwrap();
        records.iter().flat_map(|r| r.entries::<Entry>().unwrap()).map(|e| e.1).collect()
    }

    /// How each attempt of a channel was phrased, by its event, beside what went out.
    fn phrased(&self, id: &CalloutId, channel: Channel) -> Vec<(Phrasing, Outgoing)> {
        let released = self.entries(id).into_iter().filter_map(|e| match e {
            Event::AttemptReleased { attempt, phrasing, channel: c, .. } if c == channel => {
                let out = self.sent.iter().find(|o| o.key.attempt == attempt && o.key.callout == *id)?;
                Some((*phrasing, out.clone()))
            }
            _ => None,
        });
        released.collect()
    }

    fn press(&mut self, key: &AttemptKey, digits: &str) -> Vec<String> {
        self.now = self.now.plus_ms(60_000);
        let gateway = if key.callout.is_drill() { "drill" } else { "gw" };
        let upcall = Upcall::Key { key: key.clone(), digits: digits.into(), reported_at: None };
        let before = self.done.len();
        self.cell.upcalls(&gateway.into(), vec![upcall], 9, self.now);
        self.settle(false);
        let at_once = self.done.get(before).cloned();
        // Only what was stored before can be told at once.
        let known = |(_, words): (bool, Vec<String>)| words.iter().all(|w| w.contains("此前已记录"));
        assert!(at_once.is_none_or(known), "nothing is read back before it is stored");
        self.settle(true);
        let (durable, words) = self.done.last().unwrap().clone();
        assert!(durable && self.done.len() == before + 1);
        words
    }
}

fn call_template(place_max: usize) -> Template {
    let parameters = [("a", "{colour}{hazard}", 10), ("b", "{place}", place_max), ("c", "{code}", 6)];
    template(TextKind::Sms, None, "{a}预警，{b}，收到回1#{c}。", &parameters)
}

#[test]
fn a_template_carries_its_parameters_and_what_was_cut_is_in_the_event() {
    let gateways = |max| vec![lane("gw", &[Channel::Sms], vec![call_template(max)])];
    let mut c = Case::new(gateways(4), "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    let all = c.phrased(&id, Channel::Sms);
    assert!(!all.is_empty());
    for (phrasing, out) in all {
        let filled = out.template.unwrap();
        let value = |name: &str| filled.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap();
        assert_eq!((filled.id.as_str(), value("a").as_str()), ("T-sms", "红色暴雨"));
        assert_eq!(value("b").chars().count(), 4, "cut to what the vendor allows");
        let text = format!("【某县应急】红色暴雨预警，{}，收到回1#{}。", value("b"), value("c"));
        assert_eq!(out.text, text, "the person receives the signature and the registered words");
        assert_eq!(filled.cut, ["b"]);
        assert_eq!((phrasing.cut, phrasing.segments), (vec!["b".to_owned()], Some(Segments::of(&text))));
        assert_eq!(phrasing.template.as_deref(), Some(&call_template(4)));
    }
    let mut c = Case::new(gateways(60), "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    assert!(c.phrased(&id, Channel::Sms).iter().all(|(p, out)| p.cut.is_empty() && out.text.contains("网格")));
}

#[test]
fn a_text_without_a_template_goes_through_another_gateway_or_is_told_to_go_through_none() {
    let only = || lane("gw", &[Channel::Sms], vec![call_template(60)]);
    let mut c = Case::new(vec![only()], "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    assert!(!c.phrased(&id, Channel::Sms).is_empty());
    c.message(Status::Actual, MessageKind::Cancel);
    let skipped = |c: &Case, wanted| {
        c.entries(&id).iter().filter(|e| matches!(e, Event::RungSkipped { reason, .. } if *reason == wanted)).count()
    };
    assert!(skipped(&c, SkipReason::NoTemplate) > 0, "nobody can be told of the end, and the timeline says so");
    assert!(skipped(&c, SkipReason::NoGateway) > 0, "voice has no gateway at all, which is another thing");
    let before = c.sent.len();
    // A second gateway that takes any words.
    let mut c = Case::new(vec![only(), lane("free", &[Channel::Sms], Vec::new())], "zh-CN");
    c.message(Status::Actual, MessageKind::Alert);
    c.message(Status::Actual, MessageKind::Cancel);
    assert_eq!(skipped(&c, SkipReason::NoTemplate), 0);
    let ended: Vec<_> = c.sent.iter().filter(|o| o.text.contains("解除")).collect();
    assert!(!ended.is_empty() && c.sent.len() > before && ended.iter().all(|o| o.template.is_none()));
}

#[test]
fn a_person_is_told_in_the_persons_language_where_there_are_words() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "bo-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    for (phrasing, out) in c.phrased(&id, Channel::Sms) {
        assert_eq!((phrasing.language.as_deref(), out.language.as_str()), (Some("bo"), "bo"));
        assert!(out.text.starts_with("བོད་"), "{}", out.text);
    }
    let voice = c.phrased(&id, Channel::Voice);
    assert!(!voice.is_empty());
    for (phrasing, out) in voice {
        let speech = out.speech.unwrap();
        assert_eq!((phrasing.language.as_deref(), speech.recording.as_deref()), (Some("bo"), Some("bo.wav")));
        assert!(speech.spoken().contains(&"bo.wav") && !speech.spoken().contains(&speech.text.as_str()));
    }
    // The plan has no Tibetan words for the end.
    c.message(Status::Actual, MessageKind::Cancel);
    let end = c.sent.iter().rev().find(|o| o.text.contains("解除")).unwrap();
    assert_eq!(end.language, "zh-CN");
    let report = check(&c.plans, &c.directory, BEGIN);
    assert!(!report.findings.iter().any(|f| f.place.contains("lang")), "{:?}", report.findings);
    for chinese in ["zh-CN", "zh-Hans"] {
        let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], chinese);
        let id = c.message(Status::Actual, MessageKind::Alert);
        assert!(c.phrased(&id, Channel::Sms).iter().all(|(p, out)| p.language.is_none() && out.text.contains("红色")));
    }
}

#[test]
fn a_language_without_words_gets_chinese_and_is_found_by_the_check() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "ii");
    let id = c.message(Status::Actual, MessageKind::Alert);
    let all = c.phrased(&id, Channel::Sms);
    assert!(!all.is_empty() && all.iter().all(|(p, out)| p.language.is_none() && out.text.contains("红色")));
    let report = check(&c.plans, &c.directory, BEGIN);
    let found = report.findings.iter().find(|f| f.place == "p.toml / texts / lang / ii").unwrap();
    assert!(found.reason.starts_with("no sms, voice for ") && found.severity == Severity::Notice, "{found}");
    assert!(found.reason_zh().contains("普通话"), "{}", found.reason_zh());
}

#[test]
fn a_key_is_answered_with_what_was_recorded_and_only_then() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    let (_, out) = c.phrased(&id, Channel::Voice).remove(0);
    let speech = out.speech.clone().unwrap();
    assert_eq!((speech.prompt.as_str(), speech.repeats), ("确认收到请按1，不能到岗请按2。", 2));
    assert!(out.text.ends_with(&speech.prompt), "the text alone says which keys there are");
    assert!(!speech.wrong_key.is_empty() && !speech.no_key.is_empty() && speech.closing.is_empty());
    let callout = c.cell.callouts().find(|x| x.id == id).unwrap();
    let attempt = &callout.attempts[out.key.attempt as usize];
    let person = &callout.people[callout.calls[attempt.call as usize].person as usize];
    let name = c.directory.person(person).unwrap().name.clone();
    let place = callout.targets[attempt.targets[0] as usize].spec.name.clone();
    assert_eq!(c.press(&out.key, "7"), ["按键无效，请重新按键。"]);
    let time = c.now.plus_ms(60_000).to_cst().format("%-H时%-M分").to_string();
    let read = c.press(&out.key, "1").remove(0);
    assert!(read.contains(&name) && read.contains(&place) && read.contains(&time), "{read}");
    assert!(read.starts_with("已记录：") && read.contains("确认收到"), "{read}");
    let again = c.press(&out.key, "1").remove(0);
    assert!(again.starts_with("此前已记录：") && again.contains("确认收到") && !again.contains("时"), "{again}");
    c.message(Status::Actual, MessageKind::Cancel);
    let late = c.press(&out.key, "2").remove(0);
    assert!(late.contains("没有计入") && !late.contains("已记录"), "{late}");
    // An attempt that never was.
    assert!(c.press(&AttemptKey { callout: id, attempt: 999 }, "1").is_empty());
}

#[test]
fn what_is_not_stored_is_not_read_back() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    let (_, out) = c.phrased(&id, Channel::Voice).remove(0);
    let upcall = Upcall::Key { key: out.key, digits: "1".into(), reported_at: None };
    c.cell.upcalls(&"gw".into(), vec![upcall], 9, c.now);
    let lost = c.cell.batch(c.now).unwrap();
    drop(lost);
    // Another engine has taken over: what this one decided was never stored.
    c.cell.flushed(&Err(jiaoying::journal::JournalError::Unavailable("down".into())), c.now);
    let said = |output: &Output| matches!(output, Output::Done { read_back, .. } if !read_back.is_empty());
    assert!(!c.cell.outputs().iter().any(said));
}

#[test]
fn every_word_of_a_drills_call_stands_between_its_marks() {
    let lanes = || vec![lane("gw", &Channel::ALL, Vec::new()), lane("drill", &Channel::ALL, Vec::new())];
    for language in ["zh-CN", "bo"] {
        let mut c = Case::new(lanes(), language);
        let id = c.message(Status::Exercise, MessageKind::Alert);
        let (_, out) = c.phrased(&id, Channel::Voice).remove(0);
        let speech = out.speech.unwrap();
        let spoken = speech.spoken();
        assert!(spoken[0].starts_with("演练") && spoken.last() == Some(&"演练"), "{spoken:?}");
        assert!(is_marked(&out.text) && is_marked(&speech.wrong_key) && is_marked(&speech.no_key));
        for digits in ["7", "1", "1"] {
            let words = c.press(&out.key, digits).remove(0);
            assert!(is_marked(&words), "{digits}: {words}");
        }
    }
    // A drill's template holds the marks itself, behind the vendor's signature.
    let marked = template(TextKind::Sms, None, "【演练】{b} 演练", &[("b", "{place}", 60)]);
    let mut c = Case::new(vec![lane("drill", &[Channel::Sms], vec![marked])], "zh-CN");
    let id = c.message(Status::Exercise, MessageKind::Alert);
    let (_, out) = c.phrased(&id, Channel::Sms).remove(0);
    assert!(out.text.starts_with("【某县应急】【演练】") && is_marked(&out.text), "{}", out.text);
    assert!(!is_marked("【某县应急】暴雨 演练"));
}

#[test]
fn the_first_piece_of_every_shipped_text_holds_its_key_sentence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut seen = 0;
    for folder in ["plans", "presets"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let file = PlanFile::parse(&name, &std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(late_keys(&file), [], "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 9);
    let late = DEFAULT.replacen("sms = \"", "sms = \"{headline}。{headline}。{headline}。", 1);
    let found = late_keys(&PlanFile::parse("p.toml", &late).unwrap());
    assert_eq!(found[0].place, "p.toml / texts / sms");
    assert!(found[0].reason.ends_with("the first piece has 70") && found[0].reason_zh().contains("70"), "{}", found[0]);
    let silent = DEFAULT.replacen("{place}（{count}处）：收到", "收到", 1);
    let found = late_keys(&PlanFile::parse("p.toml", &silent).unwrap());
    assert_eq!(found[0].reason, "the key sentence does not say {place}");
}

#[test]
fn what_was_stored_before_there_were_templates_and_languages_is_still_read() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    let mut read = 0;
    for event in c.entries(&id) {
        let mut old = serde_json::to_value(&event).unwrap();
        if let Some(released) = old.get_mut("attempt_released") {
            released.as_object_mut().unwrap().remove("phrasing");
        }
        if let Some(opened) = old.get_mut("opened") {
            let texts = opened["plan"]["texts"].as_object_mut().unwrap();
            texts.remove("script");
            texts.remove("lang");
        }
        match serde_json::from_value(old).unwrap() {
            Event::AttemptReleased { phrasing, .. } => {
                assert!(phrasing.is_plain());
                read += 1;
            }
            Event::Opened { plan, .. } => {
                assert_eq!((plan.texts.script, plan.texts.lang.len()), (Script::default(), 0));
                read += 1;
            }
            _ => {}
        }
        // And what is stored now comes back as it was.
        assert_eq!(serde_json::from_value::<Event>(serde_json::to_value(&event).unwrap()).unwrap(), event);
    }
    assert!(read > 1);
}
