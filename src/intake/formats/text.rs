//! Character sets: what the bytes say, against what the document declares.

use super::Findings;
use super::xml::position;
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// How far into a document the XML declaration is looked for, in bytes.
const DECLARATION_BYTES: usize = 256;
/// When more than one character in this many cannot be read, the bytes are no text.
const SPOILT_SHARE: usize = 8;
/// Where a finding about the whole text stands.
const START: &str = "line 1, column 1";

/// The document's text without a byte order mark; `None` after a fatal finding when its bytes fit no
/// character set.
///
/// The bytes win over the declaration: exports declare UTF-8 and hold GB18030, and the other way
/// round. GB2312 and GBK are read as GB18030, which contains both. What was found is a notice when it
/// is not what was declared. A few bytes that no character set explains become U+FFFD, with a notice:
/// a spoilt description is no reason to lose a warning.
pub(super) fn decode<'a>(bytes: &'a [u8], findings: &mut Findings) -> Option<Cow<'a, str>> {
    match Encoding::for_bom(bytes) {
        Some((encoding, mark)) if encoding == UTF_8 => narrow(&bytes[mark..], true, findings),
        Some((encoding, mark)) => wide(&bytes[mark..], encoding, findings),
        None => match bytes {
            [b'<' | b'{', 0, ..] => unmarked(bytes, UTF_16LE, findings),
            [0, b'<' | b'{', ..] => unmarked(bytes, UTF_16BE, findings),
            // The byte order mark of GB18030, which decodes as one.
            [0x84, 0x31, 0x95, 0x33, rest @ ..] => narrow(rest, false, findings),
            _ => narrow(bytes, false, findings),
        },
    }
}

fn unmarked<'a>(bytes: &'a [u8], encoding: &'static Encoding, findings: &mut Findings) -> Option<Cow<'a, str>> {
    findings.notice(START, format!("no byte order mark; the bytes are {}", encoding.name()));
    wide(bytes, encoding, findings)
}

/// UTF-16. An XML declaration in it can only be read after decoding.
fn wide<'a>(bytes: &'a [u8], encoding: &'static Encoding, findings: &mut Findings) -> Option<Cow<'a, str>> {
    let text = encoding.decode_without_bom_handling(bytes).0;
    let said = declared(text.as_bytes()).filter(|said| !said.to_ascii_uppercase().starts_with("UTF-16"));
    let lie = said.map(|said| format!("declares {said:?}, but the bytes are {}", encoding.name()));
    readable(text, encoding, lie, findings)
}

/// The character sets in which ASCII is one byte. `marked`: behind a byte order mark of UTF-8.
fn narrow<'a>(bytes: &'a [u8], marked: bool, findings: &mut Findings) -> Option<Cow<'a, str>> {
    let label = declared(bytes);
    let by_label = label.as_deref().and_then(|l| Encoding::for_label(l.as_bytes()));
    if let (Some(label), None) = (&label, by_label) {
        findings.notice(START, format!("declares the unknown encoding {label:?}"));
    }
    let said = by_label.map_or(UTF_8, unified);
    let mut found = |found: &'static Encoding, text: Cow<'a, str>| {
        let lie = found != said && !text.is_ascii();
        let lie = lie.then(|| match &label {
            Some(label) => format!("declares {label:?}, but the bytes are {}", found.name()),
            None => format!("declares nothing, which means UTF-8, but the bytes are {}", found.name()),
        });
        readable(text, found, lie, findings)
    };
    // A declaration that can be read byte by byte is not in UTF-16.
    let said_narrow = if said == UTF_16LE || said == UTF_16BE { UTF_8 } else { said };
    if let Ok(text) = std::str::from_utf8(bytes)
        && (marked || said_narrow == UTF_8 || is_chinese(text))
    {
        return found(UTF_8, Cow::Borrowed(text));
    }
    let utf8 = String::from_utf8_lossy(bytes);
    if is_spoilt_utf8(&utf8) {
        return found(UTF_8, utf8);
    }
    if said_narrow != UTF_8 {
        return found(said_narrow, said_narrow.decode_without_bom_handling(bytes).0);
    }
    let gb = GB18030.decode_without_bom_handling(bytes).0;
    if spoilt(&gb) < spoilt(&utf8) { found(GB18030, gb) } else { found(UTF_8, utf8) }
}

/// The text, unless too little of it can be read. `lie`: what was declared, against what was found.
fn readable<'a>(
    text: Cow<'a, str>,
    encoding: &'static Encoding,
    lie: Option<String>,
    findings: &mut Findings,
) -> Option<Cow<'a, str>> {
    let hole = text.find('\u{FFFD}').map(|at| position(&text, at));
    if let Some(at) = &hole
        && spoilt(&text) * SPOILT_SHARE > text.chars().count()
    {
        findings.fatal(at, "from here on the bytes are no text in UTF-8, GB18030 or UTF-16");
        return None;
    }
    if let Some(lie) = lie {
        findings.notice(START, lie);
    }
    if let Some(at) = hole {
        let reason = format!("bytes that are not {} from here on; each is read as U+FFFD", encoding.name());
        findings.notice(at, reason);
    }
    Some(text)
}

fn spoilt(text: &str) -> usize {
    text.matches('\u{FFFD}').count()
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
fn is_spoilt_utf8(text: &str) -> bool {
    text.chars().filter(|c| is_cjk(*c)).count() > spoilt(text)
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

    /// The text and the reasons of its findings.
    fn read(bytes: &[u8]) -> (Option<String>, Vec<String>) {
        let mut findings = Findings::new(9);
        let text = decode(bytes, &mut findings).map(Cow::into_owned);
        (text, findings.into_vec().into_iter().map(|f| f.reason).collect())
    }

    fn decoded(bytes: &[u8]) -> (String, usize) {
        let (text, reasons) = read(bytes);
        (text.unwrap(), reasons.len())
    }

    fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
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
    fn reads_utf16_and_names_what_is_not_as_told() {
        let xml = |label: &str| format!("<?xml version='1.0' encoding='{label}'?><a>暴雨</a>");
        for big in [false, true] {
            assert_eq!(decoded(&utf16(&xml("UTF-16"), big, true)), (xml("UTF-16"), 0));
            assert_eq!(decoded(&utf16("{\"a\":\"暴雨\"}", big, true)), ("{\"a\":\"暴雨\"}".into(), 0));
            let (text, reasons) = read(&utf16(&xml("UTF-16"), big, false));
            assert_eq!(text.unwrap(), xml("UTF-16"));
            assert_eq!(reasons, [format!("no byte order mark; the bytes are UTF-16{}", if big { "BE" } else { "LE" })]);
            let (text, reasons) = read(&utf16(&xml("UTF-8"), big, true));
            assert_eq!(text.unwrap(), xml("UTF-8"));
            assert!(reasons[0].starts_with("declares \"UTF-8\", but the bytes are UTF-16"), "{reasons:?}");
        }
        let (text, reasons) = read(xml("UTF-16").as_bytes());
        assert_eq!(text.unwrap(), xml("UTF-16"));
        assert_eq!(reasons, ["declares \"UTF-16\", but the bytes are UTF-8"]);
    }

    #[test]
    fn a_mark_of_utf8_wins_over_the_declaration_and_the_bytes_over_the_mark() {
        let text = "<?xml version='1.0' encoding='GBK'?><a>暴雨</a>";
        let (read_as, reasons) = read(format!("\u{FEFF}{text}").as_bytes());
        assert_eq!(
            (read_as.as_deref(), &reasons[..]),
            (Some(text), &["declares \"GBK\", but the bytes are UTF-8".into()][..])
        );
        let marked = [b"\xEF\xBB\xBF", &GB18030.encode(text).0[..]].concat();
        assert_eq!(decoded(&marked), (text.into(), 0), "a mark of UTF-8 before what is GBK and says so");
        let marked = [b"\x84\x31\x95\x33", &GB18030.encode(text).0[..]].concat();
        assert_eq!(decoded(&marked), (text.into(), 0), "GB18030 has a mark, too");
    }

    #[test]
    fn spoilt_gb_spoils_only_its_characters() {
        let mut bytes = GB18030.encode("<a>预计未来三小时雨量将达一百毫米，请立即叫应</a>").0.into_owned();
        bytes[10] = 0xFF;
        let (text, reasons) = read(&bytes);
        assert!(text.unwrap().ends_with("雨量将达一百毫米，请立即叫应</a>"));
        assert_eq!(reasons[0], "declares nothing, which means UTF-8, but the bytes are gb18030");
        assert!(reasons[1].starts_with("bytes that are not gb18030"), "{reasons:?}");
    }

    #[test]
    fn one_foreign_byte_in_english_is_replaced() {
        let (text, reasons) = read(b"<a>a long warning about the caf\xE9</a>");
        assert_eq!(text.unwrap(), "<a>a long warning about the caf\u{FFFD}</a>");
        assert_eq!(reasons, ["bytes that are not UTF-8 from here on; each is read as U+FFFD"]);
    }

    #[test]
    fn what_nothing_explains_is_refused() {
        for bytes in
            [&b"{\"a\": \"\xFF\xFF\"}"[..], b"\x1F\x8B\x08\xFF\xFF\x80\x80", b"<a>\x80\xFF\x80\xFF\x80\xFF\x80\xFF</a>"]
        {
            let (text, reasons) = read(bytes);
            assert_eq!(text, None);
            assert_eq!(reasons, ["from here on the bytes are no text in UTF-8, GB18030 or UTF-16"]);
        }
        let odd = [&utf16("<a>暴雨</a>", true, true)[..], b"\xD8"].concat();
        assert_eq!(decoded(&odd).1, 1, "half a character at the end");
    }
}
