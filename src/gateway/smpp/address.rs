//! Numbers as centres write them, and as everybody else does.

use crate::config::{NumberForm, SmppSection};

/// International, in a type of number (SMPP 3.4 §5.2.5).
const INTERNATIONAL: u8 = 1;
/// Digits that a number has at least behind a calling code.
const NATIONAL_MIN: usize = 8;

/// A person's number (E.164) as it is given to the centre.
pub(super) fn destination(number: &str, settings: &SmppSection) -> String {
    let digits = number.trim_start_matches('+');
    match (settings.destination, digits.strip_prefix(settings.country.as_str())) {
        (NumberForm::National, Some(national)) if number.starts_with('+') => national.to_owned(),
        _ => digits.to_owned(),
    }
}

/// The E.164 number that a message came from. What is no number stays as it is.
pub(super) fn origin(address: &str, ton: u8, settings: &SmppSection) -> String {
    let address = address.trim();
    let digits = address.trim_start_matches('+');
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return address.to_owned();
    }
    if let Some(international) = digits.strip_prefix("00") {
        return format!("+{international}");
    }
    let country = settings.country.as_str();
    let whole = digits.strip_prefix(country).is_some_and(|rest| rest.len() >= NATIONAL_MIN);
    if whole || ton == INTERNATIONAL || address.starts_with('+') {
        return format!("+{digits}");
    }
    format!("+{country}{}", digits.strip_prefix('0').unwrap_or(digits))
}

/// The digits behind our own number that a message was sent to.
pub(super) fn extension(address: &str, settings: &SmppSection) -> Option<String> {
    let digits = address.trim().trim_start_matches('+');
    let own = |digits: &str| digits.strip_prefix(settings.source.as_str()).map(str::to_owned);
    let behind = own(digits).or_else(|| own(digits.strip_prefix(settings.country.as_str())?))?;
    (!behind.is_empty() && behind.bytes().all(|b| b.is_ascii_digit())).then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_and_out() {
        let settings = SmppSection { source: "10690001".into(), ..SmppSection::default() };
        let national = SmppSection { destination: NumberForm::National, ..settings.clone() };
        assert_eq!(destination("+8613800000001", &settings), "8613800000001");
        assert_eq!(destination("+8613800000001", &national), "13800000001");
        assert_eq!(destination("+85291234567", &national), "85291234567");
        for (address, ton) in [("13800000001", 0), ("8613800000001", 0), ("+8613800000001", 0), ("008613800000001", 0)]
        {
            assert_eq!(origin(address, ton, &settings), "+8613800000001", "{address}");
        }
        assert_eq!(origin("85291234567", INTERNATIONAL, &settings), "+85291234567");
        assert_eq!(origin("087188888888", 0, &settings), "+8687188888888");
        assert_eq!(origin("INFO", 5, &settings), "INFO");
        assert_eq!(extension("10690001037", &settings).as_deref(), Some("037"));
        assert_eq!(extension("8610690001037", &settings).as_deref(), Some("037"));
        assert_eq!((extension("10690001", &settings), extension("1069", &settings)), (None, None));
    }
}
