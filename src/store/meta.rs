//! What belongs to the organization as a whole.

use rusqlite::OptionalExtension;

use super::{ReadTxn, Result, WriteTxn};

/// The organization's name.
pub(crate) const ORGANIZATION: &str = "organization";
/// The installation's id: 8 hex digits, on every object that we make on a cluster.
pub(crate) const INSTALLATION: &str = "installation";

/// Reads a value.
pub(crate) fn find(tx: &ReadTxn<'_>, key: &str) -> Result<Option<String>> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Writes a value.
pub(crate) fn set(tx: &WriteTxn<'_>, key: &str, value: &str) -> Result<()> {
    tx.sql().execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
