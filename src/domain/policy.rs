//! The rules of who may do what: pure, total functions over plain values (docs/design.md, "Who may
//! do what").
//!
//! [`on_cluster`], [`in_project`] and [`in_organization`] answer yes or with the rule that refuses.
//! A cluster that the actor may not see is answered by [`Denial::UnknownCluster`], which is shown
//! exactly as a name that was never registered.

mod action;
mod server;

pub(crate) use self::action::{ClusterAction, OrganizationAction, ProjectAction};

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
