//! kubegrant.

mod artifact;
mod domain;
mod secrets;
mod store;
