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
use crate::domain::user::{Role, User, UserId};
use crate::ops::project::{self, kept::Kept};
use crate::ops::{Error, find};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// One line of `access list`.
#[derive(Debug)]
pub(crate) struct AccessLine {
    /// The user's name.
    pub(crate) user: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// What they have by themselves; nothing where the line is about the cluster's project.
    pub(crate) access: Access,
    /// The cluster's project and what they are in it, where that is their way in.
    pub(crate) project: Option<ThroughProject>,
    /// The shared version that they keep without being entitled to it, where the line is about it.
    pub(crate) kept: Option<Kept>,
    /// Since when and by whom, where a grant gives it.
    pub(crate) granted: Option<Granted>,
    /// Whether an admin revoked their kubeconfigs there: then this way in leads nowhere.
    pub(crate) blocked: bool,
    /// The live version of the kubeconfig that carries it.
    pub(crate) version: Option<u32>,
}

/// A way in by a project.
#[derive(Debug)]
pub(crate) struct ThroughProject {
    /// The project's name.
    pub(crate) name: String,
    /// What the user is in it.
    pub(crate) role: ProjectRole,
}

/// What is told of a grant.
#[derive(Debug)]
pub(crate) struct Granted {
    /// Since when it stands.
    pub(crate) at: Timestamp,
    /// The name of whoever granted it.
    pub(crate) by: String,
    /// The reason that they gave; empty without one.
    pub(crate) reason: String,
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

/// Hands over who has what, as far as the actor may know, a line at a time by cluster and user: those
/// who manage a cluster's access see all of it, others see what they have themselves. Of one cluster,
/// those who manage it see who has nothing, too.
pub(crate) fn list<E: From<Error>>(
    session: &Session,
    filter: &Filter,
    mut hand: impl FnMut(AccessLine) -> Result<(), E>,
) -> Result<(), E> {
    let (actor, journal) = find::acting(session, Action::AccessList)?;
    session.end_at_once();
    if let Some(name) = &filter.cluster {
        find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    }
    // Only who may know all users is told that one does not exist.
    let only = filter.user.as_ref().map(|name| find::user(session, name));
    let only = match only {
        Some(Err(error)) if actor.user.role.is_admin() => return Err(error.into()),
        Some(Err(_)) => return Ok(()),
        Some(Ok(user)) => Some(user),
        None => None,
    };
    let store = session.store().map_err(Error::from)?;
    // What is asked of the store, and what whoever takes the lines says to them.
    let listed = store.read(|tx| {
        let actor = &actor.user;
        let ways = Ways::read(tx, only.as_ref(), actor, session.now()).map_err(Stop::Store)?;
        let clusters = match (&filter.cluster, &only) {
            (Some(name), _) => store::clusters::find(tx, name).map(|it| it.into_iter().collect()),
            (None, Some(user)) if !user.role.is_admin() => {
                store::clusters::maybe_seen_by(tx, user.id)
            }
            (None, _) => store::clusters::list(tx),
        };
        let clusters: Vec<Cluster> = clusters.map_err(Stop::Store)?;
        for cluster in &clusters {
            let here = Here::read(tx, &ways, cluster).map_err(Stop::Store)?;
            let manages = policy::manages(here.access_of(actor));
            let shows_nothing = filter.cluster.is_some() && manages;
            for user in here.users(shows_nothing) {
                if !manages && user.id != actor.id {
                    continue;
                }
                let lines = here.lines_of(user);
                // A server acts for others, and never has anything itself.
                let may_have = user.active && user.role != Role::Server;
                if lines.is_empty() && shows_nothing && may_have {
                    hand(AccessLine::of(user, cluster)).map_err(Stop::Hand)?;
                }
                for line in lines {
                    hand(line).map_err(Stop::Hand)?;
                }
            }
        }
        Ok(())
    });
    listed.map_err(|stop| match stop {
        Stop::Store(error) => Error::from(error).into(),
        Stop::Hand(error) => error,
    })
}

/// The end of the work, whoever caused it.
enum Stop<E> {
    Store(store::Error),
    Hand(E),
}

impl<E> From<store::Error> for Stop<E> {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// What the ways in on all clusters have in common.
struct Ways {
    now: Timestamp,
    /// The users that are asked about, and the actor, by name.
    users: Vec<User>,
    /// Where each of them stands among these.
    places: BTreeMap<UserId, usize>,
    /// The names of who granted something.
    names: BTreeMap<UserId, String>,
    /// Whether all users are asked about.
    is_everybody: bool,
    projects: BTreeMap<ProjectId, ProjectName>,
    kept: BTreeMap<ClusterId, Vec<Kept>>,
    /// Of whom a way in needs no row about the cluster.
    admins: Vec<UserId>,
    only: Option<UserId>,
}

impl Ways {
    fn read(
        tx: &ReadTxn<'_>,
        only: Option<&User>,
        actor: &User,
        now: Timestamp,
    ) -> store::Result<Self> {
        let users = match only {
            // What somebody made of them is looked for beside.
            None => store::users::list_unchecked(tx)?,
            Some(only) if only.id == actor.id => vec![only.clone()],
            Some(only) => vec![only.clone(), actor.clone()],
        };
        let mut kept: BTreeMap<ClusterId, Vec<Kept>> = BTreeMap::new();
        for one in project::kept::all(tx)? {
            kept.entry(one.cluster_id).or_default().push(one);
        }
        let admins = store::users::admins(tx)?;
        let named = admins.iter().chain(&users);
        Ok(Self {
            now,
            names: named.map(|it| (it.id, it.name.to_string())).collect(),
            places: users.iter().zip(0..).map(|(it, at)| (it.id, at)).collect(),
            users,
            is_everybody: only.is_none(),
            projects: store::projects::names(tx)?,
            kept,
            admins: admins.iter().map(|it| it.id).collect(),
            only: only.map(|user| user.id),
        })
    }
}

/// The ways in on one cluster.
struct Here<'a> {
    ways: &'a Ways,
    cluster: &'a Cluster,
    grants: BTreeMap<UserId, Grant>,
    /// The names of who granted them, where they are not among the others.
    granters: BTreeMap<UserId, String>,
    bound: BTreeSet<UserId>,
    blocks: BTreeSet<UserId>,
    roles: BTreeMap<UserId, ProjectRole>,
    live: BTreeMap<Subject, u32>,
}

impl<'a> Here<'a> {
    fn read(tx: &ReadTxn<'_>, ways: &'a Ways, cluster: &'a Cluster) -> store::Result<Self> {
        let asked = if ways.is_everybody {
            None
        } else {
            Some(ways.users.iter().map(|user| user.id))
        };
        let grants = match asked.clone() {
            None => store::grants::of_cluster(tx, cluster.id)?,
            Some(ids) => {
                let found = ids.map(|id| store::grants::find(tx, cluster.id, id));
                let found = found.collect::<store::Result<Vec<Option<Grant>>>>()?;
                found.into_iter().flatten().collect()
            }
        };
        let mut granters = BTreeMap::new();
        for grant in &grants {
            let by = grant.granted_by;
            if !ways.names.contains_key(&by) && !granters.contains_key(&by) {
                granters.insert(by, store::users::name(tx, by)?);
            }
        }
        let (mut bound, mut blocks) = (BTreeSet::new(), BTreeSet::new());
        match asked {
            None => {
                let bindings = store::bindings::of_cluster(tx, cluster.id)?.into_iter();
                bound.extend(bindings.map(|it| it.user));
                blocks = store::blocks::of_cluster(tx, cluster.id)?;
            }
            Some(ids) => {
                for id in ids {
                    if store::bindings::any(tx, cluster.id, id)? {
                        bound.insert(id);
                    }
                    if store::blocks::contains(tx, cluster.id, id)? {
                        blocks.insert(id);
                    }
                }
            }
        }
        let roles = match cluster.project {
            Some(project) => store::projects::members(tx, project)?,
            None => vec![],
        };
        let live = store::credentials::unfinished(tx, cluster.id)?.into_iter();
        let live = live.filter(|it| it.state.is_live());
        Ok(Self {
            ways,
            cluster,
            grants: grants.into_iter().map(|it| (it.user, it)).collect(),
            granters,
            bound,
            blocks,
            roles: roles.into_iter().map(|it| (it.user, it.role)).collect(),
            live: live.map(|it| (it.subject, it.version)).collect(),
        })
    }

    /// The users of whom there may be something to say, by name; `all`, where also of those who have
    /// nothing.
    fn users(&self, all: bool) -> Vec<&'a User> {
        let is_asked = |user: &&User| self.ways.only.is_none_or(|only| only == user.id);
        if all {
            return self.ways.users.iter().filter(is_asked).collect();
        }
        let kept = self.ways.kept.get(&self.cluster.id).into_iter().flatten();
        let some = (self
            .grants
            .keys()
            .chain(&self.bound)
            .chain(self.roles.keys())
            .copied())
        .chain(kept.map(|it| it.user_id))
        .chain(self.cluster.owner)
        .chain(self.ways.admins.iter().copied());
        let places: BTreeSet<usize> = some
            .filter_map(|id| self.ways.places.get(&id).copied())
            .collect();
        let users = places.into_iter().map(|at| &self.ways.users[at]);
        users.filter(is_asked).collect()
    }

    fn access_of(&self, user: &User) -> Access {
        let grant = self.grants.get(&user.id);
        let access = access::effective(user, self.cluster, grant, self.ways.now);
        access.or_bound(user, self.bound.contains(&user.id))
    }

    /// Each way in that a user has.
    fn lines_of(&self, user: &User) -> Vec<AccessLine> {
        let mut lines = Vec::new();
        let cluster = self.cluster;
        let blocked = self.blocks.contains(&user.id);
        let version = |subject| self.live.get(&subject).copied();
        let role = self.roles.get(&user.id).filter(|_| user.active);
        if let Some((id, role)) = cluster.project.zip(role.copied())
            && let Some(name) = self.ways.projects.get(&id)
        {
            lines.push(AccessLine {
                project: Some(ThroughProject {
                    name: name.to_string(),
                    role,
                }),
                blocked,
                version: version(Subject::Shared {
                    project: id,
                    level: role.level(),
                }),
                ..AccessLine::of(user, cluster)
            });
        }
        let kept = self.ways.kept.get(&cluster.id).into_iter().flatten();
        let theirs = kept.filter(|it| it.user_id == user.id);
        lines.extend(theirs.map(|kept| AccessLine {
            kept: Some(kept.clone()),
            ..AccessLine::of(user, cluster)
        }));
        let access = self.access_of(user);
        if access == Access::None {
            return lines;
        }
        let granted = match access {
            Access::Granted { .. } => self.grants.get(&user.id).map(|grant| {
                let by = self.ways.names.get(&grant.granted_by);
                let by = by.or_else(|| self.granters.get(&grant.granted_by));
                let by = by.cloned().unwrap_or_default();
                Granted {
                    at: grant.granted_at,
                    by,
                    reason: grant.reason.clone(),
                }
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
        lines
    }
}
