//! Texts as parts that fit a short message, and parts as texts.

use crate::config::CmppCoding;
use encoding_rs::GBK;

/// Bytes of content that one message carries (specification, Msg_Length).
const CONTENT_MAX: usize = 140;
/// Bytes of the user data header that names the parts of one text.
const HEADER: usize = 6;

/// One part of a text, ready to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Msg_Content, header included.
    pub(super) content: Vec<u8>,
    /// Msg_Fmt.
    pub(super) msg_fmt: u8,
    /// Which part it is, from 1.
    pub(super) number: u8,
    /// How many parts there are.
    pub(super) total: u8,
}

/// What the user data header of a part says (3GPP TS 23.040, 9.2.3.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Concat {
    /// Parts with the same number belong together.
    pub(super) reference: u16,
    /// How many parts there are.
    pub(super) total: u8,
    /// Which part it is, from 1.
    pub(super) number: u8,
}

/// Cuts a text into at most `parts_max` parts: one of 140 bytes, or several of 134 behind a header. `reference`
/// tells the parts of this text from those of others to the same phone.
///
/// # Errors
/// How many parts it would be.
pub(super) fn parts(text: &str, coding: CmppCoding, parts_max: u8, reference: u8) -> Result<Vec<Part>, String> {
    let (msg_fmt, units) = units(text, coding);
    let whole: usize = units.iter().map(Vec::len).sum();
    if whole <= CONTENT_MAX {
        return Ok(vec![Part { content: units.concat(), msg_fmt, number: 1, total: 1 }]);
    }
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for unit in units {
        match bodies.last_mut() {
            Some(body) if body.len() + unit.len() <= CONTENT_MAX - HEADER => body.extend(unit),
            _ => bodies.push(unit),
        }
    }
    let total = u8::try_from(bodies.len()).ok().filter(|total| *total <= parts_max);
    let total = total.ok_or_else(|| format!("the text has {} parts; at most {parts_max}", bodies.len()))?;
    let part = |(number, body): (u8, Vec<u8>)| {
        let content = [&[5, 0, 3, reference, total, number][..], &body].concat();
        Part { content, msg_fmt, number, total }
    };
    Ok((1..=total).zip(bodies).map(part).collect())
}

/// Msg_Fmt, and the characters as bytes: none is cut in two.
fn units(text: &str, coding: CmppCoding) -> (u8, Vec<Vec<u8>>) {
    if coding == CmppCoding::Gbk {
        if text.is_ascii() {
            return (0, text.bytes().map(|b| vec![b]).collect());
        }
        let gbk = |c: char| {
            let mut one = [0; 4];
            let (bytes, _, lost) = GBK.encode(c.encode_utf8(&mut one));
            // Carriers know two bytes a character; what is beyond goes as UCS-2.
            (!lost && bytes.len() <= 2).then(|| bytes.into_owned())
        };
        if let Some(units) = text.chars().map(gbk).collect::<Option<_>>() {
            return (15, units);
        }
    }
    let utf16 = |c: char| {
        let mut two = [0; 2];
        c.encode_utf16(&mut two).iter().flat_map(|unit| unit.to_be_bytes()).collect()
    };
    (8, text.chars().map(utf16).collect())
}

/// The words of a content without header. What cannot be read is replaced, never dropped: somebody answered.
pub(super) fn words(msg_fmt: u8, content: &[u8]) -> String {
    match msg_fmt {
        8 => {
            let units: Vec<u16> =
                content.chunks(2).map(|c| u16::from_be_bytes([c[0], *c.get(1).unwrap_or(&0)])).collect();
            String::from_utf16_lossy(&units)
        }
        15 => GBK.decode_without_bom_handling(content).0.into_owned(),
        // ASCII, and for any other coding the likeliest: GBK holds ASCII.
        _ => match std::str::from_utf8(content) {
            Ok(text) => text.to_owned(),
            Err(_) => GBK.decode_without_bom_handling(content).0.into_owned(),
        },
    }
}

/// Parts a content into what its user data header says about parts, and the rest. A header that cannot be read is
/// taken for words.
pub(super) fn header(content: &[u8]) -> (Option<Concat>, &[u8]) {
    let Some((&length, rest)) = content.split_first() else { return (None, content) };
    let Some((mut elements, body)) = rest.split_at_checked(length.into()) else { return (None, content) };
    let mut concat = None;
    while let [id, length, more @ ..] = elements {
        let Some((data, next)) = more.split_at_checked((*length).into()) else { return (None, content) };
        concat = match (id, data) {
            (0, [reference, total, number]) => Some((u16::from(*reference), *total, *number)),
            (8, [high, low, total, number]) => Some((u16::from_be_bytes([*high, *low]), *total, *number)),
            _ => concat,
        };
        elements = next;
    }
    let sound = |(reference, total, number): (u16, u8, u8)| {
        (total > 1 && (1..=total).contains(&number)).then_some(Concat { reference, total, number })
    };
    (concat.and_then(sound), body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str, coding: CmppCoding) -> Vec<Part> {
        parts(text, coding, 255, 7).unwrap()
    }

    #[test]
    fn seventy_characters_are_one_part_and_one_more_makes_two_of_sixty_seven() {
        let one = cut(&"雨".repeat(70), CmppCoding::Ucs2);
        assert_eq!((one.len(), one[0].content.len(), one[0].total), (1, 140, 1));
        let two = cut(&"雨".repeat(71), CmppCoding::Ucs2);
        assert_eq!(two.iter().map(|p| p.content.len()).collect::<Vec<_>>(), [140, 6 + 2 * 4]);
        assert_eq!(two[1].content[..6], [5, 0, 3, 7, 2, 2]);
        assert_eq!(cut(&"雨".repeat(134), CmppCoding::Ucs2).len(), 2);
        assert_eq!(cut(&"雨".repeat(135), CmppCoding::Ucs2).len(), 3);
        let refused = parts(&"雨".repeat(135), CmppCoding::Ucs2, 2, 0).unwrap_err();
        assert_eq!(refused, "the text has 3 parts; at most 2");
    }

    #[test]
    fn the_coding_fits_the_text() {
        let fmt = |text: &str, coding| cut(text, coding)[0].msg_fmt;
        assert_eq!(fmt("OK 1", CmppCoding::Ucs2), 8);
        assert_eq!(fmt("OK 1", CmppCoding::Gbk), 0);
        assert_eq!(fmt("收到 1", CmppCoding::Gbk), 15);
        // A rare character of a name, and Tibetan, which GBK does not know.
        assert_eq!((fmt("𠮷", CmppCoding::Gbk), fmt("བོད", CmppCoding::Gbk)), (8, 8));
        assert_eq!(cut("𠮷", CmppCoding::Ucs2)[0].content, [0xd8, 0x42, 0xdf, 0xb7]);
    }

    #[test]
    fn a_character_is_never_cut_in_two() {
        // 66 characters and one of two units: the pair goes to the second part.
        let text = format!("{}𠮷{}", "雨".repeat(66), "风".repeat(10));
        let parts = cut(&text, CmppCoding::Ucs2);
        assert_eq!(parts[0].content.len(), 6 + 132);
        let joined: String = parts.iter().map(|p| words(8, header(&p.content).1)).collect();
        assert_eq!(joined, text);
    }

    #[test]
    fn words_are_read_in_each_coding() {
        assert_eq!(words(8, &[0x65, 0x36, 0x52, 0x30]), "收到");
        assert_eq!(words(15, &[0xca, 0xd5, 0xb5, 0xbd]), "收到");
        assert_eq!(words(0, b"1"), "1");
        assert_eq!(words(4, "收到".as_bytes()), "收到");
        assert_eq!(words(8, &[0x65, 0x36, 0x52]), "收\u{5200}", "an odd byte hides nothing before it");
    }

    #[test]
    fn headers_name_parts_by_one_byte_or_two() {
        let concat = |reference, total, number| Some(Concat { reference, total, number });
        assert_eq!(header(&[5, 0, 3, 9, 2, 1, b'a']), (concat(9, 2, 1), &b"a"[..]));
        assert_eq!(header(&[6, 8, 4, 1, 2, 3, 3, b'a']), (concat(0x102, 3, 3), &b"a"[..]));
        // Another element in front of it; a part that cannot be; headers that are none.
        assert_eq!(header(&[8, 36, 1, 0, 0, 3, 9, 2, 2, b'a']), (concat(9, 2, 2), &b"a"[..]));
        assert_eq!(header(&[5, 0, 3, 9, 2, 3, b'a']), (None, &b"a"[..]));
        assert_eq!(header(&[200, 0, 3]), (None, &[200, 0, 3][..]));
        assert_eq!(header(&[3, 0, 9, 1, b'a']), (None, &[3, 0, 9, 1, b'a'][..]));
        assert_eq!(header(&[]), (None, &[][..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn what_was_cut_joins_to_the_same_words(text in "\\PC{0,400}", gbk: bool) {
            let coding = if gbk { CmppCoding::Gbk } else { CmppCoding::Ucs2 };
            let parts = cut(&text, coding);
            let bodies = parts.iter().map(|p| if p.total > 1 { header(&p.content).1 } else { &p.content });
            prop_assert_eq!(words(parts[0].msg_fmt, &bodies.collect::<Vec<_>>().concat()), text);
            prop_assert!(parts.iter().all(|p| p.content.len() <= CONTENT_MAX));
        }

        #[test]
        fn no_content_panics(content in proptest::collection::vec(any::<u8>(), 0..160), msg_fmt: u8) {
            let (_, body) = header(&content);
            let _ = words(msg_fmt, body);
        }
    }
}
