//! Reads and arranges the parts that every Kubernetes object has.

use serde_json::{Map, Value, json};

use crate::clock;

/// The order in which metadata is written, as Go's struct has it.
const METADATA_ORDER: [&str; 14] = [
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
];

/// The value at a path of plain keys, `/metadata/name` for instance. It is a JSON pointer without
/// escapes, and without what they cost: every binding is looked into at every request.
pub(crate) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/')
        .skip(1)
        .try_fold(object, |value, key| value.get(key))
}

/// The text at a path; empty when it is absent or no text.
pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`.
pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`; empty for what lives at cluster scope.
pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// The value of one label.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// The value of one annotation.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(key)?
        .as_str()
}

/// The elements of an array at a path; none when it is absent.
pub(crate) fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    at(object, path)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The texts of an array at a path.
pub(crate) fn texts<'a>(object: &'a Value, path: &str) -> Vec<&'a str> {
    items(object, path)
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

/// Whether a deletion of the object has begun.
pub(crate) fn is_terminating(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// The metadata, made if it is missing.
pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    map_at(object, "metadata")
}

/// The map below a key, made if it is missing or something else.
pub(crate) fn map_at<'a>(object: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    let map = object.as_object_mut().expect("was made a map just above");
    let slot = map.entry(key).or_insert_with(|| json!({}));
    if !slot.is_object() {
        *slot = json!({});
    }
    slot.as_object_mut().expect("was made a map just above")
}

/// Sets one piece of metadata.
pub(crate) fn set(object: &mut Value, key: &str, value: impl Into<Value>) {
    metadata(object).insert(key.to_owned(), value.into());
}

/// The time now, as Kubernetes writes it: RFC 3339 in whole seconds.
pub(crate) fn now() -> String {
    clock::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A random version 4 UUID.
pub(crate) fn new_uid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

/// Puts the keys in the order a real server writes them, and drops nulls and empty maps of
/// metadata.
pub(crate) fn arrange(object: Value, kind: &str, api_version: &str) -> Value {
    let Value::Object(mut rest) = object else {
        return object;
    };
    let mut out = Map::new();
    out.insert("kind".into(), kind.into());
    out.insert("apiVersion".into(), api_version.into());
    rest.shift_remove("kind");
    rest.shift_remove("apiVersion");
    let mut metadata = match rest.shift_remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    metadata.retain(|_, value| !is_empty(value));
    let mut ordered = Map::new();
    for key in METADATA_ORDER {
        if let Some(value) = metadata.shift_remove(key) {
            ordered.insert(key.to_owned(), value);
        }
    }
    ordered.extend(metadata);
    out.insert("metadata".into(), Value::Object(ordered));
    rest.retain(|_, value| !value.is_null());
    out.extend(rest);
    Value::Object(out)
}

/// Whether Go's `omitempty` would leave the value out.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
