//! What somebody does: one list, shared by the rules, the audit log and the command line.

use std::fmt;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $words:literal,)*) => {
        /// What somebody does: a command, as the audit log names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The words of the command.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

actions! {
    /// Say why somebody has what they have.
    AccessExplain = "access explain",
    /// Give access to a cluster.
    AccessGrant = "access grant",
    /// List who has access.
    AccessList = "access list",
    /// Take access away.
    AccessRevoke = "access revoke",
    /// Accept a store as it was found.
    AuditAccept = "audit accept",
    /// Export events.
    AuditExport = "audit export",
    /// List events.
    AuditList = "audit list",
    /// Tell from the log how everything stood.
    AuditReplay = "audit replay",
    /// Make a backup.
    Backup = "backup",
    /// Register a cluster.
    ClusterAdd = "cluster add",
    /// Archive a cluster.
    ClusterArchive = "cluster archive",
    /// Look at what a cluster holds.
    ClusterCheck = "cluster check",
    /// Take everything of ours off a cluster.
    ClusterDelete = "cluster delete",
    /// Forget a cluster that is gone.
    ClusterDeleteForget = "cluster delete --forget",
    /// List clusters.
    ClusterList = "cluster list",
    /// Protect a cluster.
    ClusterProtect = "cluster protect",
    /// Remove a provider's token.
    ClusterProviderTokenRemove = "cluster provider-token remove",
    /// Set a provider's token.
    ClusterProviderTokenSet = "cluster provider-token set",
    /// Show a provider's token, masked.
    ClusterProviderTokenShow = "cluster provider-token show",
    /// Renew a cluster's address, pins and manager.
    ClusterRelink = "cluster relink",
    /// Replace all accounts of a cluster.
    ClusterRotateAccounts = "cluster rotate-accounts",
    /// Replace everybody's credentials on a cluster.
    ClusterRotateCredentials = "cluster rotate-credentials",
    /// Replace the manager.
    ClusterRotateManager = "cluster rotate-manager",
    /// Change settings.
    ClusterSet = "cluster set",
    /// Show a cluster.
    ClusterShow = "cluster show",
    /// Assign a cluster to another user.
    ClusterTransfer = "cluster transfer",
    /// Take a cluster out of the archive.
    ClusterUnarchive = "cluster unarchive",
    /// Lift the protection.
    ClusterUnprotect = "cluster unprotect",
    /// Make the organization.
    Init = "init",
    /// Log in to a server.
    Login = "login",
    /// Log out of it.
    Logout = "logout",
    /// Hand a kubeconfig over.
    KubeconfigDownload = "kubeconfig download",
    /// Replace a kubeconfig.
    KubeconfigRotate = "kubeconfig rotate",
    /// Show a user's versions.
    KubeconfigShow = "kubeconfig show",
    /// Say whose a file is.
    KubeconfigWhose = "kubeconfig whose",
    /// Say whom people log in with.
    OrganizationSetOidc = "organization set-oidc",
    /// Show the organization.
    OrganizationShow = "organization show",
    /// Make somebody a member.
    ProjectAddMember = "project add-member",
    /// Make a project.
    ProjectCreate = "project create",
    /// Delete a project.
    ProjectDelete = "project delete",
    /// Set a project's description.
    ProjectDescribe = "project describe",
    /// List projects.
    ProjectList = "project list",
    /// Remove a member.
    ProjectRemoveMember = "project remove-member",
    /// Rename a project.
    ProjectRename = "project rename",
    /// End shared kubeconfigs.
    ProjectRevoke = "project revoke",
    /// Replace shared kubeconfigs.
    ProjectRotate = "project rotate",
    /// Change a member's role.
    ProjectSetRole = "project set-role",
    /// Show a project.
    ProjectShow = "project show",
    /// Bind a role to a user.
    RbacBind = "rbac bind",
    /// List bound roles.
    RbacList = "rbac list",
    /// List roles that can be bound.
    RbacRoles = "rbac roles",
    /// Unbind a role.
    RbacUnbind = "rbac unbind",
    /// Make clusters hold what the store says.
    Reconcile = "reconcile",
    /// Put a backup in the place of the store.
    Restore = "restore",
    /// Move the store.
    StoreCopy = "store copy",
    /// Show the store.
    StoreShow = "store show",
    /// Let people serve themselves.
    Serve = "serve",
    /// End sessions at a server.
    SessionEnd = "session end",
    /// List sessions at a server.
    SessionList = "session list",
    /// Claim a direct link.
    ShareClaim = "share claim",
    /// Make a direct link.
    ShareCreate = "share create",
    /// List direct links.
    ShareList = "share list",
    /// End a direct link.
    ShareRevoke = "share revoke",
    /// Open a shell with a kubeconfig of its own.
    Shell = "shell",
    /// Print stanzas for `ssh_config`.
    SshKeyConfig = "ssh-key config",
    /// Hand the private key out, once.
    SshKeyDownload = "ssh-key download",
    /// Make a key pair.
    SshKeyGenerate = "ssh-key generate",
    /// Take a key pair from a file.
    SshKeyImport = "ssh-key import",
    /// Put the public half on the nodes.
    SshKeyInstall = "ssh-key install",
    /// Replace the key at once.
    SshKeyReset = "ssh-key reset",
    /// Replace the key on every node.
    SshKeyRotate = "ssh-key rotate",
    /// Show the key.
    SshKeyShow = "ssh-key show",
    /// Say what is pending, ends soon or is wrong.
    Status = "status",
    /// List everybody's access.
    TeamList = "team list",
    /// Give back what an admin revoked.
    TeamRestore = "team restore",
    /// Revoke somebody's kubeconfig.
    TeamRevoke = "team revoke",
    /// Replace somebody's kubeconfig.
    TeamRotate = "team rotate",
    /// Bring the store up to date: no command of its own.
    Upgrade = "upgrade",
    /// Add a user.
    UserAdd = "user add",
    /// Disable a user.
    UserDisable = "user disable",
    /// Enable a user.
    UserEnable = "user enable",
    /// List users.
    UserList = "user list",
    /// End everything of somebody who leaves.
    UserOffboard = "user offboard",
    /// Change a user's key.
    UserSetKey = "user set-key",
    /// Change by which tokens a user logs in.
    UserSetOidc = "user set-oidc",
    /// Change a user's role.
    UserSetRole = "user set-role",
    /// Show a user.
    UserShow = "user show",
    /// Say who acts.
    Whoami = "whoami",
}

impl Action {
    /// Whether a server does it by itself, for nobody: it decides nothing, and makes true what was decided.
    pub(crate) fn is_servers_own(self) -> bool {
        matches!(self, Self::Reconcile)
    }

    /// Whether a server may do it for somebody who logged in: what people serve themselves with. It adds no
    /// user, changes no key, role or owner, and touches neither a cluster as a whole nor the store.
    pub(crate) fn is_served(self) -> bool {
        matches!(
            self,
            Self::AccessExplain
                | Self::AccessGrant
                | Self::AccessList
                | Self::AccessRevoke
                | Self::AuditList
                | Self::ClusterList
                | Self::ClusterShow
                | Self::KubeconfigDownload
                | Self::KubeconfigRotate
                | Self::KubeconfigShow
                | Self::KubeconfigWhose
                | Self::Login
                | Self::Logout
                | Self::ProjectList
                | Self::ProjectShow
                | Self::RbacList
                | Self::RbacRoles
                | Self::RbacUnbind
                | Self::SessionEnd
                | Self::SessionList
                | Self::ShareClaim
                | Self::ShareCreate
                | Self::ShareList
                | Self::ShareRevoke
                | Self::Shell
                | Self::SshKeyDownload
                | Self::SshKeyShow
                | Self::Status
                | Self::TeamList
                | Self::TeamRestore
                | Self::TeamRevoke
                | Self::TeamRotate
                | Self::UserList
                | Self::Whoami
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
