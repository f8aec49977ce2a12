//! Tiers and their clocks: the core alone, on a plan that no preset resembles, since none of it may be known to
//! the code.

use super::actions::{by, noted, report};
use super::kit::{Case, plan, ring, step, tier};
use jiaoying::model::*;

pub const H: i64 = 3_600_000;
pub const MIN: i64 = 60_000;

/// County posts 12 h before the onset, townships 6 h, grids and villages 2 h; no clocks.
pub fn ladder() -> Plan {
    let of = |ix: u8, post: &str, outcome| Step { tier: ix, ..step(post, outcome, vec![ring(Channel::Sms, 2, 100)]) };
    let before = |name: &str, level, hours: i64, moves| Tier { level, before_ms: Some(hours * H), moves, ..tier(name) };
    Plan {
        tiers: vec![
            before("h12", Some(Level::County), 12, Moves::Nobody),
            before("h6", Some(Level::Township), 6, Moves::Special),
            before("h2", None, 2, Moves::Everyone),
            tier("above"),
        ],
        steps: vec![
            of(0, "county", Outcome::Satisfied),
            of(1, "township", Outcome::Satisfied),
            of(2, "grid", Outcome::Satisfied),
            of(2, "village", Outcome::Satisfied),
            of(3, "prefecture", Outcome::TakenOver),
        ],
        clocks: Vec::new(),
        in_force_ms: 48 * H,
        ..plan()
    }
}

pub fn clock(name: &str, of: ClockScope, starts: ClockStart, until: ClockEnd, within_ms: i64) -> ClockRule {
    ClockRule { name: name.into(), title: name.into(), of, starts, until, within_ms, ..plan().clocks[0].clone() }
}

/// One county, one township and one grid, each answered for by one person; the grid also by a village head.
pub fn order(c: &Case, id: &str, kind: MessageKind, colour: Colour, onset: Option<Timestamp>) -> Order {
    let mut order = c.make(
        id,
        kind,
        colour,
        &[
            ("C", &[&["c"], &[], &[], &[], &[]]),
            ("T", &[&[], &["t"], &[], &[], &[]]),
            ("g", &[&[], &[], &["g"], &["v"], &[]]),
        ],
    );
    for (tier, ground) in order.ground.iter_mut().enumerate() {
        ground.tier = tier as u8;
        ground.target.persons = 10;
        if tier < 2 {
            ground.target.kind = TargetKind::Region;
        }
    }
    order.onset = onset;
    order
}

pub fn alert(c: &mut Case, onset: Option<Timestamp>) -> Vec<Event> {
    let order = order(c, "A", MessageKind::Alert, Colour::Yellow, onset);
    c.decide(Command::Apply(Box::new(order)))
}

fn update(c: &mut Case, id: &str, onset: Timestamp) -> Vec<Event> {
    let order = order(c, id, MessageKind::Update, Colour::Yellow, Some(onset));
    c.decide(Command::Apply(Box::new(order)))
}

fn opened(c: &Case) -> Vec<bool> {
    c.callout.tiers[..3].iter().map(|t| t.opened_at.is_some()).collect()
}

pub fn calling(c: &Case, target: usize) -> bool {
    matches!(c.callout.targets[target].phase, Phase::Calling { .. })
}

#[test]
fn tiers_open_at_their_time_before_the_onset() {
    let mut c = Case::new(ladder());
    let onset = c.begin.plus_ms(13 * H);
    alert(&mut c, Some(onset));
    assert!(c.callout.calls.is_empty() && c.callout.targets.iter().all(|t| t.phase == Phase::Covered));
    for (hours, expected) in [(1, [true, false, false]), (7, [true, true, false]), (11, [true, true, true])] {
        c.run_to(c.begin.plus_ms(hours * H - 1));
        assert!(!opened(&c)[expected.iter().filter(|o| **o).count() - 1], "{hours} h: not a moment early");
        c.run_to(c.begin.plus_ms(hours * H));
        assert_eq!(opened(&c), expected, "{hours} h");
    }
    let moves: Vec<Moves> = c.callout.tiers.iter().map(|t| t.moves).collect();
    assert_eq!(moves[..3], [Moves::Nobody, Moves::Special, Moves::Everyone]);
    assert!(calling(&c, 2));
}

#[test]
fn a_late_arrival_opens_every_tier_that_is_due_and_no_onset_opens_all() {
    for (left, expected) in [(Some(5), [true, true, false]), (Some(-1), [true; 3]), (None, [true; 3])] {
        let mut c = Case::new(ladder());
        let onset = left.map(|hours| c.begin.plus_ms(hours * H));
        alert(&mut c, onset);
        assert_eq!(opened(&c), expected, "{left:?} h left");
        assert_eq!(c.callout.calls.len(), expected.iter().filter(|o| **o).count());
    }
}

#[test]
fn an_update_that_moves_the_onset_moves_tiers_and_their_clocks() {
    let mut p = ladder();
    let mut done = clock("moved", ClockScope::Tier, ClockStart::Onset, ClockEnd::Done, -H);
    done.tiers = vec![1];
    p.clocks = vec![done];
    let mut c = Case::new(p);
    let onset = c.begin.plus_ms(7 * H);
    alert(&mut c, Some(onset));
    c.run_to(c.begin.plus_ms(H));
    assert_eq!(opened(&c), [true, true, false]);
    assert_eq!(c.callout.clocks[0].due, onset.plus_ms(-H));
    // Earlier: the third is due at once, the clock's deadline comes closer.
    let sooner = c.now.plus_ms(90 * MIN);
    let events = update(&mut c, "B", sooner);
    assert!(events.iter().any(|e| matches!(e, Event::ClockMoved { .. })), "{events:?}");
    assert_eq!((opened(&c), c.callout.clocks[0].due), (vec![true; 3], sooner.plus_ms(-H)));
    // Later: what has opened stays open, the clock follows.
    let later = c.now.plus_ms(20 * H);
    update(&mut c, "D", later);
    assert_eq!((opened(&c), c.callout.clocks[0].due), (vec![true; 3], later.plus_ms(-H)));
    c.run_to(later.plus_ms(-H - 1));
    assert_eq!(c.callout.clocks[0].state, ClockState::Running);
    c.run_to(later.plus_ms(-H));
    assert_eq!(c.callout.clocks[0].state, ClockState::Missed { met_at: None });
}

#[test]
fn at_night_the_plan_can_move_more() {
    let night = Night { from_min: 20 * 60, until_min: 7 * 60, moves: Moves::Everyone, source: "test".into() };
    // 2026-05-29T04:26:40+08:00 begins every case: night.
    for (hours, moves) in [(6, Moves::Everyone), (12, Moves::Special)] {
        let mut c = Case::new(Plan { night: Some(night.clone()), ..ladder() });
        let onset = c.begin.plus_ms(hours * H);
        alert(&mut c, Some(onset));
        c.run_to(onset.plus_ms(-6 * H));
        assert_eq!(c.callout.tiers[1].moves, moves, "{hours} h");
        assert_eq!(c.callout.tiers[0].moves, Moves::Nobody, "who moves nobody by day moves nobody by night");
    }
}

#[test]
fn a_milestone_is_met_when_every_listed_unit_of_every_target_has_reported() {
    let mut p = ladder();
    let milestone = ClockEnd::Milestone("command".into());
    let mut rule = clock("command", ClockScope::Tier, ClockStart::Origin, milestone, H);
    (rule.tiers, rule.units) = (vec![0], vec!["county".into(), "fire".into()]);
    (rule.remind_ms, rule.missed) = (vec![30 * MIN, 10 * MIN], OnMiss::Escalate);
    p.clocks = vec![rule];
    let mut c = Case::new(p);
    let mut order = order(&c, "A", MessageKind::Alert, Colour::Red, None);
    order.origin_time = Some(c.begin.plus_ms(-15 * MIN));
    c.decide(Command::Apply(Box::new(order)));
    assert_eq!(c.callout.clocks[0].due, c.begin.plus_ms(45 * MIN), "it counts from the event, not from the message");
    c.release("c", 0);
    c.yes("c");
    let reached = |unit: &str| Action::Reached { milestone: "command".into(), unit: unit.into() };
    for (milestone, unit) in [("command", "army"), ("dinner", "fire")] {
        let other = Action::Reached { milestone: milestone.into(), unit: unit.into() };
        let events = c.decide(Command::Act(report(&c, "c", other)));
        assert_eq!(noted(&events), Some(NoteReason::NotListed), "{milestone} {unit}");
    }
    // The short word: the reporter's own post, the milestone that is due next.
    let short = Action::Reached { milestone: String::new(), unit: String::new() };
    c.decide(Command::Act(report(&c, "c", short)));
    assert!(c.callout.targets[0].progress.reached["command"].contains("county"));
    assert_eq!(c.callout.clocks[0].state, ClockState::Running, "one of two units");
    // Reminders, to whoever answered, each once.
    c.run_to(c.begin.plus_ms(44 * MIN));
    let reminders = c.entries.iter().filter(|e| matches!(e.1, Event::ClockReminded { .. })).count();
    assert_eq!(reminders, 2);
    c.release_notice("c", Purpose::Remind);
    c.run_to(c.begin.plus_ms(45 * MIN));
    assert_eq!(c.callout.clocks[0].state, ClockState::Missed { met_at: None });
    assert!(c.callout.targets[0].alarm, "the county has one step: behind it stands the alarm, and the region above");
    assert!(c.entries.iter().any(|e| matches!(e.1, Event::Raised { .. })));
    let events = c.decide(by("duty", report(&c, "c", reached("fire"))));
    assert!(events.iter().any(|e| matches!(e, Event::ClockMet { .. })), "late is recorded as late");
    assert_eq!(c.callout.clocks[0].state, ClockState::Missed { met_at: Some(c.now) });
}

#[test]
fn an_upgrade_under_a_plan_with_tiers_keeps_each_target_once() {
    let mut c = Case::new(plan());
    c.order("A", MessageKind::Alert, Colour::Yellow, &[("g", &[&["g"], &["v"], &[]])]);
    c.release("g", 0);
    c.yes("g");
    c.plan = ladder();
    let onset = c.now.plus_ms(5 * H);
    let upgrade = order(&c, "B", MessageKind::Update, Colour::Red, Some(onset));
    c.decide(Command::Apply(Box::new(upgrade)));
    let known: Vec<_> = c.callout.targets.iter().map(|t| (t.spec.id.as_str(), t.tier)).collect();
    assert_eq!(known, [("g", 2), ("C", 0), ("T", 1)]);
    assert!(calling(&c, 0), "what was called before is called again at once, long before its tier opens");
    c.now = c.now.plus_ms(MIN);
    c.release("g", 0);
    c.yes("g");
    c.run_to(onset.plus_ms(-2 * H));
    assert!(calling(&c, 0), "and again when it opens: now something is to be done");
}

#[test]
fn a_weaker_update_under_a_plan_without_tiers_drops_no_region() {
    let mut c = Case::new(ladder());
    let onset = c.begin.plus_ms(H);
    alert(&mut c, Some(onset));
    c.plan = plan();
    let mut weaker = c.make("B", MessageKind::Update, Colour::Blue, &[("g", &[&["g"], &["v"], &[]])]);
    weaker.ground[0].target.persons = 10;
    c.decide(Command::Apply(Box::new(weaker)));
    assert!((0..3).all(|t| calling(&c, t)), "{:?}", c.callout.targets);
    c.plan = plan();
    let nothing = c.make("D", MessageKind::Update, Colour::Blue, &[]);
    c.decide(Command::Apply(Box::new(nothing)));
    assert!(c.callout.targets.iter().all(|t| matches!(t.phase, Phase::Released { .. })));
}

#[test]
fn a_tiers_clock_stops_with_its_last_target_and_is_never_met_by_emptiness() {
    let mut p = ladder();
    p.clocks = vec![clock("all", ClockScope::Tier, ClockStart::Called, ClockEnd::Answered, H)];
    p.clocks[0].tiers = vec![2];
    let mut c = Case::new(p);
    alert(&mut c, None);
    let mut smaller = order(&c, "B", MessageKind::Update, Colour::Yellow, None);
    smaller.ground.truncate(2);
    c.decide(Command::Apply(Box::new(smaller)));
    assert_eq!(c.callout.clocks[0].state, ClockState::Stopped);
}

#[test]
fn ground_that_comes_back_waits_for_its_tier_like_new_ground() {
    let mut c = Case::new(ladder());
    let onset = c.begin.plus_ms(5 * H);
    alert(&mut c, Some(onset));
    let mut smaller = order(&c, "B", MessageKind::Update, Colour::Yellow, Some(onset));
    smaller.ground.truncate(2);
    c.decide(Command::Apply(Box::new(smaller)));
    assert!(matches!(c.callout.targets[2].phase, Phase::Released { .. }));
    c.run_to(onset.plus_ms(-2 * H));
    assert!(!opened(&c)[2], "no tier opens for nothing");
    let again = order(&c, "D", MessageKind::Update, Colour::Yellow, Some(onset.plus_ms(H)));
    c.decide(Command::Apply(Box::new(again)));
    assert_eq!((opened(&c)[2], c.callout.targets[2].phase), (false, Phase::Covered));
    c.run_to(onset.plus_ms(-H));
    assert!(calling(&c, 2));
}

#[test]
fn what_came_up_from_below_is_called_once_and_keeps_its_plan() {
    let mut c = Case::new(ladder());
    let mut raised = c.make("A", MessageKind::Alert, Colour::Yellow, &[("5333", &[&[], &[], &[], &[], &["p"]])]);
    (raised.ground[0].tier, raised.ground[0].target.kind) = (3, TargetKind::Region);
    c.decide(Command::Raise(Box::new(Raise { order: raised, targets: 1, gaps: 0, seq: 0 })));
    assert!(calling(&c, 0));
    let events = alert(&mut c, None);
    let started: Vec<_> = events.iter().filter(|e| matches!(e, Event::StepStarted { target: 0, .. })).collect();
    assert!(started.is_empty(), "the message opens its own tiers only: {started:?}");
    c.plan = plan();
    let upgrade = c.make("B", MessageKind::Update, Colour::Red, &[("g", &[&["g"], &["v"], &[]])]);
    c.decide(Command::Apply(Box::new(upgrade)));
    assert_eq!(c.callout.head.as_ref().unwrap().plan, ladder());
    assert!(calling(&c, 0), "the county below still waits for somebody here");
}

#[test]
fn what_was_handed_up_is_not_called_again_by_a_message_here() {
    let mut c = Case::new(ladder());
    c.plan.steps[4].tier = 3;
    let mut below = c.make("A", MessageKind::Alert, Colour::Yellow, &[("B", &[&[], &[], &[], &[], &["p"]])]);
    (below.ground[0].tier, below.ground[0].target.kind) = (3, TargetKind::Region);
    c.decide(Command::Raise(Box::new(Raise { order: below, targets: 1, gaps: 0, seq: 0 })));
    c.release("p", 0);
    c.yes("p");
    assert!(matches!(c.callout.targets[0].phase, Phase::TakenOver { .. }));
    alert(&mut c, None);
    assert!(matches!(c.callout.targets[0].phase, Phase::TakenOver { .. }), "{:?}", c.callout.targets[0].phase);
}

#[test]
fn an_answer_from_before_stops_no_clock_of_a_new_call() {
    let running = |c: &Case| c.callout.clocks.iter().filter(|k| k.state == ClockState::Running).count();
    // An upgrade calls again.
    let mut c = Case::new(plan());
    let ground: &[(&str, &[&[&str]])] = &[("g1", &[&["a"], &["v"], &["d"]])];
    c.alert(ground);
    c.release("a", 0);
    c.yes("a");
    assert_eq!(running(&c), 0);
    c.order("B", MessageKind::Update, Colour::Red, ground);
    assert_eq!(running(&c), 1, "{:?}", c.callout.clocks);
    // A tier that opens calls again what an upgrade had called before.
    let mut c = Case::new(plan());
    c.order("A", MessageKind::Alert, Colour::Yellow, &[("g", &[&["g"], &["v"], &[]])]);
    c.plan = ladder();
    c.plan.clocks = vec![
        clock("each", ClockScope::Target, ClockStart::Called, ClockEnd::Answered, H),
        clock("all", ClockScope::Tier, ClockStart::Called, ClockEnd::Answered, H),
    ];
    let onset = c.now.plus_ms(5 * H);
    let mut upgrade = order(&c, "B", MessageKind::Update, Colour::Red, Some(onset));
    upgrade.ground.drain(..2);
    c.decide(Command::Apply(Box::new(upgrade)));
    c.release("g", 0);
    c.yes("g");
    c.run_to(onset.plus_ms(-2 * H));
    assert_eq!(running(&c), 2, "{:?}", c.callout.clocks);
}

#[test]
fn an_onset_that_is_told_late_starts_its_clocks_in_what_is_open() {
    let mut c = Case::new(ladder());
    c.plan.clocks = vec![
        clock("moved", ClockScope::Target, ClockStart::Onset, ClockEnd::Moving, -H),
        clock("all_moved", ClockScope::Tier, ClockStart::Onset, ClockEnd::Done, 0),
    ];
    alert(&mut c, None);
    assert!(opened(&c).iter().all(|open| *open) && c.callout.clocks.is_empty(), "nobody knows from when to count");
    let onset = c.begin.plus_ms(5 * H);
    update(&mut c, "U", onset);
    let due: Vec<_> = c.callout.clocks.iter().map(|k| (k.of, k.due)).collect();
    let of_targets = (0..3).filter(|t| due.contains(&(ClockOf::Target(*t), onset.plus_ms(-H)))).count();
    let of_tiers = (0..3).filter(|t| due.contains(&(ClockOf::Tier(*t), onset))).count();
    assert_eq!((of_targets, of_tiers, due.len()), (3, 3, 6));
    update(&mut c, "V", onset.plus_ms(H));
    assert_eq!(c.callout.clocks.len(), 6, "moved, and not begun twice");
}

#[test]
fn an_origin_time_that_is_told_late_moves_the_clocks_that_count_from_it() {
    let mut c = Case::new(ladder());
    c.plan.clocks = vec![clock("command", ClockScope::Target, ClockStart::Origin, ClockEnd::Answered, H)];
    alert(&mut c, None);
    let origin = c.begin.plus_ms(-55 * MIN);
    let mut told = order(&c, "U", MessageKind::Update, Colour::Yellow, None);
    told.origin_time = Some(origin);
    c.decide(Command::Apply(Box::new(told)));
    assert!(c.callout.clocks.iter().all(|k| k.due == origin.plus_ms(H)));
    let mut earlier = order(&c, "V", MessageKind::Update, Colour::Yellow, None);
    earlier.origin_time = Some(origin.plus_ms(-H));
    let events = c.decide(Command::Apply(Box::new(earlier)));
    let missed = events.iter().filter(|e| matches!(e, Event::ClockMissed { .. })).count();
    assert_eq!(missed, c.callout.clocks.len(), "the hour had passed");
}

#[test]
fn an_upgrade_rings_nobody_whose_tier_is_not_open() {
    let mut c = Case::new(ladder());
    let onset = c.begin.plus_ms(20 * H);
    alert(&mut c, Some(onset));
    let graver = order(&c, "U", MessageKind::Update, Colour::Red, Some(onset));
    c.decide(Command::Apply(Box::new(graver)));
    assert_eq!(opened(&c), [false; 3]);
    assert!(c.callout.targets.iter().all(|t| t.phase == Phase::Covered) && c.callout.calls.is_empty());
    c.run_to(onset.plus_ms(-12 * H));
    assert!(calling(&c, 0) && !calling(&c, 1));
}
