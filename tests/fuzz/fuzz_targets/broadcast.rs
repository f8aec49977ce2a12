//! Any bytes that a broadcast platform or a speaker sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::broadcast(bytes));
