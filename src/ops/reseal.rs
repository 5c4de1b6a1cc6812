//! Sealing the clusters' logins to exactly those who may use them, and again when that changes.

use super::Error;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::installation::InstallationId;
use crate::domain::policy;
use crate::domain::ssh::{KeyPair, SshKeyId};
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
pub(super) struct Logins(Vec<Opened>);

/// Opens the secrets of all clusters (or of those that `which` picks) before a change.
pub(super) fn open_logins(
    session: &Session,
    installation: &InstallationId,
    which: impl Fn(&Cluster) -> bool,
) -> Result<Logins, Error> {
    let clusters = session.store()?.read(store::clusters::list)?;
    let mut logins = Vec::new();
    for cluster in clusters.into_iter().filter(which) {
        let login = session.manager_login(&cluster, installation)?;
        let stored = session
            .store()?
            .read(|tx| store::provider_tokens::find(tx, cluster.id))?;
        let provider = stored
            .map(|stored| {
                let token = open_provider_token(session, &cluster, installation, &stored)?;
                Ok::<_, Error>((stored.generation, token))
            })
            .transpose()?;
        let held = session
            .store()?
            .read(|tx| store::ssh_keys::list(tx, cluster.id))?;
        let ssh_keys = held
            .into_iter()
            .filter(|pair| pair.custody.is_held())
            .map(|pair| {
                let text = open_ssh_key(session, &cluster, installation, &pair)?;
                Ok::<_, Error>((pair, text))
            })
            .collect::<Result<_, _>>()?;
        logins.push(Opened {
            cluster,
            login,
            provider,
            ssh_keys,
        });
    }
    Ok(Logins(logins))
}

impl Logins {
    /// Whether the secrets of a cluster are among them.
    pub(super) fn contains(&self, cluster: ClusterId) -> bool {
        self.0.iter().any(|opened| opened.cluster.id == cluster)
    }

    /// Whether nothing was opened.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seals every secret to those who may use it as the transaction sees them.
    pub(super) fn reseal(
        &self,
        session: &Session,
        tx: &WriteTxn<'_>,
        installation: &InstallationId,
    ) -> Result<(), Error> {
        for opened in &self.0 {
            let id = opened.cluster.id;
            // The owner may just have changed: the transaction knows. So does it of a new login,
            // which the old one must not replace, and of a cluster that is gone with its secrets.
            let found = store::clusters::find(tx, &opened.cluster.name)?;
            let Some(cluster) = found.filter(|found| found.id == id) else {
                continue;
            };
            if cluster.manager_generation != opened.cluster.manager_generation {
                return Err(Error::Forbidden {
                    why: format!(
                        "the login of cluster '{}' was renewed meanwhile",
                        cluster.name
                    ),
                    hint: "try again".to_owned(),
                });
            }
            let sealed = seal_login(session, tx, &cluster, installation, &opened.login)?;
            store::clusters::reseal_manager(tx, id, &sealed)?;
            if let Some((generation, token)) = &opened.provider {
                let place = (installation, *generation);
                let sealed = seal_provider_token(tx, &cluster, place, token)?;
                store::provider_tokens::reseal(tx, id, &sealed)?;
            }
            let held = store::ssh_keys::list(tx, id)?;
            let is_opened = |it: &KeyPair| opened.ssh_keys.iter().any(|(had, _)| had.id == it.id);
            if held.iter().any(|it| it.custody.is_held() && !is_opened(it)) {
                return Err(Error::Forbidden {
                    why: format!("cluster '{}' got an SSH key meanwhile", cluster.name),
                    hint: "try again".to_owned(),
                });
            }
            for (pair, text) in &opened.ssh_keys {
                let key = (pair.fingerprint.as_str(), pair.generation);
                let record = ssh_key_record(&cluster, installation, key);
                let sealed = seal_ssh_key(tx, &cluster, &record, text)?;
                // One that was taken meanwhile stays gone.
                if store::ssh_keys::reseal(tx, pair.id, &sealed)? {
                    note_readers(tx, &cluster, pair.id)?;
                }
            }
        }
        Ok(())
    }

    /// What they are, in words: what somebody who could open them has known.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for opened in &self.0 {
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
