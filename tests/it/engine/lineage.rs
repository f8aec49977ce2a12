//! What messages, raises and ends do to a callout and to the people who were reached.

use super::kit::{Case, Ground, plan, ring, step};
use super::{S, satisfied, step_of};
use jiaoying::model::*;

const G1: Ground<'static> = ("g1", &[&["a"], &["v"], &["d"]]);
const G2: Ground<'static> = ("g2", &[&["b"], &["v"], &["d"]]);

/// Whom the events of a decision tell what, on which channels and for how many targets.
fn told(c: &Case, events: &[Event], what: Purpose) -> Vec<(String, Vec<Channel>, usize)> {
    let one = |e: &Event| match e {
        Event::CallPlanned { person, purpose, channels, targets, .. } if *purpose == what => {
            Some((person.to_string(), channels.clone(), targets.len()))
        }
        _ => None,
    };
    let mut all: Vec<_> = events.iter().filter_map(one).collect();
    all.sort();
    assert!(all.iter().all(|(who, ..)| c.callout.person_ix.contains_key(&PersonId::from(who.as_str()))));
    all
}

fn raised_and_lowered(events: &[Event]) -> (usize, usize) {
    let count = |is: fn(&&Event) -> bool| events.iter().filter(is).count();
    (count(|e| matches!(e, Event::Raised { .. })), count(|e| matches!(e, Event::Lowered { .. })))
}

fn exhaust(c: &mut Case) -> Vec<Event> {
    let from = c.entries.len();
    c.run_to(c.now.plus_ms(600 * S));
    c.entries[from..].iter().map(|e| e.1.clone()).collect()
}

impl Case {
    fn order_at(&mut self, position: u64, id: &str, colour: Colour, ground: &[Ground<'_>]) -> Vec<Event> {
        let mut order = self.make(id, MessageKind::Update, colour, ground);
        order.position = position;
        self.decide(Command::Apply(Box::new(order)))
    }

    fn retract(&mut self) -> Vec<Event> {
        let mut order = self.make("R", MessageKind::Cancel, Colour::Yellow, &[]);
        order.retracted = true;
        self.decide(Command::Apply(Box::new(order)))
    }

    fn lowered(&mut self, region: &str, seq: u64) -> Vec<Event> {
        self.decide(Command::Lowered { region: RegionCode::parse(region).unwrap(), seq })
    }
}

#[test]
fn an_order_that_was_overtaken_on_the_way_changes_nothing() {
    let mut c = Case::new(plan());
    c.order_at(2, "U", Colour::Red, &[G1]);
    assert!(c.order_at(1, "T", Colour::Blue, &[G2]).is_empty());
    let head = c.callout.head.as_ref().unwrap();
    assert_eq!((head.colour, c.callout.targets.len()), (Colour::Red, 1));
}

#[test]
fn what_is_cancelled_before_it_began_does_not_begin() {
    let mut c = Case::new(plan());
    assert_eq!(c.cancel().len(), 1, "the end is on the record");
    assert!(c.raise("533324", Colour::Red, 3600).is_empty(), "a raise that was under way");
    assert!(c.alert(&[G1]).is_empty(), "an order that was under way");
    assert!(c.cancel().is_empty() && c.callout.head.is_none());
}

#[test]
fn an_end_that_has_passed_closes_and_opens_nothing() {
    let mut c = Case::new(plan());
    let ended = |c: &Case, id: &str| {
        let mut order = c.make(id, MessageKind::Update, Colour::Yellow, &[G1]);
        order.expires = Some(c.now.plus_ms(-1));
        Command::Apply(Box::new(order))
    };
    assert!(c.decide(ended(&c, "A")).is_empty());
    c.alert(&[G1]);
    c.decide(ended(&c, "U"));
    assert_eq!(c.callout.closed, Some(CloseReason::Expired));
    c.order("V", MessageKind::Update, Colour::Yellow, &[G1]);
    assert!(c.callout.is_open() && step_of(&c, 0) == 0, "and what extends it calls again");
}

#[test]
fn what_went_up_is_lowered_when_the_last_alarm_is_over() {
    let mut c = Case::new(plan());
    c.alert(&[G1, G2]);
    for who in ["a", "b"] {
        c.release(who, 0);
    }
    assert_eq!(raised_and_lowered(&exhaust(&mut c)), (1, 0));
    assert_eq!(raised_and_lowered(&c.yes("a")), (0, 0), "another target stands as an alarm");
    assert_eq!(raised_and_lowered(&c.yes("b")), (0, 1));
    assert!(satisfied(&c, 0) && satisfied(&c, 1));
    assert_eq!(raised_and_lowered(&c.cancel()), (0, 0), "once");
}

#[test]
fn what_went_up_is_lowered_when_it_is_released_or_ends() {
    type End = fn(&mut Case) -> Vec<Event>;
    let ends: [End; 3] = [
        |c| c.order("U", MessageKind::Update, Colour::Yellow, &[G2]),
        |c| c.cancel(),
        |c| {
            let from = c.entries.len();
            c.run_to(c.begin.plus_ms(3600 * S));
            c.entries[from..].iter().map(|e| e.1.clone()).collect()
        },
    ];
    for (i, end) in ends.into_iter().enumerate() {
        let mut c = Case::new(plan());
        c.alert(&[G1]);
        assert_eq!(raised_and_lowered(&exhaust(&mut c)), (1, 0));
        assert_eq!(raised_and_lowered(&end(&mut c)).1, 1, "end {i}");
    }
}

#[test]
fn ground_that_rests_on_the_answer_from_above_still_needs_it() {
    let mut c = Case::new(plan());
    c.alert(&[G1]);
    c.release("a", 0);
    exhaust(&mut c);
    let above = RegionCode::parse("5333").unwrap();
    assert_eq!(raised_and_lowered(&c.decide(Command::AnsweredAbove { region: above })), (0, 0));
    assert_eq!(raised_and_lowered(&c.yes("a")), (0, 1), "now somebody here has it");
}

#[test]
fn a_gap_that_the_warning_names_no_more_is_closed_and_lowered() {
    let gap = Gap { ground: "533324204200".into(), step: None, reason: GapReason::NoTarget };
    let mut c = Case::new(plan());
    let mut order = c.make("A", MessageKind::Alert, Colour::Yellow, &[G1]);
    order.gaps = vec![gap];
    assert_eq!(raised_and_lowered(&c.decide(Command::Apply(Box::new(order)))), (1, 0));
    assert_eq!(raised_and_lowered(&c.order("U", MessageKind::Update, Colour::Yellow, &[G1])), (0, 1));
    assert!(c.callout.gaps.is_empty());
}

#[test]
fn the_parents_target_ends_with_the_alarm_below_and_who_was_reached_is_told() {
    let mut c = Case::new(plan());
    c.raise("533324", Colour::Red, 3600);
    c.release("p", 0);
    let events = c.lowered("533324", 7);
    assert!(matches!(c.callout.targets[0].phase, Phase::Released { reason: ReleaseReason::SettledBelow, .. }));
    assert_eq!(told(&c, &events, Purpose::Dropped), [("p".into(), vec![Channel::Sms], 1)]);
    assert!(!c.call("p").is_running());
    assert!(c.raise("533324", Colour::Red, 3600).is_empty(), "an older raise that comes behind it");
    let mut order = c.make("A", MessageKind::Alert, Colour::Red, &[("533324", &[&["p"], &[], &[]])]);
    order.ground[0].target.kind = TargetKind::Region;
    c.decide(Command::Raise(Box::new(Raise { order, targets: 1, gaps: 0, seq: 9 })));
    assert_eq!(step_of(&c, 0), 0, "a new alarm calls again");
    assert!(c.lowered("533324", 8).is_empty(), "an older word that comes behind it");
}

#[test]
fn what_the_parent_answered_for_stays_answered() {
    let mut c = Case::new(plan());
    c.raise("533324", Colour::Red, 3600);
    c.release("p", 0);
    c.yes("p");
    c.lowered("533324", 7);
    assert!(satisfied(&c, 0));
}

#[test]
fn an_update_tells_the_unchanged_once_the_dropped_another_thing_and_the_others_nothing() {
    let mut c = Case::new(plan());
    c.alert(&[G1, G2, ("g3", &[&["x"], &[], &[]])]);
    for who in ["a", "b"] {
        c.release(who, 0);
        c.yes(who);
    }
    let events = c.order("U", MessageKind::Update, Colour::Yellow, &[G1, ("g4", &[&["y"], &[], &[]])]);
    assert_eq!(told(&c, &events, Purpose::Updated), [("a".into(), vec![Channel::Sms], 1)]);
    assert_eq!(told(&c, &events, Purpose::Dropped), [("b".into(), vec![Channel::Sms], 1)]);
    assert!(!c.call("a").is_running() && !c.call("x").is_running() && c.call("y").is_running());
    let events = c.order("V", MessageKind::Update, Colour::Yellow, &[G1]);
    assert_eq!(told(&c, &events, Purpose::Updated).len(), 1, "a only: what was dropped before is not told again");
    assert_eq!(told(&c, &events, Purpose::Dropped), []);
}

#[test]
fn an_onset_that_becomes_known_later_tells_nobody_twice() {
    let mut c = Case::new(plan());
    c.alert(&[G1]);
    c.release("a", 0);
    let mut order = c.make("A", MessageKind::Alert, Colour::Yellow, &[G1]);
    order.onset = Some(c.now.plus_ms(1800 * S));
    let events = c.decide(Command::Apply(Box::new(order)));
    assert_eq!(told(&c, &events, Purpose::Updated), []);
    assert_eq!(c.callout.head.as_ref().unwrap().onset, Some(c.now.plus_ms(1800 * S)));
}

/// Grid by short message and voice, with a loudspeaker beside it.
fn with_speaker() -> Case {
    let mut p = plan();
    p.steps[0] = step(
        "grid",
        Outcome::Satisfied,
        vec![ring(Channel::Sms, 2, 100), ring(Channel::Voice, 3, 40), ring(Channel::Broadcast, 1, 30)],
    );
    p.steps[0].alert = vec!["loudspeaker".into()];
    let mut c = Case::new(p);
    let mut order = c.make("A", MessageKind::Alert, Colour::Yellow, &[G1, G2]);
    order.ground[0].seats[0].alert = vec!["horn".into()];
    c.decide(Command::Apply(Box::new(order)));
    c
}

#[test]
fn the_end_reaches_everybody_who_was_reached_loudspeakers_and_notices_too() {
    let mut c = with_speaker();
    c.release("a", 0);
    let voice = c.release("b", 1);
    c.reached(voice, Stage::Heard);
    let horn = c.release_alert("horn");
    c.reached(horn, Stage::Heard);
    // b gets a notice on another channel than the call.
    c.decide(Command::Note {
        call: Some(c.call_ix("b")),
        reason: NoteReason::Ambiguous,
        way: AnswerWay::Sms,
        text: None,
        ask: true,
    });
    c.release_notice("b", Purpose::AskCode);
    let events = c.cancel();
    let expected = [
        ("a".into(), vec![Channel::Sms], 1),
        ("b".into(), vec![Channel::Sms, Channel::Voice], 1),
        ("horn".into(), vec![Channel::Broadcast], 1),
    ];
    assert_eq!(told(&c, &events, Purpose::Cancelled), expected);
}

#[test]
fn a_loudspeaker_that_failed_is_left_in_peace_once_its_ground_is_satisfied() {
    let mut c = with_speaker();
    let horn = c.release_alert("horn");
    c.release("a", 0);
    c.yes("a");
    // Its gateway's answer comes late: a gateway that was down brings the rung back only while somebody is called.
    assert!(matches!(c.fails(horn, Failure::GatewayDown)[..], [Event::AttemptReported { again: None, .. }]));
}

#[test]
fn what_a_loudspeaker_plays_is_a_fact_and_never_an_answer() {
    let mut p = plan();
    p.steps[0] = step("grid", Outcome::Satisfied, vec![ring(Channel::Voice, 3, 40), ring(Channel::Broadcast, 1, 30)]);
    p.steps[0].alert = vec!["loudspeaker".into()];
    // The weakest that a plan can ask for: a voice call that was picked up would do.
    p.steps[0].proof = Proof::PickedUp;
    let mut c = Case::new(p);
    let mut order = c.make("A", MessageKind::Alert, Colour::Yellow, &[G1]);
    order.ground[0].seats[0].alert = vec!["horn".into()];
    c.decide(Command::Apply(Box::new(order)));
    let horn = c.release_alert("horn");
    assert_eq!(c.callout.attempts[horn as usize].channel, Channel::Broadcast);
    for stage in [Stage::Submitted, Stage::Delivered, Stage::PickedUp, Stage::Heard] {
        let events = c.reached(horn, stage);
        assert!(matches!(events[..], [Event::AttemptReported { .. }]), "told, and nothing else: {events:?}");
    }
    assert!(matches!(c.callout.targets[0].phase, Phase::Calling { .. }));
    let voice = c.release("a", 0);
    c.reached(voice, Stage::PickedUp);
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { .. }));
}

#[test]
fn a_notice_that_the_end_overtakes_is_not_sent_any_more() {
    let mut c = Case::new(plan());
    c.alert(&[G1]);
    c.release("a", 0);
    c.order("U", MessageKind::Update, Colour::Yellow, &[G1]);
    c.cancel();
    let running: Vec<_> = c.callout.calls.iter().filter(|k| k.is_running()).map(|k| k.purpose).collect();
    assert_eq!(running, [Purpose::Cancelled]);
}

#[test]
fn a_retraction_asks_for_a_confirmation_and_knows_who_has_not_given_it() {
    let mut c = with_speaker();
    c.release("a", 0);
    c.release("b", 0);
    let horn = c.release_alert("horn");
    c.reached(horn, Stage::PickedUp);
    let events = c.retract();
    assert_eq!(told(&c, &events, Purpose::Retracted).len(), 3);
    assert_eq!(c.callout.closed, Some(CloseReason::Retracted));
    let stands = |c: &Case| jiaoying::evidence::retraction(&c.callout).map(|r| (r.told, r.confirmed, r.sounded));
    assert_eq!(stands(&c), Some((2, 0, 1)));
    assert!(c.noted(NoteReason::Closed, "a"), "said before the retraction went out, it confirms nothing");
    for who in ["a", "b"] {
        c.release_notice(who, Purpose::Retracted);
    }
    c.yes("a");
    assert!(c.yes("a").is_empty(), "once");
    assert_eq!(stands(&c), Some((2, 1, 1)));
    let left = jiaoying::evidence::retraction(&c.callout).unwrap().unconfirmed;
    assert_eq!(left.iter().map(|k| c.name(c.callout.calls[*k as usize].person)).collect::<Vec<_>>(), ["b"]);
    assert!(c.callout.calls.iter().all(|k| !matches!(k.purpose, Purpose::CallOut) || !k.is_running()));
}

#[test]
fn a_retraction_reaches_those_of_a_warning_whose_time_ran_out() {
    let mut c = Case::new(plan());
    c.alert(&[G1]);
    c.release("a", 0);
    c.run_to(c.begin.plus_ms(3601 * S));
    assert_eq!(c.callout.closed, Some(CloseReason::Expired));
    let events = c.retract();
    assert_eq!(told(&c, &events, Purpose::Retracted).len(), 1);
    assert!(c.retract().is_empty());
}

#[test]
fn whoever_answered_is_told_of_the_end_though_no_attempt_went_through() {
    let mut c = Case::new(plan());
    c.alert(&[G1]);
    let attempt = c.release("a", 0);
    c.fails(attempt, Failure::DeadNumber);
    let vouched = Reply {
        way: AnswerWay::Operator,
        on_behalf: Some(OnBehalf { operator: "duty".into(), reason: Digest::default() }),
        ..c.reply("a", Answer::Yes, Proof::Key)
    };
    c.decide(Command::Reply(vouched));
    assert!(satisfied(&c, 0));
    let events = c.retract();
    assert_eq!(told(&c, &events, Purpose::Retracted), [("a".into(), vec![Channel::Sms, Channel::Voice], 1)]);
    let left = jiaoying::evidence::retraction(&c.callout).unwrap().unconfirmed;
    assert_eq!(left.len(), 1, "somebody must see to it that a is told");
}

#[test]
fn only_a_yes_to_the_retraction_itself_confirms_it() {
    let mut c = Case::new(plan());
    c.alert(&[G1]);
    let alarm = c.release("a", 0);
    c.retract();
    c.now = c.now.plus_ms(30 * S);
    let notice = c.release_notice("a", Purpose::Retracted);
    let said = |attempt, answer, before: Option<i64>| Reply {
        attempt,
        answer,
        reported_at: before.map(|ms| c.now.plus_ms(-ms)),
        ..c.reply("a", answer, Proof::Key)
    };
    let wrong = [
        said(Some(alarm), Answer::Yes, None),
        said(None, Answer::Cannot, None),
        said(Some(notice), Answer::Cannot, None),
        said(None, Answer::Yes, Some(1000)),
    ];
    let right = said(Some(notice), Answer::Yes, Some(0));
    let confirmed = |c: &Case| jiaoying::evidence::retraction(&c.callout).unwrap().confirmed;
    for reply in wrong {
        c.decide(Command::Reply(reply.clone()));
        assert_eq!(confirmed(&c), 0, "{reply:?}");
    }
    c.decide(Command::Reply(right));
    assert_eq!(confirmed(&c), 1);
}
