//! The manager's own rights, compared with what they should be, and put right as far as it may.

use kube::api::{ObjectMeta, Patch, PatchParams};

use super::connection::Connection;
use super::error::Error;
use super::manager::{cluster_rules, namespace_rules};
use super::observe::Seen;
use super::{foreign, objects};
use crate::domain::installation::InstallationId;
use crate::domain::plan::{NAMESPACE, binding_name};
use crate::domain::power::{Binding, RoleRef, Rule, Subject};
use crate::domain::role_summary::summary;

/// What of the manager's own rights is not as [`Connection::install_manager`] makes it.
#[derive(Debug, Default)]
pub(crate) struct ManagerDrift {
    /// Subjects on its bindings that are not the manager: `reconcile` takes them off.
    pub(crate) strangers: Vec<String>,
    /// What its roles and bindings give beyond that: only an operator can put it right.
    pub(crate) widened: Vec<String>,
}

/// Compares the manager's bindings and roles with what they should be.
pub(crate) fn drift(installation: &InstallationId, account: &str, seen: &Seen) -> ManagerDrift {
    let name = binding_name(installation, "manager");
    let manager = Subject::Account {
        namespace: NAMESPACE.to_owned(),
        name: account.to_owned(),
    };
    let mut drift = ManagerDrift::default();
    for binding in seen.foreign.iter().filter(|it| it.name == name) {
        let role = match binding.namespace.as_deref() {
            None => RoleRef::Cluster(name.clone()),
            Some(NAMESPACE) => RoleRef::Namespaced(name.clone()),
            // Of our name, and elsewhere: nothing of ours.
            Some(_) => continue,
        };
        let words = foreign::described(binding);
        if binding.role != role {
            let found = format!("{words} it does not point to the manager's role");
            drift.widened.push(found);
        }
        let others = binding.subjects.iter().filter(|it| **it != manager);
        let others: Vec<Subject> = others.cloned().collect();
        if !others.is_empty() {
            let others = foreign::subjects(&others);
            let found = format!("{words} {others} has the manager's rights");
            // Without our labels it is not ours to change.
            if seen.unlabelled.iter().any(|it| it.contains(&name)) {
                drift.widened.push(found);
            } else {
                drift.strangers.push(found);
            }
        }
    }
    let none = Vec::new();
    let key = (NAMESPACE.to_owned(), name.clone());
    let roles = [
        (
            "ClusterRole",
            seen.roles.cluster.get(&name).unwrap_or(&none),
            objects::rules(Some(cluster_rules(installation))),
        ),
        (
            "Role",
            seen.roles.namespaced.get(&key).unwrap_or(&none),
            objects::rules(Some(namespace_rules())),
        ),
    ];
    for (kind, found, wanted) in roles {
        let added: Vec<Rule> = found
            .iter()
            .filter(|rule| !is_covered(rule, &wanted))
            .cloned()
            .collect();
        if !added.is_empty() {
            let what = crate::domain::text::clean(&summary(&added));
            drift.widened.push(format!(
                "{kind} {name}: it gives more than the manager needs: {what}"
            ));
        }
    }
    drift
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

/// A binding of the manager with others on it, or something of the manager's without our labels.
#[derive(Debug)]
pub(crate) struct Stray {
    object: Object,
    patch: serde_json::Value,
    /// What is done about it.
    pub(crate) words: String,
}

/// What of the manager's is put right.
#[derive(Debug)]
enum Object {
    ClusterBinding,
    Binding(String),
    Account(String),
}

impl Connection {
    /// Finds the manager's own bindings that somebody else is on, and what lost our labels.
    pub(crate) async fn strays(&self, account: &str) -> Result<Vec<Stray>, Error> {
        let name = binding_name(&self.installation, "manager");
        let (everywhere, inside) = (self.cluster_bindings(), self.role_bindings(NAMESPACE));
        let accounts = self.accounts();
        let (everywhere, inside, own) = futures::try_join!(
            everywhere.get_opt(&name),
            inside.get_opt(&name),
            accounts.get_metadata_opt(account)
        )
        .map_err(|error| Error::from_kube(error, &format!("'{name}'")))?;
        let own = own.map(|own| own.metadata);
        let own = own.filter(|meta| {
            !objects::is_ours(meta, &self.installation) && meta.deletion_timestamp.is_none()
        });
        let own = own.map(|meta| Stray {
            object: Object::Account(account.to_owned()),
            patch: serde_json::json!({ "metadata": { "uid": meta.uid, "labels": self.labels() } }),
            words: format!("label account {account}"),
        });
        let everywhere = everywhere.and_then(|found| {
            let meta = &found.metadata;
            let binding = objects::binding(meta, &found.role_ref, found.subjects.as_ref());
            self.stray(account, meta, &binding)
        });
        let inside = inside.and_then(|found| {
            let meta = &found.metadata;
            let binding = objects::binding(meta, &found.role_ref, found.subjects.as_ref());
            self.stray(account, meta, &binding)
        });
        Ok(everywhere.into_iter().chain(inside).chain(own).collect())
    }

    fn stray(&self, account: &str, meta: &ObjectMeta, binding: &Binding) -> Option<Stray> {
        let manager = Subject::Account {
            namespace: NAMESPACE.to_owned(),
            name: account.to_owned(),
        };
        let others = binding.subjects.iter().filter(|it| **it != manager);
        let others: Vec<Subject> = others.cloned().collect();
        // Without the manager on it, it is being moved.
        let is_labelled = objects::is_ours(meta, &self.installation);
        if others.is_empty() && is_labelled || !binding.subjects.contains(&manager) {
            return None;
        }
        // Whoever takes the labels off does not make it theirs: it names our role and our manager.
        if !is_labelled && binding.role.name() != binding.name {
            return None;
        }
        let patch = serde_json::json!({
            "metadata": {
                "resourceVersion": meta.resource_version, "labels": self.labels(),
            },
            "subjects": objects::subjects(&[account.to_owned()].into()),
        });
        let object = match &binding.namespace {
            None => Object::ClusterBinding,
            Some(namespace) => Object::Binding(namespace.clone()),
        };
        let described = foreign::described(binding);
        if others.is_empty() {
            return Some(Stray {
                object,
                patch,
                words: format!("label {}", described.trim_end_matches(':')),
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
            words,
        })
    }

    /// Takes everybody but the manager off the manager's bindings, and puts our labels back; says what
    /// it did.
    pub(crate) async fn mend_manager(&self, account: &str) -> Result<Vec<String>, Error> {
        let name = binding_name(&self.installation, "manager");
        let mut mended = Vec::new();
        for stray in self.strays(account).await? {
            let (params, patch) = (PatchParams::default(), Patch::Merge(&stray.patch));
            let written = match &stray.object {
                Object::ClusterBinding => {
                    let api = self.cluster_bindings();
                    api.patch(&name, &params, &patch).await.map(drop)
                }
                Object::Binding(namespace) => {
                    let api = self.role_bindings(namespace);
                    api.patch(&name, &params, &patch).await.map(drop)
                }
                Object::Account(account) => {
                    let api = self.accounts();
                    api.patch_metadata(account, &params, &patch).await.map(drop)
                }
            };
            written.map_err(|error| Error::from_kube(error, &format!("'{name}'")))?;
            mended.push(stray.words);
        }
        Ok(mended)
    }
}
