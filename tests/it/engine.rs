//! The core on hand-made orders: `decide` and `fold` alone, each test named after what is promised.

mod actions;
mod budgets;
mod bundles;
mod dispatch;
mod kit;
mod lineage;
mod property;
mod routing;
mod tiers;

use jiaoying::engine::to_withdraw;
use jiaoying::model::*;
use kit::{Case, plan, ring, step};

const S: i64 = 1000;

fn satisfied(c: &Case, t: usize) -> bool {
    matches!(c.callout.targets[t].phase, Phase::Satisfied { .. })
}

fn step_of(c: &Case, t: usize) -> u8 {
    match c.callout.targets[t].phase {
        Phase::Calling { step, .. } => step,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn any_all_and_k_of_n_hold_exactly_when_enough_have_said_yes() {
    for (need, enough) in [(Need::Any, 1), (Need::K(2), 2), (Need::All, 3)] {
        let mut p = plan();
        p.steps[0].need = need;
        let mut c = Case::new(p);
        c.alert(&[("g1", &[&["a", "b", "c"], &[], &[]])]);
        for (i, who) in ["a", "b", "c"].into_iter().enumerate() {
            assert_eq!(satisfied(&c, 0), i >= enough, "{need:?} after {i}");
            if i < enough {
                c.release(who, 0);
                c.yes(who);
            } else {
                assert!(c.try_release(who, 0).is_none(), "nobody is asked in vain");
            }
        }
        assert!(satisfied(&c, 0));
    }
}

#[test]
fn a_proof_too_weak_keeps_calling() {
    let mut p = plan();
    p.steps[0].proof = Proof::Code;
    let mut c = Case::new(p);
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    c.release("a", 0);
    c.say("a", Answer::Yes, Proof::Key);
    assert!(!satisfied(&c, 0) && c.call("a").is_running());
    c.say("a", Answer::Yes, Proof::Code);
    assert!(satisfied(&c, 0) && !c.call("a").is_running());
}

#[test]
fn cannot_moves_on_at_once() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &["v"], &[]])]);
    c.release("a", 0);
    c.say("a", Answer::Cannot, Proof::Key);
    assert_eq!((step_of(&c, 0), c.call("v").tracks[0].due), (1, Some(c.now)));
}

#[test]
fn whoever_has_no_contact_or_no_template_is_passed_over_at_once() {
    for reason in [SkipReason::NoContact, SkipReason::NoTemplate] {
        let mut c = Case::new(plan());
        c.alert(&[("g1", &[&["a"], &["v"], &[]])]);
        c.skip("a", 0, reason);
        assert_eq!(step_of(&c, 0), 0, "the voice ladder is left");
        c.skip("a", 1, reason);
        assert_eq!(step_of(&c, 0), 1);
    }
}

#[test]
fn without_a_gateway_the_person_is_tried_again() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &["v"], &[]])]);
    c.skip("a", 0, SkipReason::NoGateway);
    c.skip("a", 1, SkipReason::NoGateway);
    assert_eq!((step_of(&c, 0), c.call("a").tracks[0].due), (0, Some(c.now.plus_ms(30 * S))));
}

#[test]
fn parallel_ladders_run_beside_each_other() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    assert_eq!(c.call("a").tracks.iter().map(|t| t.due).collect::<Vec<_>>(), [Some(c.now); 2]);
    c.release("a", 0);
    c.release("a", 1);
    let dues: Vec<_> = c.call("a").tracks.iter().map(|t| t.due).collect();
    assert_eq!(dues, [Some(c.now.plus_ms(100 * S)), Some(c.now.plus_ms(40 * S))]);
}

#[test]
fn series_ladders_follow_each_other_to_the_millisecond() {
    let mut p = plan();
    p.steps[0].sequence = Sequence::Series;
    let mut c = Case::new(p);
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    let begin = c.now;
    let mut went = Vec::new();
    while let Some(due) = c.call("a").tracks[0].due {
        c.now = due;
        let channel = c.call("a").tracks[0].rungs[usize::from(c.call("a").tracks[0].next)].0;
        went.push((due.ms_since(begin), channel));
        if due > begin {
            c.now = due.plus_ms(-1);
            assert!(c.try_release("a", 0).is_none(), "not a millisecond early");
        }
        c.now = due;
        c.release("a", 0);
    }
    use Channel::{Sms, Voice};
    assert_eq!(went, [(0, Sms), (100_000, Sms), (200_000, Voice), (240_000, Voice), (280_000, Voice)]);
}

#[test]
fn a_failure_brings_the_next_try_forward() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    let a = c.release("a", 1);
    c.now = c.now.plus_ms(5 * S);
    c.fails(a, Failure::Busy);
    assert_eq!(c.call("a").tracks[1].due, Some(c.now.plus_ms(20 * S)), "retry_ms, not the ring's 40 s");
    assert_eq!(c.call("a").tracks[1].next, 1);
}

#[test]
fn a_dead_number_gives_way_to_the_next_contact_and_then_to_the_next_person() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &["v"], &[]])]);
    for track in [0, 1] {
        let a = c.release_on("a", track, ["a.first", "a.third"][track]);
        c.fails(a, Failure::DeadNumber);
        assert_eq!((c.call("a").tracks[track].next, c.call("a").tracks[track].due), (0, Some(c.now)));
        assert!(c.try_release("a", track).is_none(), "the dead contact is not used again");
        let b = c.release_on("a", track, ["a.second", "a.fourth"][track]);
        c.fails(b, Failure::DeadNumber);
        c.skip("a", track, SkipReason::NoContact);
    }
    assert!(c.call("a").unreachable);
    assert_eq!(step_of(&c, 0), 1);
}

#[test]
fn a_gateway_that_is_down_backs_off_and_spends_no_try() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    let mut waits = Vec::new();
    for _ in 0..7 {
        let a = c.release("a", 1);
        c.release_if_due("a", 0);
        c.fails(a, Failure::GatewayDown);
        let t = &c.call("a").tracks[1];
        assert_eq!(t.next, 0, "the same try again");
        waits.push(t.due.unwrap().ms_since(c.now));
        c.now = t.due.unwrap();
    }
    assert_eq!(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
}

#[test]
fn a_rung_goes_to_another_gateway_at_once_and_backs_off_when_all_are_down() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    let mut waits = Vec::new();
    for elsewhere in [true, true, false, true] {
        let attempt = c.release("a", 1);
        let fact = Fact::Failed { failure: Failure::GatewayDown, detail: None };
        c.decide(Command::Report { attempt, fact, reported_at: None, elsewhere });
        let t = &c.call("a").tracks[1];
        waits.push((t.next, t.due.unwrap().ms_since(c.now)));
        c.now = t.due.unwrap();
    }
    assert_eq!(waits, [(0, 0), (0, 0), (0, 4000), (0, 0)]);
}

#[test]
fn what_stays_unknown_after_it_was_sent_again_is_tried_anew() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    let attempt = c.release("a", 1);
    let mut unknown = |resent| {
        let fact = Fact::Unknown { resent };
        let told = c.decide(Command::Report { attempt, fact, reported_at: None, elsewhere: false });
        told.iter().find_map(|e| match e {
            Event::AttemptReported { again, .. } => Some(again.map(|(rung, due)| (rung, due.ms_since(c.now)))),
            _ => None,
        })
    };
    assert_eq!(unknown(true), Some(None), "it goes out again under its key");
    assert_eq!(unknown(true), None, "which is known");
    assert_eq!(unknown(false), Some(Some((0, 0))), "another attempt at once");
    c.release("a", 1);
    let fact = Fact::Unknown { resent: false };
    let told = c.decide(Command::Report { attempt, fact, reported_at: None, elsewhere: false });
    assert_eq!(told, [], "and no third one for it");
}

#[test]
fn a_late_answer_satisfies_while_open_and_is_kept_when_closed() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &["d"]])]);
    c.release("a", 0);
    c.run_to(c.now.plus_ms(200 * S));
    c.release("d", 0);
    c.run_to(c.now.plus_ms(300 * S));
    assert!(c.callout.targets[0].alarm, "every step has passed");
    c.yes("d");
    assert!(matches!(c.callout.targets[0].phase, Phase::TakenOver { step: Some(2), .. }), "{:?}", c.callout.targets[0]);
    c.yes("a");
    assert!(satisfied(&c, 0) && !c.callout.targets[0].alarm);
    c.cancel();
    let events = c.say("a", Answer::Cannot, Proof::Key);
    assert!(matches!(events[..], [Event::ReplyNoted { reason: NoteReason::Closed, .. }]), "{events:?}");
}

#[test]
fn taking_an_answer_back_escalates_again() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &["v"], &[]])]);
    c.release("a", 0);
    c.yes("a");
    assert!(satisfied(&c, 0));
    c.say("a", Answer::Cannot, Proof::Key);
    assert_eq!(step_of(&c, 0), 1);
    assert!(c.call("v").is_running());
}

/// The state of each answer clock.
fn answer_clocks(c: &Case) -> Vec<ClockState> {
    c.callout.clocks.iter().filter(|k| k.rule == 0).map(|k| k.state).collect()
}

#[test]
fn an_answer_taken_back_starts_a_new_clock_and_leaves_the_old_one_met() {
    use ClockState::{Met, Missed, Running};
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &["v"], &["d"]])]);
    c.release("a", 0);
    c.yes("a");
    let met = Met { at: c.now };
    c.now = c.now.plus_ms(60 * S);
    c.say("a", Answer::Cannot, Proof::Key);
    assert_eq!(answer_clocks(&c), [met, Running]);
    assert_eq!(c.callout.clocks[1].due, c.now.plus_ms(120 * S), "from the moment nobody answers for it");
    c.run_to(c.now.plus_ms(121 * S));
    assert_eq!(answer_clocks(&c), [met, Missed { met_at: None }]);
    c.release("v", 0);
    c.say("v", Answer::Cannot, Proof::Key);
    assert_eq!(answer_clocks(&c).len(), 2, "the one that was missed still waits");
    // The same when it was a higher post that took over and gives it back.
    c.release("d", 0);
    c.yes("d");
    let late = Missed { met_at: Some(c.now) };
    c.say("d", Answer::Cannot, Proof::Key);
    assert_eq!(answer_clocks(&c), [met, late, Running]);
}

#[test]
fn nothing_said_before_the_send_is_an_answer() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    let events = c.say("a", Answer::Yes, Proof::Code);
    assert!(matches!(events[..], [Event::ReplyNoted { reason: NoteReason::BeforeSend, .. }]));
    c.release("a", 0);
    let mut reply = c.reply("a", Answer::Yes, Proof::Code);
    reply.reported_at = Some(c.now.plus_ms(-61 * S));
    c.decide(Command::Reply(reply));
    assert!(!satisfied(&c, 0));
}

#[test]
fn a_higher_post_takes_over_the_clock_starts_and_the_lower_ladder_runs_on() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &["d"]])]);
    c.release("a", 1);
    c.run_to(c.now.plus_ms(200 * S));
    c.release("d", 0);
    c.yes("d");
    assert!(matches!(c.callout.targets[0].phase, Phase::TakenOver { step: Some(2), .. }));
    let door = c.callout.clocks.iter().find(|k| k.rule == 1).unwrap();
    assert_eq!((door.due, door.state), (c.now.plus_ms(600 * S), ClockState::Running));
    assert!(c.call("a").is_running() && !c.call("d").is_running());
    c.yes("a");
    assert!(satisfied(&c, 0));
    assert!(matches!(c.callout.clocks.iter().find(|k| k.rule == 1).unwrap().state, ClockState::Met { .. }));
}

#[test]
fn exhausted_ground_is_called_round_after_round() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    c.release("a", 0);
    c.run_to(c.now.plus_ms(200 * S));
    let Phase::Exhausted { again_at: Some(again), .. } = c.callout.targets[0].phase else { panic!() };
    assert_eq!(again, c.now.plus_ms(500 * S));
    assert_eq!(c.callout.raised, 1);
    c.run_to(again);
    assert_eq!((step_of(&c, 0), c.callout.targets[0].round), (0, 2));
    assert!(c.callout.targets[0].alarm, "it stays an alarm until somebody answers");
    assert!(c.call("a").is_running());
}

#[test]
fn an_upgrade_recalls_those_who_answered_under_the_new_plans_seats() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &["v"], &["d"]])]);
    c.release("a", 0);
    c.yes("a");
    let mut red = plan();
    red.name = "red".into();
    red.steps.insert(1, step("deputies", Outcome::Satisfied, vec![ring(Channel::Voice, 1, 50)]));
    c.plan = red;
    c.order("U", MessageKind::Update, Colour::Red, &[("g1", &[&["a"], &["e"], &["v"], &["d"]])]);
    assert_eq!((step_of(&c, 0), c.call("a").is_running()), (0, true));
    assert!(c.noted(NoteReason::Superseded, "a"), "the old word answers the lower colour only");
    assert!(!satisfied(&c, 0));
    let seats: Vec<_> = c.callout.targets[0].seats.iter().map(|s| c.name(s.answer[0])).collect();
    assert_eq!(seats, ["a", "e", "v", "d"]);
    c.run_to(c.now.plus_ms(600 * S));
    c.release("d", 0);
    c.yes("d");
    assert!(matches!(c.callout.targets[0].phase, Phase::TakenOver { step: Some(3), .. }), "the officer covers nothing");
}

#[test]
fn an_update_tells_the_unchanged_once_and_releases_what_it_drops() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]]), ("g2", &[&["b"], &[], &[]])]);
    for who in ["a", "b"] {
        c.release(who, 0);
        c.yes(who);
    }
    let events =
        c.order("U", MessageKind::Update, Colour::Yellow, &[("g1", &[&["a"], &[], &[]]), ("g3", &[&["x"], &[], &[]])]);
    let told = |what: Purpose| {
        let is = |e: &&Event| matches!(e, Event::CallPlanned { purpose, .. } if *purpose == what);
        events.iter().filter(is).count()
    };
    assert_eq!((told(Purpose::Updated), told(Purpose::Dropped)), (1, 1), "each person once, and what concerns them");
    assert!(matches!(c.callout.targets[1].phase, Phase::Released { reason: ReleaseReason::NotCovered, .. }));
    assert!(satisfied(&c, 0) && !c.call("a").is_running());
    assert!(c.order_again().is_empty(), "the same message again tells nobody");
    // Ground that comes back is called again: an answer from before is none.
    c.order("V", MessageKind::Update, Colour::Yellow, &[("g2", &[&["b"], &[], &[]])]);
    assert_eq!((step_of(&c, 1), c.call("b").is_running()), (0, true));
}

#[test]
fn a_cancel_reaches_those_who_were_reached_on_their_channels() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a", "b", "c"], &[], &[]])]);
    let a = c.release("a", 0);
    c.reached(a, Stage::Delivered);
    let b = c.release("b", 1);
    c.fails(b, Failure::DeadNumber);
    let events = c.cancel();
    let told: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::CallPlanned { person, purpose: Purpose::Cancelled, channels, .. } => {
                Some((person.to_string(), channels.clone()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [("a".to_owned(), vec![Channel::Sms])]);
    c.release_notice("a", Purpose::Cancelled);
}

#[test]
fn a_clock_is_met_up_to_its_deadline_and_missed_behind_it() {
    for (after_ms, tick_first, met) in
        [(119_999, false, true), (120_000, false, true), (120_001, false, false), (120_001, true, false)]
    {
        let mut c = Case::new(plan());
        c.alert(&[("g1", &[&["a"], &[], &[]])]);
        c.release("a", 0);
        c.now = c.now.plus_ms(after_ms);
        if tick_first {
            c.decide(Command::Tick);
        }
        c.yes("a");
        let state = c.callout.clocks[0].state;
        let expected = if met { ClockState::Met { at: c.now } } else { ClockState::Missed { met_at: Some(c.now) } };
        assert_eq!(state, expected, "{after_ms} ms");
    }
}

#[test]
fn a_call_that_brought_the_answer_is_not_hung_up() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a", "b"], &[], &[]])]);
    let (answered, other) = (c.release("a", 1), c.release("b", 1));
    c.reached(answered, Stage::PickedUp);
    c.reached(other, Stage::Delivered);
    let reply = Reply { attempt: Some(answered), way: AnswerWay::Voice, ..c.reply("a", Answer::Yes, Proof::Key) };
    c.decide(Command::Reply(reply));
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { .. }));
    assert_eq!(to_withdraw(&c.callout, c.now), [other], "it still reads back what was recorded");
}

#[test]
fn closing_leaves_nothing_running() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &["d"]]), ("g2", &[&["b"], &[], &[]])]);
    let voice = c.release("a", 1);
    c.run_to(c.now.plus_ms(200 * S));
    c.release("d", 0);
    c.yes("d");
    assert!(c.call("a").is_running(), "runs on below the post that took over");
    c.run_to(c.callout.head.as_ref().unwrap().expires);
    assert_eq!(c.callout.closed, Some(CloseReason::Expired));
    assert!(c.callout.calls.iter().all(|call| !call.is_running()));
    assert!(c.callout.clocks.iter().all(|k| k.state != ClockState::Running));
    assert!(c.callout.next_due().is_none());
    assert!(c.callout.attempts[voice as usize].valid_until <= c.now || to_withdraw(&c.callout, c.now).contains(&voice));
}

#[test]
fn an_update_behind_the_expiry_calls_again() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    c.run_to(c.callout.head.as_ref().unwrap().expires);
    assert!(!c.callout.is_open());
    c.order("U", MessageKind::Update, Colour::Yellow, &[("g1", &[&["a"], &[], &[]])]);
    assert!(c.callout.is_open() && c.call("a").is_running());
    c.cancel();
    c.order("W", MessageKind::Update, Colour::Yellow, &[("g1", &[&["a"], &[], &[]])]);
    assert!(!c.callout.is_open(), "what was cancelled stays cancelled");
}

#[test]
fn a_person_with_many_targets_gets_one_call_and_later_ground_is_gathered() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &[]]), ("g2", &[&["a"], &[], &[]])]);
    assert_eq!((c.callout.calls.len(), c.call("a").links.len()), (1, 2));
    let first = c.release("a", 0);
    assert_eq!(c.callout.attempts[first as usize].targets, [0, 1]);
    let sent = c.now;
    c.now = c.now.plus_ms(3 * S);
    let all: &[(&str, &[&[&str]])] =
        &[("g1", &[&["a"], &[], &[]]), ("g2", &[&["a"], &[], &[]]), ("g3", &[&["a"], &[], &[]])];
    c.order("U", MessageKind::Update, Colour::Yellow, all);
    assert_eq!(c.call("a").tracks[0].due, Some(sent.plus_ms(20 * S)), "gathered, not at once");
    c.yes("a");
    assert!(satisfied(&c, 0) && satisfied(&c, 1) && !satisfied(&c, 2), "g3 was not told yet");
}

#[test]
fn noted_words_never_answer() {
    for reason in [NoteReason::Ambiguous, NoteReason::UnknownCode, NoteReason::Nonsense] {
        let mut c = Case::new(plan());
        c.alert(&[("g1", &[&["a"], &[], &[]])]);
        c.release("a", 0);
        let call = Some(c.call_ix("a"));
        let events = c.decide(Command::Note { call, reason, way: AnswerWay::Sms, text: None, ask: true });
        assert!(events.iter().any(|e| matches!(e, Event::CallPlanned { purpose: Purpose::AskCode, .. })));
        assert_eq!((c.call("a").asked, satisfied(&c, 0)), (1, false));
    }
}

#[test]
fn more_ground_from_below_rings_the_post_again() {
    let mut c = Case::new(plan());
    c.raise("533324", Colour::Yellow, 3600);
    c.release("p", 0);
    c.yes("p");
    assert!(!c.callout.targets[0].is_wanted());
    c.raise("533324", Colour::Yellow, 7200);
    assert!(c.callout.targets[0].is_wanted() && c.call("p").is_running(), "the old yes was for less ground");
    assert_eq!(answer_clocks(&c), [ClockState::Met { at: c.begin }, ClockState::Running]);
    assert_eq!(c.callout.head.as_ref().unwrap().expires, c.begin.plus_ms(7200 * S), "it lives as long as those below");
}
