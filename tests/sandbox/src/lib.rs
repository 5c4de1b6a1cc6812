//! A small in-memory Kubernetes API server over TLS on loopback, for tests and the quickstart.
//!
//! [`Sandbox::start`] gives a cluster that authenticates client certificates and the tokens it
//! mints, evaluates RBAC for real, and answers what a recorded kube-apiserver answered
//! (`transcript.json`, replayed by the conformance test). Nothing is written to disk, nothing
//! listens beyond 127.0.0.1, and no container runs.
//!
//! The way of a request: `server` reads it and looks for a `fault`; `call` parses it;
//! `handle` authenticates, authorizes and picks the handler (`read`, `write`, `delete`,
//! `review`); the `store` keeps what changed; the controllers in `world` follow up.

mod aggregation;
mod apply;
mod asleep;
mod authenticate;
mod body;
mod bootstrap;
mod call;
mod cel;
mod certificate;
mod client;
mod clock;
mod defaults;
mod delete;
mod der;
mod discovery;
mod escalation;
mod fault;
mod form;
mod gate;
mod handle;
mod impersonate;
mod kubeconfig;
mod managed;
mod namespace;
mod object;
pub mod openid;
mod patch;
mod policy;
pub mod postgres;
mod protobuf;
mod rbac;
mod read;
mod reply;
mod resource;
mod review;
mod sandbox;
mod selector;
mod server;
mod shape;
mod status;
mod store;
mod table;
mod token;
mod user;
mod validate;
mod verifier;
mod wire;
mod world;
mod write;

pub use asleep::is_asleep;
pub use client::request;
pub use fault::{Action, Fault, Match};
pub use gate::Gate;
pub use sandbox::{Builder, Sandbox};
pub use server::Recorded;
