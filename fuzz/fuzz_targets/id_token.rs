//! Gives whatever libFuzzer thinks of to `token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("id_token", bytes));
