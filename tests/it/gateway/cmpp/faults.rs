//! Faults: of every attempt there is one fact, and nothing is sent twice behind the engine's back.

use super::ismg::{Ismg, Script};
use super::*;

#[tokio::test]
async fn flow_control_pauses_and_nothing_was_sent() {
    let ismg = Ismg::new(Script { results: [8].into(), ..Script::default() }).await;
    let side = Side::new(&ismg.address, "flow_pause_ms = 700");
    assert_eq!(side.gateway.pause_until(), None);
    let fact = side.one(attempt(1)).await;
    assert_eq!(fact, Fact::Failed { failure: Failure::GatewayDown, detail: Some("result 8: flow control".into()) });
    assert_eq!(side.gateway.pause_until(), Some(Timestamp(NOW_S * 1_000_000).plus_ms(700)));
    side.now.fetch_add(700_000, Ordering::SeqCst);
    assert_eq!(side.gateway.pause_until(), None);
    assert_eq!((side.one(attempt(1)).await, ismg.seen().submits.len()), (reached("7100000000000001"), 2));
}

#[tokio::test]
async fn flow_control_in_the_middle_of_a_text_is_waited_out() {
    let ismg = Ismg::new(Script { results: [0, 8, 8].into(), ..Script::default() }).await;
    let side = Side::new(&ismg.address, "flow_pause_ms = 30");
    assert_eq!(side.one(long(1)).await, reached("7100000000000001/3"));
    let mut numbers: Vec<_> = ismg.seen().submits.iter().map(|s| s.pk_number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 2, 3, 3], "what was taken is not sent again");
    // When it lasts, what will arrive is unknown.
    ismg.script(|s| s.results = std::iter::once(0).chain(std::iter::repeat_n(8, 1000)).collect());
    let side = Side::new(&ismg.address, QUICK);
    assert_eq!(side.one(long(2)).await, UNKNOWN);
}

#[tokio::test]
async fn every_other_result_has_its_fact() {
    let ismg = Ismg::new(Script { results: [13, 7, 0, 6].into(), ..Script::default() }).await;
    let side = Side::new(&ismg.address, "");
    let detail = |failure, detail: &str| Fact::Failed { failure, detail: Some(detail.into()) };
    assert_eq!(side.one(attempt(1)).await, detail(Failure::Refused, "result 13: wrong number of the receiver"));
    assert_eq!(side.one(attempt(2)).await, detail(Failure::GatewayDown, "result 7: wrong service id"));
    assert_eq!(side.one(long(3)).await, detail(Failure::Refused, "result 6: text too long"));
    assert_eq!(side.gateway.pause_until(), None);
}

#[tokio::test]
async fn a_line_that_swallows_one_message_gets_no_other_before_it_shows_life() {
    let ismg = Ismg::new(Script { swallow: true, dead: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, &QUICK.replace("400", "1000"));
    assert_eq!(side.one(attempt(1)).await, UNKNOWN);
    let condition = side.until(|c| !c.well).await;
    assert_eq!(condition.detail, "the gateway does not answer");
    let fact = side.one(attempt(2)).await;
    assert_eq!(failure(&fact), Some(Failure::GatewayDown), "{fact:?}");
    assert_eq!(ismg.seen().submits.len(), 1);
    // Three tests, then a new line, and all is well again.
    let seen = ismg.until(|seen| seen.connects.len() == 2).await;
    assert_eq!(seen.tests, 3);
    ismg.script(|s| (s.swallow, s.dead) = (false, false));
    side.until(|c| c.well).await;
    assert_eq!(side.one(attempt(3)).await, reached("7100000000000001"));
}

#[tokio::test]
async fn a_line_that_answers_tests_is_trusted_again() {
    let ismg = Ismg::new(Script { swallow: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    assert_eq!(side.one(attempt(1)).await, UNKNOWN);
    ismg.until(|seen| seen.tests == 1).await;
    side.until(|c| c.well).await;
    ismg.script(|s| s.swallow = false);
    assert_eq!(failure(&side.one(attempt(2)).await), None);
    assert_eq!(ismg.seen().connects.len(), 1);
}

#[tokio::test]
async fn a_line_that_breaks_in_the_middle_of_an_answer_leaves_unknown() {
    let ismg = Ismg::new(Script { cut: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    assert_eq!(side.one(attempt(1)).await, UNKNOWN);
    side.until(|c| c.well).await;
    assert_eq!(side.one(attempt(2)).await, reached("7100000000000002"));
    assert_eq!(ismg.seen().submits.len(), 2, "it is not sent again here");
}

#[tokio::test]
async fn what_waits_behind_the_window_when_the_line_breaks_was_never_sent() {
    let ismg = Ismg::new(Script { swallow: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, "window = 2\nreconnect_min_ms = 3000\nreconnect_max_ms = 3000");
    let facts = side.submit((0..5).map(attempt).collect());
    let breaks = async {
        ismg.until(|seen| seen.submits.len() == 2).await;
        ismg.hang_up();
    };
    let (facts, ()) = tokio::join!(facts, breaks);
    assert_eq!(facts.iter().filter(|fact| **fact == UNKNOWN).count(), 2, "{facts:?}");
    assert_eq!(facts.iter().filter(|fact| failure(fact) == Some(Failure::GatewayDown)).count(), 3, "{facts:?}");
    assert_eq!(ismg.seen().submits.len(), 2);
}

#[tokio::test]
async fn an_answer_under_another_number_answers_nothing() {
    let ismg = Ismg::new(Script { askew: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    assert_eq!(side.one(attempt(1)).await, UNKNOWN);
    ismg.script(|s| s.askew = false);
    assert_eq!(side.one(attempt(2)).await, reached("7100000000000002"));
}

#[tokio::test]
async fn an_answer_that_comes_late_still_leads_reports_to_the_attempt() {
    let ismg = Ismg::new(Script { swallow: true, ..Script::default() }).await;
    let side = Side::new(&ismg.address, QUICK);
    assert_eq!(side.one(attempt(1)).await, UNKNOWN);
    // CONNECT was 1, the submit 2.
    let late = jiaoying::gateway::cmpp::codec::SubmitResp { msg_id: 77, result: 0 };
    ismg.raw(jiaoying::gateway::cmpp::codec::Pdu::SubmitResp(late).encode(Version::V30, 2).unwrap());
    ismg.send(Version::V30, ismg::report(77, "DELIVRD", "13800138001", "10690123", true));
    assert_eq!(side.sink.until(1).await, [delivered(1)]);
}

#[tokio::test]
async fn what_is_no_cmpp_ends_the_line_and_what_cannot_be_read_does_not() {
    let ismg = Ismg::new(Script::default()).await;
    let side = Side::new(&ismg.address, QUICK);
    side.until(|c| c.well).await;
    // A DELIVER of 13 bytes, a command that does not exist, a report of no known length.
    ismg.raw([&[0, 0, 0, 25][..], &[0, 0, 0, 5], &[0, 0, 0, 9], &[7; 13]].concat());
    ismg.raw([&[0, 0, 0, 12][..], &[0, 0, 0, 0x77], &[0, 0, 0, 9]].concat());
    let strange = ismg::reply("13800138001", "10690123", 0, b"strange");
    let jiaoying::gateway::cmpp::codec::Pdu::Deliver(mut strange) = strange else { panic!() };
    strange.registered_delivery = 1;
    ismg.raw(jiaoying::gateway::cmpp::codec::Pdu::Deliver(strange).encode(Version::V30, 10).unwrap());
    let seen = ismg.until(|seen| seen.confirmed.len() == 2).await;
    let told: Vec<_> = seen.confirmed.iter().map(|c| (c.msg_id, c.result)).collect();
    assert_eq!(told, [(0x0707_0707_0707_0707, 1), (99, 1)], "malformed");
    assert_eq!(side.one(attempt(1)).await, reached("7100000000000001"));
    assert_eq!(ismg.seen().connects.len(), 1);
    ismg.raw(vec![0xff; 40]);
    ismg.until(|seen| seen.connects.len() == 2).await;
    assert!(side.sink.taken.borrow().is_empty());
}
