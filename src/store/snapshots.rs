//! Reading what a change decides on: whole clusters, and the people whom they and it concern, in one
//! transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::engine::Connection;
use super::recorded::Tables;
use super::{
    ReadTxn, Result, bindings, blocks, clusters, credentials, damaged, grants, integrity, managers,
    meta, projects, sealed, users,
};
use crate::domain::access::Grant;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::credential::{Credential, Subject};
use crate::domain::people::{Named, People};
use crate::domain::project::ProjectId;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::{User, UserId};

/// The rows that were read and of which there may be many, until somebody else changes anything, or this connection
/// their tables: a command looks at the same ones several times.
#[derive(Debug, Default)]
pub(super) struct Kept {
    at: integrity::Version,
    credentials: BTreeMap<ClusterId, Arc<Vec<Credential>>>,
    grants: BTreeMap<ClusterId, Arc<BTreeMap<UserId, Grant>>>,
    users: BTreeMap<UserId, User>,
}

impl Kept {
    /// Forgets everything if anything changed.
    fn refresh(&mut self, tx: &ReadTxn<'_>) -> Result<()> {
        let now = tx.sql().version()?;
        if self.at != now {
            *self = Self {
                at: now,
                ..Self::default()
            };
        }
        Ok(())
    }

    /// Forgets what a transaction of this connection changed, which began at a version and is committed. What was read
    /// in the midst of it is of tables that it changed, or as it is. Each kind is read from the tables that are named.
    pub(super) fn go_on(&mut self, began: integrity::Version, sql: &Connection, changed: &Tables) {
        if self.at.0 != began.0 {
            return;
        }
        // What others commit from now on is a change by others.
        self.at = (began.0, sql.changes());
        let is_changed = |tables: &[&str]| tables.iter().any(|table| changed.contains(*table));
        if is_changed(&["credentials", "users", "projects"]) {
            self.credentials.clear();
        }
        if is_changed(&["grants"]) {
            self.grants.clear();
        }
        if is_changed(&["users", "servers", "oidc_links"]) {
            self.users.clear();
        }
    }
}

/// The users of some numbers, whose records are checked; `read` gives those that are not kept.
pub(super) fn users_of(
    tx: &ReadTxn<'_>,
    ids: &BTreeSet<UserId>,
    read: impl FnOnce(&BTreeSet<UserId>) -> Result<Vec<User>>,
) -> Result<BTreeMap<UserId, User>> {
    let mut kept = tx.kept.borrow_mut();
    kept.refresh(tx)?;
    let is_missing = |id: &&UserId| !kept.users.contains_key(id);
    let missing: BTreeSet<UserId> = ids.iter().filter(is_missing).copied().collect();
    if !missing.is_empty() {
        let read = read(&missing)?.into_iter();
        kept.users.extend(read.map(|user| (user.id, user)));
    }
    let theirs = ids.iter().filter_map(|id| kept.users.get(id));
    Ok(theirs.map(|user| (user.id, user.clone())).collect())
}

/// The versions on a cluster that are not over, read or kept.
fn credentials_of(tx: &ReadTxn<'_>, id: ClusterId) -> Result<Arc<Vec<Credential>>> {
    let mut kept = tx.kept.borrow_mut();
    kept.refresh(tx)?;
    if let Some(found) = kept.credentials.get(&id) {
        return Ok(Arc::clone(found));
    }
    let read = Arc::new(credentials::unfinished(tx, id)?);
    kept.credentials.insert(id, Arc::clone(&read));
    Ok(read)
}

/// The grants on a cluster, read or kept.
fn grants_of(tx: &ReadTxn<'_>, id: ClusterId) -> Result<Arc<BTreeMap<UserId, Grant>>> {
    let mut kept = tx.kept.borrow_mut();
    kept.refresh(tx)?;
    if let Some(found) = kept.grants.get(&id) {
        return Ok(Arc::clone(found));
    }
    let read = grants::of_cluster(tx, id)?.into_iter();
    let read = Arc::new(read.map(|grant| (grant.user, grant)).collect());
    kept.grants.insert(id, Arc::clone(&read));
    Ok(read)
}

/// Whom a change concerns, beside the owners and admins.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    named: Vec<Named>,
    /// Who has anything on its clusters.
    users: BTreeSet<UserId>,
    /// Its project, and the projects of its clusters.
    projects: BTreeSet<ProjectId>,
}

impl Concerned {
    /// Whom it names, and the members of the project that it is about.
    pub(crate) fn new(named: Vec<Named>, project: Option<ProjectId>) -> Self {
        Self {
            named,
            users: BTreeSet::new(),
            projects: project.into_iter().collect(),
        }
    }

    /// Counts in whoever has anything on a cluster.
    fn on(&mut self, on: &ClusterSnapshot) {
        self.projects.extend(on.cluster.project);
        self.users.extend(on.cluster.owner);
        self.users.extend(on.grants.keys());
        self.users.extend(&on.blocks);
        let subjects = on.credentials.iter().map(|it| it.subject);
        self.users.extend(subjects.filter_map(Subject::user));
        let holders = on.holders.values().flatten();
        self.users.extend(holders.map(|holder| holder.user));
        self.users.extend(on.bindings.iter().map(|it| it.user));
    }

    /// Reads their records; each is as this program left it.
    fn read(mut self, tx: &ReadTxn<'_>) -> Result<People> {
        let mut roles = BTreeMap::new();
        for project in self.projects {
            integrity::check(tx, integrity::Scope::Project(project))?;
            for member in projects::members(tx, project)? {
                roles.insert((project, member.user), member.role);
                self.users.insert(member.user);
            }
        }
        for named in &self.named {
            let id = match named {
                Named::Number(id) => Some(*id),
                Named::As(name) => users::find(tx, name)?.map(|user| user.id),
                Named::Key(key) => users::find_by_key(tx, key)?.map(|user| user.id),
                Named::Oidc(link) => users::find_by_link(tx, link)?.map(|user| user.id),
            };
            if let Some(id) = id {
                self.users.insert(id);
                for (project, role) in projects::roles_of(tx, id)? {
                    roles.insert((project, id), role);
                }
            }
        }
        self.users.extend(users::admins(tx)?.iter().map(|it| it.id));
        self.users
            .extend(users::servers(tx)?.iter().map(|it| it.id));
        Ok(People {
            users: users::get_each(tx, &self.users)?,
            named: Some(self.named),
            provider: meta::provider(tx)?,
            projects: projects::names(tx)?,
            projects_by_name: {
                let all = projects::list(tx)?.into_iter();
                all.map(|it| (it.name, it.id)).collect()
            },
            roles,
        })
    }
}

/// Reads everything about clusters, and the people.
pub(crate) fn of_clusters(
    tx: &ReadTxn<'_>,
    clusters: Vec<Cluster>,
    mut concerned: Concerned,
) -> Result<(Arc<People>, Vec<ClusterSnapshot>)> {
    let read = |cluster: Cluster| {
        Ok(ClusterSnapshot {
            numbers: credentials::numbers(tx, cluster.id)?,
            secrets: sealed::of_cluster(tx, &cluster)?,
            ..without_numbers(tx, cluster)?
        })
    };
    let clusters = clusters.into_iter().map(read);
    let mut clusters = clusters.collect::<Result<Vec<ClusterSnapshot>>>()?;
    for on in &clusters {
        concerned.on(on);
    }
    let people = Arc::new(concerned.read(tx)?);
    for on in &mut clusters {
        on.people = Arc::clone(&people);
    }
    Ok((people, clusters))
}

/// Reads everything about the cluster of this number that its state on the cluster follows from: not
/// its history, and not what is sealed.
pub(crate) fn get(tx: &ReadTxn<'_>, id: ClusterId) -> Result<ClusterSnapshot> {
    let mut on = without_numbers(tx, the_cluster(tx, id)?)?;
    let mut concerned = Concerned::default();
    concerned.on(&on);
    on.people = Arc::new(concerned.read(tx)?);
    Ok(on)
}

/// The same with its history.
pub(crate) fn whole(tx: &ReadTxn<'_>, id: ClusterId) -> Result<ClusterSnapshot> {
    let cluster = the_cluster(tx, id)?;
    let (_, clusters) = of_clusters(tx, vec![cluster], Concerned::default())?;
    let found = clusters.into_iter().next();
    found.ok_or_else(|| damaged("cluster")(format!("no cluster {}", id.0)))
}

fn the_cluster(tx: &ReadTxn<'_>, id: ClusterId) -> Result<Cluster> {
    let cluster = clusters::get(tx, id)?;
    cluster.ok_or_else(|| damaged("cluster")(format!("no cluster {}", id.0)))
}

/// The rows of one cluster, with nobody's record yet.
fn without_numbers(tx: &ReadTxn<'_>, cluster: Cluster) -> Result<ClusterSnapshot> {
    let id = cluster.id;
    let credentials = credentials_of(tx, id)?;
    let mut holders = BTreeMap::new();
    let is_shared = |subject| matches!(subject, Subject::Shared { .. });
    for shared in credentials.iter().filter(|it| is_shared(it.subject)) {
        holders.insert(shared.id, credentials::holders(tx, shared.id)?);
    }
    Ok(ClusterSnapshot {
        installation: meta::installation(tx)?,
        people: Arc::default(),
        grants: grants_of(tx, id)?,
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
