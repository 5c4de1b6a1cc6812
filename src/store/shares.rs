//! The table of direct links. Of a secret it has the digest.

use super::columns::{Time, time, time_option};
use super::engine::{self, Row};
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::share::Share;

const COLUMNS: &str = "id, digest, cluster, user, sealed, created_by, created_at, expires_at, wrong, \
     claimed_at, revoked_at";

fn share(row: &Row<'_>) -> engine::Result<Share> {
    Ok(Share {
        id: row.get(0)?,
        digest: row.get(1)?,
        cluster: row.get(2)?,
        user: row.get(3)?,
        sealed: row.get(4)?,
        created_by: row.get(5)?,
        created_at: time(row, 6)?,
        expires_at: time(row, 7)?,
        wrong: row.get(8)?,
        claimed_at: time_option(row, 9)?,
        revoked_at: time_option(row, 10)?,
    })
}

/// Inserts a link.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &Share) -> Result<()> {
    tx.execute(
        "INSERT INTO shares (id, digest, cluster, user, sealed, created_by, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &new.id,
            &new.digest,
            new.cluster,
            new.user,
            new.sealed,
            new.created_by,
            Time(new.created_at),
            Time(new.expires_at),
        ),
    )?;
    Ok(())
}

/// Finds a link by its name.
pub(crate) fn find(tx: &ReadTxn<'_>, id: &str) -> Result<Option<Share>> {
    let sql = format!("SELECT {COLUMNS} FROM shares WHERE id = ?1");
    tx.first("direct link", &sql, [id], share)
}

/// Lists all links, the oldest first.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<Share>> {
    let sql = format!("SELECT {COLUMNS} FROM shares ORDER BY created_at, id");
    tx.all("direct link", &sql, [], share)
}

/// Counts a wrong secret.
pub(crate) fn count_wrong(tx: &WriteTxn<'_>, id: &str) -> Result<()> {
    tx.execute("UPDATE shares SET wrong = wrong + 1 WHERE id = ?1", [id])?;
    Ok(())
}

/// Claims a link that nobody claimed or revoked; says whether it was so.
pub(crate) fn claim(tx: &WriteTxn<'_>, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE shares SET claimed_at = ?2
         WHERE id = ?1 AND claimed_at IS NULL AND revoked_at IS NULL";
    Ok(tx.execute(sql, (id, Time(at)))? == 1)
}

/// Lets a link wait again that was claimed in vain.
pub(crate) fn release(tx: &WriteTxn<'_>, id: &str) -> Result<()> {
    tx.execute("UPDATE shares SET claimed_at = NULL WHERE id = ?1", [id])?;
    Ok(())
}

/// Ends a link that nobody claimed; says whether it was so.
pub(crate) fn revoke(tx: &WriteTxn<'_>, id: &str, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE shares SET revoked_at = ?2
         WHERE id = ?1 AND claimed_at IS NULL AND revoked_at IS NULL";
    Ok(tx.execute(sql, (id, Time(at)))? == 1)
}
