//! Refusals: why a change is not made, as data. They are worded at the edge, with the way out.

use super::binding::Bound;
use super::name::{ClusterName, Email, ProjectName, UserName, UserRef};
use super::policy::Denial;
use super::project::ProjectRole;
use super::user::Role;

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A rule forbids it to whoever asks. It is recorded.
    Denied(Denial),
    /// There is no such user.
    UnknownUser(UserRef),
    /// There is no such project.
    UnknownProject(ProjectName),
    /// The user is disabled: nothing can be given to them.
    Disabled(UserName),
    /// The user has full access to every cluster by their role.
    HasFullAccess {
        /// Whom it is about.
        user: UserName,
        /// Their role.
        role: Role,
    },
    /// The user owns the cluster, which no grant changes.
    OwnsCluster {
        /// Whom it is about.
        user: UserName,
        /// Which cluster.
        cluster: ClusterName,
    },
    /// An end was given that is past.
    EndIsPast,
    /// A disabled user can own no cluster.
    CannotOwn(UserName),
    /// The last active owner of the organization stays.
    LastOwner(UserName),
    /// Nobody disables or offboards themselves: the verb.
    LocksOut(&'static str),
    /// Who leaves takes nothing over.
    TakesOver(UserName),
    /// Clusters would be without owner when somebody leaves.
    WithoutOwner {
        /// Who leaves.
        user: UserName,
        /// Their clusters; at least one.
        clusters: Vec<ClusterName>,
    },
    /// There is such a user.
    UserExists(UserName),
    /// Another user has this address.
    AddressTaken {
        /// Which.
        email: Email,
        /// Who has it.
        user: UserName,
    },
    /// Another user has this key.
    KeyTaken {
        /// Who has it.
        user: UserName,
    },
    /// There is a cluster of this name.
    ClusterExists(ClusterName),
    /// This very cluster is registered, under this name.
    SameCluster(ClusterName),
    /// A cluster of this address and CA is registered, under this name. What answers there with
    /// another identity was rebuilt, or lies; to make a manager on it would take away the first one's.
    SameAddress(ClusterName),
    /// There is a project of this name.
    ProjectExists(ProjectName),
    /// A project that still has clusters.
    HasClusters {
        /// Which project.
        project: ProjectName,
        /// Its clusters; at least one.
        clusters: Vec<ClusterName>,
    },
    /// The user is a member of the project.
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
    IsNoMember {
        /// Whom it is about.
        user: UserName,
        /// Of which project.
        project: ProjectName,
    },
    /// The last active owner of a project stays.
    LastProjectOwner {
        /// Whom it is about.
        user: UserName,
        /// Of which project.
        project: ProjectName,
    },
    /// A role that nobody may have. It is recorded.
    BoundToNobody {
        /// On which cluster.
        cluster: ClusterName,
        /// Which, and where.
        bound: Bound,
        /// Why.
        why: String,
    },
    /// The user has no access to the cluster.
    NoAccess {
        /// Whom it is about.
        user: UserName,
        /// On which cluster.
        cluster: ClusterName,
    },
    /// What was issued since the backup that was restored is not ended yet.
    RestoredSince(ClusterName),
    /// The cluster is reached with the operator's own credential: there is no manager to replace.
    OperatorsLogin(ClusterName),
    /// Nobody rotates shared kubeconfigs on an archived cluster.
    ArchivedShared(ClusterName),
    /// What is sealed was sealed anew while it was to be: of this cluster, or of one that came.
    SealedMeanwhile(Option<ClusterName>),
    /// What was asked of the rules changed before it was committed: the cluster, or one's rights.
    ChangedMeanwhile(Option<ClusterName>),
}

impl Refusal {
    /// Whether the audit log has it: what the rules of the house refuse, whoever asks.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self, Self::BoundToNobody { .. })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Denied(denial) => write!(f, "denied: {denial:?}"),
            Self::UnknownUser(name) => write!(f, "no user '{name}'"),
            Self::UnknownProject(name) => write!(f, "no project '{name}'"),
            Self::Disabled(user) => write!(f, "'{user}' is disabled and has nothing"),
            Self::HasFullAccess { user, role } => write!(
                f,
                "'{user}' is an organization {role}, who has full access to every cluster"
            ),
            Self::OwnsCluster { user, cluster } => write!(
                f,
                "'{user}' owns cluster '{cluster}' and has write, which no grant changes"
            ),
            Self::ChangedMeanwhile(Some(cluster)) => {
                write!(f, "cluster '{cluster}' changed meanwhile")
            }
            Self::ChangedMeanwhile(None) => f.write_str("your rights changed meanwhile"),
            Self::CannotOwn(user) => write!(f, "'{user}' is disabled and can own nothing"),
            Self::LastOwner(user) => write!(
                f,
                "'{user}' is the last active owner of the organization, and stays"
            ),
            Self::LocksOut(verb) => write!(f, "{verb} yourself would lock you out"),
            Self::TakesOver(user) => write!(f, "'{user}' cannot take over from themselves"),
            Self::WithoutOwner { clusters, .. } => {
                let names: Vec<String> = clusters.iter().map(|it| format!("'{it}'")).collect();
                write!(f, "cluster {} would be without owner", names.join(", "))
            }
            Self::SealedMeanwhile(Some(cluster)) => {
                write!(
                    f,
                    "what is sealed of cluster '{cluster}' was renewed meanwhile"
                )
            }
            Self::SealedMeanwhile(None) => f.write_str("who may open what changed meanwhile"),
            Self::UserExists(user) => write!(f, "user '{user}' exists already"),
            Self::AddressTaken { email, user } => write!(
                f,
                "the address {email}, as that of user '{user}', exists already"
            ),
            Self::KeyTaken { user } => {
                write!(f, "this key, as that of user '{user}', exists already")
            }
            Self::ClusterExists(cluster) => write!(f, "cluster '{cluster}' exists already"),
            Self::SameCluster(cluster) => write!(
                f,
                "cluster '{cluster}', which is this very one, exists already"
            ),
            Self::SameAddress(cluster) => write!(
                f,
                "cluster '{cluster}' with this very address and CA exists already"
            ),
            Self::ProjectExists(project) => write!(f, "project '{project}' exists already"),
            Self::HasClusters { project, clusters } => {
                let names: Vec<String> = clusters.iter().map(|it| format!("'{it}'")).collect();
                let noun = if names.len() == 1 {
                    "cluster"
                } else {
                    "clusters"
                };
                write!(
                    f,
                    "project '{project}' still has {noun} {}",
                    names.join(", ")
                )
            }
            Self::IsMember {
                user, project, has, ..
            } => write!(
                f,
                "member '{user}' of project '{project}', as {has}, exists already"
            ),
            Self::IsNoMember { user, project } => {
                write!(f, "no member '{user}' in project '{project}'")
            }
            Self::LastProjectOwner { user, project } => write!(
                f,
                "'{user}' is the last active owner of project '{project}', and stays"
            ),
            Self::BoundToNobody { bound, why, .. } => {
                write!(f, "{bound} can be bound to nobody: {why}")
            }
            Self::NoAccess { user, cluster } => {
                write!(f, "'{user}' has no access to cluster '{cluster}'")
            }
            Self::RestoredSince(cluster) => write!(
                f,
                "the store was restored from a backup, and what was issued on cluster '{cluster}' \
                 since is not yet ended"
            ),
            Self::OperatorsLogin(cluster) => write!(
                f,
                "cluster '{cluster}' is reached with the operator's own credential"
            ),
            Self::ArchivedShared(cluster) => write!(
                f,
                "cluster '{cluster}' is archived: nobody can rotate shared kubeconfigs"
            ),
            Self::EndIsPast => f.write_str("a grant cannot end in the past"),
        }
    }
}
