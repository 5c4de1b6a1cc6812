//! Handing the private key out: exactly once, also across crashes.
//!
//! `claim` is recorded with the digest of the complete file before the file can exist; the file
//! appears complete or not at all; then the hand-out is recorded and the sealed
//! half destroyed. Cut off in between, the file decides: it is there with that digest, or nothing
//! was handed out. Standard output cannot be looked at afterwards, so there the record comes first:
//! at most once.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::candidates;
use super::giving::{Giving, unsure, vouched};
use super::{Case, case, none};
use crate::artifact::file::{FileError, Overwrite, check_writable_destination, read_bounded};
use crate::domain::access::{self, Power};
use crate::domain::audit::Phase;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::sealed::SealedSecret;
use crate::domain::ssh::{Claim, Custody, KeyPair, Place};
use crate::domain::text;
use crate::domain::user::User;
use crate::domain::{Confirmed, Timestamp};
use crate::nodes::Node;
use crate::ops::journal::Journal;
use crate::ops::{Done, Error, Intent, Unasked, find, reseal};
use crate::secrets::{ExposeSecret, KEY_BYTES_MAX, SecretString, seal_file};
use crate::session::{App, Session};
use crate::store;

/// Where a private key goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Into the working directory, under its usual name.
    Usual,
    /// To this path.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// A hand-out that is wished for.
#[derive(Debug, Clone)]
pub(crate) struct HandOut {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// For whom, if not for oneself.
    pub(crate) user: Option<UserRef>,
    /// Where the file goes.
    pub(crate) destination: Destination,
}

/// A hand-out that was done.
pub(crate) struct HandedOut {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// Who has it now.
    pub(crate) user: String,
    /// Since when.
    pub(crate) at: Timestamp,
    /// Which key.
    pub(crate) fingerprint: String,
    /// The file, unless it goes to standard output.
    pub(crate) path: Option<PathBuf>,
    /// Whether it is sealed to the user.
    pub(crate) sealed: bool,
    /// What goes to standard output.
    bytes: Option<SecretString>,
    /// The nodes, as they are recorded, and as the cluster says: login, address and port.
    pub(crate) nodes: Vec<(String, Node)>,
    /// Who could open the private half until now, and still can with a backup.
    pub(crate) readers: Vec<String>,
    /// Why the cluster did not vouch for this store, where somebody took that upon themselves.
    pub(crate) unwitnessed: Option<String>,
    /// Whether a reader of the store keeps the sealed copy in its log until it ends.
    pub(crate) log_is_kept: bool,
    /// Whether an earlier run wrote the file, and only the record was missing.
    pub(crate) finished_earlier: bool,
}

impl HandedOut {
    /// Gives the text to standard output, where that was wished; says whether it was.
    pub(crate) fn hand_to_stdout<E>(
        &self,
        hand: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(bytes) = &self.bytes else {
            return Ok(false);
        };
        hand(bytes.expose_secret().as_bytes()).map(|()| true)
    }
}

fn digest(bytes: &[u8]) -> String {
    text::hex(&Sha256::digest(bytes))
}

/// Into whose hands, after the rules were asked of them too.
fn receiver(app: &App, case: &Case, user: Option<&UserRef>) -> Result<User, Error> {
    let Some(name) = user else {
        return Ok(case.actor.user.clone());
    };
    let user = find::user(app, name)?;
    if user.id == case.actor.user.id {
        return Ok(user);
    }
    find::cluster(
        app,
        &case.actor,
        &case.journal,
        &case.cluster.name,
        ClusterAction::KubeconfigFor,
    )?;
    let (access, project) = app.store()?.read(|tx| {
        let access = find::access_of(tx, app, &user, &case.cluster)?;
        let project = find::project_role(tx, &user, &case.cluster)?;
        Ok::<_, store::Error>((access, project))
    })?;
    let (power, _) = access::strongest(access, project);
    let journal = case.journal.clone().user(&user);
    let cluster = Some(&case.cluster.name);
    if !user.active {
        return Err(journal.deny(app, Denial::Disabled, cluster, &user, vec![]));
    }
    if power < Some(Power::Write) {
        let denial = Denial::NotOnCluster(ClusterAction::SshKey);
        let help = vec![format!(
            "run `kubegrant access grant {} --cluster {} --level write`",
            user.name, case.cluster.name
        )];
        return Err(journal.deny(app, denial, cluster, &user, help));
    }
    Ok(user)
}

fn place(
    session: &Session,
    case: &Case,
    wish: &HandOut,
    sealed_to: Option<&User>,
) -> Option<PathBuf> {
    let path = match &wish.destination {
        Destination::Stdout => return None,
        Destination::File(path) => path.clone(),
        Destination::Usual => PathBuf::from(match sealed_to {
            None => format!("ssh-key-{}.pem", case.cluster.name),
            Some(user) => format!("ssh-key-{}.{}.pem.age", case.cluster.name, user.name),
        }),
    };
    Some(session.workspace.env.current_dir.join(path))
}

/// The nodes to name in the command to copy: those recorded, and those that the cluster names and
/// that are believed. One that is not does not come into a command.
async fn known_nodes(session: &Session, case: &Case) -> Result<Vec<(String, Node)>, Error> {
    let recorded = candidates::recorded(session, &case.cluster)?;
    let current = session.store()?.read(|tx| {
        match store::ssh_keys::find(tx, case.cluster.id, Place::Current)? {
            Some(pair) => store::ssh_keys::nodes(tx, pair.id),
            None => Ok(vec![]),
        }
    })?;
    let mut nodes = Vec::new();
    for held in current.iter().filter(|held| held.may_hold()) {
        if let Ok(node) = held.address.parse::<Node>() {
            let port = held.port;
            nodes.push((held.login.clone(), Node { port, ..node }));
        }
    }
    let believed = candidates::believed(session, case, &recorded, None).await;
    let (good, _) = believed.unwrap_or_default();
    for (_, node) in good {
        if nodes.iter().all(|(_, known)| known.address != node.address) {
            nodes.push(("root".to_owned(), node));
        }
    }
    Ok(nodes)
}

/// The names of those who could ever open a key's private half.
fn readers(app: &App, pair: &KeyPair) -> Result<Vec<String>, Error> {
    let names = app.store()?.read(|tx| {
        let ids = store::ssh_keys::recipients(tx, pair.id)?;
        let mut users = store::users::list(tx)?;
        users.retain(|user| ids.contains(&user.id));
        Ok::<_, store::Error>(
            users
                .into_iter()
                .map(|user| user.name.to_string())
                .collect(),
        )
    })?;
    Ok(names)
}

/// Hands the private key of a cluster's nodes out, once.
pub(crate) async fn download(
    session: &Session,
    wish: &HandOut,
    intent: &Intent<Unasked>,
    consent: Option<Confirmed>,
) -> Result<Done<HandedOut>, Error> {
    let words = "ssh-key download";
    let before = case(session, words, &wish.cluster, ClusterAction::SshKey)?;
    let _lock = session.lock_ssh_keys(&before.cluster).await?;
    // Asked again under the lock: the rules and the key may have changed while we waited.
    let case = case(session, words, &wish.cluster, ClusterAction::SshKey)?;
    let user = receiver(session, &case, wish.user.as_ref())?;
    let other = user.id != case.actor.user.id;
    let path = place(session, &case, wish, other.then_some(&user));
    let pair = session
        .store()?
        .read(|tx| store::ssh_keys::find(tx, case.cluster.id, Place::Current))?
        .ok_or_else(|| none(&wish.cluster))?;
    let found = match intent {
        // A dry run settles nothing: a hand-out that was cut off is only said.
        Intent::Preview => pair.clone(),
        Intent::Perform(_) => resolve(session, &case.journal, &pair)?,
    };
    let took = found.claim.as_ref().filter(|claim| {
        let here = claim.path.is_some() && claim.path == path;
        found.custody == Custody::Downloaded
            && pair.custody == Custody::Claimed
            && here
            && claim.to == user.id
    });
    if let Some(claim) = took {
        // The very hand-out that was cut off: its file is there, complete.
        let handed = HandedOut {
            cluster: case.cluster.name.clone(),
            user: user.name.to_string(),
            at: claim.at,
            fingerprint: found.fingerprint.clone(),
            path,
            sealed: other,
            bytes: None,
            nodes: known_nodes(session, &case).await?,
            readers: readers(session, &found)?,
            unwitnessed: None,
            log_is_kept: false,
            finished_earlier: true,
        };
        return Ok(Done::Did(handed));
    }
    refuse_doubted(session, &case, &found)?;
    refuse_second(session, &case, &found)?;
    if let Some(path) = &path {
        check_writable_destination(path, Overwrite::Never).map_err(in_the_way)?;
    }
    if intent.is_preview() {
        let to = path.as_ref().map_or_else(
            || "standard output".to_owned(),
            |path| format!("`{}`", path.display()),
        );
        let what = &found.fingerprint;
        return Ok(Done::planned(vec![
            format!(
                "ask cluster '{}' whether this is the store that it knows",
                case.cluster.name
            ),
            format!("hand SSH key {what} out to '{}', to {to}", user.name),
            "destroy the sealed copy: nobody can take it again".to_owned(),
        ]));
    }
    let bytes = text(session, &case, &found, other.then_some(&user))?;
    let claim = Claim {
        at: session.now(),
        by: case.actor.holder.id,
        to: user.id,
        path: path.clone(),
        digest: digest(bytes.expose_secret().as_bytes()),
    };
    let vouched = vouched(session, &case).await?;
    if let (Err(why), None) = (&vouched, consent) {
        return Err(unsure(&case, why));
    }
    // Before the hand-out: nobody waits for the cluster with a key that is only in memory.
    let nodes = known_nodes(session, &case).await?;
    let giving = Giving {
        session,
        case: &case,
        journal: case.journal.clone().user(&user),
        pair: &found,
        claim: &claim,
        consent,
    };
    let (unwitnessed, emptied) = match &path {
        Some(path) => giving.to_file(vouched, (path, &bytes)).await?,
        None => giving.to_stdout(vouched).await?,
    };
    Ok(Done::Did(HandedOut {
        cluster: case.cluster.name.clone(),
        user: user.name.to_string(),
        at: claim.at,
        readers: readers(session, &found)?,
        fingerprint: found.fingerprint.clone(),
        bytes: path.is_none().then_some(bytes),
        path,
        sealed: other,
        nodes,
        unwitnessed,
        log_is_kept: !emptied,
        finished_earlier: false,
    }))
}

/// The file's bytes: the key as OpenSSH wants it, or sealed to somebody else.
fn text(
    session: &Session,
    case: &Case,
    pair: &KeyPair,
    seal_to: Option<&User>,
) -> Result<SecretString, Error> {
    let installation = find::installation(session)?;
    let recipient = match seal_to {
        None => None,
        Some(user) => Some(reseal::key(user)?.ok_or_else(|| Error::Forbidden {
            why: format!("'{}' has no key to seal the file to", user.name),
            hint: format!("run `kubegrant user set-key {} --key FILE`", user.name),
        })?),
    };
    let opened = session.open_secret(&SealedSecret::ssh_key(&case.cluster, pair), &installation)?;
    let Some(recipient) = recipient else {
        return Ok(opened);
    };
    let sealed = seal_file(opened.expose_secret().as_bytes(), &[recipient]);
    let sealed = sealed.map_err(|source| Error::Seal {
        what: format!("the SSH key of cluster '{}'", case.cluster.name),
        source,
    })?;
    Ok(SecretString::from(
        String::from_utf8_lossy(&sealed).into_owned(),
    ))
}

/// After a restore, or an owner's word for the store, nobody knows whether the key was taken by a
/// younger copy of it.
fn refuse_doubted(app: &App, case: &Case, pair: &KeyPair) -> Result<(), Error> {
    let doubted = app
        .store()?
        .read(|tx| store::ssh_keys::doubted_at(tx, pair.id))?;
    let Some(at) = doubted.filter(|_| pair.custody.is_held()) else {
        return Ok(());
    };
    let name = &case.cluster.name;
    let why = format!(
        "the store was restored from a backup, or accepted as it was found, on {}: somebody may \
         have taken the SSH key of cluster '{name}' before",
        at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
    case.journal
        .record_alone(app, Phase::Denied, why.clone(), None)?;
    Err(Error::Forbidden {
        why,
        hint: format!(
            "put a new key on the nodes with `kubegrant ssh-key rotate {name}`, or make one with \
             `kubegrant ssh-key reset {name}`"
        ),
    })
}

fn refuse_second(app: &App, case: &Case, pair: &KeyPair) -> Result<(), Error> {
    let name = &case.cluster.name;
    let who = |claim: &Claim| -> Result<String, Error> {
        let users = app.store()?.read(store::users::list)?;
        let found = users.into_iter().find(|user| user.id == claim.to);
        Ok(found.map(|user| user.name.to_string()).unwrap_or_default())
    };
    let way_out = format!(
        "put a new key on the nodes with `kubegrant ssh-key rotate {name}`; the new one can be \
         taken once"
    );
    let why = match (pair.custody, &pair.claim) {
        (Custody::Available, _) => return Ok(()),
        (Custody::Downloaded, Some(claim)) => format!(
            "the SSH key of cluster '{name}' was taken by '{}' on {}",
            who(claim)?,
            claim.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        ),
        (Custody::Claimed, Some(claim)) => {
            let path = claim.path.clone().unwrap_or_default();
            return Err(Error::Forbidden {
                why: format!(
                    "a hand-out of the SSH key of cluster '{name}' to '{}' was cut off, and \
                     `{}` is not the file that was written",
                    who(claim)?,
                    path.display()
                ),
                hint: format!(
                    "if nobody has the key, make a new one with `kubegrant ssh-key reset {name}`"
                ),
            });
        }
        _ => format!("the SSH key of cluster '{name}' is gone"),
    };
    let journal = case.journal.clone();
    journal.record_alone(app, Phase::Denied, why.clone(), None)?;
    Err(Error::Forbidden { why, hint: way_out })
}

/// A private key never replaces a file, and no flag makes it.
pub(super) fn in_the_way(error: FileError) -> Error {
    match error {
        FileError::AlreadyExists { path, what } => Error::Forbidden {
            why: format!("{what} is already at '{}'", path.display()),
            hint: "remove it, or choose another name with `--file`".to_owned(),
        },
        other => other.into(),
    }
}

/// Settles a hand-out that was cut off: the file that is there, or is not, says how far it came.
///
/// The caller holds the lock, so nobody is at it any more. Gives the key as it stands then.
pub(super) fn resolve(app: &App, journal: &Journal, pair: &KeyPair) -> Result<KeyPair, Error> {
    let (Custody::Claimed, Some(claim)) = (pair.custody, &pair.claim) else {
        return Ok(pair.clone());
    };
    let path = claim.path.clone().unwrap_or_default();
    let mut pair = pair.clone();
    match read_bounded(&path, 2 * KEY_BYTES_MAX) {
        Ok(bytes) if digest(&bytes) == claim.digest => {
            app.store()?.write(|tx| {
                store::ssh_keys::complete(tx, pair.id)?;
                let detail = format!(
                    "a hand-out that was cut off is complete: key {} is in `{}`",
                    pair.fingerprint,
                    path.display()
                );
                journal.record(app, tx, Phase::Done, detail, None)
            })?;
            app.store()?.empty_log()?;
            pair.custody = Custody::Downloaded;
        }
        Err(FileError::Missing { .. } | FileError::NoDirectory { .. }) => {
            app.store()?.write(|tx| {
                store::ssh_keys::release(tx, pair.id)?;
                let detail = format!(
                    "a hand-out that was cut off wrote nothing: there is no `{}`, and key {} can \
                     still be taken",
                    path.display(),
                    pair.fingerprint
                );
                journal.record(app, tx, Phase::Failed, detail, None)
            })?;
            pair.custody = Custody::Available;
            pair.claim = None;
        }
        // Another file, or one that cannot be read: it cannot be told. It stays claimed.
        Ok(_) | Err(_) => {}
    }
    Ok(pair)
}
