//! What other sides say, made fit for timelines and logs.

/// Text of a gateway as it may stand in a timeline: at most 200 characters, and runs of five or more
/// digits masked, because gateways like to repeat the phone number in their error texts.
pub(super) fn scrub(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    let flush = |digits: &mut String, out: &mut String| {
        out.push_str(if digits.len() < 5 { digits } else { "***" });
        digits.clear();
    };
    for c in text.chars().take(200) {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            flush(&mut digits, &mut out);
            out.push(if c.is_control() { ' ' } else { c });
        }
    }
    flush(&mut digits, &mut out);
    out
}

/// A reference is kept unless it is oversized or holds the phone number: timelines hold no personal data.
pub(super) fn reference(number: &str, reference: Option<&str>) -> Option<String> {
    let number = number.trim_start_matches('+');
    let national = number.strip_prefix("86").unwrap_or(number);
    reference.filter(|r| !r.is_empty() && r.len() <= 128 && !r.contains(national)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    fn masks_numbers_and_keeps_codes() {
        assert_eq!(scrub("1042: number +8613800138000 unknown"), "1042: number +*** unknown");
        assert_eq!(scrub(&"长".repeat(300)).chars().count(), 200);
    }
}
