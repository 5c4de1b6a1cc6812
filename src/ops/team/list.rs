//! `team list`: the latest version of everybody on every cluster.

use std::collections::BTreeMap;

use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::credential::{Credential, Delivery, State as CredentialState};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::user::{User, UserId};
use crate::ops::{Error, find, project};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// One line of `team list`.
#[derive(Debug)]
pub(crate) struct TeamLine {
    /// The user's name.
    pub(crate) user: String,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The latest version.
    pub(crate) latest: Option<Credential>,
    /// How often it was downloaded.
    pub(crate) downloads: usize,
    /// The last time that it was downloaded.
    pub(crate) downloaded: Option<LastDownload>,
    /// Whether the user is blocked.
    pub(crate) blocked: bool,
    /// Who keeps it without being entitled to it.
    pub(crate) kept_by: Vec<String>,
}

/// The last download of a version.
#[derive(Debug)]
pub(crate) struct LastDownload {
    /// When it was.
    pub(crate) at: Timestamp,
    /// The name of whoever took it.
    pub(crate) by: String,
}

/// The names that the rows of a list have.
struct Directory {
    clusters: BTreeMap<ClusterId, Cluster>,
    users: BTreeMap<UserId, User>,
}

impl Directory {
    fn user(&self, id: UserId) -> String {
        let user = self.users.get(&id);
        user.map(|user| user.name.to_string()).unwrap_or_default()
    }

    fn last_download(&self, deliveries: &[Delivery]) -> Option<LastDownload> {
        deliveries.last().map(|last| LastDownload {
            at: last.at,
            by: self.user(last.by),
        })
    }
}

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Only this cluster.
    pub(crate) cluster: Option<ClusterName>,
    /// Only this user.
    pub(crate) user: Option<UserRef>,
    /// Also those whose latest version is revoked.
    pub(crate) show_revoked: bool,
}

/// Lists the latest version of everybody on every cluster. For owners and admins.
pub(crate) fn list(session: &Session, filter: &Filter) -> Result<Vec<TeamLine>, Error> {
    let (actor, journal) = find::acting(session, Action::TeamList)?;
    session.end_at_once();
    if let Some(name) = &filter.cluster {
        find::cluster(session, &actor, &journal, name, ClusterAction::TeamList)?;
    }
    find::may(session, &actor, &journal, OrganizationAction::Team)?;
    let only = filter
        .user
        .as_ref()
        .map(|user| find::user(session, user))
        .transpose()?;
    session.store()?.read(|tx| {
        let users = store::users::list(tx)?.into_iter();
        let users: BTreeMap<UserId, User> = users.map(|user| (user.id, user)).collect();
        let is_shown = |cluster: &Cluster| {
            let name = filter.cluster.as_ref();
            name.is_none_or(|name| *name == cluster.name)
        };
        let clusters = store::clusters::list(tx)?.into_iter().filter(is_shown);
        let clusters: BTreeMap<ClusterId, Cluster> = clusters.map(|it| (it.id, it)).collect();
        let directory = Directory { clusters, users };
        let first = directory.clusters.keys().next().copied();
        let one = filter.cluster.as_ref().and(first);
        let only_user = only.as_ref().map(|user| user.id);
        let mut blocks = store::blocks::list(tx)?;
        let mut pairs = Vec::new();
        for latest in store::credentials::latest(tx, one, only_user)? {
            if let Some(user) = latest.subject.user() {
                let is_blocked = blocks.remove(&(latest.cluster, user));
                pairs.push((latest.cluster, user, is_blocked, Some(latest)));
            }
        }
        // A block may stand where nothing was ever issued.
        let alone = blocks.into_iter();
        pairs.extend(alone.map(|(cluster, user)| (cluster, user, true, None)));
        let mut lines = Vec::new();
        for (cluster, user, blocked, latest) in pairs {
            let revoked = latest
                .as_ref()
                .is_some_and(|it| it.state == CredentialState::Revoked);
            let wanted = only_user.is_none_or(|only| only == user)
                && (filter.show_revoked || blocked || !revoked);
            let Some(cluster) = directory.clusters.get(&cluster).filter(|_| wanted) else {
                continue;
            };
            let deliveries = match &latest {
                Some(latest) => store::credentials::deliveries(tx, latest.id)?,
                None => vec![],
            };
            lines.push(TeamLine {
                user: directory.user(user),
                cluster: cluster.name.to_string(),
                latest,
                downloads: deliveries.len(),
                downloaded: directory.last_download(&deliveries),
                blocked,
                kept_by: vec![],
            });
        }
        lines.extend(shared_lines(tx, filter, only.as_ref(), &directory)?);
        lines.sort_by(|a, b| (&a.cluster, &a.user).cmp(&(&b.cluster, &b.user)));
        Ok(lines)
    })
}

/// The latest version of every shared kubeconfig; of one user, those that they may hold.
fn shared_lines(
    tx: &ReadTxn<'_>,
    filter: &Filter,
    only: Option<&User>,
    directory: &Directory,
) -> store::Result<Vec<TeamLine>> {
    let mut lines = Vec::new();
    let kept = project::kept::all(tx)?;
    for latest in store::credentials::latest_shared(tx)? {
        let Some(cluster) = directory.clusters.get(&latest.cluster) else {
            continue;
        };
        let holders = store::credentials::holders(tx, latest.id)?;
        let wanted = only.is_none_or(|user| holders.iter().any(|holder| holder.user == user.id))
            && (filter.show_revoked || latest.state != CredentialState::Revoked);
        if !wanted {
            continue;
        }
        let deliveries = store::credentials::deliveries(tx, latest.id)?;
        lines.push(TeamLine {
            user: latest.owner.to_string(),
            cluster: cluster.name.to_string(),
            downloads: deliveries.len(),
            downloaded: directory.last_download(&deliveries),
            blocked: false,
            kept_by: kept
                .iter()
                .filter(|kept| kept.credential == latest.id)
                .map(|kept| kept.user.clone())
                .collect(),
            latest: Some(latest),
        });
    }
    Ok(lines)
}
