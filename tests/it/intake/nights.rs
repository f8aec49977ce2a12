//! Whole lineages through the real desk and cell on virtual time: whatever the order in which messages
//! come, the end state is the same; and what happens between counties and the region above.

use super::*;
use jiaoying::intake::Retraction;
use jiaoying::journal::{Batch, Group};
use jiaoying::model::{Callout, CloseReason, Level, Phase, Purpose, TargetKind};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SENDER: &str = "simulated office";

/// Two villages of one county and one of another, with all who answer for them.
fn villages() -> (Arc<Directory>, Vec<String>) {
    let (mut all, mut codes) = (None, Vec::new());
    for (township, seed, count) in [(TOWNSHIP, 1, 2), ("533301105", 2, 1)] {
        let mut draft = sample(&code(township), seed, &key());
        let mut found: Vec<_> = draft.targets.iter().map(|t| t.region.to_string()).collect();
        found.dedup();
        found.truncate(count);
        draft.targets.retain(|t| found.contains(&t.region.to_string()));
        let kept: Vec<_> = draft.targets.iter().map(|t| t.id.to_string()).collect();
        let known: Vec<_> = draft.regions.iter().map(|r| r.code.to_string()).collect();
        draft.postings.retain(|p| kept.contains(&p.ground) || known.contains(&p.ground));
        codes.extend(found);
        match &mut all {
            None => all = Some(draft),
            Some(first) => {
                first.targets.extend(draft.targets);
                let people: Vec<_> = first.people.iter().map(|p| p.id.clone()).collect();
                first.people.extend(draft.people.into_iter().filter(|p| !people.contains(&p.id)));
                let counted = first.postings.clone();
                let more = draft.postings.into_iter().filter(|p| !counted.contains(p));
                first.postings.extend(more.filter(|p| p.ground.starts_with("533301")));
            }
        }
    }
    (Arc::new(all.unwrap().build(1).unwrap()), codes)
}

fn world(directory: Arc<Directory>, posts: Vec<Post>, people: People) -> World {
    let scene = Scene {
        begins: BEGIN,
        directory,
        plans: Arc::new(built_in_plans().unwrap()),
        senders: Scene::senders(),
        posts,
        key: key(),
    };
    World::new(scene, Arc::new(MemoryJournal::default()), people, Faults::default(), 1)
}

async fn run_to(world: &mut World, s: i64) {
    let end = BEGIN.plus_ms(s * 1000);
    while world.next_at().is_some_and(|at| at < end) {
        world.step().await;
    }
    assert_eq!(world.checks.violations, []);
}

/// A message of a generated lineage: colour, ground as bits, seconds of the end and of the onset.
#[derive(Clone, Debug)]
struct Said {
    colour: usize,
    ground: usize,
    ends: i64,
    onset: Option<i64>,
    /// Refers to the message before it too.
    chained: bool,
}

#[derive(Clone, Debug)]
struct Night {
    said: Vec<Said>,
    cancelled: bool,
    /// A second document with the identifier of one of them, which adds to it.
    contradicts: Option<prop::sample::Index>,
    /// Which messages come, in which order and how many seconds apart.
    arrivals: Vec<(prop::sample::Index, i64)>,
    /// Which are left out, where that may be.
    lost: Vec<bool>,
}

fn said() -> impl Strategy<Value = Said> {
    let onset = prop_oneof![Just(None), (400..4000_i64).prop_map(Some)];
    (0..4_usize, 1..8_usize, prop_oneof![Just(40_i64), Just(7200)], onset, any::<bool>())
        .prop_map(|(colour, ground, ends, onset, chained)| Said { colour, ground, ends, onset, chained })
}

fn night() -> impl Strategy<Value = Night> {
    let arrivals = prop::collection::vec((any::<prop::sample::Index>(), 1..15_i64), 0..10);
    let contradicts = prop::option::weighted(0.3, any::<prop::sample::Index>());
    let lost = prop::collection::vec(any::<bool>(), 7);
    (prop::collection::vec(said(), 1..5), prop::bool::weighted(0.25), contradicts, arrivals, lost).prop_map(
        |(said, cancelled, contradicts, arrivals, lost)| Night { said, cancelled, contradicts, arrivals, lost },
    )
}

fn documents(night: &Night, codes: &[String]) -> Vec<Vec<u8>> {
    let name = |i: usize| if i == 0 { "A".to_owned() } else { format!("U{i}") };
    let document = |i: usize, s: &Said| {
        let refs = match i {
            0 => vec![],
            _ if s.chained => vec!["A".to_owned(), name(i - 1)],
            _ => vec!["A".to_owned()],
        };
        let refs: Vec<_> = refs.iter().map(String::as_str).collect();
        let ground: Vec<_> =
            codes.iter().enumerate().filter(|(bit, _)| s.ground >> bit & 1 == 1).map(|(_, c)| c.as_str()).collect();
        let colour = ["blue", "yellow", "orange", "red"][s.colour];
        let kind = if i == 0 { "alert" } else { "update" };
        let times = (BEGIN.plus_ms(i as i64 * 60_000), BEGIN.plus_ms(s.ends * 1000));
        let body = message_json(&name(i), kind, &refs, ("暴雨", colour), &ground, times);
        let mut json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        if let Some(onset) = s.onset {
            json["onset"] = BEGIN.plus_ms(onset * 1000).iso().into();
        }
        json.to_string().into_bytes()
    };
    let mut all: Vec<_> = night.said.iter().enumerate().map(|(i, s)| document(i, s)).collect();
    if let Some(index) = night.contradicts {
        let i = index.index(night.said.len());
        all.push(document(i, &Said { colour: 3, ground: 7, ..night.said[i].clone() }));
    }
    if night.cancelled {
        let times = (BEGIN.plus_ms(900_000), BEGIN.plus_ms(7_200_000));
        all.push(message_json("Z", "cancel", &["A"], ("暴雨", "red"), &[], times));
    }
    all
}

/// What must not depend on the order of arrival: which counties are called out, in which colour, until and
/// from when, for which ground. Whom it took how long to call does, and so do the posts of a plan that a
/// graver message brought in before it was taken back.
type Canon = BTreeMap<String, (String, i64, Option<i64>, Vec<String>)>;

fn canon(world: &World) -> Canon {
    let all = world.gallery.all();
    let county = |c: &&Arc<Callout>| c.id.as_str().split('-').next().is_some_and(|region| region.len() == 6);
    let open = all.iter().filter(county).filter(|c| c.is_open());
    let of = |c: &Arc<Callout>| {
        let head = c.head.as_ref().unwrap();
        assert_eq!(head.region.level(), Level::County);
        let wanted = |t: &&jiaoying::model::TargetState| {
            t.spec.kind != TargetKind::Region && !matches!(t.phase, Phase::Released { .. })
        };
        let mut ground: Vec<_> = c.targets.iter().filter(wanted).map(|t| t.spec.id.to_string()).collect();
        ground.sort();
        ground.dedup();
        let of = (head.colour.name().to_owned(), head.expires.0, head.onset.map(|at| at.0), ground);
        (head.region.to_string(), of)
    };
    // A county whose ground was all dropped says the same as one that was never named.
    open.map(of).filter(|(_, of)| !of.3.is_empty()).collect()
}

async fn end_state(directory: &Arc<Directory>, documents: &[(i64, Vec<u8>)]) -> Canon {
    let posts = documents.iter().map(|(s, body)| Post { at: BEGIN.plus_ms(s * 1000), body: body.clone() });
    let mut world = world(directory.clone(), posts.collect(), People::new(1));
    run_to(&mut world, 300).await;
    let canon = canon(&world);
    for c in world.gallery.all() {
        if c.id.as_str().split('-').next().is_some_and(|region| region.len() < 6) && canon.is_empty() {
            assert!(c.targets.iter().all(|t| !t.is_wanted()), "{} goes on for counties that are over", c.id);
        }
    }
    canon
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_order_with_duplicates_and_losses_ends_in_the_same_state(night in night()) {
        let (directory, codes) = villages();
        let all = documents(&night, &codes);
        let in_order: Vec<_> = all.iter().enumerate().map(|(i, body)| (1 + i as i64, body.clone())).collect();
        // What a later message supersedes may be missing, unless that leaves something open that it tells.
        let last = night.said.len() - 1;
        let needed = |i: usize| {
            let told = night.said.get(i).is_some_and(|s| s.onset.is_some()) && night.said[last].onset.is_none();
            i >= last || (told && !night.cancelled)
        };
        let mut left: Vec<usize> = (0..all.len()).filter(|i| needed(*i) || !night.lost[*i]).collect();
        let (mut at, mut bent) = (1, Vec::new());
        for (index, pause) in &night.arrivals {
            // A draw picks one that has not come yet, or one that has: then it comes twice.
            let pick = index.index(all.len());
            at += pause;
            if let Some(place) = left.iter().position(|i| *i == pick) {
                left.remove(place);
                bent.push((at, all[pick].clone()));
            } else if bent.iter().any(|(_, body)| *body == all[pick]) {
                bent.push((at, all[pick].clone()));
            }
        }
        for pick in left.into_iter().rev() {
            at += 3;
            bent.push((at, all[pick].clone()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let expected = runtime.block_on(end_state(&directory, &in_order));
        let found = runtime.block_on(end_state(&directory, &bent));
        prop_assert_eq!(found, expected);
    }
}

fn nobody() -> People {
    People::with_weights(1, vec![(jiaoying::gateway::simulator::Habit::Absent, 1)])
}

fn callout(world: &World, region: &str) -> Option<Arc<Callout>> {
    world.gallery.get(&CalloutId::of(&code(region), &WarningId::of(Status::Actual, SENDER, "A")))
}

/// A county that nobody answers in, until it is raised to the prefecture.
async fn raised(codes: &[&str], directory: Arc<Directory>) -> World {
    let post = Post { at: BEGIN.plus_ms(1000), body: message("A", "alert", &[], "red", codes, 0) };
    let mut world = world(directory, vec![post], nobody());
    let mut s = 60;
    while callout(&world, "5333").is_none_or(|c| c.attempts.is_empty()) {
        s += 30;
        assert!(s < 3500, "nothing is raised");
        run_to(&mut world, s).await;
    }
    world
}

#[tokio::test]
async fn a_raise_that_a_cancel_overtakes_opens_nothing_above() {
    let (directory, codes) = villages();
    let alert = Post { at: BEGIN.plus_ms(1000), body: message("A", "alert", &[], "red", &[&codes[0]], 0) };
    let mut first = world(directory.clone(), vec![alert.clone()], nobody());
    // The raise as the county stores it, before the prefecture's callout takes it.
    let raise = loop {
        first.step().await;
        assert!(first.now < BEGIN.plus_ms(3_500_000), "nothing is raised");
        let inbox = first.journal().inbox(Vec::new(), 100).await.unwrap();
        if let Some(raise) = inbox.into_iter().find(|i| matches!(i.command, Command::Raise(_))) {
            break raise;
        }
    };
    // The same night, but the Cancel comes to the prefecture while that raise is still being stored.
    let cancel = Post { at: BEGIN.plus_ms(60_000), body: message("Z", "cancel", &["A"], "red", &[], 60) };
    let mut second = world(directory, vec![alert, cancel], nobody());
    run_to(&mut second, 90).await;
    assert!(callout(&second, "533324").is_some_and(|c| c.closed == Some(CloseReason::Cancelled)));
    let group = Group { posts: vec![raise], ..Group::default() };
    second.journal().commit(Batch { lease: None, groups: vec![group] }).await.unwrap();
    second.post_now(message("T", "alert", &[], "red", &[&codes[2]], 60)).await;
    run_to(&mut second, 120).await;
    assert!(second.journal().inbox(Vec::new(), 100).await.unwrap().is_empty(), "it was taken");
    let open: Vec<_> = second.gallery.all().iter().filter(|c| c.is_open()).map(|c| c.id.to_string()).collect();
    assert!(open.iter().all(|id| id.starts_with("533301-")), "{open:?}");
    assert!(callout(&second, "5333").is_some_and(|c| c.head.is_none() && c.attempts.is_empty()));
}

#[tokio::test]
async fn the_region_above_is_told_when_an_update_drops_what_had_gone_up() {
    let (directory, codes) = villages();
    let ground: Vec<_> = codes.iter().map(String::as_str).collect();
    let mut world = raised(&ground[..2], directory).await;
    let update = message("U", "update", &["A"], "red", &[ground[2]], 3000);
    world.post_now(update).await;
    let (above, county) = (callout(&world, "5333").unwrap(), callout(&world, "533324").unwrap());
    let target = above.targets.iter().find(|t| t.spec.id.as_str() == "533324").unwrap();
    assert!(matches!(target.phase, Phase::Released { .. } | Phase::Satisfied { .. }), "{:?}", target.phase);
    assert_eq!(county.raised, county.lowered);
}

#[tokio::test]
async fn one_act_retracts_a_false_alarm_everywhere_and_people_confirm_it() {
    let (directory, codes) = villages();
    let ground: Vec<_> = codes.iter().map(String::as_str).collect();
    let mut world = raised(&ground[..1], directory).await;
    let warning = WarningId::of(Status::Actual, SENDER, "A");
    let reached: BTreeMap<_, _> = world.gallery.all().iter().map(|c| (c.id.clone(), c.attempts.len())).collect();
    let retraction = Retraction { warning, operator: "李明".into(), reason: "误操作".into() };
    assert!(matches!(world.retract_now(retraction).await, Some(Retracted::Done(_))));
    for c in world.gallery.all().iter().filter(|c| c.head.is_some()) {
        assert_eq!(c.closed, Some(CloseReason::Retracted), "{}", c.id);
        let told = c.calls.iter().filter(|k| k.purpose == Purpose::Retracted).count();
        assert_eq!(told > 0, reached[&c.id] > 0, "{}", c.id);
        let silent = |k: &&jiaoying::model::Call| !k.purpose.is_notice() && k.is_running();
        assert_eq!(c.calls.iter().filter(silent).count(), 0);
    }
    let end = world.now.plus_ms(300_000);
    while world.next_at().is_some_and(|at| at < end) {
        world.step().await;
    }
    let county = callout(&world, "533324").unwrap();
    let stands = jiaoying::evidence::retraction(&county).unwrap();
    assert!(stands.told > 0 && stands.confirmed == 0, "nobody is there: {stands:?}");
    let link = world.last_link.clone().unwrap();
    let token = link.rsplit('/').next().unwrap().to_owned();
    let yes = jiaoying::runtime::Deed::Answer(jiaoying::model::Answer::Yes);
    assert!(world.tap_now(&token, yes).await, "the link of the call still leads there");
    let confirmed: u32 =
        world.gallery.all().iter().filter_map(|c| jiaoying::evidence::retraction(c)).map(|r| r.confirmed).sum();
    assert_eq!(confirmed, 1);
    assert_eq!(world.checks.violations, []);
}

#[tokio::test]
async fn a_retraction_is_confirmed_by_word_key_and_link() {
    let (directory, codes) = villages();
    let post = Post { at: BEGIN.plus_ms(1000), body: message("A", "alert", &[], "red", &[&codes[0]], 0) };
    let mut world = world(directory, vec![post], People::new(3));
    run_to(&mut world, 300).await;
    let warning = WarningId::of(Status::Actual, SENDER, "A");
    world.retract_now(Retraction { warning, operator: "李明".into(), reason: "误操作".into() }).await;
    run_to(&mut world, 900).await;
    let county = callout(&world, "533324").unwrap();
    let stands = jiaoying::evidence::retraction(&county).unwrap();
    assert!(stands.confirmed > 0, "those who answer messages answer this one: {stands:?}");
    assert_eq!(stands.told, stands.confirmed + stands.unconfirmed.len() as u32);
}
