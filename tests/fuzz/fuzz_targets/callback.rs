//! A callback of any vendor of any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::callback(bytes));
