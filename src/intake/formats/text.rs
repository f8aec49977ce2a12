//! Character sets: what the bytes say, against what the document declares.

use super::Findings;
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// How far into a document the XML declaration is looked for, in bytes.
const DECLARATION_BYTES: usize = 256;

/// The document's text without a byte order mark.
///
/// The bytes win over the declaration: exports declare UTF-8 and hold GB18030, and the other way
/// round. GB2312 and GBK are read as GB18030, which contains both. What no character set explains
/// becomes U+FFFD, with a notice: a spoilt description is no reason to lose a warning.
pub(super) fn decode<'a>(bytes: &'a [u8], findings: &mut Findings) -> Cow<'a, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return lossy(&bytes[mark..], encoding, findings);
    }
    let label = declared(bytes);
    let by_label = label.as_deref().and_then(|l| Encoding::for_label(l.as_bytes()));
    if let (Some(label), None) = (&label, by_label) {
        findings.notice("line 1, column 1", format!("declares the unknown encoding {label:?}"));
    }
    // A declaration that can be read byte by byte is not in UTF-16.
    let said = by_label.filter(|e| *e != UTF_16LE && *e != UTF_16BE).map_or(UTF_8, unified);
    let utf8 = std::str::from_utf8(bytes).ok().filter(|text| said == UTF_8 || is_chinese(text));
    if let Some(text) = utf8 {
        if said != UTF_8 && !text.is_ascii() {
            lie(said, UTF_8, findings);
        }
        return Cow::Borrowed(text);
    }
    if said == UTF_8
        && !is_spoilt_utf8(bytes)
        && let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes)
    {
        lie(said, GB18030, findings);
        return text;
    }
    lossy(bytes, said, findings)
}

fn lie(said: &'static Encoding, found: &'static Encoding, findings: &mut Findings) {
    let reason = format!("declared (or by default) {}, but the bytes are {}", said.name(), found.name());
    findings.notice("line 1, column 1", reason);
}

fn lossy<'a>(bytes: &'a [u8], encoding: &'static Encoding, findings: &mut Findings) -> Cow<'a, str> {
    let (text, spoilt) = encoding.decode_without_bom_handling(bytes);
    if spoilt {
        let at = super::xml::position(&text, text.find('\u{FFFD}').unwrap_or(0));
        findings.notice(at, format!("bytes that are not {} from here on; each is read as U+FFFD", encoding.name()));
    }
    text
}

fn unified(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == encoding_rs::GBK { GB18030 } else { encoding }
}

/// Two-byte GB text can pass for valid UTF-8, but then as Latin or Cyrillic, never as Chinese. Pure
/// ASCII is the same in all character sets.
fn is_chinese(text: &str) -> bool {
    text.is_ascii() || text.chars().any(is_cjk)
}

/// UTF-8 with a few spoilt bytes often passes for GB18030 and would become nonsense as a whole; GB
/// bytes read as UTF-8 give hardly anything Chinese.
fn is_spoilt_utf8(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| is_cjk(*c)).count() > text.matches('\u{FFFD}').count()
}

fn is_cjk(c: char) -> bool {
    ('\u{2E80}'..='\u{9FFF}').contains(&c)
}

/// The label in `<?xml … encoding="label" …?>`.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_BYTES)]).into_owned();
    let declaration = head.trim_start().strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (String, usize) {
        let mut findings = Findings::new(9);
        let text = decode(bytes, &mut findings).into_owned();
        (text, findings.into_vec().len())
    }

    #[test]
    fn reads_utf8_with_and_without_a_mark() {
        assert_eq!(decoded("\u{FEFF}暴雨".as_bytes()), ("暴雨".into(), 0));
        assert_eq!(decoded("暴雨".as_bytes()), ("暴雨".into(), 0));
    }

    #[test]
    fn reads_gb_as_declared_and_names_a_false_declaration() {
        for label in ["GB2312", "gbk", "GB18030"] {
            let text = format!("<?xml version='1.0' encoding='{label}'?><a>暴雨</a>");
            assert_eq!(decoded(&GB18030.encode(&text).0), (text.clone(), 0), "{label}");
            assert_eq!(decoded(text.as_bytes()), (text.clone(), 1), "UTF-8 that declares {label}");
        }
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>暴雨</a>";
        assert_eq!(decoded(&GB18030.encode(text).0), (text.into(), 1));
        assert_eq!(decoded(&GB18030.encode("{\"a\":\"暴雨\"}").0), ("{\"a\":\"暴雨\"}".into(), 1));
    }

    #[test]
    fn declared_gb_that_is_valid_utf8_by_chance_stays_gb() {
        let text = "<?xml version='1.0' encoding='GBK'?><a>一</a>";
        let bytes = GB18030.encode(text).0;
        assert!(std::str::from_utf8(&bytes).is_ok(), "the trap is set");
        assert_eq!(decoded(&bytes), (text.into(), 0));
    }

    #[test]
    fn spoilt_bytes_spoil_only_their_characters() {
        let mut bytes = "<a>预计未来雨量将达，请立即叫应</a>".as_bytes().to_vec();
        bytes.remove(8);
        bytes.remove(9);
        let (text, notices) = decoded(&bytes);
        assert!(GB18030.decode_without_bom_handling_and_without_replacement(&bytes).is_some(), "the trap is set");
        assert!(text.ends_with("来雨量将达，请立即叫应</a>"), "{text}");
        assert_eq!(notices, 1);
    }

    #[test]
    fn what_nothing_explains_is_replaced_with_a_notice() {
        let (text, notices) = decoded(b"{\"a\": \"\xFF\xFF\"}");
        assert!(text.contains('\u{FFFD}'), "{text}");
        assert_eq!(notices, 1);
    }
}
