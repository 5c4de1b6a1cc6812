//! kubegrant.

mod artifact;
mod cli;
mod config;
mod domain;
pub mod env;
mod kubernetes;
mod ops;
mod output;
mod secrets;
mod session;
mod store;
pub use env::Env;
