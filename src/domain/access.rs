//! Access: what a user has on a cluster, and through which path.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;
use super::cluster::{Cluster, ClusterId};
use super::project::ProjectRole;
use super::user::{Role, User, UserId};

/// What a grant gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    /// Kubernetes `view`.
    Read,
    /// Kubernetes `view`, and `edit` where it cannot escalate.
    Write,
}

impl Level {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl FromStr for Level {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        match input {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err(format!(
                "no level '{}': read or write",
                input.escape_default()
            )),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The record that gives a developer a level on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Who has it.
    pub(crate) user: UserId,
    /// The cluster.
    pub(crate) cluster: ClusterId,
    /// How much.
    pub(crate) level: Level,
    /// Since when.
    pub(crate) granted_at: Timestamp,
    /// By whom.
    pub(crate) granted_by: UserId,
    /// When it ends by itself.
    pub(crate) ends_at: Option<Timestamp>,
    /// The reason that somebody gave.
    pub(crate) reason: String,
}

impl Grant {
    /// Whether it still gives anything: an ended grant is void at once.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

/// What a user effectively has on a cluster by themselves: the strongest path that applies. It is
/// what their own kubeconfig carries; what a project gives is carried by the project's shared
/// kubeconfig alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// Organization owner or admin: `full`.
    Full(Role),
    /// The cluster's owner: `write`, never downgraded by a grant.
    ClusterOwner,
    /// A grant that has not ended.
    Granted {
        /// Its level.
        level: Level,
        /// When it ends by itself.
        ends_at: Option<Timestamp>,
    },
    /// Role bindings alone: no level, and a kubeconfig that carries exactly those.
    Bound,
    /// Nothing: the cluster does not exist for this user.
    None,
}

/// What a credential carries inside Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Power {
    /// No level: only the roles that are bound.
    Bound,
    /// `view` cluster-wide.
    Read,
    /// `view` cluster-wide and `edit` in the namespaces that write reaches.
    Write,
    /// `cluster-admin`.
    Full,
}

impl Power {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Read => "read",
            Self::Write => "write",
            Self::Full => "full",
        }
    }
}

impl FromStr for Power {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        match input {
            "bound" => Ok(Self::Bound),
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "full" => Ok(Self::Full),
            _ => Err(format!("no power '{}'", input.escape_default())),
        }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Access {
    /// What a credential of this access carries; `None` where there is nothing to carry.
    pub(crate) fn power(self) -> Option<Power> {
        match self {
            Self::Full(_) => Some(Power::Full),
            Self::ClusterOwner
            | Self::Granted {
                level: Level::Write,
                ..
            } => Some(Power::Write),
            Self::Granted {
                level: Level::Read, ..
            } => Some(Power::Read),
            Self::Bound => Some(Power::Bound),
            Self::None => None,
        }
    }

    /// The same, or what role bindings give to who has nothing else.
    pub(crate) fn or_bound(self, user: &User, has_bindings: bool) -> Self {
        if self == Self::None && user.active && has_bindings {
            Self::Bound
        } else {
            self
        }
    }

    /// When it ends by itself.
    pub(crate) fn ends_at(self) -> Option<Timestamp> {
        match self {
            Self::Granted { ends_at, .. } => ends_at,
            _ => None,
        }
    }

    /// The path, in the words of the documentation.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Full(Role::Owner) => "organization owner",
            Self::Full(_) => "organization admin",
            Self::ClusterOwner => "cluster owner",
            Self::Granted { .. } => "grant",
            Self::Bound => "role binding",
            Self::None => "none",
        }
    }
}

/// The strongest of both ways in: what it carries, and the path in words.
pub(crate) fn strongest(
    access: Access,
    project: Option<ProjectRole>,
) -> (Option<Power>, &'static str) {
    let shared = project.map(|role| role.level().power());
    if shared > access.power() {
        (shared, "project")
    } else {
        (access.power(), access.path())
    }
}

/// Works out the effective access of a user on a cluster at a moment.
pub(crate) fn effective(
    user: &User,
    cluster: &Cluster,
    grant: Option<&Grant>,
    now: Timestamp,
) -> Access {
    if !user.active || user.role == Role::Server {
        return Access::None;
    }
    if user.role.is_admin() {
        return Access::Full(user.role);
    }
    if cluster.owner == Some(user.id) {
        return Access::ClusterOwner;
    }
    match grant {
        Some(grant) if grant.is_live(now) => Access::Granted {
            level: grant.level,
            ends_at: grant.ends_at,
        },
        _ => Access::None,
    }
}
