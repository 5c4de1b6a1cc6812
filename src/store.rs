//! WHAT IS REMEMBERED: one SQLite file, and the only module that knows SQL. Which database it is, only
//! [`engine`] knows.
//!
//! **Locking.** WAL; every write transaction is `BEGIN IMMEDIATE`, so two writers queue instead of
//! failing; nobody holds a transaction across a network call, because transactions are closures
//! that cannot await. **Durability.** `synchronous=FULL`: what was committed survives a power cut.
//! **Compatibility.** `user_version` counts migrations; an older binary refuses a newer file.
//! **Secrecy.** The store cannot open what it stores: it holds [`Sealed`](crate::secrets::Sealed). It has events signed
//! with the identity of whoever acts, and checks that they are.

pub(crate) mod audit;
pub(crate) mod bindings;
pub(crate) mod blocks;
pub(crate) mod clusters;
mod columns;
pub(crate) mod commit;
pub(crate) mod copy;
pub(crate) mod credentials;
mod engine;
pub(crate) mod facts;
pub(crate) mod file;
#[cfg(test)]
mod fixture;
pub(crate) mod grants;
pub(crate) mod integrity;
pub(crate) mod lookup;
pub(crate) mod managers;
pub(crate) mod meta;
pub(crate) mod projects;
pub(crate) mod provider_tokens;
pub(crate) mod reached;
pub(crate) mod recorded;
mod schema;
pub(crate) mod sealed;
pub(crate) mod sessions;
pub(crate) mod shares;
pub(crate) mod shells;
pub(crate) mod snapshots;
pub(crate) mod ssh_keys;
pub(crate) mod users;

pub(crate) use schema::all_tables;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::{Connection, Failure, Mode, Open, Transaction};

use crate::domain::user::UserId;

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no store yet.
    #[error("no store at `{}`", path.display())]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is one already.
    #[error("a store exists at `{}`", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The file or its directory is not safe.
    #[error("the {what} at `{}` is not safe: {why}", path.display())]
    Unsafe {
        /// Which path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        why: String,
        /// What to do.
        way_out: String,
    },
    /// A newer kubegrant made the file.
    #[error("the store at `{}` was made by a newer kubegrant (schema {found}, this one knows {known})", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema of this binary.
        known: i64,
    },
    /// It is a database of something else, or none at all.
    #[error("`{}` is not a kubegrant store", path.display())]
    NotOurs {
        /// Which file.
        path: PathBuf,
    },
    /// Another process keeps the store busy.
    #[error("the store at `{}` is busy: another kubegrant is writing", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// The file system knows no locks.
    #[error("the file system of `{}` knows no locks", path.display())]
    NoLocks {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full.
    #[error("no space left for the store at `{}`", path.display())]
    Full {
        /// Which file.
        path: PathBuf,
    },
    /// A row holds what the program never writes.
    #[error("the store holds a damaged {what}: {why}")]
    Damaged {
        /// Which kind of row.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The file cannot be read or written.
    #[error("cannot use the store at `{}`", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file can be read, and not written.
    #[error("the store at `{}` cannot be written: {why}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What SQLite said when it was opened.
        why: String,
    },
    /// SQLite failed.
    #[error("the store at `{}` failed", path.display())]
    Sql {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: engine::Error,
    },
    /// Rows were changed by something else than this program.
    #[error("{what} was changed in the store without kubegrant")]
    Tampered {
        /// What, in words.
        what: String,
    },
    /// The store is older than what is known of it, or another one.
    #[error("the store is not the one that {place} knows: {why}")]
    RolledBack {
        /// Who knows better.
        place: String,
        /// Where a cluster says so: the annotation of namespace `kubegrant`.
        annotation: Option<String>,
        /// What is wrong.
        why: String,
    },
    /// The key of whoever acts was replaced while they did: nothing more is signed with it.
    #[error("your key was replaced meanwhile: what is done with the old one is not recorded")]
    KeyReplaced,
    /// A change of guarded rows came without an audit event: a fault of ours.
    #[error("a change has no audit event; it was not made")]
    Silent,
    /// SQLite failed inside a transaction (the path is added on the way out).
    #[error("the store failed")]
    Statement(#[from] engine::Error),
}

/// A result of the store.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
    /// Why it can only be read, where that is so.
    unwritable: Option<String>,
    /// Whether this connection notes what it changes.
    watching: Cell<bool>,
    /// Whether this process recorded an event.
    recorded: Arc<AtomicBool>,
    /// What was found to be as this program left it.
    checked: RefCell<integrity::Intact>,
    /// What was read of clusters.
    kept: RefCell<snapshots::Kept>,
}

/// A transaction that can only read.
#[derive(Debug)]
pub(crate) struct ReadTxn<'a> {
    transaction: Transaction<'a>,
    checked: &'a RefCell<integrity::Intact>,
    kept: &'a RefCell<snapshots::Kept>,
    /// Whether its connection notes what it changes.
    is_watching: bool,
    /// What the last event before it vouches for, once that was looked at.
    vouched: OnceCell<Option<String>>,
}

/// A transaction that can also write.
#[derive(Debug)]
pub(crate) struct WriteTxn<'a> {
    read: ReadTxn<'a>,
    /// The last event, until it is known what else the transaction does.
    pending: RefCell<Option<audit::Pending>>,
    /// Whether all rows are taken for right as they stand.
    accepted: Cell<bool>,
    /// Who signed in it with the key that was theirs when it began.
    signers: RefCell<BTreeSet<UserId>>,
}

impl<'a> Deref for WriteTxn<'a> {
    type Target = ReadTxn<'a>;
    fn deref(&self) -> &ReadTxn<'a> {
        &self.read
    }
}

impl ReadTxn<'_> {
    fn sql(&self) -> &Connection {
        &self.transaction
    }
}

impl Store {
    /// Makes a new store with its directory (0700) and file (0600 from birth).
    pub(crate) fn create(path: &Path) -> Result<Self> {
        file::prepare_directory(path)?;
        if !file::create_private(path)? {
            return Err(Error::Exists {
                path: path.to_owned(),
            });
        }
        // A log that stood there before would be read as this store's.
        file::check(path)?;
        let store = Self::connect(path)?;
        store.at_path(store.migrate())?;
        Ok(store)
    }

    /// Opens the store for reading and writing, and brings its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        file::check(path)?;
        let opened = Self::connect(path).and_then(|store| {
            store.at_path(store.migrate())?;
            Ok(store)
        });
        match opened {
            Err(error) if error.is_storage() => Self::open_unwritable(path, error),
            opened => opened,
        }
    }

    /// Opens a store whose disk is full: what is there can be read, so that something can still be
    /// taken away on the clusters. Gives the error back where a log waits to be read with it.
    fn open_unwritable(path: &Path, error: Error) -> Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log_waits = std::fs::metadata(log).is_ok_and(|found| found.len() > 0);
        if log_waits {
            return Err(error);
        }
        let Ok(connection) = Connection::open(path, Open::Immutable) else {
            return Err(error);
        };
        let store = Self {
            unwritable: Some(why_unwritable(path, &error)),
            ..Self::over(connection, path)
        };
        store.at_path(schema::check(&store.connection, path))?;
        // One that another process is just making has nothing in it to be read.
        if store.at_path(schema::is_empty(&store.connection))? {
            return Err(error);
        }
        Ok(store)
    }

    /// Opens the store for a look that must be quick and silent (completion); never migrates.
    pub(crate) fn peek(path: &Path) -> Result<Self> {
        file::check(path)?;
        let connection = Connection::open(path, Open::ReadOnly)?;
        connection.file().wait_at_most(Duration::from_millis(50))?;
        Ok(Self::over(connection, path))
    }

    fn over(connection: Connection, path: &Path) -> Self {
        Self {
            connection,
            path: path.to_owned(),
            unwritable: None,
            watching: Cell::new(false),
            recorded: Arc::default(),
            checked: RefCell::default(),
            kept: RefCell::default(),
        }
    }

    /// Has it noted here, too, that an event was recorded.
    pub(crate) fn noting(mut self, recorded: &Arc<AtomicBool>) -> Self {
        self.recorded = Arc::clone(recorded);
        self
    }

    /// Where the store is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn connect(path: &Path) -> Result<Self> {
        // SQLite refuses links in every component: resolve the directory first.
        let real = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => {
                let parent = if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                };
                parent
                    .canonicalize()
                    .map_err(|source| Error::Io {
                        path: path.to_owned(),
                        source,
                    })?
                    .join(name)
            }
            _ => path.to_owned(),
        };
        let connection =
            Connection::open(&real, Open::ReadWrite).map_err(|error| named(path, error.into()))?;
        let store = Self::over(connection, path);
        store.at_path(store.configure())?;
        Ok(store)
    }

    fn configure(&self) -> Result<()> {
        let (sql, file) = (&self.connection, self.connection.file());
        // A file system without locks is as good as a busy one to SQLite: not to be waited for.
        file.wait_at_most(Duration::from_secs(1))?;
        // Before the first write, which changing the journal is: what is not ours stays as it is.
        let checked = self.at_path(schema::check(sql, &self.path));
        file.wait_at_most(Duration::from_secs(30))?;
        match checked {
            Err(Error::Busy { .. }) => schema::check(sql, &self.path)?,
            checked => checked?,
        }
        file.keep_log()?;
        Ok(file.settings()?)
    }

    fn migrate(&self) -> Result<()> {
        schema::migrate(&self.connection, &self.path)
    }

    fn at_path<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| named(&self.path, error))
    }

    /// Runs `work` in a read transaction: one consistent look.
    pub(crate) fn read<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&ReadTxn<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let begun = self.connection.begin(Mode::Read);
        work(&self.looking(begun.map_err(|error| named(&self.path, error.into()))?))
    }

    fn looking<'a>(&'a self, transaction: Transaction<'a>) -> ReadTxn<'a> {
        ReadTxn {
            transaction,
            checked: &self.checked,
            kept: &self.kept,
            is_watching: self.watching.get(),
            vouched: OnceCell::new(),
        }
    }

    /// Runs `work` in a write transaction; commits when it succeeds, else leaves no trace.
    ///
    /// What it changed of the guarded rows is bound into its last event.
    pub(crate) fn write<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&WriteTxn<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        if let Some(why) = &self.unwritable {
            return Err(E::from(Error::Unwritable {
                path: self.path.clone(),
                why: why.clone(),
            }));
        }
        let done = self.write_once(work);
        if done.is_err() {
            // What was read and checked of rows that never came to be.
            self.checked.take();
            self.kept.take();
        }
        done
    }

    fn write_once<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&WriteTxn<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        if !self.watching.get() {
            self.at_path(integrity::watch(&self.connection))?;
            self.watching.set(true);
        }
        let begun = self.connection.begin(Mode::Write);
        let tx = WriteTxn {
            read: self.looking(begun.map_err(|error| named(&self.path, error.into()))?),
            pending: RefCell::new(None),
            accepted: Cell::new(false),
            signers: RefCell::default(),
        };
        let checked = self.checked.borrow_mut().before(tx.sql())?;
        // What this binary would vouch for is no longer all that is guarded there.
        self.at_path(schema::refuse_newer(tx.sql(), &self.path))?;
        let value = work(&tx)?;
        let sealed = integrity::seal(&tx).and_then(|state| audit::finish(&tx, state));
        let recorded = self.at_path(sealed)?;
        let committed = tx.read.transaction.commit();
        committed.map_err(|error| named(&self.path, error.into()))?;
        self.checked.borrow_mut().go_on(&self.connection, checked);
        self.recorded.fetch_or(recorded, Ordering::Relaxed);
        Ok(value)
    }
}

impl Store {
    /// Brings everything from the log into the file and empties the log, so that what was deleted
    /// is in neither. `false` if a reader kept it; whoever closes the store last does it then.
    pub(crate) fn empty_log(&self) -> Result<bool> {
        let emptied = self.connection.file().empty_log();
        emptied.map_err(|error| named(&self.path, error.into()))
    }
}

/// Why a store cannot be written, in words; SQLite calls most of it an I/O error.
fn why_unwritable(path: &Path, error: &Error) -> String {
    let is_full = path
        .parent()
        .and_then(|folder| rustix::fs::statvfs(folder).ok())
        .is_some_and(|found| found.f_bavail == 0);
    match error {
        _ if is_full => "no space left".to_owned(),
        Error::Sql { source, .. } => source.to_string(),
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// Gives an error of a statement the path, and the name of what happened.
fn named(path: &Path, error: Error) -> Error {
    let Error::Statement(source) = error else {
        return error;
    };
    let path = path.to_owned();
    match source.failure() {
        Failure::Busy => match file::lacks_locks(&path) {
            Some(source) => Error::NoLocks { path, source },
            None => Error::Busy { path },
        },
        Failure::Lock => match file::lacks_locks(&path) {
            Some(error) => Error::NoLocks {
                path,
                source: error,
            },
            None => Error::Sql { path, source },
        },
        Failure::Full => Error::Full { path },
        Failure::NotADatabase => Error::NotOurs { path },
        Failure::Corrupt => Error::Damaged {
            what: "file",
            why: source.to_string(),
        },
        _ => Error::Sql { path, source },
    }
}

impl Error {
    /// Whether the store itself is not to be believed.
    pub(crate) fn is_distrust(&self) -> bool {
        matches!(self, Self::Tampered { .. } | Self::RolledBack { .. })
    }

    /// Whether the disk, not a rule or a fault, kept something from being recorded.
    pub(crate) fn is_storage(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Io { .. } | Self::Busy { .. } | Self::Unwritable { .. } => {
                true
            }
            Self::Sql { source, .. } | Self::Statement(source) => matches!(
                source.failure(),
                Failure::Full
                    | Failure::Io
                    | Failure::Lock
                    | Failure::ReadOnly
                    | Failure::CannotOpen
                    | Failure::Busy
            ),
            _ => false,
        }
    }
}

/// Says that a column holds what the program never writes.
fn damaged(what: &'static str) -> impl Fn(String) -> Error {
    move |why| Error::Damaged { what, why }
}

#[cfg(test)]
mod tests;
