//! kubegrant.

mod artifact;
mod cli;
mod config;
mod domain;
pub mod env;
mod error;
mod kubernetes;
mod ops;
mod output;
mod secrets;
mod session;
mod store;

use std::ffi::OsString;
use std::process::ExitCode;

pub use env::Env;

/// Carries out one command line in a world, and gives its exit code.
pub fn run(args: &[OsString], env: Env) -> ExitCode {
    ExitCode::from(cli::run(args, env))
}
