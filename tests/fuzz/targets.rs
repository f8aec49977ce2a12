//! What holds for every document. Plain functions: cargo-fuzz and the default tests run the same ones.

use jiaoying::gateway::cmpp::codec::{Frames, Pdu, Report, Version};
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

/// Any bytes as a stream of CMPP: no panic; what could be read is written and read again as the same, and a fault
/// has its place.
pub fn cmpp(bytes: &[u8]) {
    let mut frames = Frames { buffer: bytes.into() };
    while let Ok(Some(frame)) = frames.cut() {
        for version in [Version::V20, Version::V30] {
            let pdu = match Pdu::decode(version, &frame) {
                Ok(pdu) => pdu,
                Err(fault) => {
                    assert!(!fault.place.is_empty() && fault.reason.len() < 100, "{fault:?}");
                    continue;
                }
            };
            if let Pdu::Deliver(deliver) = &pdu {
                let _ = Report::decode(&deliver.content);
            }
            // What is no UTF-8 grows when it is replaced, and may then no longer fit its field.
            let Ok(written) = pdu.encode(version, frame.sequence) else { continue };
            let mut again = Frames { buffer: written[..].into() };
            let again = again.cut().ok().flatten().map(|frame| Pdu::decode(version, &frame));
            assert!(again == Some(Ok(pdu)), "not the same");
        }
    }
}
