//! What is handed over: the files that leave this program.

pub(crate) mod kubeconfig;
