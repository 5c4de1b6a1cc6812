//! A namespace `kubegrant` that the platform made beforehand: taken over, and given back.

use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use serde_json::{Value, json};

use super::connection::Connection;
use super::error::Error;
use super::list::Scope;
use super::objects::{ADOPTED, KUBEGRANT, MANAGED_BY};
use crate::domain::text::clean;

/// Accounts that platforms make in every namespace.
pub(crate) const PLATFORM_ACCOUNTS: [&str; 3] = ["default", "builder", "deployer"];

/// What is written on a namespace that the platform made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// That we took it over.
    Taken,
    /// Our label alone, as somebody put it there before.
    Labelled,
    /// Nothing of ours.
    Nothing,
}

impl Connection {
    /// Writes on a namespace that the platform made that it is ours to use, or takes that off again.
    pub(super) async fn mark_namespace(&self, name: &str, mark: Mark) -> Result<(), Error> {
        let (label, note) = match mark {
            Mark::Taken => (json!(KUBEGRANT), json!("true")),
            Mark::Labelled => (json!(KUBEGRANT), Value::Null),
            Mark::Nothing => (Value::Null, Value::Null),
        };
        let mut annotations = serde_json::Map::from_iter([(ADOPTED.to_owned(), note)]);
        if mark == Mark::Nothing {
            annotations.insert(super::witness::annotation(&self.installation), Value::Null);
        }
        let patch =
            json!({ "metadata": { "labels": { MANAGED_BY: label }, "annotations": annotations } });
        let params = PatchParams {
            field_manager: Some(KUBEGRANT.into()),
            ..PatchParams::default()
        };
        let api: Api<Namespace> = Api::all(self.client.clone());
        let marked = api
            .patch_metadata(name, &params, &Patch::Merge(patch))
            .await;
        let what = format!("namespace '{name}'");
        marked
            .map(drop)
            .map_err(|error| Error::from_kube(error, &what))
    }

    /// Whether a namespace of ours was taken over from the platform: then it stays when we leave. Who can
    /// write that there can only make it stay, and finds nothing of ours in it.
    pub(super) async fn is_adopted(&self, name: &str) -> Result<bool, Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let found = api.get_metadata_opt(name).await;
        let found = found.map_err(|error| Error::from_kube(error, "our namespace"))?;
        let notes = found.and_then(|found| found.metadata.annotations);
        Ok(notes.is_some_and(|notes| notes.get(ADOPTED).is_some_and(|it| it == "true")))
    }

    /// What others have in the namespace, in words: the first thing that no platform puts into every
    /// namespace.
    pub(super) async fn lives_here(&self, place: &str) -> Result<Option<String>, Error> {
        let account = |name: &str| PLATFORM_ACCOUNTS.contains(&name);
        let secret = |name: &str| {
            let of = |account: &str| {
                name.strip_prefix(account)
                    .is_some_and(|rest| rest.starts_with('-'))
            };
            PLATFORM_ACCOUNTS.into_iter().any(of)
        };
        let system = |name: &str| name.starts_with("system:");
        let found = futures::try_join!(
            self.first::<ServiceAccount>(place, "account", account),
            self.first::<Secret>(place, "Secret", secret),
            self.first::<RoleBinding>(place, "RoleBinding", system),
            self.first::<Role>(place, "Role", system),
            self.first::<Pod>(place, "Pod", |_| false),
        )?;
        let (account, secret, binding, role, pod) = found;
        Ok(account.or(secret).or(binding).or(role).or(pod))
    }

    async fn first<K>(
        &self,
        place: &str,
        kind: &str,
        is_platforms: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, Error>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let own = Scope::Namespace(place);
        let name = |meta: kube::api::ObjectMeta| meta.name;
        let what = format!("what namespace '{place}' holds");
        let all = ListParams::default();
        let listed = match self.list_metadata::<K, _>(&what, own, &all, name).await {
            // What cannot be seen may be there.
            Err(error) if error.is_forbidden() => {
                return Ok(Some(format!("{kind}s, which this login may not list")));
            }
            listed => listed?,
        };
        let other = listed.into_iter().find(|name| !is_platforms(name));
        Ok(other.map(|name| format!("{kind} {}", clean(&name))))
    }
}
