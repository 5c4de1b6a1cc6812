//! Leaving a cluster for good: every object of ours goes, and the manager last.
//!
//! The last one to leave cannot look back: whoever deletes its own rights cannot see that they are
//! gone. So the manager first gives itself the rights to delete everything, deletes its permanent
//! roles and the namespace, and ends with the one binding that let it; the server's answer to that
//! delete is the proof. Then its own token is tried until it is refused, which proves that the
//! account is gone too.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::adopt::Mark;
use super::connection::{Connection, Right};
use super::error::Error;
use super::list::Scope;
use super::objects::{self, INSTALLATION, KUBEGRANT, MANAGED_BY};
use crate::domain::plan::{NAMESPACE, binding_name};

/// How long the cluster may take to refuse the manager when all is deleted: its namespace
/// controller, and the API server's token cache of 10 seconds.
const REFUSED_MAX: Duration = Duration::from_secs(40);

/// What is left when everything of ours was deleted.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// In words; empty when it was seen that nothing is.
    pub(crate) behind: Vec<String>,
}

async fn delete<K>(api: Api<K>, name: &str, what: &str) -> Result<(), Error>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let deleted = api.delete(name, &DeleteParams::default()).await;
    match deleted.map_err(|error| Error::from_kube(error, what)) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}

/// What a manager that was gone before its last binding could not look for, in words.
pub(crate) fn perhaps_last(installation: &str) -> String {
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
    pub(crate) async fn uninstall(&self, account: &str, as_manager: bool) -> Result<Left, Error> {
        let (shared, adopted) = futures::try_join!(self.others_live_here(), self.is_adopted())?;
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
        )?;
        let mut left = Left::default();
        if shared || adopted {
            if shared {
                left.behind.push(format!(
                    "namespace '{NAMESPACE}' stays: another installation of kubegrant lives there"
                ));
            } else {
                // The platform's again, as it was before.
                self.mark_namespace(Mark::Nothing).await?;
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
        let namespaces: Api<Namespace> = Api::all(client());
        match delete(namespaces, NAMESPACE, "our namespace").await {
            // An earlier delete has come as far: the server is at it.
            Err(error) if error.is_conflict() => {}
            other => other?,
        }
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
        } else if !self.namespace_is_gone_within(REFUSED_MAX).await? {
            left.behind.push(format!(
                "the cluster is still deleting namespace '{NAMESPACE}'"
            ));
        }
        Ok(left)
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
    pub(super) async fn namespace_is_gone_within(&self, limit: Duration) -> Result<bool, Error> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let started = tokio::time::Instant::now();
        loop {
            let found = namespaces.get_metadata_opt(NAMESPACE).await;
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

    /// Whether another installation has accounts in our namespace.
    pub(super) async fn others_live_here(&self) -> Result<bool, Error> {
        let selector = format!(
            "{MANAGED_BY}={KUBEGRANT},{INSTALLATION},{INSTALLATION}!={}",
            self.installation
        );
        let others = ListParams::default().labels(&selector).limit(1);
        let own = Scope::Namespace(NAMESPACE);
        let found = self
            .list_metadata::<ServiceAccount, _>("the accounts", own, &others, |meta| meta.name)
            .await?;
        Ok(!found.is_empty())
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
                return Err(Error::unsettled(
                    "the manager was not given the right to leave",
                ));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}
