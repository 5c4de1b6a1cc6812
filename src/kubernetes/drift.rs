//! The manager's own rights and the issuer's, compared with what they should be, and put right as far as
//! the manager may.

use kube::api::{ObjectMeta, Patch, PatchParams};

use super::connection::Connection;
use super::error::Error;
use super::observe::Seen;
use super::{foreign, issuer, manager, objects, renewer};
use crate::domain::account_name::Home;
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::domain::plan::{Desired, NAMESPACE, USERS_NAMESPACE, binding_name};
use crate::domain::power::{Binding, RoleRef, Rule, Subject};
use crate::domain::role_summary::summary;

/// What of the rights of the manager and the issuer is not as they were made.
#[derive(Debug, Default)]
pub(crate) struct ManagerDrift {
    /// Other subjects on their bindings: `reconcile` takes them off.
    pub(crate) strangers: Vec<String>,
    /// What their roles and bindings give beyond that: only an operator can put it right.
    pub(crate) widened: Vec<String>,
}

/// What the manager, or the issuer, has on a cluster: bindings and roles of one name, and who is on them.
struct Holder<'a> {
    /// The last word of the name, and what it is called.
    role: &'static str,
    account: &'a str,
    /// Where its own bindings and roles stand, beside the cluster-wide ones.
    places: &'static [&'static str],
}

/// Who has rights of their own on a cluster.
fn holders(cluster: &Cluster) -> Vec<Holder<'_>> {
    let has_issuer = cluster.issuer.is_some();
    let manager = Holder {
        role: "manager",
        account: &cluster.manager,
        places: if has_issuer {
            &[NAMESPACE, USERS_NAMESPACE]
        } else {
            &[NAMESPACE]
        },
    };
    let issuer = cluster.issuer.as_ref().map(|issuer| Holder {
        role: "issuer",
        account: &issuer.account,
        places: &[USERS_NAMESPACE],
    });
    [manager].into_iter().chain(issuer).collect()
}

impl Holder<'_> {
    fn subject(&self) -> Subject {
        Subject::Account {
            namespace: NAMESPACE.to_owned(),
            name: self.account.to_owned(),
        }
    }

    /// What its role should give, cluster-wide or in a namespace.
    fn rules(&self, place: Option<&str>, installation: &InstallationId) -> Vec<Rule> {
        objects::rules(Some(match (self.role, place) {
            ("issuer", None) => issuer::cluster_rules(installation),
            ("issuer", Some(_)) => issuer::namespace_rules(),
            (_, None) => manager::cluster_rules(installation),
            (_, Some(USERS_NAMESPACE)) => manager::users_namespace_rules(),
            (_, Some(_)) => manager::namespace_rules(),
        }))
    }
}

/// Compares the bindings and roles of the manager and the issuer with what they should be, and the roles
/// of those who renew.
pub(crate) fn drift(
    installation: &InstallationId,
    desired: &Desired,
    cluster: &Cluster,
    seen: &Seen,
) -> ManagerDrift {
    let mut drift = ManagerDrift::default();
    let prefix = binding_name(installation, "renew:");
    for ((namespace, name), rules) in &seen.roles.namespaced {
        if !name.starts_with(&prefix) || Home::of(namespace).is_none() {
            continue;
        }
        let mut renewers = desired.renewers.iter();
        let renewer = renewers.find(|it| it.role(installation) == *name);
        let more: Vec<Rule> = renewer::excess(rules, renewer)
            .into_iter()
            .cloned()
            .collect();
        if renewer.is_some() && !more.is_empty() {
            let what = crate::domain::text::clean(&summary(&more));
            drift
                .widened
                .push(format!("Role {name}: it gives more than renewing: {what}"));
        }
    }
    for holder in holders(cluster) {
        drift_of(&holder, installation, seen, &mut drift);
    }
    drift
}

fn drift_of(
    holder: &Holder<'_>,
    installation: &InstallationId,
    seen: &Seen,
    drift: &mut ManagerDrift,
) {
    let (name, whose) = (binding_name(installation, holder.role), holder.role);
    let subject = holder.subject();
    for binding in seen.foreign.iter().filter(|it| it.name == name) {
        let role = match binding.namespace.as_deref() {
            None => RoleRef::Cluster(name.clone()),
            Some(place) if holder.places.contains(&place) => RoleRef::Namespaced(name.clone()),
            // Of our name, and elsewhere: nothing of ours.
            Some(_) => continue,
        };
        let words = foreign::described(binding);
        if binding.role != role {
            let found = format!("{words} it does not point to the {whose}'s role");
            drift.widened.push(found);
        }
        let others = binding.subjects.iter().filter(|it| **it != subject);
        let others: Vec<Subject> = others.cloned().collect();
        if !others.is_empty() {
            let others = foreign::subjects(&others);
            let found = format!("{words} {others} has the {whose}'s rights");
            // Without our labels it is not ours to change.
            if seen.unlabelled.iter().any(|it| it.contains(&name)) {
                drift.widened.push(found);
            } else {
                drift.strangers.push(found);
            }
        }
    }
    let none = Vec::new();
    let places = holder.places.iter().map(|place| Some(*place));
    for place in [None].into_iter().chain(places) {
        let found = match place {
            None => seen.roles.cluster.get(&name),
            Some(place) => seen.roles.namespaced.get(&(place.to_owned(), name.clone())),
        };
        let wanted = holder.rules(place, installation);
        let added: Vec<Rule> = found
            .unwrap_or(&none)
            .iter()
            .filter(|rule| !is_covered(rule, &wanted))
            .cloned()
            .collect();
        if !added.is_empty() {
            let kind = place.map_or("ClusterRole", |_| "Role");
            let what = crate::domain::text::clean(&summary(&added));
            drift.widened.push(format!(
                "{kind} {name}: it gives more than the {whose} needs: {what}"
            ));
        }
    }
}

/// Whether rules give all that one rule does, verb by verb.
fn is_covered(rule: &Rule, by: &[Rule]) -> bool {
    let has = |list: &[String], item: &String| list.contains(item);
    let one = |group: &String, resource: &String, verb: &String| {
        by.iter().any(|wanted| {
            has(&wanted.groups, group)
                && has(&wanted.resources, resource)
                && has(&wanted.verbs, verb)
                && (wanted.names.is_empty()
                    || (!rule.names.is_empty()
                        && rule.names.iter().all(|name| has(&wanted.names, name))))
        })
    };
    rule.urls.is_empty()
        && rule.groups.iter().all(|group| {
            rule.resources
                .iter()
                .all(|resource| rule.verbs.iter().all(|verb| one(group, resource, verb)))
        })
}

/// A binding of the manager or the issuer with others on it, or something of theirs without our labels.
#[derive(Debug)]
pub(crate) struct Stray {
    object: Object,
    patch: serde_json::Value,
    /// What is done about it.
    pub(crate) description: String,
}

/// What of theirs is put right.
#[derive(Debug)]
enum Object {
    ClusterBinding(String),
    Binding(String, String),
    Account(String),
}

impl Connection {
    /// Finds the bindings of the manager and the issuer that somebody else is on, and what lost our labels.
    pub(crate) async fn strays(&self, cluster: &Cluster) -> Result<Vec<Stray>, Error> {
        let holders = holders(cluster);
        let strays = holders.iter().map(|holder| self.strays_of(holder));
        let strays = futures::future::try_join_all(strays).await?;
        Ok(strays.into_iter().flatten().collect())
    }

    async fn strays_of(&self, holder: &Holder<'_>) -> Result<Vec<Stray>, Error> {
        let name = binding_name(&self.installation, holder.role);
        let failed = |error| Error::from_kube(error, &format!("'{name}'"));
        let (everywhere, accounts) = (self.cluster_bindings(), self.accounts());
        let inside = holder.places.iter().map(|place| {
            let (api, name) = (self.role_bindings(place), &name);
            async move { api.get_opt(name).await }
        });
        let (everywhere, inside, own) = futures::try_join!(
            everywhere.get_opt(&name),
            futures::future::try_join_all(inside),
            accounts.get_metadata_opt(holder.account)
        )
        .map_err(failed)?;
        let own = own.map(|own| own.metadata);
        let own = own.filter(|meta| {
            !objects::is_ours(meta, &self.installation) && meta.deletion_timestamp.is_none()
        });
        let account = holder.account;
        let own = own.map(|meta| Stray {
            object: Object::Account(account.to_owned()),
            patch: serde_json::json!({ "metadata": { "uid": meta.uid, "labels": self.labels() } }),
            description: format!("label account {account}"),
        });
        let everywhere = everywhere.and_then(|found| {
            let meta = &found.metadata;
            let binding = objects::binding(meta, &found.role_ref, found.subjects.as_ref());
            self.stray(holder, meta, &binding)
        });
        let inside = inside.into_iter().flatten().filter_map(|found| {
            let meta = &found.metadata;
            let binding = objects::binding(meta, &found.role_ref, found.subjects.as_ref());
            self.stray(holder, meta, &binding)
        });
        Ok(everywhere.into_iter().chain(inside).chain(own).collect())
    }

    fn stray(&self, holder: &Holder<'_>, meta: &ObjectMeta, binding: &Binding) -> Option<Stray> {
        let own = holder.subject();
        let others = binding.subjects.iter().filter(|it| **it != own);
        let others: Vec<Subject> = others.cloned().collect();
        // Without its holder on it, it is being moved.
        let is_labelled = objects::is_ours(meta, &self.installation);
        if others.is_empty() && is_labelled || !binding.subjects.contains(&own) {
            return None;
        }
        // Whoever takes the labels off does not make it theirs: it names our role and our account.
        if !is_labelled && binding.role.name() != binding.name {
            return None;
        }
        let patch = serde_json::json!({
            "metadata": {
                "resourceVersion": meta.resource_version, "labels": self.labels(),
            },
            "subjects": objects::subjects(&[holder.account.to_owned()].into()),
        });
        let name = binding.name.clone();
        let object = match &binding.namespace {
            None => Object::ClusterBinding(name),
            Some(namespace) => Object::Binding(namespace.clone(), name),
        };
        let described = foreign::described(binding);
        if others.is_empty() {
            return Some(Stray {
                object,
                patch,
                description: format!("label {}", described.trim_end_matches(':')),
            });
        }
        let words = format!(
            "take {} off {}",
            foreign::subjects(&others),
            described.trim_end_matches(':')
        );
        Some(Stray {
            object,
            patch,
            description: words,
        })
    }

    /// Takes everybody else off the bindings of the manager and the issuer, and puts our labels back; says
    /// what it did.
    pub(crate) async fn mend_manager(&self, cluster: &Cluster) -> Result<Vec<String>, Error> {
        let mut mended = Vec::new();
        for stray in self.strays(cluster).await? {
            let (params, patch) = (PatchParams::default(), Patch::Merge(&stray.patch));
            let written = match &stray.object {
                Object::ClusterBinding(name) => {
                    let api = self.cluster_bindings();
                    api.patch(name, &params, &patch).await.map(drop)
                }
                Object::Binding(namespace, name) => {
                    let api = self.role_bindings(namespace);
                    api.patch(name, &params, &patch).await.map(drop)
                }
                Object::Account(account) => {
                    let api = self.accounts();
                    api.patch_metadata(account, &params, &patch).await.map(drop)
                }
            };
            written.map_err(|error| Error::from_kube(error, &stray.description))?;
            mended.push(stray.description);
        }
        Ok(mended)
    }
}
