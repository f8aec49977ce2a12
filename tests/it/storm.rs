//! A red night over two counties at once, through gateways that are slower than what is configured.

use jiaoying::directory::sample;
use jiaoying::dispatch::Budgets;
use jiaoying::gateway::simulator::People;
use jiaoying::journal::MemoryJournal;
use jiaoying::model::{CallIx, CalloutId, Channel, RegionCode, SecretKey, Timestamp};
use jiaoying::sim::{self, Carriers, Faults, Post, Scene, World, message_json};
use std::collections::BTreeMap;
use std::sync::Arc;

const BEGINS: Timestamp = Timestamp(1_782_850_680_000_000);

/// A world over the counties, all of them red from the first second.
fn night(counties: &[&str], seed: u64) -> World {
    let key = SecretKey::new([7; 32]);
    let region = RegionCode::parse("5306").unwrap();
    let directory = Arc::new(sample(&region, seed, &key).build(1).unwrap());
    let times = (BEGINS, BEGINS.plus_ms(4 * 3_600_000));
    let body = message_json("A1", "alert", &[], ("暴雨", "red"), counties, times);
    let posts = vec![Post { at: BEGINS.plus_ms(1000), body }];
    let plans = Arc::new(sim::built_in_plans().unwrap());
    let scene = Scene { begins: BEGINS, directory, plans, senders: Scene::senders(), posts, key };
    World::new(scene, Arc::new(MemoryJournal::default()), People::new(seed), Faults::default(), seed)
}

/// The calls whose rung of a step on a channel is due and not granted yet.
fn queued(world: &mut World, id: &CalloutId, step: u8, channel: Channel) -> Vec<(CallIx, usize, u16)> {
    let now = world.now;
    let Some(callout) = world.cell().unwrap().callouts().find(|c| c.id == *id) else { return Vec::new() };
    let calls = (0..).zip(&callout.calls).filter(|(_, c)| c.step == step);
    let tracks = calls.flat_map(|(ix, c)| c.tracks.iter().enumerate().map(move |(n, t)| (ix, n, t)));
    let due = tracks.filter(|(.., t)| t.due.is_some_and(|due| due <= now));
    due.filter(|(.., t)| t.rungs[usize::from(t.next)].0 == channel).map(|(ix, n, t)| (ix, n, t.next)).collect()
}

/// What was foreseen at a moment, the calls it was about, and when they had been made.
struct Sample {
    at: Timestamp,
    foreseen: Timestamp,
    left: Vec<(CallIx, usize, u16)>,
    done: Option<Timestamp>,
}

/// By how much the forecast of the first step was off at half-way, in shares of the whole: the first moment from
/// which the calls queued then took no longer than what had passed.
async fn errors(seed: u64, channel: Channel, carriers: Carriers) -> Vec<(CalloutId, f64)> {
    let mut world = night(&["530602", "530627"], seed);
    world.set_carriers(carriers);
    let mut samples: BTreeMap<CalloutId, Vec<Sample>> = BTreeMap::new();
    let (mut look, end) = (BEGINS, BEGINS.plus_ms(3 * 3_600_000));
    while world.next_at().is_some_and(|at| at < end) {
        world.step().await;
        let now = world.now;
        if now < look {
            continue;
        }
        look = now.plus_ms(1000);
        let forecasts = world.gallery.forecasts().borrow().clone();
        for (id, forecast) in forecasts.iter().filter(|(id, _)| id.as_str().starts_with("5306")) {
            let part = forecast.parts.iter().find(|p| p.step == 0 && p.channel == channel);
            let of = samples.entry(id.clone()).or_default();
            let newest = of.last().map_or(BEGINS, |s| s.at);
            let Some(part) = part.filter(|_| now.ms_since(newest) >= 2000) else { continue };
            let left = queued(&mut world, id, 0, channel);
            of.push(Sample { at: now, foreseen: part.done_at.unwrap(), left, done: None });
        }
        for (id, samples) in &mut samples {
            let due = queued(&mut world, id, 0, channel);
            for sample in samples.iter_mut().filter(|s| s.done.is_none()) {
                sample.left.retain(|one| due.binary_search(one).is_ok());
                sample.done = sample.left.is_empty().then_some(now);
            }
        }
        if samples.len() == 2 && samples.values().all(|s| half(s).is_some()) {
            break;
        }
    }
    assert_eq!(world.checks.violations, []);
    assert_eq!(samples.len(), 2, "both counties had calls queued");
    let error = |(id, samples): (CalloutId, Vec<Sample>)| {
        let (began, half, done) = half(&samples).unwrap();
        let (all, left) = (done.ms_since(began), done.ms_since(half.at));
        let late = half.foreseen.ms_since(done);
        println!("{id}: {left} ms of {all} ms left, foreseen {late} ms too late");
        (id, late as f64 / all as f64)
    };
    samples.into_iter().map(error).collect()
}

/// When it began, what was foreseen at half-way, and when that had been made.
fn half(samples: &[Sample]) -> Option<(Timestamp, &Sample, Timestamp)> {
    let began = samples.first()?.at;
    let made = samples.iter().map_while(|s| Some((s, s.done?)));
    made.into_iter().find(|(s, done)| s.at.ms_since(began) >= done.ms_since(s.at)).map(|(s, done)| (began, s, done))
}

fn run(channel: Channel, off_max: f64, carriers: &Carriers) {
    let mut off = Vec::new();
    for seed in 1..=3 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (id, error) in runtime.block_on(errors(seed, channel, carriers.clone())) {
            off.extend((error.abs() > off_max).then(|| format!("seed {seed}, {id}: {:.1} % off", error * 100.0)));
        }
    }
    assert_eq!(off, [""; 0]);
}

#[test]
fn short_messages_are_foreseen_at_the_pace_of_a_slow_gateway() {
    // Configured for 200 a second; eight at a time that take a second each are eight.
    run(
        Channel::Sms,
        0.1,
        &Carriers {
            rate_per_s: 200.0,
            window: 8,
            lines: 20,
            answer_ms: 600..1400,
            budgets: Budgets::default(),
            twins: None,
        },
    );
}

#[test]
fn voice_calls_are_foreseen_by_the_time_they_hold_their_lines() {
    // Lines enough to be through before the next step begins: whoever it reaches takes calls back.
    run(
        Channel::Voice,
        // How long people stay on the line varies: one county was 13 % off.
        0.15,
        &Carriers {
            rate_per_s: 200.0,
            window: 64,
            lines: 70,
            answer_ms: 5..200,
            budgets: Budgets::default(),
            twins: None,
        },
    );
}
