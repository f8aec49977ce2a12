//! Any bytes inside a document of each format.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::inside(bytes));
