//! A store's rows in another store, whichever database each is in.
//!
//! Rows go over as they are, digests and log too: what was changed without this program stays so, and is
//! found there. Sessions at a server stay behind: whoever was logged in logs in again.

use std::ops::ControlFlow;

use super::engine::{self, Connection, Value, ValueRef};
use super::{Error, ReadTxn, Result, Store, WriteTxn, schema};

/// What stays behind.
const LEFT: &str = "sessions";

/// How many rows each table has, in the order in which they go over.
pub(crate) type Counts = Vec<(String, i64)>;

/// A value that is on its way.
fn carried(value: ValueRef<'_>) -> engine::Result<Value<'_>> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Int(number) => Value::Int(number),
        ValueRef::Text(_) => Value::Text(value.as_str()?.into()),
        ValueRef::Bytes(bytes) => Value::Bytes(bytes.into()),
        ValueRef::Real(_) => return Err(engine::Error::Unwritable("no integer".to_owned())),
    })
}

/// The tables of a file, each with its columns.
fn tables_of(file: &Connection) -> Result<Vec<(String, Vec<String>)>> {
    let tables = schema::made_in(file)?.into_iter();
    let mut found = Vec::new();
    for table in tables.filter(|it| it.kind == "table") {
        let query = "SELECT name FROM pragma_table_info(?1)";
        let columns = file.all(query, [&table.name], |row| row.get(0))?;
        found.push((table.name, columns));
    }
    Ok(found)
}

/// The tables of a store that goes elsewhere.
fn tables() -> Result<Vec<(String, Vec<String>)>> {
    let mut tables = tables_of(&schema::fresh()?)?;
    tables.retain(|(name, _)| name != LEFT);
    Ok(tables)
}

/// Copies all rows between a database and a file with the same tables, both in a transaction.
pub(super) fn copy_rows(from: &Connection, to: &Connection) -> Result<()> {
    let file = if from.is_remote() { to } else { from };
    to.wait_with_references()?;
    for (table, columns) in tables_of(file)? {
        copy_table(from, to, &table, &columns)?;
    }
    Ok(())
}

/// Counts the rows of each table.
pub(crate) fn counts(tx: &ReadTxn<'_>) -> Result<Counts> {
    let mut counts = Counts::new();
    for (table, _) in tables()? {
        let query = format!("SELECT count(*) FROM {table}");
        counts.push((table, tx.sql().one(&query, [], |row| row.get(0))?));
    }
    Ok(counts)
}

/// The state that the digests of the rows come to.
pub(crate) fn state(tx: &ReadTxn<'_>) -> Result<String> {
    super::integrity::state(tx.sql())
}

/// Copies all rows into a store that was just made.
pub(crate) fn copy(from: &ReadTxn<'_>, to: &WriteTxn<'_>) -> Result<()> {
    super::integrity::forget(to.sql())?;
    to.sql().wait_with_references()?;
    for (table, columns) in tables()? {
        copy_table(from.sql(), to.sql(), &table, &columns)?;
    }
    // They are as they were, and so are their digests.
    to.execute("DELETE FROM touched", [])?;
    to.execute("DELETE FROM changed_rows", [])?;
    Ok(())
}

fn copy_table(from: &Connection, to: &Connection, table: &str, columns: &[String]) -> Result<()> {
    let names = columns.join(", ");
    let places = engine::places(columns.len());
    let query = format!("SELECT {names} FROM {table}");
    let insert = format!("INSERT INTO {table} ({names}) VALUES ({places})");
    from.each(&query, [], |row| {
        let values = (0..columns.len()).map(|column| carried(row.get_ref(column)?));
        let values = values.collect::<engine::Result<Vec<Value<'_>>>>()?;
        to.execute(&insert, values)?;
        Ok::<_, Error>(ControlFlow::Continue(()))
    })
}

impl Store {
    /// A store in memory with the rows of this one.
    pub(super) fn in_memory(&self) -> Result<Self> {
        let memory = Self::over(Connection::in_memory()?, &self.path);
        memory.connection.file()?.settings()?;
        memory.migrate()?;
        self.read(|from| memory.write(|to| copy(from, to)))?;
        Ok(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::action::Action;
    use crate::domain::audit::{Event, Phase};
    use crate::domain::effect::NewUser;
    use crate::domain::user::Role;
    use crate::store::{audit, fixture, integrity, meta, users};

    #[test]
    fn a_copy_has_every_row_and_the_same_state_and_log() {
        let home = tempfile::tempdir().expect("a folder");
        let store = Store::create(&home.path().join("kubegrant/store.db")).expect("it is new");
        for name in ["alice", "bob"] {
            let done: Result<()> = store.write(|tx| {
                let new = NewUser {
                    name: name.parse().expect("a name"),
                    email: None,
                    role: Role::Developer,
                    key: None,
                    oidc: None,
                    created_at: Timestamp::UNIX_EPOCH,
                };
                let id = users::insert(tx, &new)?;
                if name == "bob" {
                    users::set_key(tx, id, name, id, Timestamp::UNIX_EPOCH)?;
                }
                meta::set(tx, "k", name)?;
                let event = Event {
                    at: Timestamp::UNIX_EPOCH,
                    actor: name.to_owned(),
                    acting_as: None,
                    action: Action::UserAdd,
                    phase: Phase::Done,
                    cluster: None,
                    user: Some(name.to_owned()),
                    detail: "it's — all of it".to_owned(),
                    request: None,
                };
                fixture::append(tx, &event).map(drop)
            });
            done.expect("it can be written");
        }
        let copied = store.in_memory().expect("it can be copied");
        let of = |store: &Store| {
            let found = store.read(|tx| {
                Ok::<_, Error>((counts(tx)?, state(tx)?, audit::head(tx)?, users::list(tx)?))
            });
            found.expect("it can be read")
        };
        assert_eq!(of(&store), of(&copied));
        let changed = copied.read(integrity::changed).expect("it can be read");
        assert_eq!(changed, Vec::<String>::new());
    }
}
