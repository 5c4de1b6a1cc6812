//! `whoami`: who is acting, by which key, on which store, and what that proves.

use std::path::PathBuf;

use super::{Error, find};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::installation::InstallationId;
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
    /// The public key.
    pub(crate) key: String,
    /// Its fingerprint.
    pub(crate) fingerprint: String,
    /// Where the identity came from.
    pub(crate) identity: String,
    /// The store.
    pub(crate) store: PathBuf,
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
        let Some((by, at)) = store::users::key_set(tx, actor.holder.id)? else {
            return Ok(None);
        };
        let by = store::users::get(tx, by)?;
        let by = by.filter(|user| user.id != actor.holder.id);
        Ok::<_, store::Error>(by.map(|user| KeySet {
            by: user.name.to_string(),
            at,
        }))
    })?)
}

/// Works out who is acting.
pub(crate) fn whoami(session: &Session) -> Result<Who, Error> {
    let actor = find::principal(session, Action::Whoami)?;
    let key: Recipient = session.identity().map_err(Error::Session)?.recipient();
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
        fingerprint: key.fingerprint(),
        key: key.to_string(),
        identity: session.identity_place(),
        store: session.store()?.path().to_owned(),
        key_set: key_set(session)?,
    })
}
