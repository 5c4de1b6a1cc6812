//! Validating admission policies: whether one denies a write, and what it says then.

use serde_json::{Value, json};

use crate::cel::{self, Variables};
use crate::object::{self, items, text, texts};
use crate::resource::{self, Resource};
use crate::selector;
use crate::status::{Cause, Status};
use crate::store::Store;
use crate::user::{Attributes, User};

const GROUP: &str = "admissionregistration.k8s.io";

/// A write that is to be admitted.
pub(crate) struct Write<'a> {
    /// Who writes.
    pub(crate) user: &'a User,
    /// What the write is to.
    pub(crate) resource: &'a Resource,
    /// What was asked of the authorizer.
    pub(crate) request: &'a Attributes,
    /// The object before, absent where it comes to be.
    pub(crate) old: Option<&'a Value>,
    /// The object after, absent where it goes.
    pub(crate) new: Option<&'a Value>,
}

impl Write<'_> {
    fn operation(&self) -> &'static str {
        match (self.old, self.new) {
            (None, _) => "CREATE",
            (_, Some(_)) => "UPDATE",
            (_, None) => "DELETE",
        }
    }

    fn object(&self) -> &Value {
        self.new.or(self.old).unwrap_or(&Value::Null)
    }

    fn name(&self) -> &str {
        match object::name(self.object()) {
            "" => &self.request.name,
            name => name,
        }
    }

    fn namespace(&self) -> &str {
        if self.resource.namespaced {
            &self.request.namespace
        } else {
            ""
        }
    }
}

/// Asks every bound policy. Fails as the first one says that denies, by default with 422.
pub(crate) fn admit(store: &Store, write: &Write<'_>) -> Result<(), Status> {
    if write.resource.group == GROUP {
        return Ok(());
    }
    let policies = resource::named("validatingadmissionpolicies");
    for binding in store.list(resource::named("validatingadmissionpolicybindings"), None) {
        let Some(policy) = store.get(policies, "", text(binding, "/spec/policyName")) else {
            continue;
        };
        let denies = texts(binding, "/spec/validationActions").contains(&"Deny");
        let binds = binding.pointer("/spec/matchResources");
        let constrains = policy.pointer("/spec/matchConstraints");
        if !denies
            || !constrains.is_some_and(|rules| matches(store, rules, write, true))
            || !binds.is_none_or(|rules| matches(store, rules, write, false))
        {
            continue;
        }
        if let Some((why, reason)) = denial(store, policy, write) {
            return Err(refusal(policy, binding, write, &why, reason));
        }
    }
    Ok(())
}

/// Checks the expressions of a policy. Fails with 422 for what the sandbox cannot evaluate.
pub(crate) fn check(resource: &Resource, policy: &Value) -> Result<(), Status> {
    if resource.plural != "validatingadmissionpolicies" {
        return Ok(());
    }
    let mut causes = Vec::new();
    for list in ["validations", "matchConditions"] {
        for (index, one) in items(policy, &format!("/spec/{list}")).iter().enumerate() {
            let expression = text(one, "/expression");
            if let Err(why) = cel::check(expression) {
                causes.push(Cause::invalid(
                    &format!("spec.{list}[{index}].expression"),
                    &format!("{expression:?}"),
                    &format!("compilation failed: {why}"),
                ));
            }
        }
    }
    if causes.is_empty() {
        return Ok(());
    }
    let name = object::name(policy);
    Err(Status::invalid(GROUP, resource.kind, name, &causes))
}

/// Whether a policy's constraints, or those of its binding, are about the write. A binding may do
/// without rules.
fn matches(store: &Store, constraints: &Value, write: &Write<'_>, needs_rules: bool) -> bool {
    let rules = items(constraints, "/resourceRules");
    let excluded = items(constraints, "/excludeResourceRules");
    let by_rule = |rules: &[Value]| rules.iter().any(|rule| rule_matches(rule, write));
    (by_rule(rules) || (rules.is_empty() && !needs_rules))
        && !by_rule(excluded)
        && selects(constraints, "/objectSelector", write.object())
        && namespace_matches(store, constraints, write)
}

fn rule_matches(rule: &Value, write: &Write<'_>) -> bool {
    let one_of = |pointer: &str, wanted: &str| {
        let own = texts(rule, pointer);
        own.contains(&"*") || own.contains(&wanted)
    };
    let combined = write.request.combined();
    let resource = texts(rule, "/resources").into_iter().any(|own| {
        let (resource, subresource) = own.split_once('/').unwrap_or((own, ""));
        (resource == "*" || resource == write.request.resource)
            && (subresource == "*" || subresource == write.request.subresource)
            || own == combined
    });
    let names = texts(rule, "/resourceNames");
    resource
        && one_of("/operations", write.operation())
        && one_of("/apiGroups", write.resource.group)
        && one_of("/apiVersions", write.resource.version)
        && (names.is_empty() || names.contains(&write.name()))
}

fn namespace_matches(store: &Store, constraints: &Value, write: &Write<'_>) -> bool {
    let namespaces = resource::named("namespaces");
    if write.resource.plural == "namespaces" {
        return selects(constraints, "/namespaceSelector", write.object());
    }
    // What lives in no namespace is in all of them.
    write.namespace().is_empty()
        || store
            .get(namespaces, "", write.namespace())
            .is_none_or(|namespace| selects(constraints, "/namespaceSelector", namespace))
}

fn selects(constraints: &Value, pointer: &str, object: &Value) -> bool {
    object::at(constraints, pointer)
        .is_none_or(|selector| selector::matches_labels(selector, object))
}

/// What a policy has against the write, and with which reason it says so.
fn denial(store: &Store, policy: &Value, write: &Write<'_>) -> Option<(String, &'static str)> {
    let variables = variables(store, write);
    let tolerant = text(policy, "/spec/failurePolicy") == "Ignore";
    let evaluate = |one: &Value| {
        let expression = text(one, "/expression");
        cel::evaluate(expression, &variables)
            .map_err(|why| format!("expression '{expression}' resulted in error: {why}"))
    };
    for condition in items(policy, "/spec/matchConditions") {
        match evaluate(condition) {
            Ok(Value::Bool(true)) => {}
            Err(why) if !tolerant => return Some((why, "Invalid")),
            _ => return None,
        }
    }
    for validation in items(policy, "/spec/validations") {
        let reason = match text(validation, "/reason") {
            "Unauthorized" => "Unauthorized",
            "Forbidden" => "Forbidden",
            "RequestEntityTooLarge" => "RequestEntityTooLarge",
            _ => "Invalid",
        };
        match evaluate(validation) {
            Ok(Value::Bool(true)) => {}
            Err(_) if tolerant => {}
            Err(why) => return Some((why, "Invalid")),
            Ok(_) => {
                let message = text(validation, "/message").trim();
                let expression = text(validation, "/expression").trim();
                let why = if message.is_empty() {
                    format!("failed expression: {expression}")
                } else {
                    message.to_owned()
                };
                return Some((why, reason));
            }
        }
    }
    None
}

fn variables(store: &Store, write: &Write<'_>) -> Variables {
    let namespace = store.get(resource::named("namespaces"), "", write.namespace());
    let mut variables = Variables::new();
    variables.insert("object".into(), write.new.cloned().unwrap_or_default());
    variables.insert("oldObject".into(), write.old.cloned().unwrap_or_default());
    variables.insert(
        "namespaceObject".into(),
        namespace.cloned().unwrap_or_default(),
    );
    variables.insert(
        "request".into(),
        json!({
            "operation": write.operation(),
            "namespace": write.namespace(),
            "name": write.name(),
            "userInfo": write.user.info(),
            "resource": {
                "group": write.resource.group,
                "version": write.resource.version,
                "resource": write.request.resource,
            },
            "subResource": write.request.subresource,
        }),
    );
    variables
}

fn refusal(
    policy: &Value,
    binding: &Value,
    write: &Write<'_>,
    why: &str,
    reason: &'static str,
) -> Status {
    let message = format!(
        "ValidatingAdmissionPolicy '{}' with binding '{}' denied request: {why}",
        object::name(policy),
        object::name(binding),
    );
    let resource = write.resource;
    let mut status = Status::forbidden(resource.group, resource.plural, write.name(), &message);
    status.reason = reason;
    status.code = match reason {
        "Unauthorized" => 401,
        "Forbidden" => 403,
        "RequestEntityTooLarge" => 413,
        _ => 422,
    };
    if let Some(details) = &mut status.details {
        details["causes"] = json!([{ "message": message }]);
    }
    status
}
