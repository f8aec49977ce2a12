//! What is open for somebody who calls back, and what becomes of the key.

use super::*;
use jiaoying::gateway::OpenCall;

fn ways(c: &Case, id: &CalloutId) -> Vec<(AnswerWay, Option<AttemptIx>)> {
    let answered = c.entries(id).into_iter().filter_map(|e| match e {
        Event::Answered { way, attempt, .. } => Some((way, attempt)),
        _ => None,
    });
    answered.collect()
}

/// What is open for a number, at a gateway.
fn open(c: &Case, gateway: &str, number: &str) -> Vec<OpenCall> {
    c.cell.open_for(&gateway.into(), number)
}

fn call_back(c: &mut Case, key: &AttemptKey, digits: &str) -> Vec<String> {
    c.now = c.now.plus_ms(1_000);
    let upcall = Upcall::CalledBack { key: key.clone(), digits: digits.into(), reported_at: None };
    c.cell.upcalls(&"gw".into(), vec![upcall], 9, c.now);
    c.settle(true);
    c.done.last().unwrap().1.clone()
}

#[test]
fn who_calls_back_hears_what_a_voice_call_says_and_the_key_counts_as_a_call_back() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    let (_, out) = c.phrased(&id, Channel::Voice).remove(0);
    let open_now = open(&c, "gw", &out.number);
    let [call] = &open_now[..] else { panic!("{open_now:?}") };
    assert_eq!(Some(&call.speech), out.speech.as_ref(), "the same words as the call that goes out");
    assert_eq!(call.language, "zh-CN");
    assert!(open(&c, "gw", "+8613000000000").is_empty(), "a stranger");
    assert!(open(&c, "elsewhere", &out.number).len() == 1 && open(&c, "drill", &out.number).len() == 1);
    assert_eq!(call_back(&mut c, &call.key, "7"), ["按键无效，请重新按键。"]);
    let read = call_back(&mut c, &call.key, "1").remove(0);
    assert!(read.starts_with("已记录：") && read.contains("确认收到"), "{read}");
    assert_eq!(ways(&c, &id), [(AnswerWay::CallBack, Some(call.key.attempt))]);
    let noted = c.entries(&id).into_iter().any(|e| matches!(e, Event::ReplyNoted { way: AnswerWay::CallBack, .. }));
    assert!(noted, "the key that means nothing is kept too");
    assert!(open(&c, "gw", &out.number).is_empty(), "answered");
    // The call that goes out to the same person is hung up: it brought no answer itself.
    let callout = c.cell.callouts().find(|x| x.id == id).unwrap();
    assert!(!callout.attempts[call.key.attempt as usize].answered);
}

#[test]
fn who_was_written_to_in_a_language_without_spoken_words_hears_chinese() {
    let heard = |texts: &str| {
        let mut c = Case::with(vec![lane("gw", &[Channel::Sms], Vec::new())], "bo", texts);
        let id = c.message(Status::Actual, MessageKind::Alert);
        let (_, out) = c.phrased(&id, Channel::Sms).remove(0);
        assert_eq!(out.language, "bo");
        open(&c, "gw", &out.number).remove(0)
    };
    let written = heard(&TIBETAN.replace("voice_recording = \"bo.wav\"\n", ""));
    assert_eq!((written.language.as_str(), written.speech.recording), ("zh-CN", None));
    assert!(written.speech.text.contains("红色"), "{}", written.speech.text);
    let recorded = heard(TIBETAN);
    assert_eq!((recorded.language.as_str(), recorded.speech.recording.as_deref()), ("bo", Some("bo.wav")));
}

#[test]
fn what_is_over_is_not_open_and_a_late_key_is_told_not_to_count() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "zh-CN");
    let id = c.message(Status::Actual, MessageKind::Alert);
    let (_, out) = c.phrased(&id, Channel::Sms).remove(0);
    let [call] = &open(&c, "gw", &out.number)[..] else { panic!() };
    assert!(!call.speech.text.contains('#'), "spoken words, though a short message was sent: {}", call.speech.text);
    c.message(Status::Actual, MessageKind::Cancel);
    assert!(open(&c, "gw", &out.number).is_empty(), "it is over");
    let late = call_back(&mut c, &out.key, "1").remove(0);
    assert!(late.contains("没有计入"), "{late}");
}

#[test]
fn a_gateway_for_drills_knows_of_drills_only() {
    let lanes = vec![lane("gw", &Channel::ALL, Vec::new()), lane("drill", &Channel::ALL, Vec::new())];
    let mut c = Case::new(lanes, "zh-CN");
    let id = c.message(Status::Exercise, MessageKind::Alert);
    let (_, out) = c.phrased(&id, Channel::Voice).remove(0);
    assert!(open(&c, "gw", &out.number).is_empty());
    let [call] = &open(&c, "drill", &out.number)[..] else { panic!() };
    assert!(call.speech.spoken().first().is_some_and(|words| words.starts_with("演练")), "{:?}", call.speech);
}

#[test]
fn what_is_not_stored_is_not_open() {
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "zh-CN");
    let number = c.directory.people().find_map(|p| p.contacts_on(Channel::Sms).next()).unwrap().number.clone();
    let id = c.message(Status::Actual, MessageKind::Alert);
    let sent = c.sent.iter().find(|o| o.channel == Channel::Sms && o.key.callout == id).unwrap().number.clone();
    assert_eq!(open(&c, "gw", &sent).len(), 1);
    let mut c = Case::new(vec![lane("gw", &Channel::ALL, Vec::new())], "zh-CN");
    c.begin(Status::Actual, MessageKind::Alert);
    c.settle(false);
    assert!(open(&c, "gw", &sent).is_empty() && open(&c, "gw", &number).is_empty());
}

#[test]
fn a_call_whose_end_is_never_told_gives_its_line_back_after_the_key() {
    let one_line = || LaneSettings { lines: 1, ..lane("gw", &[Channel::Voice], Vec::new()) };
    let mut c = Case::new(vec![one_line()], "zh-CN");
    c.message(Status::Actual, MessageKind::Alert);
    let first = c.sent[0].key.clone();
    assert_eq!(c.sent.len(), 1, "the only line");
    let upcall = Upcall::Key { key: first, digits: "2".into(), reported_at: None };
    c.cell.upcalls(&"gw".into(), vec![upcall], 9, c.now);
    c.settle(true);
    c.now = c.now.plus_ms(59_000);
    c.settle(true);
    assert_eq!(c.sent.len(), 1, "what was recorded is being read back");
    assert!(c.cell.next_wake(c.now).is_some_and(|at| at <= c.now.plus_ms(1_000)), "it wakes by itself");
    c.now = c.now.plus_ms(1_000);
    c.settle(true);
    assert_eq!(c.sent.len(), 2, "the next person is called");
    // Without a key it is kept until the attempt's end.
    let before = c.now;
    c.now = before.plus_ms(61_000);
    c.settle(true);
    assert_eq!(c.sent.len(), 2);
}
