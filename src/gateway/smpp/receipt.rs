//! Receipts: what became of a message (SMPP 3.4 appendix B, in all the shapes that centres give it).

use crate::model::{Failure, Timestamp};
use chrono::{NaiveDate, NaiveDateTime};

/// The parts of a receipt's text that mean something to us; what is missing is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptText {
    /// The message's identifier.
    pub id: Option<String>,
    /// The final state, in capitals.
    pub stat: Option<String>,
    /// The network's error code.
    pub err: Option<String>,
    /// When it ended, in the centre's local time: `YYMMDDhhmm` or `YYMMDDhhmmss`.
    pub done: Option<String>,
}

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is under way.
    Pending,
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Failed(Failure),
}

/// Bytes of a value that are kept: identifiers have 64 at most.
const VALUE_MAX: usize = 64;

// === impl ReceiptText ===

impl ReceiptText {
    /// Reads `id:… stat:… err:… done date:…` in any order and case, with blanks behind the colons, equals signs
    /// instead of them, and commas or semicolons between. What follows `text:` is the message's and not read.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let end = value_at(&lower, "text").map_or(text.len(), |(begin, _)| begin);
        let value = |names: &[&str]| {
            let (_, start) = names.iter().find_map(|name| value_at(&lower[..end], name))?;
            let stop = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';');
            let value = text[start..end].split(stop).next().unwrap_or_default();
            (!value.is_empty() && value.len() <= VALUE_MAX && value.is_ascii()).then(|| value.to_owned())
        };
        Self {
            id: value(&["id"]),
            stat: value(&["stat", "status", "state"]).map(|stat| stat.to_ascii_uppercase()),
            err: value(&["err", "error"]),
            done: value(&["done date", "done_date", "donedate"]),
        }
    }

    /// When it ended, by the centre's clock, which is `offset_min` minutes ahead of UTC.
    #[must_use]
    pub fn done_at(&self, offset_min: i32) -> Option<Timestamp> {
        let done = self.done.as_deref().filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
        let number = |at: usize| done.get(at..at + 2)?.parse::<u32>().ok();
        // Some write the century too.
        let (year, at) = if matches!(done.len(), 12 | 14) && done.starts_with("20") && number(4)? <= 12 {
            (number(0)? * 100 + number(2)?, 4)
        } else {
            (2000 + number(0)?, 2)
        };
        let date = NaiveDate::from_ymd_opt(year as i32, number(at)?, number(at + 2)?)?;
        let second = number(at + 8).unwrap_or(0);
        let local: NaiveDateTime = date.and_hms_opt(number(at + 4)?, number(at + 6)?, second)?;
        Some(Timestamp(local.and_utc().timestamp_micros()).plus_ms(-i64::from(offset_min) * 60_000))
    }
}

/// Where a name stands, as a word of its own before a colon or equals sign, and where its value begins.
fn value_at(lower: &str, name: &str) -> Option<(usize, usize)> {
    lower.match_indices(name).find_map(|(begin, _)| {
        let before = lower[..begin].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let rest = &lower[begin + name.len()..];
        let value = rest.trim_start_matches(' ').strip_prefix([':', '='])?.trim_start_matches(' ');
        Some((begin, lower.len() - value.len()))
    })
}

// === impl State ===

impl State {
    /// By the word of a receipt's text (SMPP 3.4 appendix B). What is no word of the standard is the code of a
    /// carrier's failure (`MK:0001`).
    #[must_use]
    pub fn of_word(stat: &str) -> Self {
        match stat {
            "DELIVRD" | "DELIVERED" | "DELIVERD" => Self::Delivered,
            "ENROUTE" | "ACCEPTD" | "ACCEPTED" | "SCHEDULED" | "BUFFERED" | "BUFFRED" => Self::Pending,
            "REJECTD" | "REJECTED" => Self::Failed(Failure::Refused),
            _ => Self::Failed(Failure::Undelivered),
        }
    }

    /// By the parameter `message_state` (SMPP 3.4 §5.2.28).
    #[must_use]
    pub fn of_code(state: u8) -> Self {
        match state {
            2 => Self::Delivered,
            // Scheduled (5.0), en route, accepted.
            0 | 1 | 6 => Self::Pending,
            8 => Self::Failed(Failure::Refused),
            // Expired, deleted, undeliverable, unknown, skipped (5.0).
            _ => Self::Failed(Failure::Undelivered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shapes_that_exist() {
        let shapes = [
            "id:A001 sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 stat:DELIVRD err:000 text:hello",
            "id:A001 sub:001 dlvrd:001 submit date:261123120000 done date:2611231201 stat:delivrd err:000 Text:stat:X",
            "ID: A001 SUBMIT_DATE: 1 DONE_DATE: 2611231201 STAT: DELIVRD ERR: 000",
            "stat:DELIVRD, err:000; id:A001, done date:2611231201",
            "id=A001 stat=DELIVRD err=000 done date=2611231201 text=id:B stat:UNDELIV",
            "msgid:9 id:A001 done date:2611231201 stat:DELIVRD err:000",
        ];
        for shape in shapes {
            let read = ReceiptText::read(shape);
            assert_eq!(read.id.as_deref(), Some("A001"), "{shape}");
            assert_eq!(read.stat.as_deref().map(State::of_word), Some(State::Delivered), "{shape}");
            assert_eq!((read.err.as_deref(), read.done.as_deref()), (Some("000"), Some("2611231201")), "{shape}");
        }
        assert_eq!(ReceiptText::read("text:id:1 stat:DELIVRD"), ReceiptText::default());
        assert_eq!(ReceiptText::read("收到"), ReceiptText::default());
        let carrier = ReceiptText::read("id:1 stat:MK:0001 err:");
        assert_eq!((carrier.stat.as_deref(), carrier.err), (Some("MK:0001"), None));
        assert_eq!(State::of_word("MK:0001"), State::Failed(Failure::Undelivered));
    }

    #[test]
    fn the_end_by_the_clock_of_the_centre() {
        let at = |done: &str| ReceiptText { done: Some(done.into()), ..ReceiptText::default() }.done_at(480);
        let expected = |text: &str| Some(Timestamp::parse_iso(text).unwrap());
        assert_eq!(at("2611231201"), expected("2026-11-23T12:01:00+08:00"));
        assert_eq!(at("261123120159"), expected("2026-11-23T12:01:59+08:00"));
        assert_eq!(at("202611231201"), expected("2026-11-23T12:01:00+08:00"));
        assert_eq!(at("20261123120159"), expected("2026-11-23T12:01:59+08:00"));
        assert_eq!((at("2613231201"), at("26112312"), at(""), at("261123120a")), (None, None, None, None));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let read = ReceiptText::read(&text);
            let _ = read.done_at(480);
            prop_assert!(read.id.is_none_or(|id| id.len() <= VALUE_MAX && text.contains(&id)));
        }

        #[test]
        fn what_is_there_is_found(
            id in "[0-9A-Za-z._-]{1,64}", stat in "[A-Z]{5,7}", order in 0..6_usize, separator in "( |, |; ?)",
        ) {
            let mut fields = [format!("id:{id}"), format!("stat:{stat}"), "err:000".to_owned()];
            fields.rotate_left(order % 3);
            if order >= 3 {
                fields.swap(0, 1);
            }
            let read = ReceiptText::read(&fields.join(&separator));
            prop_assert_eq!(read.id.as_deref(), Some(id.as_str()));
            prop_assert_eq!(read.stat.as_deref(), Some(stat.as_str()));
        }
    }
}
