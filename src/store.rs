//! WHAT IS REMEMBERED: in one SQLite file, or a PostgreSQL database; and the only module that knows SQL. Which database it is, only
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
pub(crate) mod error;
pub(crate) mod facts;
pub(crate) mod file;
#[cfg(test)]
mod fixture;
pub(crate) mod grants;
pub(crate) mod integrity;
mod look;
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
pub(crate) mod transfer;
pub(crate) mod users;

pub(crate) use engine::{About, Held};
pub(crate) use error::Error;
use error::{damaged, named, why_unwritable};
use look::Look;
pub(crate) use schema::all_tables;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::domain::place::{Database, Place};
use crate::domain::user::UserId;
use engine::{Connection, Mode, Open, Transaction};

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
    /// Whether it is this process that moves it.
    is_moving: Cell<bool>,
    /// What was found to be as this program left it.
    checked: RefCell<integrity::Intact>,
    /// What was read of clusters.
    kept: RefCell<snapshots::Kept>,
    /// Whether reads see the same.
    look: Cell<Look>,
}

/// The version of the tables that this binary makes.
pub(crate) fn newest_schema() -> i64 {
    schema::newest()
}

/// The statements that make the roles of a store in a database, for somebody to read and run.
pub(crate) fn roles(database: &str) -> String {
    engine::roles(database)
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
        connection.file()?.wait_at_most(Duration::from_millis(50))?;
        Ok(Self::over(connection, path))
    }

    /// Opens the store at a place.
    pub(crate) fn open_at(place: &Place) -> Result<Self> {
        let store = Self::open_to_move(place)?;
        store.is_moving.set(false);
        store.refuse_moved()?;
        Ok(store)
    }

    /// The same, for whoever moves the store, also one that was not moved to the end.
    pub(crate) fn open_to_move(place: &Place) -> Result<Self> {
        let store = match place {
            Place::File(path) => Self::open(path),
            Place::Database(database) => Self::open_database(database),
        }?;
        Ok(store.being_moved())
    }

    /// Has it used though it says that it was moved: by whoever moves it.
    pub(crate) fn being_moved(self) -> Self {
        self.is_moving.set(true);
        self
    }

    /// Makes a new store at a place.
    pub(crate) fn create_at(place: &Place) -> Result<Self> {
        match place {
            Place::File(path) => Self::create(path),
            Place::Database(database) => {
                let store = Self::connected(database)?;
                store.at_path(schema::make_shared(&store.connection, &store.path))?;
                Ok(store)
            }
        }
    }

    /// Brings the store at a place up to date; says from which version of its tables, if it was not.
    pub(crate) fn upgrade_at(place: &Place) -> Result<i64> {
        match place {
            Place::File(path) => {
                file::check(path)?;
                let store = Self::connect(path)?;
                let found = store.at_path(schema::version(&store.connection))?;
                store.at_path(store.migrate())?;
                Ok(found)
            }
            Place::Database(database) => {
                let store = Self::connected(database)?;
                store.at_path(schema::upgrade_shared(&store.connection, &store.path))
            }
        }
    }

    /// The version of the tables of the store at a place, whichever this program knows.
    pub(crate) fn version_at(place: &Place) -> Result<i64> {
        match place {
            Place::File(path) => {
                file::check(path)?;
                let connection = Connection::open(path, Open::ReadOnly);
                let connection = connection.map_err(|error| named(path, error.into()))?;
                schema::check(&connection, path)?;
                schema::version(&connection)
            }
            Place::Database(database) => {
                let store = Self::connected(database)?;
                let version = store.connection.shared().map(engine::Shared::schema);
                let version = store.at_path(version.transpose().map_err(Error::from))?;
                version.flatten().ok_or(Error::Absent { path: store.path })
            }
        }
    }

    /// Connects to a database, and makes sure that a store of ours is there.
    fn open_database(database: &Database) -> Result<Self> {
        let store = Self::connected(database)?;
        store.read(|tx| schema::check_shared(tx.sql(), &store.path))?;
        Ok(store)
    }

    fn connected(database: &Database) -> Result<Self> {
        let path = PathBuf::from(database.to_string());
        let connection = Connection::connect(database);
        let connection = connection.map_err(|error| named(&path, error.into()))?;
        Ok(Self::over(connection, &path))
    }

    /// Refuses a store that was moved elsewhere.
    fn refuse_moved(&self) -> Result<()> {
        self.read(|tx| self.stays(tx))
    }

    fn stays(&self, tx: &ReadTxn<'_>) -> Result<()> {
        match meta::find(tx, meta::MOVED_TO)? {
            None => Ok(()),
            Some(to) => Err(Error::Moved {
                path: self.path.clone(),
                to,
            }),
        }
    }

    /// What is known of the database; `None` for a file.
    pub(crate) fn about(&self) -> Result<Option<About>> {
        self.read(|tx| Ok(tx.sql().shared().map(engine::Shared::about).transpose()?))
    }

    fn over(connection: Connection, path: &Path) -> Self {
        Self {
            connection,
            path: path.to_owned(),
            unwritable: None,
            watching: Cell::new(false),
            recorded: Arc::default(),
            is_moving: Cell::new(false),
            checked: RefCell::default(),
            kept: RefCell::default(),
            look: Cell::new(Look::Own),
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
        let (sql, file) = (&self.connection, self.connection.file()?);
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
        let begun = match self.look.get() {
            Look::Same => Ok(self.connection.joined()),
            Look::Own | Look::First => self.connection.begin(Mode::Read),
        };
        let mut tx = begun.map_err(|error| named(&self.path, error.into()))?;
        if self.look.get() == Look::First {
            tx.leave_open();
            self.look.set(Look::Same);
        }
        let done = work(&self.looking(tx, self.watching.get()));
        if done.is_err() {
            // A statement that failed takes the transaction with it.
            self.look_again();
        }
        done
    }

    fn looking<'a>(&'a self, transaction: Transaction<'a>, is_watching: bool) -> ReadTxn<'a> {
        ReadTxn {
            transaction,
            checked: &self.checked,
            kept: &self.kept,
            is_watching,
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
        self.look_again();
        // What a database notes, it notes in each transaction that writes.
        if !self.watching.get() && self.connection.shared().is_none() {
            self.at_path(integrity::watch(&self.connection))?;
            self.watching.set(true);
        }
        let begun = self.connection.begin(Mode::Write);
        let tx = WriteTxn {
            read: self.looking(
                begun.map_err(|error| named(&self.path, error.into()))?,
                true,
            ),
            pending: RefCell::new(None),
            accepted: Cell::new(false),
            signers: RefCell::default(),
        };
        // What this binary would vouch for is no longer all that is guarded there.
        self.at_path(schema::refuse_newer(tx.sql(), &self.path))?;
        // What the role may not, it is told as with any other statement.
        integrity::hold(tx.sql())?;
        let checked = self.checked.borrow_mut().before(tx.sql())?;
        if !self.is_moving.get() {
            self.stays(&tx)?;
        }
        let value = work(&tx)?;
        let sealed = integrity::seal(&tx).and_then(|state| audit::finish(&tx, state));
        let finished = self.at_path(sealed)?;
        let committed = tx.read.transaction.commit();
        committed.map_err(|error| named(&self.path, error.into()))?;
        let (began, sql) = (checked.version(), &self.connection);
        self.checked.borrow_mut().go_on(sql, checked);
        let mut kept = self.kept.borrow_mut();
        kept.go_on(began, sql, &finished.changed);
        self.recorded
            .fetch_or(finished.has_event, Ordering::Relaxed);
        Ok(value)
    }
}

impl Store {
    /// Brings everything from the log into the file and empties the log, so that what was deleted
    /// is in neither. `false` if a reader kept it; whoever closes the store last does it then.
    pub(crate) fn empty_log(&self) -> Result<bool> {
        let Ok(file) = self.connection.file() else {
            return Ok(true);
        };
        let emptied = file.empty_log();
        emptied.map_err(|error| named(&self.path, error.into()))
    }
}

#[cfg(test)]
mod tests;
