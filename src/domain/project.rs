//! Projects: groups of clusters with members, and one shared kubeconfig per cluster and level.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;
use super::access::Power;
use super::name::ProjectName;
use super::user::UserId;

/// A project's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProjectId(pub(crate) i64);

/// A group of clusters with members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// Row number.
    pub(crate) id: ProjectId,
    /// The project's name.
    pub(crate) name: ProjectName,
    /// One line for people.
    pub(crate) description: String,
    /// When it was made.
    pub(crate) created_at: Timestamp,
}

/// What a member is in a project, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ProjectRole {
    /// Reads the project's clusters.
    Viewer,
    /// Has `cluster-admin` on them.
    Editor,
    /// The same, and manages the members.
    Owner,
}

impl ProjectRole {
    /// All roles, strongest first, as help shows them.
    pub(crate) const ALL: [Self; 3] = [Self::Owner, Self::Editor, Self::Viewer];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// The level whose shared kubeconfig it may take.
    pub(crate) fn level(self) -> SharedLevel {
        match self {
            Self::Viewer => SharedLevel::Read,
            Self::Editor | Self::Owner => SharedLevel::Admin,
        }
    }
}

impl FromStr for ProjectRole {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == input)
            .ok_or_else(|| {
                format!(
                    "no role '{}': owner, editor or viewer",
                    input.escape_default()
                )
            })
    }
}

impl fmt::Display for ProjectRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A user's place in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The user.
    pub(crate) user: UserId,
    /// As what.
    pub(crate) role: ProjectRole,
    /// Since when.
    pub(crate) added_at: Timestamp,
}

/// Somebody who may have a shared version in their hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The user.
    pub(crate) user: UserId,
    /// Since when.
    pub(crate) at: Timestamp,
    /// Whether it was decided that the version lives on though they lost the level.
    pub(crate) kept: bool,
}

/// What a shared kubeconfig carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SharedLevel {
    /// Viewers': Kubernetes `view`.
    Read,
    /// Editors' and owners': Kubernetes `cluster-admin`.
    Admin,
}

impl SharedLevel {
    /// All levels, weakest first.
    pub(crate) const ALL: [Self; 2] = [Self::Read, Self::Admin];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_role_never_has_a_weaker_level() {
        for (strong, weak) in ProjectRole::ALL.into_iter().zip(&ProjectRole::ALL[1..]) {
            assert!(strong > *weak);
            assert!(strong.level() >= weak.level());
            assert!(strong.level().power() >= weak.level().power());
        }
    }

    #[test]
    fn words_are_read_back() {
        for role in ProjectRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for level in SharedLevel::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        assert!("Owner".parse::<ProjectRole>().is_err());
        assert!("write".parse::<SharedLevel>().is_err());
    }
}
