//! Projects: groups of clusters with members, and one shared kubeconfig per cluster and level.

use std::fmt;
use std::str::FromStr;

use super::access::Power;

/// A project's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProjectId(pub(crate) i64);

/// What a shared kubeconfig carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SharedLevel {
    /// Viewers': Kubernetes `view`.
    Read,
    /// Editors' and owners': Kubernetes `cluster-admin`.
    Admin,
}

impl SharedLevel {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// What a credential of this level carries.
    pub(crate) fn power(self) -> Power {
        match self {
            Self::Read => Power::Read,
            Self::Admin => Power::Full,
        }
    }
}

impl FromStr for SharedLevel {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        match input {
            "read" => Ok(Self::Read),
            "admin" => Ok(Self::Admin),
            _ => Err(format!(
                "no level '{}': read or admin",
                input.escape_default()
            )),
        }
    }
}

impl fmt::Display for SharedLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
