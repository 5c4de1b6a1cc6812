//! The table of blocks: kubeconfigs that an admin revoked.

use std::collections::BTreeSet;

use super::{ReadTxn, Result};
use crate::domain::cluster::ClusterId;
use crate::domain::user::UserId;

/// Whether the user is blocked on the cluster.
pub(crate) fn contains(tx: &ReadTxn<'_>, cluster: ClusterId, user: UserId) -> Result<bool> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT 1 FROM blocks WHERE cluster = ?1 AND user = ?2")?;
    Ok(statement.exists([cluster.0, user.0])?)
}

/// Lists all blocks.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<BTreeSet<(ClusterId, UserId)>> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT cluster, user FROM blocks")?;
    let rows = statement.query_map([], |row| Ok((ClusterId(row.get(0)?), UserId(row.get(1)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
