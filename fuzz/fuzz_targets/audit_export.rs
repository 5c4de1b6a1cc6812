//! Gives whatever libFuzzer thinks of to `audit_export`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("audit_export", bytes));
