//! Bindings that somebody else made for accounts of ours.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use kube::api::{ListParams, ObjectMeta};
use serde_json::json;

use super::many::FEW;
use super::{CONFLICTS_MAX, Ended, Ours};
use crate::domain::access::Power;
use crate::domain::account_name;
use crate::domain::plan::Place;
use crate::domain::power::RoleRef;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::list::{Found, Kept, Outline, Scope};
use crate::kubernetes::lists::{List, called};

/// The group of all accounts.
const EVERY_ACCOUNT: &str = "system:serviceaccounts";
/// The groups of everybody.
const EVERYBODY: [&str; 2] = ["system:authenticated", "system:unauthenticated"];
/// What every API server gives to those groups, and means nothing (Kubernetes, "Default roles and
/// role bindings"; the third reads `/.well-known` for everybody).
const FOR_EVERYBODY: [&str; 5] = [
    "system:basic-user",
    "system:discovery",
    "system:openshift:public-info-viewer",
    "system:public-info-viewer",
    "system:service-account-issuer-discovery",
];

/// What others bound to accounts that end, or that lose a role.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// By account: bindings that name it, or let it in by a group of our accounts alone.
    pub(super) of: BTreeMap<String, BTreeSet<(Place, String)>>,
    /// Accounts that may have more by what names everybody, or cannot be read.
    pub(super) linger: BTreeSet<String>,
    /// Whether they could not be looked at: then there may be any.
    pub(super) blind: bool,
}

/// A binding that somebody else made.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) place: Place,
    pub(super) name: String,
    /// What it gives; `None` where it is too large to be read.
    pub(super) role: Option<RoleRef>,
    /// Whom of those that were asked for.
    pub(super) whom: Whom,
}

/// Whom a binding lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    /// These accounts, by name.
    Accounts(Vec<String>),
    /// These accounts of ours, by a group of theirs.
    OurGroups(Vec<String>),
    /// Everybody.
    Everybody,
    /// Nobody knows.
    Unread,
}

impl Kept for Theirs {
    fn weight(&self) -> usize {
        let accounts: usize = match &self.whom {
            Whom::Accounts(accounts) | Whom::OurGroups(accounts) => {
                accounts.iter().map(Kept::weight).sum()
            }
            _ => 0,
        };
        size_of::<Self>() + self.name.len() + accounts
    }
}

impl Connection {
    /// Bindings of others that let in an account which could have made some itself: one with the
    /// whole cluster, or with a role of its own in some namespace.
    pub(super) async fn foreign_bindings(
        &self,
        ended: &Ended<'_>,
        ours: &Ours,
    ) -> Result<Foreign, Error> {
        let mut places: BTreeMap<Place, BTreeSet<&str>> = BTreeMap::new();
        for ending in &ended.accounts {
            let mut could = |place| places.entry(place).or_default().insert(ending.account);
            // Of many it is one question, and asked of all.
            if ending.power == Power::Full || ended.accounts.len() > FEW {
                could(None);
            }
            for it in ended.bound.iter().filter(|it| it.account == ending.account) {
                could(it.bound.place.clone());
            }
        }
        let mut found = Foreign::default();
        for (place, accounts) in places {
            for theirs in self.bindings_that_let_in(&place, &accounts, ours).await? {
                let key = (theirs.place, theirs.name);
                match theirs.whom {
                    Whom::Accounts(named) | Whom::OurGroups(named) => {
                        for account in named {
                            found.of.entry(account).or_default().insert(key.clone());
                        }
                    }
                    Whom::Everybody | Whom::Unread => {
                        found
                            .linger
                            .extend(accounts.iter().map(|it| (*it).to_owned()));
                    }
                }
            }
        }
        Ok(found)
    }

    /// The bindings of a namespace, or of all of the cluster, that are not ours and let in one of
    /// these accounts.
    pub(super) async fn bindings_that_let_in(
        &self,
        place: &Place,
        accounts: &BTreeSet<&str>,
        ours: &Ours,
    ) -> Result<Vec<Theirs>, Error> {
        let all = ListParams::default();
        let theirs = |meta: ObjectMeta, role, whom| {
            let (place, name) = (meta.namespace, meta.name.unwrap_or_default());
            let theirs = Theirs {
                place,
                name,
                role,
                whom,
            };
            (!ours.has(&theirs.place, &theirs.name)).then_some(theirs)
        };
        let keep = |list: List| {
            let whom = whom(&list, accounts)?;
            theirs(list.meta, Some(list.role), whom)
        };
        let unread = |outline: Outline| theirs(outline.into_meta(), None, Whom::Unread);
        let namespaced = |found: Found<RoleBinding>| match found {
            Found::Object(found) => keep(List::from(found)),
            Found::TooLarge(outline) => unread(*outline),
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
                Found::TooLarge(outline) => unread(*outline),
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

/// Whom of these accounts a binding lets in; nobody where it gives what everybody has anyway.
fn whom(list: &List, accounts: &BTreeSet<&str>) -> Option<Whom> {
    let named = accounts.iter().filter(|account| names(list, account));
    let named: Vec<String> = named.map(|account| (*account).to_owned()).collect();
    if !named.is_empty() {
        return Some(Whom::Accounts(named));
    }
    if FOR_EVERYBODY.contains(&list.role.name()) {
        return None;
    }
    let groups = list.subjects.iter().filter(|it| it.kind == "Group");
    let groups: BTreeSet<&str> = groups.map(|it| it.name.as_str()).collect();
    let is_in = |account: &&&str| {
        groups.contains(EVERY_ACCOUNT) || groups.contains(account_name::group(account).as_str())
    };
    let grouped = accounts.iter().filter(is_in);
    let grouped: Vec<String> = grouped.map(|account| (*account).to_owned()).collect();
    if !grouped.is_empty() {
        return Some(Whom::OurGroups(grouped));
    }
    let mut everybody = EVERYBODY.iter();
    everybody
        .any(|group| groups.contains(group))
        .then_some(Whom::Everybody)
}

/// Whether a binding names an account of ours, by whichever of its names.
pub(super) fn names(list: &List, account: &str) -> bool {
    list.subjects
        .iter()
        .any(|subject| is_this(subject, account))
}

fn is_this(subject: &Subject, account: &str) -> bool {
    let (home, name) = account_name::parts(account);
    let is_there = subject.namespace.as_deref() == Some(home.namespace());
    (subject.kind == "ServiceAccount" && is_there && subject.name == name)
        || (subject.kind == "User" && subject.name == account_name::login_name(account))
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
