//! Receipts: which attempt they mean, when they are confirmed, and parts.

use super::centre::{CANCEL_SM, Centre, DELIVER_SM, DELIVERED, Mo, OK, SUBMIT_SM, SUBMITTED, receipt};
use super::{Open, attempt, delivered, failed, long, open_at, submitted, until};
use jiaoying::gateway::Upcall;
use jiaoying::model::{AttemptKey, Fact, Failure, Timestamp};
use std::sync::atomic::Ordering;

const TEMPORARY: u32 = 0x64;

fn done_at() -> Option<Timestamp> {
    Some(Timestamp::parse_iso("2026-11-27T12:01:00+08:00").unwrap())
}

fn report(key: AttemptKey, fact: Fact) -> Upcall {
    Upcall::Report { key, fact, reported_at: done_at() }
}

/// Submits an attempt and has it taken in parts under these identifiers.
async fn taken(open: &Open, centre: &mut Centre, attempt: jiaoying::gateway::Outgoing, ids: &[&str]) -> Vec<Fact> {
    let facts = open.begin(vec![attempt]);
    for id in ids {
        centre.take(id).await;
    }
    facts.await.unwrap()
}

#[tokio::test]
async fn a_receipt_is_confirmed_when_it_is_durable_and_else_comes_again() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    assert_eq!(taken(&open, &mut centre, attempt(1), &["A1"]).await, [submitted("A1")]);
    open.ear.deaf.store(true, Ordering::SeqCst);
    assert_eq!(centre.deliver(9, &receipt("A1", "DELIVRD")).await, TEMPORARY);
    assert!(open.ear.heard().is_empty());
    open.ear.deaf.store(false, Ordering::SeqCst);
    assert_eq!(centre.deliver(10, &receipt("A1", "ENROUTE")).await, OK);
    assert!(open.ear.heard().is_empty(), "what is under way is no news");
    assert_eq!(centre.deliver(11, &receipt("a1", "DELIVRD")).await, OK);
    assert_eq!(open.ear.heard(), [report(attempt(1).key, delivered("A1"))]);
}

#[tokio::test]
async fn a_receipt_before_the_answer_of_its_submit_waits_for_it() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    let facts = open.begin(vec![attempt(1)]);
    let submit = centre.expect(SUBMIT_SM).await;
    centre.write(DELIVER_SM, OK, 9, &receipt("A1", "UNDELIV")).await;
    // The next one is of no submit that is open, so it does not wait behind the other.
    centre.write(DELIVER_SM, OK, 10, &super::centre::reply("13800000001", b"1")).await;
    assert_eq!(centre.expect(DELIVERED).await.sequence, 10);
    centre.write(SUBMITTED, OK, submit.sequence, b"A1\0").await;
    assert_eq!(centre.expect(DELIVERED).await.sequence, 9);
    assert_eq!(facts.await.unwrap(), [submitted("A1")]);
    let heard = open.ear.heard();
    assert_eq!(heard[1], report(attempt(1).key, failed(Failure::Undelivered, "UNDELIV 000")));
}

#[tokio::test]
async fn no_more_receipts_wait_for_an_answer_than_there_is_room_for() {
    const ROOM: u32 = 1_024;
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("timeout_ms", "60000")]);
    centre.bind().await;
    let facts = open.begin(vec![attempt(1)]);
    let submit = centre.expect(SUBMIT_SM).await;
    for n in 1..=ROOM + 3 {
        centre.write(DELIVER_SM, OK, n, &receipt(&format!("early-{n}"), "DELIVRD")).await;
    }
    for n in ROOM + 1..=ROOM + 3 {
        let answer = centre.expect(DELIVERED).await;
        assert_eq!((answer.sequence, answer.status), (n, TEMPORARY), "it is to come again");
    }
    centre.write(SUBMITTED, OK, submit.sequence, b"early-7\0").await;
    let mut confirmed: Vec<u32> = Vec::new();
    for _ in 1..=ROOM {
        let answer = centre.expect(DELIVERED).await;
        assert_eq!(answer.status, OK);
        confirmed.push(answer.sequence);
    }
    confirmed.sort_unstable();
    assert!(confirmed.into_iter().eq(1..=ROOM));
    facts.await.unwrap();
    let own = |upcall: &&Upcall| matches!(upcall, Upcall::Report { key, .. } if *key == attempt(1).key);
    assert_eq!((open.ear.heard().len(), open.ear.heard().iter().filter(own).count()), (ROOM as usize, 1));
}

#[tokio::test]
async fn a_receipt_of_an_attempt_from_before_the_start_goes_by_its_reference() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    assert_eq!(centre.deliver(9, &receipt("B7", "DELIVRD")).await, OK);
    let fact = delivered("B7");
    let expected = Upcall::Receipt { reference: "B7".into(), fact, reported_at: done_at() };
    assert_eq!(open.ear.heard(), [expected]);
    assert!(open.gateway.reports_by_reference());
}

#[tokio::test]
async fn an_attempt_in_parts_is_delivered_when_all_of_them_are_and_failed_when_one_is() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    assert_eq!(taken(&open, &mut centre, long(1), &["A1", "A2"]).await, [submitted("A1+A2")]);
    assert_eq!(taken(&open, &mut centre, long(2), &["B1", "B2"]).await, [submitted("B1+B2")]);
    assert_eq!(centre.deliver(1, &receipt("A2", "DELIVRD")).await, OK);
    assert!(open.ear.heard().is_empty());
    assert_eq!(centre.deliver(2, &receipt("B1", "EXPIRED")).await, OK);
    assert_eq!(centre.deliver(3, &receipt("B2", "DELIVRD")).await, OK);
    assert_eq!(centre.deliver(4, &receipt("A1", "DELIVRD")).await, OK);
    let heard = open.ear.heard();
    let failed = report(attempt(2).key, failed(Failure::Undelivered, "EXPIRED 000"));
    assert_eq!(heard, [failed.clone(), failed, report(attempt(1).key, delivered("A1+A2"))]);
}

#[tokio::test]
async fn parameters_count_before_words_and_words_alone_make_no_receipt() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("receipt_id", "'decimal'")]);
    centre.bind().await;
    assert_eq!(taken(&open, &mut centre, attempt(1), &["0000A001"]).await, [submitted("a001")]);
    assert_eq!(taken(&open, &mut centre, attempt(2), &["0000A002"]).await, [submitted("a002")]);
    // The identifier in decimal digits, in words; then by parameter, without a flag and against the words.
    assert_eq!(centre.deliver(1, &receipt("0040961", "DELIVRD")).await, OK);
    let tlvs = [&b"\x00\x1e\x00\x09"[..], b"0000A002\0", b"\x04\x27\x00\x01\x05"].concat();
    let mo = Mo { octets: b"id:1 stat:DELIVRD err:034", tlvs: &tlvs, ..Mo::default() };
    assert_eq!(centre.deliver(2, &mo.body()).await, OK);
    // Somebody writes what a receipt says.
    let forged = Mo { octets: b"id:0000A001 stat:UNDELIV err:000", ..Mo::default() };
    assert_eq!(centre.deliver(3, &forged.body()).await, OK);
    let heard = open.ear.heard();
    assert_eq!(heard[0], report(attempt(1).key, delivered("a001")));
    let fact = failed(Failure::Undelivered, "DELIVRD 034");
    assert_eq!(heard[1], Upcall::Report { key: attempt(2).key, fact, reported_at: None });
    assert_eq!(open.ear.words(), ["id:0000A001 stat:UNDELIV err:000"]);
}

#[tokio::test]
async fn what_is_not_delivered_can_be_withdrawn() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    taken(&open, &mut centre, long(1), &["A1", "A2"]).await;
    assert_eq!(centre.deliver(1, &receipt("A1", "DELIVRD")).await, OK);
    let gateway = open.gateway.clone();
    let withdrawn = tokio::spawn(async move { gateway.withdraw(attempt(1).key).await });
    let cancel = centre.expect(CANCEL_SM).await;
    assert_eq!(cancel.body, b"\0A2\0\0\x0110690001\0\x01\x018613800000001\0");
    centre.write(0x8000_0008, OK, cancel.sequence, b"").await;
    withdrawn.await.unwrap();
    until(|| open.ear.heard().len() == 1).await;
    let fact = Fact::Failed { failure: Failure::Withdrawn, detail: None };
    assert_eq!(open.ear.heard(), [Upcall::Report { key: attempt(1).key, fact, reported_at: None }]);
}
