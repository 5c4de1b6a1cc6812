//! The binary: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    kubegrant::run(&args, kubegrant::Env::real())
}
