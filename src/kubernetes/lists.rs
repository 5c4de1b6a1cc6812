//! Binding lists: a ClusterRoleBinding or a RoleBinding, read and written in the same way.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::{self as rbac, ClusterRoleBinding, RoleBinding};
use kube::api::{
    DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions,
};
use serde_json::{Value, json};

use super::connection::Connection;
use super::error::Error;
use super::list::Kept;
use super::list::Scope;
use super::objects::{self, KUBEGRANT};
use crate::domain::account_name::Home;
use crate::domain::plan::{Object, Place};
use crate::domain::power::RoleRef;

/// A binding list as it stands on the cluster.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) meta: ObjectMeta,
    pub(super) role: RoleRef,
    pub(super) subjects: Vec<rbac::Subject>,
}

impl List {
    /// The accounts of our namespaces on it.
    pub(super) fn accounts(&self) -> impl Iterator<Item = String> {
        self.subjects.iter().filter_map(account)
    }

    /// Whether a deletion that finds it as it is takes it away at once.
    pub(super) fn is_free(&self) -> bool {
        let meta = &self.meta;
        let is_held = meta
            .finalizers
            .as_ref()
            .is_some_and(|them| !them.is_empty());
        !is_held
            && meta.deletion_timestamp.is_none()
            && meta.uid.is_some()
            && meta.resource_version.is_some()
    }

    /// Its version, so that a write of somebody else is noticed.
    pub(super) fn version(&self) -> &str {
        self.meta.resource_version.as_deref().unwrap_or_default()
    }
}

/// The account that a subject is, where it stands in a namespace of ours.
pub(super) fn account(subject: &rbac::Subject) -> Option<String> {
    let namespace = subject.namespace.as_deref();
    let home = Home::of(namespace.filter(|_| subject.kind == "ServiceAccount")?)?;
    Some(home.account(&subject.name))
}

/// The list as people are told of it.
pub(super) fn called(place: &Place, name: &str) -> String {
    Object::Binding(place.clone(), name.to_owned()).to_string()
}

impl Kept for (Place, Option<List>) {
    fn weight(&self) -> usize {
        let subjects = self.1.iter().flat_map(|list| &list.subjects);
        let each = size_of::<rbac::Subject>() + 64;
        size_of::<Self>()
            + subjects
                .map(|subject| subject.name.len() + each)
                .sum::<usize>()
    }

    fn is_ours(&self) -> bool {
        true
    }
}

impl From<ClusterRoleBinding> for List {
    fn from(found: ClusterRoleBinding) -> Self {
        Self {
            role: objects::role_ref(&found.role_ref),
            meta: found.metadata,
            subjects: found.subjects.unwrap_or_default(),
        }
    }
}

impl From<RoleBinding> for List {
    fn from(found: RoleBinding) -> Self {
        Self {
            role: objects::role_ref(&found.role_ref),
            meta: found.metadata,
            subjects: found.subjects.unwrap_or_default(),
        }
    }
}

impl Connection {
    /// Reads one list by its name; `None` where there is none.
    pub(super) async fn list_at(&self, place: &Place, name: &str) -> Result<Option<List>, Error> {
        let found = match place {
            None => {
                let found = self.cluster_bindings().get_opt(name).await;
                found.map(|found| found.map(List::from))
            }
            Some(namespace) => {
                let found = self.role_bindings(namespace).get_opt(name).await;
                found.map(|found| found.map(List::from))
            }
        };
        found.map_err(|error| Error::from_kube(error, &called(place, name)))
    }

    /// Makes a list.
    pub(super) async fn create_list(
        &self,
        place: &Place,
        name: &str,
        role: &RoleRef,
        accounts: &BTreeSet<String>,
    ) -> Result<List, Error> {
        let metadata = self.meta(name, place.as_deref());
        let role_ref = objects::reference(role);
        let subjects = Some(objects::subjects(accounts));
        let params = PostParams::default();
        let made = match place {
            None => {
                let wanted = ClusterRoleBinding {
                    metadata,
                    role_ref,
                    subjects,
                };
                let api = self.cluster_bindings();
                api.create(&params, &wanted).await.map(List::from)
            }
            Some(namespace) => {
                let wanted = RoleBinding {
                    metadata,
                    role_ref,
                    subjects,
                };
                let api = self.role_bindings(namespace);
                api.create(&params, &wanted).await.map(List::from)
            }
        };
        made.map_err(|error| Error::from_kube(error, &called(place, name)))
    }

    /// Merges a change into a list.
    pub(super) async fn patch_list(
        &self,
        place: &Place,
        name: &str,
        change: Value,
    ) -> Result<List, Error> {
        let patch = Patch::Merge(change);
        let params = PatchParams {
            field_manager: Some(KUBEGRANT.into()),
            ..PatchParams::default()
        };
        let written = match place {
            None => {
                let api = self.cluster_bindings();
                api.patch(name, &params, &patch).await.map(List::from)
            }
            Some(namespace) => {
                let api = self.role_bindings(namespace);
                api.patch(name, &params, &patch).await.map(List::from)
            }
        };
        written.map_err(|error| Error::from_kube(error, &called(place, name)))
    }

    /// Writes the whole of a list of ours, with our labels, if it still has this version; a
    /// finalizer that somebody put on it goes.
    pub(super) async fn write_list(
        &self,
        place: &Place,
        name: &str,
        accounts: &BTreeSet<String>,
        version: &str,
    ) -> Result<List, Error> {
        let change = json!({
            "metadata": {
                "resourceVersion": version,
                "labels": self.labels(),
                "finalizers": null,
            },
            "subjects": objects::subjects(accounts),
        });
        self.patch_list(place, name, change).await
    }

    /// Whether a list shows a binding list of ours.
    pub(super) async fn lists_list(&self, place: &Place, name: &str) -> Result<bool, Error> {
        let by_name = ListParams::default().fields(&format!("metadata.name={name}"));
        let keep = |meta: ObjectMeta| meta.name;
        let what = called(place, name);
        let found = match place {
            None => {
                let all = Scope::Cluster;
                self.list_metadata::<ClusterRoleBinding, _>(&what, all, &by_name, keep)
                    .await?
            }
            Some(namespace) => {
                let there = Scope::Namespace(namespace);
                self.list_metadata::<RoleBinding, _>(&what, there, &by_name, keep)
                    .await?
            }
        };
        Ok(!found.is_empty())
    }

    /// Deletes a list as it was read; `false` where something keeps it, as it is.
    pub(super) async fn remove_list(
        &self,
        place: &Place,
        name: &str,
        read: &List,
    ) -> Result<bool, Error> {
        let params = DeleteParams::default().preconditions(Preconditions {
            uid: read.meta.uid.clone(),
            resource_version: read.meta.resource_version.clone(),
        });
        let removed = match place {
            None => {
                let removed = self.cluster_bindings().delete(name, &params).await;
                removed.map(|it| it.left().is_none_or(|it| is_removed(&it.metadata)))
            }
            Some(namespace) => {
                let removed = self.role_bindings(namespace).delete(name, &params).await;
                removed.map(|it| it.left().is_none_or(|it| is_removed(&it.metadata)))
            }
        };
        removed.map_err(|error| Error::from_kube(error, &called(place, name)))
    }

    /// Deletes a list, if the preconditions hold; one that is not there is gone.
    pub(super) async fn delete_list(
        &self,
        place: &Place,
        name: &str,
        preconditions: Preconditions,
    ) -> Result<(), Error> {
        let params = DeleteParams::default().preconditions(preconditions);
        let deleted = match place {
            None => {
                let api = self.cluster_bindings();
                api.delete(name, &params).await.map(drop)
            }
            Some(namespace) => {
                let api = self.role_bindings(namespace);
                api.delete(name, &params).await.map(drop)
            }
        };
        gone(deleted, &called(place, name))
    }
}

/// Whether an object that a deletion answers with is gone, and not only going.
fn is_removed(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_none()
}

/// A delete that finds nothing has nothing to do.
pub(super) fn gone(result: Result<(), kube::Error>, what: &str) -> Result<(), Error> {
    match result.map_err(|error| Error::from_kube(error, what)) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}
