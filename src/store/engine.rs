//! The database, as the rest of the store speaks to it: plain values, rows, statements, transactions.
//!
//! Only the files of this folder know a database crate. A statement is one text for every engine, with
//! `?1`, `?2` … or `:name` for what is given; there are three types: integers of 64 bits, text, and
//! bytes. Texts are compared byte by byte, also where they are sorted.

mod sqlite;
mod value;

use std::ops::{ControlFlow, Deref};
use std::path::Path;

use sqlite::Sqlite;
pub(super) use sqlite::{Open, WholeFile};
pub(super) use value::{
    Damage, FromValue, Named, Params, ToValue, Value, ValueError, ValueRef, named_params,
};

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
    /// A value could not be made.
    #[error("a value cannot be written: {0}")]
    Unwritable(String),
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

/// What kind of failure it was, as far as somebody can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
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
    /// Anything else.
    Other,
}

impl Error {
    /// What kind of failure it was.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Sqlite(error) => sqlite::failure(error),
            Self::Value { .. } | Self::NoRow | Self::Unwritable(_) => Failure::Other,
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
    engine: Sqlite,
}

/// A row that was found.
pub(super) struct Row<'a>(sqlite::Row<'a>);

impl<'a> Row<'a> {
    /// The value of a column, from 0.
    pub(super) fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        let value = self.get_ref(column)?;
        T::from_value(value).map_err(|source| Error::Value { column, source })
    }

    /// The same as it stands there.
    pub(super) fn get_ref(&self, column: usize) -> Result<ValueRef<'a>> {
        sqlite::get(self.0, column)
    }
}

impl Connection {
    /// Opens a file.
    pub(super) fn open(path: &Path, how: Open) -> Result<Self> {
        Ok(Self {
            engine: Sqlite::open(path, how)?,
        })
    }

    /// A database in memory, with nothing in it.
    pub(super) fn in_memory() -> Result<Self> {
        Ok(Self {
            engine: Sqlite::in_memory()?,
        })
    }

    /// What only a file can do.
    pub(super) fn file(&self) -> WholeFile<'_> {
        self.engine.file()
    }

    /// Hands over the rows of a query one by one, until there is none or one breaks off. Nothing else is
    /// asked of the connection meanwhile.
    pub(super) fn each<E: From<Error>>(
        &self,
        sql: &str,
        params: impl Params,
        mut with: impl FnMut(&Row<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<(), E> {
        params.given(|values| self.engine.each(sql, values, |row| with(&Row(row))))?
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
        params.given(|values| self.engine.execute(sql, values))?
    }

    /// Executes statements of this engine, without anything given.
    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        self.engine.batch(sql)
    }

    /// The number that the next row of a table gets: one more than the highest there. Whoever asks holds
    /// the write lock.
    pub(super) fn next_id(&self, table: &str) -> Result<i64> {
        let sql = ["SELECT coalesce(max(id), 0) + 1 FROM ", table].concat();
        self.one(&sql, [], |row| row.get(0))
    }

    /// Begins a transaction; it is undone unless it is committed.
    pub(super) fn begin(&self, mode: Mode) -> Result<Transaction<'_>> {
        self.engine.begin(mode)?;
        Ok(Transaction(self))
    }

    /// What there is now: another version where anything changed.
    pub(super) fn version(&self) -> Result<Version> {
        self.engine.version()
    }

    /// Changes by this connection so far.
    pub(super) fn changes(&self) -> u64 {
        self.engine.changes()
    }

    /// The time of the machine that the database is on, in seconds since 1970.
    pub(super) fn now(&self) -> Result<i64> {
        self.one("SELECT unixepoch()", [], |row| row.get(0))
    }
}

/// A transaction that was begun.
#[derive(Debug)]
pub(super) struct Transaction<'a>(&'a Connection);

impl Transaction<'_> {
    /// Commits it.
    pub(super) fn commit(self) -> Result<()> {
        self.0.engine.commit()
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.0
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.0.engine.end();
    }
}
