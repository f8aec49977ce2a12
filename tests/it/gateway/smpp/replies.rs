//! Words from phones: every coding, parts, where they were sent to, and floods.

use super::centre::{Centre, DELIVER_SM, DELIVERED, Mo, OK};
use super::{open_at, until};
use jiaoying::gateway::Upcall;
use std::sync::atomic::Ordering;

/// `收到` in UCS-2.
const GOT_IT: &[u8] = &[0x65, 0x36, 0x52, 0x30];

#[tokio::test]
async fn words_come_in_every_coding_with_number_and_extension() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    let mos = [
        Mo { octets: b"1#037", ..Mo::default() },
        Mo { coding: 8, octets: GOT_IT, to: "10690001037", from: "8613800000002", ..Mo::default() },
        Mo { coding: 15, octets: &[0xca, 0xd5, 0xb5, 0xbd], to: "8610690001038", ..Mo::default() },
        // message_payload.
        Mo { coding: 8, tlvs: b"\x04\x24\x00\x04\x65\x36\x52\x30", from: "+8613800000003", ..Mo::default() },
    ];
    for (sequence, mo) in (1..).zip(&mos) {
        assert_eq!(centre.deliver(sequence, &mo.body()).await, OK);
    }
    let said = |from: &str, text: &str, extension: Option<&str>| Upcall::Text {
        from: from.into(),
        text: text.into(),
        key: None,
        extension: extension.map(Into::into),
        reported_at: None,
    };
    let expected = [
        said("+8613800000001", "1#037", None),
        said("+8613800000002", "收到", Some("037")),
        said("+8613800000001", "收到", Some("038")),
        said("+8613800000003", "收到", None),
    ];
    assert_eq!(open.ear.heard(), expected);
}

#[tokio::test]
async fn a_reply_in_parts_is_one_reply_and_its_last_part_waits_until_it_is_durable() {
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[]);
    centre.bind().await;
    let udh = |number: u8, octets: &[u8]| {
        let octets = [&[5, 0, 3, 42, 2, number], octets].concat();
        Mo { esm_class: 0x40, coding: 8, octets: &octets, ..Mo::default() }.body()
    };
    // A pair of surrogates is torn apart, as some phones do; the second part comes first.
    let (first, second) = (udh(1, &[0x65, 0x36, 0xd8, 0x42]), udh(2, &[0xdf, 0xb7, 0x52, 0x30]));
    assert_eq!(centre.deliver(1, &second).await, OK);
    open.ear.deaf.store(true, Ordering::SeqCst);
    assert_eq!(centre.deliver(2, &first).await, 0x64);
    open.ear.deaf.store(false, Ordering::SeqCst);
    assert_eq!(centre.deliver(3, &first).await, OK);
    assert_eq!(open.ear.words(), ["收𠮷到"]);
    let sar = |number: u8, octets: &[u8]| {
        let tlvs = [b"\x02\x0c\x00\x02\x00\x07\x02\x0e\x00\x01\x02\x02\x0f\x00\x01", &[number][..]].concat();
        Mo { octets, tlvs: &tlvs, ..Mo::default() }.body()
    };
    assert_eq!(centre.deliver(4, &sar(1, b"cannot ")).await, OK);
    assert_eq!(centre.deliver(5, &sar(2, b"come")).await, OK);
    assert_eq!(open.ear.words()[1], "cannot come");
}

#[tokio::test]
async fn a_flood_waits_on_the_wire_and_nothing_of_it_is_lost() {
    // 18 MB: more than the buffers of the sockets hold.
    const FLOOD: u32 = 3_000;
    let mut centre = Centre::new().await;
    let open = open_at(&centre.address, &[("enquire_link_s", "3600")]);
    centre.bind().await;
    open.ear.gate.forget_permits(usize::MAX);
    let (mut from, mut to) = centre.stream.take().unwrap().into_split();
    let written = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = written.clone();
    let writer = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let payload = [&b"\x04\x24\x17\x70"[..], &[b'1'; 6_000]].concat();
        let body = Mo { tlvs: &payload, ..Mo::default() }.body();
        for n in 1..=FLOOD {
            to.write_all(&super::centre::pdu(DELIVER_SM, OK, n, &body)).await.unwrap();
            count.store(n, Ordering::SeqCst);
        }
        to
    });
    // It stops when nothing is taken: what the gateway holds is few, the rest is in the buffers of the sockets.
    until(|| open.ear.waiting.load(Ordering::SeqCst) >= 64).await;
    let mut seen = u32::MAX;
    while written.load(Ordering::SeqCst) != seen {
        seen = written.load(Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    assert_eq!(open.ear.waiting.load(Ordering::SeqCst), 64, "no more than that is told at one time");
    assert!(!writer.is_finished(), "the wire takes no more: {seen} of {FLOOD} written");
    open.ear.gate.add_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let mut answers = tokio::io::BufReader::new(&mut from);
    for _ in 0..FLOOD {
        use tokio::io::AsyncReadExt;
        let mut answer = [0; 17];
        let read = answers.read_exact(&mut answer);
        tokio::time::timeout(std::time::Duration::from_secs(20), read).await.expect("no answer").unwrap();
        assert_eq!(answer[4..12], [&DELIVERED.to_be_bytes()[..], &[0; 4]].concat());
    }
    assert_eq!(open.ear.heard().len(), FLOOD as usize);
    let _still_open = writer.await.unwrap();
    assert!(open.gateway.condition().well);
}
