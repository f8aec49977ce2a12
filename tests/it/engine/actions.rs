//! Reports from the ground: moves, door-knocks, the checklist, and what of them does not count.

use super::kit::{Case, plan};
use super::tiers::{H, MIN, calling, clock, ladder, order};
use jiaoying::model::*;

pub fn report(c: &Case, who: &str, action: Action) -> ActionReport {
    ActionReport {
        call: Some(c.call_ix(who)),
        attempt: None,
        targets: Vec::new(),
        action,
        shelter: None,
        way: AnswerWay::Link,
        text: None,
        on_behalf: None,
        reported_at: None,
        ask: false,
    }
}

pub fn by(operator: &str, mut report: ActionReport) -> Command {
    report.way = AnswerWay::Operator;
    report.on_behalf = Some(OnBehalf { operator: operator.into(), reason: Digest::default() });
    Command::Act(report)
}

pub fn noted(events: &[Event]) -> Option<NoteReason> {
    match events {
        [Event::ReplyNoted { reason, .. }] => Some(*reason),
        _ => None,
    }
}

pub fn persons(persons: u32) -> Figures {
    Figures { persons, ..Figures::default() }
}

/// The plan of the kit with the three beats: heard, moving within 10 min, done within 30.
fn beats() -> Plan {
    let mut moving = clock("moving", ClockScope::Target, ClockStart::Answered, ClockEnd::Moving, 10 * MIN);
    moving.missed = OnMiss::Escalate;
    let done = clock("done", ClockScope::Target, ClockStart::Moving, ClockEnd::Done, 30 * MIN);
    Plan { clocks: vec![moving, done], in_force_ms: 24 * H, repeat_ms: H, ..plan() }
}

fn heard() -> Case {
    let mut c = Case::new(beats());
    let mut order = c.make("A", MessageKind::Alert, Colour::Red, &[("g1", &[&["a"], &["v"], &["d"]])]);
    (order.ground[0].target.households, order.ground[0].target.persons) = (3, 10);
    c.decide(Command::Apply(Box::new(order)));
    c.release("a", 0);
    c.yes("a");
    c
}

#[test]
fn heard_and_not_moving_goes_on_up_the_chain() {
    let mut c = heard();
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { .. }));
    c.run_to(c.now.plus_ms(10 * MIN));
    assert!(matches!(c.callout.targets[0].phase, Phase::Calling { step: 1, .. }), "the village is called");
    assert!(c.yes("a").is_empty(), "saying yes once more changes nothing");
    c.release("v", 0);
    c.yes("v");
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { step: 1, .. }));
    assert_eq!(c.callout.clocks.len(), 2, "whoever heard next has a clock too");
    // The first one moves after all: nobody else is called, the clocks are met, one of them late.
    c.decide(Command::Act(report(&c, "a", Action::Moving(persons(4)))));
    let states: Vec<_> = c.callout.clocks.iter().map(|k| k.state).collect();
    assert_eq!(states[0], ClockState::Missed { met_at: Some(c.now) });
    assert_eq!((states[1], states[2]), (ClockState::Met { at: c.now }, ClockState::Running));
    c.decide(Command::Act(report(&c, "a", Action::Done(persons(10)))));
    assert_eq!(c.callout.clocks[2].state, ClockState::Met { at: c.now });
    assert_eq!(c.callout.targets[0].progress.figures.persons, 10);
}

#[test]
fn a_move_reported_while_others_are_called_silences_them() {
    let mut c = heard();
    c.run_to(c.now.plus_ms(10 * MIN));
    c.release("v", 1);
    let events = c.decide(Command::Act(report(&c, "a", Action::Moving(Figures::default()))));
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { step: 0, .. }));
    let silenced = c.call_ix("v");
    assert!(events.iter().any(|e| matches!(e, Event::CallSilenced { call } if *call == silenced)), "{events:?}");
}

#[test]
fn a_report_is_an_answer_of_the_strongest_kind() {
    let mut p = beats();
    p.steps[0].proof = Proof::Action;
    let mut c = Case::new(p);
    c.alert(&[("g1", &[&["a"], &["v"], &["d"]])]);
    c.release("a", 0);
    c.yes("a");
    assert!(calling(&c, 0), "the plan wants deeds");
    c.decide(Command::Act(report(&c, "a", Action::Moving(Figures::default()))));
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { .. }));
}

#[test]
fn figures_above_the_roster_count_only_with_an_operators_reason() {
    let mut c = heard();
    for figures in [persons(11), Figures { households: 4, ..persons(1) }, Figures { refused: 8, ..persons(3) }] {
        let events = c.decide(Command::Act(report(&c, "a", Action::Done(figures))));
        assert_eq!(noted(&events), Some(NoteReason::AboveRoster), "{figures:?}");
    }
    assert_eq!(c.callout.targets[0].progress, Progress::default());
    c.decide(by("duty", report(&c, "a", Action::Done(persons(11)))));
    assert_eq!(c.callout.targets[0].progress.figures.persons, 11);
}

#[test]
fn a_clock_for_calling_through_waits_for_a_gateway_of_its_channel() {
    let mut p = plan();
    p.clocks.push(clock("through", ClockScope::Target, ClockStart::Called, ClockEnd::Tried(Channel::Voice), 3 * MIN));
    let mut c = Case::new(p);
    c.alert(&[("g1", &[&["a"], &["v"], &[]]), ("g2", &[&["b"], &["v"], &[]]), ("g3", &[&["x"], &["v"], &[]])]);
    let state = |c: &Case, target: usize| {
        let own = |ix: &&u32| c.callout.rule(**ix).is_some_and(|r| r.name == "through");
        c.callout.clocks[*c.callout.targets[target].clocks.iter().find(own).unwrap() as usize].state
    };
    let sms = c.release("a", 0);
    c.reached(sms, Stage::Delivered);
    let call = c.release("a", 1);
    assert_eq!(state(&c, 0), ClockState::Running, "a short message is no call, and no gateway has taken the call");
    c.reached(call, Stage::Submitted);
    assert_eq!(state(&c, 0), ClockState::Met { at: c.now }, "nobody need have answered");
    // The voice gateway is down: the ground is not called, and at the deadline that is on record.
    let down = c.release("b", 1);
    c.fails(down, Failure::GatewayDown);
    // Whoever answers a short message need not be called.
    c.release("x", 0);
    c.yes("x");
    assert_eq!(state(&c, 2), ClockState::Met { at: c.now });
    c.run_to(c.begin.plus_ms(3 * MIN));
    assert_eq!(state(&c, 1), ClockState::Missed { met_at: None });
    let late = c.release("b", 1);
    c.reached(late, Stage::Submitted);
    assert_eq!(state(&c, 1), ClockState::Missed { met_at: Some(c.now) });
}

#[test]
fn figures_over_several_targets_are_asked_about() {
    let mut c = Case::new(beats());
    c.alert(&[("g1", &[&["a"], &[], &[]]), ("g2", &[&["a"], &[], &[]])]);
    c.release("a", 0);
    let events = c.decide(Command::Act(report(&c, "a", Action::Done(persons(1)))));
    assert_eq!(noted(&events), Some(NoteReason::WhichTarget));
    c.decide(Command::Act(report(&c, "a", Action::Done(Figures::default()))));
    assert!(c.callout.targets.iter().all(|t| t.progress.done_at.is_some()), "without figures it is about both");
    let one = ActionReport { targets: vec![1], ..report(&c, "a", Action::Done(persons(1))) };
    c.decide(Command::Act(one));
    let figures: Vec<u32> = c.callout.targets.iter().map(|t| t.progress.figures.persons).collect();
    assert_eq!(figures, [0, 1]);
}

#[test]
fn doors_are_knocked_on_by_one_and_confirmed_by_another() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &["d"]])]);
    assert_eq!(noted_task(&mut c, Action::Knocked), Some(NoteReason::NoTask), "there is no task yet");
    c.run_to(c.now.plus_ms(200_000));
    c.release("d", 0);
    c.yes("d");
    let knock = c.callout.targets[0].progress.knock.clone().unwrap();
    assert_eq!((knock.call, knock.reported), (Some(c.call_ix("d")), None), "the task is the superior's");
    let confirm = report(&c, "d", Action::KnockConfirmed);
    let events = c.decide(by("duty", confirm.clone()));
    assert_eq!(noted(&events), Some(NoteReason::NoTask), "nothing to confirm yet");
    c.decide(by("duty", report(&c, "d", Action::Knocked)));
    assert!(matches!(c.callout.targets[0].phase, Phase::TakenOver { .. }), "reported is not confirmed");
    let events = c.decide(by("duty", confirm.clone()));
    assert_eq!(noted(&events), Some(NoteReason::SamePerson));
    c.decide(by("chief", confirm));
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { .. }));
    let door = c.callout.clocks.iter().find(|k| c.callout.rules[usize::from(k.rule)].name == "door_knock").unwrap();
    assert_eq!(door.state, ClockState::Met { at: c.now });
}

fn noted_task(c: &mut Case, action: Action) -> Option<NoteReason> {
    c.release("a", 0);
    let targets = vec![0];
    let events = c.decide(Command::Act(ActionReport { targets, ..report(c, "a", action) }));
    noted(&events)
}

#[test]
fn the_checklist_is_the_plans_and_each_item_is_ticked_once() {
    let item = |text: &str| ChecklistItem { text: text.into(), source: "test".into() };
    let mut c = Case::new(Plan { checklist: vec![item("a"), item("b")], ..plan() });
    c.alert(&[("g1", &[&["a"], &[], &[]])]);
    c.release("a", 0);
    let first = c.now;
    c.decide(Command::Act(report(&c, "a", Action::Checked { item: 1 })));
    c.now = c.now.plus_ms(1000);
    c.decide(Command::Act(report(&c, "a", Action::Checked { item: 1 })));
    assert_eq!(c.callout.targets[0].progress.checked, [(1, first)].into());
    let events = c.decide(Command::Act(report(&c, "a", Action::Checked { item: 2 })));
    assert_eq!(noted(&events), Some(NoteReason::NoItem));
}

#[test]
fn ground_whose_doors_were_confirmed_rests_on_no_answer() {
    let mut c = Case::new(plan());
    c.alert(&[("g1", &[&["a"], &[], &["d"]])]);
    c.release("a", 0);
    c.run_to(c.now.plus_ms(400_000));
    c.decide(Command::AnsweredAbove { region: RegionCode::parse("5333").unwrap() });
    let at = |action| ActionReport { targets: vec![0], ..report(&c, "a", action) };
    let (knocked, confirmed) = (at(Action::Knocked), at(Action::KnockConfirmed));
    c.decide(by("duty", knocked));
    c.decide(by("chief", confirmed));
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { .. }));
    c.say("a", Answer::Cannot, Proof::Key);
    assert!(matches!(c.callout.targets[0].phase, Phase::Satisfied { .. }));
}

#[test]
fn a_short_word_speaks_of_what_is_due_first_and_never_guesses_the_unit() {
    let mut p = ladder();
    let wait = |name: &str, tier, within_ms, units: &[&str]| {
        let milestone = ClockEnd::Milestone(name.into());
        let mut rule = clock(name, ClockScope::Target, ClockStart::Called, milestone, within_ms);
        (rule.tiers, rule.units) = (vec![tier], units.iter().map(|u| (*u).to_owned()).collect());
        rule
    };
    p.steps[0].posts.push("army".into());
    p.clocks = vec![wait("briefed", 0, H, &["county"]), wait("moved", 1, 2 * H, &[]), wait("both", 2, H, &["x"])];
    let mut c = Case::new(p.clone());
    // One person answers for county and township.
    let one = |c: &Case| {
        let mut order = order(c, "A", MessageKind::Alert, Colour::Yellow, None);
        order.ground[1].seats[1].answer = vec!["c".into()];
        Command::Apply(Box::new(order))
    };
    let order = one(&c);
    c.decide(order);
    c.release("c", 0);
    let short = Action::Reached { milestone: String::new(), unit: String::new() };
    c.decide(Command::Act(report(&c, "c", short.clone())));
    let reached = |c: &Case, target: usize| c.callout.targets[target].progress.reached.clone();
    assert!(reached(&c, 0)["briefed"].contains("county") && reached(&c, 1).is_empty());
    c.decide(Command::Act(report(&c, "c", short.clone())));
    assert!(reached(&c, 1)["moved"].contains(""), "then of what is due next, on other ground");
    // Two units in one step: nobody knows whose word it is.
    p.clocks[0].units.push("army".into());
    let mut c = Case::new(p);
    let order = one(&c);
    c.decide(order);
    c.release("c", 0);
    c.decide(Command::Act(report(&c, "c", short.clone())));
    assert!(reached(&c, 0).is_empty() && reached(&c, 1)["moved"].contains(""));
    let events = c.decide(Command::Act(report(&c, "c", short)));
    assert_eq!(noted(&events), Some(NoteReason::NotListed));
}
