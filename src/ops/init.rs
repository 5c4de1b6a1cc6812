//! `init`: an organization, its first owner, their identity, and the store.

use std::path::PathBuf;

use super::{Done, Error, Intent, Obstacle, Planned, Unasked};
use crate::artifact::file::{
    FileError, Overwrite, check_writable_destination, ensure_private_dir, link_private,
    write_private,
};
use crate::config::IdentitySource;
use crate::domain::action::Action;
use crate::domain::audit::{Event, Phase};
use crate::domain::effect::{Facts, NewUser};
use crate::domain::installation::InstallationId;
use crate::domain::name::{Email, UserName};
use crate::domain::user::Role;
use crate::secrets::{ExposeSecret, Identity, Recipient};
use crate::session::{self, App, Session};
use crate::store::{self, Store, WriteTxn};

/// What `init` is told.
#[derive(Debug)]
pub(crate) struct Init {
    /// The organization's name.
    pub(crate) organization: String,
    /// The first owner's handle.
    pub(crate) owner: UserName,
    /// The first owner's address.
    pub(crate) email: Option<Email>,
}

/// How the organization stands after `init`.
#[derive(Debug)]
pub(crate) struct Initialized {
    /// Its name.
    pub(crate) organization: String,
    /// The owner that the identity names.
    pub(crate) owner: String,
    /// The owner's public key.
    pub(crate) key: String,
    /// The store's file.
    pub(crate) store: PathBuf,
    /// Where the identity is.
    pub(crate) identity: String,
    /// The identity's file, where only this command line says so.
    pub(crate) identity_named: Option<String>,
    /// Whether the identity was made now.
    pub(crate) identity_made: bool,
    /// Whether all of it was there before.
    pub(crate) unchanged: bool,
}

/// The organization that is there already, if there is one.
pub(crate) fn existing(session: &Session) -> Result<Option<Initialized>, Error> {
    let store = match session.store() {
        Ok(store) => store,
        Err(store::Error::Absent { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let organization = store.read(|tx| store::meta::find(tx, store::meta::ORGANIZATION))?;
    // Killed between making the file and recording the organization: begin again.
    let Some(organization) = organization else {
        return Ok(None);
    };
    let actor = match session.principal_unchecked() {
        Err(session::Error::NoIdentity { path }) => {
            return Err(Error::Obstacle(Obstacle::OrganizationOfOthers {
                identity: path,
            }));
        }
        actor => actor?,
    };
    Ok(Some(Initialized {
        organization,
        owner: actor.holder.name.to_string(),
        key: actor.holder.key.unwrap_or_default(),
        store: store.path().to_owned(),
        identity: session.identity_place(),
        identity_named: identity_named(session),
        identity_made: false,
        unchanged: true,
    }))
}

/// Makes what is missing. Run twice it changes nothing.
pub(crate) fn init(
    session: &Session,
    wanted: Init,
    intent: Intent<Unasked>,
) -> Result<Done<Initialized>, Error> {
    if let Some(found) = existing(session)? {
        return Ok(Done::Did(found));
    }
    let identity_exists = match session.identity() {
        Ok(_) => true,
        Err(session::Error::NoIdentity { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    if intent.is_preview() {
        let mut lines = vec![format!(
            "make the store `{}` of organization '{}'",
            session.config.store, wanted.organization
        )];
        if !identity_exists {
            lines.push(format!("make an identity at {}", session.identity_place()));
        }
        lines.push(format!("add user '{}' as its owner", wanted.owner));
        return Ok(Done::Planned(Planned {
            steps: lines,
            effects: vec![Facts {
                effect: "add-user",
                user: Some(wanted.owner.to_string()),
                to: Some(Role::Owner.to_string()),
                ..Facts::default()
            }],
            ..Planned::default()
        }));
    }
    if !identity_exists {
        // Before the store is made in vain.
        check_identity_place(session)?;
    }
    let store = match session.store() {
        Ok(store) => store,
        Err(store::Error::Absent { .. }) => session.adopt(Store::create_at(&session.config.store)?),
        Err(error) => return Err(error.into()),
    };
    let (key, identity_made) = record(session, store, &wanted, identity_exists)?;
    remember_identity(session);
    Ok(Done::Did(Initialized {
        organization: wanted.organization,
        owner: wanted.owner.to_string(),
        key: key.to_string(),
        store: store.path().to_owned(),
        identity: session.identity_place(),
        identity_named: identity_named(session),
        identity_made,
        unchanged: false,
    }))
}

/// Puts a link to an identity that the command line names where every command looks for it, unless
/// another identity is there: whoever began with a key of theirs goes on with it.
fn remember_identity(session: &Session) {
    let IdentitySource::File(path) = &session.config.identity else {
        return;
    };
    let usual = session
        .workspace
        .env
        .config_dir()
        .map(|dir| dir.join("identity"));
    if let (Some(usual), Some(_)) = (usual, identity_named(session)) {
        // Where it cannot be, the hint says how to name the identity every time.
        let _linked = link_private(&usual, path);
    }
}

/// The identity's file, where neither a variable nor its usual place leads there: other commands
/// would not find it.
fn identity_named(session: &Session) -> Option<String> {
    let IdentitySource::File(path) = &session.config.identity else {
        return None;
    };
    let env = &session.workspace.env;
    let is_usual = env.config_dir().is_some_and(|dir| {
        let usual = dir.join("identity");
        usual == *path || usual.read_link().is_ok_and(|to| to == *path)
    });
    let is_in_variable = env.path_variable("KUBEGRANT_IDENTITY_FILE").is_some();
    (!is_usual && !is_in_variable).then(|| path.display().to_string())
}

/// Checks that an identity can be written where none is.
fn check_identity_place(session: &Session) -> Result<(), Error> {
    let IdentitySource::File(path) = &session.config.identity else {
        return Ok(());
    };
    if let Some(directory) = path.parent()
        && !directory.exists()
    {
        ensure_private_dir(directory)?;
    }
    Ok(check_writable_destination(path, Overwrite::Never)?)
}

/// Makes an identity; `false` where one has come meanwhile, which counts.
fn make_identity(session: &Session) -> Result<bool, Error> {
    let IdentitySource::File(path) = &session.config.identity else {
        return Ok(false);
    };
    let identity = Identity::generate();
    let created = session
        .now()
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let Some(text) = identity.to_file_text(&created) else {
        return Ok(false);
    };
    match write_private(path, text.expose_secret().as_bytes(), Overwrite::Never) {
        Ok(()) => Ok(true),
        Err(FileError::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Records the organization, with the identity of its owner: the one that is there, or a new one.
/// Gives its public half, and whether it is new.
///
/// Of several at once one wins. Each makes its identity in its transaction, so that the others
/// find the organization before they make one; and the identity before it is committed, since a
/// store whose owner has no key would be nobody's.
fn record(
    session: &Session,
    store: &Store,
    wanted: &Init,
    identity_exists: bool,
) -> Result<(Recipient, bool), Error> {
    store.write(|tx| {
        // The second finds the first one's organization and leaves it alone.
        if store::meta::find(tx, store::meta::ORGANIZATION)?.is_some() {
            return Err(Error::Obstacle(Obstacle::OrganizationMeanwhile));
        }
        let made = !identity_exists && make_identity(session)?;
        let recorded = session
            .identity()
            .map_err(Error::from)
            .and_then(|identity| {
                write(session, tx, wanted, identity)?;
                Ok(identity.recipient())
            });
        if recorded.is_err() && made {
            // While nobody else can have come to use it.
            forget_identity(session);
        }
        Ok((recorded?, made))
    })
}

/// Removes the identity that was made for nothing.
fn forget_identity(session: &Session) {
    if let IdentitySource::File(path) = &session.config.identity {
        // What cannot be removed opens nothing; the error that led here is told.
        let _removed = std::fs::remove_file(path);
    }
}

fn write(app: &App, tx: &WriteTxn<'_>, wanted: &Init, identity: &Identity) -> Result<(), Error> {
    store::meta::set(tx, store::meta::ORGANIZATION, &wanted.organization)?;
    store::meta::set_installation(tx, &InstallationId::new(app.random()))?;
    let new = NewUser {
        name: wanted.owner.clone(),
        email: wanted.email.clone(),
        role: Role::Owner,
        key: Some(identity.recipient().to_string()),
        oidc: None,
        created_at: app.now(),
    };
    let owner = store::users::insert(tx, &new)?;
    let event = Event {
        at: app.now(),
        actor: wanted.owner.to_string(),
        acting_as: None,
        action: Action::Init,
        phase: Phase::Done,
        cluster: None,
        user: Some(wanted.owner.to_string()),
        detail: format!(
            "organization '{}' with owner '{}'",
            wanted.organization, wanted.owner
        ),
        request: None,
    };
    store::audit::append(tx, &event, owner, &identity.signer())?;
    Ok(())
}
