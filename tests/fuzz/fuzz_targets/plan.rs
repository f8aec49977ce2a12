//! Any plan file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::plan(&String::from_utf8_lossy(bytes)));
