//! The manager's logins: made, and ended.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{BoundObjectReference, SelfSubjectReview};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use secrecy::SecretString;

use super::Manager;
use crate::domain::Timestamp;
use crate::domain::cluster::ManagerKind;
use crate::domain::plan::NAMESPACE;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::objects;
use crate::kubernetes::token;

/// What is asked for: ten years, so that a server without a cap gives at least one.
const TTL_SECONDS: i64 = 10 * 365 * 24 * 3600;
/// What must be given, in seconds: below a year a Secret is made instead.
const TTL_SECONDS_ENOUGH: i64 = 364 * 24 * 3600;
/// How long the token controller may take to fill a Secret.
const SECRET_FILLED_MAX: Duration = Duration::from_secs(10);

/// The Secrets that logins live and die with.
pub(crate) fn secrets_of(logins: &[SecretString]) -> BTreeSet<String> {
    let texts = logins.iter().map(secrecy::ExposeSecret::expose_secret);
    let claims = texts.filter_map(token::claims);
    claims.filter_map(token::Claims::secret).collect()
}

impl Connection {
    /// Gives a new login of the manager: a token of a year or more, bound to a Secret of its own
    /// that ends it; or the token of a Secret where the server caps lifetimes below a year.
    pub(crate) async fn manager_login(
        &self,
        account: &str,
        now: Timestamp,
    ) -> Result<Manager, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let what = format!("the token Secret of '{account}'");
        let mut metadata = self.meta("", Some(NAMESPACE));
        metadata.name = None;
        metadata.generate_name = Some(format!("{account}-"));
        let wanted = Secret {
            metadata,
            ..Secret::default()
        };
        let made = api.create(&PostParams::default(), &wanted).await;
        let made = made.map_err(|error| Error::from_kube(error, &what))?;
        let name = made.metadata.name.clone().unwrap_or_default();
        let bound = BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Secret".to_owned()),
            name: Some(name.clone()),
            uid: made.metadata.uid.clone(),
        };
        let minted = self.mint_bound(account, TTL_SECONDS, Some(bound)).await?;
        if (minted.expires_at - now).num_seconds() >= TTL_SECONDS_ENOUGH {
            return Ok(Manager {
                account: account.to_owned(),
                kind: ManagerKind::Token,
                token: minted.token,
                expires_at: Some(minted.expires_at),
            });
        }
        self.delete_secret(&name).await?;
        let token = self.secret_token(account).await?;
        Ok(Manager {
            account: account.to_owned(),
            kind: ManagerKind::Secret,
            token,
            expires_at: None,
        })
    }

    async fn delete_secret(&self, name: &str) -> Result<(), Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let deleted = api.delete(name, &DeleteParams::default()).await;
        match deleted.map_err(|error| Error::from_kube(error, &format!("Secret '{name}'"))) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Ends every login of ours but these, or every one, and sees that they are gone.
    /// Whatever was bound to the Secrets is refused when the API server's cache of 10 seconds has
    /// forgotten it.
    pub(crate) async fn retire_other_logins(&self, keep: &[SecretString]) -> Result<(), Error> {
        let kept = secrets_of(keep);
        let others = async || {
            let mut names = self.manager_secrets().await?;
            names.retain(|name| !kept.contains(name));
            Ok::<_, Error>(names)
        };
        let ended = others().await?;
        for name in &ended {
            self.delete_secret(name).await?;
        }
        if ended.is_empty() {
            return Ok(());
        }
        // Gone is what is not there, not what was answered to the call.
        match others().await?.first() {
            None => Ok(()),
            Some(left) => Err(Error::inconsistent(&format!(
                "Secret '{left}' of namespace '{NAMESPACE}', a login of ours, is still there"
            ))),
        }
    }

    /// Waits until the API server refuses this connection's own login; `false` if it still does
    /// not after `limit`.
    pub(crate) async fn is_refused_within(&self, limit: Duration) -> Result<bool, Error> {
        let started = tokio::time::Instant::now();
        loop {
            let asked = Api::<SelfSubjectReview>::all(self.client.clone())
                .create(&PostParams::default(), &SelfSubjectReview::default())
                .await
                .map_err(|error| Error::from_kube(error, "who we are"));
            match asked {
                Err(error) if error.is_unauthorized() => return Ok(true),
                Ok(_) => {}
                Err(error) if error.is_forbidden() => {}
                Err(error) => return Err(error),
            }
            if started.elapsed() > limit {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Makes a Secret that the cluster's token controller fills, and waits for the token.
    async fn secret_token(&self, account: &str) -> Result<SecretString, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let what = format!("the token Secret of '{account}'");
        let mut metadata = self.meta("", Some(NAMESPACE));
        metadata.name = None;
        metadata.generate_name = Some(format!("{account}-"));
        metadata.annotations.get_or_insert_default().insert(
            "kubernetes.io/service-account.name".to_owned(),
            account.to_owned(),
        );
        let wanted = Secret {
            metadata,
            type_: Some("kubernetes.io/service-account-token".to_owned()),
            ..Secret::default()
        };
        let made = api.create(&PostParams::default(), &wanted).await;
        let mut found = made.map_err(|error| Error::from_kube(error, &what))?;
        let name = found.metadata.name.clone().unwrap_or_default();
        let started = tokio::time::Instant::now();
        loop {
            let bytes = found.data.as_mut().and_then(|data| data.remove("token"));
            if let Some(bytes) = bytes.filter(|bytes| !bytes.0.is_empty()) {
                let text = String::from_utf8(bytes.0)
                    .map_err(|_| Error::garbled(&what, "it is not text"))?;
                return Ok(token::read(text, account, &what)?.token);
            }
            if started.elapsed() > SECRET_FILLED_MAX {
                // An empty Secret is no login; leave nothing behind.
                let removed = api.delete(&name, &DeleteParams::default()).await;
                removed.map_err(|error| Error::from_kube(error, &what))?;
                return Err(Error::inconsistent(
                    "the server caps tokens below a year, and nothing fills token Secrets",
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let read = api.get(&name).await;
            found = read.map_err(|error| Error::from_kube(error, &what))?;
        }
    }

    /// Lists the manager's token Secrets by name.
    async fn manager_secrets(&self) -> Result<Vec<String>, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let listed = api.list_metadata(&ours).await;
        let listed = listed.map_err(|error| Error::from_kube(error, "our Secrets"))?;
        Ok(listed
            .items
            .into_iter()
            .filter_map(|secret| secret.metadata.name)
            .collect())
    }
}
