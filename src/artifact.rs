//! WHAT IS HANDED OVER: kubeconfigs, and files that only their owner can read.

pub(crate) mod challenge;
pub(crate) mod exec_credential;
pub(crate) mod file;
pub(crate) mod kubeconfig;
pub(crate) mod merge;
pub(crate) mod renewal;
