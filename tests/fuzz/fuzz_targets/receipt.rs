//! Any words of a receipt.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::receipt(bytes));
