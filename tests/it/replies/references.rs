//! What a gateway knows of an attempt beside its key: receipts by reference, words by the extension of the number.

use super::*;

#[test]
fn a_receipt_moves_the_attempt_that_its_reference_names_also_after_a_restart() {
    let mut c = Case::new(2);
    c.refers = true;
    let id = c.message("暴雨", MessageKind::Alert);
    let key = c.sent.iter().find(|a| a.key.callout == id && a.channel == Channel::Sms).unwrap().key.clone();
    let reported = |events: &[Event], fact: &Fact| {
        events.iter().any(|e| match e {
            Event::AttemptReported { attempt, fact: told, .. } => *attempt == key.attempt && told == fact,
            _ => false,
        })
    };
    let events = c.told("gw", &id, receipt(reference(&key), arrived()));
    assert!(reported(&events, &arrived()), "{events:?}");
    assert!(c.told("gw", &id, receipt(reference(&key), arrived())).is_empty(), "told once");
    let mut back = c.restarted(&id);
    let failed = Fact::Failed { failure: Failure::Undelivered, detail: None };
    let events = back.told("gw", &id, receipt(reference(&key), failed.clone()));
    assert!(reported(&events, &failed), "{events:?}");
}

#[test]
fn a_receipt_whose_reference_is_not_known_or_anothers_has_no_effect() {
    let mut c = Case::new(2);
    c.refers = true;
    let id = c.message("暴雨", MessageKind::Alert);
    let known = c.sent.iter().find(|a| a.key.callout == id).unwrap().key.clone();
    assert!(c.told("gw", &id, receipt("r-never".into(), arrived())).is_empty());
    assert!(c.told("drill", &id, receipt(reference(&known), arrived())).is_empty(), "another gateway's reference");
    assert!(c.told("nobody", &id, receipt(reference(&known), arrived())).is_empty());
    assert!(!c.told("gw", &id, receipt(reference(&known), arrived())).is_empty());
}

#[test]
fn a_bare_word_answers_the_call_whose_code_is_the_extension() {
    let mut c = Case::new(2);
    let rain = c.message("暴雨", MessageKind::Alert);
    c.now = c.now.plus_ms(1000);
    let wind = c.message("大风", MessageKind::Alert);
    let from = c.number(&rain);
    let (of_rain, of_wind) = (c.code(&rain, &from), c.code(&wind, &from));
    let events = c.text_to("gw", &rain, &from, "收到", &of_rain);
    assert!(answers(&events), "{events:?}");
    assert!(c.is_silent(&wind), "and no other");
    // Words that are no answer stay none.
    let events = c.text_to("gw", &wind, &from, "谢谢", &of_wind);
    assert_eq!(noted(&events), Some(NoteReason::Nonsense));
    // Behind a number that is nobody's code a word is a bare one: an answer or noted, never lost.
    let events = c.text_to("gw", &wind, &from, "收到", "9999");
    assert!(!c.is_silent(&wind) || noted(&events).is_some(), "{events:?}");
}

#[test]
fn the_extension_of_a_drill_never_answers_the_real_thing_nor_the_reverse() {
    let mut c = Case::new(2);
    let drill = c.message_for(Status::Exercise, Colour::Red, "暴雨", MessageKind::Alert);
    c.now = c.now.plus_ms(1000);
    let real = c.message_for(Status::Actual, Colour::Blue, "大风", MessageKind::Alert);
    let from = c.number(&real);
    let (of_drill, of_real) = (c.code(&drill, &from), c.code(&real, &from));
    // Through the gateway of drills, sent behind the code of the real call: it is about the drill.
    c.text_to("drill", &drill, &from, "收到", &of_real);
    assert!(c.is_silent(&real) && !c.is_silent(&drill));
    let mut c = Case::new(2);
    let drill = c.message_for(Status::Exercise, Colour::Red, "暴雨", MessageKind::Alert);
    c.now = c.now.plus_ms(1000);
    let real = c.message_for(Status::Actual, Colour::Blue, "大风", MessageKind::Alert);
    c.text_to("gw", &real, &from, "收到", &of_drill);
    assert!(c.is_silent(&drill) && !c.is_silent(&real));
}
