//! Team access: owners and admins list, rotate, revoke and restore others' credentials.

mod act;
mod list;
#[cfg(test)]
mod tests;

pub(crate) use list::{Filter, TeamLine, list};

use self::act::Act;
use super::project::shared::Over;
use super::{Applied, Error, Intent, change, find};
use crate::domain::access::Access;
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, State};
use crate::domain::credential::{State as CredentialState, Subject};
use crate::domain::effect::Facts;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy::{ClusterAction, OrganizationAction, ProjectAction};
use crate::domain::user::User;
use crate::session::{App, Session};
use crate::store;
use crate::store::integrity::{self, Scope};

/// What is done to a user's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// End the latest version and begin the next; lifts a block.
    Rotate,
    /// End it and block.
    Revoke {
        /// The reason that somebody gave.
        reason: String,
    },
    /// Lift the block.
    Restore,
}

impl Verb {
    fn action(&self) -> Action {
        match self {
            Self::Rotate => Action::TeamRotate,
            Self::Revoke { .. } => Action::TeamRevoke,
            Self::Restore => Action::TeamRestore,
        }
    }

    fn asks(&self) -> ClusterAction {
        match self {
            Self::Rotate => ClusterAction::TeamRotate,
            Self::Revoke { .. } | Self::Restore => ClusterAction::TeamRevoke,
        }
    }
}

/// To whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This user's.
    User(UserRef),
    /// Everybody's, as after a leak.
    Everybody,
}

impl Whose {
    fn user(&self) -> Option<&UserRef> {
        match self {
            Self::User(user) => Some(user),
            Self::Everybody => None,
        }
    }
}

/// On which clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Where {
    /// On this one.
    Cluster(ClusterName),
    /// On those of a project.
    Project(ProjectName),
    /// Wherever there is anything to do.
    AllClusters,
}

/// What is told while the work goes on.
#[derive(Debug)]
pub(crate) enum ProgressEvent<'a> {
    /// On how many clusters there is something to do.
    Begins(usize),
    /// One is finished.
    Finished(&'a Report),
}

/// What came of one cluster.
#[derive(Debug)]
pub(crate) struct Report {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// What is true now (or would be), in a sentence.
    pub(crate) outcome: Result<TeamOutcome, Error>,
}

/// What came of one cluster where it went as it should.
#[derive(Debug)]
pub(crate) struct TeamOutcome {
    /// In a sentence.
    pub(crate) sentence: String,
    /// Whether anything was changed.
    pub(crate) changed: bool,
    /// What would be done, in a preview.
    pub(crate) effects: Vec<Facts>,
    /// Shared versions that ended with it, and who must download again.
    pub(crate) over: Vec<Over>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

impl TeamOutcome {
    /// The sentence, and how far it is true.
    pub(crate) fn truth(&self) -> String {
        if self.applied.pending.is_empty() {
            self.sentence.clone()
        } else {
            format!("{}: recorded, not yet true there", self.sentence)
        }
    }
}

/// What is done to whose kubeconfigs, and where.
pub(crate) struct TeamRequest<'a> {
    /// Whose kubeconfigs.
    pub(crate) whose: &'a Whose,
    /// On which clusters.
    pub(crate) place: &'a Where,
    /// What is done.
    pub(crate) action: &'a Verb,
}

/// Does it to the latest version of a user or of everybody, on one or several clusters.
///
/// `on_progress` is told of each cluster as it is finished. One cluster's failure hides no other's
/// success.
pub(crate) async fn act<C: Clone>(
    session: &Session,
    request: &TeamRequest<'_>,
    intent: &Intent<C>,
    on_progress: &mut dyn FnMut(ProgressEvent<'_>),
) -> Result<Vec<Report>, Error> {
    let TeamRequest {
        whose,
        place,
        action,
    } = *request;
    let (actor, journal) = find::acting(session, action.action())?;
    let journal = match whose {
        Whose::User(user) => journal.user_name(&user.to_string()),
        Whose::Everybody => journal,
    };
    let one = match place {
        Where::Cluster(name) => {
            Some(find::cluster(session, &actor, &journal, name, action.asks())?.cluster)
        }
        Where::Project(_) | Where::AllClusters => {
            find::may(session, &actor, &journal, OrganizationAction::Team)?;
            None
        }
    };
    let project = match place {
        Where::Project(name) => {
            let see = ProjectAction::See;
            Some(find::project(session, &actor, &journal, name, see)?.id)
        }
        Where::Cluster(_) | Where::AllClusters => None,
    };
    let user = whose.user().map(|user| find::user(session, user));
    let user = user.transpose()?;
    let clusters = if let Some(cluster) = one {
        vec![cluster]
    } else {
        let mut all = match &user {
            Some(user) => concerned(session, user, action)?,
            None => with_anything(session, action)?,
        };
        all.retain(|it| project.is_none() || it.project == project);
        all
    };
    on_progress(ProgressEvent::Begins(clusters.len()));
    let user = user.map(|user| UserRef::Name(user.name));
    let user = user.as_ref();
    let names = clusters.into_iter().map(|cluster| cluster.name);
    let mut told = |report: &Report| on_progress(ProgressEvent::Finished(report));
    let reports = change::on_each(
        names,
        |it: &Report| &it.cluster,
        &mut told,
        |cluster| async move {
            let outcome = act::on(session, Act::new(user, &cluster, action), intent).await;
            Report { cluster, outcome }
        },
    );
    Ok(reports.await)
}

/// The clusters on which there is anything to do to anybody's.
fn with_anything(app: &App, action: &Verb) -> Result<Vec<Cluster>, Error> {
    app.store()?.read(|tx| {
        integrity::check(tx, Scope::Clusters)?;
        let mut concerned = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let live = || -> store::Result<bool> {
                let unfinished = store::credentials::unfinished(tx, cluster.id)?;
                Ok(unfinished
                    .iter()
                    .any(|it| it.state.is_live() && matches!(it.subject, Subject::Personal(_))))
            };
            let concerns = match action {
                Verb::Rotate => cluster.state == State::Active && live()?,
                // Owners and admins have access to each of them.
                Verb::Revoke { .. } => true,
                Verb::Restore => !store::blocks::of_cluster(tx, cluster.id)?.is_empty(),
            };
            if concerns {
                concerned.push(cluster);
            }
        }
        Ok(concerned)
    })
}

/// The clusters that an action on all of a user's clusters is about.
fn concerned(app: &App, user: &User, action: &Verb) -> Result<Vec<Cluster>, Error> {
    app.store()?.read(|tx| {
        let mut concerned = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let blocked = store::blocks::contains(tx, cluster.id, user.id)?;
            let versions = store::credentials::versions(tx, cluster.id, user.id)?;
            let unfinished = versions
                .iter()
                .any(|it| it.state != CredentialState::Revoked);
            let has = find::access_of(tx, app, user, &cluster)? != Access::None;
            let concerns = match action {
                // An archived cluster rotates nothing: there is nothing to do on it.
                Verb::Rotate => has && cluster.state == State::Active && (blocked || unfinished),
                Verb::Revoke { .. } => has || unfinished,
                Verb::Restore => blocked,
            };
            if concerns {
                concerned.push(cluster);
            }
        }
        Ok(concerned)
    })
}
