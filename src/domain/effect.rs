//! Effects: what a change does to the store, as plain data.
//!
//! There is one list of what a command does, and it is this one: the dry run shows it, the store
//! commits it, and the consequences on clusters are computed from it. An effect names rows by their
//! numbers; [`Rows::describe`](super::rows::Rows::describe) words it with their names.

use super::Timestamp;
use super::access::{Grant, Power};
use super::binding::{BindingId, Bound};
use super::cluster::{ClusterId, FormerManager, State};
use super::credential::{CredentialId, Renews, Subject};
use super::name::{ClusterName, Email, ProjectName, UserName};
use super::oidc::{OidcLink, Provider};
use super::project::{ProjectId, ProjectRole};
use super::setting::Setting;
use super::shard::Shard;
use super::ssh::SshKeyEffect;
use super::user::{Role, UserId};

/// One thing that a change does to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Puts a grant in the place of the one that is there, if any.
    PutGrant(Grant),
    /// Removes a grant.
    RemoveGrant {
        /// On which cluster.
        cluster: ClusterId,
        /// The user.
        user: UserId,
    },
    /// Decides the end of a live version.
    EndVersion {
        /// On which cluster.
        cluster: ClusterId,
        /// The version.
        credential: CredentialId,
        /// Why, for the audit log.
        because: &'static str,
    },
    /// Begins the next version of a subject's kubeconfig.
    BeginVersion {
        /// On which cluster.
        cluster: ClusterId,
        /// Whose version it is: a user's, or a project's level.
        subject: Subject,
        /// What it carries.
        power: Power,
        /// Its number.
        version: u32,
        /// Which of several lists of a kind its account is on.
        shard: Shard,
    },
    /// Moves a live version's account from a list that is too long to another of its kind.
    MoveToShard {
        /// On which cluster.
        cluster: ClusterId,
        /// Which version.
        credential: CredentialId,
        /// To which list.
        shard: Shard,
    },
    /// Has the kubeconfig of a version renew itself.
    Renew {
        /// On which cluster.
        cluster: ClusterId,
        /// Whose version it is: a user's, or a project's level.
        subject: Subject,
        /// Its number.
        version: u32,
        /// How.
        renews: Renews,
    },
    /// Hands a version over. What it carries is minted beside, and stands in no plan.
    Deliver {
        /// On which cluster.
        cluster: ClusterId,
        /// Whose version it is.
        subject: Subject,
        /// Its number.
        version: u32,
        /// Into whose hands.
        user: UserId,
    },
    /// Blocks a user's kubeconfig; a block that is there stays as it is.
    PutBlock {
        /// On which cluster.
        cluster: ClusterId,
        /// The user.
        user: UserId,
        /// The reason that somebody gave.
        reason: String,
    },
    /// Lifts a block.
    LiftBlock {
        /// On which cluster.
        cluster: ClusterId,
        /// The user.
        user: UserId,
    },
    /// Binds a role to a user.
    Bind(NewBinding),
    /// Unbinds a role.
    Unbind {
        /// On which cluster.
        cluster: ClusterId,
        /// Which binding.
        binding: BindingId,
    },
    /// Protects a cluster from being deleted or archived, or lifts that.
    SetProtected {
        /// Which cluster.
        cluster: ClusterId,
        /// Whether it is protected.
        protected: bool,
    },
    /// Archives a cluster, or takes it out of the archive.
    SetState {
        /// Which cluster.
        cluster: ClusterId,
        /// What it is now.
        state: State,
    },
    /// Changes one setting of a cluster.
    Set {
        /// Which cluster.
        cluster: ClusterId,
        /// What it is from now on.
        setting: Setting,
    },
    /// Has another account take the manager's place: these must go.
    ReplaceManager {
        /// On which cluster.
        cluster: ClusterId,
        /// The account that is the manager now, and others that must go with it.
        former: Vec<FormerManager>,
    },
    /// Has another account take the issuer's place.
    ReplaceIssuer {
        /// On which cluster.
        cluster: ClusterId,
        /// The account that is the issuer now, and must go.
        former: String,
    },
    /// Sets the token of a cluster's provider. What it is is sealed beside, and stands in no plan.
    SetProviderToken {
        /// Of which cluster.
        cluster: ClusterId,
    },
    /// Removes the token of a cluster's provider.
    RemoveProviderToken {
        /// Of which cluster.
        cluster: ClusterId,
    },
    /// Changes something about a cluster's SSH keys.
    SshKey {
        /// Of which cluster.
        cluster: ClusterId,
        /// What.
        change: SshKeyEffect,
    },
    /// Begins a cluster's deletion: from now on only that goes on.
    BeginDelete {
        /// Which cluster.
        cluster: ClusterId,
        /// When.
        at: Timestamp,
    },
    /// Removes a cluster from view, with its secrets and all that is given on it.
    RemoveCluster {
        /// Which cluster.
        cluster: ClusterId,
    },
    /// Registers a cluster. Its manager's login is sealed beside, and stands in no plan.
    AddCluster(NewCluster),
    /// Assigns a cluster to a user.
    SetOwner {
        /// Which cluster.
        cluster: ClusterId,
        /// To whom.
        owner: UserId,
    },
    /// Adds a user.
    AddUser(NewUser),
    /// Changes a user's public key.
    SetKey {
        /// The user.
        user: UserId,
        /// The new one, in canonical text.
        key: String,
    },
    /// Changes by which tokens a user logs in.
    SetOidc {
        /// The user.
        user: UserId,
        /// By which; none: by none.
        link: Option<OidcLink>,
    },
    /// Changes whom the organization lets people log in with.
    SetProvider(Option<Provider>),
    /// Changes a user's role in the organization.
    SetRole {
        /// The user.
        user: UserId,
        /// The new one.
        role: Role,
    },
    /// Enables or disables a user.
    SetActive {
        /// The user.
        user: UserId,
        /// Whether they are active.
        active: bool,
    },
    /// Makes a project.
    CreateProject {
        /// Its name.
        name: ProjectName,
        /// One line for people.
        description: String,
    },
    /// Renames a project.
    RenameProject {
        /// The project.
        project: ProjectId,
        /// Its new name.
        name: ProjectName,
    },
    /// Sets a project's description.
    DescribeProject {
        /// The project.
        project: ProjectId,
        /// One line for people; empty: none.
        text: String,
    },
    /// Removes a project from view, with its members.
    RemoveProject {
        /// The project.
        project: ProjectId,
    },
    /// Makes a user a member of a project, or gives a member another role.
    PutMember {
        /// Of which project.
        project: ProjectId,
        /// The user.
        user: UserId,
        /// As what.
        role: ProjectRole,
    },
    /// Removes a member.
    RemoveMember {
        /// Of which project.
        project: ProjectId,
        /// The user.
        user: UserId,
    },
    /// Decides whether a shared version lives on though a holder lost its level.
    KeepShared {
        /// On which cluster.
        cluster: ClusterId,
        /// Which version.
        credential: CredentialId,
        /// Who holds it.
        user: UserId,
        /// Whether it lives on.
        kept: bool,
    },
}

/// A cluster that is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCluster {
    /// Its name.
    pub(crate) name: ClusterName,
    /// To whom it is assigned.
    pub(crate) owner: Option<UserId>,
    /// The project that it is put in.
    pub(crate) project: Option<ProjectId>,
    /// Its API server.
    pub(crate) server: String,
}

/// What a new user starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewUser {
    /// The user's name.
    pub(crate) name: UserName,
    /// The e-mail address.
    pub(crate) email: Option<Email>,
    /// Role.
    pub(crate) role: Role,
    /// Public key in canonical text.
    pub(crate) key: Option<String>,
    /// By which tokens they log in.
    pub(crate) oidc: Option<OidcLink>,
    /// When it was created.
    pub(crate) created_at: Timestamp,
}

/// A role that is bound to a user from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewBinding {
    /// On which cluster.
    pub(crate) cluster: ClusterId,
    /// The user.
    pub(crate) user: UserId,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// When it was bound.
    pub(crate) bound_at: Timestamp,
    /// By whom.
    pub(crate) bound_by: UserId,
    /// The reason that somebody gave.
    pub(crate) reason: String,
}

impl Effect {
    /// The cluster whose rows it changes; `None` where it is about people.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        match self {
            Self::PutGrant(grant) => Some(grant.cluster),
            Self::Bind(new) => Some(new.cluster),
            Self::RemoveGrant { cluster, .. }
            | Self::EndVersion { cluster, .. }
            | Self::BeginVersion { cluster, .. }
            | Self::MoveToShard { cluster, .. }
            | Self::Renew { cluster, .. }
            | Self::Deliver { cluster, .. }
            | Self::PutBlock { cluster, .. }
            | Self::LiftBlock { cluster, .. }
            | Self::Unbind { cluster, .. }
            | Self::SetProtected { cluster, .. }
            | Self::SetState { cluster, .. }
            | Self::Set { cluster, .. }
            | Self::ReplaceManager { cluster, .. }
            | Self::ReplaceIssuer { cluster, .. }
            | Self::SetProviderToken { cluster }
            | Self::RemoveProviderToken { cluster }
            | Self::SshKey { cluster, .. }
            | Self::BeginDelete { cluster, .. }
            | Self::RemoveCluster { cluster }
            | Self::SetOwner { cluster, .. }
            | Self::KeepShared { cluster, .. } => Some(*cluster),
            Self::AddCluster(_)
            | Self::AddUser(_)
            | Self::SetKey { .. }
            | Self::SetOidc { .. }
            | Self::SetProvider(_)
            | Self::SetRole { .. }
            | Self::SetActive { .. }
            | Self::CreateProject { .. }
            | Self::RenameProject { .. }
            | Self::DescribeProject { .. }
            | Self::RemoveProject { .. }
            | Self::PutMember { .. }
            | Self::RemoveMember { .. } => None,
        }
    }
}

/// An effect with names in the place of row numbers, as a plan shows it in JSON and YAML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Which effect, in the words of [`Effect::kind`].
    pub(crate) effect: &'static str,
    /// The cluster whose rows it changes.
    pub(crate) cluster: Option<String>,
    /// The user whom it is about.
    pub(crate) user: Option<String>,
    /// The project that it is about.
    pub(crate) project: Option<String>,
    /// Whose version it is about: `alice`, `alice/shell` or `shop/read`; or which SSH key.
    pub(crate) of: Option<String>,
    /// The number of that version.
    pub(crate) version: Option<u32>,
    /// What it was before: a role, an owner.
    pub(crate) from: Option<String>,
    /// What it is from now on: a level, a role, a state.
    pub(crate) to: Option<String>,
}

impl Effect {
    /// The word for it in a plan.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::PutGrant(_) => "put-grant",
            Self::RemoveGrant { .. } => "remove-grant",
            Self::EndVersion { .. } => "end-version",
            Self::BeginVersion { .. } => "begin-version",
            Self::MoveToShard { .. } => "move-to-shard",
            Self::Renew { .. } => "renew",
            Self::Deliver { .. } => "deliver",
            Self::PutBlock { .. } => "put-block",
            Self::LiftBlock { .. } => "lift-block",
            Self::Bind(_) => "bind",
            Self::Unbind { .. } => "unbind",
            Self::SetProtected { .. } => "set-protected",
            Self::SetState { .. } => "set-state",
            Self::Set { setting, .. } => setting.kind(),
            Self::ReplaceManager { .. } => "replace-manager",
            Self::ReplaceIssuer { .. } => "replace-issuer",
            Self::SetProviderToken { .. } => "set-provider-token",
            Self::RemoveProviderToken { .. } => "remove-provider-token",
            Self::SshKey { change, .. } => change.kind(),
            Self::BeginDelete { .. } => "begin-delete",
            Self::RemoveCluster { .. } => "remove-cluster",
            Self::AddCluster(_) => "add-cluster",
            Self::SetOwner { .. } => "set-owner",
            Self::AddUser(_) => "add-user",
            Self::SetKey { .. } => "set-key",
            Self::SetOidc { .. } => "set-oidc",
            Self::SetProvider(_) => "set-provider",
            Self::SetRole { .. } => "set-role",
            Self::SetActive { .. } => "set-active",
            Self::CreateProject { .. } => "create-project",
            Self::RenameProject { .. } => "rename-project",
            Self::DescribeProject { .. } => "describe-project",
            Self::RemoveProject { .. } => "remove-project",
            Self::PutMember { .. } => "put-member",
            Self::RemoveMember { .. } => "remove-member",
            Self::KeepShared { .. } => "keep-shared",
        }
    }
}
