//! Finding a credential by what a token says of itself, on clusters that are gone too.

use super::credentials::{collect, deliveries, get};
use super::{ReadTxn, Result};
use crate::domain::cluster::ClusterId;
use crate::domain::credential::{Credential, Delivery};

/// Finds the hand-over of a token, by the id that the API server gave the token.
pub(crate) fn by_jti(tx: &ReadTxn<'_>, jti: &str) -> Result<Option<(Credential, Delivery)>> {
    let sql = "SELECT credential FROM deliveries WHERE jti = ?1";
    let Some(id) = tx.first("delivery", sql, [jti], |row| row.get(0))? else {
        return Ok(None);
    };
    let Some(credential) = get(tx, id)? else {
        return Ok(None);
    };
    let mut all = deliveries(tx, id)?;
    all.retain(|delivery| delivery.jti.as_deref() == Some(jti));
    Ok(all.pop().map(|delivery| (credential, delivery)))
}

/// Finds the version that an account belongs to. Accounts are named at random, so more than one
/// would be a wonder.
pub(crate) fn by_account(tx: &ReadTxn<'_>, account: &str) -> Result<Option<Credential>> {
    Ok(collect(tx, "account = ?1 ORDER BY id", [account])?.pop())
}

/// The name of a cluster, and whether it is in view still.
pub(crate) fn cluster_name(tx: &ReadTxn<'_>, id: ClusterId) -> Result<Option<(String, bool)>> {
    let sql = "SELECT name, removed_at IS NULL FROM clusters WHERE id = ?1";
    tx.first("cluster", sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))
}
