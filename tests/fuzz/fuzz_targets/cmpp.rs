//! Any bytes as a stream of CMPP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::cmpp(bytes));
