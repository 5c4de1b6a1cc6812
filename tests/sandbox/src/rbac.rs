//! The RBAC authorizer: which rules a user has, by which binding, and what they allow.

use serde_json::{Value, json};

use crate::object::{items, name, text, texts};
use crate::resource;
use crate::status::Status;
use crate::store::Store;
use crate::user::{Attributes, User, account_of};

/// The group of all RBAC objects.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// What the authorizer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Whether it is allowed; everything else is "no opinion", which nobody overrules.
    pub(crate) allowed: bool,
    /// Which binding allowed it, or what went wrong; may be empty.
    pub(crate) reason: String,
}

/// Decides one question.
pub(crate) fn authorize(store: &Store, user: &User, attributes: &Attributes) -> Decision {
    if user.is_master() {
        return Decision {
            allowed: true,
            reason: String::new(),
        };
    }
    let mut allowed_by = None;
    let errors = visit(store, user, &attributes.namespace, &mut |source, rule| {
        if allows(rule, attributes) {
            allowed_by = Some(format!("RBAC: allowed by {}", source.describe()));
        }
        allowed_by.is_none()
    });
    match allowed_by {
        Some(reason) => Decision {
            allowed: true,
            reason,
        },
        None => Decision {
            allowed: false,
            reason: aggregate(&errors),
        },
    }
}

/// The refusal a client reads when the authorizer said no.
pub(crate) fn refusal(user: &User, attributes: &Attributes, reason: &str) -> Status {
    let verb = &attributes.verb;
    let mut why = if let Some(path) = &attributes.path {
        format!("User {:?} cannot {verb} path {path:?}", user.name)
    } else {
        let place = if attributes.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", attributes.namespace)
        };
        let (resource, group) = (attributes.combined(), &attributes.group);
        format!(
            "User {:?} cannot {verb} resource {resource:?} in API group {group:?} {place}",
            user.name
        )
    };
    if !reason.is_empty() {
        why = format!("{why}: {reason}");
    }
    Status::forbidden(
        &attributes.group,
        &attributes.resource,
        &attributes.name,
        &why,
    )
}

/// Every rule a user has in a namespace, or at cluster scope, and what could not be resolved.
pub(crate) fn rules_of(store: &Store, user: &User, namespace: &str) -> (Vec<Value>, Vec<String>) {
    let mut rules = Vec::new();
    let errors = visit(store, user, namespace, &mut |_, rule| {
        rules.push(rule.clone());
        true
    });
    (rules, errors)
}

/// The rules of a role that a binding refers to. Fails with 404 when there is no such role.
pub(crate) fn rules_of_role(
    store: &Store,
    role_ref: &Value,
    namespace: &str,
) -> Result<Vec<Value>, Status> {
    role(store, role_ref, namespace)
        .map(|role| items(role, "/rules").to_vec())
        .ok_or_else(|| {
            let plural = role_plural(role_ref);
            Status::not_found(resource::named(plural), text(role_ref, "/name"))
        })
}

/// `roles` or `clusterroles`, whichever a `roleRef` means.
pub(crate) fn role_plural(role_ref: &Value) -> &'static str {
    if text(role_ref, "/kind") == "Role" {
        "roles"
    } else {
        "clusterroles"
    }
}

/// The wildcard rules that only a cluster admin holds.
pub(crate) fn full_authority() -> Vec<Value> {
    vec![
        json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }),
        json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }),
    ]
}

/// Where a rule comes from.
struct Source<'a> {
    binding: &'a Value,
    subject: &'a Value,
}

impl Source<'_> {
    fn describe(&self) -> String {
        let namespace = text(self.binding, "/metadata/namespace");
        let (kind, of) = if namespace.is_empty() {
            ("ClusterRoleBinding", name(self.binding).to_owned())
        } else {
            ("RoleBinding", format!("{}/{namespace}", name(self.binding)))
        };
        let subject = match text(self.subject, "/kind") {
            "ServiceAccount" => {
                let own = text(self.subject, "/namespace");
                let within = if own.is_empty() { namespace } else { own };
                format!(
                    "ServiceAccount {:?}",
                    format!("{}/{within}", text(self.subject, "/name"))
                )
            }
            other => format!("{other} {:?}", text(self.subject, "/name")),
        };
        format!(
            "{kind} {of:?} of {} {:?} to {subject}",
            text(self.binding, "/roleRef/kind"),
            text(self.binding, "/roleRef/name"),
        )
    }
}

/// Shows every rule of a user to `see`, until it has seen enough. Returns what could not be
/// resolved.
fn visit(
    store: &Store,
    user: &User,
    namespace: &str,
    see: &mut dyn FnMut(&Source<'_>, &Value) -> bool,
) -> Vec<String> {
    let mut errors = Vec::new();
    let cluster_wide = store.list(resource::named("clusterrolebindings"), None);
    let within = (!namespace.is_empty())
        .then(|| store.list(resource::named("rolebindings"), Some(namespace)));
    for binding in cluster_wide.chain(within.into_iter().flatten()) {
        let own_namespace = text(binding, "/metadata/namespace");
        let subjects = items(binding, "/subjects");
        let Some(subject) = subjects
            .iter()
            .find(|one| is_subject(user, one, own_namespace))
        else {
            continue;
        };
        let Some(role_ref) = binding.get("roleRef") else {
            continue;
        };
        let Some(role) = role(store, role_ref, own_namespace) else {
            let kind = text(role_ref, "/kind").to_lowercase();
            errors.push(format!(
                "{kind}.{GROUP} {:?} not found",
                text(role_ref, "/name")
            ));
            continue;
        };
        let source = Source { binding, subject };
        for rule in items(role, "/rules") {
            if !see(&source, rule) {
                return errors;
            }
        }
    }
    errors
}

fn role<'a>(store: &'a Store, role_ref: &Value, namespace: &str) -> Option<&'a Value> {
    let plural = role_plural(role_ref);
    let namespace = if plural == "roles" { namespace } else { "" };
    store.get(resource::named(plural), namespace, text(role_ref, "/name"))
}

fn is_subject(user: &User, subject: &Value, binding_namespace: &str) -> bool {
    let name = text(subject, "/name");
    match text(subject, "/kind") {
        "User" => user.name == name,
        "Group" => user.is_in(name),
        "ServiceAccount" => {
            let own = text(subject, "/namespace");
            let namespace = if own.is_empty() {
                binding_namespace
            } else {
                own
            };
            !namespace.is_empty() && account_of(&user.name) == Some((namespace, name))
        }
        _ => false,
    }
}

/// Whether one rule allows it.
fn allows(rule: &Value, attributes: &Attributes) -> bool {
    let verbs = texts(rule, "/verbs");
    if !verbs
        .iter()
        .any(|verb| *verb == "*" || *verb == attributes.verb)
    {
        return false;
    }
    if let Some(path) = &attributes.path {
        return texts(rule, "/nonResourceURLs")
            .iter()
            .any(|url| url_covers(url, path));
    }
    let groups = texts(rule, "/apiGroups");
    let names = texts(rule, "/resourceNames");
    groups
        .iter()
        .any(|group| *group == "*" || *group == attributes.group)
        && resource_matches(&texts(rule, "/resources"), attributes)
        && (names.is_empty() || names.contains(&attributes.name.as_str()))
}

fn resource_matches(resources: &[&str], attributes: &Attributes) -> bool {
    let combined = attributes.combined();
    resources.iter().any(|resource| {
        *resource == "*"
            || *resource == combined
            || (!attributes.subresource.is_empty()
                && resource.strip_prefix("*/") == Some(attributes.subresource.as_str()))
    })
}

/// Whether a nonResourceURL of a rule covers a path: exactly, or by a `*` at its end.
pub(crate) fn url_covers(url: &str, path: &str) -> bool {
    url == "*"
        || url == path
        || url
            .strip_suffix('*')
            .is_some_and(|prefix| path.starts_with(prefix))
}

fn aggregate(errors: &[String]) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for error in errors {
        if !distinct.contains(&error.as_str()) {
            distinct.push(error);
        }
    }
    match distinct.as_slice() {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        many => format!("RBAC: [{}]", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(verb: &str, group: &str, resource: &str, name: &str) -> Attributes {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            verb: verb.into(),
            group: group.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn rules_match_by_verb_group_resource_and_name() {
        let rule = |groups: &[&str], resources: &[&str], names: &[&str]| {
            json!({
                "verbs": ["get"],
                "apiGroups": groups,
                "resources": resources,
                "resourceNames": names,
            })
        };
        let plain = rule(&[""], &["pods"], &[]);
        assert!(allows(&plain, &asks("get", "", "pods", "a")));
        assert!(!allows(&plain, &asks("list", "", "pods", "a")));
        assert!(!allows(&plain, &asks("get", "apps", "pods", "a")));
        // A resource does not include its subresources, nor they it.
        assert!(!allows(&plain, &asks("get", "", "pods/log", "a")));
        let log = rule(&[""], &["pods/log"], &[]);
        assert!(allows(&log, &asks("get", "", "pods/log", "a")));
        assert!(!allows(&log, &asks("get", "", "pods", "a")));
        let any_scale = rule(&["*"], &["*/scale"], &[]);
        assert!(allows(
            &any_scale,
            &asks("get", "apps", "deployments/scale", "a")
        ));
        assert!(!allows(
            &any_scale,
            &asks("get", "apps", "deployments", "a")
        ));
        let all = rule(&["*"], &["*"], &[]);
        assert!(allows(&all, &asks("get", "apps", "deployments/scale", "a")));
        let one = rule(&[""], &["secrets"], &["a"]);
        assert!(allows(&one, &asks("get", "", "secrets", "a")));
        assert!(!allows(&one, &asks("get", "", "secrets", "")));
        assert!(!allows(&one, &asks("get", "", "secrets", "b")));
    }

    #[test]
    fn resource_rules_never_allow_paths_and_the_other_way_round() {
        let everything = json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] });
        let path = Attributes {
            verb: "get".into(),
            path: Some("/metrics".into()),
            ..Attributes::default()
        };
        assert!(!allows(&everything, &path));
        let urls = json!({ "verbs": ["*"], "nonResourceURLs": ["*"] });
        assert!(allows(&urls, &path));
        assert!(!allows(&urls, &asks("get", "", "pods", "a")));
        assert!(url_covers("/api/*", "/api/v1"));
        assert!(!url_covers("/api/*", "/api"));
        assert!(!url_covers("/api", "/api/"));
    }
}
