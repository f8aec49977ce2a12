//! Which gateway takes what, on a virtual clock: turns by weight, priorities, carriers, regions, failures, locks, silence.

use jiaoying::dispatch::{
    Budgets, CarrierBudget, Dispatch, Grant, Lane, LaneSettings, Lock, Offer, Outcome, PersonBudget, Ported, Route,
    Told,
};
use jiaoying::model::{AttemptKey, CalloutId, Channel, Colour, GatewayId, Passed, SkipReason, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const SMS: Channel = Channel::Sms;

fn at(ms: i64) -> Timestamp {
    Timestamp(1_780_000_000_000_000).plus_ms(ms)
}

fn lane(id: &str, route: Route) -> Lane {
    Lane::new(LaneSettings { route, window: 1000, ..LaneSettings::unlimited(id, &[SMS]) })
}

fn plain() -> Route {
    Route::default()
}

fn two(a: Route, b: Route) -> Dispatch {
    Dispatch::new(vec![lane("a", a), lane("b", b)], Budgets::default())
}

fn offer(call: u32) -> Offer {
    Offer { callout: "533324-x".into(), ..super::dispatch::offer(Colour::Red, call) }
}

/// Offers one, and lets it be granted and answered at once.
fn one(d: &mut Dispatch, offer: Offer, now: Timestamp) -> Option<Grant> {
    d.offer(SMS, "+8619900000000", offer);
    let grant = d.grant(now)?;
    d.answered(&grant.gateway, SMS, false);
    Some(grant)
}

fn fail(d: &mut Dispatch, id: &str, times: usize, now: Timestamp) {
    for _ in 0..times {
        d.outcome(&id.into(), SMS, Outcome::Failed("down"), now);
    }
}

fn past(grant: &Grant) -> Vec<(&str, Passed)> {
    grant.routed.iter().flat_map(|r| r.past.iter().map(|(id, why)| (id.as_str(), *why))).collect()
}

#[test]
fn gateways_of_one_priority_take_turns_by_weight() {
    let mut d = two(Route { weight: 300, ..plain() }, plain());
    let went: String = (0..12).map(|i| one(&mut d, offer(i), at(0)).unwrap().gateway.to_string()).collect();
    assert_eq!(went, "aabaaabaaaba");
}

#[test]
fn a_lower_priority_takes_what_the_first_has_no_room_for_and_the_event_says_so() {
    let mut d = two(plain(), Route { priority: 2, ..plain() });
    let mut went = BTreeMap::<String, u32>::new();
    for i in 0..1010 {
        d.offer(SMS, "", offer(i));
        let grant = d.grant(at(0)).unwrap();
        let expected = if i < 1000 { vec![] } else { vec![("a", Passed::Busy)] };
        assert_eq!(past(&grant), expected, "{i}");
        *went.entry(grant.gateway.to_string()).or_default() += 1;
    }
    assert_eq!(went, BTreeMap::from([("a".into(), 1000), ("b".into(), 10)]));
}

#[test]
fn a_failed_try_goes_to_another_gateway_and_an_open_breaker_lets_one_probe_through() {
    let mut d = two(plain(), plain());
    let again = Offer { avoid: Some("a".into()), ..offer(1) };
    for _ in 0..5 {
        let grant = one(&mut d, again.clone(), at(0)).unwrap();
        assert_eq!((grant.gateway.as_str(), past(&grant)), ("b", vec![("a", Passed::Failed)]));
    }
    fail(&mut d, "a", 5, at(0));
    for i in 0..20 {
        let grant = one(&mut d, offer(i), at(999)).unwrap();
        assert_eq!((grant.gateway.as_str(), past(&grant)), ("b", vec![("a", Passed::Open)]));
    }
    d.offer(SMS, "", offer(100));
    let probe = d.grant(at(1000)).unwrap();
    assert!(probe.gateway.as_str() == "a" && probe.routed.as_ref().unwrap().probe, "{probe:?}");
    assert_eq!(one(&mut d, offer(101), at(1000)).unwrap().gateway.as_str(), "b", "one probe");
    d.outcome(&"a".into(), SMS, Outcome::Took, at(1100));
    d.answered(&"a".into(), SMS, false);
    let went: Vec<_> = (0..4).map(|i| one(&mut d, offer(200 + i), at(1100)).unwrap()).collect();
    assert!(went.iter().any(|g| g.gateway.as_str() == "a") && went.iter().all(|g| g.routed.is_none()), "{went:?}");
}

#[test]
fn when_all_are_open_calls_wait_for_the_next_probe_and_another_channel_is_called() {
    let mut d = two(plain(), plain());
    fail(&mut d, "a", 5, at(0));
    fail(&mut d, "b", 5, at(500));
    for call in 0..3 {
        d.offer(SMS, "", Offer { onward: call == 2, ..offer(call) });
    }
    assert_eq!(d.grant(at(600)), None);
    assert_eq!(d.next_grant_at(at(600)), Some(at(1000)), "it asks to be turned for the first probe");
    let grant = d.grant(at(1000)).unwrap();
    assert_eq!((grant.gateway.as_str(), grant.offer.call), ("a", 0));
    fail(&mut d, "a", 1, at(1000));
    d.answered(&"a".into(), SMS, false);
    assert_eq!(d.unserved(at(10_499)), []);
    let onward: Vec<_> = d.unserved(at(10_500)).into_iter().map(|(o, why)| (o.call, why)).collect();
    assert_eq!(onward, [(2, SkipReason::NoneWorks)], "what only this channel can reach waits for it");
    assert_eq!(d.grant(at(10_500)).unwrap().offer.call, 1);
}

#[test]
fn a_probe_that_was_not_sent_leaves_its_turn() {
    let mut d = two(plain(), plain());
    fail(&mut d, "a", 5, at(0));
    d.lock(&"b".into(), Some(Lock { by: "duty".into(), reason: "test".into(), at: at(0) }));
    d.offer(SMS, "", offer(1));
    d.offer(SMS, "", offer(2));
    let grant = d.grant(at(1000)).unwrap();
    assert_eq!(d.grant(at(1000)), None);
    d.give_back(&grant.gateway, SMS);
    assert_eq!(d.grant(at(1000)).unwrap().offer.call, 2);
}

#[test]
fn a_locked_gateway_takes_nothing_even_when_it_is_the_last() {
    let mut d = two(plain(), plain());
    let lock = || Some(Lock { by: "duty".into(), reason: "the vendor asks for it".into(), at: at(0) });
    assert!(d.lock(&"a".into(), lock()) && !d.lock(&"nobody".into(), lock()));
    let grant = one(&mut d, offer(1), at(0)).unwrap();
    assert_eq!((grant.gateway.as_str(), past(&grant)), ("b", vec![("a", Passed::Locked)]));
    d.lock(&"b".into(), lock());
    d.offer(SMS, "", offer(2));
    assert_eq!(d.grant(at(0)), None);
    let unserved: Vec<_> = d.unserved(at(0)).into_iter().map(|(o, why)| (o.call, why)).collect();
    assert_eq!(unserved, [(2, SkipReason::Locked)], "and the callout is told why");
    d.lock(&"a".into(), None);
    assert_eq!(one(&mut d, offer(3), at(0)).unwrap().gateway.as_str(), "a");
}

#[test]
fn carriers_regions_and_ported_numbers_choose_the_gateway() {
    let named = |name: &str, prefix: &str| CarrierBudget {
        name: name.into(),
        prefixes: vec![prefix.into()],
        rate_per_s: f64::INFINITY,
        burst: 1,
        yields_to: None,
    };
    let ported = HashMap::from([("+8613900000001".into(), "telecom".into())]);
    let budgets = Budgets {
        carriers: vec![named("mobile", "+86139"), named("telecom", "+86133")],
        person: PersonBudget::default(),
        ported: Ported(Arc::new(ported)),
        bundle_max: 0,
    };
    let of = |carrier: &str, region: &str| Route {
        carriers: [carrier].iter().filter(|c| !c.is_empty()).map(ToString::to_string).collect(),
        regions: [region].iter().filter(|r| !r.is_empty()).map(ToString::to_string).collect(),
        ..plain()
    };
    let lanes = vec![lane("mobile", of("mobile", "")), lane("telecom", of("telecom", "")), lane("far", of("", "5334"))];
    let mut d = Dispatch::new(lanes, budgets);
    let mut goes = |number: &str, callout: &str| {
        d.offer(SMS, number, Offer { callout: callout.into(), ..offer(1) });
        d.grant(at(0)).map(|g| g.gateway.to_string())
    };
    assert_eq!(goes("+8613900000000", "533324-x").as_deref(), Some("mobile"));
    assert_eq!(goes("+8613300000000", "533324-x").as_deref(), Some("telecom"));
    assert_eq!(goes("+8613900000001", "533324-x").as_deref(), Some("telecom"), "ported");
    assert_eq!(goes("+8618800000000", "533421-x").as_deref(), Some("far"));
    assert_eq!(goes("+8618800000000", "533324-x"), None);
    let unserved: Vec<_> = d.unserved(at(0)).into_iter().map(|(_, why)| why).collect();
    assert_eq!(unserved, [SkipReason::NoGateway]);
    assert!(!format!("{:?}", Ported(Arc::new(HashMap::from([("+8613".into(), "x".into())])))).contains("13"));
}

#[test]
fn a_gateway_that_takes_and_never_tells_stands_behind_and_is_tried_again() {
    let mut d = two(Route { silent_ms: Some(60_000), ..plain() }, plain());
    let (a, b): (GatewayId, GatewayId) = ("a".into(), "b".into());
    for i in 0..5 {
        d.outcome(&a, SMS, Outcome::Took, at(i));
        d.outcome(&b, SMS, Outcome::Took, at(i));
    }
    d.look(at(70_000));
    assert!(d.standings(at(0)).iter().all(|s| s.silent.is_empty()), "where nobody tells, silence says nothing");
    d.heard(&b, SMS, at(71_000));
    d.look(at(72_000));
    assert_eq!(d.standings(at(0))[0].silent, [SMS]);
    let grant = one(&mut d, offer(1), at(72_000)).unwrap();
    assert_eq!((grant.gateway.as_str(), past(&grant)), ("b", vec![("a", Passed::Silent)]));
    // Now and then one attempt finds out.
    let grant = one(&mut d, offer(2), at(102_000)).unwrap();
    assert!(grant.gateway == a && grant.routed.unwrap().probe);
    d.outcome(&a, SMS, Outcome::Took, at(102_000));
    assert_eq!(one(&mut d, offer(3), at(102_001)).unwrap().gateway, b);
    d.lock(&b, Some(Lock { by: "duty".into(), reason: "test".into(), at: at(0) }));
    assert_eq!(one(&mut d, offer(4), at(102_002)).unwrap().gateway, a, "better than none");
    d.heard(&a, SMS, at(102_003));
    assert!(d.standings(at(0))[0].silent.is_empty());
}

#[test]
fn delivered_without_answers_is_doubtful_beside_a_gateway_whose_people_answer() {
    let mut d = two(plain(), plain());
    let key = |i: u32| AttemptKey { callout: CalloutId::from("533324-x"), attempt: i };
    let mut deliver = |id: &str, from: u32, answers: u32| {
        for i in from..from + 60 {
            d.told(&id.into(), SMS, "", &key(i), Told::Delivered);
            d.told(&id.into(), SMS, "", &key(i), Told::Delivered);
        }
        (from..from + answers).for_each(|i| d.told(&id.into(), SMS, "", &key(i), Told::Answered));
    };
    deliver("a", 0, 6);
    deliver("b", 100, 30);
    d.look(at(0));
    let stands = d.standings(at(0));
    let tally = stands[0].truth[0].2;
    assert_eq!((tally.delivered, tally.answered, tally.percent()), (60, 6, Some(10)), "told twice counts once");
    assert_eq!((stands[0].doubtful, stands[0].weight), (true, (100, 25)));
    assert!(!stands[1].doubtful && stands[1].is_well() && !stands[0].is_well());
    // An answer may come before the receipt.
    d.told(&"a".into(), SMS, "", &key(300), Told::Answered);
    d.told(&"a".into(), SMS, "", &key(300), Told::Delivered);
    assert_eq!(d.standings(at(0))[0].truth[0].2.answered, 7);
}
