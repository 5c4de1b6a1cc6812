//! Opening sealed secrets with the identity.

use super::{Error, Session};
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::domain::sealed::SealedSecret;
use crate::domain::user::Role;
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

/// An opened login of a cluster.
pub(crate) enum ClusterLogin {
    /// The manager's.
    Manager(SecretString),
    /// The issuer's.
    Issuer(SecretString),
}

impl Session {
    /// Something that the identity does not open, kept in mind as a refusal.
    pub(crate) fn not_for_you(&self, secret: &SealedSecret) -> Error {
        let mut shut = self.keyring.shut.borrow_mut();
        if !shut.contains(secret) {
            shut.push(secret.clone());
        }
        let served = self.principal_unchecked();
        if served.is_ok_and(|it| it.holder.role == Role::Server) {
            return Error::NotServed {
                cluster: secret.on.to_string(),
            };
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
        let opened = self.open_if_mine(secret, installation)?;
        opened.ok_or_else(|| self.not_for_you(secret))
    }

    /// Opens a secret, if it is sealed to the identity.
    fn open_if_mine(
        &self,
        secret: &SealedSecret,
        installation: &InstallationId,
    ) -> Result<Option<SecretString>, Error> {
        // Its number and its bytes in one look: a rotation between two would look like tampering.
        let found = self.store()?.read(|tx| {
            // The last door before the network: what the store says must be what was recorded.
            integrity::check(tx, Scope::Cluster(secret.cluster))?;
            store::sealed::get(tx, secret)
        })?;
        let Some((generation, sealed)) = found else {
            return Ok(None);
        };
        let secret = &SealedSecret {
            generation,
            ..secret.clone()
        };
        let record = record_name(secret, installation);
        match open(&sealed, &record, self.identity()?) {
            Ok(text) => Ok(Some(text)),
            Err(OpenError::NotForThisKey) => Ok(None),
            Err(source) => Err(Error::Tampered {
                secret: secret.clone(),
                source,
            }),
        }
    }

    /// Opens a cluster's login: the manager's, or where that is not for the identity, the issuer's.
    pub(crate) fn login(
        &self,
        cluster: &Cluster,
        installation: &InstallationId,
    ) -> Result<ClusterLogin, Error> {
        let manager = SealedSecret::manager_login(cluster);
        if let Some(secret) = self.open_if_mine(&manager, installation)? {
            return Ok(ClusterLogin::Manager(secret));
        }
        let Some(issuer) = SealedSecret::issuer_login(cluster) else {
            return Err(self.not_for_you(&manager));
        };
        match self.open_if_mine(&issuer, installation)? {
            Some(secret) => Ok(ClusterLogin::Issuer(secret)),
            None => Err(self.not_for_you(&issuer)),
        }
    }

    /// Whether the identity opens a secret.
    pub(crate) fn opens(
        &self,
        secret: &SealedSecret,
        installation: &InstallationId,
    ) -> Result<bool, Error> {
        Ok(self.open_if_mine(secret, installation)?.is_some())
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
