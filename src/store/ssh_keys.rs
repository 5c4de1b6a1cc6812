//! The tables of the nodes' key pairs, and of the nodes that hold them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::engine::{self, Row};

use super::columns::{Time, time, time_option};
use super::{Error, ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::cluster::ClusterId;
use crate::domain::ssh::{Claim, Custody, KeyPair, KeyPlace, NodeKey, SshKeyId};
use crate::domain::user::UserId;
use crate::secrets::Sealed;

const COLUMNS: &str = "id, cluster, generation, place, custody, kind, public, fingerprint, origin, \
     made_at, made_by, claimed_at, claimed_by, claimed_to, claimed_path, claimed_digest, \
     doubted_at";

fn claimed(row: &Row<'_>) -> engine::Result<Option<Claim>> {
    let parts = (
        time_option(row, 11)?,
        row.get(12)?,
        row.get(13)?,
        row.get(15)?,
    );
    let (Some(at), Some(by), Some(to), Some(digest)) = parts else {
        return Ok(None);
    };
    let path: Option<Vec<u8>> = row.get(14)?;
    Ok(Some(Claim {
        at,
        by,
        to,
        path: path.map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes))),
        digest,
    }))
}

fn key_pair(row: &Row<'_>) -> engine::Result<KeyPair> {
    let origin: String = row.get(8)?;
    Ok(KeyPair {
        id: row.get(0)?,
        cluster: row.get(1)?,
        generation: row.get(2)?,
        place: row.get(3)?,
        custody: row.get(4)?,
        kind: row.get(5)?,
        public: row.get(6)?,
        fingerprint: row.get(7)?,
        imported: origin == "imported",
        made_at: time(row, 9)?,
        made_by: row.get(10)?,
        claim: claimed(row)?,
        doubted_at: time_option(row, 16)?,
    })
}

/// Lists the keys of a cluster, oldest first.
pub(crate) fn list(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<KeyPair>> {
    let sql = format!("SELECT {COLUMNS} FROM ssh_keys WHERE cluster = ?1 ORDER BY generation");
    tx.all("SSH key", &sql, [cluster], key_pair)
}

/// The same with the nodes that hold one of them, or held it.
pub(crate) fn with_nodes(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
) -> Result<(Vec<KeyPair>, Vec<NodeKey>)> {
    let keys = list(tx, cluster)?;
    let held = keys.iter().map(|key| nodes(tx, key.id));
    let held: Vec<Vec<NodeKey>> = held.collect::<Result<_>>()?;
    Ok((keys, held.concat()))
}

/// Finds the key that plays a part on a cluster; there is at most one next and one current.
pub(crate) fn find(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
    place: KeyPlace,
) -> Result<Option<KeyPair>> {
    let sql = format!("SELECT {COLUMNS} FROM ssh_keys WHERE cluster = ?1 AND place = ?2");
    tx.first("SSH key", &sql, (cluster, place), key_pair)
}

/// The number that a cluster's next key gets.
pub(crate) fn next_generation(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<u32> {
    let sql = "SELECT coalesce(max(generation), 0) FROM ssh_keys WHERE cluster = ?1";
    let latest: u32 = tx.sql().one(sql, [cluster], |row| row.get(0))?;
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
    pub(crate) place: KeyPlace,
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

/// Inserts a key as `available`, with what `seal` makes of its private half.
pub(crate) fn insert<E: From<Error>>(
    tx: &WriteTxn<'_>,
    key: &NewSshKey,
    seal: impl FnOnce(SshKeyId) -> std::result::Result<Sealed, E>,
) -> std::result::Result<SshKeyId, E> {
    let id = next_id(tx)?;
    insert_row(tx, id, key, &seal(id)?)?;
    Ok(id)
}

/// The row number that the next key gets: no key's row is ever deleted.
fn next_id(tx: &ReadTxn<'_>) -> Result<SshKeyId> {
    Ok(SshKeyId(tx.sql().next_id("ssh_keys")?))
}

fn insert_row(tx: &WriteTxn<'_>, id: SshKeyId, key: &NewSshKey, secret: &Sealed) -> Result<()> {
    tx.execute(
        "INSERT INTO ssh_keys (id, cluster, generation, place, custody, kind, public, fingerprint,
           origin, made_at, made_by, secret)
         VALUES (?11, ?1, ?2, ?3, 'available', ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            key.cluster,
            key.generation,
            key.place,
            &key.kind,
            &key.public,
            &key.fingerprint,
            if key.imported {
                "imported"
            } else {
                "generated"
            },
            Time(key.made_at),
            key.made_by,
            secret,
            id,
        ),
    )?;
    Ok(())
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
    let changed = tx.execute(
        &sql,
        (
            id,
            to,
            Time(claim.at),
            claim.by,
            claim.to,
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
    let changed = tx.execute(
        "UPDATE ssh_keys SET custody = 'available', claimed_at = NULL, claimed_by = NULL,
           claimed_to = NULL, claimed_path = NULL, claimed_digest = NULL
         WHERE id = ?1 AND custody = 'claimed'",
        [id],
    )?;
    Ok(changed == 1)
}

/// Records that the file is there, and destroys the sealed half.
pub(crate) fn complete(tx: &WriteTxn<'_>, id: SshKeyId) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE ssh_keys SET custody = 'downloaded', secret = NULL
         WHERE id = ?1 AND custody = 'claimed'",
        [id],
    )?;
    Ok(changed == 1)
}

/// Destroys the sealed half of a key that will not be handed out any more.
pub(crate) fn destroy(tx: &WriteTxn<'_>, id: SshKeyId) -> Result<()> {
    tx.execute(
        "UPDATE ssh_keys SET custody = 'destroyed', secret = NULL
         WHERE id = ?1 AND custody IN ('available','claimed')",
        [id],
    )?;
    Ok(())
}

/// Puts a replaced key aside: `old` while a node may accept it, else `gone`.
pub(crate) fn put_aside(tx: &WriteTxn<'_>, id: SshKeyId) -> Result<()> {
    let is_held = nodes(tx, id)?.iter().any(NodeKey::may_hold);
    let place = if is_held {
        KeyPlace::Old
    } else {
        KeyPlace::Gone
    };
    set_place(tx, id, place)
}

/// Gives a key another part to play.
pub(crate) fn set_place(tx: &WriteTxn<'_>, id: SshKeyId, place: KeyPlace) -> Result<()> {
    tx.execute("UPDATE ssh_keys SET place = ?2 WHERE id = ?1", (id, place))?;
    Ok(())
}

/// Lists the nodes of a key that may hold it, or held it.
pub(crate) fn nodes(tx: &ReadTxn<'_>, key: SshKeyId) -> Result<Vec<NodeKey>> {
    let sql = "SELECT address, port, login, installed_at, proven_at, removed_at FROM ssh_key_nodes
         WHERE key = ?1 ORDER BY address, port, login";
    tx.all("SSH key", sql, [key], |row| {
        let port: u16 = row.get(1)?;
        Ok(NodeKey {
            key,
            address: row.get(0)?,
            port: (port != 0).then_some(port),
            login: row.get(2)?,
            installed_at: time_option(row, 3)?,
            proven_at: time_option(row, 4)?,
            removed_at: time_option(row, 5)?,
        })
    })
}

/// Records that a line is about to be put on a node; known before it can be there.
pub(crate) fn want_on_node(tx: &WriteTxn<'_>, node: &NodeKey, at: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO ssh_key_nodes (key, address, port, login, wanted_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key, address, port, login) DO UPDATE SET removed_at = NULL",
        (
            node.key,
            &node.address,
            node.port.unwrap_or(0),
            &node.login,
            Time(at),
        ),
    )?;
    Ok(())
}

/// Records what was seen of a line on a node.
pub(crate) fn set_node(tx: &WriteTxn<'_>, node: &NodeKey) -> Result<()> {
    tx.execute(
        "UPDATE ssh_key_nodes SET installed_at = ?5, proven_at = ?6, removed_at = ?7
         WHERE key = ?1 AND address = ?2 AND port = ?3 AND login = ?4",
        (
            node.key,
            &node.address,
            node.port.unwrap_or(0),
            &node.login,
            node.installed_at.map(Time),
            node.proven_at.map(Time),
            node.removed_at.map(Time),
        ),
    )?;
    Ok(())
}

/// Notes to whom a private half is sealed now; who could open it once stays noted.
pub(crate) fn note_recipients(tx: &WriteTxn<'_>, key: SshKeyId, users: &[UserId]) -> Result<()> {
    let sql = "INSERT INTO ssh_key_recipients (key, user) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    for user in users {
        tx.execute(sql, (key, user))?;
    }
    Ok(())
}

/// To whom a private half was ever sealed.
pub(crate) fn recipients(tx: &ReadTxn<'_>, key: SshKeyId) -> Result<Vec<UserId>> {
    let sql = "SELECT user FROM ssh_key_recipients WHERE key = ?1 ORDER BY user";
    tx.all("SSH key", sql, [key], |row| row.get(0))
}

/// Replaces what is known of a cluster's nodes that were left out: name and reason of each.
pub(crate) fn set_left_out(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    nodes: &[(String, String)],
) -> Result<()> {
    tx.execute(
        "DELETE FROM ssh_nodes_left_out WHERE cluster = ?1",
        [cluster],
    )?;
    let sql = "INSERT INTO ssh_nodes_left_out (cluster, node, why) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING";
    for (node, why) in nodes {
        tx.execute(sql, (cluster, node, why))?;
    }
    Ok(())
}

/// Lists a cluster's nodes that were left out: name and reason of each.
pub(crate) fn left_out(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<(String, String)>> {
    let sql = "SELECT node, why FROM ssh_nodes_left_out WHERE cluster = ?1 ORDER BY node";
    tx.all("SSH key", sql, [cluster], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}
