//! Runs of seeds.

use super::checks::Seen;
use super::faults::Faults;
use super::scene::Scene;
use super::world::{BUNDLE_MAX, World};
use crate::dispatch::{Budgets, CarrierBudget, PersonBudget};
use crate::engine::Violation;
use crate::gateway::simulator::People;
use crate::journal::MemoryJournal;
use crate::model::{Colour, Finding, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// How a seed went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was seen.
    pub seen: Seen,
    /// What was broken; the run stops at the first event that breaks something.
    pub violations: Vec<Violation>,
    /// The virtual time at the end.
    pub ended: Timestamp,
}

/// Steps after which a run that has not ended is broken.
const STEPS_MAX: u64 = 400_000;
/// Virtual milliseconds of a run.
const RUN_MS: i64 = 3 * 3_600_000;

/// Budgets that hold calls back: few at a time to the invented numbers, by contract, and few to each person.
fn tight() -> Budgets {
    let carrier = CarrierBudget {
        name: "invented".into(),
        prefixes: vec!["+86199".into()],
        rate_per_s: 2.0,
        burst: 3,
        yields_to: None,
    };
    let person = PersonBudget { per_hour: Some(4), per_day: Some(20), yields_to: Some(Colour::Red) };
    Budgets { carriers: vec![carrier], person, bundle_max: BUNDLE_MAX, ..Budgets::default() }
}

/// Runs one seed to its end: faults for the first virtual hour, then a kind world.
///
/// # Errors
/// The faults of the scene itself; none in a released build.
pub async fn run_seed(seed: u64) -> Result<Outcome, Vec<Finding>> {
    let scene = Scene::random(seed)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9));
    let mut chance = |max: u32| if rng.random_ratio(1, 3) { 0 } else { rng.random_range(0..=max) };
    let faults = Faults {
        commit_fails: chance(60),
        commit_unknown: chance(60),
        crash: chance(30),
        gateway_down: chance(100),
        gateway_unknown: chance(100),
        upcall_twice: chance(300),
        message_twice: chance(500),
        outage: chance(30),
    };
    let journal = Arc::new(MemoryJournal::default());
    let begins = scene.begins;
    let mut world = World::new(scene, journal.clone(), People::new(seed), faults, seed);
    world.man_duty_room(seed);
    if seed % 3 == 1 {
        world.set_twins(1 + (seed / 3 % 2) as u32);
    }
    if seed % 4 == 3 {
        world.set_budgets(tight());
    }
    let (kind_at, end) = (begins.plus_ms(3_600_000), begins.plus_ms(RUN_MS));
    let mut steps = 0;
    while let Some(at) = world.next_at().filter(|at| *at < end) {
        if at >= kind_at {
            world.be_kind();
        }
        journal.set_now(at);
        world.step().await;
        steps += 1;
        if steps > STEPS_MAX {
            world.checks.fail(1, format!("the world does not come to rest within {STEPS_MAX} steps"));
        }
        if !world.checks.violations.is_empty() {
            break;
        }
    }
    if world.checks.violations.is_empty() {
        let (numbers, gallery) = (world.numbers(), world.gallery.clone());
        world.checks.ended(&*journal, &gallery, &numbers, end).await;
    }
    let checks = std::mem::take(&mut world.checks);
    Ok(Outcome { seen: checks.seen, violations: checks.violations, ended: world.now })
}
