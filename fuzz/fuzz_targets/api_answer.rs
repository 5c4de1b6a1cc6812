//! Gives whatever libFuzzer thinks of to `api_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("api_answer", bytes));
