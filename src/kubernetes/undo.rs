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
use crate::domain::plan::{NAMESPACE, binding_name};

/// How long the cluster may take to remove an empty namespace before that is said.
const NAMESPACE_GONE_MAX: Duration = Duration::from_secs(10);

/// What was made on a cluster that is not registered yet.
#[derive(Debug, Default)]
pub(crate) struct New {
    /// Whether the namespace is new.
    pub(crate) namespace: bool,
    /// What was written on the platform's before it was taken over.
    pub(crate) before: Option<Mark>,
    /// The manager's account.
    pub(crate) account: Option<String>,
    /// The manager's roles and bindings that were not there before.
    pub(crate) rights: Vec<Rights>,
}

/// An object that gives the manager its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// The ClusterRoleBinding.
    ClusterBinding,
    /// The RoleBinding.
    Binding,
    /// The ClusterRole.
    ClusterRole,
    /// The Role.
    Role,
}

impl Rights {
    const ALL: [Self; 4] = [
        Self::ClusterBinding,
        Self::Binding,
        Self::ClusterRole,
        Self::Role,
    ];

    fn command(self, name: &str) -> String {
        match self {
            Self::ClusterBinding => format!("delete clusterrolebinding {name}"),
            Self::ClusterRole => format!("delete clusterrole {name}"),
            Self::Binding => format!("-n {NAMESPACE} delete rolebinding {name}"),
            Self::Role => format!("-n {NAMESPACE} delete role {name}"),
        }
    }
}

impl Connection {
    /// The manager's roles and bindings that are not there yet.
    pub(crate) async fn missing_rights_of_manager(&self) -> Result<Vec<Rights>, Error> {
        let name = binding_name(&self.installation, "manager");
        let found = Rights::ALL.map(|rights| {
            let name = &name;
            async move {
                let client = || self.client.clone();
                let is_there = match rights {
                    Rights::ClusterBinding => is_there(&self.cluster_bindings(), name).await,
                    Rights::Binding => is_there(&self.role_bindings(NAMESPACE), name).await,
                    Rights::ClusterRole => is_there::<ClusterRole>(&Api::all(client()), name).await,
                    Rights::Role => {
                        is_there::<Role>(&Api::namespaced(client(), NAMESPACE), name).await
                    }
                };
                Ok::<_, Error>((!is_there?).then_some(rights))
            }
        });
        let missing = futures::future::try_join_all(found).await?;
        Ok(missing.into_iter().flatten().collect())
    }

    /// Takes away what was made; gives the commands for what stays, as kubectl's arguments.
    pub(crate) async fn undo(&self, new: &New) -> Vec<String> {
        let name = binding_name(&self.installation, "manager");
        let mut left = Vec::new();
        // Bindings first: they give power.
        for rights in &new.rights {
            let client = || self.client.clone();
            let gone = match rights {
                Rights::ClusterBinding => remove(&self.cluster_bindings(), &name).await,
                Rights::Binding => remove(&self.role_bindings(NAMESPACE), &name).await,
                Rights::ClusterRole => remove::<ClusterRole>(&Api::all(client()), &name).await,
                Rights::Role => remove::<Role>(&Api::namespaced(client(), NAMESPACE), &name).await,
            };
            if !gone {
                left.push(rights.command(&name));
            }
        }
        if let Some(account) = &new.account {
            // Secrets with its tokens die with it, but for their names.
            let secrets = self.remove_secrets_of(account).await;
            left.extend(secrets.unwrap_or_default());
            let is_ours = self.uid_of(account).await.is_ok_and(|uid| uid.is_some());
            if is_ours && !remove(&self.accounts(), account).await {
                left.push(format!("-n {NAMESPACE} delete serviceaccount {account}"));
            }
        }
        if new.namespace {
            let is_shared = self.others_live_here().await.unwrap_or(true);
            let namespaces: Api<Namespace> = Api::all(self.client.clone());
            if is_shared {
                return left;
            }
            if remove(&namespaces, NAMESPACE).await {
                // Whoever tries again at once should not meet it while it goes.
                let _waited = self.namespace_is_gone_within(NAMESPACE_GONE_MAX).await;
            } else {
                left.push(format!("delete namespace {NAMESPACE}"));
            }
        } else if let Some(before) = new.before
            && self.mark_namespace(before).await.is_err()
        {
            let note = objects::ADOPTED;
            left.push(format!("annotate namespace {NAMESPACE} {note}-"));
            if before == Mark::Nothing {
                let label = objects::MANAGED_BY;
                left.push(format!("label namespace {NAMESPACE} {label}-"));
            }
        }
        left
    }

    /// Removes the Secrets that were made for the manager's logins; gives those that stay.
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
