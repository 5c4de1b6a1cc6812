//! Whose a credential is, by name: what people read, and what a cluster's accounts are marked with.

use std::fmt;
use std::str::FromStr;

use super::name::{NameError, ProjectName, UserName};
use super::project::SharedLevel;

/// What a shell's name ends in.
const SHELL: &str = "shell";

/// The name of a credential's [`Subject`](super::credential::Subject): `alice`, `alice/shell` or
/// `shop/read`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SubjectName {
    /// A user's own kubeconfig.
    Personal(UserName),
    /// A user's shell.
    Shell(UserName),
    /// A project's level.
    Shared {
        /// The project's name.
        project: ProjectName,
        /// The level.
        level: SharedLevel,
    },
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Personal(user) => user.fmt(f),
            Self::Shell(user) => write!(f, "{user}/{SHELL}"),
            Self::Shared { project, level } => write!(f, "{project}/{level}"),
        }
    }
}

impl FromStr for SubjectName {
    type Err = SubjectNameError;
    fn from_str(input: &str) -> Result<Self, SubjectNameError> {
        let Some((name, kind)) = input.split_once('/') else {
            return Ok(Self::Personal(input.parse()?));
        };
        if kind == SHELL {
            return Ok(Self::Shell(name.parse()?));
        }
        Ok(Self::Shared {
            project: name.parse()?,
            level: kind.parse().map_err(SubjectNameError::Level)?,
        })
    }
}

/// Why a text is nobody's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubjectNameError {
    /// The part before the slash names no user or project.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The part behind it names no level.
    #[error("{0}")]
    Level(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_it_is_shown() {
        for name in ["alice", "alice/shell", "shop/read", "shop/admin"] {
            let parsed: SubjectName = name.parse().expect(name);
            assert_eq!(parsed.to_string(), name);
        }
        for bad in ["", "/shell", "alice/", "shop/write", "a/b/shell", "A b"] {
            assert!(bad.parse::<SubjectName>().is_err(), "{bad}");
        }
    }
}
