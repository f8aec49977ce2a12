//! What holds for every document. Plain functions: cargo-fuzz and the default tests run the same ones.

use jiaoying::config::GatewaySection;
use jiaoying::gateway::vendor::count_events;
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

/// Any bytes as a callback of any vendor, the first line as the query: no panic, and no more events than there is
/// room for.
pub fn callback(bytes: &[u8]) {
    let (query, body) = bytes.split_at(bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len()));
    let dialects =
        ["aliyun_sms", "aliyun_voice", "tencent_sms", "tencent_voice", "twilio_sms", "twilio_voice", "kannel"];
    for dialect in dialects {
        let section = serde_json::json!({
            "id": "v", "kind": "vendor", "channels": ["sms"], "url": "http://127.0.0.1:9",
            "vendor": {"dialect": dialect, "account": "a", "path_secret": "only-the-vendor-knows", "key": "k"},
        });
        let section: GatewaySection = serde_json::from_value(section).expect("a section");
        let (events, bad) = count_events(&section, query, body).unwrap_or_default();
        assert!(events + bad <= 4 * bytes.len() + 1, "{events} events, {bad} bad ones");
    }
}
