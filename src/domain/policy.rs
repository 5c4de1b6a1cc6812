//! The rules of who may do what: pure, total functions over plain values (docs/design.md, "Who may
//! do what").
//!
//! [`on_cluster`], [`in_project`] and [`in_organization`] answer yes or with the rule that refuses.
//! A cluster that the actor may not see is answered by [`Denial::UnknownCluster`], which is shown
//! exactly as a name that was never registered.

mod server;

pub(crate) use server::{is_served, server_opens};

use super::access::{Access, Level};
use super::cluster::{Cluster, State};
use super::project::ProjectRole;
use super::sealed::Which;
use super::user::{Role, User};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Actor {
    /// Role in the organization.
    pub(crate) role: Role,
    /// Disabled users can do nothing.
    pub(crate) active: bool,
}

/// The cluster that is asked about, as the actor stands to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// What the actor has on it by themselves.
    pub(crate) access: Access,
    /// What the actor is in the project that it is in.
    pub(crate) project: Option<ProjectRole>,
    /// Active or archived.
    pub(crate) state: State,
    /// Whether it is protected.
    pub(crate) protected: bool,
    /// How the kubeconfig of the user concerned stands there.
    pub(crate) standing: Standing,
}

/// How a user's kubeconfig stands on a cluster. Only a block changes what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    /// None was issued yet.
    Nothing,
    /// A version is pending or active.
    Live,
    /// The latest version is being ended.
    Ending,
    /// The latest version is revoked.
    Ended,
    /// An admin revoked it: no download until restored.
    Blocked,
}

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

/// Which rule refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Denial {
    /// The actor is disabled.
    Disabled,
    /// The cluster does not exist for the actor.
    UnknownCluster,
    /// The actor's access is too weak; says who may.
    NotOnCluster(ClusterAction),
    /// The project does not exist for the actor.
    UnknownProject,
    /// The actor's role in the project is too weak; says who may.
    NotInProject(ProjectAction),
    /// Only organization owners and admins may.
    AdminsOnly(OrganizationAction),
    /// Only an organization owner touches owners.
    OwnersOnly,
    /// Not through a server, whoever it acts for: whoever has its key would have it done.
    NotServed,
    /// The kubeconfig was revoked by an admin.
    AccessRevoked,
    /// The cluster is archived.
    Archived(ClusterAction),
    /// The cluster is protected.
    Protected(ClusterAction),
    /// The cluster is already, or is not, archived.
    NotArchived,
}

impl Denial {
    /// Whether it is the state of things that forbids it (exit 5), not the actor's rights (exit 4).
    pub(crate) fn is_state(self) -> bool {
        matches!(
            self,
            Self::Archived(_) | Self::Protected(_) | Self::NotArchived
        )
    }
}

/// Decides on a cluster.
pub(crate) fn on_cluster(
    actor: Actor,
    action: ClusterAction,
    target: Target,
) -> Result<(), Denial> {
    use ClusterAction as A;
    if !actor.active {
        return Err(Denial::Disabled);
    }
    if !sees(target.access, target.project) {
        return Err(Denial::UnknownCluster);
    }
    let full = matches!(target.access, Access::Full(_));
    let owns = manages(target.access);
    let writes =
        owns || matches!(
            target.access,
            Access::Granted {
                level: Level::Write,
                ..
            }
        ) || target.project >= Some(ProjectRole::Editor);
    let entitled = match action {
        A::See => true,
        A::OwnKubeconfig => target.access != Access::None,
        A::SharedKubeconfig => target.project.is_some(),
        A::ChangeSettings | A::SshKey => writes,
        A::Grant
        | A::ManageSshKey
        | A::BindLevel
        | A::UnbindLevel
        | A::ExplainOthers
        | A::KubeconfigFor
        | A::Protect
        | A::Archive
        | A::Unarchive
        | A::Delete
        | A::Sensitive
        | A::Operate => owns,
        A::BindRole
        | A::UnbindRole
        | A::TeamList
        | A::TeamRotate
        | A::TeamRevoke
        | A::WidenWrite
        | A::Transfer => full,
    };
    if !entitled {
        return Err(Denial::NotOnCluster(action));
    }
    let archived = target.state == State::Archived;
    match action {
        A::OwnKubeconfig
        | A::SharedKubeconfig
        | A::KubeconfigFor
        | A::SshKey
        | A::ManageSshKey
        | A::BindLevel
        | A::BindRole
        | A::TeamRotate
            if archived =>
        {
            Err(Denial::Archived(action))
        }
        A::Archive if archived => Err(Denial::Archived(action)),
        A::Unarchive if !archived => Err(Denial::NotArchived),
        A::Archive | A::Delete if target.protected => Err(Denial::Protected(action)),
        A::OwnKubeconfig | A::SharedKubeconfig | A::KubeconfigFor
            if target.standing == Standing::Blocked =>
        {
            Err(Denial::AccessRevoked)
        }
        _ => Ok(()),
    }
}

/// Whether a cluster is there for whoever stands to it so.
pub(crate) fn sees(access: Access, project: Option<ProjectRole>) -> bool {
    access != Access::None || project.is_some()
}

/// Whether whoever has this on a cluster manages it: its access, its credentials, its reconcile.
pub(crate) fn manages(access: Access) -> bool {
    matches!(access, Access::Full(_) | Access::ClusterOwner)
}

/// Whether a user may see a project, given what they are in it.
pub(crate) fn sees_project(user: &User, role: Option<ProjectRole>) -> bool {
    let actor = Actor {
        role: user.role,
        active: user.active,
    };
    in_project(actor, ProjectAction::See, role).is_ok()
}

/// Decides in a project, given what the actor is in it.
pub(crate) fn in_project(
    actor: Actor,
    action: ProjectAction,
    role: Option<ProjectRole>,
) -> Result<(), Denial> {
    use ProjectAction as A;
    if !actor.active {
        return Err(Denial::Disabled);
    }
    if actor.role.is_admin() {
        return Ok(());
    }
    let Some(role) = role else {
        return Err(Denial::UnknownProject);
    };
    let entitled = match action {
        A::See => true,
        A::Members | A::Rotate | A::Revoke => role == ProjectRole::Owner,
        A::Manage => false,
    };
    if entitled {
        Ok(())
    } else {
        Err(Denial::NotInProject(action))
    }
}

/// Decides in the organization.
pub(crate) fn in_organization(actor: Actor, action: OrganizationAction) -> Result<(), Denial> {
    use OrganizationAction as A;
    if !actor.active {
        return Err(Denial::Disabled);
    }
    // No admin could help: whoever is refused is told to ask an owner.
    let is_owners = matches!(action, A::ForgetCluster | A::Restore | A::SetProvider);
    if is_owners && actor.role != Role::Owner {
        return Err(Denial::OwnersOnly);
    }
    if !actor.role.is_admin() {
        return Err(Denial::AdminsOnly(action));
    }
    let owners_only = match action {
        A::ManageUser(role) => role == Role::Owner,
        A::SetRole { from, to } => from == Role::Owner || to == Role::Owner,
        A::ForgetCluster
        | A::Backup
        | A::Restore
        | A::SetProvider
        | A::ListUsers
        | A::Team
        | A::RegisterCluster
        | A::ManageProjects
        | A::ReadAudit
        | A::ActAs => false,
    };
    if owners_only && actor.role != Role::Owner {
        return Err(Denial::OwnersOnly);
    }
    Ok(())
}

/// Whether a user may open this secret of a cluster.
///
/// The manager's login can become cluster-admin, so a cluster's owner has the issuer's instead; where
/// there is none yet, the manager's as before.
pub(crate) fn may_open(user: &User, cluster: &Cluster, which: &Which) -> bool {
    user.active && opens_while_active(user, cluster, which)
}

/// The same of somebody who is about to be enabled, or disabled.
pub(crate) fn opens_while_active(user: &User, cluster: &Cluster, which: &Which) -> bool {
    if user.role == Role::Server {
        return server_opens(cluster, which);
    }
    let owns = cluster.owner == Some(user.id);
    user.role.is_admin()
        || match which {
            Which::ManagerLogin => owns && cluster.issuer.is_none(),
            Which::IssuerLogin | Which::ProviderToken | Which::SshKey { .. } => owns,
        }
}

/// Whether somebody may act as a user, given what both are.
///
/// A server acts for whoever logged in to it, and does nothing by itself. Acting as an owner is otherwise
/// an owner's right: no admin escalates by `--as`.
pub(crate) fn act_as(holder: Actor, user: Role) -> Result<(), Denial> {
    if holder.role == Role::Server {
        let denial = Denial::AdminsOnly(OrganizationAction::ActAs);
        let acts = holder.active && user != Role::Server;
        return if acts { Ok(()) } else { Err(denial) };
    }
    in_organization(holder, OrganizationAction::ActAs)?;
    if user > holder.role {
        return Err(Denial::OwnersOnly);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
