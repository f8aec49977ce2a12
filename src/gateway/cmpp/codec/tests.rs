//! Vectors of the layouts as the tests of bigwhite/gocmpp publish them, and what no input may do.

use super::*;
use proptest::prelude::*;

const ALL: [Version; 3] = [Version::V20, Version::V21, Version::V30];
const MSG_ID: u64 = 12_878_564_852_733_378_560;

fn frame(bytes: &[u8]) -> Frame {
    let mut frames = Frames { buffer: BytesMut::from(bytes) };
    let frame = frames.cut().unwrap().unwrap();
    assert!(frames.buffer.is_empty());
    frame
}

/// The message is these bytes, and these bytes are the message.
fn both_ways(version: Version, sequence: u32, pdu: Pdu, hex_text: &str) {
    let hex_text: String = hex_text.split_whitespace().collect();
    assert_eq!(hex::encode(pdu.encode(version, sequence).unwrap()), hex_text, "{pdu:?}");
    let frame = frame(&hex::decode(hex_text).unwrap());
    assert_eq!(frame.sequence, sequence);
    assert!(Pdu::decode(version, &frame).unwrap() == pdu, "{pdu:?}");
}

#[test]
fn signing_in_is_as_published() {
    let connect = Connect::new("900001", "888888", Version::V21, 1_021_080_510);
    let source = connect.authenticator;
    both_ways(
        Version::V21,
        0x17,
        Pdu::Connect(connect),
        "00000027 00000001 00000017 393030303031 90d00c1d517abd0b4f65f6bcf8535d16 21 3cdc73be",
    );
    let resp = ConnectResp::new(0, &source, "888888", Version::V21);
    assert!(resp.proves(&source, "888888") && !resp.proves(&source, "888889"));
    both_ways(
        Version::V21,
        0x17,
        Pdu::ConnectResp(resp),
        "0000001e 80000001 00000017 00 6c0b846e25bab6daa4ed1c466e0f4bd8 21",
    );
    let resp = ConnectResp::new(0, &source, "888888", Version::V30);
    assert!(resp.proves(&source, "888888") && !resp.proves(&[0; 16], "888888"));
    both_ways(
        Version::V30,
        0x17,
        Pdu::ConnectResp(resp),
        "00000021 80000001 00000017 00000000 7942977274098cf210ab0c16c367bc8d 30",
    );
    // The leading zero of a month is part of what is digested.
    assert_ne!(
        Connect::authenticator("900001", "x", 102_030_405),
        Connect::authenticator("900001", "x", 1_020_304_050)
    );
}

fn submit() -> Submit {
    Submit {
        pk_total: 1,
        pk_number: 1,
        registered_delivery: 1,
        msg_level: 1,
        service_id: "test".into(),
        fee_user_type: 2,
        fee_terminal_id: "13500002696".into(),
        tp_pid: 0,
        tp_udhi: 0,
        msg_fmt: 8,
        msg_src: "900001".into(),
        fee_type: "02".into(),
        fee_code: "10".into(),
        valid_time: "151105131555101+".into(),
        src_id: "900001".into(),
        dest_terminal_ids: vec!["13500002696".into()],
        content: "测试gocmpp submit".encode_utf16().flat_map(u16::to_be_bytes).collect(),
        link_id: String::new(),
    }
}

#[test]
fn submit_is_as_published() {
    let (number, zeros) = ("3133353030303032363936", |n: usize| "00".repeat(n));
    let text = "6d4b8bd50067006f0063006d00700070002000730075 0062006d00690074".replace(' ', "");
    let head = |length: &str| format!("{length} 00000004 00000017 {} 01 01 01 01 74657374{} 02", zeros(8), zeros(6));
    let middle = format!(
        "00 00 08 393030303031 3032 3130{} 3135313130353133313535353130312b00 {} 393030303031{} 01",
        zeros(4),
        zeros(17),
        zeros(15)
    );
    let two =
        format!("{} {number}{} {middle} {number}{} 1e {text} {}", head("000000bd"), zeros(10), zeros(10), zeros(8));
    both_ways(Version::V20, 0x17, Pdu::Submit(Box::new(submit())), &two);
    let three = format!(
        "{} {number}{} 00 {middle} {number}{} 00 1e {text} {}",
        head("000000e1"),
        zeros(21),
        zeros(21),
        zeros(20)
    );
    both_ways(Version::V30, 0x17, Pdu::Submit(Box::new(submit())), &three);
    let resp = Pdu::SubmitResp(SubmitResp { msg_id: MSG_ID, result: 0 });
    both_ways(Version::V20, 0x17, resp.clone(), "00000015 80000004 00000017 b2b9da8000010000 00");
    both_ways(Version::V30, 0x17, resp, "00000018 80000004 00000017 b2b9da8000010000 00000000");
}

#[test]
fn deliver_and_reports_are_as_published() {
    let zeros = |n: usize| "00".repeat(n);
    let deliver = |msg_id| {
        Pdu::Deliver(Box::new(Deliver {
            msg_id,
            dest_id: "900001".into(),
            service_id: String::new(),
            tp_pid: 0,
            tp_udhi: 0,
            msg_fmt: 0,
            src_terminal_id: "13412340000".into(),
            registered_delivery: 0,
            content: b"This is a test MO.".to_vec(),
            link_id: String::new(),
        }))
    };
    let (number, text) = ("3133343132333430303030", hex::encode("This is a test MO."));
    let to = format!("393030303031{}", zeros(15 + 10));
    let three = format!(
        "0000007f 00000005 00000001 b4c5530000010000 {to} 000000 {number}{} 00 00 12 {text} {}",
        zeros(21),
        zeros(20)
    );
    both_ways(Version::V30, 1, deliver(13_025_908_756_704_198_656), &three);
    let two = format!(
        "00000067 00000005 00000005 b525628000010000 {to} 000000 {number}{} 00 12 {text} {}",
        zeros(10),
        zeros(8)
    );
    both_ways(Version::V20, 5, deliver(13_052_947_396_898_652_160), &two);
    let report = "b4c5530000010000 44454c49565244 31353131313230393535 31353131313230393537 \
                  3133343132333430303030 00000000000000000000 12345678";
    let content = hex::decode(report.split_whitespace().collect::<String>()).unwrap();
    let report = Report::decode(&content).unwrap();
    assert_eq!((report.msg_id, report.stat.as_str()), (13_025_908_756_704_198_656, "DELIVRD"));
    assert_eq!((report.submit_time.as_str(), report.done_time.as_str()), ("1511120955", "1511120957"));
    assert_eq!((report.dest_terminal_id.as_str(), report.smsc_sequence), ("13412340000", 0x1234_5678));
    assert_eq!(report.encode(false).unwrap(), content);
    assert!(Report::decode(&report.encode(true).unwrap()).unwrap() == report);
    assert_eq!(report.encode(true).unwrap().len(), 71);
    for wrong in [0, 59, 61, 70, 72] {
        let fault = Report::decode(&vec![0; wrong]).map(|_| ()).unwrap_err().to_string();
        assert_eq!(fault, format!("DELIVER Msg_Content: a report of {wrong} bytes; wants 60 or 71"));
    }
}

#[test]
fn what_is_malformed_is_told_with_its_place() {
    let fault = |version, command: u32, body: &[u8]| {
        let frame = Frame { command, sequence: 1, body: Bytes::copy_from_slice(body) };
        Pdu::decode(version, &frame).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(fault(Version::V30, 1, b"90000"), "CONNECT Source_Addr: wants 6 bytes, 5 are left");
    assert_eq!(
        fault(Version::V30, RESP | 1, &[0; 20]),
        "CONNECT_RESP Total_Length: a body of 20 bytes; wants 18 or 21"
    );
    assert_eq!(fault(Version::V30, RESP | 4, &[0; 8]), "SUBMIT_RESP Result: wants 1 bytes, 0 are left");
    assert_eq!(fault(Version::V30, 0x66, b""), "Command_Id: 0x00000066 is no command between an SP and its gateway");
    let mut cut = Pdu::Submit(Box::new(submit())).encode(Version::V30, 1).unwrap()[HEADER..].to_vec();
    cut.truncate(cut.len() - 21);
    assert_eq!(fault(Version::V30, 4, &cut), "SUBMIT Msg_Content: wants 30 bytes, 29 are left");
    let refused = Pdu::Submit(Box::new(Submit { service_id: "twelve bytes".into(), ..submit() }));
    assert_eq!(refused.encode(Version::V20, 1).unwrap_err().to_string(), "SUBMIT Service_Id: 12 bytes; at most 10");
    for length in [11u32, PDU_MAX as u32 + 1, u32::MAX] {
        let mut frames = Frames { buffer: BytesMut::from(&length.to_be_bytes()[..]) };
        frames.buffer.resize(HEADER, 0);
        assert!(frames.cut().unwrap_err().to_string().starts_with("Total_Length: "));
    }
    assert_eq!(format!("{:?}", Pdu::Submit(Box::new(submit()))), "SUBMIT", "no numbers, no words");
}

fn words(max: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(0x21u8..0x7f, 0..=max).prop_map(|b| String::from_utf8(b).unwrap())
}

fn messages() -> impl Strategy<Value = Pdu> {
    let octets = || any::<(u8, u8, u8, u8, u8, u8)>();
    let content = || proptest::collection::vec(any::<u8>(), 0..=255);
    let texts = || (words(10), words(21), words(6), words(2), words(6), words(17), words(21), words(8));
    let numbers = proptest::collection::vec(words(21), 1..=99);
    let submit = (octets(), any::<(u8, u8)>(), texts(), numbers, content()).prop_map(|(o, p, t, to, content)| {
        Pdu::Submit(Box::new(Submit {
            pk_total: o.0,
            pk_number: o.1,
            registered_delivery: o.2,
            msg_level: o.3,
            service_id: t.0,
            fee_user_type: o.4,
            fee_terminal_id: t.1,
            tp_pid: o.5,
            tp_udhi: p.0,
            msg_fmt: p.1,
            msg_src: t.2,
            fee_type: t.3,
            fee_code: t.4,
            valid_time: t.5,
            src_id: t.6,
            dest_terminal_ids: to,
            content,
            link_id: t.7,
        }))
    });
    let deliver = (any::<u64>(), octets(), texts(), content()).prop_map(|(msg_id, o, t, content)| {
        Pdu::Deliver(Box::new(Deliver {
            msg_id,
            dest_id: t.1,
            service_id: t.0,
            tp_pid: o.0,
            tp_udhi: o.1,
            msg_fmt: o.2,
            src_terminal_id: t.6,
            registered_delivery: o.3,
            content,
            link_id: t.7,
        }))
    });
    let small = (any::<u64>(), any::<u8>(), any::<bool>(), any::<[u8; 16]>(), words(6));
    let others = (0..9u8, small).prop_map(|(which, (msg_id, result, short, authenticator, source_addr))| match which {
        0 => Pdu::Connect(Connect { source_addr, authenticator, version: result, timestamp: msg_id as u32 }),
        1 => Pdu::ConnectResp(ConnectResp { status: result.into(), authenticator, version: 0x30, short }),
        2 => Pdu::Terminate,
        3 => Pdu::TerminateResp,
        4 => Pdu::SubmitResp(SubmitResp { msg_id, result: result.into() }),
        5 => Pdu::DeliverResp(DeliverResp { msg_id, result: result.into() }),
        6 => Pdu::Cancel { msg_id },
        7 => Pdu::CancelResp { success_id: result.into() },
        _ => {
            if short {
                Pdu::ActiveTest
            } else {
                Pdu::ActiveTestResp
            }
        }
    });
    prop_oneof![submit, deliver, others]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_in_whatever_pieces_it_comes(
        pdus in proptest::collection::vec((any::<u32>(), messages()), 1..8),
        version in proptest::sample::select(&ALL[..]),
        pieces in proptest::collection::vec(1usize..97, 1..20),
    ) {
        let bytes: Vec<u8> = pdus.iter().flat_map(|(n, pdu)| pdu.encode(version, *n).unwrap()).collect();
        let (mut frames, mut read, mut rest) = (Frames::default(), Vec::new(), &bytes[..]);
        for piece in pieces.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*piece));
            frames.buffer.extend_from_slice(now);
            rest = later;
            while let Some(frame) = frames.cut().unwrap() {
                read.push((frame.sequence, Pdu::decode(version, &frame).unwrap()));
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert!(read == pdus);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), command in 0u32..10, resp: bool) {
        let mut frames = Frames { buffer: BytesMut::from(&bytes[..]) };
        while let Ok(Some(_)) = frames.cut() {}
        let command = command | if resp { RESP } else { 0 };
        let frame = Frame { command, sequence: 0, body: bytes.into() };
        for version in ALL {
            if let Ok(pdu) = Pdu::decode(version, &frame) {
                // What could be read can be written, unless a text grew by the replacement of what is no UTF-8.
                let _ = pdu.encode(version, 0);
            }
        }
        let _ = Report::decode(&frame.body);
    }
}
