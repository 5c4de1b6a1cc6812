//! Bindings that somebody else made for accounts of ours.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use kube::api::{Api, ListParams};
use serde_json::json;

use super::{CONFLICTS_MAX, Ended};
use crate::domain::access::Power;
use crate::domain::plan::{NAMESPACE, Place};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::lists::{List, called, is_account};

impl Connection {
    /// Bindings of others that name an account which could have made some itself: one with the whole
    /// cluster, or with a role of its own in some namespace.
    pub(super) async fn foreign_bindings(
        &self,
        ended: &Ended<'_>,
    ) -> Result<BTreeMap<String, BTreeSet<(Place, String)>>, Error> {
        let mut places: BTreeSet<Place> = BTreeSet::new();
        for ending in &ended.accounts {
            if ending.power == Power::Full {
                places.insert(None);
            }
            let bound = ended.bound.iter().filter(|(it, _)| *it == ending.account);
            places.extend(bound.map(|(_, bound)| bound.place.clone()));
        }
        if places.contains(&None) {
            places = [None].into();
        }
        let mut found: BTreeMap<String, BTreeSet<(Place, String)>> = BTreeMap::new();
        for place in places {
            for list in self.all_lists(&place).await? {
                for ending in &ended.accounts {
                    if names(&list, ending.account) {
                        let key = (
                            list.meta.namespace.clone(),
                            list.meta.name.clone().unwrap_or_default(),
                        );
                        found
                            .entry(ending.account.to_owned())
                            .or_default()
                            .insert(key);
                    }
                }
            }
        }
        Ok(found)
    }

    /// All lists in a namespace, or all of the cluster.
    async fn all_lists(&self, place: &Place) -> Result<Vec<List>, Error> {
        let all = ListParams::default();
        if let Some(namespace) = place {
            let listed = self.role_bindings(namespace).list(&all).await;
            let what = format!("the RoleBindings of namespace '{namespace}'");
            let listed = listed.map_err(|error| Error::from_kube(error, &what))?;
            return Ok(listed.items.into_iter().map(List::from).collect());
        }
        let cluster = async {
            let listed = Api::<ClusterRoleBinding>::all(self.client.clone())
                .list(&all)
                .await;
            listed.map_err(|error| Error::from_kube(error, "the ClusterRoleBindings"))
        };
        let namespaced = async {
            let listed = Api::<RoleBinding>::all(self.client.clone())
                .list(&all)
                .await;
            listed.map_err(|error| Error::from_kube(error, "the RoleBindings"))
        };
        let (cluster, namespaced) = futures::try_join!(cluster, namespaced)?;
        let cluster = cluster.items.into_iter().map(List::from);
        Ok(cluster
            .chain(namespaced.items.into_iter().map(List::from))
            .collect())
    }

    /// Takes an account of ours off a binding that somebody else made; `false` where it is not named
    /// there, but let in by a group.
    pub(super) async fn take_off(
        &self,
        place: &Place,
        name: &str,
        account: &str,
    ) -> Result<bool, Error> {
        for _ in 0..CONFLICTS_MAX {
            let Some(found) = self.list_at(place, name).await? else {
                return Ok(true);
            };
            if !names(&found, account) {
                return Ok(false);
            }
            let version = found.version().to_owned();
            let stay: Vec<_> = found
                .subjects
                .into_iter()
                .filter(|subject| !is_this(subject, account))
                .collect();
            let change = json!({
                "metadata": { "resourceVersion": version }, "subjects": stay,
            });
            match self.patch_list(place, name, change).await {
                Err(error) if error.is_conflict() => {}
                other => return other.map(|_| true),
            }
        }
        Err(Error::changed_meanwhile(&called(place, name)))
    }
}

/// Whether a binding names an account of ours, by whichever of its names.
pub(super) fn names(list: &List, account: &str) -> bool {
    list.subjects
        .iter()
        .any(|subject| is_this(subject, account))
}

fn is_this(subject: &Subject, account: &str) -> bool {
    let user = || format!("system:serviceaccount:{NAMESPACE}:{account}");
    (is_account(subject) && subject.name == account)
        || (subject.kind == "User" && subject.name == user())
}

/// The binding that an answer of the authorizer names: `RBAC: allowed by RoleBinding "name/ns" of …`.
pub(super) fn named_binding(reason: &str) -> Option<(Place, String)> {
    let rest = reason.split_once("allowed by ")?.1;
    let (kind, rest) = rest.split_once(" \"")?;
    let name = rest.split_once('"')?.0;
    match kind {
        "ClusterRoleBinding" => Some((None, name.to_owned())),
        "RoleBinding" => {
            let (name, namespace) = name.rsplit_once('/')?;
            Some((Some(namespace.to_owned()), name.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_that_lets_in_is_read_from_the_answer() {
        let cluster = "RBAC: allowed by ClusterRoleBinding \"mine\" of ClusterRole \"cluster-admin\" \
                       to ServiceAccount \"x/kubegrant\"";
        assert_eq!(named_binding(cluster), Some((None, "mine".to_owned())));
        let place = "RBAC: allowed by RoleBinding \"a:b/shop\" of Role \"r\" to User \"u\"";
        let expected = (Some("shop".to_owned()), "a:b".to_owned());
        assert_eq!(named_binding(place), Some(expected));
        for other in [
            "",
            "allowed by AlwaysAllow",
            "RBAC: allowed by Thing \"x\" of",
        ] {
            assert_eq!(named_binding(other), None);
        }
    }
}
