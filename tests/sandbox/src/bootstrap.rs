//! What a new cluster holds: namespaces, and the default roles, bindings and accounts of RBAC.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::aggregation;
use crate::managed::{self, Manager};
use crate::object;
use crate::rbac::GROUP;
use crate::resource::{self, Resource};
use crate::store::Store;

/// The namespaces of every new cluster.
pub(crate) const NAMESPACES: [&str; 4] =
    ["kube-system", "kube-public", "kube-node-lease", "default"];
const AGGREGATION: &str = "rbac.authorization.k8s.io/";

/// The objects of a new cluster, made once for all sandboxes of the process.
static TEMPLATE: LazyLock<Vec<(&'static Resource, Value)>> = LazyLock::new(|| {
    let mut store = Store::new();
    prepare(&mut store);
    aggregation::fill(&mut store);
    [
        "namespaces",
        "services",
        "serviceaccounts",
        "clusterroles",
        "clusterrolebindings",
    ]
    .into_iter()
    .map(resource::named)
    .flat_map(|resource| {
        let objects: Vec<Value> = store.list(resource, None).cloned().collect();
        objects.into_iter().map(move |object| (resource, object))
    })
    .collect()
});

/// Fills an empty store.
pub(crate) fn fill(store: &mut Store) {
    let now = object::now();
    for (resource, object) in TEMPLATE.iter() {
        let mut object = object.clone();
        object::set(&mut object, "uid", object::new_uid());
        object::set(&mut object, "creationTimestamp", now.as_str());
        if let Some(Value::Array(entries)) = object.pointer_mut("/metadata/managedFields") {
            for entry in entries {
                entry["time"] = now.as_str().into();
            }
        }
        store.put(resource, object);
    }
}

fn prepare(store: &mut Store) {
    for name in NAMESPACES {
        let namespace = json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
        });
        let mut namespace = put(store, "namespaces", namespace, "v1");
        // The server's own part has no manager.
        namespace["spec"] = json!({ "finalizers": ["kubernetes"] });
        namespace["status"] = json!({ "phase": "Active" });
        store.put(resource::named("namespaces"), namespace);
    }
    put(store, "services", kubernetes_service(), "v1");
    let version = format!("{GROUP}/v1");
    let mut lines = include_str!("bootstrap/rbac.txt").lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(head) = line.strip_prefix("role ") {
            let mut rules = Vec::new();
            while let Some(rule) = lines.next_if(|line| line.starts_with(' ')) {
                rules.push(parse_rule(rule.trim_start()));
            }
            put(store, "clusterroles", parse_role(head, &rules), &version);
        } else if let Some(binding) = line.strip_prefix("bind ").and_then(parse_binding) {
            for subject in object::items(&binding, "/subjects") {
                if object::text(subject, "/kind") == "ServiceAccount" {
                    put_account(store, subject);
                }
            }
            put(store, "clusterrolebindings", binding, &version);
        }
    }
}

fn put(store: &mut Store, plural: &str, mut object: Value, api_version: &str) -> Value {
    let manager = Manager {
        name: "kube-apiserver".into(),
        applies: false,
        subresource: String::new(),
    };
    managed::record_update(&json!({}), &mut object, &manager, api_version);
    store.put(resource::named(plural), object)
}

fn put_account(store: &mut Store, subject: &Value) {
    let (namespace, name) = (
        object::text(subject, "/namespace"),
        object::text(subject, "/name"),
    );
    let account = json!({ "metadata": { "name": name, "namespace": namespace } });
    put(store, "serviceaccounts", account, "v1");
}

fn kubernetes_service() -> Value {
    json!({
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "component": "apiserver", "provider": "kubernetes" },
        },
        "spec": {
            "clusterIP": "10.96.0.1",
            "clusterIPs": ["10.96.0.1"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": { "loadBalancer": {} },
    })
}

/// Parses `name [+label…] [=selector…]`.
fn parse_role(head: &str, rules: &[Value]) -> Value {
    let mut words = head.split(' ');
    let mut role = json!({
        "metadata": {
            "name": words.next().unwrap_or_default(),
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
            "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
        },
        "rules": rules,
    });
    for word in words {
        if let Some(label) = word.strip_prefix('+') {
            role["metadata"]["labels"][format!("{AGGREGATION}{label}")] = "true".into();
        } else if let Some(label) = word.strip_prefix('=') {
            let mut labels = json!({});
            labels[format!("{AGGREGATION}{label}")] = "true".into();
            role["aggregationRule"] =
                json!({ "clusterRoleSelectors": [{ "matchLabels": labels }] });
        }
    }
    if let Value::Object(role) = &mut role
        && role.contains_key("aggregationRule")
    {
        // The aggregation controller owns the rules, and adds them.
        role.shift_remove("rules");
    }
    role
}

/// Parses `verbs | groups | resources [| names]` or `verbs | urls`.
fn parse_rule(line: &str) -> Value {
    let columns: Vec<Vec<&str>> = line
        .split(" | ")
        .map(|column| {
            column
                .split(',')
                .map(|word| if word == "\"\"" { "" } else { word })
                .collect()
        })
        .collect();
    match columns.as_slice() {
        [verbs, urls] => json!({ "verbs": verbs, "nonResourceURLs": urls }),
        [verbs, groups, resources] => {
            json!({ "verbs": verbs, "apiGroups": groups, "resources": resources })
        }
        [verbs, groups, resources, names, ..] => json!({
            "verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names,
        }),
        _ => json!({ "verbs": [] }),
    }
}

/// Parses `name -> role : subject…`, a subject being `User/name`, `Group/name` or
/// `ServiceAccount/namespace/name`.
fn parse_binding(line: &str) -> Option<Value> {
    let (name, rest) = line.split_once(" -> ")?;
    let (role, subjects) = rest.split_once(" :")?;
    let subjects: Vec<Value> = subjects
        .split_whitespace()
        .filter_map(|subject| {
            let (kind, rest) = subject.split_once('/')?;
            Some(if kind == "ServiceAccount" {
                let (namespace, name) = rest.split_once('/')?;
                json!({ "kind": kind, "name": name, "namespace": namespace })
            } else {
                json!({ "kind": kind, "apiGroup": GROUP, "name": rest })
            })
        })
        .collect();
    let mut binding = json!({
        "metadata": {
            "name": name,
            "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
            "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
        },
        "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": role },
    });
    if !subjects.is_empty() {
        binding["subjects"] = subjects.into();
    }
    Some(binding)
}
