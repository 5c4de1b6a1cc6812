//! `team list`: the latest version of everybody on every cluster.

use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, State as CredentialState};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::user::User;
use crate::ops::{Error, find, project};
use crate::session::Session;
use crate::store::{self, ReadTxn};

/// One line of `team list`.
#[derive(Debug)]
pub(crate) struct TeamLine {
    /// Whose.
    pub(crate) user: String,
    /// Where.
    pub(crate) cluster: String,
    /// The latest version.
    pub(crate) latest: Option<Credential>,
    /// How often it was downloaded.
    pub(crate) downloads: usize,
    /// When it was downloaded last, and by whom.
    pub(crate) downloaded: Option<(Timestamp, String)>,
    /// Whether the user is blocked.
    pub(crate) blocked: bool,
    /// Who keeps it without being entitled to it.
    pub(crate) kept_by: Vec<String>,
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
        let users = store::users::list(tx)?;
        let name = |id| {
            users
                .iter()
                .find(|user| user.id == id)
                .map(|user| user.name.to_string())
        };
        let clusters = store::clusters::list(tx)?;
        let blocks = store::blocks::list(tx)?;
        let mut pairs: Vec<_> = store::credentials::latest(tx)?
            .into_iter()
            .filter_map(|credential| {
                let user = credential.subject.user()?;
                Some((credential.cluster, user, Some(credential)))
            })
            .collect();
        // A block may stand where nothing was ever issued.
        for (cluster, user) in &blocks {
            if !pairs.iter().any(|(c, u, _)| c == cluster && u == user) {
                pairs.push((*cluster, *user, None));
            }
        }
        let mut lines = Vec::new();
        for (cluster_id, user_id, latest) in pairs {
            let Some(cluster) = clusters.iter().find(|cluster| cluster.id == cluster_id) else {
                continue;
            };
            let blocked = blocks.contains(&(cluster_id, user_id));
            let revoked = latest
                .as_ref()
                .is_some_and(|it| it.state == CredentialState::Revoked);
            let wanted = filter
                .cluster
                .as_ref()
                .is_none_or(|name| *name == cluster.name)
                && only.as_ref().is_none_or(|user| user.id == user_id)
                && (filter.show_revoked || blocked || !revoked);
            if !wanted {
                continue;
            }
            let deliveries = match &latest {
                Some(latest) => store::credentials::deliveries(tx, latest.id)?,
                None => vec![],
            };
            lines.push(TeamLine {
                user: name(user_id).unwrap_or_default(),
                cluster: cluster.name.to_string(),
                latest,
                downloads: deliveries.len(),
                downloaded: deliveries
                    .last()
                    .map(|last| (last.at, name(last.by).unwrap_or_default())),
                blocked,
                kept_by: vec![],
            });
        }
        lines.extend(shared_lines(
            tx,
            filter,
            only.as_ref(),
            (&clusters, &users),
        )?);
        lines.sort_by(|a, b| (&a.cluster, &a.user).cmp(&(&b.cluster, &b.user)));
        Ok(lines)
    })
}

/// The latest version of every shared kubeconfig; of one user, those that they may hold.
fn shared_lines(
    tx: &ReadTxn<'_>,
    filter: &Filter,
    only: Option<&User>,
    (clusters, users): (&[Cluster], &[User]),
) -> store::Result<Vec<TeamLine>> {
    let name = |id| {
        let found = users.iter().find(|user| user.id == id);
        found.map(|user| user.name.to_string()).unwrap_or_default()
    };
    let mut lines = Vec::new();
    let kept = project::kept::all(tx)?;
    for latest in store::credentials::latest_shared(tx)? {
        let Some(cluster) = clusters.iter().find(|it| it.id == latest.cluster) else {
            continue;
        };
        let holders = store::credentials::holders(tx, latest.id)?;
        let wanted = filter
            .cluster
            .as_ref()
            .is_none_or(|name| *name == cluster.name)
            && only.is_none_or(|user| holders.iter().any(|holder| holder.user == user.id))
            && (filter.show_revoked || latest.state != CredentialState::Revoked);
        if !wanted {
            continue;
        }
        let deliveries = store::credentials::deliveries(tx, latest.id)?;
        lines.push(TeamLine {
            user: latest.owner.to_string(),
            cluster: cluster.name.to_string(),
            downloads: deliveries.len(),
            downloaded: deliveries.last().map(|last| (last.at, name(last.by))),
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
