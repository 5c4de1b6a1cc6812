//! The names that are completed: quick, silent, and nothing on any error.
//!
//! A file is looked into; a database is never waited for: what a command that used it last saw is kept
//! beside the caches of this machine, for whoever's key it was.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{IDENTITY_BYTES_MAX, Session};
use crate::artifact::file::{Overwrite, ensure_private_dir, read_own, read_private, write_private};
use crate::config::{Config, IdentitySource};
use crate::domain::Timestamp;
use crate::domain::access::{self, Access};
use crate::domain::place::{Database, Place};
use crate::domain::policy;
use crate::domain::text::hex;
use crate::domain::user::User;
use crate::env::Env;
use crate::secrets::{Identity, IdentityError};
use crate::store::{self, About, ReadTxn, Store};

/// After how many seconds names are kept anew by a command that changed nothing.
const KEPT_SECONDS: i64 = 600;
/// After how many seconds a role that could change the log is warned of again.
const WARNED_SECONDS: i64 = 24 * 60 * 60;
/// The largest file of names that is read, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Names, with a word about each.
type Names = Vec<(String, String)>;

/// What is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// Clusters.
    Cluster,
    /// Projects.
    Project,
    /// Users.
    User,
}

/// The names that a command saw in a database.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// When, in seconds since 1970.
    at: i64,
    /// When the database's role was last looked at, in seconds since 1970.
    judged_at: i64,
    clusters: Names,
    projects: Names,
    users: Names,
}

impl Session {
    /// The names of clusters, projects or users that the identity's holder may see.
    pub(crate) fn names(env: &Env, config: &Config, kind: NameKind) -> Names {
        let look = || -> Option<Names> {
            let bytes = match &config.identity {
                IdentitySource::Variable(text) => Zeroizing::new(text.as_bytes().to_vec()),
                IdentitySource::File(path) => read_private(path, IDENTITY_BYTES_MAX).ok()?,
            };
            let mut silent = |what: &str| {
                Err(IdentityError::PassphraseNeeded {
                    what: what.to_owned(),
                })
            };
            let identity = Identity::parse_bytes(&bytes, &mut silent).ok()?;
            let key = identity.recipient().to_string();
            match &config.store {
                Place::File(path) => {
                    let store = Store::peek(path).ok()?;
                    store.read(|tx| seen(tx, &key, kind, env.now())).ok()
                }
                Place::Database(database) => {
                    let kept = Kept::read(&place(env, database, &key)?)?;
                    Some(match kind {
                        NameKind::Cluster => kept.clusters,
                        NameKind::Project => kept.projects,
                        NameKind::User => kept.users,
                    })
                }
            }
        };
        look().unwrap_or_default()
    }

    /// Keeps the names of a database that this run used, for those who complete them after it; where that
    /// fails, there is nothing to complete. Once a day it gives what is known of the database, if its role
    /// could change the log.
    pub(crate) fn keep_names(&self) -> Option<About> {
        let Place::Database(database) = &self.config.store else {
            return None;
        };
        let store = self.opened_store()?;
        let key = self.keyring.identity.get()?.recipient().to_string();
        let path = place(&self.workspace.env, database, &key);
        let kept = path.as_deref().and_then(Kept::read).unwrap_or_default();
        let now = self.now();
        let at = now.timestamp();
        let is_recent = |then: i64, seconds| (0..seconds).contains(&at.saturating_sub(then));
        if is_recent(kept.at, KEPT_SECONDS) && !self.has_recorded() {
            return None;
        }
        let about = (!is_recent(kept.judged_at, WARNED_SECONDS))
            .then(|| store.about().ok().flatten())
            .flatten();
        let read = store.read(|tx| {
            Ok::<_, store::Error>(Kept {
                at,
                judged_at: if about.is_some() { at } else { kept.judged_at },
                clusters: seen(tx, &key, NameKind::Cluster, now)?,
                projects: seen(tx, &key, NameKind::Project, now)?,
                users: seen(tx, &key, NameKind::User, now)?,
            })
        });
        if let (Some(path), Ok(read)) = (path, read)
            && let Ok(text) = serde_json::to_vec(&read)
        {
            let _kept_or_not = write_private(&path, &text, Overwrite::Force);
        }
        about.filter(|about| !about.could.is_empty())
    }
}

impl Kept {
    fn read(path: &std::path::Path) -> Option<Self> {
        serde_json::from_slice(&read_own(path, KEPT_BYTES_MAX).ok()?).ok()
    }
}

/// Where the names of a database are kept that the holder of a key may see.
fn place(env: &Env, database: &Database, key: &str) -> Option<PathBuf> {
    let name = hex(&Sha256::digest(format!("{database}\n{key}").as_bytes()));
    let mut folders = env.cache_dirs().into_iter();
    let folder = folders.find(|folder| ensure_private_dir(folder).is_ok())?;
    Some(folder.join(format!("names-{name}")))
}

/// The names that the holder of a key may see.
fn seen(tx: &ReadTxn<'_>, key: &str, kind: NameKind, now: Timestamp) -> store::Result<Names> {
    let Some(user) = store::users::find_by_key_unchecked(tx, key)? else {
        return Ok(vec![]);
    };
    if !user.active {
        return Ok(vec![]);
    }
    match kind {
        NameKind::Project => project_names(tx, &user),
        NameKind::User if user.role.is_admin() => store::users::names(tx),
        NameKind::User => Ok(vec![(user.name.to_string(), user.role.to_string())]),
        NameKind::Cluster => cluster_names(tx, &user, now),
    }
}

/// The clusters that a user may see, with how they come to see each.
fn cluster_names(tx: &ReadTxn<'_>, user: &User, now: Timestamp) -> store::Result<Names> {
    if user.role.is_admin() {
        let through = Access::Full(user.role).path();
        let names = store::clusters::names(tx)?.into_iter();
        return Ok(names.map(|name| (name, through.to_owned())).collect());
    }
    let mut names = Vec::new();
    for cluster in store::clusters::maybe_seen_by(tx, user.id)? {
        let grant = store::grants::find(tx, cluster.id, user.id)?;
        let bound = store::bindings::any(tx, cluster.id, user.id)?;
        let access = access::effective(user, &cluster, grant.as_ref(), now).or_bound(user, bound);
        let project = match cluster.project {
            Some(project) => store::projects::role_of(tx, project, user.id)?,
            None => None,
        };
        if policy::sees(access, project) {
            let (_, path) = access::strongest(access, project);
            names.push((cluster.name.to_string(), path.to_owned()));
        }
    }
    Ok(names)
}

/// The projects that a user may see, with what they are in each.
fn project_names(tx: &ReadTxn<'_>, user: &User) -> store::Result<Names> {
    let roles = store::projects::roles(tx)?;
    let projects = store::projects::list(tx)?.into_iter();
    Ok(projects
        .filter_map(|project| {
            let role = roles.get(&(project.id, user.id)).copied();
            let word = role.map(|role| role.to_string());
            policy::sees_project(user, role)
                .then(|| (project.name.to_string(), word.unwrap_or_default()))
        })
        .collect())
}
