//! Clusters: register, renew, list, show, check and set.

mod approach;
mod check;
mod custody;
mod insisted;
mod public;
mod register;
mod relink;
mod settings;
mod survey;

pub(crate) use approach::{Source, WRITE_SCOPE_WARNING, open_choice};
pub(crate) use check::{Checked, check};
pub(crate) use custody::ObjectOptions;
pub(super) use custody::prove;
pub(crate) use public::{parse_address, parse_host};
pub(crate) use register::{Add, Registered, add};
pub(crate) use relink::{Relink, relink};
pub(crate) use settings::{IntoProject, Public, Set, SetOutcome, Settings, set};

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, find};
use crate::domain::access::Access;
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, WriteScope};
use crate::domain::level::LeftOut;
use crate::domain::name::ClusterName;
use crate::domain::policy::{self, ClusterAction};
use crate::domain::project::ProjectRole;
use crate::domain::text;
use crate::kubernetes::observe::{Look, Seen};
use crate::session::{App, Principal, Session};
use crate::store::{self, ReadTxn};

/// One line of `cluster list`.
#[derive(Debug)]
pub(crate) struct ClusterLine {
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
    /// How many things are pending on it; only for those who manage it.
    pub(crate) pending: Option<usize>,
    /// Whether an admin revoked the actor's kubeconfig there.
    pub(crate) revoked: bool,
}

/// Lists the clusters that the actor may see.
pub(crate) fn list(session: &Session) -> Result<Vec<ClusterLine>, Error> {
    let actor = find::principal(session, Action::ClusterList)?;
    session.store()?.read(|tx| {
        let names = store::projects::names(tx)?;
        let blocks = store::blocks::list(tx)?;
        let mut lines = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let access = find::access_of(tx, session, &actor.user, &cluster)?;
            let role = find::project_role(tx, &actor.user, &cluster)?;
            if !policy::sees(access, role) {
                continue;
            }
            let project = cluster
                .project
                .and_then(|id| names.get(&id))
                .map(ToString::to_string);
            lines.push(ClusterLine {
                project,
                role,
                revoked: blocks.contains(&(cluster.id, actor.user.id)),
                ..line(tx, cluster, access)?
            });
        }
        Ok(lines)
    })
}

fn line(tx: &ReadTxn<'_>, cluster: Cluster, access: Access) -> store::Result<ClusterLine> {
    let manages = policy::manages(access);
    let here = if manages {
        store::credentials::unfinished(tx, cluster.id)?
    } else {
        vec![]
    };
    let live = here.iter().filter(|it| it.state.is_live()).count();
    let pending = here.iter().filter(|it| it.state.awaits_cluster()).count();
    let owner = match cluster.owner {
        Some(owner) => store::users::get(tx, owner)?,
        None => None,
    };
    Ok(ClusterLine {
        owner: owner.map(|user| user.name.to_string()),
        access,
        project: None,
        role: None,
        credentials: manages.then_some(live),
        pending: manages.then_some(pending),
        revoked: false,
        cluster,
    })
}

/// What `cluster show` knows.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The record.
    pub(crate) line: ClusterLine,
    /// Where write reaches and where not, asked of the cluster; for those who manage it.
    pub(crate) reach: Option<Result<Reach, String>>,
}

/// Where write reaches.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Namespaces that it reaches.
    pub(crate) reaches: BTreeSet<String>,
    /// Namespaces excluded, and why.
    pub(crate) excluded: BTreeMap<String, String>,
    /// Namespaces that it reaches on purpose, and why it should not.
    pub(crate) included: BTreeMap<String, String>,
    /// What the levels leave out of the cluster's `view` and `edit`.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Shows a cluster; asks it where write reaches, if the actor can open its login.
pub(crate) async fn show(session: &Session, name: &ClusterName) -> Result<Shown, Error> {
    let (actor, journal) = find::acting(session, Action::ClusterShow)?;
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    let line = session.store()?.read(|tx| {
        let names = store::projects::names(tx)?;
        let project = found.cluster.project.and_then(|id| names.get(&id));
        Ok::<_, Error>(ClusterLine {
            project: project.map(ToString::to_string),
            role: found.project,
            revoked: store::blocks::contains(tx, found.cluster.id, actor.user.id)?,
            ..line(tx, found.cluster.clone(), found.access)?
        })
    })?;
    let manages = policy::manages(found.access);
    let reach = if manages && found.cluster.write_scope == WriteScope::Namespaces {
        Some(
            look(session, &found.cluster)
                .await
                .map(Reach::from)
                .map_err(|error| text::chain(&error)),
        )
    } else {
        None
    };
    Ok(Shown { line, reach })
}

/// Looks at everything that limits write, and that judging a role needs.
pub(super) async fn look(session: &Session, cluster: &Cluster) -> Result<Seen, Error> {
    let connection = session
        .connect(cluster, &find::installation(session)?)
        .await?;
    let look = Look {
        only: None,
        with_write: true,
        with_places: true,
        cluster: Some(cluster),
    };
    connection
        .observe(&look)
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
}

impl From<Seen> for Reach {
    fn from(seen: Seen) -> Self {
        Self {
            reaches: seen.observed.write_reaches,
            excluded: seen.excluded,
            included: seen.included,
            left_out: seen.left_out,
        }
    }
}

/// Whether an actor manages a cluster: its access, its credentials, its reconcile.
pub(super) fn manages(app: &App, actor: &Principal, cluster: &Cluster) -> Result<bool, Error> {
    let access = app
        .store()?
        .read(|tx| find::access_of(tx, app, &actor.user, cluster))?;
    Ok(policy::manages(access))
}
