//! The servers that somebody knows: `hosts.toml` in the folder of settings, without a secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::artifact::file::{
    FileError, Overwrite, ensure_private_dir, read_bounded, write_private,
};
use crate::env::Env;

/// The largest file that is read, in bytes.
const BYTES_MAX: usize = 1024 * 1024;

/// How somebody logs in at a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// With the key that is their identity.
    #[default]
    Key,
    /// With this key, in an SSH agent.
    Agent(String),
    /// With the word of the organization's OpenID issuer.
    Oidc,
    /// With the token of a CI job: of this user, where it may be several's.
    Job {
        /// Whose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
}

impl Way {
    /// What a session that was begun so is told by, beside the server; of a key it is the key itself. One job's is
    /// not another's, on a machine where both have the same home.
    pub(crate) fn session_name(&self, env: &Env) -> String {
        match self {
            Self::Key => String::new(),
            Self::Agent(key) => format!("agent {key}"),
            Self::Oidc => "oidc".to_owned(),
            Self::Job { user } => {
                let user = user.as_deref().unwrap_or_default();
                format!("job {user} {}", super::job::run(env))
            }
        }
    }

    fn is_key(&self) -> bool {
        *self == Self::Key
    }
}

/// One server that somebody knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Who they are there.
    pub(crate) user: String,
    /// Of which installation it is, as entries in a kubeconfig are marked.
    #[serde(default)]
    pub(crate) installation: String,
    /// What proves the server, in PEM; nothing where the system knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
    /// How they log in.
    #[serde(default, skip_serializing_if = "Way::is_key")]
    pub(crate) way: Way,
}

/// All of them, by their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hosts(pub(crate) BTreeMap<String, Known>);

/// Why the servers that somebody knows are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostsError {
    /// The file.
    #[error("cannot use `hosts.toml`")]
    File(#[source] FileError),
    /// What is in it.
    #[error("`{}` makes no sense: {why}", path.display())]
    Garbled {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}

impl Hosts {
    fn place(folder: &Path) -> PathBuf {
        folder.join("hosts.toml")
    }

    /// Reads them from the folder of settings.
    pub(crate) fn read(folder: &Path) -> Result<Self, HostsError> {
        let path = Self::place(folder);
        if !matches!(path.try_exists(), Ok(true)) {
            return Ok(Self::default());
        }
        let bytes = read_bounded(&path, BYTES_MAX).map_err(HostsError::File)?;
        let garbled = |why: String| HostsError::Garbled {
            path: path.clone(),
            why,
        };
        let text = std::str::from_utf8(&bytes).map_err(|error| garbled(error.to_string()))?;
        toml::from_str(text).map_err(|error| garbled(error.message().to_owned()))
    }

    /// Writes them.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), HostsError> {
        let path = Self::place(folder);
        let text = toml::to_string(self).map_err(|error| HostsError::Garbled {
            path: path.clone(),
            why: error.to_string(),
        })?;
        ensure_private_dir(folder).map_err(HostsError::File)?;
        write_private(&path, text.as_bytes(), Overwrite::Force).map_err(HostsError::File)
    }
}
