//! The `Table` form of objects, which kubectl asks for to print columns.

use serde_json::{Value, json};

use crate::clock;
use crate::object::{self, items, text};
use crate::resource::Resource;

/// Renders objects as a table with the columns of their kind.
pub(crate) fn render(resource: &Resource, objects: &[&Value], metadata: &Value) -> Value {
    let columns = columns(resource);
    let mut definitions = vec![definition("Name", "name")];
    definitions.extend(columns.iter().map(|(name, _)| definition(name, "")));
    definitions.push(definition("Age", ""));
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut cells: Vec<Value> = vec![object::name(object).into()];
            cells.extend(columns.iter().map(|(_, cell)| cell(object)));
            cells.push(age(object).into());
            json!({
                "cells": cells,
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": object.get("metadata"),
                },
            })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

type Column = (&'static str, fn(&Value) -> Value);

fn columns(resource: &Resource) -> Vec<Column> {
    match resource.plural {
        "namespaces" => vec![("Status", |object| text(object, "/status/phase").into())],
        "secrets" => vec![
            ("Type", |object| text(object, "/type").into()),
            ("Data", |object| size(object, "/data").into()),
        ],
        "configmaps" => vec![("Data", |object| size(object, "/data").into())],
        "pods" => vec![("Status", |object| text(object, "/status/phase").into())],
        "rolebindings" | "clusterrolebindings" => vec![("Role", |object| {
            let role = object.get("roleRef").unwrap_or(&Value::Null);
            format!("{}/{}", text(role, "/kind"), text(role, "/name")).into()
        })],
        _ => Vec::new(),
    }
}

fn size(object: &Value, pointer: &str) -> usize {
    object
        .pointer(pointer)
        .and_then(Value::as_object)
        .map_or(0, serde_json::Map::len)
        + items(object, pointer).len()
}

fn definition(name: &str, format: &str) -> Value {
    json!({ "name": name, "type": "string", "format": format, "description": "", "priority": 0 })
}

fn age(object: &Value) -> String {
    let created = text(object, "/metadata/creationTimestamp");
    let Ok(created) = chrono::DateTime::parse_from_rfc3339(created) else {
        return "<unknown>".into();
    };
    let seconds = (clock::now() - created.to_utc()).num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
