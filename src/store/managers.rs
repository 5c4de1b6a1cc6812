//! The accounts that were a cluster's manager and may still be on it.

use super::columns::{Json, Time};
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::cluster::{Cluster, ClusterId, FormerManager, Issuer};
use crate::secrets::Sealed;

/// Lists the accounts that must go.
pub(crate) fn former(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<FormerManager>> {
    let sql = "SELECT former_managers FROM clusters WHERE id = ?1";
    let found = tx.first("cluster", sql, [cluster], |row| row.get(0))?;
    let Json(names): Json<Vec<String>> = found.unwrap_or(Json(vec![]));
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
    tx.execute(
        "UPDATE clusters SET former_managers = ?2 WHERE id = ?1",
        (cluster, Json(names)),
    )?;
    Ok(())
}

/// Replaces the manager by another account with another login.
pub(crate) fn set_manager(tx: &WriteTxn<'_>, cluster: &Cluster, sealed: &Sealed) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET manager = ?2, manager_kind = ?3, manager_generation = ?4,
           manager_secret = ?5, manager_expires_at = ?6, older_logins = 1 WHERE id = ?1",
        (
            cluster.id,
            &cluster.manager,
            cluster.manager_kind,
            cluster.manager_generation,
            sealed,
            cluster.manager_expires_at.map(Time),
        ),
    )?;
    Ok(())
}

/// Stores a cluster's issuer with its login, in place of the one before.
pub(crate) fn set_issuer(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    issuer: &Issuer,
    sealed: &Sealed,
) -> Result<()> {
    tx.execute(
        "INSERT INTO issuers (cluster, account, kind, generation, secret, expires_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (cluster) DO UPDATE SET account = excluded.account, kind = excluded.kind,
           generation = excluded.generation, secret = excluded.secret,
           expires_at = excluded.expires_at",
        (
            cluster,
            &issuer.account,
            issuer.kind,
            issuer.generation,
            sealed,
            issuer.expires_at.map(Time),
        ),
    )?;
    Ok(())
}

/// Puts accounts on the list of those that must go.
pub(crate) fn add_former(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    accounts: &[FormerManager],
) -> Result<()> {
    let mut all = former(tx, cluster)?;
    for account in accounts {
        // One line for a name: with its UID, if that is known by now.
        all.retain(|it| it.name != account.name || it.uid.is_some() && account.uid.is_none());
        if !all.iter().any(|it| it.name == account.name) {
            all.push(account.clone());
        }
    }
    set_former(tx, cluster, &all)
}

/// Records that all accounts that live on the cluster, the manager's too, are of after this time.
pub(crate) fn set_accounts_rotated(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    at: Timestamp,
) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET accounts_rotated_at = ?2 WHERE id = ?1",
        (cluster, Time(at)),
    )?;
    Ok(())
}
