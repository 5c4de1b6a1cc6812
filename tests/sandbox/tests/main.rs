//! The sandbox as a client meets it.

mod client;
mod conformance;
mod connection;
mod fault;
mod namespace;
mod object;
mod policy;
mod rbac;
mod servers;
mod token;
