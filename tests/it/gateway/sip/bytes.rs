//! The fuzz target of what the other side of a call sends, on any bytes and on mutated real ones.

use crate::formats::targets;
use proptest::prelude::*;

/// A real answer of `sipp`, a key and the head of a recording, to begin from.
fn real() -> Vec<Vec<u8>> {
    let description = "v=0\r\no=sipp 5 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=audio 6000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
    let key = [0x80, 101, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7, 1, 0x8A, 3, 0xC0];
    let recording = std::fs::read(super::speech::tone()).unwrap()[..400].to_vec();
    vec![description.into(), key.repeat(3), recording, b"Signal=1\r\nDuration=160\r\n".to_vec()]
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        targets::voice(&bytes);
    }

    #[test]
    fn mutated_real_bytes_do_no_harm(
        of in 0..4_usize,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = real().swap_remove(of);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        targets::voice(&bytes);
        targets::voice(&bytes[..end.index(bytes.len())]);
    }
}
