//! Leaving a cluster for good: every object of ours goes, and the manager last.
//!
//! The last one to leave cannot look back: whoever deletes its own rights cannot see that they are
//! gone. So the manager first gives itself the rights to delete everything, deletes its permanent
//! roles and the namespace, and ends with the one binding that let it; the server's answer to that
//! delete is the proof. Then its own token is tried until it is refused, which proves that the
//! account is gone too.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::adopt::Mark;
use super::connection::{Connection, Right};
use super::error::Error;
use super::list::Scope;
use super::objects::{self, INSTALLATION, KUBEGRANT, MANAGED_BY};
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::domain::plan::{NAMESPACE, USERS_NAMESPACE, binding_name};
use crate::domain::text::clean;

/// How long the cluster may take to refuse the manager when all is deleted: its namespace
/// controller, and the API server's token cache of 10 seconds.
const REFUSED_MAX: Duration = Duration::from_secs(40);

/// How long something of ours that somebody holds with a finalizer is tried to be removed.
const HELD_MAX: Duration = Duration::from_secs(5);

/// How many objects of a kind are looked at.
const HELD_LOOKED_AT: u32 = 100;

/// What is left when everything of ours was deleted.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// In words; empty when it was seen that nothing is.
    pub(crate) behind: Vec<String>,
}

/// Deletes an object until it is seen to be gone, whatever finalizer somebody put on it.
async fn delete<K>(api: Api<K>, name: &str, what: &str) -> Result<(), Error>
where
    K: Clone + std::fmt::Debug + DeserializeOwned + kube::Resource,
{
    let deleted = api.delete(name, &DeleteParams::default()).await;
    let held = match deleted.map_err(|error| Error::from_kube(error, what)) {
        Err(error) if error.is_not_found() => return Ok(()),
        // An account that was removed is answered as it was.
        other => other?.left().and_then(|object| {
            let meta = object.meta();
            meta.deletion_timestamp.as_ref()?;
            Some(meta.finalizers.clone().unwrap_or_default())
        }),
    };
    let Some(held) = held else {
        return Ok(());
    };
    let started = tokio::time::Instant::now();
    let mut last = None;
    while started.elapsed() < HELD_MAX {
        let free = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        let freed = api
            .patch_metadata(name, &PatchParams::default(), &free)
            .await;
        if let Err(error) = freed {
            last = Some(Error::from_kube(error, what));
        }
        let found = api.get_metadata_opt(name).await;
        match found.map_err(|error| Error::from_kube(error, what)) {
            Ok(None) => return Ok(()),
            // The last binding took the right to look with it.
            Err(error) if error.is_forbidden() || error.is_unauthorized() => return Ok(()),
            Err(error) => last = Some(error),
            Ok(Some(_)) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Error::held(what, &held, last))
}

/// What a manager that was gone before its last binding could not look for, in words.
pub(crate) fn perhaps_last(installation: &InstallationId) -> String {
    format!(
        "perhaps the binding {}, where an earlier delete was cut short at its very end: the \
         manager's login is refused, and could not look",
        binding_name(installation, "cluster-admin")
    )
}

impl Connection {
    /// Deletes everything of this installation but its users' objects, which are gone already.
    ///
    /// `as_manager` says whether the connection is the manager's own.
    pub(crate) async fn uninstall(
        &self,
        cluster: &Cluster,
        as_manager: bool,
    ) -> Result<Left, Error> {
        let account = cluster.manager.as_str();
        let (shared, adopted) =
            futures::try_join!(self.others_live_in(NAMESPACE), self.is_adopted(NAMESPACE))?;
        let last = binding_name(&self.installation, "cluster-admin");
        if as_manager {
            self.take_all_power(&last, account).await?;
        }
        let [manager, edit, view] =
            ["manager", "edit", "view"].map(|role| binding_name(&self.installation, role));
        let client = || self.client.clone();
        let (roles, bindings): (Api<rbac::Role>, Api<rbac::RoleBinding>) = (
            Api::namespaced(client(), NAMESPACE),
            Api::namespaced(client(), NAMESPACE),
        );
        let cluster_roles: Api<rbac::ClusterRole> = Api::all(client());
        let rights = async {
            futures::try_join!(
                delete(bindings, &manager, "the manager's RoleBinding"),
                delete(roles, &manager, "the manager's Role"),
                delete(
                    self.cluster_bindings(),
                    &manager,
                    "the manager's ClusterRoleBinding"
                ),
                delete(cluster_roles, &manager, "the manager's ClusterRole"),
                self.delete_role(&edit),
                self.delete_role(&view),
            )
        };
        Box::pin(rights).await?;
        let mut left = Left::default();
        if let Some(issuer) = &cluster.issuer {
            left.behind
                .extend(self.remove_issuer(&issuer.account).await?);
        }
        if shared || adopted {
            if shared {
                left.behind.push(format!(
                    "namespace '{NAMESPACE}' stays: another installation of kubegrant lives there"
                ));
            } else {
                // The platform's again, as it was before.
                self.mark_namespace(NAMESPACE, Mark::Nothing).await?;
            }
            self.leave_shared_namespace(account, &last, as_manager)
                .await?;
            if as_manager && !self.is_refused_within(REFUSED_MAX).await? {
                left.behind.push(format!(
                    "account '{account}' in namespace '{NAMESPACE}', which is allowed nothing any \
                     more: `kubectl -n {NAMESPACE} delete serviceaccount {account}`"
                ));
            }
            return Ok(left);
        }
        left.behind.extend(self.holds_the_namespace().await);
        self.delete_namespace(NAMESPACE).await?;
        if as_manager {
            match delete(self.cluster_bindings(), &last, "our last binding").await {
                Err(error) if error.is_unauthorized() => {
                    left.behind.push(perhaps_last(&self.installation));
                    return Ok(left);
                }
                other => other?,
            }
        }
        if as_manager {
            left.behind
                .extend(self.await_the_end(account).await?.behind);
        } else if !self
            .namespace_is_gone_within(NAMESPACE, REFUSED_MAX)
            .await?
        {
            left.behind.push(format!(
                "the cluster is still deleting namespace '{NAMESPACE}'"
            ));
        }
        Ok(left)
    }

    /// Removes the issuer, and the namespace of the accounts that it handled; gives what is left, in words.
    async fn remove_issuer(&self, account: &str) -> Result<Option<String>, Error> {
        let [issuer, manager] =
            ["issuer", "manager"].map(|role| binding_name(&self.installation, role));
        let client = || self.client.clone();
        let bindings = self.role_bindings(USERS_NAMESPACE);
        let roles: Api<rbac::Role> = Api::namespaced(client(), USERS_NAMESPACE);
        let cluster_roles: Api<rbac::ClusterRole> = Api::all(client());
        // Bindings first: they give power.
        futures::try_join!(
            delete(
                self.cluster_bindings(),
                &issuer,
                "the issuer's ClusterRoleBinding"
            ),
            delete(bindings.clone(), &issuer, "the issuer's RoleBinding"),
            delete(bindings, &manager, "the manager's RoleBinding"),
            delete(self.accounts(), account, "the issuer's account"),
        )?;
        futures::try_join!(
            delete(cluster_roles, &issuer, "the issuer's ClusterRole"),
            delete(roles.clone(), &issuer, "the issuer's Role"),
            delete(roles, &manager, "the manager's Role"),
        )?;
        if self.others_live_in(USERS_NAMESPACE).await? {
            return Ok(Some(format!(
                "namespace '{USERS_NAMESPACE}' stays: another installation of kubegrant lives there"
            )));
        }
        if self.is_adopted(USERS_NAMESPACE).await? {
            // The platform's again, as it was before.
            self.mark_namespace(USERS_NAMESPACE, Mark::Nothing).await?;
            return Ok(None);
        }
        self.delete_namespace(USERS_NAMESPACE).await?;
        let is_gone = self
            .namespace_is_gone_within(USERS_NAMESPACE, REFUSED_MAX)
            .await?;
        Ok((!is_gone)
            .then(|| format!("the cluster is still deleting namespace '{USERS_NAMESPACE}'")))
    }

    /// Asks for the end of a namespace of ours, which takes its time.
    async fn delete_namespace(&self, name: &str) -> Result<(), Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let deleted = api.delete(name, &DeleteParams::default()).await;
        match deleted.map_err(|error| Error::from_kube(error, &format!("namespace '{name}'"))) {
            // An earlier delete has come as far: the server is at it.
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }

    /// What of others keeps our namespace from going, as far as it is of the usual kinds: whoever put
    /// the finalizer there has something to finish, which is not ours to break off.
    async fn holds_the_namespace(&self) -> Option<String> {
        let client = || self.client.clone();
        let maps: Api<ConfigMap> = Api::namespaced(client(), NAMESPACE);
        let secrets: Api<Secret> = Api::namespaced(client(), NAMESPACE);
        let pods: Api<Pod> = Api::namespaced(client(), NAMESPACE);
        let few = ListParams::default().limit(HELD_LOOKED_AT);
        let (maps, secrets, pods) = futures::join!(
            maps.list_metadata(&few),
            secrets.list_metadata(&few),
            pods.list_metadata(&few)
        );
        let maps = maps.into_iter().flatten().map(|it| ("ConfigMap", it));
        let secrets = secrets.into_iter().flatten().map(|it| ("Secret", it));
        let pods = pods.into_iter().flatten().map(|it| ("Pod", it));
        let mut all = maps.map(|(kind, it)| (kind, it.metadata)).chain(
            secrets
                .map(|(kind, it)| (kind, it.metadata))
                .chain(pods.map(|(kind, it)| (kind, it.metadata))),
        );
        all.find_map(|(kind, meta)| {
            let finalizer = meta.finalizers?.into_iter().next()?;
            Some(format!(
                "namespace '{NAMESPACE}', which the cluster is deleting: it waits for finalizer \
                 '{}' of {kind} '{}', which is not ours",
                clean(&finalizer),
                clean(&meta.name.unwrap_or_default()),
            ))
        })
    }

    /// Whether the manager has begun to leave: it is on the list of cluster-admin, which it is on
    /// at no other time.
    pub(crate) async fn is_leaving(&self, account: &str) -> Result<bool, Error> {
        let last = binding_name(&self.installation, "cluster-admin");
        let found = self.cluster_bindings().get_opt(&last).await;
        let found = found.map_err(|error| Error::from_kube(error, "our last binding"))?;
        Ok(found.is_some_and(|binding| {
            let subjects = binding.subjects.unwrap_or_default();
            objects::is_ours(&binding.metadata, &self.installation)
                && subjects.iter().any(|subject| {
                    subject.name == account && subject.namespace.as_deref() == Some(NAMESPACE)
                })
        }))
    }

    /// Waits until the manager's account is gone, which its refused login proves.
    pub(crate) async fn await_the_end(&self, account: &str) -> Result<Left, Error> {
        let mut left = Left::default();
        if !self.is_refused_within(REFUSED_MAX).await? {
            left.behind.push(format!(
                "the cluster is still deleting namespace '{NAMESPACE}' with account '{account}', \
                 which is allowed nothing any more"
            ));
        }
        Ok(left)
    }

    /// Waits until the namespace is gone; `false` if it still is there after `limit`.
    pub(super) async fn namespace_is_gone_within(
        &self,
        name: &str,
        limit: Duration,
    ) -> Result<bool, Error> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let started = tokio::time::Instant::now();
        loop {
            let found = namespaces.get_metadata_opt(name).await;
            let found = found.map_err(|error| Error::from_kube(error, "our namespace"))?;
            if found.is_none() {
                return Ok(true);
            }
            if started.elapsed() > limit {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Deletes what is ours in a namespace that stays. The manager's own account, Secrets and last
    /// binding go in calls sent together, because each one ends the right to send the next. Where
    /// the binding's end is quicker, the cluster's garbage collector removes the others after it.
    async fn leave_shared_namespace(
        &self,
        account: &str,
        last: &str,
        as_manager: bool,
    ) -> Result<(), Error> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let own = Scope::Namespace(NAMESPACE);
        let names = self
            .list_metadata::<Secret, _>("our Secrets", own, &ours, |meta| meta.name)
            .await?;
        let accounts: Api<ServiceAccount> = self.accounts();
        if as_manager {
            // Who refuses that lets the account stay, with no rights, and it is said.
            let _tied = self.tie_to(last, account, &names).await;
        }
        let binding = async {
            if as_manager {
                delete(self.cluster_bindings(), last, "our last binding").await
            } else {
                Ok(())
            }
        };
        let secrets = futures::future::join_all(
            names
                .iter()
                .map(|name| delete(secrets.clone(), name, "a Secret of ours")),
        );
        let (binding, account, secrets) = futures::join!(
            binding,
            delete(accounts, account, "the manager's account"),
            secrets
        );
        // The binding is what gives power. The others may have come too late to be allowed.
        binding?;
        for gone in secrets.into_iter().chain([account]) {
            match gone {
                Err(error) if error.is_forbidden() || error.is_unauthorized() => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Makes the last binding the owner of the manager's account and Secrets: with it they go.
    async fn tie_to(&self, last: &str, account: &str, secrets: &[String]) -> Result<(), Error> {
        let what = "our last binding";
        let failed = |error| Error::from_kube(error, what);
        let binding = self.cluster_bindings().get_metadata(last).await;
        let owner = json!([{
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "name": last, "uid": binding.map_err(failed)?.metadata.uid,
        }]);
        let owned = Patch::Merge(json!({ "metadata": { "ownerReferences": owner } }));
        let (params, accounts) = (PatchParams::default(), self.accounts());
        let tied = accounts.patch_metadata(account, &params, &owned).await;
        tied.map_err(failed)?;
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        for secret in secrets {
            let tied = api.patch_metadata(secret, &params, &owned).await;
            tied.map_err(failed)?;
        }
        Ok(())
    }

    /// Whether another installation has accounts, or its manager a role, in a namespace.
    pub(super) async fn others_live_in(&self, namespace: &str) -> Result<bool, Error> {
        let selector = format!(
            "{MANAGED_BY}={KUBEGRANT},{INSTALLATION},{INSTALLATION}!={}",
            self.installation
        );
        let others = ListParams::default().labels(&selector).limit(1);
        let there = Scope::Namespace(namespace);
        let name = |meta: kube::api::ObjectMeta| meta.name;
        let accounts =
            self.list_metadata::<ServiceAccount, _>("the accounts", there, &others, name);
        let roles = self.list_metadata::<rbac::Role, _>("the roles", there, &others, name);
        // A manager lists accounts there, and no roles everywhere but by listing all of them.
        let (accounts, roles) = futures::try_join!(accounts, roles)?;
        Ok(!accounts.is_empty() || !roles.is_empty())
    }

    /// Lets the manager delete everything, and waits until it may.
    async fn take_all_power(&self, name: &str, account: &str) -> Result<(), Error> {
        let wanted = rbac::ClusterRoleBinding {
            metadata: self.meta(name, None),
            role_ref: objects::cluster_role("cluster-admin"),
            subjects: Some(objects::subjects(&[account.to_owned()].into())),
        };
        let made = self
            .cluster_bindings()
            .create(&PostParams::default(), &wanted)
            .await;
        match made.map_err(|error| Error::from_kube(error, "our last binding")) {
            Err(error) if error.is_already_exists() => {}
            other => drop(other?),
        }
        let all = Right {
            verb: "delete",
            group: "rbac.authorization.k8s.io",
            resource: "rolebindings",
            subresource: "",
            namespace: "",
            name: "",
        };
        let started = tokio::time::Instant::now();
        while !self.missing_rights(&[all]).await?.is_empty() {
            if started.elapsed() > Duration::from_secs(5) {
                return Err(Error::inconsistent(
                    "the manager was not given the right to leave",
                ));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}
