//! Users: who they are in the organization.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;
use super::name::{Email, UserName};
use super::oidc::OidcLink;

/// A user's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UserId(pub(crate) i64);

/// A role in the organization. The order is by power: server < developer < admin < owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// `kubegrant serve`: reaches nothing by itself, and acts for those who log in to it.
    Server,
    /// Reaches what was granted or assigned, nothing else.
    Developer,
    /// Reaches and manages every cluster; does not touch owners.
    Admin,
    /// An admin who also manages owners.
    Owner,
}

impl Role {
    /// All roles, weakest first.
    pub(crate) const ALL: [Self; 4] = [Self::Server, Self::Developer, Self::Admin, Self::Owner];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Developer => "developer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Whether the role alone gives `full` access to every cluster.
    pub(crate) fn is_admin(self) -> bool {
        self >= Self::Admin
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == input)
            .ok_or_else(|| format!("no role '{}'", input.escape_default()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person or a CI job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// Row number.
    pub(crate) id: UserId,
    /// The user's name.
    pub(crate) name: UserName,
    /// Address, if known.
    pub(crate) email: Option<Email>,
    /// Role in the organization.
    pub(crate) role: Role,
    /// Disabled users have nothing and can do nothing.
    pub(crate) active: bool,
    /// The public key that names them and that files are sealed to, in canonical text.
    pub(crate) key: Option<String>,
    /// By which tokens of an OpenID issuer they log in to a server, if by any.
    pub(crate) oidc: Option<OidcLink>,
    /// When the user was added.
    pub(crate) created_at: Timestamp,
}
