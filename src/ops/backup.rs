//! Copying the store into a file, and going back to such a copy.
//!
//! What was issued after a backup is unknown to it: every cluster must be looked at, where unknown
//! accounts of ours are ended and their version numbers noted, before anything new is issued. An
//! SSH key that may have been taken meanwhile is not handed out again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::refusal;
use super::journal::Journal;
use super::{Done, Error, Intent, Obstacle, Unasked, find};
use crate::artifact::file::{Overwrite, check_writable_destination, write_private};
use crate::domain::action::Action;
use crate::domain::audit::{Head, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::policy::{OrganizationAction, in_organization};
use crate::session::{self, App, Lock, Principal, Session};
use crate::store::integrity::{self, Scope};
use crate::store::{self, Store, audit::Verdict};

/// The largest backup that is read, in bytes.
const BACKUP_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;

/// A backup that was made.
#[derive(Debug)]
pub(crate) struct Copied {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its length.
    pub(crate) bytes: usize,
    /// Where its log stands.
    pub(crate) head: Option<Head>,
}

/// Copies the store into a private file. For organization owners and admins.
pub(crate) fn backup(
    session: &Session,
    path: &Path,
    force: bool,
    intent: Intent<Unasked>,
) -> Result<Done<Copied>, Error> {
    let (actor, journal) = find::acting(session, Action::Backup)?;
    find::may(session, &actor, &journal, OrganizationAction::Backup)?;
    let path = session.workspace.env.current_dir.join(path);
    let overwrite = if force {
        Overwrite::Force
    } else {
        Overwrite::Never
    };
    check_writable_destination(&path, overwrite)?;
    if intent.is_preview() {
        return Ok(Done::planned(vec![format!(
            "copy the store `{}` to `{}`",
            session.config.store,
            path.display()
        )]));
    }
    // A copy of a store that was tampered with would be a trap.
    session
        .store()?
        .read(|tx| integrity::check(tx, Scope::All))?;
    let detail = format!("to `{}`", path.display());
    let request = journal.record_alone(session, Phase::Requested, detail.clone(), None)?;
    let store = session.store()?;
    let bytes = store.to_bytes()?;
    let head = Store::from_bytes(&path, bytes.clone())?.read(store::audit::head)?;
    if let Err(error) = write_private(&path, &bytes, overwrite) {
        let why = format!("{detail}: {error}");
        // That it failed is said in any case.
        let _unrecorded = journal.record_alone(session, Phase::Failed, why, Some(request));
        return Err(error.into());
    }
    journal.record_alone(session, Phase::Done, detail, Some(request))?;
    Ok(Done::Did(Copied {
        path,
        bytes: bytes.len(),
        head,
    }))
}

/// Something that was decided since a backup, and that restoring it undoes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Undone {
    /// What kind of thing: `user`, `grant` …
    pub(crate) kind: &'static str,
    /// Which.
    pub(crate) what: String,
    /// What the store says that is replaced; nothing if it knows no such thing.
    pub(crate) now: Option<String>,
    /// What the backup says.
    pub(crate) then: Option<String>,
}

impl Undone {
    /// In words.
    pub(crate) fn description(&self) -> String {
        let word = |said: &Option<String>| said.clone().unwrap_or_else(|| "none".to_owned());
        format!(
            "{} {}: {} becomes {}",
            self.kind,
            self.what,
            word(&self.now),
            word(&self.then)
        )
    }
}

/// Lays the store that is replaced and the backup side by side.
fn undone(present: Option<&Present<'_>>, backup: &Store) -> Result<Vec<Undone>, Error> {
    let Some(present) = present else {
        return Ok(vec![]);
    };
    let then = backup.read(store::facts::all)?;
    // A store that cannot be read is what is to be replaced: that must not stop it.
    let Ok(now) = present.store.read(store::facts::all) else {
        return Ok(vec![Undone {
            kind: "store",
            what: "that is replaced".to_owned(),
            now: Some("it cannot be read".to_owned()),
            then: Some("all of the backup".to_owned()),
        }]);
    };
    let keys: BTreeSet<_> = now.keys().chain(then.keys()).collect();
    Ok(keys
        .into_iter()
        .filter(|key| now.get(*key) != then.get(*key))
        .map(|key| Undone {
            kind: store::facts::kind(key.0),
            what: key.1.clone(),
            now: now.get(key).cloned(),
            then: then.get(key).cloned(),
        })
        .collect())
}

/// What restoring a backup would do.
#[derive(Debug)]
pub(crate) struct Preview {
    /// A sentence each.
    pub(crate) steps: Vec<String>,
    /// What it would undo.
    pub(crate) undone: Vec<Undone>,
}

/// What came of a request to restore.
#[derive(Debug)]
pub(crate) enum RestoreOutcome {
    /// What would be done.
    Planned(Preview),
    /// What was done.
    Did(Restored),
}

/// A store that was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Where the backup's log stood.
    pub(crate) backup: Option<Head>,
    /// Where the log of the store that was replaced stood.
    pub(crate) replaced: Option<Head>,
    /// Where the store that was replaced is kept.
    pub(crate) kept: Option<PathBuf>,
    /// Clusters that must be looked at first.
    pub(crate) clusters: Vec<String>,
    /// Clusters of the replaced store that the backup does not know.
    pub(crate) forgotten: Vec<String>,
    /// Clusters whose SSH key may be in somebody's hands.
    pub(crate) doubted: Vec<String>,
    /// What was decided since the backup, and is as before now.
    pub(crate) undone: Vec<Undone>,
    /// Where the log stands now.
    pub(crate) head: Option<Head>,
}

/// The store that stands there now, if any.
struct Present<'a> {
    store: &'a Store,
    head: Option<Head>,
    clusters: Vec<Cluster>,
    /// Fingerprints of SSH keys that are there untaken; empty where the store cannot be trusted.
    untaken: Vec<String>,
}

/// Puts a backup in the place of the store. For organization owners, by the backup's word, and by
/// the present store's, where it can be trusted.
pub(crate) async fn restore(
    session: &Session,
    path: &Path,
    intent: &Intent,
) -> Result<RestoreOutcome, Error> {
    let file = store_file(session)?;
    let bytes = session
        .workspace
        .read_given_private(path, BACKUP_BYTES_MAX)?;
    let path = session.workspace.env.current_dir.join(path);
    let backup = Store::from_bytes(&path, bytes.to_vec())?;
    let actor = judge(session, &backup)?;
    let present = present(session, &backup)?;
    let (head, clusters) = backup.read(|tx| {
        let clusters = store::clusters::list(tx)?;
        Ok::<_, store::Error>((store::audit::head(tx)?, clusters))
    })?;
    let undone = undone(present.as_ref(), &backup)?;
    let names = |clusters: &[Cluster]| -> Vec<String> {
        clusters.iter().map(|c| c.name.to_string()).collect()
    };
    if intent.is_preview() {
        let mut lines = vec![format!(
            "replace the store `{}` by `{}` (its log ends at event {})",
            session.config.store,
            path.display(),
            head.as_ref().map_or(0, |head| head.seq.0)
        )];
        let looks = names(&clusters).into_iter();
        lines.extend(looks.map(|name| format!("have cluster '{name}' looked at first")));
        return Ok(RestoreOutcome::Planned(Preview {
            steps: lines,
            undone,
        }));
    }
    // Who works on a cluster now must not record the end of it in another store.
    let mut locks: Vec<Lock> = Vec::new();
    let there = present.iter().flat_map(|present| &present.clusters);
    let mut all: Vec<&Cluster> = there.chain(&clusters).collect();
    all.sort_by_key(|cluster| cluster.id);
    all.dedup_by_key(|cluster| cluster.id);
    // Where no store is, nobody works.
    for cluster in all.into_iter().filter(|_| present.is_some()) {
        locks.push(session.lock(cluster).await?);
        locks.push(session.lock_ssh_keys(cluster).await?);
    }
    let kept = match &present {
        None => None,
        Some(present) => Some(keep(session, present.store)?),
    };
    let doubted = make_ready(
        session,
        &backup,
        &actor,
        &path,
        present.as_ref(),
        kept.as_deref(),
    )?;
    let restored = backup.replace(file)?;
    if present.is_none() {
        session.adopt(restored);
    }
    session.note_recorded();
    drop(locks);
    let forgotten = present.iter().flat_map(|present| &present.clusters);
    let forgotten = forgotten
        .filter(|there| clusters.iter().all(|cluster| cluster.name != there.name))
        .map(|cluster| cluster.name.to_string());
    Ok(RestoreOutcome::Did(Restored {
        undone,
        backup: head,
        forgotten: forgotten.collect(),
        replaced: present.and_then(|present| present.head),
        kept,
        clusters: names(&clusters),
        doubted,
        head: session.store()?.read(store::audit::head)?,
    }))
}

/// The clusters of which nobody knows who has the SSH key.
pub(super) fn doubted_keys(
    tx: &store::ReadTxn<'_>,
    clusters: &[Cluster],
) -> store::Result<Vec<String>> {
    let mut names = Vec::new();
    for cluster in clusters {
        for key in store::ssh_keys::list(tx, cluster.id)? {
            let is_doubted = key.doubted_at.is_some();
            if is_doubted && key.custody.is_held() && !names.contains(&cluster.name.to_string()) {
                names.push(cluster.name.to_string());
            }
        }
    }
    Ok(names)
}

/// Checks that a backup is whole, and that the identity is an owner's there.
fn judge(session: &Session, backup: &Store) -> Result<Principal, Error> {
    let key = session.identity()?.recipient();
    let holder = backup.read(|tx| {
        if let Verdict::Broken { seq, why } = store::audit::verify(tx)? {
            return Err(store::Error::Damaged {
                what: "backup",
                why: format!("event {seq} of its audit log is not as it was written: {why}"),
            });
        }
        integrity::check(tx, Scope::All)?;
        store::users::find_by_key(tx, &key.to_string())
    })?;
    let holder = holder.ok_or_else(|| session::Error::Stranger {
        key: key.fingerprint(),
    })?;
    let actor = Principal {
        signer: session.identity()?.signer(),
        user: holder.clone(),
        holder,
    };
    match in_organization(find::policy_actor(&actor), OrganizationAction::Restore) {
        Ok(()) => Ok(actor),
        Err(denial) => Err(Error::Denied {
            denial,
            text: refusal(denial, None, actor.user.name.as_str()),
            help: vec!["let an owner run it who was one when the backup was made".to_owned()],
        }),
    }
}

/// Looks at the store that stands there, and asks it too.
fn present<'a>(session: &'a Session, backup: &Store) -> Result<Option<Present<'a>>, Error> {
    let store = match session.store() {
        Ok(store) => store,
        Err(store::Error::Absent { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let installation = |of: &Store| of.read(store::meta::find_installation);
    match installation(store)? {
        // Made and never used: `init` was cut off.
        None => return Ok(None),
        found if found == installation(backup)? => {}
        Some(_) => {
            return Err(Error::Obstacle(Obstacle::AnotherOrganizations(
                store.path().to_owned(),
            )));
        }
    }
    let is_whole =
        session.trust().is_ok() && store.read(|tx| integrity::check(tx, Scope::All)).is_ok();
    if is_whole {
        let (actor, journal) = find::reading(session, Action::Restore)?;
        find::may(session, &actor, &journal, OrganizationAction::Restore)?;
    }
    let looked = store.read(|tx| {
        let head = store::audit::head(tx)?;
        let clusters = store::clusters::list(tx)?;
        let mut untaken = Vec::new();
        for cluster in clusters.iter().filter(|_| is_whole) {
            let keys = store::ssh_keys::list(tx, cluster.id)?.into_iter();
            for key in keys.filter(|key| key.custody.is_held()) {
                if key.doubted_at.is_none() {
                    untaken.push(key.fingerprint);
                }
            }
        }
        Ok::<_, store::Error>((head, clusters, untaken))
    })?;
    let (head, clusters, untaken) = looked;
    Ok(Some(Present {
        store,
        head,
        clusters,
        untaken,
    }))
}

/// The store's file: a database is restored by its own tools, or made anew by a copy.
fn store_file(session: &Session) -> Result<&Path, Error> {
    let place = &session.config.store;
    place.file().ok_or_else(|| {
        Error::from(store::Error::OtherKind {
            path: place.shown(),
            what: "a database, and no backup is put over one: restore it with the database's own tools",
        })
    })
}

/// Keeps the store that is replaced beside it: its log holds what happened since the backup.
fn keep(session: &Session, present: &Store) -> Result<PathBuf, Error> {
    let mut name = store_file(session)?.as_os_str().to_owned();
    name.push(format!(".replaced-{}", session.now().timestamp()));
    let path = PathBuf::from(name);
    write_private(&path, &present.to_bytes()?, Overwrite::Force)?;
    Ok(path)
}

/// Records the restore in the store that is to be, with all that it leaves in doubt.
fn make_ready(
    app: &App,
    backup: &Store,
    actor: &Principal,
    path: &Path,
    present: Option<&Present<'_>>,
    kept: Option<&Path>,
) -> Result<Vec<String>, Error> {
    let known = present.and_then(|present| present.head.clone());
    let installation = backup.read(store::meta::installation)?;
    let here = app.kept_head(&installation)?;
    let newest = known.into_iter().chain(here).max_by_key(|head| head.epoch);
    let untaken = present.map(|present| present.untaken.as_slice());
    let is_untaken =
        |fingerprint: &str| untaken.is_some_and(|keys| keys.iter().any(|key| key == fingerprint));
    let journal = Journal::new(actor, Action::Restore);
    let doubted = backup.write(|tx| {
        let end = |head: Option<&Head>| head.map_or(0, |head| head.seq.0);
        let of_backup = end(store::audit::head(tx)?.as_ref());
        let before = match (present, kept) {
            (Some(present), Some(kept)) => format!(
                "; the store before ended at event {} and is kept at `{}`",
                end(present.head.as_ref()),
                kept.display()
            ),
            _ => String::new(),
        };
        let path = path.display();
        let detail = format!("from `{path}`, whose log ends at event {of_backup}{before}");
        store::audit::begin_epoch(tx, app.now(), newest.as_ref())?;
        store::copy::doubt(tx, app.now(), &is_untaken)?;
        journal.record(app, tx, Phase::Done, detail, None)?;
        doubted_keys(tx, &store::clusters::list(tx)?)
    })?;
    Ok(doubted)
}
