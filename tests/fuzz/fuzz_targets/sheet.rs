//! Any sheet of responsible persons.
#![no_main]

const GROUND: &[u8] = include_bytes!("../../data/directory/good/targets.csv");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jiaoying_fuzz::sheet(GROUND, bytes));
