//! The table of grants. Removed ones stay as history.

use super::engine::{self, Row};

use super::columns::{Time, time, time_option};
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::access::Grant;
use crate::domain::cluster::ClusterId;
use crate::domain::user::UserId;

const COLUMNS: &str = "user, cluster, level, granted_at, granted_by, ends_at, reason";

fn grant(row: &Row<'_>) -> engine::Result<Grant> {
    Ok(Grant {
        user: row.get(0)?,
        cluster: row.get(1)?,
        level: row.get(2)?,
        granted_at: time(row, 3)?,
        granted_by: row.get(4)?,
        ends_at: time_option(row, 5)?,
        reason: row.get(6)?,
    })
}

/// Finds the grant of a user on a cluster, ended or not.
pub(crate) fn find(tx: &ReadTxn<'_>, cluster: ClusterId, user: UserId) -> Result<Option<Grant>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM grants WHERE cluster = ?1 AND user = ?2 AND removed_at IS NULL"
    );
    tx.first("grant", &sql, (cluster, user), grant)
}

/// Lists the grants on a cluster that were not removed.
pub(crate) fn of_cluster(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<Grant>> {
    let sql = format!("SELECT {COLUMNS} FROM grants WHERE cluster = ?1 AND removed_at IS NULL");
    tx.all("grant", &sql, [cluster], grant)
}

/// Puts a grant in the place of the one that is there, if any.
pub(crate) fn put(tx: &WriteTxn<'_>, grant: &Grant) -> Result<()> {
    remove(tx, grant.cluster, grant.user, grant.granted_at)?;
    tx.execute(
        "INSERT INTO grants (id, user, cluster, level, granted_at, granted_by, ends_at, reason)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM grants), ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            grant.user,
            grant.cluster,
            grant.level,
            Time(grant.granted_at),
            grant.granted_by,
            grant.ends_at.map(Time),
            &grant.reason,
        ),
    )?;
    Ok(())
}

/// Removes a grant from view; it stays as history.
pub(crate) fn remove(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    user: UserId,
    at: Timestamp,
) -> Result<()> {
    tx.execute(
        "UPDATE grants SET removed_at = ?3 WHERE cluster = ?1 AND user = ?2 AND removed_at IS NULL",
        (cluster, user, Time(at)),
    )?;
    Ok(())
}
