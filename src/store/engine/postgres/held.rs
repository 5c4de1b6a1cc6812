//! Locks that are held while a cluster is worked on: each an open transaction on a connection of its own.
//!
//! The database frees it as soon as the connection is gone, so it dies with its holder; a lock of a
//! *session* would be lost, or left behind, behind a pooler that lends connections by transaction.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::connect;
use super::wait::{silence, wait};
use crate::domain::place::Database;
use crate::store;
use crate::store::engine::{Error, Failure, Result};

/// The locks of clusters: "kgnt" and one more.
const LOCKS: i32 = super::WRITERS + 1;

/// Begins the transaction that keeps locks.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0;
     SET LOCAL statement_timeout = '30s'";

/// A connection that can hold locks; they are freed together when it is dropped.
pub(crate) struct Held {
    client: Client,
    place: PathBuf,
    /// Whether it holds one. Without one there is no transaction: behind a pooler it would take the place of somebody
    /// for whom this one waits.
    holds: AtomicBool,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    /// Connects; nothing is locked yet.
    pub(crate) fn connect(database: &Database) -> store::Result<Self> {
        let place = PathBuf::from(database.to_string());
        match connect::client(database) {
            Ok(client) => Ok(Self {
                client,
                place,
                holds: AtomicBool::new(false),
            }),
            Err(error) => Err(store::named(&place, error.into())),
        }
    }

    /// Takes a lock by its name, if nobody has it.
    pub(crate) fn try_lock(&self, name: &str) -> store::Result<bool> {
        let hash = Sha256::digest(name.as_bytes());
        let key = hash.iter().take(4);
        let key = key.fold(0, |all: i32, byte| all << 8 | i32::from(*byte));
        let lock = format!("SELECT pg_catalog.pg_try_advisory_xact_lock({LOCKS}, {key})::int");
        let holds = self.holds.load(Ordering::Relaxed);
        let sql = if holds {
            lock
        } else {
            format!("{BEGIN}; {lock}")
        };
        let asked = || -> Result<bool> {
            let answer = answered(self.client.simple_query(&sql))?;
            let is_had = answer
                .iter()
                .any(|it| matches!(it, SimpleQueryMessage::Row(row) if row.get(0) == Some("1")));
            if is_had {
                self.holds.store(true, Ordering::Relaxed);
            } else if !holds {
                answered(self.client.batch_execute("ROLLBACK"))?;
            }
            Ok(is_had)
        };
        asked().map_err(|error| store::named(&self.place, error.into()))
    }

    /// Whether the connection, and the locks with it, still stands.
    pub(crate) fn stands(&self) -> bool {
        answered(self.client.batch_execute("SELECT 1")).is_ok()
    }
}

/// Waits for an answer.
fn answered<T>(
    answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    match wait(answer) {
        Some(answer) => Ok(answer?),
        None => Err(Error::Database {
            place: None,
            message: silence(),
            failure: Failure::Away,
        }),
    }
}
