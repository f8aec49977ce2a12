//! Who calls: the number in an INVITE.

use crate::directory::Number;
use rsipstack::sip::{HasHeaders, Header, HeadersExt, Request};

/// The caller's number (E.164): the one that the trunk vouches for (`P-Asserted-Identity`, RFC 3325), else, unless only
/// that counts, the one in `From`. `None` for who withholds it, and for what is no number that the directory could hold.
pub(super) fn number(request: &Request, asserted_only: bool) -> Option<String> {
    let vouched = |h: &&Header| h.name().eq_ignore_ascii_case("P-Asserted-Identity");
    let from = request.from_header().map(|from| from.value()).ok().filter(|_| !asserted_only);
    request.headers().iter().filter(vouched).map(Header::value).chain(from).find_map(number_in)
}

/// The first number in the addresses of a header: `"name" <sip:+86…@host>;tag=1, <tel:+86…>`.
fn number_in(header: &str) -> Option<String> {
    // What stands in quotes is the caller's own word.
    let mut quoted = false;
    let mut bare = String::new();
    let mut chars = header.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => drop(chars.next()),
            _ if !quoted => bare.push(c),
            _ => {}
        }
    }
    bare.split(['<', ',']).find_map(|part| {
        let (scheme, rest) = part.trim().split_once(':')?;
        let known = ["sip", "sips", "tel"].iter().any(|s| scheme.eq_ignore_ascii_case(s));
        let user = rest.split(['@', ';', '>', '?', ':']).next().filter(|_| known)?;
        Number::parse(&user.replace("%2B", "+").replace("%2b", "+")).ok().map(|number| number.e164)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_the_trunk_writes_it() {
        for header in [
            "<sip:+8613800000001@192.0.2.1>;tag=1",
            "\"Li\" <sip:8613800000001@trunk.example:5060;user=phone>;tag=1",
            "sip:13800000001@192.0.2.1;tag=1",
            "<sip:013800000001@192.0.2.1>",
            "<sips:008613800000001@192.0.2.1>",
            "<tel:+86-138-0000-0001>",
            "<tel:13800000001;phone-context=+86>",
            "<SIP:%2B8613800000001;npdi@192.0.2.1>",
            "<sip:anonymous@anonymous.invalid>, <tel:+8613800000001>",
        ] {
            assert_eq!(number_in(header).as_deref(), Some("+8613800000001"), "{header}");
        }
        assert_eq!(number_in("<sip:08863511234@192.0.2.1>").as_deref(), Some("+868863511234"));
    }

    #[test]
    fn nobody_is_taken_for_another_by_a_name_of_ones_own() {
        for header in [
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
            "\"<sip:+8613800000001@x>\" <sip:anonymous@anonymous.invalid>",
            "\"x\\\", sip:+8613800000001@x\" <sip:1234@192.0.2.1>",
            "<sip:+8613800000001>x@192.0.2.1".replace("+8613800000001>x", "12379").as_str(),
            "<http://+8613800000001>",
            "<sip:+95123456@192.0.2.1>",
            "",
        ] {
            assert_eq!(number_in(header), None, "{header}");
        }
    }
}
