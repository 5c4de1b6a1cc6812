//! The manager's account: made under a name that was never used before, and ended with everything
//! that was minted for it. A token is bound to its account's UID, so none outlives it, whoever
//! minted it and for how long; and no account is the manager's twice.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{
    Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions,
};
use serde_json::json;

use crate::domain::cluster::FormerManager;
use crate::domain::plan::{NAMESPACE, USERS_NAMESPACE, binding_name};
use crate::domain::text::clean;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::issuer;
use crate::kubernetes::objects;
use crate::kubernetes::undo::New;

/// The manager's name where nobody has it, and the beginning of every other.
pub(crate) const MANAGER: &str = "kubegrant-manager";
/// How often a list that others write at the same time is written.
const WRITES_MAX: usize = 5;
/// How long an account may take to go.
const GONE_MAX: Duration = Duration::from_secs(5);
/// Whose token a Secret holds.
const OF_ACCOUNT: &str = "kubernetes.io/service-account.name";
const OF_UID: &str = "kubernetes.io/service-account.uid";

/// Whether an account's name is one that a manager has, or had.
pub(crate) fn is_account_name(name: &str) -> bool {
    name.strip_prefix(MANAGER)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The name of a manager's account: `kubegrant-manager-<8 hex>`.
pub(crate) fn account_name(random: [u8; 4]) -> String {
    format!("{MANAGER}-{:08x}", u32::from_be_bytes(random))
}

impl Connection {
    fn manager_account(&self, name: &str) -> ServiceAccount {
        ServiceAccount {
            metadata: self.meta(name, Some(NAMESPACE)),
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        }
    }

    /// Makes the first manager's account of a cluster: under the plain name unless it is taken, by
    /// whomever; gives the name. One that is found is never used: who knows what was minted for it.
    pub(crate) async fn claim_account(&self, spare: &str, new: &mut New) -> Result<String, Error> {
        for name in [MANAGER, spare] {
            new.account = Some(name.to_owned());
            match self.create_manager(name).await {
                Err(error) if name != spare && error.is_already_exists() => {}
                other => return other.map(|()| name.to_owned()),
            }
        }
        Ok(spare.to_owned())
    }

    /// Makes an account for the manager under a name that was never used before.
    pub(crate) async fn create_manager(&self, name: &str) -> Result<(), Error> {
        let what = format!("account '{name}'");
        let wanted = self.manager_account(name);
        let made = self
            .accounts()
            .create(&PostParams::default(), &wanted)
            .await;
        made.map(drop)
            .map_err(|error| Error::from_kube(error, &what))
    }

    /// The UID of an account, if it is there and carries our labels.
    pub(crate) async fn uid_of(&self, account: &str) -> Result<Option<String>, Error> {
        let found = self.accounts().get_metadata_opt(account).await;
        let found = found.map_err(|e| Error::from_kube(e, &format!("account '{account}'")))?;
        let ours = found.filter(|it| objects::is_ours(&it.metadata, &self.installation));
        Ok(ours.and_then(|it| it.metadata.uid))
    }

    /// Lets exactly these accounts be the manager. Who leaves is cut off at once: what an account
    /// may is not cached, only who it is.
    pub(crate) async fn set_managers(&self, accounts: &[&str]) -> Result<(), Error> {
        let homes = self.homes.iter().map(|home| home.namespace());
        self.set_accounts("manager", homes, accounts).await
    }

    /// The same of the issuer's.
    pub(crate) async fn set_issuers(&self, accounts: &[&str]) -> Result<(), Error> {
        self.set_accounts("issuer", [USERS_NAMESPACE], accounts)
            .await
    }

    /// Writes who is on the bindings of a role of ours, cluster-wide and in some namespaces.
    async fn set_accounts(
        &self,
        role: &str,
        places: impl IntoIterator<Item = &'static str>,
        accounts: &[&str],
    ) -> Result<(), Error> {
        let name = binding_name(&self.installation, role);
        let wanted: BTreeSet<String> = accounts.iter().map(|name| (*name).to_owned()).collect();
        let everywhere = self.cluster_bindings();
        let (name, wanted) = (name.as_str(), &wanted);
        let here = places.into_iter().map(|place| async move {
            let parts = |it: &rbac::RoleBinding| (it.metadata.clone(), it.subjects.clone());
            self.set_subjects(&self.role_bindings(place), name, wanted, parts)
                .await
        });
        let parts = |it: &rbac::ClusterRoleBinding| (it.metadata.clone(), it.subjects.clone());
        futures::try_join!(
            self.set_subjects(&everywhere, name, wanted, parts),
            futures::future::try_join_all(here),
        )?;
        Ok(())
    }

    async fn set_subjects<K>(
        &self,
        api: &Api<K>,
        name: &str,
        wanted: &BTreeSet<String>,
        parts: impl Fn(&K) -> (ObjectMeta, Option<Vec<rbac::Subject>>),
    ) -> Result<(), Error>
    where
        K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    {
        let what = &format!("binding '{name}'");
        let wanted = objects::subjects(wanted);
        let mut last = Error::inconsistent(&format!("{what} changes faster than it is read"));
        for _ in 0..WRITES_MAX {
            let found = api.get(name).await;
            let found = found.map_err(|error| Error::from_kube(error, what))?;
            let (meta, subjects) = parts(&found);
            let holds = subjects.unwrap_or_default();
            if holds.len() == wanted.len() && wanted.iter().all(|it| holds.contains(it)) {
                return Ok(());
            }
            let patch = Patch::Merge(json!({
                "metadata": { "resourceVersion": meta.resource_version },
                "subjects": wanted,
            }));
            let params = PatchParams {
                field_manager: Some("kubegrant".into()),
                ..PatchParams::default()
            };
            // Read again: true is what stands there, not what was answered.
            match api.patch(name, &params, &patch).await {
                Ok(_) => {}
                Err(error) => match Error::from_kube(error, what) {
                    error if error.is_conflict() => last = error,
                    error => return Err(error),
                },
            }
        }
        Err(last)
    }

    /// Ends an account that was the manager's: it goes, whoever holds it, with its token Secrets.
    pub(crate) async fn end_manager(&self, former: &FormerManager) -> Result<(), Error> {
        let name = former.name.as_str();
        let what = format!("account '{name}'");
        let failed = |error| Error::from_kube(error, &what);
        let started = tokio::time::Instant::now();
        loop {
            let found = self.accounts().get_metadata_opt(name).await;
            let Some(meta) = found.map_err(failed)?.map(|found| found.metadata) else {
                break;
            };
            if !self.is_that_one(former, &meta) {
                return Ok(());
            }
            let uid = meta.uid.clone().unwrap_or_default();
            let finalizers = meta.finalizers.unwrap_or_default();
            if !finalizers.is_empty() {
                self.free(name, &uid, &finalizers).await?;
            }
            if meta.deletion_timestamp.is_none() {
                let params = DeleteParams {
                    preconditions: Some(Preconditions {
                        uid: Some(uid),
                        ..Preconditions::default()
                    }),
                    ..DeleteParams::default()
                };
                let deleted = self.accounts().delete(name, &params).await;
                match deleted.map_err(failed) {
                    Err(error) if error.is_not_found() || error.is_conflict() => {}
                    other => drop(other?),
                }
            }
            if started.elapsed() > GONE_MAX {
                return Err(Error::inconsistent(&format!(
                    "{what} of namespace '{NAMESPACE}' is still there"
                )));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.delete_secrets_of(former).await
    }

    /// Whether what stands under a former manager's name is that account. Without its UID, one that
    /// another installation says is its own is left alone, unless the name was ours alone.
    fn is_that_one(&self, former: &FormerManager, found: &ObjectMeta) -> bool {
        let labels = found.labels.as_ref();
        let of = labels.and_then(|labels| labels.get(objects::INSTALLATION));
        let is_of_another = of.is_some_and(|of| of != self.installation.as_str());
        match &former.uid {
            Some(uid) => found.uid.as_ref() == Some(uid),
            None => !(is_of_another && former.name == MANAGER),
        }
    }

    /// Takes the finalizers off an account of ours: with one, whoever put it there would keep it.
    async fn free(&self, account: &str, uid: &str, finalizers: &[String]) -> Result<(), Error> {
        let named: Vec<String> = finalizers.iter().map(|it| clean(it)).collect();
        let what = format!(
            "the finalizer {} of account '{account}' in namespace '{NAMESPACE}'",
            named.join(", ")
        );
        let patch = Patch::Merge(json!({ "metadata": { "uid": uid, "finalizers": null } }));
        let params = PatchParams::default();
        let freed = self
            .accounts()
            .patch_metadata(account, &params, &patch)
            .await;
        match freed.map_err(|error| Error::from_kube(error, &what)) {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Deletes the Secrets that hold a token of an account, whatever their labels.
    async fn delete_secrets_of(&self, former: &FormerManager) -> Result<(), Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), NAMESPACE);
        let what = "the token Secrets";
        let tokens = ListParams::default().fields("type=kubernetes.io/service-account-token");
        let listed = api.list_metadata(&tokens).await;
        let listed = listed.map_err(|error| Error::from_kube(error, what))?;
        for secret in listed.items {
            let notes = secret.metadata.annotations.unwrap_or_default();
            let is_its = notes.get(OF_ACCOUNT) == Some(&former.name)
                && match (&former.uid, notes.get(OF_UID)) {
                    (Some(uid), Some(of)) => of == uid,
                    _ => true,
                };
            let (true, Some(name)) = (is_its, secret.metadata.name) else {
                continue;
            };
            let deleted = api.delete(&name, &DeleteParams::default()).await;
            match deleted.map_err(|error| Error::from_kube(error, what)) {
                Err(error) if error.is_not_found() => {}
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Ends accounts with our labels that are called as a manager's or an issuer's is and are not these:
    /// of registrations that were cut off before anything was recorded.
    pub(crate) async fn end_other_managers(&self, present: &[&str]) -> Result<(), Error> {
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let listed = self.accounts().list_metadata(&ours).await;
        let listed = listed.map_err(|error| Error::from_kube(error, "our accounts"))?;
        for found in listed.items {
            let meta = found.metadata;
            let name = meta.name.clone().unwrap_or_default();
            let is_one = name.starts_with(MANAGER) || issuer::is_account_name(&name);
            if is_one
                && !present.contains(&name.as_str())
                && objects::credential_of(&meta).is_none()
            {
                let uid = meta.uid;
                self.end_manager(&FormerManager { name, uid }).await?;
            }
        }
        Ok(())
    }
}
