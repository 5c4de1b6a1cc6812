//! A cluster that is locked, as the store had it when the lock was taken.

use super::{Error, find};
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::session::{App, Lock};

/// A cluster's lock together with its record, read under the lock.
///
/// What gives, or makes a cluster hold what the store says, takes one: a slow process cannot bring
/// back what another one took away.
#[derive(Debug)]
pub(super) struct LockedCluster {
    _lock: Lock,
    cluster: Cluster,
    installation: InstallationId,
}

impl LockedCluster {
    /// Takes a cluster's lock, waiting for another process to finish with it.
    pub(super) async fn take(app: &App, cluster: &Cluster) -> Result<Self, Error> {
        let lock = app.lock(cluster).await?;
        Self::with(app, lock, cluster)
    }

    /// Reads a cluster under a lock that is held.
    pub(super) fn with(app: &App, lock: Lock, cluster: &Cluster) -> Result<Self, Error> {
        app.one_look(|| {
            Ok(Self {
                _lock: lock,
                cluster: find::again(app, cluster)?,
                installation: find::installation(app)?,
            })
        })
    }

    /// The cluster, as it was when the lock was taken.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// This installation's id.
    pub(super) fn installation(&self) -> &InstallationId {
        &self.installation
    }

    /// The cluster as the store has it now: whoever holds the lock may have changed it.
    pub(super) fn again(&self, app: &App) -> Result<Cluster, Error> {
        find::again(app, &self.cluster)
    }
}
