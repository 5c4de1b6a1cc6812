//! What belongs to the organization as a whole.

use rusqlite::OptionalExtension;

use super::{ReadTxn, Result, WriteTxn, damaged};
use crate::domain::installation::InstallationId;

/// The organization's name.
pub(crate) const ORGANIZATION: &str = "organization";
/// The installation's id, on every object that we make on a cluster.
const INSTALLATION: &str = "installation";

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

/// This installation's id; `None` while `init` has not recorded it.
pub(crate) fn find_installation(tx: &ReadTxn<'_>) -> Result<Option<InstallationId>> {
    let found = find(tx, INSTALLATION)?;
    found
        .map(|text| text.parse().map_err(damaged("organization")))
        .transpose()
}

/// This installation's id. What is deleted on a cluster is chosen by it, so where there is none
/// nothing goes on.
pub(crate) fn installation(tx: &ReadTxn<'_>) -> Result<InstallationId> {
    find_installation(tx)?
        .ok_or_else(|| damaged("organization")("it has no installation id".to_owned()))
}

/// Records this installation's id.
pub(crate) fn set_installation(tx: &WriteTxn<'_>, id: &InstallationId) -> Result<()> {
    set(tx, INSTALLATION, id.as_str())
}
