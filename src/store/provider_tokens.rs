//! The table of provider tokens: sealed, one for a cluster.

use super::columns::{Time, time};
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::cluster::ClusterId;
use crate::domain::user::UserId;
use crate::secrets::Sealed;

/// A stored provider token.
#[derive(Debug, Clone)]
pub(crate) struct ProviderToken {
    /// Which provider.
    pub(crate) provider: String,
    /// The token, sealed.
    pub(crate) secret: Sealed,
    /// Counts the tokens of the cluster; part of the sealed record's name.
    pub(crate) generation: u32,
    /// When it was set.
    pub(crate) set_at: Timestamp,
    /// By whom.
    pub(crate) set_by: UserId,
}

/// Finds a cluster's token.
pub(crate) fn find(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Option<ProviderToken>> {
    let sql = "SELECT provider, secret, generation, set_at, set_by FROM provider_tokens
         WHERE cluster = ?1";
    tx.first("provider token", sql, [cluster], |row| {
        Ok(ProviderToken {
            provider: row.get(0)?,
            secret: row.get(1)?,
            generation: row.get(2)?,
            set_at: time(row, 3)?,
            set_by: row.get(4)?,
        })
    })
}

/// Puts a token in the place of the one that is there, if any.
pub(crate) fn put(tx: &WriteTxn<'_>, cluster: ClusterId, token: &ProviderToken) -> Result<()> {
    tx.execute(
        "INSERT INTO provider_tokens (cluster, provider, secret, generation, set_at, set_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (cluster) DO UPDATE SET provider = excluded.provider,
           secret = excluded.secret, generation = excluded.generation,
           set_at = excluded.set_at, set_by = excluded.set_by",
        (
            cluster,
            &token.provider,
            &token.secret,
            token.generation,
            Time(token.set_at),
            token.set_by,
        ),
    )?;
    Ok(())
}

/// Removes a token; `false` if there was none.
pub(crate) fn remove(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<bool> {
    Ok(tx.execute("DELETE FROM provider_tokens WHERE cluster = ?1", [cluster])? == 1)
}
