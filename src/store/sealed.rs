//! Sealed secrets of clusters, whatever their kind.

use super::engine::Row;
use super::{ReadTxn, Result, WriteTxn, provider_tokens, ssh_keys};
use crate::domain::cluster::Cluster;
use crate::domain::sealed::SealedSecret;
use crate::secrets::Sealed;

/// Lists the secrets of a cluster that the store holds.
pub(crate) fn of_cluster(tx: &ReadTxn<'_>, cluster: &Cluster) -> Result<Vec<SealedSecret>> {
    let mut held = vec![SealedSecret::manager_login(cluster)];
    held.extend(SealedSecret::issuer_login(cluster));
    if let Some(token) = provider_tokens::find(tx, cluster.id)? {
        held.push(SealedSecret::provider_token(cluster, token.generation));
    }
    let pairs = ssh_keys::list(tx, cluster.id)?;
    let pairs = pairs.iter().filter(|pair| pair.custody.is_held());
    held.extend(pairs.map(|pair| SealedSecret::ssh_key(cluster, pair)));
    Ok(held)
}

/// Reads a secret, with the number that it has now; nothing where it is gone.
pub(crate) fn get(tx: &ReadTxn<'_>, secret: &SealedSecret) -> Result<Option<(u32, Sealed)>> {
    let at = secret.column();
    let sql = format!(
        "SELECT {}, {} FROM {} WHERE {} = ?1 AND {} IS NOT NULL",
        at.generation, at.secret, at.table, at.key, at.secret
    );
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    tx.first(secret.noun(), &sql, [secret.key()], read)
}

/// Replaces the sealed bytes by some that are sealed to other people; the secret is the same. One that
/// is gone stays gone, and gives `false`.
pub(crate) fn reseal(tx: &WriteTxn<'_>, secret: &SealedSecret, sealed: &Sealed) -> Result<bool> {
    let at = secret.column();
    let sql = format!(
        "UPDATE {} SET {} = ?2 WHERE {} = ?1 AND {} IS NOT NULL",
        at.table, at.secret, at.key, at.secret
    );
    Ok(tx.execute(&sql, (secret.key(), sealed))? == 1)
}
