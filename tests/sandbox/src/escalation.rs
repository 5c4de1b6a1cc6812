//! Nobody grants what they do not hold: the checks on roles and bindings.

use serde_json::{Value, json};

use crate::object::{items, name, text, texts};
use crate::rbac::{self, GROUP};
use crate::resource::Resource;
use crate::status::Status;
use crate::store::Store;
use crate::user::{Attributes, User};

/// Checks a write of a role or a binding; other resources pass. Fails with 403, or with 404 for a
/// binding to a role that does not exist, by someone who may not bind it unseen.
pub(crate) fn check(
    store: &Store,
    user: &User,
    resource: &Resource,
    request: &Attributes,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), Status> {
    if resource.group != GROUP || user.is_master() {
        return Ok(());
    }
    match resource.plural {
        "roles" | "clusterroles" => check_role(store, user, resource, request, old, new),
        _ => check_binding(store, user, resource, request, new),
    }
}

fn check_role(
    store: &Store,
    user: &User,
    resource: &Resource,
    request: &Attributes,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), Status> {
    let escalate = Attributes {
        verb: "escalate".into(),
        ..request.clone()
    };
    if rbac::authorize(store, user, &escalate).allowed {
        return Ok(());
    }
    let forbid = |why: &str| Status::forbidden(GROUP, resource.plural, name(new), why);
    let rules = items(new, "/rules");
    confirm(store, user, &request.namespace, rules).map_err(|why| forbid(&why))?;
    let aggregates =
        |role: &Value| !items(role, "/aggregationRule/clusterRoleSelectors").is_empty();
    if aggregates(new) || old.is_some_and(aggregates) {
        confirm(store, user, &request.namespace, &rbac::full_authority())
            .map_err(|_| forbid("must have cluster-admin privileges to use the aggregationRule"))?;
    }
    Ok(())
}

fn check_binding(
    store: &Store,
    user: &User,
    resource: &Resource,
    request: &Attributes,
    new: &Value,
) -> Result<(), Status> {
    let role_ref = new.get("roleRef").unwrap_or(&Value::Null);
    let bind = Attributes {
        verb: "bind".into(),
        group: text(role_ref, "/apiGroup").into(),
        resource: rbac::role_plural(role_ref).into(),
        name: text(role_ref, "/name").into(),
        namespace: request.namespace.clone(),
        ..Attributes::default()
    };
    if rbac::authorize(store, user, &bind).allowed {
        return Ok(());
    }
    let rules = rbac::rules_of_role(store, role_ref, &request.namespace)?;
    confirm(store, user, &request.namespace, &rules)
        .map_err(|why| Status::forbidden(GROUP, resource.plural, name(new), &why))
}

/// Confirms that the user holds every rule; fails with the sentence that names the missing ones.
fn confirm(store: &Store, user: &User, namespace: &str, rules: &[Value]) -> Result<(), String> {
    let (held, errors) = rbac::rules_of(store, user, namespace);
    let missing: Vec<Value> = rules
        .iter()
        .flat_map(break_down)
        .filter(|part| !held.iter().any(|rule| covers(rule, part)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> = compact(missing).iter().map(describe).collect();
    lines.sort();
    lines.dedup();
    let groups: Vec<String> = user
        .groups
        .iter()
        .map(|group| format!("{group:?}"))
        .collect();
    let mut why = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        lines.join("\n"),
    );
    if !errors.is_empty() {
        let errors = if errors.len() == 1 {
            errors[0].clone()
        } else {
            format!("[{}]", errors.join(", "))
        };
        why.extend(["; resolution errors: [", &errors, "]"]);
    }
    Err(why)
}

/// Splits a rule into rules of one verb and one resource, name or URL each.
fn break_down(rule: &Value) -> Vec<Value> {
    let mut parts = Vec::new();
    let names = texts(rule, "/resourceNames");
    for group in texts(rule, "/apiGroups") {
        for resource in texts(rule, "/resources") {
            for verb in texts(rule, "/verbs") {
                let part =
                    json!({ "apiGroups": [group], "resources": [resource], "verbs": [verb] });
                if names.is_empty() {
                    parts.push(part);
                    continue;
                }
                for name in &names {
                    let mut part = part.clone();
                    part["resourceNames"] = json!([name]);
                    parts.push(part);
                }
            }
        }
    }
    for url in texts(rule, "/nonResourceURLs") {
        for verb in texts(rule, "/verbs") {
            parts.push(json!({ "nonResourceURLs": [url], "verbs": [verb] }));
        }
    }
    parts
}

/// Whether a held rule covers a broken-down one.
fn covers(held: &Value, part: &Value) -> bool {
    let all = |pointer: &str| {
        let own = texts(held, pointer);
        own.contains(&"*") || texts(part, pointer).iter().all(|one| own.contains(one))
    };
    let urls = texts(held, "/nonResourceURLs");
    let names = texts(held, "/resourceNames");
    let wanted = texts(part, "/resourceNames");
    let names_cover =
        names.is_empty() || (!wanted.is_empty() && wanted.iter().all(|name| names.contains(name)));
    all("/verbs")
        && all("/apiGroups")
        && resources_cover(&texts(held, "/resources"), &texts(part, "/resources"))
        && names_cover
        && texts(part, "/nonResourceURLs")
            .iter()
            .all(|wanted| urls.iter().any(|url| rbac::url_covers(url, wanted)))
}

fn resources_cover(held: &[&str], wanted: &[&str]) -> bool {
    wanted.iter().all(|resource| {
        held.contains(&"*")
            || held.contains(resource)
            || resource.split_once('/').is_some_and(|(_, subresource)| {
                held.iter()
                    .any(|own| own.strip_prefix("*/") == Some(subresource))
            })
    })
}

/// Joins the verbs of parts that are about the same resource and name.
fn compact(parts: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for part in parts {
        let same = |one: &&mut Value| {
            part.get("nonResourceURLs").is_none()
                && ["apiGroups", "resources", "resourceNames", "nonResourceURLs"]
                    .iter()
                    .all(|key| one.get(*key) == part.get(*key))
        };
        match out.iter_mut().find(same) {
            Some(Value::Object(one)) => {
                if let (Some(Value::Array(verbs)), Some(Value::Array(more))) =
                    (one.get_mut("verbs"), part.get("verbs"))
                {
                    verbs.extend(more.iter().cloned());
                }
            }
            _ => out.push(part),
        }
    }
    out
}

/// `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`.
fn describe(rule: &Value) -> String {
    let parts: Vec<String> = [
        ("APIGroups", "/apiGroups"),
        ("Resources", "/resources"),
        ("NonResourceURLs", "/nonResourceURLs"),
        ("ResourceNames", "/resourceNames"),
        ("Verbs", "/verbs"),
    ]
    .iter()
    .filter_map(|(label, pointer)| {
        let values = texts(rule, pointer);
        let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        (!quoted.is_empty()).then(|| format!("{label}:[{}]", quoted.join(" ")))
    })
    .collect();
    format!("{{{}}}", parts.join(", "))
}
