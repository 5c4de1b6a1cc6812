//! Users: add, list, show, change role and key, disable, enable.

mod change;
mod oidc;
#[cfg(test)]
mod tests;

pub(crate) use change::{
    AddUser, Disable, Enable, SetKey, SetRole, add, disable, enable, set_key, set_role,
};
pub(super) use change::{MANAGE, opens};
pub(crate) use oidc::{SetOidc, provider, set_oidc};

use std::path::Path;

use zeroize::Zeroizing;

use super::journal::Journal;
use super::project::kept::Kept;
use super::project::shared::Over;
use super::{Applied, Error, find};
use crate::domain::action::Action;
use crate::domain::name::UserRef;
use crate::domain::policy::OrganizationAction;
use crate::domain::project::{Project, ProjectRole};
use crate::domain::user::User;
use crate::secrets::{Recipient, parse_public_key_file};
use crate::session::Session;
use crate::store;

/// The largest public key file that is read, in bytes.
const KEY_BYTES_MAX: usize = 16 * 1024;

/// Reads a public key: from a file, from standard input (`-`), or the text itself.
pub(crate) fn read_key(session: &Session, place: &Path) -> Result<Recipient, Error> {
    let as_text = place.to_string_lossy();
    let inline = ["age1", "ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-", "SHA256:"];
    let (bytes, place) = if inline.iter().any(|prefix| as_text.starts_with(prefix)) {
        let bytes = Zeroizing::new(as_text.into_owned().into_bytes());
        (bytes, "the text".to_owned())
    } else {
        let given = session.workspace.read_given(place, KEY_BYTES_MAX)?;
        (given.bytes, given.name)
    };
    parse_public_key_file(&*bytes).map_err(|source| Error::Key { place, source })
}

/// What a change of a user came to.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The user as they are now.
    pub(crate) user: User,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// Shared versions that ended with it, and who must download again.
    pub(crate) over: Vec<Over>,
    /// What it did on clusters.
    pub(crate) applied: Applied,
    /// What the user could open before and cannot any more: to be rotated at its source.
    pub(crate) could_open: Vec<String>,
}

/// Lists users. For organization owners and admins.
pub(crate) fn list(session: &Session) -> Result<Vec<User>, Error> {
    let (actor, journal) = find::acting(session, Action::UserList)?;
    find::may(session, &actor, &journal, OrganizationAction::ListUsers)?;
    Ok(session.store()?.read(store::users::list)?)
}

/// What somebody is in their projects.
type Memberships = Vec<(Project, ProjectRole)>;

/// Shows a user, with their projects and what they are in each; everybody may see themselves.
pub(crate) fn show(
    session: &Session,
    name: &UserRef,
) -> Result<(User, Memberships, Vec<Kept>), Error> {
    let user = shown(session, name)?;
    let (projects, mut kept) = session.store()?.read(|tx| {
        let projects = store::projects::of_user(tx, user.id)?;
        Ok::<_, store::Error>((projects, super::project::kept::all(tx)?))
    })?;
    kept.retain(|kept| kept.user_id == user.id);
    Ok((user, projects, kept))
}

fn shown(session: &Session, name: &UserRef) -> Result<User, Error> {
    let actor = find::principal(session, Action::UserShow)?;
    let own = match name {
        UserRef::Name(name) => *name == actor.user.name,
        UserRef::Email(email) => actor.user.email.as_ref() == Some(email),
    };
    if own {
        return Ok(actor.user);
    }
    let journal = Journal::new(&actor, Action::UserShow).user_name(&name.to_string());
    find::may(session, &actor, &journal, OrganizationAction::ListUsers)?;
    find::user(session, name)
}
