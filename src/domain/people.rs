//! What the store says of the people, read once with the rest.

use std::collections::BTreeMap;

use super::effect::Effect;
use super::name::{ProjectName, UserRef};
use super::project::{ProjectId, ProjectRole};
use super::refusal::Refusal;
use super::user::{Role, User, UserId};

/// The people of the organization, and what they are in its projects.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    /// All users.
    pub(crate) users: BTreeMap<UserId, User>,
    /// The names of all projects, deleted ones too.
    pub(crate) projects: BTreeMap<ProjectId, ProjectName>,
    /// The projects that are in view.
    pub(crate) named: BTreeMap<ProjectName, ProjectId>,
    /// What members are in projects.
    pub(crate) roles: BTreeMap<(ProjectId, UserId), ProjectRole>,
}

impl People {
    /// Whether there is a project of this name.
    pub(crate) fn has_project(&self, name: &ProjectName) -> bool {
        self.named.contains_key(name)
    }

    /// The project of a name, or the refusal that there is none.
    pub(crate) fn project(&self, name: &ProjectName) -> Result<ProjectId, Refusal> {
        let found = self.named.get(name).copied();
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

    /// The user of a name or address.
    pub(crate) fn find(&self, wanted: &UserRef) -> Option<&User> {
        self.users.values().find(|user| match wanted {
            UserRef::Name(name) => user.name == *name,
            UserRef::Email(email) => user.email.as_ref() == Some(email),
        })
    }

    /// The same, or the refusal that there is none.
    pub(crate) fn user(&self, wanted: &UserRef) -> Result<&User, Refusal> {
        let found = self.find(wanted);
        found.ok_or_else(|| Refusal::UnknownUser(wanted.clone()))
    }

    /// The same of somebody to whom a cluster can be assigned: a disabled user can own nothing.
    pub(crate) fn heir(&self, wanted: &UserRef) -> Result<&User, Refusal> {
        let user = self.user(wanted)?;
        if user.active {
            return Ok(user);
        }
        Err(Refusal::CannotOwn(user.name.clone()))
    }

    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::SetKey { user, key } => {
                if let Some(user) = self.users.get_mut(user) {
                    user.key = Some(key.clone());
                }
            }
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
