//! Access: grant, change, remove and list what users have on clusters.

mod grant;
mod list;
mod revoke;
#[cfg(test)]
mod tests;

pub(crate) use grant::{GrantAccess, grant};
pub(crate) use list::{AccessLine, Filter, list};
pub(crate) use revoke::{RevokeAccess, revoke};

use std::collections::BTreeSet;

use super::Applied;
use crate::domain::access::Access;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::refusal::Refusal;
use crate::domain::user::User;

/// What a change of access came to.
#[derive(Debug)]
pub(crate) struct AccessOutcome {
    /// The user's name.
    pub(crate) user: String,
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// What they have now.
    pub(crate) access: Access,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// Whether the user has a key that files could be sealed to.
    pub(crate) has_key: bool,
    /// Namespaces that write reaches on purpose, where write was given.
    pub(crate) included: BTreeSet<String>,
    /// Where the level is more than it says: agreed to.
    pub(crate) excess: Vec<String>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// Why a developer's grant makes no sense for this user.
fn refuse_pointless(user: &User, cluster: &Cluster) -> Result<(), Refusal> {
    if user.role.is_admin() {
        return Err(Refusal::HasFullAccess {
            user: user.name.clone(),
            role: user.role,
        });
    }
    if cluster.owner == Some(user.id) {
        return Err(Refusal::OwnsCluster {
            user: user.name.clone(),
            cluster: cluster.name.clone(),
        });
    }
    Ok(())
}
