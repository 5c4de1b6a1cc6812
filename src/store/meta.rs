//! What belongs to the organization as a whole.

use super::{ReadTxn, Result, WriteTxn, damaged};
use crate::domain::installation::InstallationId;

/// The organization's name.
pub(crate) const ORGANIZATION: &str = "organization";
/// The address that people know the server by that was started last.
pub(crate) const PUBLIC_URL: &str = "public_url";
/// The installation's id, on every object that we make on a cluster.
const INSTALLATION: &str = "installation";

const VALUE: &str = "SELECT value FROM meta WHERE key = ?1";

/// Reads a value.
pub(crate) fn find(tx: &ReadTxn<'_>, key: &str) -> Result<Option<String>> {
    tx.first(ORGANIZATION, VALUE, [key], |row| row.get(0))
}

/// Writes a value.
pub(crate) fn set(tx: &WriteTxn<'_>, key: &str, value: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}

/// This installation's id; `None` while `init` has not recorded it.
pub(crate) fn find_installation(tx: &ReadTxn<'_>) -> Result<Option<InstallationId>> {
    tx.first(ORGANIZATION, VALUE, [INSTALLATION], |row| row.get(0))
}

/// This installation's id. What is deleted on a cluster is chosen by it, so where there is none
/// nothing goes on.
pub(crate) fn installation(tx: &ReadTxn<'_>) -> Result<InstallationId> {
    find_installation(tx)?
        .ok_or_else(|| damaged(ORGANIZATION)("it has no installation id".to_owned()))
}

/// Records this installation's id.
pub(crate) fn set_installation(tx: &WriteTxn<'_>, id: &InstallationId) -> Result<()> {
    set(tx, INSTALLATION, id.as_str())
}
