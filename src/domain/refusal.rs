//! Refusals: why a change is not made, as data. They are worded at the edge, with the way out.

mod ssh_key;

pub(crate) use ssh_key::SshKeyRefusal;

use super::binding::Bound;
use super::name::{ClusterName, Email, ProjectName, UserName, UserRef};
use super::policy::Denial;
use super::project::ProjectRole;
use super::text::plural;
use super::user::{Role, User};

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A rule forbids it to whoever asks. It is recorded.
    #[error("denied: {0:?}")]
    Denied(Denial),
    /// A rule forbids that it comes to somebody, who does not ask. It is recorded.
    #[error("denied to '{}': {denial:?}", user.name)]
    DeniedTo {
        /// To whom.
        user: Box<User>,
        /// Which rule.
        denial: Denial,
    },
    /// There is no such user.
    #[error("no user '{0}'")]
    UnknownUser(UserRef),
    /// There is no such project.
    #[error("no project '{0}'")]
    UnknownProject(ProjectName),
    /// The user is disabled: nothing can be given to them.
    #[error("'{0}' is disabled and has nothing")]
    Disabled(UserName),
    /// A server acts for others, and has nothing of its own.
    #[error("'{0}' is a server, which acts for those who log in to it and has nothing itself")]
    IsServer(UserName),
    /// Nobody becomes a server, and no server something else.
    #[error("nobody becomes a server, and no server becomes anything else")]
    ServersStay,
    /// The user has full access to every cluster by their role.
    #[error("'{user}' is an organization {role}, who has full access to every cluster")]
    HasFullAccess {
        /// Whom it is about.
        user: UserName,
        /// Their role.
        role: Role,
    },
    /// The user owns the cluster, which no grant changes.
    #[error("'{user}' owns cluster '{cluster}' and has write, which no grant changes")]
    OwnsCluster {
        /// Whom it is about.
        user: UserName,
        /// Which cluster.
        cluster: ClusterName,
    },
    /// What servers open is the issuer's login.
    #[error("cluster '{0}' has no issuer yet, and a server never opens the manager's login")]
    NoIssuer(ClusterName),
    /// An end was given that is past.
    #[error("a grant cannot end in the past")]
    EndIsPast,
    /// A disabled user can own no cluster.
    #[error("'{0}' is disabled and can own nothing")]
    CannotOwn(UserName),
    /// The last active owner of the organization stays.
    #[error("'{0}' is the last active owner of the organization, and stays")]
    LastOwner(UserName),
    /// Nobody disables or offboards themselves: the verb.
    #[error("{0} yourself would lock you out")]
    LocksOut(&'static str),
    /// Who leaves takes nothing over.
    #[error("'{0}' cannot take over from themselves")]
    TakesOver(UserName),
    /// Clusters would be without owner when somebody leaves.
    #[error("cluster {} would be without owner", quoted(clusters))]
    WithoutOwner {
        /// Who leaves.
        user: UserName,
        /// Their clusters; at least one.
        clusters: Vec<ClusterName>,
    },
    /// There is such a user.
    #[error("user '{0}' exists already")]
    UserExists(UserName),
    /// Another user has this address.
    #[error("the address {email}, as that of user '{user}', exists already")]
    AddressTaken {
        /// The address.
        email: Email,
        /// Who has it.
        user: UserName,
    },
    /// Another user has this key.
    #[error("this key, as that of user '{user}', exists already")]
    KeyTaken {
        /// Who has it.
        user: UserName,
    },
    /// Another user logs in by these tokens.
    #[error("'{user}' logs in by these very tokens already")]
    LinkTaken {
        /// The user's name.
        user: UserName,
    },
    /// Nobody was named with whom people log in.
    #[error("the organization has no OpenID issuer with which people log in")]
    NoProvider,
    /// What is a person's is asked for a job, or the reverse.
    #[error("'{user}' is {}", if *is_job { "a job, whose tokens are told by their claims" } else { "no job" })]
    OtherKind {
        /// Whom it is about.
        user: UserName,
        /// What they are.
        is_job: bool,
    },
    /// There is a cluster of this name.
    #[error("cluster '{0}' exists already")]
    ClusterExists(ClusterName),
    /// This very cluster is registered, under this name.
    #[error("cluster '{0}', which is this very one, exists already")]
    SameCluster(ClusterName),
    /// A cluster of this address and CA is registered, under this name. What answers there with
    /// another identity was rebuilt, or lies; to make a manager on it would take away the first one's.
    #[error("cluster '{0}' with this very address and CA exists already")]
    SameAddress(ClusterName),
    /// There is a project of this name.
    #[error("project '{0}' exists already")]
    ProjectExists(ProjectName),
    /// A project that still has clusters.
    #[error("project '{project}' still has {} {}", plural(clusters.len(), "cluster"), quoted(clusters))]
    HasClusters {
        /// Which project.
        project: ProjectName,
        /// Its clusters; at least one.
        clusters: Vec<ClusterName>,
    },
    /// The user is a member of the project.
    #[error("member '{user}' of project '{project}', as {has}, exists already")]
    IsMember {
        /// Whom it is about.
        user: UserName,
        /// Of which project.
        project: ProjectName,
        /// What they are in it.
        has: ProjectRole,
        /// What they were to be.
        asked: ProjectRole,
    },
    /// The user is no member of the project.
    #[error("no member '{user}' in project '{project}'")]
    IsNoMember {
        /// Whom it is about.
        user: UserName,
        /// Of which project.
        project: ProjectName,
    },
    /// The last active owner of a project stays.
    #[error("'{user}' is the last active owner of project '{project}', and stays")]
    LastProjectOwner {
        /// Whom it is about.
        user: UserName,
        /// Of which project.
        project: ProjectName,
    },
    /// A role that nobody may have. It is recorded.
    #[error("{bound} can be bound to nobody: {why}")]
    BoundToNobody {
        /// On which cluster.
        cluster: ClusterName,
        /// Which, and where.
        bound: Bound,
        /// The reason.
        why: String,
    },
    /// The user has no access to the cluster.
    #[error("'{user}' has no access to cluster '{cluster}'")]
    NoAccess {
        /// Whom it is about.
        user: UserName,
        /// On which cluster.
        cluster: ClusterName,
    },
    /// What was issued since the backup that was restored is not ended yet.
    #[error(
        "the store was restored from a backup, and what was issued on cluster '{0}' since is not yet ended"
    )]
    RestoredSince(ClusterName),
    /// The cluster is reached with the operator's own credential: there is no manager to replace.
    #[error("cluster '{0}' is reached with the operator's own credential")]
    OperatorsLogin(ClusterName),
    /// Nobody rotates shared kubeconfigs on an archived cluster.
    #[error("cluster '{0}' is archived: nobody can rotate shared kubeconfigs")]
    ArchivedShared(ClusterName),
    /// About an SSH key.
    #[error(transparent)]
    SshKey(#[from] SshKeyRefusal),
    /// What is sealed was sealed anew while it was to be: of this cluster, or of one that came.
    #[error("{}", sealed_meanwhile(.0.as_ref()))]
    SealedMeanwhile(Option<ClusterName>),
    /// What was asked of the rules changed before it was committed: the cluster, or one's rights.
    #[error("{}", changed_meanwhile(.0.as_ref()))]
    ChangedMeanwhile(Option<ClusterName>),
}

impl Refusal {
    /// Whether the audit log has it: what the rules of the house refuse, whoever asks.
    pub(crate) fn is_recorded(&self) -> bool {
        match self {
            Self::BoundToNobody { .. } => true,
            Self::SshKey(refusal) => matches!(
                refusal,
                SshKeyRefusal::Doubted { .. }
                    | SshKeyRefusal::Taken { .. }
                    | SshKeyRefusal::Gone(_)
            ),
            _ => false,
        }
    }
}

/// Names in quotes.
fn quoted(names: &[ClusterName]) -> String {
    let names: Vec<String> = names.iter().map(|it| format!("'{it}'")).collect();
    names.join(", ")
}

fn sealed_meanwhile(cluster: Option<&ClusterName>) -> String {
    match cluster {
        Some(cluster) => format!("what is sealed of cluster '{cluster}' was renewed meanwhile"),
        None => "who may open what changed meanwhile".to_owned(),
    }
}

fn changed_meanwhile(cluster: Option<&ClusterName>) -> String {
    match cluster {
        Some(cluster) => format!("cluster '{cluster}' changed meanwhile"),
        None => "your rights changed meanwhile".to_owned(),
    }
}
