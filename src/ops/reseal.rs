//! Sealing the clusters' logins to exactly those who may use them, and again when that changes.

use super::Error;
use crate::domain::cluster::Cluster;
use crate::domain::user::User;
use crate::secrets::{Recipient, Sealed, SecretString, seal};
use crate::session::Session;
use crate::store::{self, ReadTxn, WriteTxn};

/// The public keys of those who may use a cluster's login: the active owners and admins of the
/// organization, and the cluster's owner (design, section 5).
pub(super) fn recipients(tx: &ReadTxn<'_>, cluster: &Cluster) -> Result<Vec<Recipient>, Error> {
    let users = store::users::list(tx)?;
    users
        .into_iter()
        .filter(|user| user.active && (user.role.is_admin() || cluster.owner == Some(user.id)))
        .filter_map(|user| key(&user).transpose())
        .collect()
}

/// A user's public key, parsed.
pub(super) fn key(user: &User) -> Result<Option<Recipient>, Error> {
    let parse = |text: &String| {
        text.parse().map_err(|source| Error::Key {
            place: format!("user '{}'", user.name),
            source,
        })
    };
    user.key.as_ref().map(parse).transpose()
}

/// Seals a cluster's login to those who may use it now.
pub(super) fn seal_login(
    session: &Session,
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    installation: &str,
    login: &SecretString,
) -> Result<Sealed, Error> {
    let record = session.manager_record(cluster, installation);
    seal(login, &record, &recipients(tx, cluster)?).map_err(|source| Error::Seal {
        what: format!("the manager login of cluster '{}'", cluster.name),
        source,
    })
}

/// Opened logins, to be sealed anew in the transaction that changes who may use them.
pub(super) struct Logins(Vec<(Cluster, SecretString)>);

/// Opens the logins of all clusters (or of those that `which` picks) before a change.
pub(super) fn open_logins(
    session: &Session,
    installation: &str,
    which: impl Fn(&Cluster) -> bool,
) -> Result<Logins, Error> {
    let clusters = session.store()?.read(|tx| store::clusters::list(tx))?;
    let mut logins = Vec::new();
    for cluster in clusters.into_iter().filter(which) {
        let login = session.manager_login(&cluster, installation)?;
        logins.push((cluster, login));
    }
    Ok(Logins(logins))
}

impl Logins {
    /// Seals every login to those who may use it as the transaction sees them.
    pub(super) fn reseal(
        &self,
        session: &Session,
        tx: &WriteTxn<'_>,
        installation: &str,
    ) -> Result<(), Error> {
        for (cluster, login) in &self.0 {
            let sealed = seal_login(session, tx, cluster, installation, login)?;
            store::clusters::reseal_manager(tx, cluster.id, &sealed)?;
        }
        Ok(())
    }
}
