//! Bindings that somebody else made for accounts of ours.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use kube::api::ListParams;
use serde_json::json;

use super::{CONFLICTS_MAX, Ended};
use crate::domain::access::Power;
use crate::domain::plan::{NAMESPACE, Place};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::list::{Found, Kept, Scope};
use crate::kubernetes::lists::{List, called, is_account};

/// A binding that names accounts which end.
struct Naming {
    place: Place,
    name: String,
    accounts: Vec<String>,
}

impl Kept for Naming {
    fn weight(&self) -> usize {
        let accounts: usize = self.accounts.iter().map(Kept::weight).sum();
        size_of::<Self>() + self.name.len() + accounts
    }
}

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
            for binding in self.bindings_that_name(&place, ended).await? {
                for account in binding.accounts {
                    let key = (binding.place.clone(), binding.name.clone());
                    found.entry(account).or_default().insert(key);
                }
            }
        }
        Ok(found)
    }

    /// The bindings of a namespace, or of all of the cluster, that name an account which ends. What
    /// is too large to be read is not among them: the authorizer is asked about that in the end.
    async fn bindings_that_name(
        &self,
        place: &Place,
        ended: &Ended<'_>,
    ) -> Result<Vec<Naming>, Error> {
        let all = ListParams::default();
        let keep = |list: List| {
            let accounts = ended.accounts.iter().map(|ending| ending.account);
            let accounts = accounts.filter(|account| names(&list, account));
            let accounts: Vec<String> = accounts.map(str::to_owned).collect();
            (!accounts.is_empty()).then(|| Naming {
                accounts,
                place: list.meta.namespace,
                name: list.meta.name.unwrap_or_default(),
            })
        };
        let namespaced = |found: Found<RoleBinding>| match found {
            Found::Object(found) => keep(List::from(found)),
            Found::TooLarge(_) => None,
        };
        if let Some(namespace) = place {
            let what = format!("the RoleBindings of namespace '{namespace}'");
            let scope = Scope::Namespace(namespace);
            return Ok(self.list(&what, scope, &all, namespaced).await?.items);
        }
        let cluster = self.list(
            "the ClusterRoleBindings",
            Scope::Cluster,
            &all,
            |found: Found<ClusterRoleBinding>| match found {
                Found::Object(found) => keep(List::from(found)),
                Found::TooLarge(_) => None,
            },
        );
        let namespaced = self.list("the RoleBindings", Scope::Everywhere, &all, namespaced);
        let (mut found, namespaced) = futures::try_join!(cluster, namespaced)?;
        found.items.extend(namespaced.items);
        Ok(found.items)
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
