//! kubegrant.

mod artifact;
mod domain;
pub mod env;
mod output;
mod secrets;
mod store;
