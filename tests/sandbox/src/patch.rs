//! The three patches that name no owner: JSON merge patch, strategic merge patch, JSON patch.

use serde_json::{Map, Value, json};

use crate::shape;
use crate::status::Status;

/// RFC 7386: null removes, maps merge, everything else replaces.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            map.shift_remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Kubernetes' own merge patch: like the JSON one, but lists with a merge key merge by it.
pub(crate) fn strategic_merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        let mut replacement = patch.clone();
        replacement.shift_remove("$patch");
        *target = Value::Object(replacement);
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, value) in patch {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            remove_values(map, field, value);
        } else if key.starts_with('$') {
            // `$setElementOrder` and `$retainKeys` only order and thin out what merges anyway.
        } else if value.is_null() || is_removal(value) {
            map.shift_remove(key);
        } else if let Value::Array(items) = value {
            merge_list(map, key, items);
        } else {
            strategic_merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn is_removal(value: &Value) -> bool {
    value.get("$patch").and_then(Value::as_str) == Some("delete")
}

fn remove_values(map: &mut Map<String, Value>, field: &str, values: &Value) {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(Value::Array(list)) = map.get_mut(field) {
        list.retain(|item| !values.contains(item));
    }
}

fn merge_list(map: &mut Map<String, Value>, field: &str, items: &[Value]) {
    let slot = map.entry(field.to_owned()).or_insert_with(|| json!([]));
    let keys = shape::list_keys(field, items.first()).and_then(|keys| keys.first());
    let (Some(key), Value::Array(list)) = (keys, &mut *slot) else {
        if let (true, Value::Array(list)) = (field == "finalizers", &mut *slot) {
            list.extend(items.iter().cloned());
            list.dedup();
        } else {
            *slot = Value::Array(items.to_vec());
        }
        return;
    };
    for item in items {
        let found = list.iter().position(|one| one.get(*key) == item.get(*key));
        match (found, is_removal(item)) {
            (Some(at), true) => {
                list.remove(at);
            }
            (Some(at), false) => strategic_merge(&mut list[at], item),
            (None, true) => {}
            (None, false) => list.push(item.clone()),
        }
    }
}

/// RFC 6902. Fails with 422 when a test or a path does not hold.
pub(crate) fn json_patch(target: &mut Value, operations: &Value) -> Result<(), Status> {
    let Value::Array(operations) = operations else {
        return Err(Status::bad_request("a JSON patch is a list of operations"));
    };
    for operation in operations {
        step(target, operation).ok_or_else(|| Status::fault(422, None))?;
    }
    Ok(())
}

fn step(target: &mut Value, operation: &Value) -> Option<()> {
    let path = operation.get("path")?.as_str()?;
    let value = operation.get("value").cloned();
    match operation.get("op")?.as_str()? {
        "add" => insert(target, path, value?),
        "replace" => {
            *target.pointer_mut(path)? = value?;
            Some(())
        }
        "remove" => remove(target, path).map(|_| ()),
        "test" => (target.pointer(path) == value.as_ref()).then_some(()),
        "move" => {
            let moved = remove(target, operation.get("from")?.as_str()?)?;
            insert(target, path, moved)
        }
        "copy" => {
            let copied = target.pointer(operation.get("from")?.as_str()?)?.clone();
            insert(target, path, copied)
        }
        _ => None,
    }
}

fn insert(target: &mut Value, path: &str, value: Value) -> Option<()> {
    let (parent, key) = path.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    match target.pointer_mut(parent)? {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => {
            let at: usize = key.parse().ok().filter(|at| *at <= list.len())?;
            list.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = path.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    match target.pointer_mut(parent)? {
        Value::Object(map) => map.shift_remove(&key),
        Value::Array(list) => {
            let at: usize = key.parse().ok().filter(|at| *at < list.len())?;
            Some(list.remove(at))
        }
        _ => None,
    }
}
