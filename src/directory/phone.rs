//! Chinese telephone numbers as people write them, brought to E.164.

use crate::model::Channel;

/// What kind of line a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A mobile: short messages and voice.
    Mobile,
    /// A landline: voice only.
    Landline,
}

/// A number in its one form.
#[derive(Clone, PartialEq, Eq)]
pub struct Number {
    /// E.164 (`+8613800138000`).
    pub e164: String,
    /// What kind of line it is.
    pub line: Line,
}

// === impl Line, Number ===

impl Line {
    /// The channels such a line can carry.
    #[must_use]
    pub fn channels(self) -> &'static [Channel] {
        match self {
            Self::Mobile => &[Channel::Sms, Channel::Voice],
            Self::Landline => &[Channel::Voice],
        }
    }
}

impl Number {
    /// Reads an 11-digit mobile (a 0 may stand before it, as for calls from another place) or a landline with its
    /// area code, with or without +86, 0086 or 86, blanks, dashes and brackets; full-width digits count as digits.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without the number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut digits = String::new();
        let mut plus = false;
        for c in text.trim().chars().map(narrow) {
            match c {
                '0'..='9' => digits.push(c),
                '+' if digits.is_empty() && !plus => plus = true,
                ' ' | '-' | '(' | ')' | '\t' | '\u{a0}' | '–' | '—' => {}
                '/' | ',' | ';' | '、' | '\n' => {
                    return Err("one number per cell; further ones go into 电话2 and 电话3".into());
                }
                'e' | 'E' | '.' => {
                    return Err("the spreadsheet has rounded the number; format the column as text".into());
                }
                _ => return Err("a telephone number has only digits, blanks, dashes and a leading +".into()),
            }
        }
        let national = match (plus, digits.as_str()) {
            (_, d) if d.starts_with("0086") => &d[4..],
            (true, d) => d.strip_prefix("86").ok_or("only numbers of mainland China (+86) can be called")?,
            (false, d) => d.strip_prefix("86").filter(|rest| rest.len() >= 9).unwrap_or(d),
        };
        let abroad = national.len() != digits.len();
        let distant = || national.strip_prefix('0').and_then(mobile);
        mobile(national).or_else(distant).or_else(|| landline(national, abroad)).ok_or_else(|| {
            format!(
                "{} digits; a mobile has 11 and begins with 13 to 19, a landline begins with 0 and its area code",
                digits.len()
            )
        })
    }
}

fn mobile(digits: &str) -> Option<Number> {
    let b = digits.as_bytes();
    (b.len() == 11 && b[0] == b'1' && b[1] >= b'3').then(|| Number { e164: format!("+86{digits}"), line: Line::Mobile })
}

/// A landline: area code 10 or 2x with 8 digits, or 3xx to 9xx with 7 or 8. After +86 the 0 may be missing.
fn landline(digits: &str, abroad: bool) -> Option<Number> {
    let national = match digits.strip_prefix('0') {
        Some(rest) => rest,
        None if abroad => digits,
        None => return None,
    };
    let b = national.as_bytes();
    let local = match b.first()? {
        b'1' if b.get(1) == Some(&b'0') => b.get(2..)?,
        b'2' => b.get(2..)?,
        b'3'..=b'9' => b.get(3..)?,
        _ => return None,
    };
    let short_code = matches!(b[0], b'1' | b'2');
    let fits = local.len() == 8 || (local.len() == 7 && !short_code);
    (fits && (b'2'..=b'8').contains(&local[0])).then(|| Number { e164: format!("+86{national}"), line: Line::Landline })
}

/// Full-width forms as their ASCII twins.
pub(super) fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Number({:?})", self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_gives_one_form() {
        for text in [
            "13800138000",
            " 138 0013-8000",
            "+8613800138000",
            "008613800138000",
            "86 138-0013-8000",
            "１３８００１３８０００",
            "013800138000",
            "+86 0138 0013 8000",
        ] {
            let number = Number::parse(text).unwrap();
            assert_eq!((number.e164.as_str(), number.line), ("+8613800138000", Line::Mobile), "{text}");
        }
        for text in [
            "0886-3511234",
            "08863511234",
            "0886 351 1234",
            "(0886)3511234",
            "（0886）3511234",
            "+86 886 3511234",
            "+8608863511234",
        ] {
            let number = Number::parse(text).unwrap();
            assert_eq!((number.e164.as_str(), number.line), ("+868863511234", Line::Landline), "{text}");
        }
        assert_eq!(Number::parse("010-62345678").unwrap().e164, "+861062345678");
        assert_eq!(Number::parse("0871-63123456").unwrap().e164, "+8687163123456");
    }

    #[test]
    fn refuses_what_cannot_be_called_and_never_repeats_it() {
        for bad in [
            "",
            "12345",
            "1380013800",
            "138001380001",
            "12800138000",
            "3511234",
            "1.38E+10",
            "13800138000/13900139000",
            "0886-351",
            "+95 1 234567",
            "李四",
            "010-6234567",
        ] {
            let reason = Number::parse(bad).unwrap_err();
            assert!(bad.len() < 5 || !reason.contains(bad), "{reason}");
        }
    }
}
