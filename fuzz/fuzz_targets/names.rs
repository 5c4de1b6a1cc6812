//! Gives whatever libFuzzer thinks of to `names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("names", bytes));
