//! The database, as the rest of the store speaks to it: plain values, rows, statements, transactions.
//!
//! Only the files of this folder know a database crate. A statement is one text for every engine, with
//! `?1`, `?2` … or `:name` for what is given; there are three types: integers of 64 bits, text, and
//! bytes. Texts are compared byte by byte, also where they are sorted.

mod postgres;
mod sqlite;
mod value;

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Deref};
use std::path::{Path, PathBuf};

use crate::domain::place::Database;
pub(crate) use postgres::Held;
use postgres::Postgres;
use sqlite::Sqlite;
pub(super) use sqlite::{Noted, Open, WholeFile};
pub(super) use value::{
    Damage, FromValue, Named, Params, Question, ToValue, Value, ValueError, ValueRef, named_params,
};

/// The most values that one statement is given here.
pub(super) const GIVEN_MAX: usize = 500;

/// The places of so many values in a statement: `?1, ?2` …
pub(super) fn places(count: usize) -> String {
    places_from(1, count)
}

/// The same from a number on.
pub(super) fn places_from(first: usize, count: usize) -> String {
    let places = (first..first + count).map(|at| format!("?{at}"));
    places.collect::<Vec<_>>().join(", ")
}

/// A result of the database.
pub(super) type Result<T> = std::result::Result<T, Error>;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A column holds nothing that it was read as.
    #[error("column {column}: {source}")]
    Value {
        /// Which column, from 0.
        column: usize,
        /// What is wrong.
        source: ValueError,
    },
    /// A statement that gives a row gave none.
    #[error("no row")]
    NoRow,
    /// A statement of the transaction failed, and nothing of it was kept.
    #[error("a statement of this transaction failed, and nothing of it was kept")]
    Aborted,
    /// A value could not be made.
    #[error("a value cannot be written: {0}")]
    Unwritable(String),
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// PostgreSQL failed, or is not there.
    #[error("{message}")]
    Database {
        /// Where it is, once somebody was let in; without a password.
        place: Option<PathBuf>,
        /// What it said.
        message: String,
        /// What kind of failure it was.
        failure: Failure,
    },
    /// A file was asked what only a database has, or the other way round.
    #[error("this is not for a store of this kind")]
    OtherKind,
}

/// What kind of failure it was, as far as somebody can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Somebody else keeps it busy.
    Busy,
    /// A lock could not be had from the file system.
    Lock,
    /// It could not be read or written.
    Io,
    /// It cannot be written.
    ReadOnly,
    /// It cannot be opened.
    CannotOpen,
    /// The disk is full.
    Full,
    /// It is no database.
    NotADatabase,
    /// It is damaged.
    Corrupt,
    /// No connection to it stands.
    Away,
    /// It lets nobody in with this login.
    Denied,
    /// It is not who it should be.
    Untrusted,
    /// The role may not do that.
    Forbidden,
    /// Anything else.
    Other,
}

impl Error {
    /// What kind of failure it was.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Sqlite(error) => sqlite::failure(error),
            Self::Database { failure, .. } => *failure,
            Self::Value { .. }
            | Self::NoRow
            | Self::Aborted
            | Self::Unwritable(_)
            | Self::OtherKind => Failure::Other,
        }
    }
}

/// What is to be done in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Only reading: one consistent look.
    Read,
    /// Writing: one at a time.
    Write,
}

/// A version of the database: changes by others, and by this connection.
pub(super) type Version = (i64, u64);

/// A connection to the database.
#[derive(Debug)]
pub(super) struct Connection {
    engine: Engine,
}

/// Which database it is.
#[derive(Debug)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// A table, an index or a trigger, and the text that made it.
#[derive(Debug)]
pub(super) struct Made {
    /// `table`, `index` or `trigger`.
    pub(super) kind: String,
    /// What it is called.
    pub(super) name: String,
    /// The text.
    pub(super) sql: String,
}

/// What there is, by kind and name.
pub(super) type Shape = BTreeMap<(String, String), String>;

/// A row that was found.
pub(super) struct Row<'a>(Found<'a>);

enum Found<'a> {
    Sqlite(sqlite::Row<'a>),
    Postgres(postgres::Row<'a>),
}

impl<'a> Row<'a> {
    /// The value of a column, from 0.
    pub(super) fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        let value = self.get_ref(column)?;
        T::from_value(value).map_err(|source| Error::Value { column, source })
    }

    /// The same as it stands there.
    pub(super) fn get_ref(&self, column: usize) -> Result<ValueRef<'a>> {
        match self.0 {
            Found::Sqlite(row) => sqlite::get(row, column),
            Found::Postgres(row) => postgres::get(row, column),
        }
    }
}

impl Connection {
    /// Opens a file.
    pub(super) fn open(path: &Path, how: Open) -> Result<Self> {
        Ok(Self {
            engine: Engine::Sqlite(Sqlite::open(path, how)?),
        })
    }

    /// Connects to a database.
    pub(super) fn connect(database: &Database) -> Result<Self> {
        Ok(Self {
            engine: Engine::Postgres(Box::new(Postgres::connect(database)?)),
        })
    }

    /// A database in memory, with nothing in it.
    pub(super) fn in_memory() -> Result<Self> {
        Ok(Self {
            engine: Engine::Sqlite(Sqlite::in_memory()?),
        })
    }

    /// Whether each statement is a journey: few that ask for more are better than many.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// What only a file can do.
    pub(super) fn file(&self) -> Result<WholeFile<'_>> {
        match &self.engine {
            Engine::Sqlite(it) => Ok(it.file()),
            Engine::Postgres(_) => Err(Error::OtherKind),
        }
    }

    /// What only a database can do, which is several machines'.
    pub(super) fn shared(&self) -> Option<Shared<'_>> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(it) => Some(Shared(it)),
        }
    }

    /// Begins to note what this connection writes to some tables; a database does so by itself.
    pub(super) fn note(&self, noted: Noted) {
        match &self.engine {
            Engine::Sqlite(it) => it.note(noted),
            Engine::Postgres(_) => {}
        }
    }

    /// Has the database answer several questions on one journey, before they are asked one by one. Nothing is
    /// different where that does not pay.
    pub(super) fn ahead(&self, questions: Vec<Question>) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(it) => it.ahead(questions),
        }
    }

    /// Hands over the rows of a query one by one, until there is none or one breaks off. Nothing else is
    /// asked of the connection meanwhile.
    pub(super) fn each<E: From<Error>>(
        &self,
        sql: &str,
        params: impl Params,
        mut with: impl FnMut(&Row<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<(), E> {
        params.given(|values| match &self.engine {
            Engine::Sqlite(it) => it.each(sql, values, |row| with(&Row(Found::Sqlite(row)))),
            Engine::Postgres(it) => it.each(sql, values, |row| with(&Row(Found::Postgres(row)))),
        })?
    }

    /// Reads every row of a query.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.each(sql, params, |row| {
            found.push(read(row)?);
            Ok::<_, Error>(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Reads the first row of a query, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        let mut read = Some(read);
        self.each(sql, params, |row| {
            found = read.take().map(|read| read(row)).transpose()?;
            Ok::<_, Error>(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Reads the one row of a query that always has one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.first(sql, params, read)?.ok_or(Error::NoRow)
    }

    /// Whether a query has a row.
    pub(super) fn exists(&self, sql: &str, params: impl Params) -> Result<bool> {
        Ok(self.first(sql, params, |_| Ok(()))?.is_some())
    }

    /// Executes a statement, which is read once however often it is executed; says how many rows it
    /// changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        params.given(|values| match &self.engine {
            Engine::Sqlite(it) => it.execute(sql, values),
            Engine::Postgres(it) => it.execute(sql, values),
        })?
    }

    /// Executes statements of this engine, without anything given.
    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(it) => it.batch(sql),
            Engine::Postgres(it) => it.batch(sql),
        }
    }

    /// The number that the next row of a table gets: one more than the highest there. Whoever asks holds
    /// the write lock.
    pub(super) fn next_id(&self, table: &str) -> Result<i64> {
        let sql = ["SELECT coalesce(max(id), 0) + 1 FROM ", table].concat();
        self.one(&sql, [], |row| row.get(0))
    }

    /// Lets what a row refers to come later in this transaction.
    pub(super) fn wait_with_references(&self) -> Result<()> {
        self.batch(match &self.engine {
            Engine::Sqlite(_) => "PRAGMA defer_foreign_keys = ON",
            Engine::Postgres(_) => "SET CONSTRAINTS ALL DEFERRED",
        })
    }

    /// Begins a transaction; it is undone unless it is committed.
    pub(super) fn begin(&self, mode: Mode) -> Result<Transaction<'_>> {
        match &self.engine {
            Engine::Sqlite(it) => it.begin(mode)?,
            Engine::Postgres(it) => it.begin(mode)?,
        }
        Ok(Transaction {
            connection: self,
            is_ended: true,
        })
    }

    /// The transaction that has begun and was [left open](Transaction::leave_open).
    pub(super) fn joined(&self) -> Transaction<'_> {
        Transaction {
            connection: self,
            is_ended: false,
        }
    }

    /// Ends the transaction that has begun; undoes what was not committed.
    pub(super) fn end(&self) {
        match &self.engine {
            Engine::Sqlite(it) => it.end(),
            Engine::Postgres(it) => it.end(),
        }
    }

    /// What there is now: another version where anything changed.
    pub(super) fn version(&self) -> Result<Version> {
        match &self.engine {
            Engine::Sqlite(it) => it.version(),
            Engine::Postgres(it) => it.version(),
        }
    }

    /// Changes by this connection so far.
    pub(super) fn changes(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(it) => it.changes(),
            Engine::Postgres(it) => it.changes(),
        }
    }

    /// The time of the machine that the database is on, in seconds since 1970.
    pub(super) fn now(&self) -> Result<i64> {
        let sql = match &self.engine {
            Engine::Sqlite(_) => "SELECT unixepoch()",
            Engine::Postgres(_) => "SELECT CAST(extract(epoch FROM now()) AS BIGINT)",
        };
        self.one(sql, [], |row| row.get(0))
    }
}

/// What only a database can do, which is several machines'.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a>(&'a Postgres);

impl Shared<'_> {
    /// The version of its tables; nothing where there are none of ours.
    pub(super) fn schema(self) -> Result<Option<i64>> {
        self.0.schema()
    }

    /// Makes the tables of a store, in a transaction that writes; `notes` are the functions that note
    /// what changes.
    pub(super) fn make(self, tables: &[Made], version: i64, notes: &str) -> Result<()> {
        self.0.make(tables, version, notes)
    }

    /// Makes the tables anew, with nothing in them: their owner and who may do what with them stay.
    pub(super) fn make_again(self, tables: &[Made], version: i64, notes: &str) -> Result<()> {
        self.0.make_again(tables, version, notes)
    }

    /// Keeps others from writing tables, and from putting triggers on them, until the transaction that writes ends:
    /// what is asked of them from then on stays so.
    pub(super) fn hold(self, tables: &[&str]) -> Result<()> {
        self.0.hold(tables)
    }

    /// What is there, and what should be.
    pub(super) fn shapes(self) -> Result<(Shape, Shape)> {
        self.0.shapes()
    }

    /// Whether what is there is what should be; asked once of what a transaction sees.
    pub(super) fn is_in_shape(self) -> Result<bool> {
        self.0.is_in_shape()
    }

    /// What is known of it: the server's version, its size in bytes, our role, and what that role could do
    /// to the log, in words.
    pub(super) fn about(self) -> Result<About> {
        self.0.about()
    }
}

/// What is known of a database.
#[derive(Debug, Clone)]
pub(crate) struct About {
    /// The server's version, in its own words.
    pub(crate) server: String,
    /// How large the database is, in bytes.
    pub(crate) bytes: i64,
    /// The role that is connected.
    pub(crate) role: String,
    /// What it could do to the log that it should not.
    pub(crate) could: Vec<String>,
}

/// The statements that make the roles of a store, for somebody to read and run.
pub(super) fn roles(database: &str) -> String {
    postgres::roles(database)
}

/// A transaction that was begun.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    connection: &'a Connection,
    /// Whether it ends with this.
    is_ended: bool,
}

impl Transaction<'_> {
    /// Has it last until somebody [ends](Connection::end) it.
    pub(super) fn leave_open(&mut self) {
        self.is_ended = false;
    }

    /// Commits it.
    pub(super) fn commit(self) -> Result<()> {
        match &self.connection.engine {
            Engine::Sqlite(it) => it.commit(),
            Engine::Postgres(it) => it.commit(),
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_ended {
            self.connection.end();
        }
    }
}
