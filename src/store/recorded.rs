//! What an event says of the rows that its transaction changed, and the rows that all events together tell.
//!
//! Triggers on this connection alone note the key of each row that changes, and which of its columns do; at commit the
//! row is read as it stands, and what changed of it goes into the last event of the transaction as JSON, inside the
//! event's hash. So a change cannot be forgotten, and whoever [applies](Rows::apply) all of them in their order has the
//! rows of the store, whatever made them.
//!
//! **The form** is canonical, and frozen: `{"removed":{TABLE:[KEY…]},"set":{TABLE:[ROW…]}}`, each left out where it is
//! empty. A row has its key and the columns that changed, a new one all of them. Tables, and the columns of a row,
//! stand in the order of their names, rows in that of their keys. Values are numbers, texts and null, as they stand
//! in the tables.
//!
//! **What is not in it**: secrets, sealed or not, with digests of secrets; the place of somebody's private file; and what
//! looks at clusters write without an event. That a secret was replaced its generation tells.
//!
//! **To record a column** of a later schema, add it to [`RECORDED`], and have the migration write an event with what it
//! is in the rows that are there.

mod pieces;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::tables::Key::{self, Number, Text};
use self::tables::RECORDED;
use super::engine::{self, Connection, ToValue, ValueRef};
use super::{Error, Result, damaged};

pub(super) use self::pieces::AT_MOST;
pub(super) use self::tables::{Recorded, find};

/// A row: its columns by their names.
pub(crate) type Row = BTreeMap<String, Value>;

/// What names a row within its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// A row's name within its table.
pub(crate) type RowKey = Vec<Part>;

/// Makes the table in which this connection notes what it changes.
pub(super) const NOTES: &str =
    "CREATE TEMP TABLE changed_rows (name TEXT, row_key TEXT, columns TEXT);";

impl Recorded {
    /// The key of a row as text without doubt about where a part of it ends.
    fn key_text(&self, row: &str) -> String {
        let part = |key: &Key| match key {
            Number(name) => format!("CAST({row}.{name} AS TEXT)"),
            Text(name) => format!("hex({row}.{name})"),
        };
        let parts: Vec<String> = self.key.iter().map(part).collect();
        parts.join(" || ',' || ")
    }

    fn note(&self, row: &str, columns: &str) -> String {
        let (table, key) = (self.table, self.key_text(row));
        format!("INSERT INTO changed_rows VALUES ('{table}', {key}, {columns});")
    }

    /// What a trigger does that sees a row come.
    pub(super) fn came(&self) -> String {
        self.note("NEW", "NULL")
    }

    /// What a trigger does that sees a row go.
    pub(super) fn went(&self) -> String {
        self.note("OLD", "NULL")
    }

    /// What a trigger does that sees a row change: it notes which columns do.
    pub(super) fn changed(&self) -> String {
        let differs = |column: &&str| {
            format!(
                "CASE WHEN OLD.{column} IS NOT DISTINCT FROM NEW.{column} THEN '0' ELSE '1' END"
            )
        };
        let columns: Vec<String> = self.columns.iter().map(differs).collect();
        if columns.is_empty() {
            return String::new();
        }
        self.note("NEW", &columns.join(" || "))
    }

    /// Reads what [`Recorded::key_text`] wrote.
    fn parse_key(&self, text: &str) -> Option<RowKey> {
        let mut parts = text.split(',');
        let mut key = Vec::with_capacity(self.key.len());
        for column in self.key {
            let part = parts.next()?;
            key.push(match column {
                Number(_) => Part::Number(part.parse().ok()?),
                Text(_) => Part::Text(String::from_utf8(unhex(part)?).ok()?),
            });
        }
        Some(key)
    }

    /// All columns: those of the key first.
    fn all_columns(&self) -> impl Iterator<Item = &'static str> {
        let key = self.key.iter().map(Key::name);
        key.chain(self.columns.iter().copied())
    }

    fn select(&self) -> String {
        let columns: Vec<&str> = self.all_columns().collect();
        format!("SELECT {} FROM main.{}", columns.join(", "), self.table)
    }

    fn row(&self, row: &engine::Row<'_>) -> Result<Row> {
        let columns = self.all_columns().enumerate();
        let read = |(index, column): (usize, &str)| {
            let value = match row.get_ref(index)? {
                ValueRef::Null => Value::Null,
                ValueRef::Int(number) => number.into(),
                ValueRef::Text(text) => match str::from_utf8(text) {
                    Ok(text) => text.into(),
                    Err(_) => return Err(damaged(self.table)("a text is none".to_owned())),
                },
                ValueRef::Real(_) | ValueRef::Bytes(_) => {
                    return Err(damaged(self.table)(format!("{column} is no text")));
                }
            };
            Ok((column.to_owned(), value))
        };
        columns.map(read).collect()
    }

    /// Hands over all rows as they stand, with their keys.
    fn each(&self, sql: &Connection, mut hand: impl FnMut(RowKey, Row)) -> Result<()> {
        sql.each(&self.select(), [], |row| {
            let row = self.row(row)?;
            if let Some(key) = self.key_of(&row) {
                hand(key, row);
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
    }

    /// What is to be said of a row: its key, and the columns in which it is another; nothing where it is the same.
    fn changes(&self, old: Option<&Row>, row: Row) -> Option<Row> {
        let Some(old) = old else {
            return Some(row);
        };
        let is_key = |column: &str| self.key.iter().any(|it| it.name() == column);
        let is_same = row
            .iter()
            .all(|(column, value)| old.get(column) == Some(value));
        let said = row.into_iter();
        let said = said.filter(|(column, value)| is_key(column) || old.get(column) != Some(value));
        (!is_same).then(|| said.collect())
    }

    fn key_of(&self, row: &Row) -> Option<RowKey> {
        let part = |column: &Key| match (column, row.get(column.name())?) {
            (Number(_), Value::Number(number)) => number.as_i64().map(Part::Number),
            (Text(_), Value::String(text)) => Some(Part::Text(text.clone())),
            _ => None,
        };
        self.key.iter().map(part).collect()
    }

    /// A row of which there is only the key.
    fn only_key(&self, key: &[Part]) -> Row {
        let columns = self.key.iter().map(|column| column.name().to_owned());
        let values = key.iter().map(|part| match part {
            Part::Number(number) => Value::from(*number),
            Part::Text(text) => Value::from(text.as_str()),
        });
        columns.zip(values).collect()
    }

    /// The row of a key as it stands.
    fn get(&self, sql: &Connection, key: &[Part]) -> Result<Option<Row>> {
        let named: Vec<String> = (1..)
            .zip(self.key)
            .map(|(number, column)| format!("{} = ?{number}", column.name()))
            .collect();
        let query = format!("{} WHERE {}", self.select(), named.join(" AND "));
        let values = key.iter().map(|part| match part {
            Part::Number(number) => number as &dyn ToValue,
            Part::Text(text) => text,
        });
        let values: Vec<&dyn ToValue> = values.collect();
        let found = sql.first(&query, values, |row| Ok(self.row(row)))?;
        found.transpose()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Which of several events a piece of all rows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// How many there are.
    pub(crate) of: usize,
    /// Which one this is, from 1.
    pub(crate) part: usize,
}

/// What an event says of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// Where it says all rows as they stood when events began to say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<Base>,
    /// The keys of rows that are gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) removed: BTreeMap<String, Vec<Row>>,
    /// Rows that came, and what changed of others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) set: BTreeMap<String, Vec<Row>>,
}

impl Change {
    /// Reads what an event says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn is_empty(&self) -> bool {
        self.base.is_none() && self.removed.is_empty() && self.set.is_empty()
    }

    /// The tables that it is about.
    pub(super) fn tables(&self) -> Tables {
        let all = [&self.removed, &self.set].into_iter().flatten();
        all.map(|(table, _)| table.clone()).collect()
    }

    /// Its text.
    pub(super) fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string(self);
        text.map_err(|error| damaged("change")(error.to_string()))
    }
}

/// Names of tables.
pub(super) type Tables = BTreeSet<String>;

/// Which columns of a row changed; all where nothing says which.
type Columns = Option<BTreeSet<usize>>;

/// What the transaction changed of recorded rows so far; it is forgotten with that. `None` where it is nothing.
pub(super) fn take(sql: &Connection) -> Result<Option<Change>> {
    let mut noted: BTreeMap<(&'static str, RowKey), Columns> = BTreeMap::new();
    let query = "SELECT name, row_key, columns FROM changed_rows";
    sql.all(query, [], |row| {
        let (name, key): (String, String) = (row.get(0)?, row.get(1)?);
        let columns: Option<String> = row.get(2)?;
        // The triggers note nothing else.
        let found = find(&name).and_then(|table| Some((table.table, table.parse_key(&key)?)));
        let Some(named) = found else { return Ok(()) };
        let columns: Columns = columns.map(|columns| {
            let changed = (0..).zip(columns.chars()).filter(|(_, it)| *it == '1');
            changed.map(|(index, _)| index).collect()
        });
        let all = noted.entry(named).or_insert_with(|| Some(BTreeSet::new()));
        match (all.as_mut(), columns) {
            (Some(all), Some(columns)) => all.extend(columns),
            _ => *all = None,
        }
        Ok(())
    })?;
    if noted.is_empty() {
        return Ok(None);
    }
    sql.execute("DELETE FROM changed_rows", [])?;
    let mut change = Change::default();
    for ((name, key), columns) in noted {
        let Some(table) = find(name) else { continue };
        if columns.as_ref().is_some_and(BTreeSet::is_empty) {
            continue;
        }
        match table.get(sql, &key)? {
            None => {
                let gone = change.removed.entry(name.to_owned()).or_default();
                gone.push(table.only_key(&key));
            }
            Some(mut row) => {
                if let Some(columns) = columns {
                    let kept: BTreeSet<&str> = columns
                        .iter()
                        .filter_map(|index| table.columns.get(*index).copied())
                        .chain(table.key.iter().map(Key::name))
                        .collect();
                    row.retain(|column, _| kept.contains(column.as_str()));
                }
                change.set.entry(name.to_owned()).or_default().push(row);
            }
        }
    }
    Ok((!change.is_empty()).then_some(change))
}

/// Recorded rows: of the store, or as a log tells them. Each is kept as its text, which takes a few hundred bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows(BTreeMap<&'static str, BTreeMap<RowKey, String>>);

/// Why an event's change cannot be applied to what the events before tell.
pub(crate) const UNTOLD: &str = "what it says of rows makes no sense";

fn row_text(row: &Row) -> Option<String> {
    serde_json::to_string(row).ok()
}

fn row_of(text: &str) -> Row {
    // It is what `row_text` made.
    serde_json::from_str(text).unwrap_or_default()
}

impl Rows {
    /// All recorded rows as they stand.
    pub(super) fn of_store(sql: &Connection) -> Result<Self> {
        let mut all = Self::default();
        for table in RECORDED {
            table.each(sql, |key, row| {
                if let Some(text) = row_text(&row) {
                    all.0.entry(table.table).or_default().insert(key, text);
                }
            })?;
        }
        Ok(all)
    }

    /// Applies what an event says; an error where that makes no sense.
    pub(crate) fn apply(&mut self, change: Change) -> std::result::Result<(), &'static str> {
        for (name, gone) in change.removed {
            let table = find(&name).ok_or(UNTOLD)?;
            let rows = self.0.entry(table.table).or_default();
            for row in gone {
                rows.remove(&table.key_of(&row).ok_or(UNTOLD)?);
            }
            if rows.is_empty() {
                self.0.remove(table.table);
            }
        }
        for (name, set) in change.set {
            let table = find(&name).ok_or(UNTOLD)?;
            let rows = self.0.entry(table.table).or_default();
            for row in set {
                let known = |column: &String| table.all_columns().any(|it| it == column);
                if !row.keys().all(known) {
                    return Err(UNTOLD);
                }
                let key = table.key_of(&row).ok_or(UNTOLD)?;
                let kept = rows.entry(key).or_default();
                let mut whole = if kept.is_empty() {
                    Row::new()
                } else {
                    row_of(kept)
                };
                whole.extend(row);
                *kept = row_text(&whole).ok_or(UNTOLD)?;
            }
        }
        Ok(())
    }

    /// The tables that have rows, with these in the order of their keys.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&'static str, impl Iterator<Item = Row>)> {
        let rows = |(name, rows): (&&'static str, &BTreeMap<RowKey, String>)| {
            let rows: Vec<Row> = rows.values().map(|text| row_of(text)).collect();
            (*name, rows.into_iter())
        };
        self.0.iter().map(rows)
    }

    /// One row.
    pub(super) fn get(&self, table: &str, key: &[Part]) -> Option<Row> {
        self.0.get(table)?.get(key).map(|text| row_of(text))
    }

    /// Whether there is such a row.
    pub(super) fn has(&self, table: &str, key: &[Part]) -> bool {
        self.0.get(table).is_some_and(|rows| rows.contains_key(key))
    }

    /// What must be said of these rows to make those of the store of them.
    pub(super) fn change_to_store(mut self, sql: &Connection) -> Result<Change> {
        let mut change = Change::default();
        for table in RECORDED {
            let mut before = self.0.remove(table.table).unwrap_or_default();
            let mut changed = Vec::new();
            table.each(sql, |key, row| {
                let old = before.remove(&key).map(|text| row_of(&text));
                changed.extend(table.changes(old.as_ref(), row));
            })?;
            if !changed.is_empty() {
                change.set.insert(table.table.to_owned(), changed);
            }
            if !before.is_empty() {
                let gone = before.keys().map(|key| table.only_key(key)).collect();
                change.removed.insert(table.table.to_owned(), gone);
            }
        }
        Ok(change)
    }

    /// The tables whose rows in the store are others.
    pub(super) fn differing(mut self, sql: &Connection) -> Result<Vec<&'static str>> {
        let mut differing = Vec::new();
        for table in RECORDED {
            let mut told = self.0.remove(table.table).unwrap_or_default();
            let mut is_same = true;
            table.each(sql, |key, row| {
                is_same = is_same && told.remove(&key) == row_text(&row);
            })?;
            if !is_same || !told.is_empty() {
                differing.push(table.table);
            }
        }
        Ok(differing)
    }
}

#[cfg(test)]
mod tests;
