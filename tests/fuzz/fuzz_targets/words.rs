//! Any short message.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::words(&String::from_utf8_lossy(bytes)));
