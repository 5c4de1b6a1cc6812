//! Why there is no token, in the user's terms.

use std::path::PathBuf;

use crate::artifact::exec_credential::QuestionError;
use crate::artifact::file::FileError;
use crate::artifact::renewal::{Refusal, Refused, Renewal, RenewalError, RenewalName};
use crate::domain::text::rfc3339;
use crate::kubernetes::error::Error as ClusterError;
use crate::secrets::SealError;
use crate::session;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The identity.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// kubectl's question.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// What was named is no renewal's name.
    #[error("'{text}' is not the name of a renewal, such as `prod.bob.0a1b2c3d`")]
    NoName {
        /// What it is; made safe to show.
        text: String,
    },
    /// Nothing says where renewals lie.
    #[error("no home directory: set HOME or XDG_DATA_HOME")]
    NoPlace,
    /// There is no such renewal.
    #[error("there is no renewal at '{}'", path.display())]
    Absent {
        /// The path.
        path: PathBuf,
        /// The cluster that it would be for, where its name says so.
        cluster: Option<String>,
    },
    /// The renewal is of no use.
    #[error("cannot use the renewal at '{}'", path.display())]
    Renewal {
        /// The path.
        path: PathBuf,
        /// The cluster that it is for, where its name says so.
        cluster: Option<String>,
        /// What is wrong with it.
        #[source]
        source: RenewalError,
    },
    /// It is another's than its name says.
    #[error("the renewal at '{}' is that of '{is}': it was moved or copied", path.display())]
    Moved {
        /// The path.
        path: PathBuf,
        /// What it is.
        is: RenewalName,
    },
    /// The cluster renews no more.
    #[error("{}", refused(.0))]
    Refused(Refused),
    /// The cluster gave no token.
    #[error("cannot renew the kubeconfig of '{user}' for cluster '{cluster}'")]
    Cluster {
        /// Whose it is.
        user: String,
        /// Which cluster.
        cluster: String,
        /// What happened.
        #[source]
        source: ClusterError,
    },
    /// Another renewal of that name lies there, which this one must not replace unasked.
    #[error("the renewal that is installed for '{name}' {differs}")]
    Installed {
        /// Which.
        name: RenewalName,
        /// How they differ.
        differs: String,
    },
    /// The renewal could not be sealed.
    #[error("the renewal could not be sealed")]
    Seal(#[from] SealError),
}

impl Error {
    /// A renewal that was given in a file, and is none that can be put anywhere.
    pub(crate) fn unread(what: String, source: RenewalError) -> Self {
        Self::Renewal {
            path: what.into(),
            source,
            cluster: None,
        }
    }

    /// A failure of the cluster that a renewal is for.
    pub(super) fn of(renewal: &Renewal, source: ClusterError) -> Self {
        Self::Cluster {
            user: renewal.subject.to_string(),
            cluster: renewal.cluster.to_string(),
            source,
        }
    }
}

fn refused(refused: &Refused) -> String {
    let Refused {
        user,
        cluster,
        version,
        ..
    } = refused;
    match refused.why {
        Refusal::Revoked => format!(
            "Access Revoked: cluster '{cluster}' renews the kubeconfig of '{user}' (version \
             {version}) no more"
        ),
        Refusal::Ended { at } => format!(
            "the kubeconfig of '{user}' for cluster '{cluster}' (version {version}) could renew \
             itself until {}",
            rfc3339(at)
        ),
    }
}
