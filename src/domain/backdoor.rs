//! What others hold on a cluster that leads to cluster-admin, and above all to our accounts.
//!
//! Whoever may act as the manager is cluster-admin, so a right that is harmless on a cluster without
//! us is not harmless with us: `edit` in our namespace, or cluster-wide, mints the manager's tokens.
//! What Kubernetes' own components hold is left out; everything else is named, whoever made it.

use std::collections::BTreeSet;

use super::account_name::{self, Home};
use super::plan::{NAMESPACE, USERS_NAMESPACE};
use super::power::{Binding, RoleRef, Roles, Rule, Subject, covers, has};

/// The namespace of Kubernetes' own controllers, whose accounts are as strong as ours.
const SYSTEM: &str = "kube-system";

/// Writes that run code as any account of a namespace.
const WORKLOADS: [(&str, &str); 9] = [
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

/// Writes that change what the API server asks, believes or lets in; they count cluster-wide.
const RULES_OF_THE_CLUSTER: [(&str, &str); 7] = [
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
    ),
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    (
        "admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings",
    ),
    ("apiregistration.k8s.io", "apiservices"),
    ("certificates.k8s.io", "certificatesigningrequests/approval"),
    ("certificates.k8s.io", "certificatesigningrequests/status"),
];

// The ways, for people.
const MINT: &str = "mint tokens of accounts";
const IMPERSONATE: &str = "impersonate accounts";
const PODS: &str = "run pods as accounts";
const COMMANDS: &str = "run commands in pods";
const SECRETS: &str = "read Secrets";
const BIND: &str = "bind stronger roles";
const WIDEN: &str = "widen roles";
const USERS: &str = "impersonate users or groups";
const NODES: &str = "command the nodes (nodes/proxy)";
const ASKS: &str = "change what the API server asks and believes";

const RBAC: &str = "rbac.authorization.k8s.io";
const CHANGES: [&str; 3] = ["create", "update", "patch"];
const EDITS: [&str; 2] = ["update", "patch"];

/// What stands in our namespace, for rules about objects by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    /// Accounts, whoever made them.
    pub(crate) accounts: BTreeSet<String>,
    /// Secrets, whoever made them.
    pub(crate) secrets: BTreeSet<String>,
}

/// What a binding of others gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gives {
    /// cluster-admin, or a role as strong.
    Everything,
    /// These ways to become it.
    Ways(Vec<&'static str>),
}

/// A binding of others that leads to cluster-admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backdoor<'a> {
    /// Which.
    pub(crate) binding: &'a Binding,
    /// What it gives.
    pub(crate) gives: Gives,
}

/// Finds the bindings that lead to cluster-admin, among those that are not ours.
pub(crate) fn backdoors<'a>(
    others: &'a [Binding],
    roles: &Roles,
    targets: &Targets,
) -> Vec<Backdoor<'a>> {
    let mut found: Vec<Backdoor<'a>> = Vec::new();
    // Who may impersonate somebody strong by name is strong: found to a fixed point.
    loop {
        let strong: BTreeSet<&Subject> = found
            .iter()
            .flat_map(|backdoor| &backdoor.binding.subjects)
            .collect();
        let mut next = Vec::new();
        // What nobody has leads nobody anywhere.
        for binding in others.iter().filter(|it| !it.subjects.is_empty()) {
            let gives = gives(binding, roles, targets, &strong);
            if let Some(gives) = gives.filter(|gives| !is_kubernetes(binding, gives)) {
                next.push(Backdoor { binding, gives });
            }
        }
        if next.len() == found.len() {
            return next;
        }
        found = next;
    }
}

/// What Kubernetes' own controllers can do by the roles that it makes for them, so that whoever is
/// bound to more, or widened one of these roles, is seen. Each has the role of its own name, and an
/// account of that name in kube-system.
const CONTROLLERS: [(&str, &[&str]); 19] = [
    ("attachdetach-controller", &[SECRETS]),
    ("bootstrap-signer", &[SECRETS]),
    ("certificate-controller", &[ASKS]),
    ("clusterrole-aggregation-controller", &[WIDEN]),
    ("cronjob-controller", &[PODS]),
    ("daemon-set-controller", &[PODS]),
    ("deployment-controller", &[PODS]),
    ("expand-controller", &[SECRETS]),
    (
        "generic-garbage-collector",
        &[PODS, COMMANDS, SECRETS, NODES, ASKS],
    ),
    ("job-controller", &[PODS]),
    ("legacy-service-account-token-cleaner", &[SECRETS]),
    ("namespace-controller", &[PODS, COMMANDS, SECRETS, NODES]),
    ("persistent-volume-binder", &[PODS, SECRETS]),
    ("pvc-protection-controller", &[PODS]),
    ("replicaset-controller", &[PODS]),
    ("replication-controller", &[PODS]),
    ("resourcequota-controller", &[SECRETS]),
    ("statefulset-controller", &[PODS]),
    ("token-cleaner", &[SECRETS]),
];

/// Whether Kubernetes itself makes such a binding, for its own components and for nobody else.
fn is_kubernetes(binding: &Binding, gives: &Gives) -> bool {
    let role = binding.role.name();
    let all = |own: &dyn Fn(&Subject) -> bool| binding.subjects.iter().all(own);
    let ways = match gives {
        Gives::Everything => {
            let masters = Subject::Group("system:masters".to_owned());
            let is_default = role == "cluster-admin" && binding.name == role;
            return is_default && all(&|subject| *subject == masters);
        }
        Gives::Ways(ways) => ways,
    };
    if role == "system:kube-controller-manager" {
        let manager = Subject::User(role.to_owned());
        let known = |way: &&str| [MINT, SECRETS].contains(way);
        return ways.iter().all(known) && all(&|subject| *subject == manager);
    }
    let Some(name) = role.strip_prefix("system:controller:") else {
        return false;
    };
    let own = Subject::Account {
        namespace: SYSTEM.to_owned(),
        name: name.to_owned(),
    };
    CONTROLLERS.iter().any(|(controller, known)| {
        *controller == name
            && ways.iter().all(|way| known.contains(way))
            && all(&|subject| *subject == own)
    })
}

fn gives(
    binding: &Binding,
    roles: &Roles,
    targets: &Targets,
    strong: &BTreeSet<&Subject>,
) -> Option<Gives> {
    let place = binding.namespace.as_deref();
    let is_admin = binding.role == RoleRef::Cluster("cluster-admin".to_owned());
    let none = Vec::new();
    let rules = roles.rules(&binding.role, place).unwrap_or(&none);
    let is_all = |rule: &Rule| {
        let wild = |list: &[String]| has(list, "*");
        rule.names.is_empty() && wild(&rule.verbs) && wild(&rule.resources) && wild(&rule.groups)
    };
    if place.is_none() && (is_admin || rules.iter().any(is_all)) {
        return Some(Gives::Everything);
    }
    let mut ways = match place {
        Some(NAMESPACE | USERS_NAMESPACE | SYSTEM) | None => ways_in(rules, roles, place, targets),
        Some(_) => return None,
    };
    if place.is_none() {
        ways.extend(ways_of_the_cluster(rules, strong));
    }
    (!ways.is_empty()).then_some(Gives::Ways(ways))
}

fn has_any(rule: &Rule, group: &str, resource: &str, verbs: &[&str]) -> bool {
    verbs.iter().any(|verb| covers(rule, group, resource, verb))
}

fn impersonates(rule: &Rule, resource: &str) -> bool {
    // Others have resources of these names too, and may give all verbs on them.
    let is_kubernetes = ["", "authentication.k8s.io", "*"]
        .iter()
        .any(|group| has(&rule.groups, group));
    let verb = |verb: &String| (verb == "*" && is_kubernetes) || verb.starts_with("impersonate");
    rule.verbs.iter().any(verb) && (has(&rule.resources, "*") || has(&rule.resources, resource))
}

/// Ways to the accounts of our namespace, or of Kubernetes' own.
fn ways_in(
    rules: &[Rule],
    roles: &Roles,
    place: Option<&str>,
    targets: &Targets,
) -> Vec<&'static str> {
    let names = |rule: &Rule, known: &BTreeSet<String>| {
        rule.names.is_empty() || rule.names.iter().any(|name| known.contains(name))
    };
    // Which accounts of kube-system are strong is not known by name: there each counts.
    let hits = |rule: &Rule, known: &BTreeSet<String>| place == Some(SYSTEM) || names(rule, known);
    let any = |test: &dyn Fn(&Rule) -> bool| rules.iter().any(test);
    let mut ways = Vec::new();
    if any(&|rule| {
        covers(rule, "", "serviceaccounts/token", "create") && hits(rule, &targets.accounts)
    }) {
        ways.push(MINT);
    }
    if any(&|rule| impersonates(rule, "serviceaccounts") && hits(rule, &targets.accounts)) {
        ways.push(IMPERSONATE);
    }
    if any(&|rule| {
        let runs = |(group, resource): &(&str, &str)| has_any(rule, group, resource, &CHANGES);
        rule.names.is_empty() && WORKLOADS.iter().any(runs)
    }) {
        ways.push(PODS);
    }
    if any(&|rule| {
        let runs = |resource: &&str| has_any(rule, "", resource, &["create", "get"]);
        rule.names.is_empty() && ["pods/exec", "pods/attach"].iter().any(runs)
    }) {
        ways.push(COMMANDS);
    }
    if any(&|rule| {
        let verbs = ["get", "list", "watch", "update", "patch"];
        has_any(rule, "", "secrets", &verbs) && names(rule, &targets.secrets)
    }) {
        ways.push(SECRETS);
    }
    let binds = any(&|rule| {
        let lists = ["rolebindings", "clusterrolebindings"];
        lists.iter().any(|list| has_any(rule, RBAC, list, &CHANGES))
    });
    if binds
        && any(&|rule| {
            let kinds = ["clusterroles", "roles"];
            let strong = |name: &String| {
                let rules = roles.cluster.get(name);
                rules.is_some_and(|rules| rules.iter().any(is_a_tool))
            };
            let tame = !rule.names.is_empty() && !rule.names.iter().any(strong);
            !tame && kinds.iter().any(|kind| covers(rule, RBAC, kind, "bind"))
        })
    {
        ways.push(BIND);
    }
    if any(&|rule| {
        let kinds = ["clusterroles", "roles"];
        kinds
            .iter()
            .any(|kind| covers(rule, RBAC, kind, "escalate"))
    }) && any(&|rule| {
        let kinds = ["clusterroles", "roles"];
        kinds.iter().any(|kind| has_any(rule, RBAC, kind, &CHANGES))
    }) {
        ways.push(WIDEN);
    }
    ways
}

/// Whether a rule is one of those by which an account is acted as.
fn is_a_tool(rule: &Rule) -> bool {
    let runs = |(group, resource): &(&str, &str)| has_any(rule, group, resource, &CHANGES);
    covers(rule, "", "serviceaccounts/token", "create")
        || has_any(rule, "", "secrets", &["get", "list", "watch"])
        || impersonates(rule, "serviceaccounts")
        || WORKLOADS.iter().any(runs)
}

/// Ways that count cluster-wide alone.
fn ways_of_the_cluster(rules: &[Rule], strong: &BTreeSet<&Subject>) -> Vec<&'static str> {
    let any = |test: &dyn Fn(&Rule) -> bool| rules.iter().any(test);
    let mut ways = Vec::new();
    let system = format!("system:serviceaccount:{SYSTEM}:");
    let is_strong = |name: &String, as_subject: fn(String) -> Subject| {
        account_name::of_login(name).is_some()
            || name.starts_with(&system)
            || name == "system:masters"
            || name.starts_with("system:kube-")
            || strong.contains(&as_subject(name.clone()))
    };
    if any(&|rule| {
        let users = |name: &String| is_strong(name, Subject::User);
        let groups = |name: &String| is_strong(name, Subject::Group);
        let hits =
            |test: &dyn Fn(&String) -> bool| rule.names.is_empty() || rule.names.iter().any(test);
        (impersonates(rule, "users") && hits(&users))
            || (impersonates(rule, "groups") && hits(&groups))
    }) {
        ways.push(USERS);
    }
    if any(&|rule| has_any(rule, "", "nodes/proxy", &["get", "create"])) {
        ways.push(NODES);
    }
    if any(&|rule| {
        RULES_OF_THE_CLUSTER.iter().any(|(group, resource)| {
            has_any(rule, group, resource, &EDITS)
                || (rule.names.is_empty() && covers(rule, group, resource, "create"))
        })
    }) {
        ways.push(ASKS);
    }
    ways
}

/// The groups that every account of ours is in, and what nobody's login has.
pub(crate) fn holds_our_accounts(subject: &Subject) -> bool {
    match subject {
        Subject::Group(name) => {
            matches!(
                name.as_str(),
                "system:serviceaccounts" | "system:authenticated" | "system:unauthenticated"
            ) || account_name::of_group(name).is_some()
        }
        Subject::User(name) => name == "system:anonymous" || account_name::of_login(name).is_some(),
        Subject::Account { namespace, .. } => Home::of(namespace).is_some(),
    }
}

/// Whether a role gives more than looking: changes, or Secrets. Asking about oneself is neither.
pub(crate) fn is_more_than_looking(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| {
        let reviews =
            !rule.resources.is_empty() && rule.resources.iter().all(|it| it.ends_with("reviews"));
        let secrets = has_any(rule, "", "secrets", &["get", "list", "watch"]);
        secrets || (rule.changes_anything() && !reviews)
    })
}

#[cfg(test)]
mod tests;
