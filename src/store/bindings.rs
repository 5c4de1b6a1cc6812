//! The table of role bindings. Removed ones stay as history.

use super::engine::{self, Params, Row, named_params};

use super::columns::{Time, misfit, time};
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::binding::{Binding, Bound};
use crate::domain::cluster::ClusterId;
use crate::domain::effect::NewBinding;
use crate::domain::power::RoleRef;
use crate::domain::user::UserId;

const COLUMNS: &str = "id, cluster, user, kind, role, namespace, bound_at, bound_by, reason, \
     removed_at IS NOT NULL, owed";

fn binding(row: &Row<'_>) -> engine::Result<Binding> {
    let kind: String = row.get(3)?;
    let role = match kind.as_str() {
        "ClusterRole" => RoleRef::Cluster(row.get(4)?),
        "Role" => RoleRef::Namespaced(row.get(4)?),
        _ => return Err(misfit(format!("no kind '{kind}'"))),
    };
    Ok(Binding {
        id: row.get(0)?,
        cluster: row.get(1)?,
        user: row.get(2)?,
        bound: Bound {
            place: row.get(5)?,
            role,
        },
        bound_at: time(row, 6)?,
        bound_by: row.get(7)?,
        reason: row.get(8)?,
        is_removed: row.get(9)?,
        is_pending: row.get(10)?,
    })
}

fn collect(tx: &ReadTxn<'_>, filter: &str, params: impl Params) -> Result<Vec<Binding>> {
    let sql = format!("SELECT {COLUMNS} FROM bindings WHERE {filter}");
    tx.all("binding", &sql, params, binding)
}

/// Lists what a cluster's lists depend on: what is bound, and what was unbound and is still pending.
pub(crate) fn unfinished(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<Binding>> {
    let filter = "cluster = ?1 AND (removed_at IS NULL OR owed = 1) ORDER BY id";
    collect(tx, filter, [cluster])
}

/// Lists what is bound to a user on a cluster, oldest first.
pub(crate) fn of_user(tx: &ReadTxn<'_>, cluster: ClusterId, user: UserId) -> Result<Vec<Binding>> {
    let filter = "cluster = ?1 AND user = ?2 AND removed_at IS NULL ORDER BY id";
    collect(tx, filter, (cluster, user))
}

/// Whether anything is bound to a user on a cluster.
pub(crate) fn any(tx: &ReadTxn<'_>, cluster: ClusterId, user: UserId) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM bindings
         WHERE cluster = ?1 AND user = ?2 AND removed_at IS NULL)";
    Ok(tx.sql().one(sql, (cluster, user), |row| row.get(0))?)
}

/// Lists what is bound on a cluster.
pub(crate) fn of_cluster(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<Binding>> {
    collect(
        tx,
        "cluster = ?1 AND removed_at IS NULL ORDER BY user, id",
        [cluster],
    )
}

/// Lists everything that is bound, everywhere.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<Binding>> {
    collect(tx, "removed_at IS NULL ORDER BY cluster, user, id", [])
}

/// Whether any credential of a user may still be on a cluster: only then is a change pending there.
const MAY_STAND_THERE: &str = "CASE WHEN EXISTS (SELECT 1 FROM credentials \
     WHERE cluster = :cluster AND user = :user AND state <> 'revoked') THEN 1 ELSE 0 END";

/// Binds a role to a user.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &NewBinding) -> Result<()> {
    let sql = format!(
        "INSERT INTO bindings (id, cluster, user, kind, role, namespace, bound_at, bound_by, reason,
            owed)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM bindings), :cluster, :user, :kind, :role, :namespace, :at, :by, :reason, {MAY_STAND_THERE})"
    );
    tx.execute(
        &sql,
        named_params! {
            ":cluster": new.cluster,
            ":user": new.user,
            ":kind": new.bound.kind(),
            ":role": new.bound.role.name(),
            ":namespace": new.bound.place,
            ":at": Time(new.bound_at),
            ":by": new.bound_by,
            ":reason": new.reason,
        },
    )?;
    Ok(())
}

/// Unbinds; the record stays as history.
pub(crate) fn remove(tx: &WriteTxn<'_>, binding: &Binding, at: Timestamp) -> Result<()> {
    let sql = format!(
        "UPDATE bindings SET removed_at = :at, owed = {MAY_STAND_THERE}
         WHERE id = :id AND removed_at IS NULL"
    );
    tx.execute(
        &sql,
        named_params! {
            ":cluster": binding.cluster,
            ":user": binding.user,
            ":id": binding.id,
            ":at": Time(at),
        },
    )?;
    Ok(())
}

/// Records that the cluster was seen to hold what this binding said when it was read, or to be
/// without it. One that was unbound since is pending anew.
pub(crate) fn set_gone(tx: &WriteTxn<'_>, seen: &Binding) -> Result<()> {
    tx.execute(
        "UPDATE bindings SET owed = 0 WHERE id = ?1 AND (removed_at IS NOT NULL) = ?2",
        (seen.id, seen.is_removed),
    )?;
    Ok(())
}

/// Unbinds everything on a cluster that is removed from view: nothing is pending there any more.
pub(crate) fn remove_all(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE bindings SET removed_at = coalesce(removed_at, ?2), owed = 0 WHERE cluster = ?1",
        (cluster, Time(at)),
    )?;
    Ok(())
}
