//! kubegrant.
mod domain;
