//! Sealing the clusters' logins to exactly those who may use them, and again when that changes.

use super::Error;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::effect::Effect;
use crate::domain::installation::InstallationId;
use crate::domain::policy;
use crate::domain::refusal::Refusal;
use crate::domain::sealed::{SealedSecret, Which};
use crate::domain::text::chain;
use crate::domain::user::User;
use crate::secrets::{Recipient, Sealed, SecretString, seal};
use crate::session::{Session, record_name};
use crate::store::{self, ReadTxn, WriteTxn};

/// The public keys of those who may open a secret of a cluster (docs/design.md, "Sealed secrets").
fn recipients(tx: &ReadTxn<'_>, cluster: &Cluster, which: &Which) -> Result<Vec<Recipient>, Error> {
    let users = openers(tx, cluster, which)?;
    users
        .into_iter()
        .filter_map(|user| key(&user).transpose())
        .collect()
}

/// Those who may open a secret of a cluster, as far as they have a key.
pub(super) fn openers(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    which: &Which,
) -> store::Result<Vec<User>> {
    let mut users = store::users::admins(tx)?;
    if policy::server_opens(cluster, which) {
        users.extend(store::users::servers(tx)?);
    }
    if let Some(owner) = cluster
        .owner
        .filter(|id| users.iter().all(|it| it.id != *id))
    {
        users.extend(store::users::get(tx, owner)?);
    }
    users.retain(|user| policy::may_open(user, cluster, which) && user.key.is_some());
    Ok(users)
}

/// Notes who may open the private half of an SSH key from now on.
pub(super) fn note_readers(
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    which: &Which,
) -> store::Result<()> {
    let Which::SshKey { id, .. } = which else {
        return Ok(());
    };
    let openers = openers(tx, cluster, which)?;
    let ids: Vec<_> = openers.iter().map(|user| user.id).collect();
    store::ssh_keys::note_recipients(tx, *id, &ids)
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

/// Seals a secret of a cluster to those who may open it now.
pub(super) fn seal_to_openers(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    secret: &SealedSecret,
    installation: &InstallationId,
    text: &SecretString,
) -> Result<Sealed, Error> {
    let record = record_name(secret, installation);
    seal(text, &record, &recipients(tx, cluster, &secret.which)?).map_err(|source| Error::Seal {
        what: secret.to_string(),
        source,
    })
}

/// Seals a cluster's login to those who may use it now.
pub(super) fn seal_login(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    installation: &InstallationId,
    login: &SecretString,
) -> Result<Sealed, Error> {
    let secret = SealedSecret::manager_login(cluster);
    seal_to_openers(tx, cluster, &secret, installation, login)
}

/// Seals the login of a cluster's issuer to those who may use it now.
pub(super) fn seal_issuer(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    installation: &InstallationId,
    login: &SecretString,
) -> Result<Option<Sealed>, Error> {
    let secret = SealedSecret::issuer_login(cluster);
    let sealed = secret.map(|it| seal_to_openers(tx, cluster, &it, installation, login));
    sealed.transpose()
}

/// One cluster's opened secrets.
struct Opened {
    cluster: Cluster,
    secrets: Vec<(SealedSecret, SecretString)>,
    /// Those that stay sealed as they are.
    others: Vec<SealedSecret>,
}

/// Opened secrets, to be sealed anew in the transaction that changes who may use them.
#[derive(Default)]
pub(super) struct Logins {
    opened: Vec<Opened>,
    /// Secrets that could not be opened, and why.
    shut: Vec<(SealedSecret, Error)>,
}

/// Whether any secret of a cluster is among those that a change seals anew.
pub(super) fn is_any(which: &dyn Fn(&Cluster, &Which) -> bool, cluster: &Cluster) -> bool {
    let kinds = [
        Which::ManagerLogin,
        Which::IssuerLogin,
        Which::ProviderToken,
    ];
    kinds.iter().any(|kind| which(cluster, kind))
}

/// Opens the secrets of all clusters (or of those that `which` picks) before a change.
pub(super) fn open_logins(
    session: &Session,
    installation: &InstallationId,
    which: impl Fn(&Cluster, &Which) -> bool,
) -> Result<Logins, Error> {
    let clusters = session.store()?.read(store::clusters::list)?;
    let (mut opened, mut shut) = (Vec::new(), Vec::new());
    let any = |cluster: &Cluster| is_any(&which, cluster);
    for cluster in clusters.into_iter().filter(any) {
        let held = session
            .store()?
            .read(|tx| store::sealed::of_cluster(tx, &cluster))?;
        let mut secrets = Vec::new();
        let (held, others): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|it| which(&cluster, &it.which));
        for secret in held {
            match session.open_secret(&secret, installation) {
                Ok(text) => secrets.push((secret, text)),
                Err(error) => shut.push((secret, error.into())),
            }
        }
        opened.push(Opened {
            cluster,
            secrets,
            others,
        });
    }
    Ok(Logins { opened, shut })
}

impl Opened {
    /// Seals every secret to those who may use it as the transaction sees them.
    ///
    /// `shut` are those that could not be opened; gives those that could not be sealed, and why.
    fn reseal<'a>(
        &'a self,
        tx: &WriteTxn<'_>,
        installation: &InstallationId,
        shut: &[(SealedSecret, Error)],
    ) -> Result<Vec<(&'a SealedSecret, Error)>, Error> {
        // The owner may just have changed: the transaction knows. So does it of a new login, which
        // the old one must not replace, and of a cluster that is gone with its secrets.
        let found = store::clusters::find(tx, &self.cluster.name)?;
        let Some(cluster) = found.filter(|found| found.id == self.cluster.id) else {
            return Ok(vec![]);
        };
        let held = store::sealed::of_cluster(tx, &cluster)?;
        let opened = self.secrets.iter().map(|(secret, _)| secret);
        let known = opened
            .chain(&self.others)
            .chain(shut.iter().map(|(it, _)| it));
        let known: Vec<&SealedSecret> = known.collect();
        if !held.iter().all(|secret| known.contains(&secret)) {
            let renewed = Refusal::SealedMeanwhile(Some(cluster.name));
            return Err(Error::Refused(renewed));
        }
        let mut unsealed = Vec::new();
        // One that was taken meanwhile stays gone.
        for (secret, text) in self.secrets.iter().filter(|(it, _)| held.contains(it)) {
            match seal_to_openers(tx, &cluster, secret, installation, text) {
                Ok(sealed) => {
                    store::sealed::reseal(tx, secret, &sealed)?;
                    note_readers(tx, &cluster, &secret.which)?;
                }
                Err(error @ Error::Store(_)) => return Err(error),
                Err(error) => unsealed.push((secret, error)),
            }
        }
        Ok(unsealed)
    }
}

impl Logins {
    /// The same, or why a secret could not be opened.
    pub(super) fn whole(mut self) -> Result<Self, Error> {
        match self.shut.pop() {
            None => Ok(self),
            Some((_, error)) => Err(error),
        }
    }

    /// Whether those of no cluster are to be sealed anew.
    pub(super) fn is_empty(&self) -> bool {
        self.opened.is_empty()
    }

    /// Whether the secrets of a cluster are among them, opened or shut.
    pub(super) fn contains(&self, cluster: ClusterId) -> bool {
        self.opened.iter().any(|it| it.cluster.id == cluster)
    }

    /// Seals every secret to those who may use it as the transaction sees them; gives those where it
    /// could not be, and why. With `must`, that is an error.
    pub(super) fn reseal(
        &self,
        tx: &WriteTxn<'_>,
        installation: &InstallationId,
        must: bool,
    ) -> Result<Vec<(&SealedSecret, String)>, Error> {
        let shut = self.shut.iter().map(|(secret, why)| (secret, chain(why)));
        let mut unsealed: Vec<(&SealedSecret, String)> = shut.collect();
        for opened in &self.opened {
            for (secret, error) in opened.reseal(tx, installation, &self.shut)? {
                if must {
                    return Err(error);
                }
                unsealed.push((secret, chain(&error)));
            }
        }
        Ok(unsealed)
    }

    /// What they are, in words, opened or shut: what somebody who could open them has known. But for the
    /// login of an issuer that is replaced with these effects, or goes when the manager's does.
    pub(super) fn description(&self, effects: &[Effect]) -> Vec<String> {
        let opened = self.opened.iter().flat_map(|opened| &opened.secrets);
        let opened = opened.map(|(secret, _)| secret);
        let all = opened.chain(self.shut.iter().map(|(secret, _)| secret));
        let all: Vec<&SealedSecret> = all.collect();
        let is_replaced = |secret: &SealedSecret| {
            let replaces = |effect: &Effect| matches!(effect, Effect::ReplaceIssuer { cluster, .. } if *cluster == secret.cluster);
            let with = |it: &&SealedSecret| {
                it.cluster == secret.cluster && it.which == Which::ManagerLogin
            };
            secret.which == Which::IssuerLogin
                && (effects.iter().any(replaces) || all.iter().any(with))
        };
        let said = all.iter().filter(|secret| !is_replaced(secret));
        said.map(ToString::to_string).collect()
    }
}
