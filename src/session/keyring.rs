//! Opening sealed secrets with the identity.

use super::{Error, Session};
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::domain::sealed::SealedSecret;
use crate::secrets::{OpenError, RecordName, SecretString, open};
use crate::store;
use crate::store::integrity::{self, Scope};

/// The name of the record that a secret is sealed under.
pub(crate) fn record_name(secret: &SealedSecret, installation: &InstallationId) -> RecordName {
    let at = secret.column();
    RecordName {
        installation: installation.clone(),
        table: at.table,
        row: secret.row(),
        column: at.secret,
        generation: secret.generation,
    }
}

impl Session {
    /// Something that the identity does not open, kept in mind as a refusal.
    pub(crate) fn not_for_you(&self, secret: &SealedSecret) -> Error {
        let mut shut = self.keyring.shut.borrow_mut();
        if !shut.contains(secret) {
            shut.push(secret.clone());
        }
        Error::NotForYou(secret.clone())
    }

    /// What the identity did not open so far; it is forgotten with that.
    pub(crate) fn take_shut(&self) -> Vec<SealedSecret> {
        self.keyring.shut.take()
    }

    /// Opens a secret.
    pub(crate) fn open_secret(
        &self,
        secret: &SealedSecret,
        installation: &InstallationId,
    ) -> Result<SecretString, Error> {
        // Its number and its bytes in one look: a rotation between two would look like tampering.
        let found = self.store()?.read(|tx| {
            // The last door before the network: what the store says must be what was recorded.
            integrity::check(tx, Scope::Cluster(secret.cluster))?;
            store::sealed::get(tx, secret)
        })?;
        let (generation, sealed) = found.ok_or_else(|| self.not_for_you(secret))?;
        let secret = &SealedSecret {
            generation,
            ..secret.clone()
        };
        let record = record_name(secret, installation);
        open(&sealed, &record, self.identity()?).map_err(|error| match error {
            OpenError::NotForThisKey => self.not_for_you(secret),
            source => Error::Tampered {
                secret: secret.clone(),
                source,
            },
        })
    }

    /// Opens a cluster's manager login.
    pub(crate) fn manager_login(
        &self,
        cluster: &Cluster,
        installation: &InstallationId,
    ) -> Result<SecretString, Error> {
        self.open_secret(&SealedSecret::manager_login(cluster), installation)
    }
}
