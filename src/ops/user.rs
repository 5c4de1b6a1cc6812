//! Users: add, list, show, change role and key, disable, enable.

use std::path::Path;

use futures::{StreamExt, stream};
use zeroize::Zeroizing;

use super::journal::Journal;
use super::project::kept::Kept;
use super::project::shared::Over;
use super::{Applied, Done, Error, Mode, find, reseal, settle, ssh_key};
use crate::domain::Confirmed;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, State};
use crate::domain::name::{Email, UserName, UserRef};
use crate::domain::policy::OrganizationAction;
use crate::domain::project::{Project, ProjectRole};
use crate::domain::user::{Role, User};
use crate::secrets::{Recipient, parse_public_key_file};
use crate::session::{Actor, Session};
use crate::store::{self, ReadTxn, WriteTxn};

/// How many clusters are worked on at once.
const CLUSTERS_AT_ONCE: usize = 8;

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
        let given = session.read_given(place, KEY_BYTES_MAX)?;
        (given.bytes, given.name)
    };
    parse_public_key_file(&*bytes).map_err(|source| Error::Key { place, source })
}

/// A new user.
#[derive(Debug)]
pub(crate) struct Add {
    /// Handle.
    pub(crate) name: UserName,
    /// Address.
    pub(crate) email: Option<Email>,
    /// Role.
    pub(crate) role: Role,
    /// Public key.
    pub(crate) key: Option<Recipient>,
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

impl Changed {
    fn nothing(user: User) -> Done<Self> {
        Done::Did(Self {
            user,
            unchanged: true,
            over: vec![],
            applied: Applied::default(),
            could_open: vec![],
        })
    }
}

fn already_has_key(user: &User) -> Error {
    Error::Exists {
        what: format!("this key, as that of user '{}',", user.name),
        hint: "every user has a key of their own".to_owned(),
    }
}

/// Adds a user.
pub(crate) fn add(session: &Session, wish: &Add, mode: Mode) -> Result<Done<Changed>, Error> {
    let actor = find::actor(session, "user add")?;
    let journal = Journal::new(&actor, "user add").user_name(wish.name.as_str());
    find::allow(
        session,
        &actor,
        &journal,
        OrganizationAction::ManageUser(wish.role),
    )?;
    let key = wish.key.as_ref().map(ToString::to_string);
    let installation = find::installation(session)?;
    session.store()?.read(|tx| {
        if let Some(found) = store::users::find(tx, &wish.name.clone().into())? {
            return Err(Error::Exists {
                what: format!("user '{}'", found.name),
                hint: format!("run `kubegrant user show {}`", found.name),
            });
        }
        if let Some(email) = &wish.email
            && let Some(found) = store::users::find(tx, &UserRef::Email(email.clone()))?
        {
            return Err(Error::Exists {
                what: format!("the address {email}, as that of user '{}',", found.name),
                hint: format!("run `kubegrant user show {}`", found.name),
            });
        }
        match key
            .as_deref()
            .map(|key| store::users::find_by_key(tx, key))
            .transpose()?
            .flatten()
        {
            Some(found) => Err(already_has_key(&found)),
            None => Ok(()),
        }
    })?;
    if mode == Mode::Plan {
        return Ok(Done::Planned(vec![format!(
            "add user '{}' as {}",
            wish.name, wish.role
        )]));
    }
    // A new admin with a key must be able to open what admins open.
    let logins = (wish.role.is_admin() && key.is_some())
        .then(|| reseal::open_logins(session, &installation, |_| true))
        .transpose()?;
    session.store()?.write(|tx| {
        let new = store::users::NewUser {
            name: &wish.name,
            email: wish.email.as_ref(),
            role: wish.role,
            key: key.as_deref(),
            created_at: session.now(),
        };
        store::users::insert(tx, &new)?;
        if let Some(logins) = &logins {
            logins.reseal(session, tx, &installation)?;
        }
        let detail = format!("user '{}' added as {}", wish.name, wish.role);
        journal.record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(())
    })?;
    let user = find::user(session, &wish.name.clone().into())?;
    Ok(Done::Did(Changed {
        user,
        unchanged: false,
        over: vec![],
        applied: Applied::default(),
        could_open: vec![],
    }))
}

/// Lists users. For organization owners and admins.
pub(crate) fn list(session: &Session) -> Result<Vec<User>, Error> {
    let actor = find::actor(session, "user list")?;
    let journal = Journal::new(&actor, "user list");
    find::allow(session, &actor, &journal, OrganizationAction::ListUsers)?;
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
    let actor = find::actor(session, "user show")?;
    let own = match name {
        UserRef::Name(name) => *name == actor.user.name,
        UserRef::Email(email) => actor.user.email.as_ref() == Some(email),
    };
    if own {
        return Ok(actor.user);
    }
    let journal = Journal::new(&actor, "user show").user_name(&name.to_string());
    find::allow(session, &actor, &journal, OrganizationAction::ListUsers)?;
    find::user(session, name)
}

/// Refuses what would leave the organization without an active owner.
pub(super) fn keep_an_owner(tx: &ReadTxn<'_>, user: &User) -> Result<(), Error> {
    let owners = store::users::list(tx)?
        .into_iter()
        .filter(|other| other.active && other.role == Role::Owner && other.id != user.id);
    if user.role == Role::Owner && user.active && owners.count() == 0 {
        return Err(Error::Forbidden {
            why: format!(
                "'{}' is the last active owner of the organization, and stays",
                user.name
            ),
            hint: "make somebody else an owner first: `kubegrant user set-role NAME owner`"
                .to_owned(),
        });
    }
    Ok(())
}

/// The sentences about the credentials that a change of a user would end.
fn would_end(session: &Session, after: &User) -> Result<Vec<String>, Error> {
    session.store()?.read(|tx| {
        let clusters = store::clusters::list(tx)?;
        let mut lines = Vec::new();
        // A file that others have too cannot be taken back from one of them.
        for credential in store::credentials::shared_held_by(tx, after.id)? {
            let cluster = clusters.iter().find(|c| c.id == credential.cluster);
            if let Some(cluster) = cluster.filter(|_| !after.active && credential.state.is_live()) {
                let owner = &credential.owner;
                lines.push(format!(
                    "end version {} of '{owner}' on cluster '{}', and begin the next one",
                    credential.version, cluster.name
                ));
            }
        }
        for credential in store::credentials::live_of_user(tx, after.id)? {
            let Some(cluster) = clusters.iter().find(|c| c.id == credential.cluster) else {
                continue;
            };
            if credential
                .must_end(find::access_of(tx, session, after, cluster)?)
                .is_some()
            {
                let owner = &credential.owner;
                lines.push(format!(
                    "end version {} of '{owner}' on cluster '{}'",
                    credential.version, cluster.name
                ));
            }
        }
        Ok(lines)
    })
}

/// Ends, wherever the user has a live version, what no longer fits what they have.
pub(super) async fn apply_everywhere(
    session: &Session,
    clusters: Vec<Cluster>,
    journal: &Journal,
    request: EventSeq,
) -> Result<Applied, Error> {
    let results: Vec<Result<Applied, Error>> = stream::iter(clusters)
        .map(|cluster| async move {
            settle::pay_taking(session, &cluster, journal, Some(request)).await
        })
        .buffer_unordered(CLUSTERS_AT_ONCE)
        .collect()
        .await;
    let mut applied = Applied::default();
    for result in results {
        applied.extend(result?);
    }
    applied.ended.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    applied.owed.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    Ok(applied)
}

/// Tries again to end what an earlier decision about a user ended here and not yet there.
async fn pay_debts_of(
    session: &Session,
    journal: &Journal,
    user: &User,
    mode: Mode,
) -> Result<Applied, Error> {
    if mode == Mode::Plan {
        return Ok(Applied::default());
    }
    let owing = session.store()?.read(|tx| {
        let mut unfinished = store::credentials::all_unfinished(tx)?;
        unfinished.retain(|credential| credential.subject.user() == Some(user.id));
        unfinished.extend(store::credentials::shared_held_by(tx, user.id)?);
        let mut clusters = store::clusters::list(tx)?;
        clusters.retain(|cluster| {
            unfinished
                .iter()
                .any(|credential| credential.cluster == cluster.id && credential.state.is_debt())
        });
        Ok::<_, Error>(clusters)
    })?;
    if owing.is_empty() {
        return Ok(Applied::default());
    }
    let journal = journal.clone().user(user);
    let detail = "what is still owed is tried again";
    let request = journal.record_alone(session, Phase::Requested, detail, None)?;
    apply_everywhere(session, owing, &journal, request).await
}

/// A change of a user that may end credentials: recorded in one transaction, then applied.
async fn change(
    session: &Session,
    journal: &Journal,
    before: User,
    after: User,
    detail: String,
    write: impl FnOnce(&WriteTxn<'_>) -> Result<(), Error>,
) -> Result<Changed, Error> {
    let journal = journal.clone().user(&before);
    let recorded = session.store()?.write(|tx| {
        write(tx)?;
        let request = journal.record(session, tx, Phase::Requested, detail.clone(), None)?;
        // Also where an earlier end is still owed: it is said again, and tried again.
        let mut held = store::credentials::all_unfinished(tx)?;
        held.retain(|credential| credential.subject.user() == Some(before.id));
        held.extend(store::credentials::shared_held_by(tx, before.id)?);
        let mut clusters = store::clusters::list(tx)?;
        clusters.retain(|cluster| held.iter().any(|held| held.cluster == cluster.id));
        let (mut touched, mut over) = (Vec::new(), Vec::new());
        for cluster in clusters {
            let journal = journal.clone().cluster(&cluster);
            let ended = settle::end_what_must(session, tx, &cluster, &journal, Some(request))?;
            over.extend(Over::all_of(tx, &cluster, &ended)?);
            let owes =
                |held: &Credential| held.cluster == cluster.id && held.state == State::Revoking;
            if !ended.is_empty() || held.iter().any(owes) {
                touched.push(cluster);
            }
        }
        Ok::<_, Error>((touched, over, request))
    });
    let (clusters, over, request) = match recorded {
        Err(Error::Store(refused)) if before.active && !after.active => {
            return Err(settle::end_all_unrecorded(session, &before, refused).await);
        }
        recorded => recorded?,
    };
    let applied = apply_everywhere(session, clusters, &journal, request).await?;
    journal.close(session, &applied, detail, request)?;
    Ok(Changed {
        user: after,
        unchanged: false,
        over,
        applied,
        could_open: vec![],
    })
}

/// Changes a user's role.
pub(crate) async fn set_role(
    session: &Session,
    name: &UserRef,
    role: Role,
    mode: Mode,
) -> Result<Done<Changed>, Error> {
    let actor = find::actor(session, "user set-role")?;
    let journal = Journal::new(&actor, "user set-role").user_name(&name.to_string());
    let manage = OrganizationAction::ManageUser(Role::Developer);
    find::allow(session, &actor, &journal, manage)?;
    let user = find::user(session, name)?;
    let action = OrganizationAction::SetRole {
        from: user.role,
        to: role,
    };
    find::allow(session, &actor, &journal, action)?;
    if user.role == role {
        return Ok(Changed::nothing(user));
    }
    if role != Role::Owner {
        session.store()?.read(|tx| keep_an_owner(tx, &user))?;
    }
    let after = User {
        role,
        ..user.clone()
    };
    if mode == Mode::Plan {
        let mut lines = vec![format!(
            "make '{}' {role} instead of {}",
            user.name, user.role
        )];
        lines.extend(would_end(session, &after)?);
        return Ok(Done::Planned(lines));
    }
    let installation = find::installation(session)?;
    // Who may open the clusters' logins changes when somebody becomes or ceases to be an admin.
    let logins = (user.role.is_admin() != role.is_admin() && user.key.is_some())
        .then(|| reseal::open_logins(session, &installation, |_| true))
        .transpose()?;
    let detail = format!("role of '{}' from {} to {role}", user.name, user.role);
    let id = user.id;
    let changed = change(session, &journal, user.clone(), after, detail, |tx| {
        keep_an_owner(tx, &user)?;
        store::users::set_role(tx, id, role)?;
        logins
            .as_ref()
            .map_or(Ok(()), |logins| logins.reseal(session, tx, &installation))
    });
    let mut changed = changed.await?;
    if !role.is_admin() {
        let sealed = logins.map(|logins| logins.words()).unwrap_or_default();
        let once = ssh_key::once_open_anywhere(session, id)?;
        changed.could_open = [sealed, once].concat();
    }
    Ok(Done::Did(changed))
}

/// Changes a user's key; everybody may change their own.
pub(crate) fn set_key(
    session: &Session,
    name: &UserRef,
    key: &Recipient,
    mode: Mode,
) -> Result<Done<Changed>, Error> {
    let actor = find::actor(session, "user set-key")?;
    let user = show_for_change(session, &actor, name, "user set-key")?;
    let journal = Journal::new(&actor, "user set-key").user(&user);
    if user.id != actor.user.id {
        find::allow(
            session,
            &actor,
            &journal,
            OrganizationAction::ManageUser(user.role),
        )?;
    }
    let text = key.to_string();
    if user.key.as_deref() == Some(&text) {
        return Ok(Changed::nothing(user));
    }
    let holder = session
        .store()?
        .read(|tx| store::users::find_by_key(tx, &text))?;
    if let Some(holder) = holder {
        return Err(already_has_key(&holder));
    }
    if mode == Mode::Plan {
        let line = format!("make {} the key of '{}'", key.fingerprint(), user.name);
        return Ok(Done::Planned(vec![line]));
    }
    let installation = find::installation(session)?;
    let id = user.id;
    let opens = |cluster: &Cluster| user.role.is_admin() || cluster.owner == Some(id);
    let logins = reseal::open_logins(session, &installation, opens)?;
    session.store()?.write(|tx| {
        store::users::set_key(tx, id, &text, (actor.holder.id, session.now()))?;
        logins.reseal(session, tx, &installation)?;
        let detail = format!("key of '{}' is now {}", user.name, key.fingerprint());
        journal.record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(())
    })?;
    let mut could_open = ssh_key::once_open_anywhere(session, id)?;
    if user.key.is_some() {
        could_open = [logins.words(), could_open].concat();
    }
    let user = User {
        key: Some(text),
        ..user
    };
    Ok(Done::Did(Changed {
        user,
        unchanged: false,
        over: vec![],
        applied: Applied::default(),
        could_open,
    }))
}

/// Finds the user to change: oneself without further rights, others only for those who may list.
fn show_for_change(
    session: &Session,
    actor: &Actor,
    name: &UserRef,
    action: &'static str,
) -> Result<User, Error> {
    let own = match name {
        UserRef::Name(name) => *name == actor.user.name,
        UserRef::Email(email) => actor.user.email.as_ref() == Some(email),
    };
    if own {
        return Ok(actor.user.clone());
    }
    let journal = Journal::new(actor, action).user_name(&name.to_string());
    let manage = OrganizationAction::ManageUser(Role::Developer);
    find::allow(session, actor, &journal, manage)?;
    find::user(session, name)
}

/// Disables a user, which ends their credentials everywhere.
pub(crate) async fn disable(
    session: &Session,
    name: &UserRef,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Changed>, Error> {
    set_active(session, name, false, mode).await
}

/// Enables a disabled user again.
pub(crate) async fn enable(
    session: &Session,
    name: &UserRef,
    mode: Mode,
) -> Result<Done<Changed>, Error> {
    set_active(session, name, true, mode).await
}

async fn set_active(
    session: &Session,
    name: &UserRef,
    active: bool,
    mode: Mode,
) -> Result<Done<Changed>, Error> {
    let action = if active {
        "user enable"
    } else {
        "user disable"
    };
    let actor = find::actor(session, action)?;
    let journal = Journal::new(&actor, action).user_name(&name.to_string());
    let manage = OrganizationAction::ManageUser(Role::Developer);
    find::allow(session, &actor, &journal, manage)?;
    let user = find::user(session, name)?;
    find::allow(
        session,
        &actor,
        &journal,
        OrganizationAction::ManageUser(user.role),
    )?;
    if user.active == active {
        // Nothing to decide; but what an earlier decision still owes is tried again.
        let applied = pay_debts_of(session, &journal, &user, mode).await?;
        return Ok(Done::Did(Changed {
            user,
            unchanged: true,
            over: vec![],
            applied,
            could_open: vec![],
        }));
    }
    if !active && user.id == actor.holder.id {
        session.store()?.write(|tx| keep_an_owner(tx, &user))?;
        return Err(Error::Forbidden {
            why: "disabling yourself would lock you out".to_owned(),
            hint: "let another owner or admin do it".to_owned(),
        });
    }
    let after = User {
        active,
        ..user.clone()
    };
    let verb = if active { "enable" } else { "disable" };
    if mode == Mode::Plan {
        let mut lines = vec![format!("{verb} '{}'", user.name)];
        lines.extend(would_end(session, &after)?);
        return Ok(Done::Planned(lines));
    }
    let installation = find::installation(session)?;
    let id = user.id;
    let opens = |cluster: &Cluster| {
        user.key.is_some() && (user.role.is_admin() || cluster.owner == Some(id))
    };
    let logins = reseal::open_logins(session, &installation, opens)?;
    let detail = format!("{verb} '{}'", user.name);
    let changed = change(session, &journal, user.clone(), after, detail, |tx| {
        if !active {
            keep_an_owner(tx, &user)?;
        }
        store::users::set_active(tx, id, active)?;
        logins.reseal(session, tx, &installation)
    });
    let mut changed = changed.await?;
    if !active {
        let once = ssh_key::once_open_anywhere(session, id)?;
        changed.could_open = [logins.words(), once].concat();
    }
    Ok(Done::Did(changed))
}
