//! WHAT IS MADE TRUE: the only module that talks to clusters, and the only one that knows kube.

mod absent;
pub(crate) mod adopt;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod drift;
pub(crate) mod error;
pub(crate) mod exec;
pub(crate) mod foreign;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod https;
pub(crate) mod import;
pub(crate) mod issuer;
pub(crate) mod kept;
mod leaving;
pub(crate) mod level;
pub(crate) mod levels;
pub(crate) mod list;
mod lists;
pub(crate) mod manager;
pub(crate) mod nodes;
pub(crate) mod objects;
pub(crate) mod observe;
pub(crate) mod pieces;
pub(crate) mod reconcile;
mod renewer;
pub(crate) mod take;
pub(crate) mod tls;
pub(crate) mod token;
pub(crate) mod trial;
pub(crate) mod undo;
pub(crate) mod uninstall;
pub(crate) mod witness;
