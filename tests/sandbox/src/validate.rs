//! Refuses objects that a real server refuses: bad names, changed roleRefs, incomplete RBAC.

use serde_json::{Value, json};

use crate::object::{self, items, text, texts};
use crate::rbac::GROUP;
use crate::resource::Resource;
use crate::status::{Cause, Status};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
    characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
    '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
/// The finalizers without a domain.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Checks a new object. Fails with 422.
pub(crate) fn new(resource: &Resource, object: &Value) -> Result<(), Status> {
    let mut causes = name_causes(resource, object::name(object));
    causes.extend(label_causes(object));
    causes.extend(finalizer_causes(object));
    causes.extend(content_causes(resource, object));
    refuse(resource, object, &causes)
}

/// Checks a changed object. Fails with 422.
pub(crate) fn change(resource: &Resource, old: &Value, new: &Value) -> Result<(), Status> {
    let mut causes = new_finalizer_causes(old, new);
    causes.extend(label_causes(new));
    causes.extend(finalizer_causes(new));
    causes.extend(content_causes(resource, new));
    if resource.plural.ends_with("rolebindings") && old.get("roleRef") != new.get("roleRef") {
        let role = json!({
            "APIGroup": text(new, "/roleRef/apiGroup"),
            "Kind": text(new, "/roleRef/kind"),
            "Name": text(new, "/roleRef/name"),
        });
        causes.push(Cause::invalid(
            "roleRef",
            &role.to_string(),
            "cannot change roleRef",
        ));
    }
    if resource.plural == "secrets" && old.get("type") != new.get("type") {
        let value = format!("{:?}", text(new, "/type"));
        causes.push(Cause::invalid("type", &value, "field is immutable"));
    }
    let immutable = old.get("immutable") == Some(&Value::Bool(true));
    if matches!(resource.plural, "secrets" | "configmaps")
        && immutable
        && old.get("data") != new.get("data")
    {
        let why = "field is immutable when `immutable` is set";
        causes.push(Cause::forbidden("data", why));
    }
    refuse(resource, new, &causes)
}

fn refuse(resource: &Resource, object: &Value, causes: &[Cause]) -> Result<(), Status> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(
        resource.group,
        resource.kind,
        object::name(object),
        causes,
    ))
}

fn name_causes(resource: &Resource, name: &str) -> Vec<Cause> {
    let field = "metadata.name";
    let invalid = |why: &str| vec![Cause::invalid(field, &format!("{name:?}"), why)];
    if name.is_empty() {
        return vec![Cause::required(field, "name or generateName is required")];
    }
    if resource.group == GROUP {
        if name == "." || name == ".." {
            return invalid(&format!("may not be '{name}'"));
        }
        return ["/", "%"]
            .iter()
            .filter(|part| name.contains(**part))
            .map(|part| {
                Cause::invalid(
                    field,
                    &format!("{name:?}"),
                    &format!("may not contain '{part}'"),
                )
            })
            .collect();
    }
    let (rule, why, longest): (fn(&str) -> bool, _, _) = match resource.plural {
        "namespaces" | "services" => (is_label, LABEL, 63),
        _ => (is_subdomain, SUBDOMAIN, 253),
    };
    if name.len() > longest {
        return invalid(&format!("must be no more than {longest} characters"));
    }
    if rule(name) { Vec::new() } else { invalid(why) }
}

fn is_label(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(inside) && !name.starts_with('-') && !name.ends_with('-')
}

/// Whether a text is a DNS subdomain.
pub(crate) fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

fn label_causes(object: &Value) -> Vec<Cause> {
    let Some(Value::Object(labels)) = object.pointer("/metadata/labels") else {
        return Vec::new();
    };
    let mut causes = Vec::new();
    for value in labels.values() {
        let value = value.as_str().unwrap_or_default();
        let quoted = format!("{value:?}");
        if value.len() > 63 {
            let why = "must be no more than 63 bytes";
            causes.push(Cause::invalid("metadata.labels", &quoted, why));
        }
        if !is_label_value(value) {
            causes.push(Cause::invalid("metadata.labels", &quoted, LABEL_VALUE));
        }
    }
    causes
}

fn finalizer_causes(object: &Value) -> Vec<Cause> {
    let finalizers = texts(object, "/metadata/finalizers");
    let unknown = finalizers.iter().enumerate().filter(|(_, finalizer)| {
        !STANDARD_FINALIZERS.contains(finalizer) && !finalizer.contains('/')
    });
    unknown
        .map(|(index, finalizer)| {
            Cause::invalid(
                &format!("metadata.finalizers[{index}]"),
                &format!("{finalizer:?}"),
                "name is neither a standard finalizer name nor is it fully qualified",
            )
        })
        .collect()
}

/// Nothing holds back an object whose deletion has begun, beyond what already did.
fn new_finalizer_causes(old: &Value, new: &Value) -> Vec<Cause> {
    let before = texts(old, "/metadata/finalizers");
    let mut added = texts(new, "/metadata/finalizers");
    added.retain(|finalizer| !before.contains(finalizer));
    if added.is_empty() || !object::is_terminating(old) {
        return Vec::new();
    }
    added.sort_unstable();
    let added: Vec<String> = added.iter().map(|one| format!("{one:?}")).collect();
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers \
         []string{{{}}}",
        added.join(", ")
    );
    vec![Cause::forbidden("metadata.finalizers", &why)]
}

fn is_label_value(value: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    value
        .chars()
        .all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
        && value.chars().next().is_none_or(edge)
        && value.chars().next_back().is_none_or(edge)
}

fn content_causes(resource: &Resource, object: &Value) -> Vec<Cause> {
    match resource.plural {
        "clusterroles" => rule_causes(object, true),
        "roles" => rule_causes(object, false),
        "clusterrolebindings" => binding_causes(object, true),
        "rolebindings" => binding_causes(object, false),
        "secrets" => secret_causes(object),
        _ => Vec::new(),
    }
}

fn rule_causes(object: &Value, cluster_wide: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (index, rule) in items(object, "/rules").iter().enumerate() {
        let missing = |key: &str| items(rule, &format!("/{key}")).is_empty();
        let field = |key: &str| format!("rules[{index}].{key}");
        if missing("verbs") {
            causes.push(Cause::required(
                &field("verbs"),
                "verbs must contain at least one value",
            ));
        }
        if !missing("nonResourceURLs") {
            if !cluster_wide {
                let urls = rule
                    .get("nonResourceURLs")
                    .unwrap_or(&Value::Null)
                    .to_string();
                let why = "namespaced rules cannot apply to non-resource URLs";
                causes.push(Cause::invalid(&field("nonResourceURLs"), &urls, why));
            }
            continue;
        }
        if missing("apiGroups") {
            let why = "resource rules must supply at least one api group";
            causes.push(Cause::required(&field("apiGroups"), why));
        }
        if missing("resources") {
            let why = "resource rules must supply at least one resource";
            causes.push(Cause::required(&field("resources"), why));
        }
    }
    causes
}

fn binding_causes(object: &Value, cluster_wide: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    match (text(object, "/roleRef/kind"), cluster_wide) {
        ("ClusterRole", _) | ("Role", false) => {}
        (other, true) => {
            causes.push(Cause::unsupported("roleRef.kind", other, "ClusterRole"));
        }
        (other, false) => {
            causes.push(Cause::unsupported("roleRef.kind", other, "Role"));
        }
    }
    if text(object, "/roleRef/name").is_empty() {
        causes.push(Cause::required("roleRef.name", ""));
    }
    for (index, subject) in items(object, "/subjects").iter().enumerate() {
        let field = |key: &str| format!("subjects[{index}].{key}");
        let name = text(subject, "/name");
        if name.is_empty() {
            causes.push(Cause::required(&field("name"), ""));
        }
        match text(subject, "/kind") {
            "ServiceAccount" => {
                if !name.is_empty() && !is_subdomain(name) {
                    causes.push(Cause::invalid(
                        &field("name"),
                        &format!("{name:?}"),
                        SUBDOMAIN,
                    ));
                }
                if cluster_wide && text(subject, "/namespace").is_empty() {
                    causes.push(Cause::required(&field("namespace"), ""));
                }
            }
            "User" | "Group" => {}
            other => causes.push(Cause::unsupported(
                &field("kind"),
                other,
                "ServiceAccount\", \"User\", \"Group",
            )),
        }
    }
    causes
}

fn secret_causes(object: &Value) -> Vec<Cause> {
    let is_token = text(object, "/type") == "kubernetes.io/service-account-token";
    let account = object::annotation(object, "kubernetes.io/service-account.name");
    if is_token && account.unwrap_or_default().is_empty() {
        let field = "metadata.annotations[kubernetes.io/service-account.name]";
        return vec![Cause::required(field, "")];
    }
    Vec::new()
}
