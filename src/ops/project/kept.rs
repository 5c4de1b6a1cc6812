//! Who keeps a shared version without having its level: somebody decided so (`--keep-shared`), and
//! it lets them in until it is rotated.

use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::cluster::ClusterId;
use crate::domain::credential::{CredentialId, Subject};
use crate::domain::name::ClusterName;
use crate::domain::project::{ProjectId, ProjectRole};
use crate::domain::subject::SubjectName;
use crate::domain::user::UserId;
use crate::store::{self, ReadTxn};

/// Somebody who keeps a shared version.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Which cluster, in the store.
    pub(in crate::ops) cluster_id: ClusterId,
    /// Who, in the store.
    pub(in crate::ops) user_id: UserId,
    /// Which project, in the store.
    pub(in crate::ops) project_id: ProjectId,
    /// Which version, in the store.
    pub(in crate::ops) credential: CredentialId,
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// The user's name.
    pub(crate) user: String,
    /// Whose kubeconfig it is.
    pub(crate) project: String,
    /// Which version.
    pub(crate) version: u32,
    /// What it carries.
    pub(crate) power: Power,
    /// When the last token in it ends by itself.
    pub(crate) ends_at: Option<Timestamp>,
}

impl Kept {
    /// What it is, and what ends it.
    pub(crate) fn description(&self) -> String {
        format!(
            "{} (kept shared kubeconfig of project '{}', version {}, until it is rotated)",
            self.power.as_str(),
            self.project,
            self.version
        )
    }
}

/// Lists everybody who keeps a version that works, on the clusters that are in view.
pub(in crate::ops) fn all(tx: &ReadTxn<'_>) -> store::Result<Vec<Kept>> {
    let credentials = store::credentials::kept(tx)?;
    if credentials.is_empty() {
        return Ok(vec![]);
    }
    let clusters = store::clusters::list(tx)?;
    let mut kept = Vec::new();
    for credential in credentials {
        let Subject::Shared { project, level } = credential.subject else {
            continue;
        };
        let SubjectName::Shared { project: name, .. } = &credential.owner else {
            continue;
        };
        let Some(cluster) = clusters.iter().find(|it| it.id == credential.cluster) else {
            continue;
        };
        for holder in store::credentials::holders(tx, credential.id)? {
            let role = store::projects::role_of(tx, project, holder.user)?;
            let has_it = role.map(ProjectRole::level) >= Some(level);
            if !holder.kept || has_it {
                continue;
            }
            let Some(user) = store::users::get(tx, holder.user)? else {
                continue;
            };
            kept.push(Kept {
                cluster_id: cluster.id,
                user_id: user.id,
                project_id: project,
                credential: credential.id,
                cluster: cluster.name.clone(),
                user: user.name.to_string(),
                project: name.to_string(),
                version: credential.version,
                power: credential.power,
                ends_at: credential.tokens_end_at(),
            });
        }
    }
    Ok(kept)
}
