//! Requests before they are sent, and the encoding of what they and callbacks hold.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use reqwest::Method;
use std::collections::BTreeMap;

/// All but the unreserved characters of RFC 3986 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Fields of a query or form that are read.
const PAIRS_MAX: usize = 200;

/// A request of a dialect, not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Behind the endpoint; begins with a slash.
    pub path: String,
    /// Names and values, not encoded.
    pub query: BTreeMap<String, String>,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes that are signed and sent.
    pub body: Vec<u8>,
}

// === impl Request ===

impl Request {
    pub(super) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), query: BTreeMap::new(), headers: Vec::new(), body: Vec::new() }
    }

    /// The query, sorted by name and encoded as RFC 3986 says; without question mark.
    #[must_use]
    pub fn query_string(&self) -> String {
        form(self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// Every byte but the unreserved ones as `%XX`.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// `name=value&…`, encoded.
pub(super) fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let one = |(name, value)| format!("{}={}", encode(name), encode(value));
    fields.into_iter().map(one).collect::<Vec<_>>().join("&")
}

/// The fields of a query or form, in order. Values are bytes: some vendors send texts in UTF-16.
pub(super) fn pairs(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let decoded = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&spaced).collect::<Vec<u8>>()
    };
    let fields = text.split(|b| *b == b'&').filter(|field| !field.is_empty()).take(PAIRS_MAX);
    let one = |field: &[u8]| {
        let at = field.iter().position(|b| *b == b'=').unwrap_or(field.len());
        let value = field.get(at + 1..).unwrap_or_default();
        (String::from_utf8_lossy(&decoded(&field[..at])).into_owned(), decoded(value))
    };
    fields.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        let text = form([("a b", "暴雨+1&2=3%"), ("z", "~-_.")]);
        assert_eq!(text, "a%20b=%E6%9A%B4%E9%9B%A8%2B1%262%3D3%25&z=~-_.");
        let read = pairs(text.as_bytes());
        assert_eq!(read, [("a b".into(), "暴雨+1&2=3%".into()), ("z".into(), b"~-_.".to_vec())]);
        assert_eq!(pairs(b"a=%001%00+e6R0&&b&=c")[0].1, b"\x001\x00 e6R0");
        assert_eq!(pairs(&b"a=1&".repeat(10_000)).len(), PAIRS_MAX);
    }
}
