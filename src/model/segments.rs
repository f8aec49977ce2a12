//! How a short message is cut for the air: its alphabet, its length, its segments.
//!
//! 3GPP TS 23.038 (alphabets) and TS 23.040 (concatenation): 140 octets hold 160 septets of the GSM
//! default alphabet or 70 code units of UCS-2; a message in several segments gives 6 octets of each to
//! the header that joins them, which leaves 153 and 67.

use serde::{Deserialize, Serialize};

/// Code units of UCS-2 in a message of one segment: what the first piece of a long message shows.
pub const UCS2_UNITS: usize = 70;
const UCS2_UNITS_JOINED: usize = 67;
const GSM7_UNITS: usize = 160;
const GSM7_UNITS_JOINED: usize = 153;

/// The GSM 7-bit default alphabet, TS 23.038 6.2.1, in the order of its codes without the escape (0x1B).
pub(crate) const GSM7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension table, TS 23.038 6.2.1.1: each costs an escape and itself.
pub(crate) const GSM7_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The alphabet of a short message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SmsAlphabet {
    /// The GSM 7-bit default alphabet with its extension table.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// UTF-16 code units, two octets each.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

/// A short message as it is cut for the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// The alphabet: GSM-7 when every character is in it.
    pub alphabet: SmsAlphabet,
    /// Its length in septets, or in UTF-16 code units.
    pub units: usize,
    /// How many segments it goes out in; 0 for an empty text.
    pub segments: usize,
}

// === impl SmsAlphabet, Segments ===

impl SmsAlphabet {
    /// The name that carriers use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// The pieces of a text that is sent in this alphabet: itself, or pieces that leave room for the header that
    /// joins them. What costs two units is not torn apart; what is not in the alphabet counts as one unit.
    #[must_use]
    pub fn cut(self, text: &str) -> Vec<&str> {
        let (one, joined) = match self {
            Self::Gsm7 => (GSM7_UNITS, GSM7_UNITS_JOINED),
            Self::Ucs2 => (UCS2_UNITS, UCS2_UNITS_JOINED),
        };
        let cost = |c: char| if self == Self::Ucs2 { c.len_utf16() } else { septets(c).unwrap_or(1) };
        if text.chars().map(cost).sum::<usize>() <= one {
            return vec![text];
        }
        let (mut pieces, mut start, mut used) = (Vec::new(), 0, 0);
        for (at, c) in text.char_indices() {
            if used + cost(c) > joined {
                pieces.push(&text[start..at]);
                (start, used) = (at, 0);
            }
            used += cost(c);
        }
        pieces.push(&text[start..]);
        pieces
    }
}

impl Segments {
    /// How a text is cut. What costs two units (an extension character, a surrogate pair) is not torn apart.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
        let (alphabet, costs, one, joined) = match septets {
            Some(costs) => (SmsAlphabet::Gsm7, costs, GSM7_UNITS, GSM7_UNITS_JOINED),
            None => (SmsAlphabet::Ucs2, text.chars().map(char::len_utf16).collect(), UCS2_UNITS, UCS2_UNITS_JOINED),
        };
        let units = costs.iter().sum();
        let segments = if units <= one { usize::from(units > 0) } else { pieces(&costs, joined) };
        Self { alphabet, units, segments }
    }
}

fn septets(c: char) -> Option<usize> {
    match c {
        c if GSM7.contains(c) => Some(1),
        c if GSM7_EXTENSION.contains(c) => Some(2),
        _ => None,
    }
}

fn pieces(costs: &[usize], room: usize) -> usize {
    let (mut pieces, mut used) = (1, 0);
    for cost in costs {
        if used + cost > room {
            (pieces, used) = (pieces + 1, 0);
        }
        used += cost;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (&'static str, usize, usize) {
        let s = Segments::of(text);
        (s.alphabet.name(), s.units, s.segments)
    }

    #[test]
    fn the_limits_of_both_alphabets() {
        assert_eq!(of(""), ("GSM-7", 0, 0));
        assert_eq!(of(&"a".repeat(160)), ("GSM-7", 160, 1));
        assert_eq!(of(&"a".repeat(161)), ("GSM-7", 161, 2));
        assert_eq!(of(&"a".repeat(306)), ("GSM-7", 306, 2));
        assert_eq!(of(&"a".repeat(307)), ("GSM-7", 307, 3));
        assert_eq!(of(&"应".repeat(70)), ("UCS-2", 70, 1));
        assert_eq!(of(&"应".repeat(71)), ("UCS-2", 71, 2));
        assert_eq!(of(&"应".repeat(134)), ("UCS-2", 134, 2));
        assert_eq!(of(&"应".repeat(135)), ("UCS-2", 135, 3));
    }

    #[test]
    fn what_costs_two_units_is_counted_and_not_torn_apart() {
        assert_eq!(of("{}[]~^|\\€\u{c}"), ("GSM-7", 20, 1));
        // 152 septets leave one free, which an escape and its character cannot share.
        assert_eq!(of(&format!("{}€{}", "a".repeat(152), "a".repeat(151))), ("GSM-7", 305, 2));
        assert_eq!(of(&format!("{}€{}", "a".repeat(152), "a".repeat(152))), ("GSM-7", 306, 3));
        // Beyond the basic plane (rare characters of place names) one character is two units.
        assert_eq!(of(&"𠮷".repeat(35)), ("UCS-2", 70, 1));
        assert_eq!(of(&"𠮷".repeat(66)), ("UCS-2", 132, 2));
        assert_eq!(of(&"𠮷".repeat(67)), ("UCS-2", 134, 3), "a pair does not fit into the last of 67 units");
    }

    #[test]
    fn a_text_is_cut_into_as_many_pieces_as_are_counted() {
        for text in ["a", "应", &"a€".repeat(120), &"应a".repeat(80), &"𠮷".repeat(67), &"{}".repeat(90)] {
            let segments = Segments::of(text);
            let pieces = segments.alphabet.cut(text);
            assert_eq!((pieces.len(), pieces.concat().as_str()), (segments.segments, text));
        }
        assert_eq!(SmsAlphabet::Ucs2.cut(""), [""]);
    }

    #[test]
    fn one_character_outside_gsm_makes_all_of_it_ucs_2() {
        assert_eq!(of(&format!("{}。", "a".repeat(70))), ("UCS-2", 71, 2));
        assert_eq!(GSM7.chars().count(), 127, "128 places, of which one is the escape");
        assert_eq!(of("Θ Ñ ü ß @ £ \n").0, "GSM-7");
        // Lower-case ç and the grave accent are in no table of the default alphabet.
        assert_eq!((of("ç").0, of("`").0), ("UCS-2", "UCS-2"));
    }
}
