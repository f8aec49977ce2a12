//! Words as octets and back: the default alphabet, UCS-2, and what else centres send.

use crate::config::{DefaultAlphabet, SmppSection};
use crate::model::{GSM7, GSM7_EXTENSION, SmsAlphabet};
use encoding_rs::GB18030;

/// Codes of the extension table, in the order of [`GSM7_EXTENSION`] (3GPP TS 23.038 §6.2.1.1).
const EXTENSION_CODES: [u8; 10] = [0x0a, 0x14, 0x28, 0x29, 0x2f, 0x3c, 0x3d, 0x3e, 0x40, 0x65];
const ESCAPE: u8 = 0x1b;

/// A text as it goes over the wire.
pub(super) struct Written {
    /// The data coding.
    pub(super) coding: u8,
    /// The octets of each part.
    pub(super) parts: Vec<Vec<u8>>,
}

/// A text in the default alphabet when all of it is in there, else in UCS-2; cut unless it goes `whole`.
pub(super) fn write(text: &str, settings: &SmppSection, whole: bool) -> Written {
    let one = |text: &str| match settings.default_alphabet {
        DefaultAlphabet::Gsm7 => gsm7(text),
        // The air is GSM-7 all the same.
        DefaultAlphabet::Latin1 => gsm7(text).and_then(|_| latin1(text)),
    };
    let plain = one(text).is_some();
    let alphabet = if plain { SmsAlphabet::Gsm7 } else { SmsAlphabet::Ucs2 };
    let pieces = if whole { vec![text] } else { alphabet.cut(text) };
    let ucs2 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let octets = |piece: &str| if plain { one(piece).unwrap_or_default() } else { ucs2(piece) };
    let parts = pieces.into_iter().map(octets).collect();
    Written { coding: if plain { settings.default_coding } else { settings.ucs2_coding }, parts }
}

/// The words of octets, by their data coding (SMPP 3.4 §5.2.19): as well as they can be read.
pub(super) fn read(coding: u8, octets: &[u8], settings: &SmppSection) -> String {
    let text = match coding {
        c if c == settings.ucs2_coding => from_ucs2(octets),
        c if c == settings.default_coding => from_default(octets, settings.default_alphabet),
        1 | 3 => from_latin1(octets),
        8 => from_ucs2(octets),
        // With a message class (3GPP TS 23.038 §4): bits 3 and 2 name the alphabet.
        0x10..=0x1f if coding & 0x0c == 0x08 => from_ucs2(octets),
        0x10..=0x1f | 0xf0..=0xff if coding & 0x04 == 0 => from_default(octets, settings.default_alphabet),
        // 15 is GBK with Chinese carriers; of the others nothing better is known.
        _ => from_gbk(octets).unwrap_or_else(|| from_latin1(octets)),
    };
    text.trim_matches(['\0', '\u{feff}']).to_owned()
}

fn gsm7(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        if let Some(place) = GSM7.chars().position(|x| x == c) {
            out.push(place as u8 + u8::from(place >= usize::from(ESCAPE)));
        } else {
            let place = GSM7_EXTENSION.chars().position(|x| x == c)?;
            out.extend([ESCAPE, EXTENSION_CODES[place]]);
        }
    }
    Some(out)
}

fn from_gsm7(octets: &[u8]) -> String {
    let table: Vec<char> = GSM7.chars().collect();
    let plain = |code: u8| {
        let place = usize::from(code) - usize::from(code > ESCAPE);
        table.get(place).copied().unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    let (mut out, mut escaped) = (String::new(), false);
    for code in octets.iter().map(|o| o & 0x7f) {
        let extended = EXTENSION_CODES.iter().position(|x| *x == code).filter(|_| escaped);
        match extended.and_then(|place| GSM7_EXTENSION.chars().nth(place)) {
            Some(c) => out.push(c),
            None if code == ESCAPE && !escaped => {
                escaped = true;
                continue;
            }
            // TS 23.038: what the extension table does not have shows as in the default one.
            None if code == ESCAPE => out.push(' '),
            None => out.push(plain(code)),
        }
        escaped = false;
    }
    out
}

fn from_default(octets: &[u8], alphabet: DefaultAlphabet) -> String {
    match alphabet {
        DefaultAlphabet::Latin1 => from_latin1(octets),
        // Seven bits hold it all; what has eight is something else that was not said.
        DefaultAlphabet::Gsm7 if octets.is_ascii() => from_gsm7(octets),
        DefaultAlphabet::Gsm7 => from_gbk(octets).unwrap_or_else(|| from_latin1(octets)),
    }
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn from_latin1(octets: &[u8]) -> String {
    octets.iter().map(|o| char::from(*o)).collect()
}

fn from_ucs2(octets: &[u8]) -> String {
    let units: Vec<u16> = octets.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
    String::from_utf16_lossy(&units)
}

fn from_gbk(octets: &[u8]) -> Option<String> {
    GB18030.decode_without_bom_handling_and_without_replacement(octets).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Segments;
    use proptest::prelude::*;

    #[test]
    fn known_octets_of_both_alphabets() {
        assert_eq!(gsm7("@Δ 1[€à").unwrap(), [0x00, 0x10, 0x20, 0x31, 0x1b, 0x3c, 0x1b, 0x65, 0x7f]);
        assert_eq!((gsm7("收"), gsm7("`"), gsm7("ÆΞ").unwrap()), (None, None, vec![0x1c, 0x1a]));
        let settings = SmppSection::default();
        let written = write("1 收到", &settings, false);
        assert_eq!((written.coding, written.parts), (8, vec![vec![0, 0x31, 0, 0x20, 0x65, 0x36, 0x52, 0x30]]));
        let latin1 = SmppSection { default_alphabet: DefaultAlphabet::Latin1, ..settings };
        assert_eq!((write("é@", &latin1, false).parts, write("Δ", &latin1, false).coding), (vec![vec![0xe9, 0x40]], 8));
    }

    #[test]
    fn replies_are_read_as_well_as_they_can_be() {
        let settings = SmppSection::default();
        let said = |coding, octets: &[u8]| read(coding, octets, &settings);
        assert_eq!(said(0, b"1#37"), "1#37");
        assert_eq!(said(8, &[0x65, 0x36, 0x52, 0x30]), "收到");
        assert_eq!(said(8, &[0xfe, 0xff, 0x65, 0x36, 0x52]), "收");
        assert_eq!(said(0x18, &[0x65, 0x36]), "收");
        assert_eq!(said(15, &[0xca, 0xd5, 0xb5, 0xbd]), "收到");
        assert_eq!(said(0, &[0xca, 0xd5, 0xb5, 0xbd]), "收到", "GBK under the wrong name");
        assert_eq!(said(3, &[0xe9]), "é");
        assert_eq!(said(4, &[0xff, 0xff]), "ÿÿ");
        assert_eq!(said(0, &[0x1b, 0x65, 0x1b, 0x1b, 0x41]), "€ A");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[ -~@£àΔ€\\[收到暴雨𠮷]{0,400}") {
            for alphabet in [DefaultAlphabet::Gsm7, DefaultAlphabet::Latin1] {
                let settings = SmppSection { default_alphabet: alphabet, ..SmppSection::default() };
                let written = write(&text, &settings, false);
                let said: String = written.parts.iter().map(|p| read(written.coding, p, &settings)).collect();
                prop_assert_eq!(&said, &text);
                let most = if written.parts.len() == 1 { 160 } else { 153 };
                prop_assert!(written.parts.iter().all(|p| p.len() <= most));
                if alphabet == DefaultAlphabet::Gsm7 {
                    prop_assert_eq!(written.parts.len(), Segments::of(&text).segments.max(1));
                }
            }
        }

        #[test]
        fn any_octets_are_some_words(coding: u8, octets: Vec<u8>) {
            let said = read(coding, &octets, &SmppSection::default());
            prop_assert!(said.len() <= 3 * octets.len());
        }
    }
}
