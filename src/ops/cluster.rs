//! Clusters: register, renew, list, show, check and set.

mod approach;
mod register;
mod settings;

pub(crate) use approach::Source;
pub(super) use approach::prove;
pub(crate) use register::{Add, Registered, add, relink};
pub(super) use register::{active_user, cannot_own};
pub(crate) use settings::{Place, Set, SetOutcome, set};

use std::collections::{BTreeMap, BTreeSet};

use super::journal::Journal;
use super::rbac::{self, Standing};
use super::{Error, find, settle};
use crate::domain::access::Access;
use crate::domain::cluster::{Cluster, WriteScope};
use crate::domain::name::ClusterName;
use crate::domain::plan::{Observed, Plan, Step};
use crate::domain::policy::ClusterAction;
use crate::domain::project::ProjectRole;
use crate::domain::user::User;
use crate::kubernetes::connection::{Look, Seen};
use crate::kubernetes::manager::MANAGER_RIGHTS;
use crate::kubernetes::{converge, foreign};
use crate::session::{Actor, Session};
use crate::store;

/// One line of `cluster list`.
#[derive(Debug)]
pub(crate) struct Line {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Its owner's name.
    pub(crate) owner: Option<String>,
    /// What the actor has on it by themselves.
    pub(crate) access: Access,
    /// The project that it is in.
    pub(crate) project: Option<String>,
    /// What the actor is in that project.
    pub(crate) role: Option<ProjectRole>,
    /// How many versions are live on it; only for those who manage it.
    pub(crate) credentials: Option<usize>,
    /// How many things are owed on it; only for those who manage it.
    pub(crate) owed: Option<usize>,
}

/// Lists the clusters that the actor may see.
pub(crate) fn list(session: &Session) -> Result<Vec<Line>, Error> {
    let actor = find::actor(session, "cluster list")?;
    session.store()?.read(|tx| {
        let users = store::users::list(tx)?;
        let unfinished = store::credentials::all_unfinished(tx)?;
        let names = store::projects::names(tx)?;
        let mut lines = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let access = find::access_of(tx, session, &actor.user, &cluster)?;
            let role = find::project_role(tx, &actor.user, &cluster)?;
            if access == Access::None && role.is_none() {
                continue;
            }
            let project = cluster.project.and_then(|id| names.get(&id)).cloned();
            lines.push(Line {
                project,
                role,
                ..line(cluster, access, &users, &unfinished)
            });
        }
        Ok(lines)
    })
}

fn line(
    cluster: Cluster,
    access: Access,
    users: &[User],
    unfinished: &[crate::domain::credential::Credential],
) -> Line {
    let manages = matches!(access, Access::Full(_) | Access::ClusterOwner);
    let here = || {
        unfinished
            .iter()
            .filter(|credential| credential.cluster == cluster.id)
    };
    let live = here()
        .filter(|credential| credential.state.is_live())
        .count();
    let owed = here()
        .filter(|credential| credential.state.is_debt())
        .count();
    let owner = users.iter().find(|user| cluster.owner == Some(user.id));
    Line {
        owner: owner.map(|user| user.name.to_string()),
        access,
        project: None,
        role: None,
        credentials: manages.then_some(live),
        owed: manages.then_some(owed),
        cluster,
    }
}

/// What `cluster show` knows.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The record.
    pub(crate) line: Line,
    /// Where write reaches and where not, asked of the cluster; for those who manage it.
    pub(crate) reach: Option<Result<Reach, String>>,
}

/// Where write reaches.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Namespaces that it reaches.
    pub(crate) reaches: BTreeSet<String>,
    /// Namespaces held back, and why.
    pub(crate) held_back: BTreeMap<String, String>,
}

/// Shows a cluster; asks it where write reaches, if the actor can open its login.
pub(crate) async fn show(session: &Session, name: &ClusterName) -> Result<Shown, Error> {
    let actor = find::actor(session, "cluster show")?;
    let journal = Journal::new(&actor, "cluster show");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    let line = session.store()?.read(|tx| {
        let users = store::users::list(tx)?;
        let unfinished = store::credentials::all_unfinished(tx)?;
        let names = store::projects::names(tx)?;
        let project = found.cluster.project.and_then(|id| names.get(&id));
        Ok::<_, Error>(Line {
            project: project.cloned(),
            role: found.project,
            ..line(found.cluster.clone(), found.access, &users, &unfinished)
        })
    })?;
    let manages = matches!(found.access, Access::Full(_) | Access::ClusterOwner);
    let reach = if manages && found.cluster.write_scope == WriteScope::Namespaces {
        Some(
            reach(session, &found.cluster)
                .await
                .map_err(|error| settle::chain(&error)),
        )
    } else {
        None
    };
    Ok(Shown { line, reach })
}

async fn reach(session: &Session, cluster: &Cluster) -> Result<Reach, Error> {
    let connection = session
        .connect(cluster, &find::installation(session)?)
        .await?;
    let look = Look {
        with_write: true,
        with_places: true,
        held_back: &cluster.held_back,
    };
    let seen = connection
        .observe(&look)
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })?;
    Ok(Reach {
        reaches: seen.observed.write_reaches,
        held_back: seen.held_back,
    })
}

/// What `cluster check` found.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Its address.
    pub(crate) server: String,
    /// The version it gives now.
    pub(crate) version: String,
    /// Rights that the manager lacks.
    pub(crate) missing_rights: Vec<String>,
    /// Objects of ours that are not there.
    pub(crate) missing: Vec<String>,
    /// Objects of ours that are not as they should be.
    pub(crate) changed: Vec<String>,
    /// Objects that carry our labels or stand in our namespace, and that we did not make.
    pub(crate) foreign: Vec<String>,
    /// Bindings to cluster-admin that neither Kubernetes nor kubegrant made.
    pub(crate) cluster_admins: Vec<String>,
    /// Secrets with a token that never ends, which this installation did not make.
    pub(crate) immortal_tokens: Vec<String>,
    /// Whether such Secrets were looked for in our own namespace alone.
    pub(crate) immortal_is_partial: bool,
    /// Bound roles that are gone, or let their holder climb.
    pub(crate) bound: Vec<String>,
    /// Where write reaches.
    pub(crate) reach: Reach,
    /// What is owed, as the store says.
    pub(crate) owed: usize,
}

impl Checked {
    /// Whether `reconcile` would have anything to do, or somebody should look.
    pub(crate) fn has_drift(&self) -> bool {
        !(self.missing.is_empty() && self.changed.is_empty() && self.missing_rights.is_empty())
            || self.owed > 0
    }
}

/// Checks a cluster: reachable, pins, version, rights, drift, and where write reaches.
pub(crate) async fn check(session: &Session, name: &ClusterName) -> Result<Checked, Error> {
    let actor = find::actor(session, "cluster check")?;
    let journal = Journal::new(&actor, "cluster check");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Operate)?;
    let cluster = found.cluster;
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let picture = session
        .store()?
        .read(|tx| settle::picture(tx, cluster.id))?;
    let connection = session.connect(&cluster, &picture.installation).await?;
    let desired = picture.desired(&cluster);
    let look = Look {
        with_write: true,
        with_places: true,
        held_back: &cluster.held_back,
    };
    let (version, missing, strangers, immortal, (seen, plan)) = futures::try_join!(
        connection.version(),
        connection.missing_rights(&MANAGER_RIGHTS),
        connection.strangers(),
        connection.immortal_tokens(),
        converge::preview(&connection, &desired, &look),
    )
    .map_err(failed)?;
    let owed = settle::debts(&cluster, &picture).len();
    let mut checked = Checked {
        cluster: cluster.name.clone(),
        server: cluster.address.server.clone(),
        version,
        missing_rights: missing.iter().map(ToString::to_string).collect(),
        missing: vec![],
        changed: vec![],
        foreign: strangers,
        cluster_admins: foreign::cluster_admins(&seen.foreign),
        immortal_tokens: immortal.found,
        immortal_is_partial: immortal.is_partial,
        bound: bound(&picture, &seen),
        reach: Reach::default(),
        owed,
    };
    checked.foreign.extend(seen.labelled.iter().cloned());
    sort_drift(&mut checked, &plan, &seen.observed);
    checked.reach = Reach {
        reaches: seen.observed.write_reaches,
        held_back: seen.held_back,
    };
    Ok(checked)
}

/// Bound roles that are not what they were, or let their holder climb, in words.
fn bound(picture: &settle::Picture, seen: &Seen) -> Vec<String> {
    let live = picture.bindings.iter().filter(|it| !it.is_removed);
    let words = live.filter_map(|binding| {
        let user = picture.users.get(&binding.user)?;
        let what = match rbac::standing(&binding.bound, seen) {
            Standing::Role { climbs: None } => return None,
            Standing::Role { climbs: Some(why) } => format!("lets them climb: {why}"),
            Standing::RoleGone => "gives nothing: there is no such role".to_owned(),
            Standing::NamespaceGone => "gives nothing: the namespace is gone".to_owned(),
        };
        Some(format!("{} of '{}' {what}", binding.bound, user.name))
    });
    words.collect()
}

/// Sorts a plan's steps into what is missing, changed and foreign.
fn sort_drift(checked: &mut Checked, plan: &Plan, observed: &Observed) {
    for step in plan.steps() {
        match step {
            Step::CreateAccount(account) => {
                checked.missing.push(format!("account {}", account.name));
            }
            Step::CreateBinding { place, name, .. } => {
                if !observed
                    .bindings
                    .contains_key(&(place.clone(), name.clone()))
                {
                    checked.missing.push(binding(place.as_deref(), name));
                }
            }
            Step::SetBinding { place, name, .. } => {
                checked.changed.push(binding(place.as_deref(), name));
            }
            Step::DeleteAccount { name, .. } => checked.changed.push(format!("account {name}")),
            Step::DeleteBinding { place, name, .. } => {
                checked.changed.push(binding(place.as_deref(), name));
            }
        }
    }
}

fn binding(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        None => format!("binding {name}"),
        Some(namespace) => format!("binding {name} in namespace '{namespace}'"),
    }
}

/// Whether an actor manages a cluster: its access, its credentials, its reconcile.
pub(super) fn manages(session: &Session, actor: &Actor, cluster: &Cluster) -> Result<bool, Error> {
    let access = session
        .store()?
        .read(|tx| find::access_of(tx, session, &actor.user, cluster))?;
    Ok(matches!(access, Access::Full(_) | Access::ClusterOwner))
}
