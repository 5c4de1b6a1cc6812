//! Credentials of shells: numbered by themselves, and many may live at once.

use super::columns::Time;
use super::{ReadTxn, Result, WriteTxn};
use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::account_name::AccountName;
use crate::domain::cluster::ClusterId;
use crate::domain::credential::{CredentialId, Subject};
use crate::domain::user::UserId;

/// What a new shell starts with.
#[derive(Debug)]
pub(crate) struct NewShell<'a> {
    /// Where.
    pub(crate) cluster: ClusterId,
    /// Whose.
    pub(crate) user: UserId,
    /// Its number.
    pub(crate) version: u32,
    /// Its account's name.
    pub(crate) account: &'a AccountName,
    /// What it carries.
    pub(crate) power: Power,
    /// When.
    pub(crate) created_at: Timestamp,
    /// When its time is over.
    pub(crate) until: Timestamp,
}

/// Inserts a shell's credential as `pending`.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &NewShell<'_>) -> Result<CredentialId> {
    let shard = super::credentials::places(tx, new.cluster)?.take(new.power);
    let id = tx.insert(
        "INSERT INTO credentials
           (id, cluster, kind, user, version, account, power, shard, state, created_at, until)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM credentials), ?1, 'shell', ?2, ?3, ?4, ?5,
           ?6, 'pending', ?7, ?8) RETURNING id",
        (
            new.cluster,
            new.user,
            new.version,
            new.account,
            new.power,
            shard,
            Time(new.created_at),
            Time(new.until),
        ),
    )?;
    Ok(CredentialId(id))
}

/// The number that a user's next shell on a cluster gets.
pub(crate) fn next_version(tx: &ReadTxn<'_>, cluster: ClusterId, user: UserId) -> Result<u32> {
    super::credentials::next_version(tx, cluster, Subject::Shell(user))
}
