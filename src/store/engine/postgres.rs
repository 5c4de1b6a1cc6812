//! PostgreSQL: one state for several operators and machines.
//!
//! One thread of its own drives the connection; whoever asks waits for the answer where they are. Writers
//! queue at a lock that the first statement of a transaction takes, under READ COMMITTED: each statement
//! after it sees what was committed last, as with SQLite's `BEGIN IMMEDIATE`. (Under SERIALIZABLE the
//! statement that waits has an old look already.) Readers have one look, REPEATABLE READ.
//!
//! All that a transaction needs is set in it, and no statement is prepared by name: the connection may be
//! another one in the next transaction, behind a pooler.

mod answers;
mod connect;
mod failure;
mod held;
mod schema;
mod seen;
mod text;
mod value;
mod wait;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use answers::{Answers, Read};
use failure::told;
use futures::{FutureExt as _, TryStreamExt as _};
use seen::Seen;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error as Failed, RowStream, SimpleQueryMessage};

use super::value::{Question, Value, ValueRef, Values};
use super::{About, Error, Failure, Made, Mode, Result, Shape, Version};
use crate::domain::place::Database;
use value::Given;

pub(crate) use held::Held;
pub(super) use schema::roles;
use wait::wait;

/// Where everything of ours is in a database.
const SCHEMA: &str = "kubegrant";
/// The lock of whoever writes: "kgnt", and nothing.
const WRITERS: i32 = 0x6b67_6e74;

/// Asks which transactions are over for this one, and since when the server runs: behind a pooler it may become
/// another one.
const SEEN: &str = "SELECT pg_catalog.concat(pg_catalog.pg_current_snapshot(), ' ',
     pg_catalog.pg_postmaster_start_time())";
/// How long somebody else's transaction is waited for that wrote what is guarded. A server's own cleaning gives way
/// after a second (`deadlock_timeout`).
const HELD_MAX: &str = "5s";
/// Asks which transaction this one is, and commits it.
const COMMIT: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned()::text; COMMIT";

/// A row that was found.
pub(super) type Row<'a> = &'a tokio_postgres::Row;

/// A connection to a database.
#[derive(Debug)]
pub(super) struct Postgres {
    /// Where it leads: one that is gone is opened anew by the next transaction.
    database: Database,
    client: RefCell<Client>,
    /// Statements in the words of PostgreSQL.
    texts: RefCell<HashMap<String, Arc<str>>>,
    /// Counts the statements that may have changed something.
    changes: Cell<u64>,
    /// What was seen last, by whatever transaction.
    last_seen: RefCell<Seen>,
    /// What a transaction saw that has begun.
    seen: Cell<Option<i64>>,
    /// Whether a transaction has begun.
    is_open: Cell<bool>,
    /// How many changes there were before it.
    began_at: Cell<u64>,
    /// Whether a statement of it failed: nothing of it will be kept.
    is_broken: Cell<bool>,
    /// Whether an answer did not come.
    is_silent: Cell<bool>,
    /// What was answered since anything changed.
    answers: RefCell<Answers>,
    /// Of which version the tables and triggers were found to be as they should.
    intact_at: Cell<Option<i64>>,
}

/// Whether a statement only reads.
fn is_look(sql: &str) -> bool {
    let sql = sql.trim_start();
    let writes = |word: &&str| sql.contains(word);
    sql.starts_with("SELECT")
        || (sql.starts_with("WITH") && !["INSERT", "UPDATE", "DELETE"].iter().any(writes))
}

/// What is given to a statement, as the library takes it.
fn given<'a>(values: &'a Values<'_>) -> Vec<(Given<'a>, Type)> {
    let values: Vec<&Value<'_>> = match values {
        Values::Numbered(values) => values.iter().collect(),
        Values::Named(values) => values.iter().map(|(_, value)| value).collect(),
    };
    let values = values.into_iter();
    values.map(|value| (Given(value), Type::UNKNOWN)).collect()
}

/// The value of a column.
pub(super) fn get(row: Row<'_>, column: usize) -> Result<ValueRef<'_>> {
    Ok(row.try_get(column)?)
}

impl Postgres {
    /// Connects.
    pub(super) fn connect(database: &Database) -> Result<Self> {
        Ok(Self {
            client: RefCell::new(connect::client(database)?),
            database: database.clone(),
            texts: RefCell::default(),
            changes: Cell::new(0),
            last_seen: RefCell::default(),
            seen: Cell::new(None),
            is_open: Cell::new(false),
            began_at: Cell::new(0),
            is_broken: Cell::new(false),
            is_silent: Cell::new(false),
            answers: RefCell::default(),
            intact_at: Cell::new(None),
        })
    }

    fn text(&self, sql: &str, values: &Values<'_>) -> Arc<str> {
        if let Some(text) = self.texts.borrow().get(sql) {
            return Arc::clone(text);
        }
        let names: Vec<&str> = match values {
            Values::Numbered(_) => Vec::new(),
            Values::Named(values) => values.iter().map(|(name, _)| *name).collect(),
        };
        let text: Arc<str> = text::translated(sql, &names).into();
        let mut texts = self.texts.borrow_mut();
        texts.insert(sql.to_owned(), Arc::clone(&text));
        text
    }

    fn sent(&self, sql: &str, values: &Values<'_>) -> Result<RowStream> {
        let text = self.text(sql, values);
        if !is_look(sql) {
            self.changes.set(self.changes.get() + 1);
            self.answers.borrow_mut().forget(text::written(sql));
        }
        self.judged(wait(
            self.client.borrow().query_typed_raw(&text, given(values)),
        ))
    }

    /// Notes that a statement failed, and all of its transaction with it; without an answer the connection
    /// is as good as gone.
    fn judged<T>(&self, answer: Option<std::result::Result<T, Failed>>) -> Result<T> {
        let place = || Some(PathBuf::from(self.database.to_string()));
        let error = match answer {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => told(&error, place()),
            None => {
                self.is_silent.set(true);
                Error::Database {
                    place: place(),
                    message: wait::silence(),
                    failure: Failure::Away,
                }
            }
        };
        self.is_broken.set(true);
        Err(error)
    }

    /// Connects anew where the connection is gone: the server was restarted, say, since somebody last
    /// asked. Whatever was found to be right is looked at again.
    fn ensure_connected(&self) -> Result<()> {
        if self.is_silent.get() || self.client.borrow().is_closed() {
            self.client.replace(connect::client(&self.database)?);
            self.is_silent.set(false);
            self.changes.set(self.changes.get() + 1);
            self.intact_at.set(None);
            self.seen.set(None);
            self.last_seen.borrow_mut().forget();
            self.answers.take();
        }
        Ok(())
    }

    pub(super) fn each<E: From<Error>>(
        &self,
        sql: &str,
        values: &Values<'_>,
        mut with: impl FnMut(Row<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<(), E> {
        // Only a transaction has one look.
        let is_lasting = self.is_open.get() && is_look(sql) && answers::is_lasting(sql);
        let question = if is_lasting {
            let (seen, _) = self.version()?;
            let question = answers::question(sql, values);
            let known = self.answers.borrow_mut().find(seen, &question);
            if let Some(known) = known {
                for row in &*known {
                    if with(row)?.is_break() {
                        break;
                    }
                }
                return Ok(());
            }
            question
        } else {
            Vec::new()
        };
        let mut rows = pin!(self.sent(sql, values)?);
        let mut read = Read::new(is_lasting);
        let mut is_over = false;
        while let Some(row) = self.judged(wait(rows.try_next()))? {
            if is_over {
                // Whoever wanted the first of several does not wait for all.
                return Ok(());
            }
            is_over = with(&row)?.is_break();
            read.push(row);
        }
        if let Some(rows) = read.whole() {
            self.answers.borrow_mut().keep(question, rows);
        }
        Ok(())
    }

    /// Asks several questions at once, and keeps the answers.
    pub(super) fn ahead(&self, questions: Vec<Question>) -> Result<()> {
        let (seen, _) = self.version()?;
        let mut asked = Vec::new();
        for Question { sql, given } in questions {
            let values = Values::Numbered(given);
            let question = answers::question(&sql, &values);
            let is_known = self.answers.borrow_mut().find(seen, &question).is_some();
            if self.is_open.get() && answers::is_lasting(&sql) && !is_known {
                // One that is too long to be kept is asked again when it is wanted.
                let text = format!(
                    "{} LIMIT {}",
                    self.text(&sql, &values),
                    answers::ROWS_MAX + 1
                );
                asked.push((question, text, values));
            }
        }
        let client = self.client.borrow();
        let answered = asked.iter().map(|(_, text, values)| async {
            let rows = client.query_typed_raw(text, given(values)).await?;
            rows.try_collect::<Vec<tokio_postgres::Row>>().await
        });
        // Each is sent before the first is waited for.
        let answers = self.judged(wait(futures::future::join_all(answered)).map(Ok))?;
        for ((question, ..), rows) in asked.into_iter().zip(answers) {
            let rows = self.judged(Some(rows))?;
            if rows.len() <= answers::ROWS_MAX {
                self.answers.borrow_mut().keep(question, rows);
            }
        }
        Ok(())
    }

    pub(super) fn execute(&self, sql: &str, values: &Values<'_>) -> Result<usize> {
        let mut rows = pin!(self.sent(sql, values)?);
        while self.judged(wait(rows.try_next()))?.is_some() {}
        let changed = rows.rows_affected().unwrap_or_default();
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        self.changes.set(self.changes.get() + 1);
        self.answers.take();
        self.judged(wait(self.client.borrow().batch_execute(sql)))
    }

    /// Executes statements, and gives the text of the last row.
    fn asked(&self, sql: &str) -> Result<Option<String>> {
        let answer = self.judged(wait(self.client.borrow().simple_query(sql)))?;
        Ok(answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    pub(super) fn begin(&self, mode: Mode) -> Result<()> {
        self.ensure_connected()?;
        self.is_broken.set(false);
        // A connection of a pooler is whose it was before: all that matters is said anew.
        // Others wait for whoever writes: one whose machine is gone must not keep them.
        let idle_max = match mode {
            Mode::Read => "5min",
            Mode::Write => "30s",
        };
        let settings = [
            ("search_path", "pg_catalog, kubegrant, pg_temp"),
            ("client_min_messages", "warning"),
            ("statement_timeout", "2min"),
            ("lock_timeout", "1min"),
            ("idle_in_transaction_session_timeout", idle_max),
        ]
        .map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', true)"))
        .join(", ");
        let beginning = match mode {
            Mode::Read => {
                format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {SEEN}, {settings};")
            }
            // What was committed is on a disk, whatever the server is set to.
            Mode::Write => format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT {settings};
                 SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
                   WHERE pg_catalog.current_setting('synchronous_commit') = 'off';
                 SELECT pg_catalog.pg_advisory_xact_lock({WRITERS}, 0);
                 CREATE TEMPORARY TABLE IF NOT EXISTS touched
                   (name text, part text, image text, sign bigint) ON COMMIT DELETE ROWS;
                 CREATE TEMPORARY TABLE IF NOT EXISTS changed_rows
                   (name text, row_key text, columns text) ON COMMIT DELETE ROWS; {SEEN};"
            ),
        };
        // What is seen is said last.
        let seen = self.asked(&beginning).inspect_err(|_| self.undo())?;
        let look = |text: String| self.last_seen.borrow_mut().look(&text);
        self.seen.set(seen.map(look));
        self.is_open.set(true);
        self.began_at.set(self.changes.get());
        Ok(())
    }

    /// Keeps others from writing tables, and from putting triggers on them or on the log, until the transaction ends.
    /// Whoever has a connection could else commit between what this transaction found right and what it closes over
    /// (PostgreSQL's manual, 13.3.1: the mode conflicts with writing and with CREATE TRIGGER, not with reading).
    pub(super) fn hold(&self, tables: &[&str]) -> Result<()> {
        let tables = tables.join(", ");
        // What is seen is asked again: somebody may have committed while this waited. Ours wait for each other before
        // this: whoever is waited for here is somebody with a transaction of their own, and no revocation waits long.
        let seen = self.asked(&format!(
            "SELECT pg_catalog.set_config('lock_timeout', '{HELD_MAX}', true);
             LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE; LOCK TABLE audit IN ROW EXCLUSIVE MODE; {SEEN}"
        ))?;
        let look = |text: String| self.last_seen.borrow_mut().look(&text);
        self.seen.set(seen.map(look));
        Ok(())
    }

    /// Undoes what was not committed. It is not waited for: whatever is asked next waits for it there, and
    /// what fails is undone when the connection is gone.
    fn undo(&self) {
        let client = self.client.borrow();
        let _on_its_way = client.batch_execute("ROLLBACK").now_or_never();
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.seen.set(None);
        if self.is_broken.get() {
            // It would answer with a rollback, and call that well: whoever passed over a failure hears of it here.
            return Err(Error::Aborted);
        }
        let own = self.asked(COMMIT)?;
        let own = own.and_then(|id| id.parse().ok());
        self.last_seen.borrow_mut().committed(own);
        self.is_open.set(false);
        Ok(())
    }

    /// Undoes what was not committed.
    pub(super) fn end(&self) {
        if self.is_open.replace(false) {
            self.seen.set(None);
            if self.changes.get() != self.began_at.get() {
                // What was read of rows that never came to be.
                self.answers.take();
            }
            self.undo();
        }
    }

    /// What is seen by this transaction: transactions of others that are over make another one of it.
    pub(super) fn version(&self) -> Result<Version> {
        if let Some(seen) = self.seen.get() {
            return Ok((seen, self.changes.get()));
        }
        let row = self.judged(wait(self.client.borrow().query_typed_one(SEEN, &[])))?;
        let seen = self.last_seen.borrow_mut().look(row.try_get(0)?);
        if self.is_open.get() {
            self.seen.set(Some(seen));
        }
        Ok((seen, self.changes.get()))
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// The version of the tables; nothing where there are none of ours.
    pub(super) fn schema(&self) -> Result<Option<i64>> {
        let none = Values::Numbered(Vec::new());
        let mut is_there = false;
        let sql = format!("SELECT pg_catalog.to_regclass('{SCHEMA}.schema') IS NOT NULL");
        self.each(&sql, &none, |row| {
            is_there = row.try_get(0)?;
            Ok::<_, Error>(ControlFlow::Break(()))
        })?;
        let mut version = None;
        if is_there {
            let sql = format!("SELECT version FROM {SCHEMA}.schema");
            self.each(&sql, &none, |row| {
                version = row.try_get(0)?;
                Ok::<_, Error>(ControlFlow::Break(()))
            })?;
        }
        Ok(version)
    }

    /// Makes the tables, triggers and functions, in the transaction that has begun.
    pub(super) fn make(&self, tables: &[Made], version: i64, notes: &str) -> Result<()> {
        self.intact_at.set(None);
        self.batch(&schema::script(tables, version, notes))?;
        self.batch(&schema::keep_shape())
    }

    /// Makes them anew, for the same owner and with the same grants.
    pub(super) fn make_again(&self, tables: &[Made], version: i64, notes: &str) -> Result<()> {
        self.batch(schema::KEEP_RIGHTS)?;
        self.batch(&format!("DROP SCHEMA {SCHEMA} CASCADE"))?;
        self.make(tables, version, notes)?;
        self.batch(schema::GIVE_RIGHTS)
    }

    /// The tables, functions and triggers that are there, and those that should be.
    pub(super) fn shapes(&self) -> Result<(Shape, Shape)> {
        let read = |sql: &str| {
            let mut shape = Shape::new();
            self.each(sql, &Values::Numbered(Vec::new()), |row| {
                shape.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
                Ok::<_, Error>(ControlFlow::Continue(()))
            })?;
            Ok::<_, Error>(shape)
        };
        Ok((
            read(schema::FOUND)?,
            read("SELECT kind, name, text FROM shape")?,
        ))
    }

    /// Whether they are the same; asked once of what a transaction sees.
    pub(super) fn is_in_shape(&self) -> Result<bool> {
        let (seen, _) = self.version()?;
        if self.intact_at.get() == Some(seen) {
            return Ok(true);
        }
        let mut is_same = false;
        self.each(&schema::is_kept(), &Values::Numbered(Vec::new()), |row| {
            is_same = row.try_get(0)?;
            Ok::<_, Error>(ControlFlow::Break(()))
        })?;
        self.intact_at.set(is_same.then_some(seen));
        Ok(is_same)
    }

    /// What is known of the database.
    pub(super) fn about(&self) -> Result<About> {
        let sql = "SELECT current_setting('server_version'), pg_database_size(current_database()),
             current_user::text, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
             pg_has_role(current_user, (SELECT nspowner FROM pg_namespace WHERE nspname = 'kubegrant'),
               'MEMBER'),
             has_table_privilege('kubegrant.audit', 'UPDATE, DELETE, TRUNCATE, TRIGGER')";
        let mut about = None;
        self.each(sql, &Values::Numbered(Vec::new()), |row| {
            let mut could = Vec::new();
            for (column, words) in [
                (3, "it is a superuser"),
                (4, "it owns the tables"),
                (5, "it may change or delete events"),
            ] {
                if row.try_get(column)? {
                    could.push(words.to_owned());
                }
            }
            about = Some(About {
                server: row.try_get(0)?,
                bytes: row.try_get(1)?,
                role: row.try_get(2)?,
                could,
            });
            Ok::<_, Error>(ControlFlow::Break(()))
        })?;
        about.ok_or(Error::NoRow)
    }
}
