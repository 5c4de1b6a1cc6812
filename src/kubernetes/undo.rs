//! A registration that fails takes away again what it made, and names what it could not.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::{ClusterRole, Role};
use kube::api::{Api, DeleteParams, ListParams};
use serde::de::DeserializeOwned;

use super::adopt::Mark;
use super::connection::Connection;
use super::error::Error;
use super::objects;
use crate::domain::installation::InstallationId;
use crate::domain::plan::{NAMESPACE, USERS_NAMESPACE, binding_name};

/// How long the cluster may take to remove an empty namespace before that is said.
const NAMESPACE_GONE_MAX: Duration = Duration::from_secs(10);

/// What became of a namespace.
#[derive(Debug, Default)]
pub(crate) struct NewNamespace {
    /// Whether it is new.
    pub(crate) is_made: bool,
    /// What was written on the platform's before it was taken over.
    pub(crate) before: Option<Mark>,
}

/// What was made on a cluster that is not registered yet.
#[derive(Debug, Default)]
pub(crate) struct New {
    /// Our namespace.
    pub(crate) namespace: NewNamespace,
    /// The one of the accounts that an issuer handles.
    pub(crate) users_namespace: NewNamespace,
    /// The manager's account.
    pub(crate) account: Option<String>,
    /// The issuer's account.
    pub(crate) issuer: Option<String>,
    /// The roles and bindings of both that were not there before.
    pub(crate) rights: Vec<Rights>,
}

/// An object that gives the manager, or the issuer, its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Whose: the last word of its name.
    of: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ClusterBinding,
    Binding(&'static str),
    ClusterRole,
    Role(&'static str),
}

impl Rights {
    /// Bindings first: they give power.
    const ALL: [Self; 10] = {
        const fn new(of: &'static str, kind: Kind) -> Rights {
            Rights { of, kind }
        }
        [
            new("manager", Kind::ClusterBinding),
            new("manager", Kind::Binding(NAMESPACE)),
            new("manager", Kind::Binding(USERS_NAMESPACE)),
            new("issuer", Kind::ClusterBinding),
            new("issuer", Kind::Binding(USERS_NAMESPACE)),
            new("manager", Kind::ClusterRole),
            new("manager", Kind::Role(NAMESPACE)),
            new("manager", Kind::Role(USERS_NAMESPACE)),
            new("issuer", Kind::ClusterRole),
            new("issuer", Kind::Role(USERS_NAMESPACE)),
        ]
    };

    fn name(self, installation: &InstallationId) -> String {
        binding_name(installation, self.of)
    }

    fn command(self, name: &str) -> String {
        match self.kind {
            Kind::ClusterBinding => format!("delete clusterrolebinding {name}"),
            Kind::ClusterRole => format!("delete clusterrole {name}"),
            Kind::Binding(place) => format!("-n {place} delete rolebinding {name}"),
            Kind::Role(place) => format!("-n {place} delete role {name}"),
        }
    }
}

impl Connection {
    /// The roles and bindings of the manager and the issuer that are not there yet.
    pub(crate) async fn missing_rights_of_manager(&self) -> Result<Vec<Rights>, Error> {
        let found = Rights::ALL.map(|rights| async move {
            let name = &rights.name(&self.installation);
            let client = || self.client.clone();
            let is_there = match rights.kind {
                Kind::ClusterBinding => is_there(&self.cluster_bindings(), name).await,
                Kind::Binding(place) => is_there(&self.role_bindings(place), name).await,
                Kind::ClusterRole => is_there::<ClusterRole>(&Api::all(client()), name).await,
                Kind::Role(place) => {
                    is_there::<Role>(&Api::namespaced(client(), place), name).await
                }
            };
            Ok::<_, Error>((!is_there?).then_some(rights))
        });
        let missing = futures::future::try_join_all(found).await?;
        Ok(missing.into_iter().flatten().collect())
    }

    /// Takes away what was made; gives the commands for what stays, as kubectl's arguments.
    pub(crate) async fn undo(&self, new: &New) -> Vec<String> {
        let mut left = Vec::new();
        for rights in &new.rights {
            let name = rights.name(&self.installation);
            let client = || self.client.clone();
            let gone = match rights.kind {
                Kind::ClusterBinding => remove(&self.cluster_bindings(), &name).await,
                Kind::Binding(place) => remove(&self.role_bindings(place), &name).await,
                Kind::ClusterRole => remove::<ClusterRole>(&Api::all(client()), &name).await,
                Kind::Role(place) => remove::<Role>(&Api::namespaced(client(), place), &name).await,
            };
            if !gone {
                left.push(rights.command(&name));
            }
        }
        for account in new.account.iter().chain(&new.issuer) {
            // Secrets with its tokens die with it, but for their names.
            let secrets = self.remove_secrets_of(account).await;
            left.extend(secrets.unwrap_or_default());
            let is_ours = self.uid_of(account).await.is_ok_and(|uid| uid.is_some());
            if is_ours && !remove(&self.accounts(), account).await {
                left.push(format!("-n {NAMESPACE} delete serviceaccount {account}"));
            }
        }
        for (name, new) in [
            (USERS_NAMESPACE, &new.users_namespace),
            (NAMESPACE, &new.namespace),
        ] {
            left.extend(self.undo_namespace(name, new).await);
        }
        left
    }

    /// Takes away a namespace that was made, or gives back one of the platform; gives the commands for what
    /// stays.
    async fn undo_namespace(&self, name: &str, new: &NewNamespace) -> Vec<String> {
        let mut left = Vec::new();
        if new.is_made {
            if self.others_live_in(name).await.unwrap_or(true) {
                return left;
            }
            if remove(&Api::<Namespace>::all(self.client.clone()), name).await {
                // Whoever tries again at once should not meet it while it goes.
                let _waited = self
                    .namespace_is_gone_within(name, NAMESPACE_GONE_MAX)
                    .await;
            } else {
                left.push(format!("delete namespace {name}"));
            }
        } else if let Some(before) = new.before
            && self.mark_namespace(name, before).await.is_err()
        {
            let note = objects::ADOPTED;
            left.push(format!("annotate namespace {name} {note}-"));
            if before == Mark::Nothing {
                let label = objects::MANAGED_BY;
                left.push(format!("label namespace {name} {label}-"));
            }
        }
        left
    }

    /// Removes the Secrets that were made for the logins of an account; gives those that stay.
    async fn remove_secrets_of(&self, account: &str) -> Result<Vec<String>, Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let listed = api.list_metadata(&ours).await;
        let listed = listed.map_err(|error| Error::from_kube(error, "our Secrets"))?;
        let prefix = format!("{account}-");
        let mut left = Vec::new();
        for name in listed.items.into_iter().filter_map(|it| it.metadata.name) {
            if name.starts_with(&prefix) && !remove(&api, &name).await {
                left.push(format!("-n {NAMESPACE} delete secret {name}"));
            }
        }
        Ok(left)
    }
}

async fn is_there<K>(api: &Api<K>, name: &str) -> Result<bool, Error>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let found = api.get_metadata_opt(name).await;
    Ok(found
        .map_err(|error| Error::from_kube(error, &format!("'{name}'")))?
        .is_some())
}

/// Whether an object is gone, or was never there.
async fn remove<K>(api: &Api<K>, name: &str) -> bool
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => true,
        Err(error) => Error::from_kube(error, name).is_not_found(),
    }
}
