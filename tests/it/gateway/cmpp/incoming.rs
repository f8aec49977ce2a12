//! Reports and replies: what is told, and when it is confirmed.

use super::ismg::{Ismg, Script, part, reply, report};
use super::*;
use jiaoying::gateway::cmpp::codec::{Pdu, SubmitResp};

fn text(from: &str, words: &str, extension: Option<&str>) -> Upcall {
    let extension = extension.map(str::to_owned);
    Upcall::Text { from: from.into(), text: words.into(), key: None, extension, reported_at: None }
}

#[tokio::test]
async fn a_report_before_the_answer_waits_for_it() {
    let ismg = Ismg::new(Script { state: Some("DELIVRD"), report_first: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, "");
    assert_eq!(side.one(attempt(1)).await, reached("7100000000000001"));
    assert_eq!(side.sink.until(1).await, [delivered(1)]);
    ismg.until(|seen| seen.confirmed.len() == 1).await;
}

#[tokio::test]
async fn a_report_about_a_message_of_before_is_told_by_its_reference() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, "parts_max = 2");
    side.until(|c| c.well).await;
    let tell = |id, state| ismg.send(Version::V30, report(id, state, "13800138001", "10690123", false));
    tell(0xab, "DELIVRD");
    tell(0xac, "MA:0006");
    tell(0xad, "ACCEPTD");
    let told = side.sink.until(3).await;
    let names = told.iter().map(|upcall| match upcall {
        Upcall::Receipt { reference, fact, .. } => (reference.as_str(), failure(fact)),
        other => panic!("{other:?}"),
    });
    let undelivered = Some(Failure::Undelivered);
    let expected = [("00000000000000ab", None), ("00000000000000ac", undelivered), ("00000000000000ac/2", undelivered)];
    assert_eq!(names.collect::<Vec<_>>(), expected);
    ismg.until(|seen| seen.confirmed.len() == 3).await;
}

#[tokio::test]
async fn a_report_that_no_answer_names_is_held_no_longer_than_the_answer_is_waited_for() {
    let ismg = Ismg::new(Script { swallow: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    side.until(|c| c.well).await;
    let submit = side.one(attempt(1));
    let stranger = async {
        ismg.until(|seen| seen.submits.len() == 1).await;
        ismg.send(Version::V30, report(0xab, "DELIVRD", "13800138001", "10690123", true));
        side.sink.until(1).await
    };
    let (fact, told) = tokio::join!(submit, stranger);
    assert!(fact == UNKNOWN && matches!(&told[..], [Upcall::Receipt { .. }]), "{told:?}");
}

#[tokio::test]
async fn a_report_waits_for_no_submit_that_was_sent_after_it_came() {
    let ismg = Ismg::new(Script { swallow: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, "");
    side.until(|c| c.well).await;
    // CONNECT was 1, so the submits are 2 and 3.
    let answer = |sequence, msg_id| {
        ismg.raw(Pdu::SubmitResp(SubmitResp { msg_id, result: 0 }).encode(Version::V30, sequence).unwrap());
    };
    let later = async {
        ismg.until(|seen| seen.submits.len() == 1).await;
        ismg.send(Version::V30, report(0xab, "DELIVRD", "13800138001", "10690123", true));
        ismg.send(Version::V30, Pdu::ActiveTest);
        ismg.until(|seen| seen.test_answers == 1).await;
        assert!(side.sink.taken.borrow().is_empty(), "it may be about the first");
        let told = async {
            ismg.until(|seen| seen.submits.len() == 2).await;
            answer(2, 77);
            let told = side.sink.until(1).await;
            answer(3, 78);
            told
        };
        tokio::join!(side.one(attempt(2)), told)
    };
    let (first, (second, told)) = tokio::join!(side.one(attempt(1)), later);
    assert_eq!((first, second), (reached("000000000000004d"), reached("000000000000004e")));
    assert!(matches!(&told[..], [Upcall::Receipt { reference, .. }] if reference == "00000000000000ab"), "{told:?}");
}

#[tokio::test]
async fn replies_come_with_number_words_and_extension() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, "");
    side.until(|c| c.well).await;
    for (from, to, msg_fmt, content) in [
        ("13800138001", "10690123372", 8, ucs2("１ 收到")),
        ("8613800138002", "10690123", 15, vec![0xca, 0xd5, 0xb5, 0xbd]),
        ("+8613800138003", "955", 0, b"1#372".to_vec()),
        ("13800138004", "10690123", 8, Vec::new()),
    ] {
        ismg.send(Version::V30, reply(from, to, msg_fmt, &content));
    }
    let expected = [
        text("+8613800138001", "１ 收到", Some("372")),
        text("+8613800138002", "收到", None),
        text("+8613800138003", "1#372", None),
        text("+8613800138004", "", None),
    ];
    assert_eq!(side.sink.until(4).await, expected);
    let seen = ismg.until(|seen| seen.confirmed.len() == 4).await;
    assert!(seen.confirmed.iter().all(|c| (c.msg_id, c.result) == (99, 0)));
    // Without an extension of ours, what follows the number means nothing.
    let side = Side::new(&ismg.address, "extension = false");
    side.until(|c| c.well).await;
    ismg.until(|seen| seen.connects.len() == 2).await;
    ismg.send(Version::V30, reply("13800138001", "10690123372", 0, b"1"));
    assert_eq!(side.sink.until(1).await, [text("+8613800138001", "1", None)]);
}

#[tokio::test]
async fn a_long_reply_is_one_and_is_confirmed_when_it_is_whole() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, "join_wait_ms = 2000");
    side.until(|c| c.well).await;
    let (from, to) = ("13800138001", "10690123");
    let (one, two) = (ucs2("险情 孔当村"), ucs2("后山裂缝"));
    let sequence = ismg.send(Version::V30, part(from, to, 8, [9, 2, 2], &two));
    ismg.send(Version::V30, reply("13800138002", to, 0, b"1"));
    ismg.until(|seen| seen.confirmed.len() == 1).await;
    assert_eq!(*side.sink.taken.borrow(), [text("+8613800138002", "1", None)]);
    ismg.send(Version::V30, part(from, to, 8, [9, 2, 1], &one));
    assert_eq!(side.sink.until(2).await[1], text("+8613800138001", "险情 孔当村后山裂缝", None));
    ismg.until(|seen| seen.confirmed.len() == 3).await;
    // What stays without its other half is told alone.
    let alone = ismg.send(Version::V30, part(from, to, 8, [10, 2, 1], &one));
    assert!(alone > sequence);
    assert_eq!(side.sink.until(3).await[2], text("+8613800138001", "险情 孔当村…", None));
    ismg.until(|seen| seen.confirmed.len() == 4).await;
}

#[tokio::test]
async fn what_is_not_taken_is_not_confirmed_and_comes_again() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, QUICK);
    side.until(|c| c.well).await;
    side.sink.refuses.store(1, Ordering::SeqCst);
    ismg.send(Version::V30, reply("13800138001", "10690123", 0, b"1"));
    // The line is closed, and what was not confirmed comes again on the next.
    assert_eq!(side.sink.until(1).await, [text("+8613800138001", "1", None)]);
    let seen = ismg.until(|seen| seen.confirmed.len() == 1).await;
    assert_eq!((seen.connects.len(), seen.ended), (2, 1));
}

#[tokio::test]
async fn a_store_that_comes_back_soon_costs_no_line() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, "");
    side.until(|c| c.well).await;
    side.sink.refuses.store(1, Ordering::SeqCst);
    ismg.send(Version::V30, reply("13800138001", "10690123", 0, b"1"));
    let seen = ismg.until(|seen| seen.confirmed.len() == 1).await;
    assert_eq!((seen.connects.len(), side.sink.taken.borrow().len()), (1, 1));
}

#[tokio::test]
async fn a_flood_of_replies_waits_outside_and_all_are_taken_in_order() {
    const FLOOD: usize = 3000;
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, "");
    side.until(|c| c.well).await;
    side.sink.gate.send_replace(false);
    for n in 0..FLOOD {
        ismg.send(Version::V30, reply("13800138001", "10690123", 0, n.to_string().as_bytes()));
    }
    // It reads until it is full, and then no more.
    side.sink.asked.subscribe().wait_for(|asked| *asked == 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    side.sink.gate.send_replace(true);
    let told = side.sink.until(FLOOD).await;
    let words = told.iter().map(|upcall| match upcall {
        Upcall::Text { text, .. } => text.parse::<usize>().unwrap(),
        other => panic!("{other:?}"),
    });
    assert!(words.eq(0..FLOOD), "in order, each once");
    ismg.until(|seen| seen.confirmed.len() == FLOOD).await;
    let largest = side.sink.largest.load(Ordering::SeqCst);
    assert!((200..=256).contains(&largest), "{largest} at once");
    assert_eq!(ismg.seen().connects.len(), 1);
}
