//! Which namespaces `write` must not reach: those whose accounts could make it cluster-admin.
//!
//! Whoever holds `edit` in a namespace can mint tokens of its ServiceAccounts, impersonate them and
//! run pods as them. So a namespace is held back when one of its accounts could climb: through a
//! cluster-wide binding to a powerful role, or through a binding to a powerful role in a namespace
//! that is itself held back (found to a fixed point).

use std::collections::{BTreeMap, BTreeSet};

/// A rule of a Role or ClusterRole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rule {
    /// API groups, `""` for core.
    pub(crate) groups: Vec<String>,
    /// Resources, `*`, or `resource/subresource`.
    pub(crate) resources: Vec<String>,
    /// Verbs or `*`.
    pub(crate) verbs: Vec<String>,
    /// The only object names that the rule is about; empty means all.
    pub(crate) names: Vec<String>,
    /// Paths outside the objects, such as `/metrics`.
    pub(crate) urls: Vec<String>,
}

impl Rule {
    /// Whether it lets its holder make, change or remove any object.
    pub(crate) fn changes_anything(&self) -> bool {
        let reads = |verb: &String| matches!(verb.as_str(), "get" | "list" | "watch");
        !self.resources.is_empty() && !self.verbs.iter().all(reads)
    }
}

/// The role a binding points to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RoleRef {
    /// A ClusterRole.
    Cluster(String),
    /// A Role in the binding's namespace.
    Namespaced(String),
}

impl RoleRef {
    /// The role's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Cluster(name) | Self::Namespaced(name) => name,
        }
    }

    /// Its kind, as Kubernetes has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "ClusterRole",
            Self::Namespaced(_) => "Role",
        }
    }
}

/// A subject of a binding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A ServiceAccount.
    Account {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A user by name.
    User(String),
    /// A group by name.
    Group(String),
}

/// A binding as observed, ours or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// `None` for a ClusterRoleBinding.
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// The role it gives.
    pub(crate) role: RoleRef,
    /// Whom it gives it to.
    pub(crate) subjects: Vec<Subject>,
}

/// The roles of a cluster that bindings may point to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles {
    /// ClusterRoles by name.
    pub(crate) cluster: BTreeMap<String, Vec<Rule>>,
    /// Roles by namespace and name.
    pub(crate) namespaced: BTreeMap<(String, String), Vec<Rule>>,
}

impl Roles {
    /// The rules of a role that stands in a place; `None` where there is no such role.
    pub(crate) fn rules(&self, role: &RoleRef, namespace: Option<&str>) -> Option<&Vec<Rule>> {
        match (role, namespace) {
            (RoleRef::Cluster(name), _) => self.cluster.get(name),
            (RoleRef::Namespaced(name), Some(namespace)) => {
                self.namespaced.get(&(namespace.to_owned(), name.clone()))
            }
            (RoleRef::Namespaced(_), None) => None,
        }
    }
}

/// Writes that let their holder run code as any account of a namespace.
const RUNS_PODS: [(&str, &str); 9] = [
    ("", "pods"),
    ("", "replicationcontrollers"),
    ("apps", "deployments"),
    ("apps", "daemonsets"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("", "pods/ephemeralcontainers"),
];

/// Writes on these change who may do what, or what the API server asks and believes.
const CHANGES_RULES: [(&str, &str); 10] = [
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
    ),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    ("apiregistration.k8s.io", "apiservices"),
    ("certificates.k8s.io", "certificatesigningrequests/approval"),
    ("certificates.k8s.io", "signers"),
];

pub(super) const WRITES: [&str; 3] = ["create", "update", "patch"];

pub(super) fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == wanted)
}

pub(super) fn covers(rule: &Rule, group: &str, resource: &str, verb: &str) -> bool {
    let subresource = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    let resources = has(&rule.resources, "*")
        || has(&rule.resources, resource)
        || subresource.is_some_and(|any| has(&rule.resources, &any));
    (has(&rule.groups, "*") || has(&rule.groups, group))
        && resources
        && (has(&rule.verbs, "*") || has(&rule.verbs, verb))
}

/// Says why a rule lets its holder climb; `None` if it does not.
///
/// The first five reasons are the design's (section 3): wildcards, `escalate`, `bind`,
/// `impersonate`, Secrets. The others reach the same end by another door (Kubernetes' "RBAC good
/// practices", privilege escalation risks).
pub(crate) fn danger(rule: &Rule) -> Option<&'static str> {
    if rule.resources.is_empty() {
        return None; // Non-resource URLs give no objects.
    }
    let wild = |list: &[String]| has(list, "*");
    if wild(&rule.verbs) || wild(&rule.resources) || wild(&rule.groups) {
        return Some("wildcards");
    }
    for verb in ["escalate", "bind", "impersonate"] {
        if has(&rule.verbs, verb) {
            return Some(match verb {
                "escalate" => "escalate",
                "bind" => "bind",
                _ => "impersonate",
            });
        }
    }
    // A rule about named objects is about those alone: `create` cannot be limited by name.
    let named = !rule.names.is_empty();
    let any = |group: &str, resource: &str, verbs: &[&str]| {
        verbs
            .iter()
            .any(|verb| covers(rule, group, resource, verb) && !(named && *verb == "create"))
    };
    if any(
        "",
        "secrets",
        &["get", "list", "watch", "create", "update", "patch"],
    ) {
        return Some("secrets");
    }
    if any("", "serviceaccounts/token", &["create"]) {
        return Some("tokens of accounts");
    }
    if RUNS_PODS
        .iter()
        .any(|(group, resource)| any(group, resource, &WRITES))
    {
        return Some("running pods");
    }
    if any("", "pods/exec", &["create", "get"]) || any("", "pods/attach", &["create", "get"]) {
        return Some("commands in pods");
    }
    if any("", "nodes/proxy", &["get", "create"]) {
        return Some("nodes/proxy");
    }
    if CHANGES_RULES
        .iter()
        .any(|(group, resource)| any(group, resource, &WRITES))
    {
        return Some("changing the cluster's rules");
    }
    None
}

fn role_danger(roles: &Roles, binding: &Binding) -> Option<&'static str> {
    if binding.role == RoleRef::Cluster("cluster-admin".to_owned()) {
        return Some("cluster-admin");
    }
    let rules = roles.rules(&binding.role, binding.namespace.as_deref());
    rules?.iter().find_map(danger)
}

/// Where the accounts behind a subject live: one namespace, every namespace, or nowhere.
enum Reach<'a> {
    One(&'a str),
    Every,
    Nowhere,
}

fn reach(subject: &Subject) -> Reach<'_> {
    match subject {
        Subject::Account { namespace, .. } => Reach::One(namespace),
        Subject::User(name) => match name.strip_prefix("system:serviceaccount:") {
            Some(rest) => rest
                .split_once(':')
                .map_or(Reach::Nowhere, |(ns, _)| Reach::One(ns)),
            None => Reach::Nowhere,
        },
        Subject::Group(name) => match name.as_str() {
            "system:serviceaccounts" | "system:authenticated" => Reach::Every,
            other => other
                .strip_prefix("system:serviceaccounts:")
                .map_or(Reach::Nowhere, Reach::One),
        },
    }
}

fn account_label(subject: &Subject) -> String {
    match subject {
        Subject::Account { name, .. } => format!("account '{name}'"),
        Subject::User(name) => format!("user '{name}'"),
        Subject::Group(name) => format!("group '{name}'"),
    }
}

/// Works out which of `namespaces` are held back from `write`, each with one reason.
pub(crate) fn held_back(
    namespaces: &BTreeSet<String>,
    by_operator: &BTreeSet<String>,
    bindings: &[Binding],
    roles: &Roles,
) -> BTreeMap<String, String> {
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    for namespace in namespaces {
        if namespace.starts_with("kube-") {
            held.insert(namespace.clone(), "a system namespace".to_owned());
        } else if namespace == super::plan::NAMESPACE {
            held.insert(namespace.clone(), "kubegrant's own namespace".to_owned());
        } else if by_operator.contains(namespace) {
            held.insert(namespace.clone(), "held back by the operator".to_owned());
        }
    }
    let dangerous: Vec<(&Binding, &'static str)> = bindings
        .iter()
        .filter_map(|binding| role_danger(roles, binding).map(|why| (binding, why)))
        .collect();
    loop {
        let before = held.len();
        for (binding, why) in &dangerous {
            let counts = match &binding.namespace {
                None => true,
                Some(namespace) => held.contains_key(namespace),
            };
            if !counts {
                continue;
            }
            let place = match &binding.namespace {
                None => "cluster-wide".to_owned(),
                Some(namespace) => format!("in namespace '{namespace}'"),
            };
            for subject in &binding.subjects {
                let reason = || {
                    format!(
                        "{} has {} '{}' {place} ({why})",
                        account_label(subject),
                        binding.role.kind(),
                        binding.role.name(),
                    )
                };
                match reach(subject) {
                    Reach::One(namespace) if namespaces.contains(namespace) => {
                        // A binding in an account's own namespace gives nothing that `edit` there
                        // does not already hold back for another reason.
                        held.entry(namespace.to_owned()).or_insert_with(reason);
                    }
                    Reach::Every => {
                        for namespace in namespaces {
                            held.entry(namespace.clone()).or_insert_with(reason);
                        }
                    }
                    Reach::One(_) | Reach::Nowhere => {}
                }
            }
        }
        if held.len() == before {
            return held;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
        let own = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
        Rule {
            groups: own(groups),
            resources: own(resources),
            verbs: own(verbs),
            ..Rule::default()
        }
    }

    fn bind(namespace: Option<&str>, role: RoleRef, subject: Subject) -> Binding {
        let namespace = namespace.map(str::to_owned);
        Binding {
            namespace,
            name: "b".to_owned(),
            role,
            subjects: vec![subject],
        }
    }

    fn account(namespace: &str, name: &str) -> Subject {
        Subject::Account {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn each_door_to_cluster_admin_is_named() {
        let core = |resource: &str, verb: &str| rule(&[""], &[resource], &[verb]);
        let cases = [
            (rule(&["*"], &["*"], &["*"]), Some("wildcards")),
            (rule(&["x.io"], &["*"], &["get"]), Some("wildcards")),
            (
                rule(&["rbac.authorization.k8s.io"], &["clusterroles"], &["bind"]),
                Some("bind"),
            ),
            (core("users", "impersonate"), Some("impersonate")),
            (core("secrets", "list"), Some("secrets")),
            (
                core("serviceaccounts/token", "create"),
                Some("tokens of accounts"),
            ),
            (
                rule(&["apps"], &["deployments"], &["patch"]),
                Some("running pods"),
            ),
            (core("pods/exec", "create"), Some("commands in pods")),
            (core("nodes/proxy", "get"), Some("nodes/proxy")),
            (core("configmaps", "create"), None),
            (core("pods", "get"), None),
            (rule(&["apps"], &["deployments"], &["get"]), None),
            (rule(&[], &[], &["*"]), None),
        ];
        for (rule, expected) in cases {
            assert_eq!(danger(&rule), expected, "{rule:?}");
        }
    }

    #[test]
    fn a_chain_of_accounts_through_held_back_namespaces_is_followed() {
        let mut roles = Roles::default();
        roles
            .cluster
            .insert("edit".into(), vec![rule(&[""], &["secrets"], &["get"])]);
        let edit = || RoleRef::Cluster("edit".to_owned());
        let bindings = [
            // c's account edits b, b's account edits kube-system: both can climb.
            bind(Some("b"), edit(), account("c", "robot")),
            bind(Some("kube-system"), edit(), account("b", "robot")),
            // d's account edits e, which is harmless.
            bind(Some("e"), edit(), account("d", "robot")),
        ];
        let all = set(&["kube-system", "kubegrant", "a", "b", "c", "d", "e"]);
        let held = held_back(&all, &set(&["a"]), &bindings, &roles);
        let names: Vec<&str> = held.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b", "c", "kube-system", "kubegrant"]);
        assert_eq!(
            held["b"],
            "account 'robot' has ClusterRole 'edit' in namespace 'kube-system' (secrets)"
        );
    }

    #[test]
    fn groups_and_user_names_of_accounts_count() {
        let admin = || RoleRef::Cluster("cluster-admin".to_owned());
        let all = set(&["a", "b", "c"]);
        let group = Subject::Group("system:serviceaccounts:a".to_owned());
        let user = Subject::User("system:serviceaccount:b:robot".to_owned());
        let bindings = [bind(None, admin(), group), bind(None, admin(), user)];
        let held = held_back(&all, &set(&[]), &bindings, &Roles::default());
        assert_eq!(held.keys().collect::<Vec<_>>(), ["a", "b"]);
        let every = [bind(
            None,
            admin(),
            Subject::Group("system:authenticated".to_owned()),
        )];
        assert_eq!(
            held_back(&all, &set(&[]), &every, &Roles::default()).len(),
            3
        );
    }
}
