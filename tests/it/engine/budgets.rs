//! Budgets of carriers and persons: they hold back, they yield where they may, and they drop nothing.

use jiaoying::dispatch::{Budgets, CarrierBudget, Dispatch, Lane, LaneSettings, Offer, PersonBudget, Route};
use jiaoying::model::{AttemptKey, Channel, Colour, PersonId, TextKind, Timestamp};
use std::cmp::Reverse;

const MOBILE: &str = "+8613912345678";

fn at(ms: i64) -> Timestamp {
    Timestamp(1_780_000_000_000_000).plus_ms(ms)
}

fn dispatch(carriers: Vec<CarrierBudget>, person: PersonBudget) -> Dispatch {
    let lane = LaneSettings {
        id: "sms".into(),
        channels: vec![Channel::Sms],
        drill: false,
        rate_per_s: 1000.0,
        burst: 1000,
        window: 10_000,
        lines: 0,
        templates: Vec::new(),
        route: Route::default(),
    };
    Dispatch::new(vec![Lane::new(lane)], Budgets { carriers, person, ..Budgets::default() })
}

fn carrier(name: &str, prefix: &str, yields_to: Option<Colour>) -> CarrierBudget {
    CarrierBudget { name: name.into(), prefixes: vec![prefix.into()], rate_per_s: 1.0, burst: 2, yields_to }
}

fn offer(colour: Colour, call: u32) -> Offer {
    Offer {
        colour: Reverse(colour),
        step: 0,
        risk: Reverse(0),
        due: Timestamp(0),
        callout: format!("533324-{colour:?}").into(),
        call,
        track: 0,
        rung: 0,
        text: TextKind::Sms,
        avoid: None,
        onward: false,
        whom: 0,
    }
}

fn granted(d: &mut Dispatch, now: Timestamp) -> Vec<u32> {
    std::iter::from_fn(|| d.grant(now)).map(|g| g.offer.call).collect()
}

#[test]
fn a_contract_holds_red_back_and_loses_nothing() {
    let mut d = dispatch(vec![carrier("mobile", "+86139", None)], PersonBudget::default());
    for call in 0..10 {
        d.offer(Channel::Sms, MOBILE, offer(Colour::Red, call));
    }
    d.offer(Channel::Sms, "+8613000000000", offer(Colour::Blue, 100));
    assert_eq!(granted(&mut d, at(0)), [100], "other numbers are not held up, and a new engine begins empty");
    assert_eq!(d.limited(at(0)), [("mobile".to_owned(), 10), ("person".to_owned(), 0)]);
    assert_eq!(d.next_grant_at(at(0)), Some(at(1000)), "it asks to be turned when the budget has room");
    let red = d.forecast(at(0));
    let part = &red[0].parts[0];
    assert_eq!((part.waiting, part.limited_by.as_deref()), (10, Some("mobile")), "the forecast says why");
    assert_eq!(part.done_at, Some(at(10_000)), "and counts it: one a second");
    let mut went = Vec::new();
    for second in 1..=10 {
        let now = granted(&mut d, at(second * 1000));
        assert_eq!(now.len(), 1, "second {second}");
        went.extend(now);
    }
    assert_eq!(went, (0..10).collect::<Vec<_>>(), "all of them, in their order");
}

#[test]
fn a_budget_yields_to_the_colour_that_it_names() {
    let mut d = dispatch(vec![carrier("mobile", "+86", Some(Colour::Orange))], PersonBudget::default());
    for (call, colour) in [Colour::Yellow, Colour::Red, Colour::Orange].into_iter().enumerate() {
        for n in 0..4 {
            d.offer(Channel::Sms, MOBILE, offer(colour, call as u32 * 10 + n));
        }
    }
    assert_eq!(granted(&mut d, at(0)), [10, 11, 12, 13, 20, 21, 22, 23], "red and orange exceed it");
    assert_eq!(granted(&mut d, at(999)), [0; 0], "yellow waits for what they took");
    assert_eq!(granted(&mut d, at(1000)), [0]);
}

#[test]
fn the_longest_beginning_tells_the_carrier() {
    let budgets = vec![carrier("all", "+86", None), carrier("mobile", "+86139", None)];
    let mut d = dispatch(budgets, PersonBudget::default());
    assert_eq!(granted(&mut d, at(0)), [0; 0]);
    d.offer(Channel::Sms, MOBILE, offer(Colour::Red, 1));
    d.offer(Channel::Sms, "+8613000000000", offer(Colour::Red, 2));
    let mut went = granted(&mut d, at(1000));
    went.sort_unstable();
    assert_eq!(went, [1, 2], "each has a budget of its own");
}

#[test]
fn a_person_is_called_so_often_in_an_hour_over_all_callouts() {
    let person = PersonBudget { per_hour: Some(2), per_day: None, yields_to: Some(Colour::Red) };
    let mut d = dispatch(Vec::new(), person);
    let who = PersonId::from("p1");
    let key = |callout: &str, attempt| AttemptKey { callout: callout.into(), attempt };
    let yellow = offer(Colour::Yellow, 1);
    let way = (Channel::Sms, MOBILE);
    d.called(&who, &key("533324-a", 0), at(0), at(0));
    d.called(&who, &key("533324-a", 0), at(0), at(0));
    assert!(!d.waits_for_person(&who, way, &yellow, at(1)), "told twice is called once");
    d.called(&who, &key("533324-b", 0), at(60_000), at(60_000));
    d.called(&who, &key("533324-drill-c", 0), at(60_000), at(60_000));
    assert!(!d.waits_for_person(&who, way, &offer(Colour::Red, 2), at(61_000)), "red exceeds it");
    assert!(d.waits_for_person(&who, way, &yellow, at(61_000)));
    assert_eq!(d.limited(at(61_000)), [("person".to_owned(), 1)]);
    let forecast = &d.forecast(at(61_000))[0].parts[0];
    assert_eq!((forecast.limited_by.as_deref(), forecast.done_at), (Some("person"), Some(at(3_600_000))));
    assert_eq!(granted(&mut d, at(3_599_999)), [0; 0]);
    assert_eq!(d.next_grant_at(at(3_599_999)), Some(at(3_600_000)));
    assert_eq!(granted(&mut d, at(3_600_000)), [1], "an hour after the first of the two");
    d.not_called(&who, &key("533324-b", 0), at(60_000));
    d.called(&who, &key("533324-a", 1), at(3_600_000), at(3_600_000));
    assert!(!d.waits_for_person(&who, way, &yellow, at(3_600_001)), "what never arrived does not count");
    // A callout that becomes red is judged anew.
    d.called(&who, &key("533324-a", 2), at(3_600_002), at(3_600_002));
    assert!(d.waits_for_person(&who, way, &yellow, at(3_600_003)));
    d.recolour(&yellow.callout, Colour::Red);
    assert_eq!(granted(&mut d, at(3_600_004)), [1]);
}
