//! What holds for every document. Plain functions: cargo-fuzz and the default tests run the same ones.

use jiaoying::gateway::{ebd, mqtt};
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

/// Any bytes where a platform posts packages, as a body, as a form, and inside a package that is whole; and where a
/// speaker tells something: no panic, and what is refused says why.
pub fn broadcast(bytes: &[u8]) {
    let form = [b"--x\r\nfilename\r\n\r\n".as_slice(), bytes, b"\r\n--x--\r\n"].concat();
    let inside = String::from_utf8_lossy(bytes);
    let state = format!(
        "<EBD><EBDID>1</EBDID><EBDType>EBMStateResponse</EBDType><EBMStateResponse><EBM><EBMID>1</EBMID></EBM>{inside}\
         </EBMStateResponse></EBD>"
    );
    let read = [
        ebd::read_any("application/x-tar", bytes),
        ebd::read_any("multipart/form-data; boundary=x", &form),
        ebd::read_any(&inside, bytes),
        ebd::read_any("", &ebd::pack_any(&inside)),
        ebd::read_any("", &ebd::pack_any(&state)),
        mqtt::read_state(bytes).map(|state| format!("{state:?}")),
    ];
    for refused in read.into_iter().filter_map(Result::err) {
        assert!(!refused.is_empty() && refused.chars().count() <= TEXT_CHARS_MAX, "{refused}");
    }
    let status = mqtt::read_status(bytes);
    assert!(status.is_none() || bytes.len() >= 6, "{status:?}");
}
