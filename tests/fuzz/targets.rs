//! What holds for every document. Plain functions: cargo-fuzz and the default tests run the same ones.

use jiaoying::config::SmppSection;
use jiaoying::gateway::smpp::{Incoming, ReceiptText, cut, words};
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

/// Any octets of a message centre: no panic, what is cut out is no more than came, and a stream that cannot be read
/// on says so.
pub fn smpp(octets: &[u8]) {
    let mut stream = octets.into();
    let settings = SmppSection::default();
    let mut frames = 0;
    while let Ok(Some(frame)) = cut(&mut stream) {
        frames += 1;
        if let Incoming::Deliver(deliver) = frame.read() {
            let said = words(&deliver, &settings);
            assert!(said.len() <= 3 * octets.len(), "{} bytes of words", said.len());
            receipt(said.as_bytes());
        }
    }
    assert!(frames <= octets.len() / 16, "{frames} PDUs");
}

/// Any words of a receipt: no panic, and nothing is read that is not there.
pub fn receipt(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let read = ReceiptText::read(&text);
    for value in [&read.id, &read.err, &read.done].into_iter().flatten() {
        assert!(!value.is_empty() && text.contains(value.as_str()), "{value}");
    }
    let _ = read.done_at(480);
}
