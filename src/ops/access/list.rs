//! `access list`: who has what, as far as the actor may know.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::Timestamp;
use crate::domain::access::{self, Access, Grant};
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::credential::Subject;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy::{self, ClusterAction};
use crate::domain::project::{ProjectId, ProjectRole};
use crate::domain::user::{User, UserId};
use crate::ops::project::{self, kept::Kept};
use crate::ops::{Error, find};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// One line of `access list`.
#[derive(Debug)]
pub(crate) struct AccessLine {
    /// Whose.
    pub(crate) user: String,
    /// Where.
    pub(crate) cluster: String,
    /// What they have by themselves; nothing where the line is about the cluster's project.
    pub(crate) access: Access,
    /// The cluster's project and what they are in it, where that is their way in.
    pub(crate) project: Option<(String, ProjectRole)>,
    /// The shared version that they keep without being entitled to it, where the line is about it.
    pub(crate) kept: Option<Kept>,
    /// Since when and by whom, where a grant gives it.
    pub(crate) granted: Option<(Timestamp, String, String)>,
    /// Whether an admin revoked their kubeconfigs there: then this way in leads nowhere.
    pub(crate) blocked: bool,
    /// The live version of the kubeconfig that carries it.
    pub(crate) version: Option<u32>,
}

impl AccessLine {
    fn of(user: &User, cluster: &Cluster) -> Self {
        Self {
            user: user.name.to_string(),
            cluster: cluster.name.to_string(),
            access: Access::None,
            project: None,
            kept: None,
            granted: None,
            blocked: false,
            version: None,
        }
    }
}

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Only this cluster.
    pub(crate) cluster: Option<ClusterName>,
    /// Only this user.
    pub(crate) user: Option<UserRef>,
}

/// Lists who has what, as far as the actor may know: those who manage a cluster's access see all
/// of it, others see what they have themselves. Of one cluster, those who manage it see who has
/// nothing, too.
pub(crate) fn list(session: &Session, filter: &Filter) -> Result<Vec<AccessLine>, Error> {
    let (actor, journal) = find::acting(session, Action::AccessList)?;
    if let Some(name) = &filter.cluster {
        find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    }
    // Only who may know all users is told that one does not exist.
    let only = filter.user.as_ref().map(|name| find::user(session, name));
    let only = match only {
        Some(Err(error)) if actor.user.role.is_admin() => return Err(error),
        Some(Err(_)) => return Ok(vec![]),
        Some(Ok(user)) => Some(user.id),
        None => None,
    };
    let ways = session.store()?.read(Ways::read)?;
    let mut lines = Vec::new();
    for cluster in &ways.clusters {
        let wanted = filter.cluster.as_ref();
        if wanted.is_some_and(|name| *name != cluster.name) {
            continue;
        }
        let own = ways.access_of(&actor.user, cluster, session.now());
        let manages = policy::manages(own);
        for user in &ways.users {
            if only.is_some_and(|id| id != user.id) || !(manages || user.id == actor.user.id) {
                continue;
            }
            let before = lines.len();
            ways.lines_of(user, cluster, session.now(), &mut lines);
            if lines.len() == before && wanted.is_some() && manages && user.active {
                lines.push(AccessLine::of(user, cluster));
            }
        }
    }
    Ok(lines)
}

/// What the store knows of everybody's ways in.
struct Ways {
    users: Vec<User>,
    names: BTreeMap<UserId, String>,
    clusters: Vec<Cluster>,
    grants: BTreeMap<(ClusterId, UserId), Grant>,
    bound: BTreeSet<(ClusterId, UserId)>,
    blocks: BTreeSet<(ClusterId, UserId)>,
    roles: BTreeMap<(ProjectId, UserId), ProjectRole>,
    projects: BTreeMap<ProjectId, ProjectName>,
    kept: Vec<Kept>,
    live: BTreeMap<(ClusterId, Subject), u32>,
}

impl Ways {
    fn read(tx: &ReadTxn<'_>) -> store::Result<Self> {
        let grants = store::grants::list(tx)?.into_iter();
        let bound = store::bindings::list(tx)?.into_iter();
        let users = store::users::list(tx)?;
        let live = store::credentials::all_unfinished(tx)?.into_iter();
        let live = live.filter(|it| it.state.is_live());
        Ok(Self {
            names: users
                .iter()
                .map(|it| (it.id, it.name.to_string()))
                .collect(),
            users,
            clusters: store::clusters::list(tx)?,
            grants: grants.map(|it| ((it.cluster, it.user), it)).collect(),
            bound: bound.map(|it| (it.cluster, it.user)).collect(),
            blocks: store::blocks::list(tx)?,
            roles: store::projects::roles(tx)?,
            projects: store::projects::names(tx)?,
            kept: project::kept::all(tx)?,
            live: live
                .map(|it| ((it.cluster, it.subject), it.version))
                .collect(),
        })
    }

    fn access_of(&self, user: &User, cluster: &Cluster, now: Timestamp) -> Access {
        let key = (cluster.id, user.id);
        let access = access::effective(user, cluster, self.grants.get(&key), now);
        access.or_bound(user, self.bound.contains(&key))
    }

    /// Each way in that a user has on a cluster.
    fn lines_of(
        &self,
        user: &User,
        cluster: &Cluster,
        now: Timestamp,
        lines: &mut Vec<AccessLine>,
    ) {
        let key = (cluster.id, user.id);
        let blocked = self.blocks.contains(&key);
        let version = |subject| self.live.get(&(cluster.id, subject)).copied();
        let project = cluster.project.filter(|_| user.active);
        if let Some((id, role)) =
            project.and_then(|id| Some((id, *self.roles.get(&(id, user.id))?)))
            && let Some(name) = self.projects.get(&id)
        {
            lines.push(AccessLine {
                project: Some((name.to_string(), role)),
                blocked,
                version: version(Subject::Shared {
                    project: id,
                    level: role.level(),
                }),
                ..AccessLine::of(user, cluster)
            });
        }
        let here = |it: &&Kept| it.cluster_id == cluster.id && it.user_id == user.id;
        lines.extend(self.kept.iter().filter(here).map(|kept| AccessLine {
            kept: Some(kept.clone()),
            ..AccessLine::of(user, cluster)
        }));
        let access = self.access_of(user, cluster, now);
        if access == Access::None {
            return;
        }
        let granted = match access {
            Access::Granted { .. } => self.grants.get(&key).map(|grant| {
                let by = self.names.get(&grant.granted_by);
                let by = by.cloned().unwrap_or_default();
                (grant.granted_at, by, grant.reason.clone())
            }),
            _ => None,
        };
        lines.push(AccessLine {
            access,
            granted,
            blocked,
            version: version(Subject::Personal(user.id)),
            ..AccessLine::of(user, cluster)
        });
    }
}
