//! Why nothing is done with a cluster's SSH key, as data.

use std::path::PathBuf;

use crate::domain::Timestamp;
use crate::domain::name::ClusterName;
use crate::domain::text::rfc3339;

/// Why nothing is done with a cluster's SSH key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SshKeyRefusal {
    /// The cluster has none.
    #[error("no SSH key of cluster '{0}'")]
    None(ClusterName),
    /// The cluster has one.
    #[error("SSH key {fingerprint} of cluster '{cluster}' exists already")]
    Exists {
        /// Which cluster.
        cluster: ClusterName,
        /// Which key.
        fingerprint: String,
    },
    /// The cluster has or had this very one: it may be in anybody's hands.
    #[error("key {fingerprint} of cluster '{cluster}', today or from before, exists already")]
    Known {
        /// Which cluster.
        cluster: ClusterName,
        /// Which key.
        fingerprint: String,
    },
    /// Nobody knows whether it was taken by a younger copy of the store. It is recorded.
    #[error(
        "the store was restored from a backup, or accepted as it was found, on {}: somebody may \
         have taken the SSH key of cluster '{cluster}' before",
        rfc3339(*at)
    )]
    Doubted {
        /// Of which cluster.
        cluster: ClusterName,
        /// Since when: a restore, or an owner's word for the store.
        at: Timestamp,
    },
    /// It was taken. It is recorded.
    #[error("the SSH key of cluster '{cluster}' was taken by '{user}' on {}", rfc3339(*at))]
    Taken {
        /// Of which cluster.
        cluster: ClusterName,
        /// By whom.
        user: String,
        /// When.
        at: Timestamp,
    },
    /// A hand-out of it was cut off, and it cannot be told how far that came.
    #[error(
        "a hand-out of the SSH key of cluster '{cluster}' to '{user}' was cut off, and `{}` is not \
         the file that was written",
        path.display()
    )]
    CutOff {
        /// Of which cluster.
        cluster: ClusterName,
        /// To whom.
        user: String,
        /// The file that is there.
        path: PathBuf,
    },
    /// It is destroyed. It is recorded.
    #[error("the SSH key of cluster '{0}' is gone")]
    Gone(ClusterName),
    /// A copy of the store handed it out.
    #[error("SSH key {fingerprint} was taken meanwhile")]
    Overtaken {
        /// Of which cluster.
        cluster: ClusterName,
        /// Which key.
        fingerprint: String,
    },
    /// No node is known that it could go to.
    #[error("no known node of cluster '{0}'")]
    NoNodes(ClusterName),
    /// All nodes are left out: why, a clause each.
    #[error("{}", .0.join("; "))]
    AllLeftOut(Vec<String>),
}
