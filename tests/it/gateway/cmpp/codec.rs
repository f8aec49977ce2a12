//! The fuzz target of the codec on any bytes and on spoilt messages: a bounded number, each by its seed.

use super::ismg::{reply, report};
use super::*;
use crate::formats::targets;
use jiaoying::gateway::cmpp::codec::{Pdu, SubmitResp};
use proptest::prelude::*;

fn messages() -> Vec<Vec<u8>> {
    let pdus = [
        report(1, "DELIVRD", "13800138001", "10690123", true),
        report(1, "MK:0001", "13800138001", "10690123", false),
        reply("13800138001", "10690123372", 8, &ucs2("收到")),
        Pdu::SubmitResp(SubmitResp { msg_id: 1, result: 8 }),
        Pdu::Cancel { msg_id: 1 },
        Pdu::ActiveTest,
    ];
    [Version::V20, Version::V30].into_iter().flat_map(|v| pdus.iter().map(move |p| p.encode(v, 7).unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_target_holds_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        targets::cmpp(&bytes);
    }

    #[test]
    fn the_target_holds_on_spoilt_messages(
        chosen in proptest::collection::vec(proptest::sample::select(messages()), 1..4),
        spoilt in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = chosen.concat();
        for (at, byte) in spoilt {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        targets::cmpp(&bytes);
    }
}
