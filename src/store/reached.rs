//! Who had so much power on a cluster that they could have minted tokens of any account there.

use std::collections::BTreeSet;

use super::{ReadTxn, Result};
use crate::domain::cluster::ClusterId;
use crate::domain::user::UserId;

/// The clusters on which a user held what gives all power since all accounts there were rotated
/// last: a kubeconfig or a shell that carries `full`, one of a project's level that does, one that
/// carries `write` where write is cluster-wide, or one of the roles with which one mints tokens
/// everywhere, bound cluster-wide. What is over counts too: a token lives on.
pub(crate) fn by(tx: &ReadTxn<'_>, user: UserId) -> Result<BTreeSet<ClusterId>> {
    let sql = "SELECT clusters.id FROM clusters
         JOIN credentials ON credentials.cluster = clusters.id
         JOIN deliveries ON deliveries.credential = credentials.id
         WHERE deliveries.to_user = ?1 AND deliveries.at >= clusters.accounts_rotated_at
           AND clusters.removed_at IS NULL
           AND (credentials.power = 'full'
             OR (credentials.power = 'write' AND clusters.write_scope = 'cluster'))
         UNION
         SELECT clusters.id FROM clusters
         JOIN credentials ON credentials.cluster = clusters.id
         JOIN holders ON holders.credential = credentials.id
         WHERE holders.user = ?1 AND holders.at >= clusters.accounts_rotated_at
           AND clusters.removed_at IS NULL AND credentials.power = 'full'
         UNION
         SELECT clusters.id FROM clusters JOIN bindings ON bindings.cluster = clusters.id
         WHERE bindings.user = ?1 AND clusters.removed_at IS NULL
           AND (bindings.removed_at IS NULL
             OR bindings.removed_at >= clusters.accounts_rotated_at)
           AND bindings.kind = 'ClusterRole' AND bindings.namespace IS NULL
           AND bindings.role IN ('cluster-admin', 'admin', 'edit')";
    let clusters = tx.all("cluster", sql, [user], |row| row.get(0))?;
    Ok(clusters.into_iter().collect())
}
