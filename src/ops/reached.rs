//! Who had so much power that they could have kept some: said where they lose it.

use std::collections::BTreeSet;

use super::{Error, find};
use crate::domain::access::{self, Power};
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy;
use crate::domain::sealed::Which;
use crate::domain::user::User;
use crate::session::App;
use crate::store::{self, ReadTxn};

/// Where somebody had full access, or could open the manager's login, and so could have minted
/// tokens of every account; looked up before they lose it.
#[derive(Debug)]
pub(crate) struct Reached {
    user: User,
    clusters: BTreeSet<ClusterId>,
}

/// Whether somebody has it now.
fn has_it(tx: &ReadTxn<'_>, app: &App, user: &User, cluster: &Cluster) -> store::Result<bool> {
    let access = find::access_of(tx, app, user, cluster)?;
    let project = find::project_role(tx, user, cluster)?;
    let (power, _) = access::strongest(access, project);
    let opens = policy::may_open(user, cluster, &Which::ManagerLogin);
    Ok(power == Some(Power::Full) || opens && user.key.is_some())
}

/// Where a user could have minted tokens until now. Asks no rule: what comes of it is said only
/// after a change that was allowed.
pub(crate) fn by(app: &App, user: &UserRef) -> Result<Reached, Error> {
    let user = find::user(app, user)?;
    let clusters = app.store()?.read(|tx| {
        let mut clusters = store::reached::by(tx, user.id)?;
        for cluster in store::clusters::list(tx)? {
            let opens = policy::may_open(&user, &cluster, &Which::ManagerLogin);
            if opens && user.key.is_some() {
                clusters.insert(cluster.id);
            }
        }
        Ok::<_, store::Error>(clusters)
    })?;
    Ok(Reached { user, clusters })
}

/// Where anybody could have minted tokens of a cluster's accounts until now: everybody who could.
pub(crate) fn on(app: &App, cluster: &ClusterName) -> Result<Vec<Reached>, Error> {
    Ok(app.store()?.read(|tx| {
        let Some(cluster) = store::clusters::find(tx, cluster)? else {
            return Ok(vec![]);
        };
        let mut found = Vec::new();
        for user in store::users::list(tx)? {
            if store::reached::by(tx, user.id)?.contains(&cluster.id) {
                let clusters = BTreeSet::from([cluster.id]);
                found.push(Reached { user, clusters });
            }
        }
        Ok::<_, store::Error>(found)
    })?)
}

impl Reached {
    /// Whom it is about.
    pub(crate) fn user(&self) -> String {
        self.user.name.to_string()
    }

    /// The clusters on which they have it no longer, by name.
    pub(crate) fn lost(&self, app: &App) -> Result<Vec<ClusterName>, Error> {
        self.lost_where(app, |_| true)
    }

    /// The same for the clusters of one project.
    pub(crate) fn lost_in(
        &self,
        app: &App,
        project: &ProjectName,
    ) -> Result<Vec<ClusterName>, Error> {
        let project = app.store()?.read(|tx| store::projects::find(tx, project))?;
        let project = project.map(|project| project.id);
        self.lost_where(app, |cluster| {
            project.is_some() && cluster.project == project
        })
    }

    fn lost_where(
        &self,
        app: &App,
        counts: impl Fn(&Cluster) -> bool,
    ) -> Result<Vec<ClusterName>, Error> {
        Ok(app.store()?.read(|tx| {
            let now = store::users::find(tx, &UserRef::Name(self.user.name.clone()))?;
            let mut lost = Vec::new();
            for cluster in store::clusters::list(tx)? {
                if !self.clusters.contains(&cluster.id) || !counts(&cluster) {
                    continue;
                }
                let still = match &now {
                    Some(user) => has_it(tx, app, user, &cluster)?,
                    None => false,
                };
                if !still {
                    lost.push(cluster.name);
                }
            }
            Ok::<_, store::Error>(lost)
        })?)
    }
}
