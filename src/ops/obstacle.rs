//! What stands in a command's way, as data: in what was given, in what is there, or in what is not.
//! It is worded here, and the way out at the edge.

use std::path::PathBuf;

use crate::domain::audit::EventSeq;
use crate::domain::binding::Bound;
use crate::domain::name::{ClusterName, ProjectName, UserName};

/// What stands in a command's way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Obstacle {
    // In what was given.
    /// A sealed file whose name does not say what it is without the seal.
    #[error("`{}` does not end in `.age`: where should it go?", .0.display())]
    NoSuffix(PathBuf),
    /// It is no token of a provider.
    #[error("this is not a token: one line of printable characters")]
    NotAToken,
    /// Nothing says where the user's kubeconfig is.
    #[error("neither KUBECONFIG nor HOME says where your kubeconfig is")]
    NoKubeconfigPlace,
    /// A file that is sealed to somebody is merged into nobody's kubeconfig.
    #[error("the file is sealed to '{0}': it cannot be merged")]
    SealedNotMerged(UserName),
    /// A kubeconfig that renews itself needs a pair of accounts, which an issuer cannot make.
    #[error("a kubeconfig that renews itself is more than the issuer of cluster '{0}' may make")]
    RenewsByManager(ClusterName),
    /// The account of a version is one that an issuer must not mint for.
    #[error(
        "the issuer of cluster '{cluster}' mints no token for '{user}', who has more than write or a role there, or had access before the issuer"
    )]
    MintedByManager {
        /// Which cluster.
        cluster: ClusterName,
        /// Whose version it is.
        user: String,
    },
    /// The identity is no server's.
    #[error("'{0}' is no server: what serves everybody works with a key that opens little")]
    NotAServer(UserName),
    /// A server's key opens what could become cluster-admin.
    #[error("this key opens the manager's login of cluster '{0}', which a server's never does")]
    OpensManager(ClusterName),
    /// The server was disabled, or given another key.
    #[error("server '{0}' was disabled, or given another key")]
    ServerOver(UserName),
    /// Developers do not serve themselves there.
    #[error("developers do not serve themselves on cluster '{0}'")]
    NoSelfService(ClusterName),
    /// No server was started with this store.
    #[error("no server was started with this store yet, and a link leads to one")]
    NoServer,
    /// There is no such link.
    #[error("there is no direct link '{0}'")]
    NoShare(String),
    /// There is no kubeconfig to read.
    #[error("there is no kubeconfig")]
    NoKubeconfig,
    /// The kubeconfig that was given is sealed.
    #[error("{0} is sealed")]
    SealedKubeconfig(String),
    /// What a plugin gives is not worth keeping.
    #[error("the credential of an exec plugin is short-lived and cannot be kept")]
    PluginNotKept,
    /// A credential that cannot be kept.
    #[error("this credential cannot be kept")]
    NotKept,
    /// The plugin's answer has no login in it.
    #[error("the plugin gave no credential that can be used")]
    NoCredential,
    /// Nothing in a file is a login.
    #[error("{0} holds neither a kubeconfig nor a token")]
    NoLogin(String),

    // In what is there.
    /// The cluster's deletion has begun.
    #[error("cluster '{0}' is being deleted")]
    Deleting(ClusterName),
    /// The user is in no project that the cluster is in.
    #[error("'{user}' is no member of a project that cluster '{cluster}' is in")]
    NotInItsProject {
        /// Whom it is about.
        user: UserName,
        /// Which cluster.
        cluster: ClusterName,
    },
    /// A shell was to have more than its user.
    #[error("'{user}' has {has} on cluster '{cluster}': a shell cannot have more")]
    ShellHasMore {
        /// Whom it is about.
        user: UserName,
        /// What they have, in words.
        has: &'static str,
        /// Which cluster.
        cluster: ClusterName,
    },
    /// No folder is the user's alone.
    #[error("there is no place for the shell's kubeconfig")]
    NoPlaceForShell,
    /// The store has an organization, and there is no identity.
    #[error("an organization in this store exists already")]
    OrganizationOfOthers {
        /// Where the identity would be.
        identity: PathBuf,
    },
    /// Another `init` was first.
    #[error("an organization in this store exists already")]
    OrganizationMeanwhile,
    /// The manager was made by a version that gave it fewer rights.
    #[error("the manager of cluster '{0}' may not make another one")]
    ManagerCannotRenew(ClusterName),
    /// The same.
    #[error(
        "the manager of cluster '{cluster}' may not {}: it was made before there were role bindings",
        missing.join(", ")
    )]
    ManagerCannotBind {
        /// Which cluster.
        cluster: ClusterName,
        /// What it may not.
        missing: Vec<String>,
    },
    /// The backup is not of the store that it would replace.
    #[error("the store at `{}` is another organization's than the backup", .0.display())]
    AnotherOrganizations(PathBuf),
    /// The audit log was changed: what it tells is not believed.
    #[error("event {seq} of the audit log is not as it was written: {why}")]
    BrokenLog {
        /// Which event.
        seq: EventSeq,
        /// What is wrong.
        why: &'static str,
    },
    /// There is no event of this number.
    #[error("there is no event {seq}: the audit log ends at event {events}")]
    NoEvent {
        /// The number.
        seq: EventSeq,
        /// The last one.
        events: i64,
    },
    /// The log did not say what changed yet.
    #[error("the audit log tells how everything stood from event {since} on")]
    NotTold {
        /// From which event on.
        since: EventSeq,
    },
    /// The audit log was changed: no owner's word mends it.
    #[error("event {0} of the audit log is not as it was written")]
    ForgedEvent(EventSeq),
    /// The store's own tables or triggers were changed.
    #[error("{0} in the store is not as kubegrant made it")]
    Misshapen(String),
    /// Whoever accepts a store is recorded in it as somebody else than they were.
    #[error("the record of '{0}' was changed without kubegrant too")]
    ForgedActor(UserName),
    /// The user has no key to seal a file to.
    #[error("'{user}' has no key to seal the file to")]
    NoKeyToSealTo {
        /// Whom it is about.
        user: UserName,
        /// Whether it can be given without a seal.
        plain: bool,
    },
    /// Something is where a private key is to be written.
    #[error("{what} is already at '{}'", path.display())]
    InTheWay {
        /// What.
        what: String,
        /// The path.
        path: PathBuf,
    },
    /// Another cluster answers at an address.
    #[error("another cluster than '{cluster}' answers at {server}")]
    AnotherCluster {
        /// Which cluster it should be.
        cluster: ClusterName,
        /// The server's address.
        server: String,
    },
    /// A namespace that no consent includes.
    #[error("namespace '{0}' cannot be included: who writes there has the cluster")]
    NeverIncluded(String),
    /// A namespace that the operator holds back.
    #[error("namespace '{namespace}' is excluded by the operator")]
    Excluded {
        /// The namespace.
        namespace: String,
        /// On which cluster.
        cluster: ClusterName,
    },
    /// A namespace that is not excluded.
    #[error("write reaches namespace '{namespace}' on cluster '{cluster}' already")]
    NotExcluded {
        /// The namespace.
        namespace: String,
        /// On which cluster.
        cluster: ClusterName,
    },

    // In what is not there.
    /// The cluster has no provider token.
    #[error("no provider token of cluster '{0}'")]
    NoProviderToken(ClusterName),
    /// The cluster is in no such project.
    #[error("no cluster '{cluster}' in project '{project}'")]
    NotInProject {
        /// Which cluster.
        cluster: ClusterName,
        /// Which project.
        project: ProjectName,
    },
    /// The namespace is not on the cluster.
    #[error("no namespace '{namespace}' on cluster '{cluster}'")]
    NoNamespace {
        /// The namespace.
        namespace: String,
        /// On which cluster.
        cluster: ClusterName,
        /// Those spelt alike.
        similar: Vec<String>,
    },
    /// The role is not on the cluster.
    #[error(
        "no {} '{}'{} on cluster '{cluster}'",
        bound.kind(),
        bound.role.name(),
        bound.place_of_role()
    )]
    NoRole {
        /// Which, and where.
        bound: Box<Bound>,
        /// On which cluster.
        cluster: ClusterName,
        /// Those spelt alike.
        similar: Vec<String>,
    },
    /// There is no cluster that anything could be downloaded of.
    #[error("no cluster in use that can be reached")]
    NoneInReach,
}
