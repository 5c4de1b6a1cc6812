//! Decides who may reach which Kubernetes cluster, hands out kubeconfigs, and takes them back.

pub mod cli;
pub mod env;
pub mod output;

pub use env::Env;
