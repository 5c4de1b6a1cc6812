//! What Kubernetes' schemas say about merging, as far as the sandbox needs it: which lists are
//! keyed, which are sets, which values are replaced whole.

use serde_json::{Value, json};

/// How a value merges and is owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A struct or a map of free keys: its fields are owned one by one.
    Struct,
    /// A list of items known by these keys.
    Keyed(&'static [&'static str]),
    /// A list of different plain values.
    Set,
    /// Replaced and owned whole.
    Whole,
}

/// Structs that are no pointers in Go: they are always there, so nobody owns their presence.
const PLAIN_STRUCTS: [&str; 9] = [
    "f:metadata",
    "f:spec",
    "f:status",
    "f:template",
    "f:jobTemplate",
    "f:strategy",
    "f:resources",
    "f:updateStrategy",
    "f:clientConfig",
];

/// Fields that are replaced whole although they are maps or structs.
const WHOLE: [&str; 6] = [
    "f:roleRef",
    "f:selector",
    "f:nodeSelector",
    "f:limits",
    "f:requests",
    "f:matchLabels",
];

/// Metadata that the server itself writes.
const UNOWNED_METADATA: [&str; 10] = [
    "f:name",
    "f:namespace",
    "f:creationTimestamp",
    "f:selfLink",
    "f:uid",
    "f:generation",
    "f:managedFields",
    "f:resourceVersion",
    "f:deletionTimestamp",
    "f:deletionGracePeriodSeconds",
];

/// The keys of the items of a list, by the name of its field.
pub(crate) fn list_keys(field: &str, item: Option<&Value>) -> Option<&'static [&'static str]> {
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "secrets"
        | "webhooks" => Some(&["name"]),
        "ports" if item.is_some_and(|item| item.get("containerPort").is_some()) => {
            Some(&["containerPort", "protocol"])
        }
        "ports" if item.is_some_and(|item| item.get("port").is_some_and(Value::is_number)) => {
            Some(&["port", "protocol"])
        }
        "volumeMounts" => Some(&["mountPath"]),
        "volumeDevices" => Some(&["devicePath"]),
        "ownerReferences" => Some(&["uid"]),
        "conditions" => Some(&["type"]),
        "hostAliases" => Some(&["ip"]),
        "topologySpreadConstraints" => Some(&["topologyKey", "whenUnsatisfiable"]),
        _ => None,
    }
}

/// The shape of the value at a path.
pub(crate) fn of(path: &[String], value: &Value) -> Shape {
    let last = path.last().map(String::as_str).unwrap_or_default();
    let field = last.strip_prefix("f:").unwrap_or_default();
    match value {
        Value::Object(_) if WHOLE.contains(&last) => Shape::Whole,
        Value::Object(_) => Shape::Struct,
        Value::Array(items) => match list_keys(field, items.first()) {
            Some(keys) => Shape::Keyed(keys),
            None if field == "finalizers" => Shape::Set,
            None => Shape::Whole,
        },
        _ => Shape::Whole,
    }
}

/// Whether a path names a struct whose mere presence nobody owns.
pub(crate) fn is_plain_struct(path: &[String]) -> bool {
    path.last()
        .is_some_and(|last| PLAIN_STRUCTS.contains(&last.as_str()))
}

/// Whether a path is left out of all ownership.
pub(crate) fn is_unowned(path: &[String]) -> bool {
    match path {
        [one] => one == "f:apiVersion" || one == "f:kind",
        [metadata, field] => metadata == "f:metadata" && UNOWNED_METADATA.contains(&field.as_str()),
        _ => false,
    }
}

/// The path element of one item of a keyed list, with defaults filled in.
pub(crate) fn item_key(keys: &[&str], item: &Value) -> String {
    let mut parts: Vec<(&str, Value)> = keys
        .iter()
        .map(|key| {
            let default = if *key == "protocol" {
                json!("TCP")
            } else {
                Value::Null
            };
            (*key, item.get(*key).cloned().unwrap_or(default))
        })
        .collect();
    parts.sort_by_key(|(key, _)| *key);
    let inside: Vec<String> = parts
        .iter()
        .map(|(key, value)| format!("{}:{value}", json!(key)))
        .collect();
    format!("k:{{{}}}", inside.join(","))
}
