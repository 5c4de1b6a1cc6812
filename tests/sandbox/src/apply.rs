//! Server-side apply: merge what is applied, drop what this manager no longer applies, refuse what
//! another manager owns.

use serde_json::{Map, Value, json};

use crate::managed::{self, Entry, Fields, Manager, Path};
use crate::object;
use crate::shape::{self, Shape};
use crate::status::Status;

/// Applies a configuration to the live object and returns the new one, with its `managedFields`.
/// Fails with 409 when another manager owns a changed field and `force` is not given.
pub(crate) fn apply(
    live: &Value,
    configuration: &Value,
    manager: &Manager,
    api_version: &str,
    force: bool,
) -> Result<Value, Status> {
    let mut entries = managed::entries(live);
    let claimed = managed::applied_fields(configuration);
    let position = entries.iter().position(|entry| entry.manager == *manager);
    let last = position.map(|at| entries.remove(at));

    let mut merged = live.clone();
    merge(&mut merged, configuration, &mut Vec::new());
    if let Some(last) = &last {
        for path in last.fields.difference(&claimed) {
            if !entries.iter().any(|entry| entry.fields.contains(path)) {
                prune(&mut merged, path);
            }
        }
    }

    let difference = managed::difference(live, &merged);
    let conflicts: Vec<(&Entry, Vec<&Path>)> = entries
        .iter()
        .map(|entry| {
            let paths = entry.fields.intersection(&difference.changed);
            (
                entry,
                paths
                    .filter(|path| claimed.contains(*path))
                    .collect::<Vec<_>>(),
            )
        })
        .filter(|(_, paths)| !paths.is_empty())
        .collect();
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    for entry in &mut entries {
        entry.fields.retain(|path| {
            !difference.changed.contains(path) && !difference.removed.contains(path)
        });
    }
    let own = own_entry(manager, api_version, claimed, last);
    entries.push(own);
    managed::set_entries(&mut merged, entries);
    Ok(merged)
}

/// The manager's entry after the apply; its time stays when its fields stay.
fn own_entry(manager: &Manager, api_version: &str, claimed: Fields, last: Option<Entry>) -> Entry {
    match last {
        Some(last) if last.fields == claimed => last,
        _ => Entry {
            manager: manager.clone(),
            api_version: api_version.to_owned(),
            time: object::now(),
            fields: claimed,
        },
    }
}

/// Merges `from` into `into`, lists by their keys.
fn merge(into: &mut Value, from: &Value, path: &mut Path) {
    match (shape::of(path, from), from) {
        (Shape::Struct, Value::Object(from)) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            let Value::Object(into) = into else { return };
            for (key, value) in from {
                path.push(format!("f:{key}"));
                if value.is_null() {
                    into.shift_remove(key);
                } else {
                    merge(into.entry(key.clone()).or_insert(Value::Null), value, path);
                }
                path.pop();
            }
        }
        (Shape::Keyed(keys), Value::Array(items)) => {
            if !into.is_array() {
                *into = json!([]);
            }
            let Value::Array(list) = into else { return };
            for item in items {
                let key = shape::item_key(keys, item);
                path.push(key.clone());
                match list
                    .iter_mut()
                    .find(|one| shape::item_key(keys, one) == key)
                {
                    Some(slot) => merge(slot, item, path),
                    None => list.push(item.clone()),
                }
                path.pop();
            }
        }
        (Shape::Set, Value::Array(items)) => {
            if !into.is_array() {
                *into = json!([]);
            }
            let Value::Array(list) = into else { return };
            for item in items {
                if !list.contains(item) {
                    list.push(item.clone());
                }
            }
        }
        _ => into.clone_from(from),
    }
}

/// Removes the value at a path, and the containers that this leaves empty.
fn prune(object: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    match object {
        Value::Object(map) => {
            let key = first.strip_prefix("f:").unwrap_or(first);
            if rest.is_empty() {
                map.shift_remove(key);
            } else if let Some(below) = map.get_mut(key) {
                prune(below, rest);
                if object::is_empty(below) {
                    map.shift_remove(key);
                }
            }
        }
        Value::Array(list) => {
            let matches = |item: &Value| {
                *first == format!("v:{item}") || has_key(item, first.trim_start_matches("k:"))
            };
            if rest.is_empty() {
                list.retain(|item| !matches(item));
            } else if let Some(item) = list.iter_mut().find(|item| matches(item)) {
                prune(item, rest);
            }
        }
        _ => {}
    }
}

fn has_key(item: &Value, key: &str) -> bool {
    let Ok(Value::Object(key)) = serde_json::from_str::<Value>(key) else {
        return false;
    };
    key.iter().all(|(name, value)| {
        item.get(name)
            .map_or(name == "protocol" && value == "TCP", |own| own == value)
    })
}

fn conflict(conflicts: &[(&Entry, Vec<&Path>)]) -> Status {
    let mut causes = Vec::new();
    let mut lines = Vec::new();
    for (entry, paths) in conflicts {
        let who = describe(entry);
        let fields: Vec<String> = paths.iter().map(|path| dotted(path)).collect();
        match fields.as_slice() {
            [one] => lines.push(format!("conflict with {who}: {one}")),
            many => lines.push(format!("conflicts with {who}:\n- {}", many.join("\n- "))),
        }
        for field in fields {
            causes.push(json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {who}"),
                "field": field,
            }));
        }
    }
    let count = causes.len();
    let noun = if count == 1 { "conflict" } else { "conflicts" };
    let message = format!("Apply failed with {count} {noun}: {}", lines.join("\n"));
    Status::apply_conflict(message, &causes)
}

fn describe(entry: &Entry) -> String {
    let name = &entry.manager.name;
    let version = &entry.api_version;
    if entry.manager.subresource.is_empty() {
        format!("{name:?} using {version}")
    } else {
        format!(
            "{name:?} with subresource {:?} using {version}",
            entry.manager.subresource
        )
    }
}

/// `.metadata.labels.app`, and `[name="x"]` for list items.
fn dotted(path: &Path) -> String {
    let mut out = String::new();
    for element in path {
        if let Some(field) = element.strip_prefix("f:") {
            out.push('.');
            out.push_str(field);
        } else if let Some(Ok(Value::Object(key))) = element
            .strip_prefix("k:")
            .map(serde_json::from_str::<Value>)
        {
            let parts: Vec<String> = key.iter().map(|(k, v)| format!("{k}={v}")).collect();
            out.extend(["[", &parts.join(","), "]"]);
        } else if let Some(value) = element.strip_prefix("v:") {
            out.extend(["[=", value, "]"]);
        }
    }
    out
}
