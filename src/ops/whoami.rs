//! `whoami`: who is acting, by which key, on which store, and what that proves.

use std::path::PathBuf;

use super::{Error, find, reseal};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::installation::InstallationId;
use crate::domain::user::Role;
use crate::secrets::Recipient;
use crate::session::Session;
use crate::store;

/// Who is acting.
#[derive(Debug)]
pub(crate) struct Who {
    /// The user whose rights count.
    pub(crate) user: String,
    /// Their role.
    pub(crate) role: &'static str,
    /// Projects that they are members of, and as what.
    pub(crate) projects: Vec<(String, &'static str)>,
    /// The holder of the identity, where another.
    pub(crate) acting: Option<String>,
    /// The organization.
    pub(crate) organization: String,
    /// This installation's id.
    pub(crate) installation: InstallationId,
    /// The public key, unless they come without one.
    pub(crate) key: Option<String>,
    /// Its fingerprint.
    pub(crate) fingerprint: Option<String>,
    /// By which tokens they log in, where they come by these.
    pub(crate) oidc: Option<String>,
    /// Where the identity came from.
    pub(crate) identity: String,
    /// The store.
    pub(crate) store: PathBuf,
    /// The server through which they act.
    pub(crate) served: Option<String>,
    /// Who else set the key, and when.
    pub(crate) key_set: Option<KeySet>,
}

/// A key that somebody else than its user set.
#[derive(Debug)]
pub(crate) struct KeySet {
    /// Who set it.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// Says whether somebody else set the key of whoever is acting.
pub(crate) fn key_set(session: &Session) -> Result<Option<KeySet>, Error> {
    let actor = find::principal(session, Action::Whoami)?;
    Ok(session.store()?.read(|tx| {
        // Whose key began the session, where a server acts for somebody.
        let whose = match actor.holder.role {
            Role::Server => actor.user.id,
            _ => actor.holder.id,
        };
        let Some((by, at)) = store::users::key_set(tx, whose)? else {
            return Ok(None);
        };
        let by = store::users::get(tx, by)?;
        let by = by.filter(|user| user.id != whose);
        Ok::<_, store::Error>(by.map(|user| KeySet {
            by: user.name.to_string(),
            at,
        }))
    })?)
}

/// Works out who is acting.
pub(crate) fn whoami(session: &Session) -> Result<Who, Error> {
    session.one_look(|| who(session))
}

fn who(session: &Session) -> Result<Who, Error> {
    let actor = find::principal(session, Action::Whoami)?;
    let served = (actor.holder.role == Role::Server).then_some(&actor.holder.name);
    let key: Option<Recipient> = match served {
        // Theirs, not the server's.
        Some(_) => reseal::key(&actor.user)?,
        None => Some(session.identity().map_err(Error::Session)?.recipient()),
    };
    let organization = session
        .store()?
        .read(|tx| store::meta::find(tx, store::meta::ORGANIZATION))?;
    let projects = session
        .store()?
        .read(|tx| store::projects::of_user(tx, actor.user.id))?;
    Ok(Who {
        projects: projects
            .into_iter()
            .map(|(project, role)| (project.name.to_string(), role.as_str()))
            .collect(),
        user: actor.user.name.to_string(),
        role: actor.user.role.as_str(),
        acting: actor.is_acting_as().then(|| actor.holder.name.to_string()),
        organization: organization.unwrap_or_default(),
        installation: find::installation(session)?,
        fingerprint: key.as_ref().map(Recipient::fingerprint),
        key: key.map(|it| it.to_string()),
        oidc: actor.user.oidc.as_ref().map(ToString::to_string),
        identity: match served {
            None => session.identity_place(),
            Some(_) => "a session".to_owned(),
        },
        store: match served {
            None => session.store()?.path().to_owned(),
            // Where it is there is nobody's matter who is not there.
            Some(server) => PathBuf::from(format!("beside server '{server}'")),
        },
        served: served.map(ToString::to_string),
        key_set: key_set(session)?,
    })
}
