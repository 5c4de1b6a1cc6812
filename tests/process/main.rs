//! The real binary, and what it leaves behind when things go wrong: killed, interrupted, crowded,
//! out of space, or facing an API server that fails. Every suite ends by asking the [`oracle`].
//!
//! `cargo test --test process` runs short forms. `tests/proof.sh`
//! runs everything at full size.

mod container;
mod credential;
mod crowd;
mod disk;
mod faults;
mod glue;
mod home;
mod kill;
mod oracle;
mod oracle_ssh;
mod postgres;
mod preview;
mod principals;
mod proof;
mod races;
mod rollback;
mod serving;
mod shell;
mod shipped;
mod ssh_key;
mod ssh_nodes;
mod syscalls;
mod terminal;
mod workers;
mod world;
