//! Gives whatever libFuzzer thinks of to `kubeconfig_import`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kubegrant::fuzzing::run("kubeconfig_import", bytes));
