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
use crate::domain::credential::State as CredentialState;
use crate::domain::effect::Facts;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::user::User;
use crate::session::{App, Session};
use crate::store;

/// What is done to a user's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// End the latest version and begin the next; lifts a block.
    Rotate,
    /// End it and block.
    Revoke {
        /// Why.
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

/// On which clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Where {
    /// On this one.
    Cluster(ClusterName),
    /// Wherever the user has access, a live version or a block.
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
    /// Which.
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

/// Does it to a user's latest version, on one or all clusters.
///
/// `on_progress` is told of each cluster as it is finished. One cluster's failure hides no other's
/// success.
pub(crate) async fn act<C: Clone>(
    session: &Session,
    (user, place): (&UserRef, &Where),
    action: &Verb,
    intent: &Intent<C>,
    on_progress: &mut dyn FnMut(ProgressEvent<'_>),
) -> Result<Vec<Report>, Error> {
    let (actor, journal) = find::acting(session, action.action())?;
    let journal = journal.user_name(&user.to_string());
    let (user, clusters) = match place {
        Where::Cluster(name) => {
            let found = find::cluster(session, &actor, &journal, name, action.asks())?;
            (find::user(session, user)?, vec![found.cluster])
        }
        Where::AllClusters => {
            find::may(session, &actor, &journal, OrganizationAction::Team)?;
            let user = find::user(session, user)?;
            let clusters = concerned(session, &user, action)?;
            (user, clusters)
        }
    };
    on_progress(ProgressEvent::Begins(clusters.len()));
    let user = &UserRef::Name(user.name);
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

/// The clusters that an action on all clusters is about.
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
