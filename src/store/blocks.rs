//! The table of blocks: kubeconfigs that an admin revoked.

use std::collections::BTreeSet;

use super::columns::Time;
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::cluster::ClusterId;
use crate::domain::user::UserId;

/// Whether the user is blocked on the cluster.
pub(crate) fn contains(tx: &ReadTxn<'_>, cluster: ClusterId, user: UserId) -> Result<bool> {
    let sql = "SELECT 1 FROM blocks WHERE cluster = ?1 AND user = ?2";
    Ok(tx.sql().exists(sql, (cluster, user))?)
}

/// Lists all blocks.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<BTreeSet<(ClusterId, UserId)>> {
    let sql = "SELECT cluster, user FROM blocks";
    let blocks = tx.all("block", sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(blocks.into_iter().collect())
}

/// Lists whom an admin blocked on a cluster.
pub(crate) fn of_cluster(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<BTreeSet<UserId>> {
    let sql = "SELECT user FROM blocks WHERE cluster = ?1";
    let users = tx.sql().all(sql, [cluster], |row| row.get(0))?;
    Ok(users.into_iter().collect())
}

/// Blocks a user on a cluster; a block that is there stays as it is.
pub(crate) fn put(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    user: UserId,
    by: UserId,
    at: Timestamp,
    reason: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO blocks (cluster, user, at, by_user, reason) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        (cluster, user, Time(at), by, reason),
    )?;
    Ok(())
}

/// Lifts a block; `false` if there was none.
pub(crate) fn remove(tx: &WriteTxn<'_>, cluster: ClusterId, user: UserId) -> Result<bool> {
    let changed = tx.execute(
        "DELETE FROM blocks WHERE cluster = ?1 AND user = ?2",
        (cluster, user),
    )?;
    Ok(changed == 1)
}
