//! What is shown: frozen shapes. Fields are added, never renamed or retyped.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod cluster;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod kubeconfig;
pub(crate) mod left_out;
pub(crate) mod life;
pub(crate) mod offboard;
pub(crate) mod open;
pub(crate) mod plan;
pub(crate) mod project;
pub(crate) mod provider;
pub(crate) mod rbac;
pub(crate) mod reconcile;
pub(crate) mod rotation;
pub(crate) mod ssh_key;
pub(crate) mod status;
pub(crate) mod team;
pub(crate) mod user;
pub(crate) mod whoami;
pub(crate) mod whose;
