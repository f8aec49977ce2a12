//! Several warnings that want one person at the same time: one call that names all of them, answered by one key; each
//! timeline whole on its own.

use crate::replies::{Case, noted, receipt, reference};
use futures::FutureExt;
use jiaoying::directory::sample;
use jiaoying::dispatch::{Budgets, CarrierBudget};
use jiaoying::engine::sent;
use jiaoying::evidence::{export, verify};
use jiaoying::gateway::simulator::{Habit, People};
use jiaoying::gateway::{Outgoing, Upcall};
use jiaoying::journal::{Batch, Group, Journal, MemoryJournal, Record};
use jiaoying::model::*;
use jiaoying::sim::{Faults, Post, Scene, World, built_in_plans, message_json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A cell with an orange rain and an orange flash flood over one village, told in the same moment and not acted on yet.
fn two(c: &mut Case) -> [CalloutId; 2] {
    ["暴雨", "山洪灾害"].map(|hazard| c.tell(Status::Actual, Colour::Orange, hazard, MessageKind::Alert))
}

/// A cell that has called for both.
fn called() -> (Case, [CalloutId; 2]) {
    let mut c = Case::bundling(|_| {});
    let ids = two(&mut c);
    c.settle();
    (c, ids)
}

fn callout<'a>(c: &'a Case, id: &CalloutId) -> &'a Callout {
    c.cell.callouts().find(|callout| callout.id == *id).unwrap()
}

/// The attempts of the message that a gateway was handed.
fn bundle(c: &Case, sent: &Outgoing) -> Vec<AttemptKey> {
    callout(c, &sent.key.callout).attempts[sent.key.attempt as usize].bundle.clone()
}

/// The first message on a channel that brings attempts of both callouts.
fn both(c: &Case, channel: Channel) -> &Outgoing {
    c.sent.iter().find(|a| a.channel == channel && bundle(c, a).len() == 2).unwrap()
}

/// The targets that an attempt names, each with what was answered for it.
fn answers(c: &Case, key: &AttemptKey) -> Vec<Option<Answer>> {
    let callout = callout(c, &key.callout);
    let a = &callout.attempts[key.attempt as usize];
    let call = &callout.calls[a.call as usize];
    a.targets.iter().map(|t| call.link(*t).unwrap().answer.map(|(answer, _)| answer)).collect()
}

fn press(c: &mut Case, id: &CalloutId, key: &AttemptKey, digits: &str) {
    c.told("gw", id, Upcall::Key { key: key.clone(), digits: digits.into(), reported_at: None });
}

#[test]
fn one_message_names_both_and_each_timeline_says_so() {
    let (c, ids) = called();
    for channel in [Channel::Sms, Channel::Voice] {
        let calls: Vec<_> = c.sent.iter().filter(|a| a.channel == channel).collect();
        let numbers: BTreeSet<_> = calls.iter().map(|a| &a.number).collect();
        assert_eq!(calls.len(), numbers.len(), "nobody gets two on {channel:?}");
        assert!(calls.iter().any(|a| bundle(&c, a).len() == 2));
        for message in calls {
            let keys = bundle(&c, message);
            assert!(keys.first().is_none_or(|leader| *leader == message.key));
            for key in &keys {
                let of = callout(&c, &key.callout);
                assert_eq!(of.attempts[key.attempt as usize].bundle, keys, "the same in each");
                let said = sent(of, key.attempt, "");
                let code = of.calls[of.attempts[key.attempt as usize].call as usize].code.clone().unwrap();
                match (&message.speech, said.speech) {
                    (Some(all), Some(one)) => assert!(all.text.contains(&one.text), "{all:?}"),
                    _ => assert!(message.text.contains(&format!("#{code}")), "{}", message.text),
                }
            }
        }
    }
    for id in &ids {
        let stored = c.entries(id).into_iter().filter_map(|e| match e {
            Event::AttemptReleased { attempt, bundle, .. } => Some((attempt, bundle)),
            _ => None,
        });
        for (attempt, bundle) in stored.filter(|(_, bundle)| !bundle.is_empty()) {
            assert!(bundle.contains(&AttemptKey { callout: id.clone(), attempt }) && bundle.len() == 2);
        }
    }
}

#[test]
fn a_timeline_without_bundles_is_stored_as_before() {
    let mut c = Case::bundling(|_| {});
    let id = c.tell(Status::Actual, Colour::Orange, "暴雨", MessageKind::Alert);
    c.settle();
    let events = c.entries(&id);
    let released = events.iter().find(|e| matches!(e, Event::AttemptReleased { .. })).unwrap();
    let stored = serde_json::to_value(released).unwrap();
    assert!(stored["attempt_released"].get("bundle").is_none(), "{stored}");
    let key: AttemptKey = serde_json::from_str("\"533324-a.7\"").unwrap();
    assert_eq!(
        (key.callout.as_str(), key.attempt, serde_json::to_string(&key).unwrap().as_str()),
        ("533324-a", 7, "\"533324-a.7\"")
    );
    assert!(serde_json::from_str::<AttemptKey>("\"533324\"").is_err());
}

#[test]
fn one_key_answers_all_that_the_call_named_and_all_of_it_is_read_back() {
    let (mut c, [rain, _]) = called();
    let call = both(&c, Channel::Voice).clone();
    let keys = bundle(&c, &call);
    press(&mut c, &rain, &call.key, "1");
    for key in &keys {
        assert!(answers(&c, key).iter().all(|a| *a == Some(Answer::Yes)), "{key}");
    }
    let said: Vec<_> = c.read_back.iter().filter(|r| r.key == call.key).collect();
    assert_eq!(said.len(), 1, "once, to the call that there is");
    // The same ground in both: what is said of each is the same, and said once.
    assert_eq!(said[0].words.matches("已记录").count(), 1, "{}", said[0].words);
    assert!(!c.hung_up.contains(&call.key), "it reads back and ends by itself");
    c.read_back.clear();
    press(&mut c, &rain, &call.key, "7");
    assert_eq!(c.read_back[0].words.matches("按键无效").count(), 1, "{}", c.read_back[0].words);
}

#[test]
fn a_bare_word_answers_all_that_the_message_named_and_a_code_one() {
    // By the attempt that the gateway names, and by the number alone: no short message named one without the other.
    for named in [true, false] {
        let (mut c, [rain, _]) = called();
        let text = both(&c, Channel::Sms).clone();
        let keys = bundle(&c, &text);
        c.text(&rain, &text.number, "收到", named.then(|| text.key.clone()));
        for key in &keys {
            assert!(answers(&c, key).iter().all(|a| *a == Some(Answer::Yes)), "{key}, named: {named}");
        }
    }
    for named in [true, false] {
        let (mut c, [rain, _]) = called();
        let text = both(&c, Channel::Sms).clone();
        let [leader, other] = &bundle(&c, &text)[..] else { panic!() };
        let code = c.code_of(other);
        c.text(&rain, &text.number, &format!("1#{code}"), named.then(|| text.key.clone()));
        assert!(answers(&c, other).iter().all(|a| *a == Some(Answer::Yes)));
        assert!(answers(&c, leader).iter().all(Option::is_none), "the code says which, named: {named}");
        let wrong = (0..1000).map(|n| format!("{n:03}")).find(|n| c.cell.book().by_code(&text.number, n).is_none());
        let events = c.text(&leader.callout, &text.number, &format!("1#{}", wrong.unwrap()), Some(text.key.clone()));
        assert_eq!(noted(&events), Some(NoteReason::UnknownCode));
        assert!(answers(&c, leader).iter().all(Option::is_none));
    }
}

#[test]
fn what_was_also_named_alone_is_asked_about_and_so_is_a_report() {
    let (mut c, [rain, wind]) = called();
    let text = both(&c, Channel::Sms).clone();
    let leader = text.key.callout.clone();
    let events = c.text(&leader, &text.number, "4", Some(text.key.clone()));
    assert_eq!(noted(&events), Some(NoteReason::Ambiguous), "a report is about one of them: {events:?}");
    // A message about the rain alone.
    c.now = c.now.plus_ms(1000);
    let hail = c.tell(Status::Actual, Colour::Orange, "冰雹", MessageKind::Alert);
    c.settle();
    let events = [&rain, &wind, &hail].map(|id| c.entries(id).len());
    c.text(&hail, &text.number, "收到", None);
    let after = [&rain, &wind, &hail].map(|id| c.entries(id).len());
    assert!(after.iter().zip(&events).filter(|(a, b)| a > b).count() == 1, "asked which");
    assert!(c.is_silent(&hail));
}

#[test]
fn receipts_and_keys_reach_all_of_them_also_after_a_restart() {
    let mut c = Case::bundling(|_| {});
    c.refers = true;
    let ids = two(&mut c);
    c.settle();
    let text = both(&c, Channel::Sms).clone();
    let call = both(&c, Channel::Voice).clone();
    let keys = bundle(&c, &text);
    for key in &keys {
        assert_eq!(callout(&c, &key.callout).attempts[key.attempt as usize].stage, Stage::Submitted, "told of each");
    }
    for order in [[&ids[0], &ids[1]], [&ids[1], &ids[0]]] {
        let mut back = c.restarted_with(Case::bundling(|_| {}), &order);
        let arrived = Fact::Reached { stage: Stage::Delivered, reference: None };
        back.told("gw", &ids[0], receipt(reference(&text.key), arrived));
        for key in &keys {
            assert_eq!(callout(&back, &key.callout).attempts[key.attempt as usize].stage, Stage::Delivered);
        }
        let lines = back.cell.dispatch().lanes().next().unwrap().0.state().lines_used;
        let live = c.sent.iter().filter(|a| a.channel == Channel::Voice).count();
        assert_eq!(lines, live, "a call holds one line, whatever it names");
        let voice = callout(&c, &call.key.callout).attempts[call.key.attempt as usize].bundle.clone();
        press(&mut back, &ids[0], &call.key, "1");
        for key in &voice {
            assert!(answers(&back, key).iter().all(|a| *a == Some(Answer::Yes)), "{key}");
        }
    }
}

#[test]
fn when_one_does_not_become_durable_none_goes_and_nobody_is_lost() {
    for refused in [0, 1] {
        let mut c = Case::bundling(|_| {});
        let ids = two(&mut c);
        c.refuse = Some(ids[refused].clone());
        c.settle();
        assert!(c.refuse.is_none(), "the commit was refused");
        let (mut parted, mut named) = (0, [BTreeSet::new(), BTreeSet::new()]);
        for (id, named) in ids.iter().zip(&mut named) {
            let of = callout(&c, id);
            let message = |a: &Attempt, ix: u32| {
                let own = AttemptKey { callout: id.clone(), attempt: ix };
                let leader = a.bundle.first().unwrap_or(&own);
                c.sent.iter().filter(|s| s.key == *leader && bundle(&c, s) == a.bundle).count()
            };
            for (ix, a) in (0..).zip(&of.attempts) {
                let came_apart = a.failure == Some(Failure::Parted);
                parted += usize::from(came_apart);
                assert_eq!(message(a, ix), usize::from(!came_apart), "{id}.{ix} {a:?}");
                if !came_apart {
                    named.extend(a.targets.iter().copied().map(|t| (t, a.channel)));
                }
            }
        }
        assert!(parted > 0, "what was durable of it came apart, and says so");
        assert!(named.iter().all(|n| !n.is_empty()) && named[0].len() == named[1].len(), "all are called: {named:?}");
        let numbers: Vec<_> = c.sent.iter().filter(|a| a.channel == Channel::Voice).map(|a| &a.number).collect();
        assert_eq!(numbers.len(), numbers.iter().collect::<BTreeSet<_>>().len(), "and again in one call");
    }
}

#[test]
fn nothing_goes_before_the_last_of_them_is_durable() {
    // Each callout in a flush of its own.
    let mut c = Case::bundling(|settings| settings.flush_events_max = 1);
    let ids = two(&mut c);
    c.decide();
    let mut flushes = 0;
    while let Some(batch) = c.cell.batch(c.now) {
        assert_eq!(batch.groups.len(), 1);
        let stored = c.journal.commit(batch).now_or_never().unwrap();
        c.cell.flushed(&stored, c.now);
        flushes += 1;
        let submitted = c.cell.outputs().into_iter().any(|o| match o {
            jiaoying::runtime::Output::Submit { attempts, .. } => attempts.iter().any(|a| !bundle(&c, a).is_empty()),
            _ => false,
        });
        assert_eq!(submitted, flushes == 2, "after flush {flushes}");
        if flushes == 2 {
            break;
        }
    }
    assert_eq!(flushes, 2);
    // An engine that finds only the first of them has nothing to send for the other, and calls for the first.
    let first = ids.iter().find(|id| !c.entries(id).is_empty()).unwrap().clone();
    let mut alone = Case::bundling(|_| {});
    alone = c.restarted_with(alone, &[&first]);
    let of = callout(&alone, &first);
    let unknown = of.attempts.iter().filter(|a| a.stage == Stage::Unknown && !a.bundle.is_empty()).count();
    assert!(unknown > 0, "its fate is not known");
    assert!(alone.sent.iter().any(|a| a.key.callout == first && a.channel == Channel::Voice), "called again, alone");
}

#[test]
fn of_unknown_fate_it_goes_out_again_under_the_same_key_in_the_same_words() {
    let mut c = Case::bundling(|_| {});
    c.answers = Some(Fact::Unknown { resent: true });
    two(&mut c);
    c.settle();
    let first = c.sent.iter().find(|a| !bundle(&c, a).is_empty()).unwrap().clone();
    let same: Vec<_> = c.sent.iter().filter(|a| a.key == first.key).collect();
    assert_eq!(same.len(), 2, "once more, and not once for each attempt");
    assert_eq!((&same[0].text, &same[0].speech), (&same[1].text, &same[1].speech));
    for key in bundle(&c, &first) {
        assert_eq!(callout(&c, &key.callout).attempts[key.attempt as usize].stage, Stage::Delivered, "{key}");
    }
}

#[test]
fn an_engine_that_died_before_the_answer_sends_the_same_message_again() {
    // The gateway had it, and nothing of what it answered was stored.
    let mut c = Case::bundling(|_| {});
    let ids = two(&mut c);
    c.decide();
    let batch = c.cell.batch(c.now).unwrap();
    let stored = c.journal.commit(batch).now_or_never().unwrap();
    c.cell.flushed(&stored, c.now);
    let mut handed: Vec<Outgoing> = Vec::new();
    for output in c.cell.outputs() {
        if let jiaoying::runtime::Output::Submit { attempts, .. } = output {
            handed.extend(attempts);
        }
    }
    let message = handed.iter().find(|a| bundle(&c, a).len() == 2).unwrap();
    for order in [[&ids[0], &ids[1]], [&ids[1], &ids[0]]] {
        let back = c.restarted_with(Case::bundling(|_| {}), &order);
        let again: Vec<_> = back.sent.iter().filter(|a| a.key == message.key).collect();
        assert_eq!(again.len(), 1);
        assert_eq!((&again[0].text, &again[0].speech), (&message.text, &message.speech));
        let keys: BTreeSet<_> = back.sent.iter().map(|a| &a.key).collect();
        assert_eq!(keys, handed.iter().map(|a| &a.key).collect(), "and nothing else");
    }
}

#[test]
fn a_call_rings_on_while_one_of_its_warnings_wants_it() {
    let (mut c, _) = called();
    let call = both(&c, Channel::Voice).clone();
    let keys = bundle(&c, &call);
    // Somebody answers by short message for one of them, and then for the other.
    let codes: Vec<_> = keys.iter().map(|key| c.code_of(key)).collect();
    c.text(&keys[0].callout, &call.number, &format!("1#{}", codes[0]), None);
    assert!(!c.hung_up.contains(&call.key), "it still asks for the other");
    c.text(&keys[1].callout, &call.number, &format!("1#{}", codes[1]), None);
    assert!(c.hung_up.contains(&call.key), "nobody wants it any more");
    assert!(!c.hung_up.contains(&keys[1]), "the gateway knows one key");
}

#[test]
fn drills_and_colours_never_share_a_message() {
    let mut c = Case::bundling(|_| {});
    c.tell(Status::Actual, Colour::Yellow, "暴雨", MessageKind::Alert);
    c.tell(Status::Actual, Colour::Blue, "大风", MessageKind::Alert);
    c.tell(Status::Exercise, Colour::Yellow, "雷电", MessageKind::Alert);
    c.settle();
    let callouts: BTreeSet<_> = c.sent.iter().map(|a| &a.key.callout).collect();
    assert_eq!(callouts.len(), 3);
    assert!(c.sent.iter().all(|a| bundle(&c, a).is_empty()));
}

#[test]
fn a_message_counts_once_to_a_persons_budget() {
    let budget = |settings: &mut jiaoying::runtime::CellSettings| {
        settings.budgets.person.per_hour = Some(3);
    };
    let mut c = Case::bundling(budget);
    two(&mut c);
    c.settle();
    let count = |c: &Case, number: &str| c.sent.iter().filter(|a| a.number == number).count();
    let numbers: BTreeSet<_> =
        c.sent.iter().filter(|a| a.channel != Channel::Broadcast).map(|a| a.number.clone()).collect();
    // A short message and a call, each about both: two of three are spent.
    assert!(
        numbers.iter().all(|n| count(&c, n) == 2),
        "{:?}",
        numbers.iter().map(|n| count(&c, n)).collect::<Vec<_>>()
    );
    c.now = c.now.plus_ms(1000);
    c.tell(Status::Actual, Colour::Orange, "冰雹", MessageKind::Alert);
    c.settle();
    assert!(numbers.iter().all(|n| count(&c, n) == 3), "the third is the last");
}

/// Exports a timeline in which the message of an attempt brings only another one; its chain is whole.
async fn forged(journal: &dyn Journal, id: &CalloutId) -> Result<(), String> {
    let records = journal.read(id.stream(), 0, 10_000).await.unwrap();
    let mut entries: Vec<Entry> = records.iter().flat_map(|r| r.entries().unwrap()).collect();
    let mut bundles = entries.iter_mut().filter_map(|e| match &mut e.1 {
        Event::AttemptReleased { bundle, .. } if !bundle.is_empty() => Some(bundle),
        _ => None,
    });
    bundles.next().unwrap().retain(|key| key.callout != *id);
    let at = entries.last().unwrap().0;
    let records = Record::chain(&id.stream(), 0, Digest::default(), at, &entries).unwrap();
    let other = MemoryJournal::default();
    let group = Group { records, ..Group::default() };
    other.commit(Batch { lease: None, groups: vec![group] }).await.unwrap()[0].as_ref().unwrap();
    let mut file = Vec::new();
    export(&other, id, &mut file).await.map_err(|e| e.to_string())?;
    verify(&file[..]).map(drop).map_err(|faults| format!("{faults:?}"))
}

/// Two warnings over one village in the same second; everybody picks up and presses the key.
#[test]
fn two_warnings_for_a_village_are_one_call_and_one_key_and_both_timelines_verify() {
    let begins = Timestamp(1_780_000_000_000_000);
    let (key, village) = (SecretKey::new([7; 32]), "533324204201");
    let times = (begins, begins.plus_ms(3_600_000));
    let post = |id: &str, hazard: &str| Post {
        at: begins.plus_ms(1000),
        body: message_json(id, "alert", &[], (hazard, "orange"), &[village], times),
    };
    let scene = Scene {
        begins,
        directory: Arc::new(sample(&RegionCode::parse(village).unwrap(), 1, &key).build(1).unwrap()),
        plans: Arc::new(built_in_plans().unwrap()),
        senders: Scene::senders(),
        posts: vec![post("A", "暴雨"), post("B", "山洪灾害")],
        key,
    };
    let journal = Arc::new(MemoryJournal::default());
    let people = People::with_weights(1, vec![(Habit::PicksUp, 1)]);
    let mut world = World::new(scene, journal.clone(), people, Faults::default(), 1);
    // The carrier has nothing left in the first second: what comes meanwhile waits.
    let carrier = CarrierBudget {
        name: "invented".into(),
        prefixes: vec!["+86199".into()],
        rate_per_s: 0.5,
        burst: 1,
        yields_to: None,
    };
    world.set_budgets(Budgets { carriers: vec![carrier], bundle_max: 3, ..Budgets::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    while let Some(at) = world.next_at().filter(|at| *at < begins.plus_ms(300_000)) {
        journal.set_now(at);
        runtime.block_on(world.step());
    }
    assert_eq!(world.checks.violations, []);
    let callouts = world.gallery.all();
    assert_eq!(callouts.len(), 2);
    let mut calls: Vec<BTreeSet<AttemptKey>> = Vec::new();
    for callout in &callouts {
        assert!(
            !callout.targets.is_empty() && callout.targets.iter().all(|t| matches!(t.phase, Phase::Satisfied { .. }))
        );
        let voice = callout.attempts.iter().filter(|a| a.channel == Channel::Voice);
        let persons: BTreeSet<_> = voice.clone().map(|a| callout.calls[a.call as usize].person).collect();
        assert_eq!(voice.clone().count(), persons.len(), "one call to each");
        let leaders: BTreeSet<_> = voice.map(|a| a.bundle.first().unwrap().clone()).collect();
        assert!(!leaders.is_empty());
        calls.push(leaders);
        let answered = callout.calls.iter().flat_map(|c| &c.links).filter_map(|l| l.answer);
        assert!(answered.clone().count() > 0 && answered.clone().all(|(a, _)| a == Answer::Yes));
        let mut file = Vec::new();
        runtime.block_on(export(&*journal, &callout.id, &mut file)).unwrap();
        verify(&file[..]).unwrap();
        assert!(
            runtime.block_on(forged(&*journal, &callout.id)).is_err(),
            "an attempt that its own message does not bring"
        );
    }
    assert_eq!(calls[0], calls[1], "each call was about both");
    assert!(world.checks.seen.bundles as usize >= calls[0].len());
}
