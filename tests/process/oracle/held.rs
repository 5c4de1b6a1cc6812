//! What a cluster holds, read from its objects.

use std::collections::{BTreeMap, BTreeSet};

use kubegrant_sandbox::Sandbox;
use serde_json::Value;

use crate::home::{Home, text};

const MANAGED_BY: &str = "/metadata/labels/app.kubernetes.io~1managed-by";
const INSTALLATION: &str = "/metadata/labels/kubegrant.io~1installation";

/// What a cluster holds of one installation.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(crate) struct Held {
    /// ServiceAccounts by name, with the credential's number in their annotation. One of the namespace of
    /// developers' accounts has that before its name.
    pub(crate) accounts: BTreeMap<String, String>,
    /// Lists by namespace ("" for cluster-wide) and name: the role, and who is on it.
    pub(crate) lists: BTreeMap<(String, String), (String, BTreeSet<String>)>,
    /// Everything else of ours, by kind, namespace and name.
    pub(crate) others: BTreeSet<(String, String, String)>,
}

impl Held {
    /// Looks at a home's first sandbox.
    pub(crate) fn read(home: &Home, installation: &str) -> Self {
        Self::on(&home.sandbox, installation)
    }

    /// Looks at a sandbox.
    pub(crate) fn on(sandbox: &Sandbox, installation: &str) -> Self {
        let mut held = Self::default();
        for object in sandbox.objects() {
            let part = |pointer| text(&object, pointer).to_owned();
            if text(&object, MANAGED_BY) != "kubegrant" {
                continue;
            }
            let labelled = text(&object, INSTALLATION);
            let (kind, namespace, name) = (
                part("/kind"),
                part("/metadata/namespace"),
                part("/metadata/name"),
            );
            if labelled != installation && kind != "Namespace" {
                continue;
            }
            let works = ["manager", "issuer"].map(|it| format!("kubegrant:{installation}:{it}"));
            let is_list = kind.ends_with("RoleBinding") && !works.contains(&name);
            let works = ["kubegrant-manager", "kubegrant-issuer-"];
            match kind.as_str() {
                "ServiceAccount" if !works.iter().any(|it| name.starts_with(it)) => {
                    let credential = part("/metadata/annotations/kubegrant.io~1credential-id");
                    held.accounts.insert(account(&namespace, &name), credential);
                }
                _ if is_list => {
                    let subjects = object.get("subjects").and_then(Value::as_array);
                    let names = subjects.into_iter().flatten();
                    let names = names.map(|it| account(text(it, "/namespace"), text(it, "/name")));
                    let list = (part("/roleRef/name"), names.collect());
                    held.lists.insert((namespace, name), list);
                }
                _ => {
                    held.others.insert((kind, namespace, name));
                }
            }
        }
        held
    }

    /// Whether a token of this account still gets anywhere: the account is there, and on a list.
    pub(crate) fn lets_in(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
            && self
                .lists
                .values()
                .any(|(_, names)| names.contains(account))
    }
}

/// An account as the store calls it.
fn account(namespace: &str, name: &str) -> String {
    match namespace {
        "kubegrant" => name.to_owned(),
        _ => format!("{namespace}/{name}"),
    }
}

/// The namespaces that write must reach, worked out from the cluster's objects alone.
pub(super) fn write_reaches(objects: &[Value], excluded: &str) -> BTreeSet<String> {
    let held: Vec<String> = serde_json::from_str(excluded).unwrap_or_default();
    let escalates = escalating_roles(objects);
    let powerful: BTreeSet<&str> = objects
        .iter()
        .filter(|object| text(object, "/kind") == "ClusterRoleBinding")
        .filter(|object| escalates.contains(text(object, "/roleRef/name")))
        .filter_map(|object| object.get("subjects").and_then(Value::as_array))
        .flatten()
        .filter(|subject| text(subject, "/kind") == "ServiceAccount")
        .map(|subject| text(subject, "/namespace"))
        .collect();
    objects
        .iter()
        .filter(|object| text(object, "/kind") == "Namespace")
        .filter(|object| text(object, "/metadata/deletionTimestamp").is_empty())
        .map(|object| text(object, "/metadata/name"))
        .filter(|name| !name.starts_with("kube-"))
        .filter(|name| !["kubegrant", "kubegrant-users"].contains(name))
        .filter(|name| !powerful.contains(name) && !held.iter().any(|held| held == name))
        .map(str::to_owned)
        .collect()
}

fn escalating_roles(objects: &[Value]) -> BTreeSet<&str> {
    let has = |rule: &Value, field: &str, words: &[&str]| {
        let list = rule.get(field).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|word| words.contains(&word))
    };
    let escalates = |rule: &Value| {
        has(rule, "verbs", &["*", "escalate", "bind", "impersonate"])
            || has(rule, "resources", &["*", "secrets"])
    };
    objects
        .iter()
        .filter(|object| text(object, "/kind") == "ClusterRole")
        .filter(|object| {
            let rules = object.get("rules").and_then(Value::as_array);
            rules.into_iter().flatten().any(escalates)
        })
        .map(|object| text(object, "/metadata/name"))
        .collect()
}
