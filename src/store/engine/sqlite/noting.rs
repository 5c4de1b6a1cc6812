//! The triggers by which a connection notes what it writes, made for a table when it is first written.
//!
//! To read the triggers of all tables takes SQLite longer than most commands take for the rest, and a
//! command writes few tables. Which, the authorizer knows: it refuses each statement that would write
//! a table whose triggers do not stand, also one in a trigger or of a reference. Then they are made,
//! and the statement is read again. So what is not noted is refused, and never overlooked.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Batch, CachedStatement, Connection};

use super::Result;

/// The tables whose changes a connection notes, and how.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Noted {
    /// Whether a table is one of them.
    pub(in crate::store) is_noted: fn(&str) -> bool,
    /// The triggers of one, which say `IF NOT EXISTS`.
    pub(in crate::store) triggers: fn(&str) -> String,
}

/// What a connection notes.
#[derive(Debug)]
pub(super) struct Noting {
    tables: Arc<Mutex<Tables>>,
    /// Whether triggers were made in a transaction that is not committed.
    is_open: Cell<bool>,
}

/// The tables that are written.
#[derive(Debug, Default)]
struct Tables {
    /// Which are noted, once it is begun.
    noted: Option<Noted>,
    /// Those whose triggers stand.
    watched: BTreeSet<String>,
    /// The one that a statement was refused for.
    wanted: Option<String>,
}

impl Tables {
    /// Whether a statement may do what it was read to do.
    fn judge(&mut self, action: AuthAction<'_>) -> Authorization {
        let (AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Delete { table_name }) = action
        else {
            return Authorization::Allow;
        };
        let is_noted = self.noted.is_some_and(|it| (it.is_noted)(table_name));
        if !is_noted || self.watched.contains(table_name) {
            return Authorization::Allow;
        }
        self.wanted = Some(table_name.to_owned());
        Authorization::Deny
    }
}

impl Noting {
    /// Asks about each statement of a connection; nothing is noted yet.
    pub(super) fn over(sql: &mut Connection) -> Result<Self> {
        let tables = Arc::<Mutex<Tables>>::default();
        let asked = Arc::clone(&tables);
        sql.authorizer(Some(move |context: AuthContext<'_>| {
            lock(&asked).judge(context.action)
        }))?;
        Ok(Self {
            tables,
            is_open: Cell::new(false),
        })
    }

    /// Begins to note; outside a transaction.
    pub(super) fn begin(&self, sql: &Connection, noted: Noted) {
        lock(&self.tables).noted = Some(noted);
        // What was read before was asked about too early.
        sql.flush_prepared_statement_cache();
    }

    /// Reads a statement, or takes it as it was read before.
    pub(super) fn prepared<'a>(
        &self,
        sql: &'a Connection,
        text: &str,
    ) -> Result<CachedStatement<'a>> {
        self.read(sql, || sql.prepare_cached(text))
    }

    /// Executes statements one by one.
    pub(super) fn batch(&self, sql: &Connection, text: &str) -> Result<()> {
        let mut batch = Batch::new(sql, text);
        // One that is refused is the next again.
        while let Some(mut statement) = self.read(sql, || batch.next())? {
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    /// Reads a statement, as often as it is refused for what is to be noted first.
    fn read<T>(
        &self,
        sql: &Connection,
        mut read: impl FnMut() -> rusqlite::Result<T>,
    ) -> Result<T> {
        loop {
            match read() {
                Err(error) => {
                    if !self.watch_wanted(sql)? {
                        return Err(error.into());
                    }
                }
                Ok(read) => return Ok(read),
            }
        }
    }

    /// Makes the triggers of the table that a statement was refused for; `false` if it was not for that.
    fn watch_wanted(&self, sql: &Connection) -> Result<bool> {
        let (wanted, noted) = {
            let mut tables = lock(&self.tables);
            (tables.wanted.take(), tables.noted)
        };
        let Some((table, noted)) = wanted.zip(noted) else {
            return Ok(false);
        };
        sql.execute_batch(&(noted.triggers)(&table))?;
        self.is_open.set(!sql.is_autocommit());
        lock(&self.tables).watched.insert(table);
        Ok(true)
    }

    /// The transaction was committed, and the triggers with it.
    pub(super) fn keep(&self) {
        self.is_open.set(false);
    }

    /// Forgets the triggers that were made in a transaction that was undone: they are gone.
    pub(super) fn forget_undone(&self, sql: &Connection) {
        if !self.is_open.replace(false) {
            return;
        }
        lock(&self.tables).watched.clear();
        // Each is asked about again.
        sql.flush_prepared_statement_cache();
    }
}

/// What one panic left is whole: nothing in between can fail.
fn lock(tables: &Mutex<Tables>) -> MutexGuard<'_, Tables> {
    tables.lock().unwrap_or_else(PoisonError::into_inner)
}
