//! Reading what a change decides on: the people and whole clusters, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    ReadTxn, Result, bindings, blocks, clusters, credentials, damaged, grants, managers, meta,
    projects, sealed, users,
};
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::credential::Subject;
use crate::domain::people::People;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::UserId;

/// Reads the people.
pub(crate) fn people(tx: &ReadTxn<'_>) -> Result<Arc<People>> {
    let all = users::list(tx)?.into_iter();
    Ok(Arc::new(People {
        users: all.map(|user| (user.id, user)).collect(),
        projects: projects::names(tx)?,
        named: {
            let all = projects::list(tx)?.into_iter();
            all.map(|it| (it.name, it.id)).collect()
        },
        roles: projects::roles(tx)?,
    }))
}

/// Lists the clusters on which a user has anything: that they own, on which they have a grant or a
/// role, a version of their own that is not revoked, or hold a shared one.
pub(crate) fn clusters_of_user(tx: &ReadTxn<'_>, user: Option<UserId>) -> Result<Vec<Cluster>> {
    let Some(user) = user else {
        return Ok(vec![]);
    };
    let mut held = credentials::all_unfinished(tx)?;
    held.retain(|credential| credential.subject.user() == Some(user));
    held.extend(credentials::shared_held_by(tx, user)?);
    let mut on: BTreeSet<ClusterId> = held.iter().map(|held| held.cluster).collect();
    let granted = grants::list(tx)?.into_iter().filter(|it| it.user == user);
    on.extend(granted.map(|it| it.cluster));
    let bound = bindings::list(tx)?.into_iter().filter(|it| it.user == user);
    on.extend(bound.map(|it| it.cluster));
    let mut clusters = clusters::list(tx)?;
    clusters.retain(|cluster| cluster.owner == Some(user) || on.contains(&cluster.id));
    Ok(clusters)
}

/// Reads everything about the cluster of this number that its state on the cluster follows from: not
/// its history, and not what is sealed.
pub(crate) fn get(tx: &ReadTxn<'_>, id: ClusterId) -> Result<ClusterSnapshot> {
    let cluster = clusters::get(tx, id)?;
    let cluster = cluster.ok_or_else(|| damaged("cluster")(format!("no cluster {}", id.0)))?;
    without_numbers(tx, cluster, &people(tx)?)
}

/// The same with its history.
pub(crate) fn whole(tx: &ReadTxn<'_>, id: ClusterId) -> Result<ClusterSnapshot> {
    let cluster = clusters::get(tx, id)?;
    let cluster = cluster.ok_or_else(|| damaged("cluster")(format!("no cluster {}", id.0)))?;
    of_cluster(tx, cluster, &people(tx)?)
}

/// Reads everything about one cluster.
pub(crate) fn of_cluster(
    tx: &ReadTxn<'_>,
    cluster: Cluster,
    people: &Arc<People>,
) -> Result<ClusterSnapshot> {
    Ok(ClusterSnapshot {
        numbers: credentials::numbers(tx, cluster.id)?,
        secrets: sealed::of_cluster(tx, &cluster)?,
        ..without_numbers(tx, cluster, people)?
    })
}

fn without_numbers(
    tx: &ReadTxn<'_>,
    cluster: Cluster,
    people: &Arc<People>,
) -> Result<ClusterSnapshot> {
    let id = cluster.id;
    let grants = grants::of_cluster(tx, id)?.into_iter();
    let credentials = credentials::unfinished(tx, id)?;
    let mut holders = BTreeMap::new();
    let is_shared = |subject| matches!(subject, Subject::Shared { .. });
    for shared in credentials.iter().filter(|it| is_shared(it.subject)) {
        holders.insert(shared.id, credentials::holders(tx, shared.id)?);
    }
    Ok(ClusterSnapshot {
        installation: meta::installation(tx)?,
        people: people.clone(),
        grants: grants.map(|grant| (grant.user, grant)).collect(),
        blocks: blocks::of_cluster(tx, id)?,
        credentials,
        holders,
        bindings: bindings::unfinished(tx, id)?,
        numbers: BTreeMap::new(),
        secrets: vec![],
        floors: credentials::floors(tx, id)?,
        reach_pending: clusters::is_reach_pending(tx, id)?,
        older_logins: clusters::has_older_logins(tx, id)?,
        former: managers::former(tx, id)?,
        orphans_pending: clusters::are_orphans_pending(tx, id)?,
        cluster,
    })
}
