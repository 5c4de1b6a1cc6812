//! What is handed over: files that only their owner can read.

pub(crate) mod file;
