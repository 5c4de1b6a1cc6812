//! Gives whatever libFuzzer thinks of to `keys`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("keys", bytes));
