//! Drills and the real thing side by side.

use super::*;

#[test]
fn a_bare_word_never_counts_across_a_drill_and_the_real_thing() {
    let mut c = Case::new(2);
    let drill = c.message_for(Status::Exercise, Colour::Red, "暴雨", MessageKind::Alert);
    c.now = c.now.plus_ms(1000);
    // Blue suspends nothing: both stay open.
    let real = c.message_for(Status::Actual, Colour::Blue, "大风", MessageKind::Alert);
    let from = c.number(&real);
    assert!(c.cell.callouts().filter(|callout| callout.is_open()).count() >= 2);
    let silent = |c: &Case, id: &CalloutId| {
        let callout = c.cell.callouts().find(|callout| callout.id == *id).unwrap();
        callout.calls.iter().flat_map(|call| &call.links).all(|l| l.answer.is_none())
    };
    let sms = c.sent.iter().find(|a| a.key.callout == drill && a.number == from && a.channel == Channel::Sms);
    let sms = sms.unwrap().clone();
    // Through the gateway of drills it is about the drill, also with the key of nothing else.
    assert!(
        c.text_through("drill", &real, &from, "收到", Some(AttemptKey { callout: real.clone(), attempt: 0 }))
            .is_empty()
    );
    assert!(silent(&c, &real) && !silent(&c, &drill));
    // A key that a real gateway names for a drill's attempt is passed over, and the word is the real one's.
    let events = c.text(&real, &from, "收到", Some(sms.key));
    assert!(answers(&events), "{events:?}");
    // What is told by a gateway of the other kind has no effect.
    let before = c.entries(&real).len();
    let key = AttemptKey { callout: real.clone(), attempt: 0 };
    let failed = Fact::Failed { failure: Failure::DeadNumber, detail: None };
    let now = c.now;
    c.cell.upcalls(&"drill".into(), vec![Upcall::Report { key, fact: failed, reported_at: None }], 2, now);
    c.settle();
    assert_eq!(c.entries(&real).len(), before);
}

#[test]
fn a_real_orange_ends_the_drill_on_its_ground_and_so_does_the_engine_that_comes_back() {
    let mut c = Case::new(2);
    let drill = c.message_for(Status::Exercise, Colour::Red, "暴雨", MessageKind::Alert);
    assert!(c.last(&drill, Purpose::CallOut, Channel::Sms).is_some());
    let real = c.message_for(Status::Actual, Colour::Orange, "暴雨", MessageKind::Alert);
    let ends = |c: &Case| {
        let by = c.entries(&drill).into_iter().find_map(|e| match e {
            Event::Closed { reason: CloseReason::Suspended, by, .. } => Some(by),
            _ => None,
        });
        assert_eq!(by.flatten().as_ref(), Some(&real));
    };
    ends(&c);
    let told = c.last(&drill, Purpose::Suspended, Channel::Sms).unwrap();
    assert!(told.drill && told.text.contains("真实预警") && is_marked(&told.text), "{}", told.text);
    let later = c.message_for(Status::Exercise, Colour::Red, "山洪", MessageKind::Alert);
    assert!(matches!(c.entries(&later).last(), Some(Event::CallSilenced { .. } | Event::Closed { .. })));
    assert!(c.sent.iter().all(|a| a.key.callout != later), "a drill that comes too late rings nobody");
    // A death between the warning and the end of the drill: two timelines that know nothing of each other.
    let (a, b) = (Case::new(2), Case::new(2));
    let (mut a, mut b) = (a, b);
    assert_eq!(a.message_for(Status::Exercise, Colour::Red, "暴雨", MessageKind::Alert), drill);
    assert_eq!(b.message_for(Status::Actual, Colour::Orange, "暴雨", MessageKind::Alert), real);
    for id in [&drill, &real] {
        for order in [[&drill, &real], [&real, &drill]] {
            let mut back = Case::new(2);
            for (from, id) in [(&a, &drill), (&b, &real)] {
                let records = from.journal.read(id.stream(), 0, 1000).now_or_never().unwrap().unwrap();
                let group = Group { records, ..Group::default() };
                let stored = back.journal.commit(Batch { lease: None, groups: vec![group] }).now_or_never().unwrap();
                assert_eq!(stored.unwrap(), [Ok(())]);
            }
            back.cell.recover_all(order.map(Clone::clone));
            back.settle();
            ends(&back);
            assert!(back.entries(id).len() > 1);
        }
    }
}
