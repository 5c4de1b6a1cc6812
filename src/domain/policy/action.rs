//! What can be asked for on a cluster, in the organization and in a project.

use crate::domain::user::Role;

/// What is asked on a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ClusterAction {
    /// See it, and what one has on it.
    See,
    /// Download or rotate one's own kubeconfig.
    OwnKubeconfig,
    /// Download the shared kubeconfig of the cluster's project.
    SharedKubeconfig,
    /// Download a kubeconfig for somebody else, sealed to them.
    KubeconfigFor,
    /// Change description and labels.
    ChangeSettings,
    /// Take the SSH key.
    SshKey,
    /// Make, import, install, rotate or reset the SSH key.
    ManageSshKey,
    /// Grant, change or remove developers' access.
    Grant,
    /// Bind `view` or `edit` to a user, where it cannot escalate.
    BindLevel,
    /// Unbind `view` or `edit`.
    UnbindLevel,
    /// Bind any other role, or one that lets its holder escalate.
    BindRole,
    /// Unbind any other role.
    UnbindRole,
    /// Ask what somebody else may do, and why.
    ExplainOthers,
    /// List others' credentials.
    TeamList,
    /// Rotate others' credentials.
    TeamRotate,
    /// Revoke others' credentials, or lift a block.
    TeamRevoke,
    /// Protect or unprotect.
    Protect,
    /// Archive.
    Archive,
    /// Unarchive.
    Unarchive,
    /// Delete.
    Delete,
    /// Set, show or remove the provider token; change where write reaches.
    Sensitive,
    /// Let write reach or carry more, where that may lead to all power.
    WidenWrite,
    /// Transfer ownership.
    Transfer,
    /// Check it, and reconcile it.
    Operate,
}

impl ClusterAction {
    /// All actions.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 24] = [
        Self::See,
        Self::OwnKubeconfig,
        Self::SharedKubeconfig,
        Self::KubeconfigFor,
        Self::ChangeSettings,
        Self::SshKey,
        Self::ManageSshKey,
        Self::Grant,
        Self::BindLevel,
        Self::UnbindLevel,
        Self::BindRole,
        Self::UnbindRole,
        Self::ExplainOthers,
        Self::TeamList,
        Self::TeamRotate,
        Self::TeamRevoke,
        Self::Protect,
        Self::Archive,
        Self::Unarchive,
        Self::Delete,
        Self::Sensitive,
        Self::WidenWrite,
        Self::Transfer,
        Self::Operate,
    ];

    /// The action in words, after "may not".
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::See => "see anything",
            Self::OwnKubeconfig => "download or rotate a kubeconfig",
            Self::SharedKubeconfig => "download the project's shared kubeconfig",
            Self::KubeconfigFor => "download a kubeconfig for somebody else",
            Self::ChangeSettings => "change settings",
            Self::SshKey => "download the SSH key",
            Self::ManageSshKey => "make, import, install, rotate or reset the SSH key",
            Self::Grant => "grant, change or remove developers' access",
            Self::BindLevel => "bind view or edit",
            Self::UnbindLevel => "unbind view or edit",
            Self::BindRole => "bind any other role, or one that can escalate",
            Self::UnbindRole => "unbind any other role",
            Self::ExplainOthers => "ask about others' access",
            Self::TeamList => "list others' credentials",
            Self::TeamRotate => "rotate others' credentials",
            Self::TeamRevoke => "revoke or restore others' credentials",
            Self::Protect => "protect or unprotect",
            Self::Archive => "archive",
            Self::Unarchive => "unarchive",
            Self::Delete => "delete",
            Self::Sensitive => "see or change sensitive settings",
            Self::WidenWrite => "let write reach or carry more",
            Self::Transfer => "transfer ownership",
            Self::Operate => "check or reconcile",
        }
    }

    /// Whether the cluster's owner may.
    pub(crate) fn is_for_cluster_owners(self) -> bool {
        !matches!(
            self,
            Self::SharedKubeconfig
                | Self::BindRole
                | Self::UnbindRole
                | Self::TeamList
                | Self::TeamRotate
                | Self::TeamRevoke
                | Self::WidenWrite
                | Self::Transfer
        )
    }

    /// Who may, in words.
    pub(crate) fn who_may(self) -> &'static str {
        match self {
            Self::See | Self::OwnKubeconfig => {
                "organization owners and admins, the cluster's owner, and users with a grant \
                 or a role binding"
            }
            Self::SharedKubeconfig => "members of the cluster's project",
            Self::ChangeSettings | Self::SshKey => {
                "organization owners and admins, the cluster's owner, users with write, and the \
                 owners and editors of its project"
            }
            Self::Grant
            | Self::ManageSshKey
            | Self::BindLevel
            | Self::UnbindLevel
            | Self::ExplainOthers
            | Self::KubeconfigFor
            | Self::Protect
            | Self::Archive
            | Self::Unarchive
            | Self::Delete
            | Self::Sensitive
            | Self::Operate => "organization owners and admins, and the cluster's owner",
            Self::BindRole
            | Self::UnbindRole
            | Self::TeamList
            | Self::TeamRotate
            | Self::TeamRevoke
            | Self::WidenWrite
            | Self::Transfer => "organization owners and admins",
        }
    }
}

/// What is asked of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OrganizationAction {
    /// List and show users.
    ListUsers,
    /// List, rotate, revoke or restore others' credentials on every cluster.
    Team,
    /// Add, disable, enable a user or set a key, where the user has this role.
    ManageUser(Role),
    /// Change a user's role.
    SetRole {
        /// Role before.
        from: Role,
        /// Role after.
        to: Role,
    },
    /// Register a cluster.
    RegisterCluster,
    /// Make projects, and say which cluster is in which.
    ManageProjects,
    /// Read the audit log.
    ReadAudit,
    /// Act as another user.
    ActAs,
    /// Forget a cluster that is gone for good, without asking it.
    ForgetCluster,
    /// Copy the store into a file.
    Backup,
    /// Restore the store from a backup, or accept it as it was found.
    Restore,
    /// Say whom people log in with.
    SetProvider,
}

impl OrganizationAction {
    /// The action in words, after "may not".
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::ListUsers => "list users",
            Self::Team => "list, rotate, revoke or restore others' credentials",
            Self::ManageUser(_) => "manage users",
            Self::SetRole { .. } => "change roles",
            Self::RegisterCluster => "register a cluster",
            Self::ManageProjects => "make projects, or say which cluster is in which",
            Self::ReadAudit => "read the audit log",
            Self::ActAs => "act as another user",
            Self::ForgetCluster => "forget a cluster",
            Self::Backup => "make a backup",
            Self::Restore => "restore or accept the store",
            Self::SetProvider => "say whom people log in with",
        }
    }

    /// Whether it changes what holds on all clusters at once. What goes through them one by one
    /// fails one by one.
    pub(crate) fn is_everywhere(self) -> bool {
        matches!(self, Self::ManageUser(_) | Self::SetRole { .. })
    }
}

/// What is asked of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ProjectAction {
    /// See it, its members and its clusters.
    See,
    /// Add and remove members, and change their roles.
    Members,
    /// Rotate its shared kubeconfigs.
    Rotate,
    /// Revoke its shared kubeconfigs.
    Revoke,
    /// Rename, describe or delete it.
    Manage,
}

impl ProjectAction {
    /// All actions.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [
        Self::See,
        Self::Members,
        Self::Rotate,
        Self::Revoke,
        Self::Manage,
    ];

    /// The action in words, after "may not".
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::See => "see anything",
            Self::Members => "add, change or remove members",
            Self::Rotate => "rotate shared kubeconfigs",
            Self::Revoke => "revoke shared kubeconfigs",
            Self::Manage => "rename, describe or delete it",
        }
    }

    /// Who may, in words.
    pub(crate) fn who_may(self) -> &'static str {
        match self {
            Self::See => "organization owners and admins, and its members",
            Self::Members | Self::Rotate | Self::Revoke => {
                "organization owners and admins, and the project's owners"
            }
            Self::Manage => "organization owners and admins",
        }
    }
}
