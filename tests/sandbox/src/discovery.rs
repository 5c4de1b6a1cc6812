//! `/version`, `/api`, `/apis` and the resource lists: what a client finds out before it asks.

use serde_json::{Map, Value, json};

use crate::resource::{self, Resource};

/// The answer of `/version`.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.0+sandbox",
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "go1.26.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

/// The answer of `/api`; `address` is host and port.
pub(crate) fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address }],
    })
}

/// The answer of `/apis`.
pub(crate) fn groups() -> Value {
    let groups: Vec<Value> = group_versions()
        .into_iter()
        .map(|(g, v)| group(g, v))
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// The answer of `/apis/<group>`, without kind and version when it is part of the list.
pub(crate) fn one_group(name: &str) -> Option<Value> {
    let (name, version) = group_versions()
        .into_iter()
        .find(|(group, _)| *group == name)?;
    let mut body = Map::new();
    body.insert("kind".into(), "APIGroup".into());
    body.insert("apiVersion".into(), "v1".into());
    if let Value::Object(group) = group(name, version) {
        body.extend(group);
    }
    Some(Value::Object(body))
}

/// The answer of `/api/v1` and of `/apis/<group>/<version>`.
pub(crate) fn resources(group: &str, version: &str) -> Option<Value> {
    let list: Vec<Value> = resource::all()
        .iter()
        .filter(|resource| resource.group == group && resource.version == version)
        .map(entry)
        .collect();
    if list.is_empty() {
        return None;
    }
    let mut body = Map::new();
    body.insert("kind".into(), "APIResourceList".into());
    if !group.is_empty() {
        // The core list has never had an apiVersion; every other one has.
        body.insert("apiVersion".into(), "v1".into());
    }
    body.insert("groupVersion".into(), resource::join(group, version).into());
    body.insert("resources".into(), list.into());
    Some(Value::Object(body))
}

/// The answer of `/openapi/v3`: one document for each group and version.
pub(crate) fn openapi_index() -> Value {
    let mut paths = Map::new();
    paths.insert(
        "api/v1".into(),
        json!({ "serverRelativeURL": "/openapi/v3/api/v1?hash=0" }),
    );
    for (group, version) in group_versions() {
        let path = format!("apis/{group}/{version}");
        let url = format!("/openapi/v3/{path}?hash=0");
        paths.insert(path, json!({ "serverRelativeURL": url }));
    }
    json!({ "paths": paths })
}

/// A minimal `OpenAPI` document of one group and version: enough for kubectl to see that the server
/// validates fields itself, so that it sends `fieldValidation` instead of downloading schemas.
pub(crate) fn openapi(group: &str, version: &str) -> Option<Value> {
    let mut paths = Map::new();
    for resource in resource::all() {
        if resource.group == group && resource.version == version && resource.is_stored() {
            let root = if group.is_empty() {
                "/api".to_owned()
            } else {
                format!("/apis/{group}")
            };
            let scope = if resource.namespaced {
                "/namespaces/{namespace}"
            } else {
                ""
            };
            let path = format!("{root}/{version}{scope}/{}/{{name}}", resource.plural);
            paths.insert(path, operations(resource));
        }
    }
    if paths.is_empty() {
        return None;
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "v1.36.0" },
        "paths": paths,
        "components": { "schemas": {} },
    }))
}

fn operations(resource: &Resource) -> Value {
    let kind = json!({
        "group": resource.group, "version": resource.version, "kind": resource.kind,
    });
    let operation = |action: &str| {
        json!({
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind,
            "parameters": [
                { "name": "dryRun", "in": "query", "schema": { "type": "string" } },
                { "name": "fieldValidation", "in": "query", "schema": { "type": "string" } },
            ],
            "responses": { "200": { "description": "OK" } },
        })
    };
    json!({ "patch": operation("patch"), "put": operation("put"), "post": operation("post") })
}

/// Every group with its version, the core left out.
fn group_versions() -> Vec<(&'static str, &'static str)> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for resource in resource::all() {
        let pair = (resource.group, resource.version);
        if !resource.group.is_empty() && !seen.contains(&pair) {
            seen.push(pair);
        }
    }
    seen
}

fn group(name: &str, version: &str) -> Value {
    let version = json!({ "groupVersion": resource::join(name, version), "version": version });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

fn entry(resource: &Resource) -> Value {
    let mut entry = Map::new();
    let name = if resource.subresource.is_empty() {
        resource.plural.to_owned()
    } else {
        format!("{}/{}", resource.plural, resource.subresource)
    };
    entry.insert("name".into(), name.into());
    entry.insert("singularName".into(), resource.singular.into());
    entry.insert("namespaced".into(), resource.namespaced.into());
    if let Some((group, version)) = resource.kind_version {
        entry.insert("group".into(), group.into());
        entry.insert("version".into(), version.into());
    }
    entry.insert("kind".into(), resource.kind.into());
    entry.insert("verbs".into(), json!(resource.verbs));
    if !resource.short_names.is_empty() {
        entry.insert("shortNames".into(), json!(resource.short_names));
    }
    if !resource.categories.is_empty() {
        entry.insert("categories".into(), json!(resource.categories));
    }
    if let Some(hash) = resource.storage_hash {
        entry.insert("storageVersionHash".into(), hash.into());
    }
    Value::Object(entry)
}
