//! Dispatch on a virtual clock.

use jiaoying::dispatch::{Budgets, Dispatch, Grant, Lane, LaneSettings, Offer};
use jiaoying::model::{AttemptKey, CalloutId, Channel, Colour, SkipReason, TextKind, Timestamp};
use std::cmp::Reverse;

fn lane(id: &str, channels: &[Channel], rate_per_s: f64, burst: u32, window: usize, lines: usize) -> Lane {
    Lane::new(LaneSettings { rate_per_s, burst, window, lines, ..LaneSettings::unlimited(id, channels) })
}

fn drill_lane(id: &str, channels: &[Channel]) -> Lane {
    let settings = lane(id, channels, 100.0, 10, 10, 1).settings().clone();
    Lane::new(LaneSettings { drill: true, ..settings })
}

/// A short message to be sent, of the callout `c`.
pub fn offer(colour: Colour, call: u32) -> Offer {
    Offer {
        colour: Reverse(colour),
        step: 0,
        risk: Reverse(0),
        due: Timestamp(0),
        callout: "c".into(),
        call,
        track: 0,
        rung: 0,
        text: TextKind::Sms,
        avoid: None,
        onward: false,
        whom: 0,
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp(1_780_000_000_000_000).plus_ms(ms)
}

#[test]
fn red_goes_before_a_full_queue_of_blue() {
    let mut d = Dispatch::new(vec![lane("sms", &[Channel::Sms], 1.0, 1, 10, 0)], Budgets::default());
    for call in 0..1000 {
        d.offer(Channel::Sms, "", offer(Colour::Blue, call));
    }
    assert!(d.grant(at(0)).is_some() && d.grant(at(0)).is_none());
    d.offer(Channel::Sms, "", Offer { callout: "d".into(), ..offer(Colour::Red, 5000) });
    assert_eq!(d.grant(at(1001)).unwrap().offer.call, 5000);
}

#[test]
fn within_a_colour_no_callout_waits_behind_the_thousands_of_another() {
    let mut d = Dispatch::new(vec![lane("sms", &[Channel::Sms], 1000.0, 100, 10_000, 0)], Budgets::default());
    let of = |county: &str, colour, step, call| Offer { callout: county.into(), step, ..offer(colour, call) };
    for call in 0..2000 {
        d.offer(Channel::Sms, "", of("533324-a", Colour::Red, 0, call));
    }
    for _ in 0..50 {
        d.grant(at(0)).unwrap();
    }
    // The second county comes late, and with a later step.
    for call in 0..10 {
        d.offer(Channel::Sms, "", of("533323-b", Colour::Red, 1, call));
        d.offer(Channel::Sms, "", of("533322-c", Colour::Orange, 0, call));
    }
    let went: Vec<_> = (0..20).map(|_| d.grant(at(0)).unwrap().offer).collect();
    let counties: Vec<_> = went.iter().map(|o| &o.callout.as_str()[..6]).collect();
    assert_eq!(counties, ["533324", "533323"].repeat(10), "turn by turn, and orange waits");
    let calls: Vec<_> = went.iter().filter(|o| o.step == 0).map(|o| o.call).collect();
    assert_eq!(calls, (50..60).collect::<Vec<_>>(), "each callout in its own order");
    // Whoever comes back again and again does not jump the others' turn.
    d.offer(Channel::Sms, "", of("533323-b", Colour::Red, 0, 100));
    assert_eq!(d.grant(at(0)).unwrap().offer.callout.as_str(), "533324-a");
    assert_eq!(d.grant(at(0)).unwrap().offer.callout.as_str(), "533323-b");
}

#[test]
fn what_an_upgraded_callout_has_queued_is_as_urgent_as_its_new_colour() {
    let mut d = Dispatch::new(vec![lane("sms", &[Channel::Sms], 100.0, 10, 10, 0)], Budgets::default());
    let of = |county: &str, colour, call| Offer { callout: county.into(), ..offer(colour, call) };
    d.offer(Channel::Sms, "", of("533323-b", Colour::Orange, 1));
    d.offer(Channel::Sms, "", of("533324-a", Colour::Yellow, 2));
    d.recolour(&"533324-a".into(), Colour::Red);
    assert_eq!(d.grant(at(0)).unwrap().offer, of("533324-a", Colour::Red, 2));
    assert_eq!(d.grant(at(0)).unwrap().offer.call, 1);
    assert!(d.grant(at(0)).is_none(), "nothing is queued twice");
}

#[test]
fn rate_and_window_hold_on_a_virtual_clock() {
    let mut d = Dispatch::new(vec![lane("sms", &[Channel::Sms], 10.0, 5, 30, 0)], Budgets::default());
    for call in 0..200 {
        d.offer(Channel::Sms, "", offer(Colour::Blue, call));
    }
    let mut granted = 0;
    for ms in 0..=1000 {
        while d.grant(at(ms)).is_some() {
            granted += 1;
        }
    }
    assert!((14..=15).contains(&granted), "five at once, then ten a second: {granted}");
    assert!(d.next_grant_at(at(1000)).is_some_and(|next| next > at(1000) && next <= at(1101)));
    for ms in 1001..9000 {
        while d.grant(at(ms)).is_some() {
            granted += 1;
        }
    }
    assert_eq!(granted, 30, "the window is full");
    d.answered(&"sms".into(), Channel::Sms, false);
    assert!(d.grant(at(9001)).is_some());
}

#[test]
fn nothing_starves_while_a_lane_is_free() {
    let lanes = vec![
        lane("one", &[Channel::Sms], 1.0, 1, 10, 0),
        lane("two", &[Channel::Sms], 1.0, 1, 10, 0),
        lane("voice", &[Channel::Voice], 100.0, 10, 10, 1),
    ];
    let mut d = Dispatch::new(lanes, Budgets::default());
    for call in 0..10 {
        d.offer(Channel::Voice, "", offer(Colour::Red, call));
        d.offer(Channel::Sms, "", offer(Colour::Blue, call));
    }
    let mut went: Vec<String> = std::iter::from_fn(|| d.grant(at(0))).map(|g| g.gateway.to_string()).collect();
    went.sort();
    assert_eq!(went, ["one", "two", "voice"], "one line of voice, and both lanes of short messages");
}

#[test]
fn a_number_has_one_live_voice_call() {
    let mut d = Dispatch::new(vec![lane("voice", &[Channel::Voice], 100.0, 10, 10, 5)], Budgets::default());
    let key = |attempt| AttemptKey { callout: CalloutId::from("c"), attempt };
    d.offer(Channel::Voice, "", offer(Colour::Red, 1));
    d.offer(Channel::Voice, "", offer(Colour::Red, 2));
    let Grant { gateway, offer: first, .. } = d.grant(at(0)).unwrap();
    assert!(!d.waits_for_number("+861", &first));
    d.hold_number("+861", &key(1));
    let Grant { channel, offer: second, .. } = d.grant(at(0)).unwrap();
    assert!(d.waits_for_number("+861", &second));
    d.give_back(&gateway, channel);
    assert!(d.grant(at(0)).is_none(), "it waits for the number");
    d.answered(&gateway, Channel::Voice, true);
    d.ended(&gateway, &key(1));
    assert_eq!(d.grant(at(0)).unwrap().offer, second, "and comes back when the number is free");
}

#[test]
fn a_drill_and_the_real_thing_share_no_queue_and_no_lane() {
    let mut d = Dispatch::new(
        vec![lane("real", &[Channel::Sms], 100.0, 10, 10, 0), drill_lane("drill", &[Channel::Voice])],
        Budgets::default(),
    );
    let drill = |call| Offer { callout: "533324-drill-00".into(), ..offer(Colour::Red, call) };
    d.offer(Channel::Sms, "", drill(1));
    d.offer(Channel::Voice, "", offer(Colour::Red, 2));
    assert!(d.grant(at(0)).is_none(), "neither goes through the other's gateway");
    let mut unserved: Vec<_> = d.unserved(at(0)).into_iter().map(|(o, why)| (o.call, why)).collect();
    unserved.sort_unstable_by_key(|(call, _)| *call);
    assert_eq!(
        unserved,
        [(1, SkipReason::NoDrillGateway), (2, SkipReason::NoGateway)],
        "both are told that nothing serves them"
    );
    d.offer(Channel::Voice, "", drill(3));
    d.offer(Channel::Sms, "", offer(Colour::Blue, 4));
    let went: Vec<_> = std::iter::from_fn(|| d.grant(at(0))).map(|g| (g.gateway.to_string(), g.offer.call)).collect();
    assert_eq!(went, [("real".into(), 4), ("drill".into(), 3)], "blue and real goes before red and a drill");
}

#[test]
fn a_real_call_takes_the_number_that_a_drill_holds() {
    let real = lane("real", &[Channel::Voice], 100.0, 10, 10, 5);
    let mut d = Dispatch::new(vec![real, drill_lane("drill", &[Channel::Voice])], Budgets::default());
    let key = |callout: &str| AttemptKey { callout: callout.into(), attempt: 1 };
    let drill_offer = Offer { callout: "533324-drill-00".into(), ..offer(Colour::Red, 1) };
    assert_eq!(d.hold_number("+861", &key("533324-drill-00")), None);
    assert!(d.waits_for_number("+861", &drill_offer), "a second drill waits");
    assert!(!d.waits_for_number("+861", &offer(Colour::Blue, 2)), "a real one does not");
    assert_eq!(d.hold_number("+861", &key("533324-00")), Some(key("533324-drill-00")), "which is hung up");
    d.ended(&"drill".into(), &key("533324-drill-00"));
    assert!(d.grant(at(0)).is_none(), "the end of the drill's call frees nothing");
    assert!(d.waits_for_number("+861", &drill_offer), "a drill waits for the real one");
    d.ended(&"real".into(), &key("533324-00"));
    assert_eq!(d.grant(at(0)).unwrap().offer, drill_offer);
    // After a restart, whichever is read first.
    for order in [["533324-drill-00", "533324-00"], ["533324-00", "533324-drill-00"]] {
        let mut d = Dispatch::new(Vec::new(), Budgets::default());
        let hung_up: Vec<_> = order.iter().filter_map(|c| d.resume(&"real".into(), "+861", &key(c))).collect();
        assert_eq!(hung_up, [key("533324-drill-00")]);
        assert!(d.waits_for_number("+861", &drill_offer), "the real one has it");
    }
}
