//! The parts of the program, each alone: `cargo bench --bench parts`.
//!
//! A county of 1,000 grids under the plan that ships; times are those of one call of what the name says.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiaoying::directory::{Directory, sample};
use jiaoying::dispatch::{Budgets, Dispatch, Lane, LaneSettings, Offer};
use jiaoying::engine::{decide, replay};
use jiaoying::intake::formats::parse;
use jiaoying::journal::{Record, verify_chain};
use jiaoying::model::{
    Area, Callout, CalloutId, Channel, Colour, Command, ContactRef, Digest, Entry, Fact, Order, PhrasingWish, Point,
    RegionCode, Release, SecretKey, Stage, TextKind, Timestamp,
};
use jiaoying::plan::orders;
use jiaoying::runtime::ReplyBook;
use jiaoying::sim::{built_in_plans, message_json};
use std::cmp::Reverse;
use std::hint::black_box;

const NOW: Timestamp = Timestamp(1_782_850_680_000_000);
const COUNTY: &str = "530102";
const GRIDS: usize = 1000;

fn key() -> SecretKey {
    SecretKey::new([7; 32])
}

fn directory() -> Directory {
    let province = RegionCode::parse("53").expect("a code");
    sample(&province, 1, &key()).build(1).expect("a sample is whole")
}

/// The order of a red warning for a prefecture's county, cut to so many grids.
fn order(directory: &Directory) -> (CalloutId, Order) {
    let plans = built_in_plans().expect("shipped plans are whole");
    let body = message_json("A1", "alert", &[], ("暴雨", "red"), &["53"], (NOW, NOW.plus_ms(36_000_000)));
    let message = parse(&body).message.expect("a message");
    let (warning, cover) = (message.warning_id(), directory.cover(&message.areas));
    let all = orders(directory, &plans, &message, &warning, &cover, NOW);
    let mut all: Vec<Order> = all.into_values().collect();
    all.sort_by_key(|order| Reverse(order.ground.len()));
    let mut order = all.swap_remove(0);
    // No county has so many: the largest takes its neighbours' grids in.
    order.ground.extend(all.into_iter().flat_map(|other| other.ground).take(GRIDS));
    order.ground.truncate(GRIDS);
    (CalloutId::of(&order.region, &warning), order)
}

fn opened(id: &CalloutId, order: &Order) -> (Callout, Vec<Entry>) {
    let mut callout = Callout::new(id.clone());
    let entries = decide(&mut callout, &Command::Apply(Box::new(order.clone())), NOW);
    (callout, entries)
}

/// A timeline of at least so many events: every call is released and told of.
fn timeline(directory: &Directory, events: usize) -> (CalloutId, Vec<Entry>) {
    let (id, order) = order(directory);
    let (mut callout, mut entries) = opened(&id, &order);
    let mut now = NOW;
    while entries.len() < events {
        now = now.plus_ms(60_000);
        entries.extend(decide(&mut callout, &Command::Tick, now));
        let due: Vec<_> = callout.agenda.rungs.iter().take_while(|(due, ..)| *due <= now).copied().collect();
        for (_, call, track) in due {
            let rung = callout.calls[call as usize].tracks[usize::from(track)].next;
            let Some((channel, _)) =
                callout.calls[call as usize].tracks[usize::from(track)].rungs.get(usize::from(rung))
            else {
                continue;
            };
            let person = callout.people[callout.calls[call as usize].person as usize].clone();
            let contact = ContactRef { contact: format!("{person}.0").into(), version: 1 };
            let release = Release {
                call,
                track,
                rung,
                channel: *channel,
                gateway: "sink".into(),
                contact,
                code: None,
                phrasing: PhrasingWish::default(),
                routed: None,
                bundle: Vec::new(),
            };
            let attempt = callout.attempts.len() as u32;
            entries.extend(decide(&mut callout, &Command::Release(release), now));
            for stage in [Stage::Submitted, Stage::Delivered] {
                let fact = Fact::Reached { stage, reference: None };
                entries.extend(decide(
                    &mut callout,
                    &Command::Report { attempt, fact, reported_at: None, elsewhere: false },
                    now,
                ));
            }
        }
    }
    entries.truncate(events);
    (id, entries)
}

fn engine(c: &mut Criterion) {
    let directory = directory();
    let (id, order) = order(&directory);
    let command = Command::Apply(Box::new(order));
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(GRIDS as u64)).sample_size(20);
    group.bench_function("decide an order for 1,000 grids", |b| {
        b.iter_batched_ref(
            || Callout::new(id.clone()),
            |callout| black_box(decide(callout, &command, NOW)).len(),
            BatchSize::LargeInput,
        );
    });
    let (id, entries) = timeline(&directory, 10_000);
    group.throughput(Throughput::Elements(entries.len() as u64));
    group.bench_function("replay 10,000 events", |b| b.iter(|| black_box(replay(id.clone(), &entries)).seq));
    group.finish();
}

fn journal(c: &mut Criterion) {
    let (id, entries) = timeline(&directory(), 10_000);
    let stream = id.stream();
    let chain = || Record::chain(&stream, 0, Digest::default(), NOW, &entries).expect("events always write");
    let mut group = c.benchmark_group("journal");
    group.throughput(Throughput::Elements(entries.len() as u64)).sample_size(20);
    group.bench_function("chain records of 10,000 events", |b| b.iter(|| black_box(chain()).len()));
    let records = chain();
    group.bench_function("verify records of 10,000 events", |b| b.iter(|| verify_chain(black_box(&records))));
    group.finish();
}

fn dispatch(c: &mut Criterion) {
    let offer = |callout: u32, call: u32| Offer {
        colour: Reverse(if callout.is_multiple_of(7) { Colour::Red } else { Colour::Blue }),
        step: (call % 3) as u8,
        risk: Reverse((call % 5) as u8),
        due: NOW,
        callout: format!("{}-{callout:016x}", 530_100 + callout).as_str().into(),
        call,
        track: 0,
        rung: 0,
        text: TextKind::Sms,
        avoid: None,
        onward: false,
        whom: (u64::from(call) << 32) + u64::from(callout) + 1,
    };
    let offers: Vec<(String, Offer)> =
        (0..10_000).map(|i| (format!("+86199{i:08}"), offer(i % 100, i / 100))).collect();
    let lane = || Lane::new(LaneSettings::unlimited("sink", &[Channel::Sms]));
    let mut group = c.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(offers.len() as u64)).sample_size(20);
    group.bench_function("offer and grant 10,000 calls of 100 callouts", |b| {
        b.iter_batched(
            || (Dispatch::new(vec![lane()], Budgets { bundle_max: 3, ..Budgets::default() }), offers.clone()),
            |(mut dispatch, offers)| {
                for (number, offer) in offers {
                    dispatch.offer(Channel::Sms, &number, offer);
                }
                let granted = std::iter::from_fn(|| dispatch.grant(NOW)).count();
                assert_eq!(granted, 10_000, "everything is granted");
                dispatch
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn replies(c: &mut Criterion) {
    let calls: Vec<_> = (0..1000_u32)
        .map(|i| (format!("+86199{i:08}"), (CalloutId::from(format!("{COUNTY}-{:016x}", 1)), i)))
        .collect();
    let mut group = c.benchmark_group("replies");
    group.throughput(Throughput::Elements(calls.len() as u64));
    group.bench_function("code, link and entry of 1,000 calls", |b| {
        b.iter_batched_ref(
            || ReplyBook::new(&key(), 3),
            |book| {
                for (number, call) in &calls {
                    let code = book.code(number, call);
                    book.register(number, call, Some(&code));
                    black_box(book.link(call));
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn intake(c: &mut Criterion) {
    let documents: [(&str, &[u8]); 3] = [
        ("JSON", include_bytes!("../tests/data/message-alert-red.json")),
        ("CAP", include_bytes!("../tests/data/cap12-alert-red.xml")),
        ("national", include_bytes!("../tests/data/formats/national/update-red.xml")),
    ];
    let mut group = c.benchmark_group("intake");
    for (name, bytes) in documents {
        assert!(parse(bytes).message.is_some(), "{name} is read");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("parse {name}"), |b| b.iter(|| parse(black_box(bytes))));
    }
    group.finish();
    let directory = directory();
    let code = RegionCode::parse(COUNTY).expect("a code");
    let by_code = [Area { codes: vec![code], ..Area::default() }];
    let corner = |lat, lon| Point { lat, lon };
    let ring = vec![corner(24.0, 100.0), corner(24.0, 103.0), corner(26.0, 101.5), corner(24.0, 100.0)];
    let by_shape = [Area { polygons: vec![ring], ..Area::default() }];
    let mut group = c.benchmark_group("cover");
    group.throughput(Throughput::Elements(directory.targets().len() as u64));
    group.bench_function("by a county's code", |b| b.iter(|| directory.cover(black_box(&by_code))));
    group.bench_function("by a polygon", |b| b.iter(|| directory.cover(black_box(&by_shape))));
    group.finish();
}

criterion_group!(parts, engine, journal, dispatch, replies, intake);
criterion_main!(parts);
