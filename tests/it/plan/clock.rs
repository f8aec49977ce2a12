//! A clock that no preset has, with a milestone that no code knows: lines in a plan file are enough.

use super::{DEFAULT, draft, message};
use jiaoying::engine::decide;
use jiaoying::evidence::summary;
use jiaoying::model::{
    Action, ActionReport, AnswerWay, Callout, CalloutId, ClockState, Colour, Command, Digest, Event, MessageKind,
    OnBehalf, TargetIx, Timestamp,
};
use jiaoying::plan::{PlanFile, PlanSet, orders};

const OWN: &str = r#"
[[clock]]
name = "shelter_open"
title = "安置点开放时限"
starts = "called"
until = { milestone = "shelter_open" }
within_s = 1800
units = ["village"]
remind_s = [600]
source = "test"
"#;

fn opened(target: TargetIx) -> Command {
    let action = Action::Reached { milestone: "shelter_open".into(), unit: "village".into() };
    Command::Act(ActionReport {
        call: None,
        attempt: None,
        targets: vec![target],
        action,
        shelter: None,
        way: AnswerWay::Operator,
        text: None,
        on_behalf: Some(OnBehalf { operator: "duty".into(), reason: Digest::default() }),
        reported_at: None,
        ask: false,
    })
}

#[test]
fn a_clock_of_ones_own_is_met_reminded_of_and_missed() {
    let plans = PlanSet::new(vec![PlanFile::parse("own.toml", &format!("{DEFAULT}{OWN}")).unwrap()]).unwrap();
    let directory = draft("533324204").build(1).unwrap();
    let message = message(MessageKind::Alert, Some(Colour::Red));
    let begin = Timestamp(1_780_000_000_000_000);
    let cover = directory.cover(&message.areas);
    let orders = orders(&directory, &plans, &message, &message.warning_id(), &cover, begin);
    let mut callout = Callout::new(CalloutId::from("test"));
    for order in orders.into_values() {
        decide(&mut callout, &Command::Apply(Box::new(order)), begin);
    }
    let mut events = Vec::new();
    let mut run_to = |callout: &mut Callout, minutes: i64| {
        let end = begin.plus_ms(minutes * 60_000);
        while let Some((due, _)) = callout.agenda.timers.first().copied().filter(|(due, _)| *due <= end) {
            events.extend(decide(callout, &Command::Tick, due));
        }
        end
    };
    let at = run_to(&mut callout, 10);
    decide(&mut callout, &opened(0), at);
    let late = run_to(&mut callout, 31);
    decide(&mut callout, &opened(1), late);
    let state = |target: usize| {
        let own = |c: &&u32| callout.rule(**c).is_some_and(|r| r.name == "shelter_open");
        let clock = callout.targets[target].clocks.iter().find(own).unwrap();
        (*clock, callout.clocks[*clock as usize].state)
    };
    assert_eq!(state(0).1, ClockState::Met { at });
    assert_eq!(state(1).1, ClockState::Missed { met_at: Some(late) });
    assert_eq!(state(2).1, ClockState::Missed { met_at: None });
    let reminded = |target| {
        let clock = state(target).0;
        let of = |e: &&jiaoying::model::Entry| matches!(&e.1, Event::ClockReminded { clock: c } if *c == clock);
        events.iter().filter(of).map(|e| e.0).collect::<Vec<_>>()
    };
    assert_eq!((reminded(0), reminded(2)), (vec![], vec![begin.plus_ms(20 * 60_000)]));
    let tally = summary(&callout).clocks["shelter_open"];
    assert_eq!((tally.met, tally.missed as usize, tally.running), (1, callout.targets.len() - 1, 0));
}
