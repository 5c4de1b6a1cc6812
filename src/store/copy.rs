//! Copies of the store: a backup, and back again.
//!
//! Both go through SQLite's backup API and through memory: a backup is consistent while others
//! write, and becomes a file only when it is complete (the caller writes it, private from birth);
//! a restored store is checked and made ready in memory, and replaces the one in use in a single
//! transaction, which every process sees as a whole or not at all.

use std::path::Path;

use super::columns::Time;
use super::engine::{Connection, Row};
use super::{Error, Result, Store, WriteTxn, file, named, schema};
use crate::domain::Timestamp;
use crate::domain::cluster::ClusterId;
use crate::domain::ssh::SshKeyId;

impl Store {
    /// The whole store as the bytes of one file.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        if self.connection.shared().is_some() {
            let memory = self.in_memory()?;
            return self.at_path(memory.connection.file()?.to_bytes().map_err(Error::from));
        }
        let bytes = self.connection.file()?.to_bytes();
        self.at_path(bytes.map_err(Error::from))
    }

    /// Reads a backup into memory: a store like any other, until [`Store::replace`] writes it.
    /// Refuses what is not a whole store of ours.
    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let read = Connection::from_bytes(bytes);
        let Some(connection) = read.map_err(|error| named(path, error.into()))? else {
            return Err(Error::NotOurs {
                path: path.to_owned(),
            });
        };
        let store = Self::over(connection, path);
        let file = store.connection.file()?;
        store.at_path(file.settings().map_err(Error::from))?;
        store.at_path(schema::check(&store.connection, path))?;
        if let Some(why) = store.at_path(file.fault().map_err(Error::from))? {
            return Err(Error::Damaged {
                what: "backup",
                why,
            });
        }
        store.at_path(store.migrate())?;
        Ok(store)
    }

    /// Puts this store in the place of the one at `path`, or where none is yet.
    pub(crate) fn replace(&self, path: &Path) -> Result<Self> {
        file::prepare_directory(path)?;
        file::create_private(path)?;
        file::check(path)?;
        let mut there = Self::connect(path)?;
        let copied = self.connection.copy_over(&mut there.connection);
        copied.map_err(|error| named(path, error.into()))?;
        drop(there);
        Self::open(path)
    }
}

/// What a doubt marked: each key, and each cluster that owes a look because of it.
#[derive(Debug, Default)]
pub(crate) struct Doubted {
    /// The keys that somebody may have, with their clusters.
    pub(crate) keys: Vec<(SshKeyId, ClusterId)>,
    /// Clusters at which no look was pending before.
    pub(crate) looks: Vec<ClusterId>,
}

/// Marks what may have been handed out by a store that is younger than this one: what a cluster
/// holds beyond this store is to be ended, and no private key may be taken as if nobody had it.
///
/// `known` says of a key, by its fingerprint, that it is still there untaken. What was in doubt
/// before stays so, and is not counted.
pub(crate) fn doubt(
    tx: &WriteTxn<'_>,
    now: Timestamp,
    known: &dyn Fn(&str) -> bool,
) -> Result<Doubted> {
    let mut doubted = Doubted::default();
    let sql = "UPDATE clusters SET orphans_owed = 1 WHERE removed_at IS NULL AND orphans_owed = 0
         RETURNING id";
    doubted.looks = tx.all("cluster", sql, [], |row| row.get(0))?;
    let sql = "SELECT k.id, k.fingerprint, c.id FROM ssh_keys k JOIN clusters c ON c.id = k.cluster
         WHERE k.custody IN ('available','claimed') AND k.doubted_at IS NULL
           AND c.removed_at IS NULL
         ORDER BY c.name, k.generation";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let keys: Vec<(SshKeyId, String, ClusterId)> = tx.all("SSH key", sql, [], read)?;
    for (id, fingerprint, cluster) in keys {
        if known(&fingerprint) {
            continue;
        }
        tx.execute(
            "UPDATE ssh_keys SET doubted_at = ?2 WHERE id = ?1",
            (id, Time(now)),
        )?;
        doubted.keys.push((id, cluster));
    }
    Ok(doubted)
}

/// Takes a doubt back where a cluster vouched for the store.
pub(crate) fn trust_again(tx: &WriteTxn<'_>, cluster: ClusterId, doubted: &Doubted) -> Result<()> {
    if doubted.looks.contains(&cluster) {
        tx.execute(
            "UPDATE clusters SET orphans_owed = 0 WHERE id = ?1",
            [cluster],
        )?;
    }
    for (key, _) in doubted.keys.iter().filter(|(_, of)| *of == cluster) {
        tx.execute("UPDATE ssh_keys SET doubted_at = NULL WHERE id = ?1", [key])?;
    }
    Ok(())
}
