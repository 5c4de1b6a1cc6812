//! What an API server's authorizer works with: rules, roles, subjects and bindings, as observed.

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
    /// ClusterRoles that are aggregated into another, by that (`view`, `edit`, `admin`).
    pub(crate) aggregated: BTreeMap<String, BTreeSet<String>>,
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

/// Whether a list has an item.
pub(super) fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == wanted)
}

/// Whether a rule gives a verb on a resource (`pods`, `pods/exec`), names apart.
pub(super) fn covers(rule: &Rule, group: &str, resource: &str, verb: &str) -> bool {
    let subresource = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    let resources = has(&rule.resources, "*")
        || has(&rule.resources, resource)
        || subresource.is_some_and(|any| has(&rule.resources, &any));
    (has(&rule.groups, "*") || has(&rule.groups, group))
        && resources
        && (has(&rule.verbs, "*") || has(&rule.verbs, verb))
}
