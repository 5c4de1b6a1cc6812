//! Gives whatever libFuzzer thinks of to `credential`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("credential", bytes));
