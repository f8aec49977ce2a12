//! Any bytes from the other side of a voice call.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::voice(bytes));
