//! Why a request could not be carried out, in the user's terms.

use std::path::PathBuf;

use super::obstacle::Obstacle;
use super::open::OpenFileError;
use crate::artifact::file::FileError;
use crate::artifact::kubeconfig::RenderError;
use crate::artifact::merge::MergeError;
use crate::domain::Timestamp;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::refusal::{Refusal, SshKeyRefusal};
use crate::domain::text::rfc3339;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::exec::ExecError;
use crate::kubernetes::import::ImportError;
use crate::secrets::text::NotText;
use crate::secrets::{RecipientError, SealError, SshKeyError};
use crate::{session, store};

/// Why a request could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The session.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A rule refused. The text says which.
    #[error("{text}")]
    Denied {
        /// Which rule.
        denial: Denial,
        /// The refusal in words.
        text: String,
        /// What would help.
        help: Vec<String>,
    },
    /// What was decided against, and why.
    #[error("{0}")]
    Refused(Refusal),
    /// No such cluster, or not one the actor may see: the same words for both.
    #[error("no cluster '{name}'")]
    UnknownCluster {
        /// As typed.
        name: ClusterName,
        /// Clusters that the actor may see and that are spelt alike.
        similar: Vec<String>,
    },
    /// No such project, or not one the actor may see: the same words for both.
    #[error("no project '{name}'")]
    UnknownProject {
        /// As typed.
        name: ProjectName,
        /// Projects that the actor may see and that are spelt alike.
        similar: Vec<String>,
    },
    /// No such user.
    #[error("no user '{name}'")]
    UnknownUser {
        /// As typed.
        name: UserRef,
        /// Users spelt alike.
        similar: Vec<String>,
    },
    /// Something stands in the way.
    #[error(transparent)]
    Obstacle(#[from] Obstacle),
    /// The operator's login is refused, and says of itself that its time is over.
    #[error("context '{context}' cannot log in: its {why}")]
    ExpiredLogin {
        /// The context.
        context: String,
        /// What is over, and since when.
        why: String,
        /// The server's message.
        source: ClusterError,
    },
    /// A file that was given is no text.
    #[error("{what} cannot be read: {source}")]
    Text {
        /// Which.
        what: String,
        /// Why not.
        source: NotText,
    },
    /// What is pending on a cluster is more than its issuer may do.
    #[error("what is left to do on cluster '{cluster}' is more than its issuer may")]
    NeedsManager {
        /// Which cluster.
        cluster: ClusterName,
    },
    /// What is asked for would make its holder more than it says: somebody must agree to it.
    #[error("{what}")]
    Escalates {
        /// What, and why.
        what: String,
    },
    /// It cannot be made sure of what it rests upon: somebody must take that upon themselves.
    #[error("{what}")]
    Unsure {
        /// What is not known, and what may come of it.
        what: String,
    },
    /// A cluster names nodes that it did not name before: somebody must say that they are its own.
    #[error("cluster '{cluster}' names nodes that are new: {}", nodes.join(", "))]
    NewNodes {
        /// Which cluster.
        cluster: ClusterName,
        /// Which nodes, in words.
        nodes: Vec<String>,
        /// How many nodes there are beside them.
        others: usize,
    },
    /// The provider gave no good answer.
    #[error("cannot check the provider token")]
    Provider(#[source] crate::provider::Error),
    /// The kubeconfig was refused.
    #[error("the kubeconfig cannot be used")]
    Import(#[source] ImportError),
    /// The kubeconfig's plugin failed.
    #[error("the kubeconfig's plugin gave no credential")]
    Exec(#[source] ExecError),
    /// A public key was refused.
    #[error("{place} holds no key that can be used")]
    Key {
        /// Where it came from.
        place: String,
        /// The error behind it.
        #[source]
        source: RecipientError,
    },
    /// An SSH key was refused, or could not be made.
    #[error("the SSH key cannot be used")]
    SshKey(#[source] SshKeyError),
    /// The SSH key in a file was refused.
    #[error("the SSH key in `{}` cannot be used", path.display())]
    SshKeyFile {
        /// Which file.
        path: PathBuf,
        /// The error behind it.
        #[source]
        source: SshKeyError,
    },
    /// It was done, and could not be recorded; the next command finds out.
    #[error("{what}, but that could not be recorded")]
    Unrecorded {
        /// What was done.
        what: String,
        /// Why it was not recorded.
        #[source]
        source: Box<store::Error>,
    },
    /// What was decided is recorded, and the store is not to be believed in the rest.
    #[error(
        "recorded{}; beside that, cluster '{cluster}' is left as it is",
        said_of_pending(pending, *until)
    )]
    RecordedInDoubt {
        /// The cluster's name.
        cluster: ClusterName,
        /// What is recorded and still pending there, a clause each.
        pending: Vec<String>,
        /// Until when tokens of what is pending may work.
        until: Option<Timestamp>,
        /// Why the store is not believed.
        #[source]
        source: Box<Error>,
    },
    /// It is true on the cluster, and the store could not record it.
    #[error("{what} no longer works on {on}, but that could not be recorded")]
    EndedUnrecorded {
        /// What was ended.
        what: String,
        /// Where.
        on: String,
        /// Why it was not recorded.
        #[source]
        source: Box<store::Error>,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A command could not be run.
    #[error("cannot run {command}")]
    Child {
        /// The command.
        command: String,
        /// The system's message.
        #[source]
        source: std::io::Error,
    },
    /// The user's kubeconfig was left as it is.
    #[error("cannot change the kubeconfig `{}`", path.display())]
    Merge {
        /// Which file.
        path: PathBuf,
        /// The error behind it.
        #[source]
        source: MergeError,
    },
    /// What renews a kubeconfig could not be put in its place, or taken from it.
    #[error(transparent)]
    Renewal(Box<super::credential::Error>),
    /// A sealed file did not open.
    #[error("cannot open {what}")]
    Open {
        /// Which file.
        what: String,
        /// The error behind it.
        #[source]
        source: OpenFileError,
    },
    /// Sealing failed.
    #[error("cannot seal {what}")]
    Seal {
        /// What.
        what: String,
        /// The error behind it.
        #[source]
        source: SealError,
    },
    /// The kubeconfig could not be made.
    #[error("cannot write a kubeconfig")]
    Render(#[from] RenderError),
    /// The cluster said no, or said nothing; nothing was changed.
    #[error("cluster '{cluster}': {source}")]
    Cluster {
        /// The cluster's name.
        cluster: String,
        /// What happened.
        source: ClusterError,
    },
    /// The cluster could not be registered or renewed with this kubeconfig; nothing was changed.
    #[error("cannot use context '{context}' for cluster '{cluster}': {source}")]
    Approach {
        /// Which context.
        context: String,
        /// Which cluster.
        cluster: String,
        /// What happened.
        source: ClusterError,
    },
    /// The address that files are to carry does not do.
    #[error("files cannot carry {server}: {source}")]
    Public {
        /// The address.
        server: String,
        /// What happened there.
        source: ClusterError,
    },
    /// The cluster was not registered, and something that was made on it could not be removed.
    #[error("{source}; what was made on the cluster could not all be taken away")]
    LeftBehind {
        /// Why it was not registered.
        source: Box<Error>,
        /// The commands that take the rest away.
        commands: Vec<String>,
    },
    /// The login lacks rights that the registration needs.
    #[error("the login in context '{context}' may not {missing}")]
    Rights {
        /// Which context.
        context: String,
        /// What it may not.
        missing: String,
    },
    /// It is recorded here and pending on the cluster; nothing was handed out.
    #[error("{what} is recorded, but cluster '{cluster}' could not be brought up to date")]
    Pending {
        /// What was wanted.
        what: String,
        /// The cluster's name.
        cluster: ClusterName,
        /// What the person does once it is true, as the end of a sentence.
        then: &'static str,
        /// The error behind it.
        #[source]
        source: Box<Error>,
    },
    /// The version stands on the cluster, but no file was handed over.
    #[error("version {version} of '{user}' is on cluster '{cluster}', but no file was handed over")]
    NotHandedOver {
        /// Which version.
        version: u32,
        /// The user's name.
        user: String,
        /// The cluster's name.
        cluster: ClusterName,
        /// The error behind it.
        #[source]
        source: Box<Error>,
    },
    /// The command was taken away under its feet by another one.
    #[error(
        "the access of '{user}' on cluster '{cluster}' changed meanwhile; nothing was handed out"
    )]
    Overtaken {
        /// The user's name.
        user: String,
        /// The cluster's name.
        cluster: ClusterName,
    },
}

impl Error {
    /// Whether the store itself is not to be believed.
    pub(super) fn is_distrust(&self) -> bool {
        match self {
            Self::Store(error) | Self::Session(session::Error::Store(error)) => error.is_distrust(),
            _ => false,
        }
    }
}

impl From<SshKeyRefusal> for Error {
    fn from(refusal: SshKeyRefusal) -> Self {
        Self::Refused(refusal.into())
    }
}

fn said_of_pending(pending: &[String], until: Option<Timestamp>) -> String {
    if pending.is_empty() {
        return ", and what ends has ended (read back)".to_owned();
    }
    let until = until.map_or(String::new(), |until| {
        let until = rfc3339(until);
        format!(", tokens may work until {until}")
    });
    format!(", and pending: {}{until}", pending.join("; "))
}

/// A refusal in words. Says which rule, in the words of the documentation.
pub(super) fn refusal(denial: Denial, cluster: Option<&ClusterName>, who: &str) -> String {
    let on = cluster
        .map(|name| format!(" on cluster '{name}'"))
        .unwrap_or_default();
    let name = cluster.map(ToString::to_string).unwrap_or_default();
    match denial {
        Denial::Disabled => format!("user '{who}' is disabled and can do nothing"),
        Denial::UnknownCluster => format!("no cluster '{name}'"),
        Denial::NotOnCluster(action) => {
            format!(
                "'{who}' may not {}{on}: {} may",
                action.description(),
                action.who_may()
            )
        }
        Denial::AdminsOnly(action) => {
            format!(
                "'{who}' may not {}: organization owners and admins may",
                action.description()
            )
        }
        Denial::UnknownProject => "no such project".to_owned(),
        Denial::NotInProject(action) => {
            format!(
                "'{who}' may not {} in this project: {} may",
                action.description(),
                action.who_may()
            )
        }
        Denial::OwnersOnly => format!("'{who}' may not do this: only organization owners may"),
        Denial::NotServed => {
            format!("a server does not do this for '{who}'{on}: its key would reach too far")
        }
        Denial::AccessRevoked => {
            format!("Access Revoked: an admin revoked the kubeconfig of '{who}'{on}")
        }
        Denial::Archived(ClusterAction::Archive) => format!("cluster '{name}' is archived already"),
        Denial::Archived(action) => {
            format!(
                "cluster '{name}' is archived: nobody can {}",
                action.description()
            )
        }
        Denial::Protected(action) => {
            format!(
                "cluster '{name}' is protected: nobody can {}",
                action.description()
            )
        }
        Denial::NotArchived => format!("cluster '{name}' is not archived"),
    }
}
