//! What the server fills in: defaults of fields, and the fields only it writes.

use serde_json::{Value, json};

use crate::object::{self, text};
use crate::rbac::GROUP;
use crate::resource::Resource;
use crate::user::User;

/// Kinds whose `metadata.generation` counts the changes of their spec.
const COUNTED: [&str; 12] = [
    "cronjobs",
    "customresourcedefinitions",
    "daemonsets",
    "deployments",
    "ingresses",
    "jobs",
    "mutatingwebhookconfigurations",
    "networkpolicies",
    "poddisruptionbudgets",
    "replicasets",
    "statefulsets",
    "validatingwebhookconfigurations",
];

/// Fills the defaults of a whole object; they count as written by the client.
pub(crate) fn fill(resource: &Resource, object: &mut Value) {
    fill_given(resource, object);
    match resource.plural {
        "rolebindings" | "clusterrolebindings" => {
            // Nobody is written as nothing.
            if let Value::Object(map) = object
                && map.get("subjects").is_some_and(object::is_empty)
            {
                map.shift_remove("subjects");
            }
        }
        "namespaces" => {
            let name = object::name(object).to_owned();
            if !name.is_empty() {
                object::map_at(&mut object["metadata"], "labels")
                    .insert("kubernetes.io/metadata.name".into(), name.into());
            }
        }
        "secrets" => {
            if text(object, "/type").is_empty() {
                object["type"] = "Opaque".into();
            }
            merge_string_data(object);
        }
        "deployments" | "replicasets" | "statefulsets"
            if object.pointer("/spec/replicas").is_none() =>
        {
            object::map_at(object, "spec").insert("replicas".into(), 1.into());
        }
        _ => {}
    }
}

/// Fills only what is part of something given: an apply owns it as if it were written out.
pub(crate) fn fill_given(resource: &Resource, object: &mut Value) {
    if resource.group != GROUP {
        return;
    }
    if let Some(Value::Array(subjects)) = object.get_mut("subjects") {
        for subject in subjects {
            let is_account = text(subject, "/kind") == "ServiceAccount";
            if !is_account && text(subject, "/apiGroup").is_empty() {
                subject["apiGroup"] = GROUP.into();
            }
        }
    }
    if let Some(role_ref) = object.get_mut("roleRef")
        && text(role_ref, "/apiGroup").is_empty()
    {
        role_ref["apiGroup"] = GROUP.into();
    }
}

/// Writes the fields of a new object that are the server's own.
pub(crate) fn prepare(resource: &Resource, object: &mut Value, user: &User) {
    for key in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "generation",
        "selfLink",
    ] {
        object::metadata(object).shift_remove(key);
    }
    if COUNTED.contains(&resource.plural) {
        object::set(object, "generation", 1);
    }
    match resource.plural {
        "namespaces" => {
            let spec = object::map_at(object, "spec");
            spec.insert("finalizers".into(), json!(["kubernetes"]));
            object["status"] = json!({ "phase": "Active" });
        }
        "pods" | "persistentvolumeclaims" => object["status"] = json!({ "phase": "Pending" }),
        "clusterroles" | "roles" if object.get("rules").is_none() => object["rules"] = json!([]),
        "certificatesigningrequests" => {
            let spec = object::map_at(object, "spec");
            spec.insert("username".into(), user.name.clone().into());
            spec.insert("groups".into(), json!(user.groups));
            object["status"] = json!({});
        }
        _ if resource.has_status() => object["status"] = json!({}),
        _ => {}
    }
}

/// Counts a change of the spec.
pub(crate) fn count_generation(resource: &Resource, old: &Value, new: &mut Value) {
    if COUNTED.contains(&resource.plural) && old.get("spec") != new.get("spec") {
        let before = old.pointer("/metadata/generation").and_then(Value::as_u64);
        object::set(new, "generation", before.unwrap_or_default() + 1);
    }
}

fn merge_string_data(object: &mut Value) {
    let Value::Object(map) = object else { return };
    let Some(Value::Object(texts)) = map.shift_remove("stringData") else {
        return;
    };
    let data = object::map_at(object, "data");
    for (key, value) in texts {
        let text = value.as_str().unwrap_or_default();
        data.insert(key, crate::world::encode(text).into());
    }
}
