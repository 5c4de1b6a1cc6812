//! Who had so much power that they could have kept some: said where they lose it.

use std::collections::BTreeMap;

use super::{Error, find};
use crate::domain::access::{self, Power};
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy;
use crate::domain::sealed::Which;
use crate::domain::user::User;
use crate::session::App;
use crate::store::{self, ReadTxn};

/// Of which accounts somebody can mint tokens; the later can more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Of those that the issuer's login handles.
    Users,
    /// Of all.
    Everything,
}

/// Where somebody had full access, or could open a login of the cluster's, and so could have minted
/// tokens of accounts; looked up before they lose it.
#[derive(Debug)]
pub(crate) struct Reached {
    user: User,
    clusters: BTreeMap<ClusterId, Reach>,
}

/// What somebody can by the logins that they may open.
fn opens(user: &User, cluster: &Cluster) -> Option<Reach> {
    let may = |which| user.key.is_some() && policy::may_open(user, cluster, &which);
    if may(Which::ManagerLogin) {
        Some(Reach::Everything)
    } else {
        (cluster.issuer.is_some() && may(Which::IssuerLogin)).then_some(Reach::Users)
    }
}

/// What somebody has now.
fn reach(
    tx: &ReadTxn<'_>,
    app: &App,
    user: &User,
    cluster: &Cluster,
) -> store::Result<Option<Reach>> {
    let access = find::access_of(tx, app, user, cluster)?;
    let project = find::project_role(tx, user, cluster)?;
    let (power, _) = access::strongest(access, project);
    let by_power = (power == Some(Power::Full)).then_some(Reach::Everything);
    Ok(by_power.max(opens(user, cluster)))
}

/// Where a user could have minted tokens until now. Asks no rule: what comes of it is said only
/// after a change that was allowed.
pub(crate) fn by(app: &App, user: &UserRef) -> Result<Reached, Error> {
    let user = find::user(app, user)?;
    let clusters = app.store()?.read(|tx| {
        let had = store::reached::by(tx, user.id)?.into_iter();
        let mut clusters: BTreeMap<_, _> = had.map(|id| (id, Reach::Everything)).collect();
        for cluster in store::clusters::list(tx)? {
            if let Some(opens) = opens(&user, &cluster) {
                let most = clusters.entry(cluster.id).or_insert(opens);
                *most = opens.max(*most);
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
                let clusters = BTreeMap::from([(cluster.id, Reach::Everything)]);
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
    pub(crate) fn lost(&self, app: &App) -> Result<Vec<(ClusterName, Reach)>, Error> {
        self.lost_where(app, |_| true)
    }

    /// The same for the clusters of one project.
    pub(crate) fn lost_in(
        &self,
        app: &App,
        project: &ProjectName,
    ) -> Result<Vec<(ClusterName, Reach)>, Error> {
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
    ) -> Result<Vec<(ClusterName, Reach)>, Error> {
        Ok(app.store()?.read(|tx| {
            let now = store::users::find(tx, &UserRef::Name(self.user.name.clone()))?;
            let mut lost = Vec::new();
            for cluster in store::clusters::list(tx)? {
                let Some(had) = self.clusters.get(&cluster.id).copied() else {
                    continue;
                };
                if !counts(&cluster) {
                    continue;
                }
                let has = match &now {
                    Some(user) => reach(tx, app, user, &cluster)?,
                    None => None,
                };
                if has < Some(had) {
                    lost.push((cluster.name, had));
                }
            }
            Ok::<_, store::Error>(lost)
        })?)
    }
}
