//! Any octets that a message centre sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::smpp(bytes));
