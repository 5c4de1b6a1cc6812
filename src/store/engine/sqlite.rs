//! SQLite: one file of this machine's.

mod noting;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{CachedStatement, Connection, MAIN_DB, OpenFlags, ffi};

pub(in crate::store) use self::noting::Noted;
use self::noting::Noting;
use super::value::{Value, ValueRef, Values};
use super::{Error, Failure, Mode, Result, Version};

/// How many statements are kept read: more than a command has.
const STATEMENTS_KEPT: usize = 256;

/// Where a database's header says how it is journaled: 1 is a file alone, 2 wants a log beside it.
const JOURNAL_BYTES: std::ops::Range<usize> = 18..20;
/// What every file of SQLite's begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Open {
    /// For reading and writing; no link is followed.
    ReadWrite,
    /// For reading.
    ReadOnly,
    /// For reading, without a lock or a log: nobody writes it.
    Immutable,
}

/// A row that was found.
pub(super) type Row<'a> = &'a rusqlite::Row<'a>;

/// A connection to a file.
#[derive(Debug)]
pub(super) struct Sqlite {
    sql: Connection,
    noting: Noting,
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What kind of failure it was.
pub(super) fn failure(error: &rusqlite::Error) -> Failure {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Busy,
        Some(ErrorCode::SystemIoFailure) if is_lock(error) => Failure::Lock,
        Some(ErrorCode::SystemIoFailure) => Failure::Io,
        Some(ErrorCode::ReadOnly) => Failure::ReadOnly,
        Some(ErrorCode::CannotOpen) => Failure::CannotOpen,
        Some(ErrorCode::DiskFull) => Failure::Full,
        Some(ErrorCode::NotADatabase) => Failure::NotADatabase,
        Some(ErrorCode::DatabaseCorrupt) => Failure::Corrupt,
        _ => Failure::Other,
    }
}

/// Whether it is a lock that SQLite could not have.
fn is_lock(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| {
        [
            ffi::SQLITE_IOERR_LOCK,
            ffi::SQLITE_IOERR_RDLOCK,
            ffi::SQLITE_IOERR_UNLOCK,
            ffi::SQLITE_IOERR_SHMLOCK,
            ffi::SQLITE_IOERR_CHECKRESERVEDLOCK,
        ]
        .contains(&code)
    })
}

/// The value of a column.
pub(super) fn get(row: Row<'_>, column: usize) -> Result<ValueRef<'_>> {
    use rusqlite::types::ValueRef as Found;
    Ok(match row.get_ref(column)? {
        Found::Null => ValueRef::Null,
        Found::Integer(number) => ValueRef::Int(number),
        Found::Real(number) => ValueRef::Real(number),
        Found::Text(bytes) => ValueRef::Text(bytes),
        Found::Blob(bytes) => ValueRef::Bytes(bytes),
    })
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef as Given};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => Given::Null,
            Self::Int(number) => Given::Integer(*number),
            Self::Text(text) => Given::Text(text.as_bytes()),
            Self::Bytes(bytes) => Given::Blob(bytes),
        }))
    }
}

impl Sqlite {
    pub(super) fn open(path: &Path, how: Open) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = match how {
            Open::ReadWrite => {
                let flags =
                    flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW;
                Connection::open_with_flags(path, flags)?
            }
            Open::ReadOnly => {
                Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY)?
            }
            Open::Immutable => {
                let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(immutable(path)?, flags)?
            }
        };
        Self::over(opened)
    }

    pub(super) fn in_memory() -> Result<Self> {
        Self::over(Connection::open_in_memory()?)
    }

    fn over(mut sql: Connection) -> Result<Self> {
        let noting = Noting::over(&mut sql)?;
        Ok(Self { sql, noting })
    }

    pub(super) fn file(&self) -> WholeFile<'_> {
        WholeFile(&self.sql)
    }

    /// Begins to note what is written to some tables.
    pub(super) fn note(&self, noted: Noted) {
        self.noting.begin(&self.sql, noted);
    }

    pub(super) fn each<E: From<Error>>(
        &self,
        sql: &str,
        values: &Values<'_>,
        mut with: impl FnMut(Row<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<(), E> {
        let mut statement = self.prepared(sql, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(Error::from)? {
            if with(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn execute(&self, sql: &str, values: &Values<'_>) -> Result<usize> {
        Ok(self.prepared(sql, values)?.raw_execute()?)
    }

    fn prepared(&self, sql: &str, values: &Values<'_>) -> Result<CachedStatement<'_>> {
        let mut statement = self.noting.prepared(&self.sql, sql)?;
        match values {
            Values::Numbered(values) => {
                let wanted = statement.parameter_count();
                if wanted != values.len() {
                    let error = rusqlite::Error::InvalidParameterCount(values.len(), wanted);
                    return Err(error.into());
                }
                for (number, value) in (1..).zip(values) {
                    statement.raw_bind_parameter(number, value)?;
                }
            }
            Values::Named(values) => {
                for (name, value) in values {
                    let unknown = || rusqlite::Error::InvalidParameterName((*name).to_owned());
                    let number = statement.parameter_index(name)?.ok_or_else(unknown)?;
                    statement.raw_bind_parameter(number, value)?;
                }
            }
        }
        Ok(statement)
    }

    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        self.noting.batch(&self.sql, sql)
    }

    pub(super) fn begin(&self, mode: Mode) -> Result<()> {
        self.noting.forget_undone(&self.sql);
        self.batch(match mode {
            Mode::Read => "BEGIN DEFERRED",
            Mode::Write => "BEGIN IMMEDIATE",
        })
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.batch("COMMIT")?;
        self.noting.keep();
        Ok(())
    }

    /// Undoes what was not committed.
    pub(super) fn end(&self) {
        if !self.sql.is_autocommit() {
            // What fails here is undone when the connection is closed.
            let _undone = self.batch("ROLLBACK");
        }
    }

    pub(super) fn version(&self) -> Result<Version> {
        let mut statement = self.sql.prepare_cached("PRAGMA data_version")?;
        let others = statement.query_row([], |row| row.get(0))?;
        Ok((others, self.changes()))
    }

    pub(super) fn changes(&self) -> u64 {
        self.sql.total_changes()
    }
}

/// The address of a file that nobody writes.
fn immutable(path: &Path) -> Result<String> {
    let text = path.to_str();
    let text = text.ok_or_else(|| rusqlite::Error::InvalidPath(path.to_owned()))?;
    let address: String = text
        .bytes()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    Ok(format!("file:{address}?immutable=1"))
}

/// What only a file can do, or a database in memory that becomes one.
#[derive(Clone, Copy)]
pub(in crate::store) struct WholeFile<'a>(&'a Connection);

impl WholeFile<'_> {
    /// What every connection of ours keeps to.
    pub(in crate::store) fn settings(self) -> Result<()> {
        self.0
            .set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        self.0.execute_batch(
            "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;
             PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA recursive_triggers=ON;
             PRAGMA cache_size=-8192;",
        )?;
        Ok(())
    }

    /// How long somebody else is waited for.
    pub(in crate::store) fn wait_at_most(self, limit: Duration) -> Result<()> {
        Ok(self.0.busy_timeout(limit)?)
    }

    /// Keeps a log of its own beside the file, so that readers and a writer do not wait for each other.
    pub(in crate::store) fn keep_log(self) -> Result<()> {
        let kept = self
            .0
            .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()));
        Ok(kept?)
    }

    /// Brings everything from the log into the file and empties the log; `false` if a reader kept it.
    pub(in crate::store) fn empty_log(self) -> Result<bool> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self.0.query_row(sql, [], |row| row.get(0))?;
        Ok(busy == 0)
    }

    /// A number that the file has about itself.
    pub(in crate::store) fn pragma(self, name: &str) -> Result<i64> {
        Ok(self.0.pragma_query_value(None, name, |row| row.get(0))?)
    }

    /// Sets such a number.
    pub(in crate::store) fn set_pragma(self, name: &str, number: i64) -> Result<()> {
        Ok(self.0.pragma_update(None, name, number)?)
    }

    /// The first thing that is wrong with the file, if anything is.
    pub(in crate::store) fn fault(self) -> Result<Option<String>> {
        let sql = "PRAGMA integrity_check(1)";
        let found: String = self.0.query_row(sql, [], |row| row.get(0))?;
        Ok((found != "ok").then_some(found))
    }

    /// All of it as the bytes of one file.
    pub(in crate::store) fn to_bytes(self) -> Result<Vec<u8>> {
        let mut memory = Connection::open_in_memory()?;
        copy(self.0, &mut memory)?;
        let mut bytes = memory.serialize(MAIN_DB)?.to_vec();
        if let Some(journal) = bytes.get_mut(JOURNAL_BYTES) {
            journal.fill(1);
        }
        Ok(bytes)
    }
}

impl super::Connection {
    /// Reads the bytes of a file into memory; `None` where they are none.
    pub(in crate::store) fn from_bytes(mut bytes: Vec<u8>) -> Result<Option<Self>> {
        if !bytes.starts_with(MAGIC) {
            return Ok(None);
        }
        let Some(journal) = bytes.get_mut(JOURNAL_BYTES) else {
            return Ok(None);
        };
        journal.fill(1);
        let mut connection = Connection::open_in_memory()?;
        let length = bytes.len();
        connection.deserialize_read_exact(MAIN_DB, bytes.as_slice(), length, false)?;
        Ok(Some(Self {
            engine: super::Engine::Sqlite(Sqlite::over(connection)?),
        }))
    }

    /// Writes all of it over another one, which every process sees as a whole or not at all.
    pub(in crate::store) fn copy_over(&self, other: &mut Self) -> Result<()> {
        match (&self.engine, &mut other.engine) {
            (super::Engine::Sqlite(from), super::Engine::Sqlite(to)) => {
                copy(&from.sql, &mut to.sql)
            }
            _ => Err(Error::OtherKind),
        }
    }
}

fn copy(from: &Connection, to: &mut Connection) -> Result<()> {
    let backup = Backup::new(from, to)?;
    // All pages in one step: one consistent look.
    while !matches!(backup.step(-1)?, StepResult::Done) {
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
