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
mod provider;
mod secrets;
mod session;
mod store;

use std::ffi::OsString;
use std::process::ExitCode;

pub use env::Env;

/// The files that are made from the command tree: completions and man pages.
pub mod generated {
    pub use crate::cli::command;
    pub use crate::cli::generate::{stale, write_all};
}

/// Carries out one command line in a world, and gives its exit code.
pub fn run(args: &[OsString], env: Env) -> ExitCode {
    ExitCode::from(cli::run(args, env))
}
