//! Field ownership: the `managedFields` of an object, and the sets of paths in them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::object;
use crate::shape::{self, Shape};

/// A path of `f:name`, `k:{…}` and `v:…` elements.
pub(crate) type Path = Vec<String>;

/// The fields of one manager.
pub(crate) type Fields = BTreeSet<Path>;

/// Who writes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manager {
    /// The field manager's name.
    pub(crate) name: String,
    /// Whether it applies, as opposed to updating.
    pub(crate) applies: bool,
    /// The subresource it writes through; empty for the object itself.
    pub(crate) subresource: String,
}

/// One entry of `managedFields`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Whose entry it is.
    pub(crate) manager: Manager,
    /// The version the fields are written in.
    pub(crate) api_version: String,
    /// When the entry last changed.
    pub(crate) time: String,
    /// What it owns.
    pub(crate) fields: Fields,
}

/// Reads the entries of an object.
pub(crate) fn entries(object: &Value) -> Vec<Entry> {
    object::items(object, "/metadata/managedFields")
        .iter()
        .map(|entry| {
            let mut fields = Fields::new();
            if let Some(tree) = entry.get("fieldsV1") {
                flatten(tree, &mut Vec::new(), &mut fields);
            }
            Entry {
                manager: Manager {
                    name: object::text(entry, "/manager").to_owned(),
                    applies: object::text(entry, "/operation") == "Apply",
                    subresource: object::text(entry, "/subresource").to_owned(),
                },
                api_version: object::text(entry, "/apiVersion").to_owned(),
                time: object::text(entry, "/time").to_owned(),
                fields,
            }
        })
        .collect()
}

/// Writes entries into an object, in the order of a real server; empty ones are left out.
pub(crate) fn set_entries(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|a, b| {
        (
            !a.manager.applies,
            &a.time,
            &a.manager.name,
            &a.api_version,
            &a.manager.subresource,
        )
            .cmp(&(
                !b.manager.applies,
                &b.time,
                &b.manager.name,
                &b.api_version,
                &b.manager.subresource,
            ))
    });
    let list: Vec<Value> = entries.iter().map(render).collect();
    if list.is_empty() {
        object::metadata(object).shift_remove("managedFields");
    } else {
        object::set(object, "managedFields", list);
    }
}

fn render(entry: &Entry) -> Value {
    let mut out = json!({
        "manager": entry.manager.name,
        "operation": if entry.manager.applies { "Apply" } else { "Update" },
        "apiVersion": entry.api_version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": unflatten(&entry.fields),
    });
    if !entry.manager.subresource.is_empty() {
        out["subresource"] = entry.manager.subresource.clone().into();
    }
    out
}

/// The set an apply configuration lays claim to: its leaves.
pub(crate) fn applied_fields(configuration: &Value) -> Fields {
    let mut nodes = BTreeMap::new();
    collect(configuration, &mut Vec::new(), &mut nodes);
    nodes
        .into_iter()
        .filter(|(path, node)| {
            node.is_some() || path.last().is_some_and(|last| !last.starts_with("f:"))
        })
        .map(|(path, _)| path)
        .collect()
}

/// How one version of an object differs from another.
pub(crate) struct Difference {
    /// Paths that are new or have another value.
    pub(crate) changed: Fields,
    /// Paths that are gone.
    pub(crate) removed: Fields,
}

/// Compares two versions, leaving out what no manager owns.
pub(crate) fn difference(old: &Value, new: &Value) -> Difference {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    collect(old, &mut Vec::new(), &mut before);
    collect(new, &mut Vec::new(), &mut after);
    let changed = after
        .iter()
        .filter(|(path, node)| before.get(*path) != Some(node))
        .map(|(path, _)| path.clone())
        .collect();
    let removed = before
        .keys()
        .filter(|path| !after.contains_key(*path))
        .cloned()
        .collect();
    Difference { changed, removed }
}

/// Records an update of `old` to `new` by `manager` in the entries of `new`.
pub(crate) fn record_update(old: &Value, new: &mut Value, manager: &Manager, api_version: &str) {
    let difference = difference(old, new);
    let mut entries = entries(old);
    let now = object::now();
    for entry in &mut entries {
        let before = entry.fields.len();
        entry
            .fields
            .retain(|path| !difference.removed.contains(path));
        if entry.manager != *manager {
            entry
                .fields
                .retain(|path| !difference.changed.contains(path));
        } else if entry.fields.len() != before {
            entry.time.clone_from(&now);
        }
    }
    if !difference.changed.is_empty() {
        match entries.iter_mut().find(|entry| entry.manager == *manager) {
            Some(entry) => {
                entry.fields.extend(difference.changed);
                entry.time = now;
            }
            None => entries.push(Entry {
                manager: manager.clone(),
                api_version: api_version.to_owned(),
                time: now,
                fields: difference.changed,
            }),
        }
    }
    set_entries(new, entries);
}

/// Every path of an object that can be owned: leaves with their value, containers without.
fn collect<'a>(value: &'a Value, path: &mut Path, out: &mut BTreeMap<Path, Option<&'a Value>>) {
    if shape::is_unowned(path) {
        return;
    }
    match (value, shape::of(path, value)) {
        (Value::Object(map), Shape::Struct) => {
            if !path.is_empty() && !shape::is_plain_struct(path) && !is_list_item(path) {
                out.insert(path.clone(), map.is_empty().then_some(value));
            }
            for (key, value) in map {
                if !value.is_null() {
                    path.push(format!("f:{key}"));
                    collect(value, path, out);
                    path.pop();
                }
            }
        }
        (Value::Array(list), Shape::Keyed(keys)) => {
            for item in list {
                path.push(shape::item_key(keys, item));
                out.insert(path.clone(), None);
                collect(item, path, out);
                path.pop();
            }
        }
        (Value::Array(list), Shape::Set) => {
            for item in list {
                path.push(format!("v:{item}"));
                out.insert(path.clone(), Some(item));
                path.pop();
            }
        }
        _ => {
            out.insert(path.clone(), Some(value));
        }
    }
}

fn is_list_item(path: &Path) -> bool {
    path.last().is_some_and(|last| last.starts_with("k:"))
}

fn flatten(tree: &Value, path: &mut Path, out: &mut Fields) {
    let Value::Object(map) = tree else { return };
    if map.is_empty() && !path.is_empty() {
        out.insert(path.clone());
    }
    for (key, below) in map {
        if key == "." {
            out.insert(path.clone());
        } else {
            path.push(key.clone());
            flatten(below, path, out);
            path.pop();
        }
    }
}

fn unflatten(fields: &Fields) -> Value {
    let mut root = Map::new();
    for path in fields {
        let mut at = &mut root;
        for element in path {
            at = at
                .entry(element.clone())
                .or_insert_with(|| json!({}))
                .as_object_mut()
                .expect("the tree is made of maps only");
        }
        at.insert(".".into(), json!({}));
    }
    tidy(&mut root);
    Value::Object(root)
}

/// Writes a path that is owned and has nothing below it as `{}`, not as `{".": {}}`.
fn tidy(map: &mut Map<String, Value>) {
    if map.len() == 1 && map.contains_key(".") {
        map.clear();
    }
    for below in map.values_mut() {
        if let Value::Object(below) = below {
            tidy(below);
        }
    }
}
