//! What waits for one person at the same time is granted together, within a colour.

use jiaoying::dispatch::{Budgets, Dispatch, Grant, Lane, LaneSettings, Offer, Route};
use jiaoying::model::{AttemptKey, Channel, Colour, Template, TextKind, Timestamp};
use std::cmp::Reverse;

const NUMBER: &str = "+8613912345678";

fn lane(id: &str, channel: Channel, drill: bool) -> LaneSettings {
    LaneSettings {
        id: id.into(),
        channels: vec![channel],
        drill,
        rate_per_s: 1000.0,
        burst: 1000,
        window: 100,
        lines: 100,
        templates: Vec::new(),
        route: Route::default(),
    }
}

fn dispatch(lanes: Vec<LaneSettings>, bundle_max: usize) -> Dispatch {
    Dispatch::new(lanes.into_iter().map(Lane::new).collect(), Budgets { bundle_max, ..Budgets::default() })
}

fn offer(callout: &str, whom: u64) -> Offer {
    Offer {
        colour: Reverse(Colour::Red),
        step: 0,
        risk: Reverse(0),
        due: Timestamp(0),
        call: 0,
        track: 0,
        rung: 0,
        text: TextKind::Sms,
        avoid: None,
        onward: false,
        whom,
        callout: callout.into(),
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp(1_780_000_000_000_000).plus_ms(ms)
}

/// The callouts of each grant, the leader's first.
fn granted(d: &mut Dispatch) -> Vec<Vec<String>> {
    let names = |g: Grant| std::iter::once(g.offer).chain(g.with).map(|o| o.callout.to_string()).collect();
    std::iter::from_fn(|| d.grant(at(0))).map(names).collect()
}

#[test]
fn what_waits_for_one_person_goes_together_on_one_place_in_the_window() {
    let mut d = dispatch(vec![lane("sms", Channel::Sms, false)], 3);
    for (callout, whom) in [("a", 7), ("b", 8), ("c", 7), ("d", 0), ("e", 0)] {
        d.offer(Channel::Sms, NUMBER, offer(callout, whom));
    }
    assert_eq!(granted(&mut d), [vec!["a", "c"], vec!["b"], vec!["d"], vec!["e"]]);
    let (lane, waiting) = d.lanes().next().unwrap();
    assert_eq!((lane.state().in_flight, waiting), (4, 0), "two warnings, one message");
}

#[test]
fn no_more_than_the_configured_number_goes_together_and_one_switches_it_off() {
    for (most, expected) in [(0, vec![1; 5]), (1, vec![1; 5]), (2, vec![2, 2, 1]), (3, vec![3, 2]), (10, vec![5])] {
        let mut d = dispatch(vec![lane("sms", Channel::Sms, false)], most);
        for callout in ["a", "b", "c", "d", "e"] {
            d.offer(Channel::Sms, NUMBER, offer(callout, 7));
        }
        let sizes: Vec<_> = granted(&mut d).iter().map(Vec::len).collect();
        assert_eq!(sizes, expected, "at most {most}");
    }
}

#[test]
fn colours_drills_texts_and_channels_stay_apart() {
    let lanes = vec![
        lane("sms", Channel::Sms, false),
        lane("voice", Channel::Voice, false),
        lane("drill", Channel::Sms, true),
        lane("speaker", Channel::Broadcast, false),
    ];
    let mut d = dispatch(lanes, 3);
    let orange = Offer { colour: Reverse(Colour::Orange), ..offer("b", 7) };
    let update = Offer { text: TextKind::Updated, ..offer("c", 7) };
    for other in [offer("a", 7), orange, update, offer("533324-drill-d", 7)] {
        let channel = Channel::Sms;
        d.offer(channel, NUMBER, other);
    }
    d.offer(Channel::Voice, NUMBER, Offer { text: TextKind::Voice, ..offer("e", 7) });
    for speaker in ["f", "g"] {
        d.offer(Channel::Broadcast, NUMBER, Offer { text: TextKind::Broadcast, ..offer(speaker, 7) });
    }
    let all = granted(&mut d);
    assert_eq!((all.len(), all.iter().flatten().count()), (7, 7), "{all:?}");
}

#[test]
fn a_callout_that_changes_its_colour_goes_with_those_of_the_new_one() {
    let mut d = dispatch(vec![lane("sms", Channel::Sms, false)], 3);
    d.offer(Channel::Sms, NUMBER, offer("a", 7));
    d.offer(Channel::Sms, NUMBER, Offer { colour: Reverse(Colour::Orange), ..offer("b", 7) });
    d.recolour(&"b".into(), Colour::Red);
    assert_eq!(granted(&mut d), [["a", "b"]]);
}

#[test]
fn a_gateway_with_registered_templates_sends_one_warning_at_a_time() {
    let template = Template {
        id: "T".into(),
        purpose: TextKind::Sms,
        language: None,
        sign: String::new(),
        text: String::new(),
        parameters: Vec::new(),
    };
    let mut d = dispatch(vec![LaneSettings { templates: vec![template], ..lane("sms", Channel::Sms, false) }], 3);
    d.offer(Channel::Sms, NUMBER, offer("a", 7));
    d.offer(Channel::Sms, NUMBER, offer("b", 7));
    assert_eq!(granted(&mut d), [["a"], ["b"]]);
}

#[test]
fn what_was_taken_back_goes_with_nobody_and_a_callout_is_named_once() {
    let mut d = dispatch(vec![lane("sms", Channel::Sms, false)], 10);
    for callout in ["a", "b", "c", "d"] {
        d.offer(Channel::Sms, NUMBER, offer(callout, 7));
    }
    d.withdraw(&"b".into());
    d.withdraw_call(&"c".into(), 0);
    // Another call of the same callout waits for a message of its own.
    d.offer(Channel::Sms, NUMBER, Offer { call: 1, ..offer("a", 7) });
    d.offer(Channel::Sms, NUMBER, Offer { call: 1, ..offer("d", 7) });
    assert_eq!(granted(&mut d), [["a", "d"], ["d", "a"]], "each in its turn");
    assert!(d.grant(at(0)).is_none());
}

#[test]
fn what_waited_for_the_number_comes_back_together() {
    let mut d = dispatch(vec![lane("voice", Channel::Voice, false)], 3);
    let voice = |callout| Offer { text: TextKind::Voice, ..offer(callout, 7) };
    d.offer(Channel::Voice, NUMBER, voice("a"));
    let first = d.grant(at(0)).unwrap();
    let key = AttemptKey { callout: first.offer.callout, attempt: 0 };
    d.hold_number(NUMBER, &key);
    for callout in ["b", "c"] {
        d.offer(Channel::Voice, NUMBER, voice(callout));
    }
    let second = d.grant(at(0)).unwrap();
    for offer in [&second.offer, &second.with[0]] {
        assert!(d.waits_for_number(NUMBER, offer));
    }
    d.give_back(&second.gateway, Channel::Voice);
    d.answered(&"voice".into(), Channel::Voice, true);
    d.ended(&"voice".into(), &key);
    assert_eq!(granted(&mut d), [["b", "c"]]);
    assert_eq!(d.lanes().next().unwrap().0.state().lines_used, 1);
}
