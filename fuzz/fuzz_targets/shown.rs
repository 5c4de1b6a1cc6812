//! Gives whatever libFuzzer thinks of to `shown`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("shown", bytes));
