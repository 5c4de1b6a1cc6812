//! The accounts that were a cluster's manager and may still be on it.

use rusqlite::OptionalExtension;

use super::{ReadTxn, Result, WriteTxn, damaged};
use crate::domain::Timestamp;
use crate::domain::cluster::{Cluster, ClusterId, FormerManager};
use crate::secrets::Sealed;

/// Lists the accounts that must go.
pub(crate) fn former(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<FormerManager>> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT former_managers FROM clusters WHERE id = ?1")?;
    let text: Option<String> = statement
        .query_row([cluster.0], |row| row.get(0))
        .optional()?;
    let Some(text) = text else {
        return Ok(vec![]);
    };
    let names: Vec<String> =
        serde_json::from_str(&text).map_err(|e| damaged("cluster")(e.to_string()))?;
    Ok(names.iter().map(|name| name.as_str().into()).collect())
}

/// Writes the whole list; one line for a name, which is the one that was there first.
pub(crate) fn set_former(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    former: &[FormerManager],
) -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    for account in former {
        let text = account.to_string();
        if !names.contains(&text) {
            names.push(text);
        }
    }
    let text = serde_json::to_string(&names).map_err(|e| damaged("cluster")(e.to_string()))?;
    tx.sql().execute(
        "UPDATE clusters SET former_managers = ?2 WHERE id = ?1",
        (cluster.0, text),
    )?;
    Ok(())
}

/// Replaces the manager by another account with another login.
pub(crate) fn set_manager(tx: &WriteTxn<'_>, cluster: &Cluster, sealed: &Sealed) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET manager = ?2, manager_kind = ?3, manager_generation = ?4,
           manager_secret = ?5, manager_expires_at = ?6, older_logins = 1 WHERE id = ?1",
        (
            cluster.id.0,
            &cluster.manager,
            cluster.manager_kind.as_str(),
            cluster.manager_generation,
            sealed.as_bytes(),
            cluster.manager_expires_at.map(|at| at.timestamp()),
        ),
    )?;
    Ok(())
}

/// Records that all accounts that live on the cluster, the manager's too, are of after this time.
pub(crate) fn set_accounts_rotated(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    at: Timestamp,
) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET accounts_rotated_at = ?2 WHERE id = ?1",
        (cluster.0, at.timestamp()),
    )?;
    Ok(())
}
