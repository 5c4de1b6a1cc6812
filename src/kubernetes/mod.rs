//! What is made true: the only module that talks to clusters.

pub(crate) mod client;
pub(crate) mod error;
pub(crate) mod exec;
pub(crate) mod import;
pub(crate) mod tls;
