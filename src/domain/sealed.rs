//! The registry of sealed secrets: which secrets of clusters the store holds, what each is called, and
//! where it lies. Each is sealed to whoever may open it
//! ([`policy::may_open`](super::policy::may_open)).
//!
//! Another kind is another variant here, with a table of its own and whatever makes it.

use std::fmt;

use super::cluster::{Cluster, ClusterId};
use super::name::ClusterName;
use super::ssh::{KeyPair, SshKeyId};

/// Which secret of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// The login of the account that kubegrant works with there.
    ManagerLogin,
    /// The login of the account that the cluster's owner works with there.
    IssuerLogin,
    /// The token of the cluster's provider.
    ProviderToken,
    /// The private half of an SSH key.
    SshKey {
        /// Which key.
        id: SshKeyId,
        /// Its fingerprint.
        fingerprint: String,
    },
}

/// One secret of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSecret {
    /// Of which cluster.
    pub(crate) cluster: ClusterId,
    /// That cluster's name.
    pub(crate) on: ClusterName,
    /// Which one.
    pub(crate) which: Which,
    /// Counts the secrets that have stood in this place: part of the name that it is sealed under.
    pub(crate) generation: u32,
}

/// Where secrets of a kind lie in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// The table.
    pub(crate) table: &'static str,
    /// The column with the sealed bytes.
    pub(crate) secret: &'static str,
    /// The column that counts them.
    pub(crate) generation: &'static str,
    /// The column by which the row is found.
    pub(crate) key: &'static str,
}

impl SealedSecret {
    fn of(cluster: &Cluster, which: Which, generation: u32) -> Self {
        Self {
            cluster: cluster.id,
            on: cluster.name.clone(),
            which,
            generation,
        }
    }

    /// A cluster's manager login.
    pub(crate) fn manager_login(cluster: &Cluster) -> Self {
        Self::of(cluster, Which::ManagerLogin, cluster.manager_generation)
    }

    /// The login of a cluster's issuer, where it has one.
    pub(crate) fn issuer_login(cluster: &Cluster) -> Option<Self> {
        let issuer = cluster.issuer.as_ref()?;
        Some(Self::of(cluster, Which::IssuerLogin, issuer.generation))
    }

    /// A cluster's provider token.
    pub(crate) fn provider_token(cluster: &Cluster, generation: u32) -> Self {
        Self::of(cluster, Which::ProviderToken, generation)
    }

    /// An SSH key of a cluster.
    pub(crate) fn ssh_key(cluster: &Cluster, pair: &KeyPair) -> Self {
        Self::of(
            cluster,
            Which::SshKey {
                id: pair.id,
                fingerprint: pair.fingerprint.clone(),
            },
            pair.generation,
        )
    }

    /// What its kind is called.
    pub(crate) fn noun(&self) -> &'static str {
        match self.which {
            Which::ManagerLogin => "manager login",
            Which::IssuerLogin => "issuer login",
            Which::ProviderToken => "provider token",
            Which::SshKey { .. } => "SSH key",
        }
    }

    /// Where it lies.
    pub(crate) fn column(&self) -> Column {
        match self.which {
            Which::ManagerLogin => Column {
                table: "clusters",
                secret: "manager_secret",
                generation: "manager_generation",
                key: "id",
            },
            Which::IssuerLogin => Column {
                table: "issuers",
                secret: "secret",
                generation: "generation",
                key: "cluster",
            },
            Which::ProviderToken => Column {
                table: "provider_tokens",
                secret: "secret",
                generation: "generation",
                key: "cluster",
            },
            Which::SshKey { .. } => Column {
                table: "ssh_keys",
                secret: "secret",
                generation: "generation",
                key: "id",
            },
        }
    }

    /// The value by which its row is found.
    pub(crate) fn key(&self) -> i64 {
        match &self.which {
            Which::ManagerLogin | Which::IssuerLogin | Which::ProviderToken => self.cluster.0,
            Which::SshKey { id, .. } => id.0,
        }
    }

    /// The row's name, which it is sealed under. A cluster's name may come back with another cluster;
    /// its keys do not.
    pub(crate) fn row(&self) -> String {
        match &self.which {
            Which::ManagerLogin | Which::IssuerLogin | Which::ProviderToken => self.on.to_string(),
            Which::SshKey { fingerprint, .. } => format!("{}/{fingerprint}", self.on),
        }
    }
}

impl fmt::Display for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, on) = (self.noun(), &self.on);
        match &self.which {
            Which::ManagerLogin | Which::IssuerLogin | Which::ProviderToken => {
                write!(f, "the {noun} of cluster '{on}'")
            }
            Which::SshKey { fingerprint, .. } => {
                write!(f, "{noun} {fingerprint} of cluster '{on}'")
            }
        }
    }
}
