//! What the store says of the people whom a change concerns, read once with the rest.

use std::collections::BTreeMap;

use super::effect::Effect;
use super::name::{ProjectName, UserRef};
use super::oidc::{OidcLink, Provider};
use super::project::{ProjectId, ProjectRole};
use super::refusal::Refusal;
use super::user::{Role, User, UserId};

/// Somebody whom a change names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// By name or address.
    As(UserRef),
    /// By number.
    Number(UserId),
    /// By a public key.
    Key(String),
    /// By the tokens with which somebody logs in.
    Oidc(OidcLink),
}

/// The people whom a change concerns, and what they are in projects: the owners and admins, the servers, all who have
/// anything on its clusters or are members of its projects, and whom it names.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    /// The users.
    pub(crate) users: BTreeMap<UserId, User>,
    /// Whom it names; nothing where everybody is here.
    pub(crate) named: Option<Vec<Named>>,
    /// Whom the organization lets people log in with.
    pub(crate) provider: Option<Provider>,
    /// The names of all projects, deleted ones too.
    pub(crate) projects: BTreeMap<ProjectId, ProjectName>,
    /// The projects that are in view.
    pub(crate) projects_by_name: BTreeMap<ProjectName, ProjectId>,
    /// What members are in projects: all of those that it concerns, and all that whom it names is.
    pub(crate) roles: BTreeMap<(ProjectId, UserId), ProjectRole>,
}

/// Refuses to give anything to somebody who is disabled, or a server.
pub(crate) fn refuse_receiver(user: &User) -> Result<(), Refusal> {
    if !user.active {
        return Err(Refusal::Disabled(user.name.clone()));
    }
    if user.role == Role::Server {
        return Err(Refusal::IsServer(user.name.clone()));
    }
    Ok(())
}

impl People {
    /// Whether there is a project of this name.
    pub(crate) fn has_project(&self, name: &ProjectName) -> bool {
        self.projects_by_name.contains_key(name)
    }

    /// The project of a name, or the refusal that there is none.
    pub(crate) fn project(&self, name: &ProjectName) -> Result<ProjectId, Refusal> {
        let found = self.projects_by_name.get(name).copied();
        found.ok_or_else(|| Refusal::UnknownProject(name.clone()))
    }

    /// Whether somebody else is an active owner of the organization.
    pub(crate) fn has_other_owner(&self, than: UserId) -> bool {
        let mut users = self.users.values();
        users.any(|it| it.active && it.role == Role::Owner && it.id != than)
    }

    /// Refuses what would leave the organization without an active owner.
    pub(crate) fn keep_an_owner(&self, user: &User) -> Result<(), Refusal> {
        let is_owner = user.role == Role::Owner && user.active;
        if is_owner && !self.has_other_owner(user.id) {
            return Err(Refusal::LastOwner(user.name.clone()));
        }
        Ok(())
    }

    /// Whether somebody else is an active owner of a project.
    pub(crate) fn has_other_project_owner(&self, project: ProjectId, than: UserId) -> bool {
        self.roles.iter().any(|((of, user), role)| {
            let is_active = self.users.get(user).is_some_and(|user| user.active);
            *of == project && *role == ProjectRole::Owner && *user != than && is_active
        })
    }

    fn has_looked_for(&self, somebody: &Named) -> bool {
        let named = self.named.as_ref();
        named.is_none_or(|named| named.contains(somebody))
    }

    /// The user of a name or address, which the change must have named.
    pub(crate) fn find(&self, wanted: &UserRef) -> Option<&User> {
        debug_assert!(
            self.has_looked_for(&Named::As(wanted.clone())),
            "'{wanted}' was not looked for"
        );
        self.users.values().find(|user| match wanted {
            UserRef::Name(name) => user.name == *name,
            UserRef::Email(email) => user.email.as_ref() == Some(email),
        })
    }

    /// The user of a public key, which the change must have named.
    pub(crate) fn holder_of(&self, key: &str) -> Option<&User> {
        debug_assert!(
            self.has_looked_for(&Named::Key(key.to_owned())),
            "the key was not looked for"
        );
        let mut users = self.users.values();
        users.find(|user| user.key.as_deref() == Some(key))
    }

    /// The user who logs in by these very tokens, which the change must have named.
    pub(crate) fn of_link(&self, link: &OidcLink) -> Option<&User> {
        debug_assert!(
            self.has_looked_for(&Named::Oidc(link.clone())),
            "the tokens were not looked for"
        );
        let mut users = self.users.values();
        users.find(|user| user.oidc.as_ref() == Some(link))
    }

    /// The user of a name or address, or the refusal that there is none.
    pub(crate) fn user(&self, wanted: &UserRef) -> Result<&User, Refusal> {
        let found = self.find(wanted);
        found.ok_or_else(|| Refusal::UnknownUser(wanted.clone()))
    }

    /// The same of somebody to whom a cluster can be assigned: a disabled user can own nothing.
    pub(crate) fn heir(&self, wanted: &UserRef) -> Result<&User, Refusal> {
        let user = self.user(wanted)?;
        if !user.active {
            return Err(Refusal::CannotOwn(user.name.clone()));
        }
        self.receiver(wanted)
    }

    /// The same of somebody to whom something can be given: who is active, and no server.
    pub(crate) fn receiver(&self, wanted: &UserRef) -> Result<&User, Refusal> {
        let user = self.user(wanted)?;
        refuse_receiver(user)?;
        Ok(user)
    }

    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::SetKey { user, key } => {
                if let Some(user) = self.users.get_mut(user) {
                    user.key = Some(key.clone());
                }
            }
            Effect::SetOidc { user, link } => {
                if let Some(user) = self.users.get_mut(user) {
                    user.oidc.clone_from(link);
                }
            }
            Effect::SetProvider(provider) => self.provider.clone_from(provider),
            Effect::SetRole { user, role } => {
                if let Some(user) = self.users.get_mut(user) {
                    user.role = *role;
                }
            }
            Effect::SetActive { user, active } => {
                if let Some(user) = self.users.get_mut(user) {
                    user.active = *active;
                }
            }
            Effect::PutMember {
                project,
                user,
                role,
            } => {
                self.roles.insert((*project, *user), *role);
            }
            Effect::RemoveMember { project, user } => {
                self.roles.remove(&(*project, *user));
            }
            _ => {}
        }
    }
}
