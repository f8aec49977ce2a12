//! The preset after Mianxian, played: everybody is called within 3 minutes, only whoever hears the message to
//! its end counts, three tries in 5 minutes, and then the superior goes to the door.

use super::{DEFAULT, draft};
use jiaoying::evidence::summary;
use jiaoying::gateway::simulator::{Habit, People};
use jiaoying::journal::MemoryJournal;
use jiaoying::model::{Callout, Channel, Phase, Purpose, SecretKey, TargetIx, Timestamp};
use jiaoying::plan::{PlanFile, PlanSet};
use jiaoying::sim::{Faults, Post, Scene, World, message_json};
use std::sync::Arc;

const MIANXIAN: &str = include_str!("../../../config/presets/mianxian.toml");
const BEGIN: Timestamp = Timestamp(1_780_000_000_000_000);
const MIN: i64 = 60_000;

/// A red warning over a township whose people have these habits, after so many minutes.
fn night(habits: Vec<(Habit, u32)>, minutes: i64) -> Arc<Callout> {
    let files = [("default.toml", DEFAULT), ("mianxian.toml", MIANXIAN)];
    let files = files.map(|(name, text)| PlanFile::parse(name, text).unwrap());
    let times = (BEGIN, BEGIN.plus_ms(120 * MIN));
    let body = message_json("A", "alert", &[], ("暴雨", "red"), &["533324204"], times);
    let scene = Scene {
        begins: BEGIN,
        directory: Arc::new(draft("533324204").build(1).unwrap()),
        plans: Arc::new(PlanSet::new(files.into()).unwrap()),
        senders: Scene::senders(),
        posts: vec![Post { at: BEGIN, body }],
        key: SecretKey::new([7; 32]),
    };
    let journal = Arc::new(MemoryJournal::default());
    let people = People::with_weights(3, habits);
    let mut world = World::new(scene, journal.clone(), people, Faults::default(), 3);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    while let Some(at) = world.next_at().filter(|at| *at < BEGIN.plus_ms(minutes * MIN)) {
        journal.set_now(at);
        runtime.block_on(world.step());
    }
    assert_eq!(world.checks.violations, []);
    let county = |c: &Arc<Callout>| c.head.as_ref().is_some_and(|h| h.region.as_str() == "533324");
    world.gallery.all().into_iter().find(county).unwrap()
}

/// Targets with somebody in the first step.
fn with_grid_person(c: &Callout) -> Vec<TargetIx> {
    (0..c.targets.len() as u32).filter(|t| !c.targets[*t as usize].seats[0].answer.is_empty()).collect()
}

/// When a target's own people were called by telephone, in minutes after the beginning.
fn rung(c: &Callout, target: TargetIx, step: usize) -> Vec<i64> {
    let seats = &c.targets[target as usize].seats[step].answer;
    let own = c.attempts.iter().filter(|a| a.channel == Channel::Voice && a.targets.contains(&target));
    let own = own.filter(|a| {
        let call = &c.calls[a.call as usize];
        call.purpose == Purpose::CallOut && seats.contains(&call.person)
    });
    own.map(|a| a.released_at.ms_since(BEGIN)).collect()
}

#[test]
fn all_are_called_in_three_minutes_thrice_in_five_and_then_the_superior_is() {
    let c = night(vec![(Habit::Absent, 1)], 12);
    let grids = with_grid_person(&c);
    assert!(grids.len() > 3, "{}", grids.len());
    let tally = summary(&c).clocks["called_through"];
    assert!(tally.met as usize >= grids.len(), "{tally:?}");
    for target in grids {
        let calls = rung(&c, target, 0);
        assert!(calls[0] < 3 * MIN, "{calls:?}");
        assert_eq!(calls.iter().filter(|ms| **ms < 5 * MIN).count(), 3, "{calls:?}");
        assert!(rung(&c, target, 1).iter().all(|ms| *ms >= 5 * MIN), "the superior only then");
    }
}

#[test]
fn hearing_it_to_the_end_is_enough_and_whoever_takes_over_owes_a_visit() {
    // Hears everything and presses nothing.
    let c = night(vec![(Habit::Voicemail, 1)], 12);
    let held = |t: &TargetIx| matches!(c.targets[*t as usize].phase, Phase::Satisfied { step: 0, .. });
    assert!(with_grid_person(&c).iter().all(held));
    let c = night(vec![(Habit::Absent, 2), (Habit::Voicemail, 1)], 20);
    let taken: Vec<_> = c.targets.iter().filter(|t| matches!(t.phase, Phase::TakenOver { .. })).collect();
    assert!(taken.len() > 3, "{}", taken.len());
    for t in taken {
        assert!(t.progress.knock.as_ref().is_some_and(|k| k.confirmed_at.is_none()), "{}", t.spec.name);
        let knocks = |ix: &u32| c.rule(*ix).is_some_and(|r| r.name == "door_knock");
        assert!(t.clocks.iter().any(knocks), "{}", t.spec.name);
    }
}
