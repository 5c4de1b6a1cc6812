//! What belongs to the organization as a whole.

use super::integrity::{self, Scope};
use super::{ReadTxn, Result, WriteTxn, damaged};
use crate::domain::installation::InstallationId;
use crate::domain::oidc::Provider;

/// The organization's name.
pub(crate) const ORGANIZATION: &str = "organization";
/// The address that people know the server by that was started last.
pub(crate) const PUBLIC_URL: &str = "public_url";
/// The OpenID issuer with which people log in.
const OIDC_ISSUER: &str = "oidc_issuer";
/// What it knows our server as.
const OIDC_CLIENT: &str = "oidc_client";
/// The installation's id, on every object that we make on a cluster.
const INSTALLATION: &str = "installation";

/// Where this store was moved to.
pub(crate) const MOVED_TO: &str = "moved_to";

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

/// Removes a value.
pub(crate) fn remove(tx: &WriteTxn<'_>, key: &str) -> Result<()> {
    tx.execute("DELETE FROM meta WHERE key = ?1", [key])?;
    Ok(())
}

/// Whom people log in with, if with anybody.
pub(crate) fn provider(tx: &ReadTxn<'_>) -> Result<Option<Provider>> {
    integrity::check(tx, Scope::Organization)?;
    let (issuer, client_id) = (find(tx, OIDC_ISSUER)?, find(tx, OIDC_CLIENT)?);
    let (Some(issuer), Some(client_id)) = (issuer, client_id) else {
        return Ok(None);
    };
    let issuer = issuer.parse().map_err(damaged("OpenID issuer"))?;
    Ok(Some(Provider { issuer, client_id }))
}

/// Says whom people log in with.
pub(crate) fn set_provider(tx: &WriteTxn<'_>, provider: Option<&Provider>) -> Result<()> {
    let Some(provider) = provider else {
        let sql = "DELETE FROM meta WHERE key IN (?1, ?2)";
        tx.execute(sql, [OIDC_ISSUER, OIDC_CLIENT])?;
        return Ok(());
    };
    set(tx, OIDC_ISSUER, provider.issuer.as_str())?;
    set(tx, OIDC_CLIENT, &provider.client_id)
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
