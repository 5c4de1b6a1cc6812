//! The real binary, and what it leaves behind when things go wrong: killed, interrupted, crowded,
//! out of space, or facing an API server that fails. Every suite ends by asking the [`oracle`].
//!
//! `cargo test --test process` runs short forms. `tests/kill.sh` runs everything at full size.

mod crowd;
mod disk;
mod faults;
mod glue;
mod home;
mod kill;
mod oracle;
mod races;
mod rollback;
mod world;
