//! The tables of the nodes' key pairs, and of the nodes that hold them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row};

use super::{ReadTxn, Result, WriteTxn, damaged, time, time_option};
use crate::domain::Timestamp;
use crate::domain::cluster::ClusterId;
use crate::domain::ssh::{Claim, Custody, KeyPair, NodeKey, Place, SshKeyId};
use crate::domain::user::UserId;
use crate::secrets::Sealed;

const COLUMNS: &str = "id, cluster, generation, place, custody, kind, public, fingerprint, origin, \
     made_at, made_by, claimed_at, claimed_by, claimed_to, claimed_path, claimed_digest";

type RawClaim = (
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<Vec<u8>>,
    Option<String>,
);

struct Raw {
    numbers: (i64, i64, u32, i64, i64),
    texts: [String; 6],
    claim: RawClaim,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        numbers: (
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(9)?,
            row.get(10)?,
        ),
        texts: [
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
            row.get(7)?,
            row.get(8)?,
        ],
        claim: (
            row.get(11)?,
            row.get(12)?,
            row.get(13)?,
            row.get(14)?,
            row.get(15)?,
        ),
    })
}

fn key_pair(raw: Raw) -> Result<KeyPair> {
    let (id, cluster, generation, made_at, made_by) = raw.numbers;
    let [place, custody, kind, public, fingerprint, origin] = raw.texts;
    let claim = match raw.claim {
        (Some(at), Some(by), Some(to), path, Some(digest)) => Some(Claim {
            at: time(at)?,
            by: UserId(by),
            to: UserId(to),
            path: path.map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes))),
            digest,
        }),
        _ => None,
    };
    Ok(KeyPair {
        id: SshKeyId(id),
        cluster: ClusterId(cluster),
        generation,
        place: place.parse().map_err(damaged("SSH key"))?,
        custody: custody.parse().map_err(damaged("SSH key"))?,
        kind,
        public,
        fingerprint,
        imported: origin == "imported",
        made_at: time(made_at)?,
        made_by: UserId(made_by),
        claim,
    })
}

/// Lists the keys of a cluster, oldest first.
pub(crate) fn list(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<KeyPair>> {
    let sql = format!("SELECT {COLUMNS} FROM ssh_keys WHERE cluster = ?1 ORDER BY generation");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    let rows = statement
        .query_map([cluster.0], raw)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(key_pair).collect()
}

/// Finds the key that plays a part on a cluster; there is at most one next and one current.
pub(crate) fn find(tx: &ReadTxn<'_>, cluster: ClusterId, place: Place) -> Result<Option<KeyPair>> {
    let sql = format!("SELECT {COLUMNS} FROM ssh_keys WHERE cluster = ?1 AND place = ?2");
    let found = tx
        .sql()
        .prepare_cached(&sql)?
        .query_row((cluster.0, place.as_str()), raw)
        .optional()?;
    found.map(key_pair).transpose()
}

/// The private half, sealed; `None` when it is gone.
pub(crate) fn secret(tx: &ReadTxn<'_>, id: SshKeyId) -> Result<Option<Sealed>> {
    let found: Option<Vec<u8>> = tx
        .sql()
        .prepare_cached("SELECT secret FROM ssh_keys WHERE id = ?1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(found.map(Sealed::new))
}

/// Since when it is not known whether somebody has the private half: after a restore.
pub(crate) fn doubted_at(tx: &ReadTxn<'_>, id: SshKeyId) -> Result<Option<Timestamp>> {
    let found: Option<i64> = tx
        .sql()
        .prepare_cached("SELECT doubted_at FROM ssh_keys WHERE id = ?1")?
        .query_row([id.0], |row| row.get(0))
        .optional()?
        .flatten();
    time_option(found)
}

/// The number that a cluster's next key gets.
pub(crate) fn next_generation(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<u32> {
    let latest: u32 = tx.sql().query_row(
        "SELECT coalesce(max(generation), 0) FROM ssh_keys WHERE cluster = ?1",
        [cluster.0],
        |row| row.get(0),
    )?;
    Ok(latest + 1)
}

/// What a new key starts with.
#[derive(Debug)]
pub(crate) struct NewSshKey {
    /// Whose nodes.
    pub(crate) cluster: ClusterId,
    /// Its number among the cluster's keys.
    pub(crate) generation: u32,
    /// Which part it plays.
    pub(crate) place: Place,
    /// `ed25519` or `rsa-4096`.
    pub(crate) kind: String,
    /// The line for `authorized_keys`.
    pub(crate) public: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub(crate) fingerprint: String,
    /// Whether it came from elsewhere, where copies of it may be.
    pub(crate) imported: bool,
    /// When it was made or imported.
    pub(crate) made_at: Timestamp,
    /// By whom.
    pub(crate) made_by: UserId,
}

/// Inserts a key as `available`.
pub(crate) fn insert(tx: &WriteTxn<'_>, key: &NewSshKey, secret: &Sealed) -> Result<SshKeyId> {
    tx.sql().execute(
        "INSERT INTO ssh_keys (cluster, generation, place, custody, kind, public, fingerprint,
           origin, made_at, made_by, secret)
         VALUES (?1, ?2, ?3, 'available', ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            key.cluster.0,
            key.generation,
            key.place.as_str(),
            &key.kind,
            &key.public,
            &key.fingerprint,
            if key.imported {
                "imported"
            } else {
                "generated"
            },
            key.made_at.timestamp(),
            key.made_by.0,
            secret.as_bytes(),
        ),
    )?;
    Ok(SshKeyId(tx.sql().last_insert_rowid()))
}

fn hand_out(
    tx: &WriteTxn<'_>,
    id: SshKeyId,
    claim: &Claim,
    to: Custody,
    and: &str,
) -> Result<bool> {
    let sql = format!(
        "UPDATE ssh_keys SET custody = ?2, claimed_at = ?3, claimed_by = ?4, claimed_to = ?5,
           claimed_path = ?6, claimed_digest = ?7 {and}
         WHERE id = ?1 AND custody = 'available'"
    );
    let path = claim.path.as_ref().map(|path| path.as_os_str().as_bytes());
    let changed = tx.sql().execute(
        &sql,
        (
            id.0,
            to.as_str(),
            claim.at.timestamp(),
            claim.by.0,
            claim.to.0,
            path,
            &claim.digest,
        ),
    )?;
    Ok(changed == 1)
}

/// Claims a key for one hand-out. `false` if somebody else was first.
pub(crate) fn claim(tx: &WriteTxn<'_>, id: SshKeyId, claim: &Claim) -> Result<bool> {
    hand_out(tx, id, claim, Custody::Claimed, "")
}

/// Hands a key out at once, where the hand-out cannot be verified; the sealed half is destroyed.
pub(crate) fn take(tx: &WriteTxn<'_>, id: SshKeyId, claim: &Claim) -> Result<bool> {
    hand_out(tx, id, claim, Custody::Downloaded, ", secret = NULL")
}

/// Gives a claimed key back: nothing was handed out.
pub(crate) fn release(tx: &WriteTxn<'_>, id: SshKeyId) -> Result<bool> {
    let changed = tx.sql().execute(
        "UPDATE ssh_keys SET custody = 'available', claimed_at = NULL, claimed_by = NULL,
           claimed_to = NULL, claimed_path = NULL, claimed_digest = NULL
         WHERE id = ?1 AND custody = 'claimed'",
        [id.0],
    )?;
    Ok(changed == 1)
}

/// Records that the file is there, and destroys the sealed half.
pub(crate) fn complete(tx: &WriteTxn<'_>, id: SshKeyId) -> Result<bool> {
    let changed = tx.sql().execute(
        "UPDATE ssh_keys SET custody = 'downloaded', secret = NULL
         WHERE id = ?1 AND custody = 'claimed'",
        [id.0],
    )?;
    Ok(changed == 1)
}

/// Destroys the sealed half of a key that will not be handed out any more.
pub(crate) fn destroy(tx: &WriteTxn<'_>, id: SshKeyId) -> Result<()> {
    tx.sql().execute(
        "UPDATE ssh_keys SET custody = 'destroyed', secret = NULL
         WHERE id = ?1 AND custody IN ('available','claimed')",
        [id.0],
    )?;
    Ok(())
}

/// Gives a key another part to play.
pub(crate) fn set_place(tx: &WriteTxn<'_>, id: SshKeyId, place: Place) -> Result<()> {
    tx.sql().execute(
        "UPDATE ssh_keys SET place = ?2 WHERE id = ?1",
        (id.0, place.as_str()),
    )?;
    Ok(())
}

/// Replaces the sealed bytes by some sealed to other people; `false` if they are gone meanwhile.
pub(crate) fn reseal(tx: &WriteTxn<'_>, id: SshKeyId, secret: &Sealed) -> Result<bool> {
    let changed = tx.sql().execute(
        "UPDATE ssh_keys SET secret = ?2 WHERE id = ?1 AND secret IS NOT NULL",
        (id.0, secret.as_bytes()),
    )?;
    Ok(changed == 1)
}

/// Lists the nodes of a key that may hold it, or held it.
pub(crate) fn nodes(tx: &ReadTxn<'_>, key: SshKeyId) -> Result<Vec<NodeKey>> {
    type RawNode = (String, u16, String, Option<i64>, Option<i64>, Option<i64>);
    let mut statement = tx.sql().prepare_cached(
        "SELECT address, port, login, installed_at, proven_at, removed_at FROM ssh_key_nodes
         WHERE key = ?1 ORDER BY address, port, login",
    )?;
    let rows = statement
        .query_map([key.0], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })?
        .collect::<rusqlite::Result<Vec<RawNode>>>()?;
    rows.into_iter()
        .map(|(address, port, login, installed, proven, removed)| {
            Ok(NodeKey {
                key,
                address,
                port: (port != 0).then_some(port),
                login,
                installed_at: time_option(installed)?,
                proven_at: time_option(proven)?,
                removed_at: time_option(removed)?,
            })
        })
        .collect()
}

/// Records that a line is about to be put on a node; known before it can be there.
pub(crate) fn want_on_node(tx: &WriteTxn<'_>, node: &NodeKey, at: Timestamp) -> Result<()> {
    tx.sql().execute(
        "INSERT INTO ssh_key_nodes (key, address, port, login, wanted_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key, address, port, login) DO UPDATE SET removed_at = NULL",
        (
            node.key.0,
            &node.address,
            node.port.unwrap_or(0),
            &node.login,
            at.timestamp(),
        ),
    )?;
    Ok(())
}

/// Records what was seen of a line on a node.
pub(crate) fn set_node(tx: &WriteTxn<'_>, node: &NodeKey) -> Result<()> {
    tx.sql().execute(
        "UPDATE ssh_key_nodes SET installed_at = ?5, proven_at = ?6, removed_at = ?7
         WHERE key = ?1 AND address = ?2 AND port = ?3 AND login = ?4",
        (
            node.key.0,
            &node.address,
            node.port.unwrap_or(0),
            &node.login,
            node.installed_at.map(|at| at.timestamp()),
            node.proven_at.map(|at| at.timestamp()),
            node.removed_at.map(|at| at.timestamp()),
        ),
    )?;
    Ok(())
}

/// Notes to whom a private half is sealed now; who could open it once stays noted.
pub(crate) fn note_recipients(tx: &WriteTxn<'_>, key: SshKeyId, users: &[UserId]) -> Result<()> {
    let mut statement = tx.sql().prepare_cached(
        "INSERT INTO ssh_key_recipients (key, user) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for user in users {
        statement.execute((key.0, user.0))?;
    }
    Ok(())
}

/// To whom a private half was ever sealed.
pub(crate) fn recipients(tx: &ReadTxn<'_>, key: SshKeyId) -> Result<Vec<UserId>> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT user FROM ssh_key_recipients WHERE key = ?1 ORDER BY user")?;
    let rows = statement.query_map([key.0], |row| row.get(0).map(UserId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Replaces what is known of a cluster's nodes that were left out: name and reason of each.
pub(crate) fn set_left_out(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    nodes: &[(String, String)],
) -> Result<()> {
    let sql = tx.sql();
    sql.execute(
        "DELETE FROM ssh_nodes_left_out WHERE cluster = ?1",
        [cluster.0],
    )?;
    let mut statement = sql.prepare_cached(
        "INSERT INTO ssh_nodes_left_out (cluster, node, why) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )?;
    for (node, why) in nodes {
        statement.execute((cluster.0, node, why))?;
    }
    Ok(())
}

/// Lists a cluster's nodes that were left out: name and reason of each.
pub(crate) fn left_out(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<(String, String)>> {
    let mut statement = tx.sql().prepare_cached(
        "SELECT node, why FROM ssh_nodes_left_out WHERE cluster = ?1 ORDER BY node",
    )?;
    let rows = statement.query_map([cluster.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
