//! What holds for every document. Plain functions: cargo-fuzz and the default tests run the same ones.

use jiaoying::gateway::sip::{Packet, Tones, digit_of_info, parse_description, telephone};
use jiaoying::intake::formats::{Limits, Parsed, parse};
use jiaoying::model::Severity;

/// The longest place or reason, in characters.
const TEXT_CHARS_MAX: usize = 301;

/// Any bytes: no panic; a message exactly when no finding is fatal; every finding has its place; and
/// what comes out is bounded by what went in.
pub fn document(bytes: &[u8]) {
    let Parsed { message, findings, .. } = parse(bytes);
    assert_eq!(message.is_none(), findings.iter().any(|f| f.severity == Severity::Fatal), "{findings:?}");
    for finding in &findings {
        assert!(!finding.place.is_empty() && !finding.reason.is_empty(), "{finding:?}");
        let longest = finding.place.chars().count().max(finding.reason.chars().count());
        assert!(longest <= TEXT_CHARS_MAX, "{finding:?}");
    }
    let notices = findings.iter().filter(|f| f.severity == Severity::Notice).count();
    assert!(notices <= Limits::default().findings_max + 1, "{notices}");
    assert!(findings.len() - notices <= 16, "a fatal finding is told once");
    if let Some(message) = message {
        let size = serde_json::to_vec(&message).map_or(0, |json| json.len());
        assert!(size <= 32 * bytes.len() + 4096, "{size} bytes out of {}", bytes.len());
        assert!(!message.sender.is_empty() && !message.identifier.is_empty());
        assert!(
            message.areas.iter().flat_map(|a| &a.polygons).all(|ring| ring.len() >= 4 && ring.first() == ring.last())
        );
    }
}

/// Any bytes where the interesting parts of each format stand.
pub fn inside(bytes: &[u8]) {
    let around: [(&str, &str); 6] = [
        ("<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'>", "</alert>"),
        ("<alert><senderCode>1</senderCode>", "</alert>"),
        ("<alert><senderCode>1</senderCode><info><eventType>11B03</eventType><area>", "</area></info></alert>"),
        ("<?xml version='1.0' encoding='GBK'?><alert><sendTime>", "</sendTime></alert>"),
        ("{\"areas\":[{\"polygons\":", "}]}"),
        ("{\"status\":\"actual\",\"methods\":", "}"),
    ];
    for (before, after) in around {
        document(&[before.as_bytes(), bytes, after.as_bytes()].concat());
    }
}

/// Any bytes where the other side of a voice call sends media, descriptions and keys, and as a recording: no panic,
/// and what comes out is bounded by what went in.
pub fn voice(bytes: &[u8]) {
    let mut tones = Tones::default();
    let keys = bytes.chunks(16).filter_map(Packet::parse).filter_map(|packet| tones.take(&packet));
    assert!(keys.count() <= bytes.len() / 16 + 1);
    if let Some(packet) = Packet::parse(bytes) {
        assert!(packet.payload.len() + 12 <= bytes.len() && packet.payload_type < 128);
        let _ = tones.take(&packet);
        // The same packet is the same press.
        assert_eq!(tones.take(&packet), None);
    }
    for around in ["", "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8 0 101\r\n"] {
        if let Ok(remote) = parse_description(&[around.as_bytes(), bytes].concat()) {
            assert!(remote.address.port() > 0);
        }
    }
    for kind in ["application/dtmf-relay", "application/dtmf"] {
        let key = digit_of_info(kind, bytes);
        assert!(key.is_none_or(|key| key.is_ascii_digit() || "*#ABCD".contains(key)), "{key:?}");
    }
    let header = b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0";
    for file in [bytes.to_vec(), [header, bytes].concat()] {
        if let Ok(sound) = telephone(file.as_slice()) {
            assert!(sound.len() <= file.len() * 2 + 1, "{} samples of {} bytes", sound.len(), file.len());
        }
    }
}
