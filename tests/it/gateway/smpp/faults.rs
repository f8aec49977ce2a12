//! What goes wrong: refusals, broken wires, and centres that talk nonsense.

use super::centre::{Centre, ENQUIRE_LINK, Mo, NACK, OK, SUBMIT_SM, SUBMITTED, UNBIND, receipt, reply};
use super::{attempt, delivered, failed, long, open_at, submitted, until};
use jiaoying::gateway::{Outgoing, Upcall};
use jiaoying::model::{Fact, Failure};
use std::sync::atomic::Ordering;
use std::time::Duration;

const UNKNOWN: Fact = Fact::Unknown { resent: false };

fn is_down(fact: &Fact) -> bool {
    matches!(fact, Fact::Failed { failure: Failure::GatewayDown, .. })
}

#[tokio::test]
async fn what_was_written_and_not_answered_is_unknown_and_exactly_that() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("window", "2")]);
    centre.bind().await;
    let facts = open.begin((1..=4).map(attempt).collect());
    let first = centre.expect(SUBMIT_SM).await;
    centre.expect(SUBMIT_SM).await;
    centre.write(SUBMITTED, OK, first.sequence, b"A1\0").await;
    centre.expect(SUBMIT_SM).await;
    centre.close();
    let facts = facts.await.unwrap();
    assert_eq!((&facts[..3], is_down(&facts[3])), (&[submitted("A1"), UNKNOWN, UNKNOWN][..], true), "{facts:?}");
    // It comes back, and what is submitted meanwhile is not lost.
    centre.bind().await;
    let facts = open.begin(vec![attempt(5)]);
    centre.take("A5").await;
    assert_eq!(facts.await.unwrap(), [submitted("A5")]);
}

#[tokio::test]
async fn a_centre_that_is_asked_too_much_is_left_alone_for_a_while() {
    for status in [0x58, 0x14] {
        let mut centre = Centre::new().await;
        let open = open_at(&centre.address, &[("throttle_pause_ms", "5000")]);
        centre.bind().await;
        assert_eq!(open.gateway.pause_until(), None);
        let facts = open.begin(vec![attempt(1)]);
        let first = centre.expect(SUBMIT_SM).await;
        centre.write(SUBMITTED, status, first.sequence, b"").await;
        assert!(is_down(&facts.await.unwrap()[0]));
        let until = open.gateway.pause_until().unwrap();
        assert_eq!(until.0 / 1000 - open.now_ms.load(Ordering::Relaxed), 5000);
        assert_eq!(open.gateway.submit(vec![attempt(2)]).await, [failed(Failure::GatewayDown, "asked to wait")]);
        open.now_ms.fetch_add(5000, Ordering::Relaxed);
        assert_eq!(open.gateway.pause_until(), None);
        let facts = open.begin(vec![attempt(3)]);
        centre.take("A3").await;
        assert_eq!(facts.await.unwrap(), [submitted("A3")]);
    }
}

#[tokio::test]
async fn each_refusal_says_what_it_is_and_a_part_that_is_refused_fails_the_attempt() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    let refusals = [
        (0x0b, Failure::DeadNumber, "ESME_RINVDSTADR (0x0B)"),
        (0x08, Failure::GatewayDown, "ESME_RSYSERR (0x08)"),
        (0x45, Failure::Refused, "ESME_RSUBMITFAIL (0x45)"),
        (0x0400, Failure::Refused, "status 0x400"),
    ];
    for (status, failure, detail) in refusals {
        let facts = open.begin(vec![attempt(1)]);
        let asked = centre.expect(SUBMIT_SM).await;
        centre.write(SUBMITTED, status, asked.sequence, b"").await;
        assert_eq!(facts.await.unwrap(), [failed(failure, detail)]);
    }
    // Not understood at all.
    let facts = open.begin(vec![attempt(1)]);
    let asked = centre.expect(SUBMIT_SM).await;
    centre.write(NACK, 3, asked.sequence, b"").await;
    assert_eq!(facts.await.unwrap(), [failed(Failure::Refused, "ESME_RINVCMDID (0x03)")]);
    let facts = open.begin(vec![long(2)]);
    centre.take("B1").await;
    let asked = centre.expect(SUBMIT_SM).await;
    centre.write(SUBMITTED, 0x58, asked.sequence, b"").await;
    let detail = "part 2 of 2: ESME_RTHROTTLED (0x58)";
    assert_eq!(facts.await.unwrap(), [failed(Failure::Undelivered, detail)], "something of it may have been seen");
    assert_eq!(centre.deliver(1, &receipt("B1", "DELIVRD")).await, OK);
    let fact = failed(Failure::Undelivered, detail);
    assert!(matches!(&open.ear.heard()[..], [Upcall::Report { fact: f, .. }] if *f == fact), "{:?}", open.ear.heard());
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_tried_again_soon() {
    for status in [0x0d, 0x0e, 0x0f] {
        let mut centre = Centre::new().await;
        let open = open_at(&centre.address, &[]);
        centre.bind_with(status).await;
        until(|| open.gateway.condition().detail.starts_with("the bind is refused: ESME_R")).await;
        assert!(!open.gateway.condition().well);
        let reason = open.gateway.check().await.unwrap_err();
        assert!(reason.contains(&format!("0x{status:02X}")), "{reason}");
        assert!(is_down(&open.gateway.submit(vec![attempt(1)]).await[0]));
        // Far longer than the longest of the usual pauses.
        assert!(!centre.is_called(Duration::from_millis(600)).await);
    }
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("refused_retry_s", "1")]);
    centre.bind_with(0x0e).await;
    centre.bind().await;
    until(|| open.gateway.condition().well).await;
}

#[tokio::test]
async fn nonsense_spoils_nothing_else() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    // A deliver_sm that ends in the middle, with a length that fits.
    let whole = reply("13800000001", b"1");
    assert_eq!(centre.deliver(1, &whole[..12]).await, 0x66);
    // A request that nobody serves, an answer to nothing, an answer to something else.
    centre.write(0x777, OK, 2, b"what").await;
    let nack = centre.expect(NACK).await;
    assert_eq!((nack.sequence, nack.status), (2, 3));
    centre.write(SUBMITTED, OK, 4711, b"A1\0").await;
    let facts = open.begin(vec![attempt(1)]);
    let asked = centre.expect(SUBMIT_SM).await;
    centre.write(0x8000_0015, OK, asked.sequence, b"").await;
    centre.write(SUBMITTED, OK, asked.sequence + 1, b"A2\0").await;
    centre.write(ENQUIRE_LINK, OK, 5, b"").await;
    assert_eq!(centre.read().await.unwrap().id, 0x8000_0015);
    // An identifier that cannot be read: it was taken all the same.
    centre.write(SUBMITTED, OK, asked.sequence, b"\xff\xfe").await;
    let taken = Fact::Reached { stage: jiaoying::model::Stage::Submitted, reference: None };
    assert_eq!(facts.await.unwrap(), [taken]);
    assert!(open.gateway.condition().well);
    // A flag without words: confirmed, or it would come for ever.
    let empty = Mo { esm_class: 4, octets: b"hello", ..Mo::default() };
    assert_eq!(centre.deliver(6, &empty.body()).await, OK);
    assert!(open.ear.heard().is_empty());
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_on_is_left_and_begun_anew() {
    for bad in [&[0, 0, 0, 3][..], &[0xff, 0xff, 0xff, 0xff], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let mut centre = Centre::new().await;
        let open = open_at(&centre.address, &[]);
        centre.bind().await;
        let facts = open.begin(vec![attempt(1)]);
        centre.expect(SUBMIT_SM).await;
        centre.raw(bad).await;
        assert_eq!(centre.expect(NACK).await.status, 2);
        assert_eq!(facts.await.unwrap(), [UNKNOWN]);
        centre.bind().await;
        until(|| open.gateway.condition().well).await;
    }
    // It makes no sense for ever.
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    for n in 0..=100 {
        centre.write(SUBMITTED, OK, 1_000 + n, b"A\0").await;
    }
    assert!(centre.read().await.is_none(), "closed");
    centre.bind().await;
    until(|| open.gateway.condition().well).await;
}

#[tokio::test]
async fn half_a_pdu_and_then_nothing_ends_with_the_next_question() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("enquire_link_s", "1"), ("timeout_ms", "2000")]);
    centre.bind().await;
    let facts = open.begin(vec![attempt(1)]);
    centre.expect(SUBMIT_SM).await;
    centre.raw(&[0, 0, 0, 40, 0, 0, 0, 5, 0, 0]).await;
    assert_eq!(facts.await.unwrap(), [UNKNOWN]);
    centre.expect(ENQUIRE_LINK).await;
    assert!(centre.read().await.is_none(), "closed");
    centre.bind().await;
    until(|| open.gateway.condition().well).await;
}

#[tokio::test]
async fn a_late_answer_is_taken_and_its_receipt_finds_the_attempt() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("timeout_ms", "1500")]);
    centre.bind().await;
    let facts = open.begin(vec![attempt(1)]);
    let asked = centre.expect(SUBMIT_SM).await;
    assert_eq!(facts.await.unwrap(), [UNKNOWN]);
    centre.write(SUBMITTED, OK, asked.sequence, b"A1\0").await;
    assert_eq!(centre.deliver(1, &receipt("A1", "DELIVRD")).await, OK);
    let facts = |upcall: &Upcall| if let Upcall::Report { fact, .. } = upcall { Some(fact.clone()) } else { None };
    until(|| open.ear.heard().len() == 2).await;
    let heard: Vec<_> = open.ear.heard().iter().filter_map(facts).collect();
    assert_eq!(heard, [submitted("A1"), delivered("A1")]);
}

#[tokio::test]
async fn it_answers_when_the_centre_asks_or_leaves() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("enquire_link_s", "1")]);
    centre.bind().await;
    centre.write(ENQUIRE_LINK, OK, 77, b"").await;
    let answer = centre.expect(0x8000_0015).await;
    assert_eq!((answer.sequence, answer.status), (77, OK));
    // And it asks itself.
    let asked = centre.expect(ENQUIRE_LINK).await;
    centre.write(0x8000_0015, OK, asked.sequence, b"").await;
    centre.write(UNBIND, OK, 78, b"").await;
    assert_eq!(centre.expect(0x8000_0006).await.sequence, 78);
    assert!(centre.read().await.is_none(), "closed");
    centre.bind().await;
    until(|| open.gateway.condition().well).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_that_reads_nothing_does_not_hold_anybody() {
    let mut centre = Centre::new().await;
    let extra = [("window", "1000"), ("timeout_ms", "1000"), ("long_text", "'payload'")];
    let open = open_at(&centre.address, &extra);
    centre.bind().await;
    until(|| open.gateway.condition().well).await;
    // More than the buffers of the sockets hold: 12 MB.
    let text = "暴雨红色预警，请立即转移".repeat(2_500);
    let attempts: Vec<_> = (0..200).map(|n| Outgoing { text: text.clone(), ..attempt(n) }).collect();
    let facts = tokio::time::timeout(Duration::from_secs(60), open.gateway.submit(attempts)).await.unwrap();
    let unknown = facts.iter().filter(|fact| **fact == UNKNOWN).count();
    assert!(facts.iter().all(|fact| is_down(fact) || *fact == UNKNOWN));
    assert!(unknown > 0 && unknown < 200, "what was not written was not sent: {unknown}");
    until(|| !open.gateway.condition().well).await;
}
