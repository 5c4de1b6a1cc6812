//! Sealing the clusters' logins to exactly those who may use them, and again when that changes.

use super::Error;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::installation::InstallationId;
use crate::domain::policy;
use crate::domain::refusal::Refusal;
use crate::domain::ssh::{KeyPair, SshKeyId};
use crate::domain::text::chain;
use crate::domain::user::User;
use crate::secrets::{OpenError, Recipient, RecordName, Sealed, SecretString, open, seal};
use crate::session::{self, SSH_KEY, Session};
use crate::store::provider_tokens::ProviderToken;
use crate::store::{self, ReadTxn, WriteTxn};

/// The public keys of those who may use a cluster's login: the active owners and admins of the
/// organization, and the cluster's owner (docs/design.md, "Sealed secrets").
pub(super) fn recipients(tx: &ReadTxn<'_>, cluster: &Cluster) -> Result<Vec<Recipient>, Error> {
    let users = openers(tx, cluster)?;
    users
        .into_iter()
        .filter_map(|user| key(&user).transpose())
        .collect()
}

/// Those who may use a cluster's login, as far as they have a key.
pub(super) fn openers(tx: &ReadTxn<'_>, cluster: &Cluster) -> store::Result<Vec<User>> {
    let mut users = store::users::list(tx)?;
    users.retain(|user| policy::may_open_secrets(user, cluster) && user.key.is_some());
    Ok(users)
}

/// Notes who may open the private half of an SSH key from now on.
pub(super) fn note_readers(
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    pair: SshKeyId,
) -> store::Result<()> {
    let ids: Vec<_> = openers(tx, cluster)?.iter().map(|user| user.id).collect();
    store::ssh_keys::note_recipients(tx, pair, &ids)
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
    installation: &InstallationId,
    login: &SecretString,
) -> Result<Sealed, Error> {
    let record = session.manager_record(cluster, installation);
    seal(login, &record, &recipients(tx, cluster)?).map_err(|source| Error::Seal {
        what: format!("the manager login of cluster '{}'", cluster.name),
        source,
    })
}

/// Seals a cluster's provider token to those who may use it now.
pub(super) fn seal_provider_token(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    (installation, generation): (&InstallationId, u32),
    token: &SecretString,
) -> Result<Sealed, Error> {
    let record = provider_record(cluster, installation, generation);
    seal(token, &record, &recipients(tx, cluster)?).map_err(|source| Error::Seal {
        what: format!("the provider token of cluster '{}'", cluster.name),
        source,
    })
}

fn provider_record(
    cluster: &Cluster,
    installation: &InstallationId,
    generation: u32,
) -> RecordName {
    RecordName {
        installation: installation.clone(),
        table: "provider_tokens",
        row: cluster.name.to_string(),
        column: "secret",
        generation,
    }
}

/// Opens a cluster's provider token.
pub(super) fn open_provider_token(
    session: &Session,
    cluster: &Cluster,
    installation: &InstallationId,
    stored: &ProviderToken,
) -> Result<SecretString, Error> {
    let record = provider_record(cluster, installation, stored.generation);
    let name = || cluster.name.to_string();
    let opened = open(&stored.secret, &record, session.identity()?);
    opened.map_err(|error| match error {
        OpenError::NotForThisKey => session.not_for_you("provider token", name()).into(),
        source => session::Error::Tampered {
            what: "provider token",
            cluster: name(),
            source,
        }
        .into(),
    })
}

/// The name of the record that holds a key's private half: of its fingerprint and generation.
pub(super) fn ssh_key_record(
    cluster: &Cluster,
    installation: &InstallationId,
    (fingerprint, generation): (&str, u32),
) -> RecordName {
    RecordName {
        installation: installation.clone(),
        table: "ssh_keys",
        // A cluster's name may come back with another cluster; its keys do not.
        row: format!("{}/{fingerprint}", cluster.name),
        column: "secret",
        generation,
    }
}

/// Seals the private half of a cluster's SSH key to those who may use it now.
pub(super) fn seal_ssh_key(
    tx: &ReadTxn<'_>,
    cluster: &Cluster,
    record: &RecordName,
    text: &SecretString,
) -> Result<Sealed, Error> {
    seal(text, record, &recipients(tx, cluster)?).map_err(|source| Error::Seal {
        what: format!("the SSH key of cluster '{}'", cluster.name),
        source,
    })
}

/// Opens the private half of a cluster's SSH key, as the text of its file.
pub(super) fn open_ssh_key(
    session: &Session,
    cluster: &Cluster,
    installation: &InstallationId,
    pair: &KeyPair,
) -> Result<SecretString, Error> {
    let name = || cluster.name.to_string();
    let sealed = session
        .store()?
        .read(|tx| store::ssh_keys::secret(tx, pair.id))?;
    let sealed = sealed.ok_or_else(|| session.not_for_you(SSH_KEY, name()))?;
    let key = (pair.fingerprint.as_str(), pair.generation);
    let record = ssh_key_record(cluster, installation, key);
    let opened = open(&sealed, &record, session.identity()?);
    opened.map_err(|error| match error {
        OpenError::NotForThisKey => session.not_for_you(SSH_KEY, name()).into(),
        source => session::Error::Tampered {
            what: SSH_KEY,
            cluster: name(),
            source,
        }
        .into(),
    })
}

/// One cluster's opened secrets.
struct Opened {
    cluster: Cluster,
    login: SecretString,
    provider: Option<(u32, SecretString)>,
    ssh_keys: Vec<(KeyPair, SecretString)>,
}

/// Opened secrets, to be sealed anew in the transaction that changes who may use them.
pub(super) struct Logins {
    opened: Vec<Opened>,
    /// Clusters whose secrets could not be opened, and why.
    shut: Vec<(Cluster, Error)>,
}

/// Opens the secrets of all clusters (or of those that `which` picks) before a change.
pub(super) fn open_logins(
    session: &Session,
    installation: &InstallationId,
    which: impl Fn(&Cluster) -> bool,
) -> Result<Logins, Error> {
    let clusters = session.store()?.read(store::clusters::list)?;
    let (mut opened, mut shut) = (Vec::new(), Vec::new());
    for cluster in clusters.into_iter().filter(which) {
        match open_all(session, installation, &cluster) {
            Ok(secrets) => opened.push(secrets),
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => shut.push((cluster, error)),
        }
    }
    Ok(Logins { opened, shut })
}

/// Opens the secrets of one cluster.
fn open_all(
    session: &Session,
    installation: &InstallationId,
    cluster: &Cluster,
) -> Result<Opened, Error> {
    let login = session.manager_login(cluster, installation)?;
    let (provider, held) = session.store()?.read(|tx| {
        let provider = store::provider_tokens::find(tx, cluster.id)?;
        Ok::<_, store::Error>((provider, store::ssh_keys::list(tx, cluster.id)?))
    })?;
    let provider = provider
        .map(|stored| {
            let token = open_provider_token(session, cluster, installation, &stored)?;
            Ok::<_, Error>((stored.generation, token))
        })
        .transpose()?;
    let ssh_keys = held
        .into_iter()
        .filter(|pair| pair.custody.is_held())
        .map(|pair| {
            let text = open_ssh_key(session, cluster, installation, &pair)?;
            Ok::<_, Error>((pair, text))
        })
        .collect::<Result<_, _>>()?;
    Ok(Opened {
        cluster: cluster.clone(),
        login,
        provider,
        ssh_keys,
    })
}

impl Opened {
    /// Seals every secret to those who may use it as the transaction sees them.
    fn reseal(
        &self,
        session: &Session,
        tx: &WriteTxn<'_>,
        installation: &InstallationId,
    ) -> Result<(), Error> {
        let id = self.cluster.id;
        // The owner may just have changed: the transaction knows. So does it of a new login, which
        // the old one must not replace, and of a cluster that is gone with its secrets.
        let found = store::clusters::find(tx, &self.cluster.name)?;
        let Some(cluster) = found.filter(|found| found.id == id) else {
            return Ok(());
        };
        let renewed = || Refusal::SealedMeanwhile(Some(cluster.name.clone()));
        if cluster.manager_generation != self.cluster.manager_generation {
            return Err(Error::Refused(renewed()));
        }
        let sealed = seal_login(session, tx, &cluster, installation, &self.login)?;
        store::clusters::reseal_manager(tx, id, &sealed)?;
        if let Some((generation, token)) = &self.provider {
            let place = (installation, *generation);
            let sealed = seal_provider_token(tx, &cluster, place, token)?;
            store::provider_tokens::reseal(tx, id, &sealed)?;
        }
        let held = store::ssh_keys::list(tx, id)?;
        let is_opened = |it: &KeyPair| self.ssh_keys.iter().any(|(had, _)| had.id == it.id);
        if held.iter().any(|it| it.custody.is_held() && !is_opened(it)) {
            return Err(Error::Refused(renewed()));
        }
        for (pair, text) in &self.ssh_keys {
            let key = (pair.fingerprint.as_str(), pair.generation);
            let record = ssh_key_record(&cluster, installation, key);
            let sealed = seal_ssh_key(tx, &cluster, &record, text)?;
            // One that was taken meanwhile stays gone.
            if store::ssh_keys::reseal(tx, pair.id, &sealed)? {
                note_readers(tx, &cluster, pair.id)?;
            }
        }
        Ok(())
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

    /// Whether the secrets of a cluster are among them, opened or shut.
    pub(super) fn contains(&self, cluster: ClusterId) -> bool {
        let opened = self.opened.iter().map(|it| &it.cluster);
        let shut = self.shut.iter().map(|(cluster, _)| cluster);
        opened.chain(shut).any(|it| it.id == cluster)
    }

    /// Seals every secret to those who may use it as the transaction sees them; gives the clusters
    /// where it could not be, and why. With `must`, that is an error.
    pub(super) fn reseal(
        &self,
        session: &Session,
        tx: &WriteTxn<'_>,
        installation: &InstallationId,
        must: bool,
    ) -> Result<Vec<(&Cluster, String)>, Error> {
        let shut = self.shut.iter();
        let mut unsealed: Vec<(&Cluster, String)> =
            shut.map(|(cluster, why)| (cluster, chain(why))).collect();
        for opened in &self.opened {
            match opened.reseal(session, tx, installation) {
                Ok(()) => {}
                Err(error) if must => return Err(error),
                Err(error @ (Error::Store(_) | Error::Refused(_))) => return Err(error),
                Err(error) => unsealed.push((&opened.cluster, chain(&error))),
            }
        }
        Ok(unsealed)
    }

    /// What they are, in words: what somebody who could open them has known.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for opened in &self.opened {
            words.push(format!(
                "the manager login of cluster '{}'",
                opened.cluster.name
            ));
            if opened.provider.is_some() {
                words.push(format!(
                    "the provider token of cluster '{}'",
                    opened.cluster.name
                ));
            }
            words.extend(opened.ssh_keys.iter().map(|(pair, _)| {
                format!(
                    "SSH key {} of cluster '{}'",
                    pair.fingerprint, opened.cluster.name
                )
            }));
        }
        words
    }
}
