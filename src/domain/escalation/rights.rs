//! What the rules of a role give that leads to more than they say.
//!
//! Kubernetes' own resources are judged by what is left out: every write to one of them counts but
//! those that are known to lead nowhere. Resources of others count where somebody's controller is
//! known to act on them with rights of its own.

use std::collections::BTreeSet;
use std::fmt;

use super::deputies;
use crate::domain::level::{Allowed, is_allowed};
use crate::domain::power::{Rule, covers, has};

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

/// The API groups of Kubernetes itself.
const KUBERNETES: [&str; 23] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Whether an API group is one of Kubernetes' own.
pub(crate) fn is_kubernetes(group: &str) -> bool {
    KUBERNETES.contains(&group) || group == "storagemigration.k8s.io"
}

/// Why a right leads to more; the first of several is the one that is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// `*` where it writes.
    Wildcards,
    /// The verb `escalate` on roles.
    Escalate,
    /// The verb `bind` on roles.
    Bind,
    /// Reading or writing Secrets, or tokens that are kept as objects.
    Secrets,
    /// A verb that begins with `impersonate`.
    Impersonate,
    /// Minting tokens of accounts.
    Tokens,
    /// Running pods, as any account of a namespace.
    Pods,
    /// Commands in pods, as the accounts that they run as.
    Commands,
    /// Traffic into pods, past what guards them from others.
    Traffic,
    /// The kubelet's API.
    NodeProxy,
    /// Who may do what, and what the API server asks and believes.
    ClusterRules,
    /// Certificates that the API server believes.
    Certificates,
    /// A controller that acts with rights of its own on what it is told.
    Deputy(&'static str),
    /// What guards a namespace.
    Guards,
    /// Security context constraints beyond the restricted ones.
    Constraints,
    /// Volumes on the nodes' disks.
    Volumes,
    /// Drivers that run as root on the nodes.
    Drivers,
    /// Nodes.
    Nodes,
    /// Settings that other components believe.
    Settings,
    /// RoleBindings, with which the holder of a role hands it on.
    Bindings,
    /// Any other write.
    Writes(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wildcards => "wildcards",
            Self::Escalate => "escalate",
            Self::Bind => "bind",
            Self::Impersonate => "impersonate",
            Self::Secrets => "secrets",
            Self::Tokens => "tokens of accounts",
            Self::Pods => "running pods",
            Self::Commands => "commands in pods",
            Self::Traffic => "traffic into pods",
            Self::NodeProxy => "nodes/proxy",
            Self::ClusterRules => "changing the cluster's rules",
            Self::Certificates => "certificates that the API server believes",
            Self::Deputy(why) => why,
            Self::Guards => "changing what guards namespaces",
            Self::Constraints => "privileged security context constraints",
            Self::Volumes => "volumes on the nodes' disks",
            Self::Drivers => "drivers that run as root on the nodes",
            Self::Nodes => "changing nodes",
            Self::Settings => "changing settings of other components",
            Self::Bindings => "handing on roles",
            Self::Writes(what) => return write!(f, "changing {what}"),
        })
    }
}

/// One thing that a role gives, by where it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    /// Cluster-wide, and in an excluded namespace.
    There(Why),
    /// In whatever namespace it is bound.
    Anywhere(Why),
    /// In an excluded namespace alone.
    Inside(Why),
    /// In whatever namespace it is bound, for an account: `edit` there becomes more than `edit`.
    HandsOn(Why),
    /// Acting as the accounts of these names: as much as they can do.
    ActsAs(Vec<String>),
}

const READS: [&str; 3] = ["get", "list", "watch"];
const CHANGES: [&str; 3] = ["create", "update", "patch"];

/// Writes that let their holder run code as any account of a namespace.
const PODS: [(&str, &str); 10] = [
    ("", "pods"),
    ("", "pods/ephemeralcontainers"),
    ("", "replicationcontrollers"),
    ("apps", "deployments"),
    ("apps", "daemonsets"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("apps.openshift.io", "deploymentconfigs"),
];

/// What changes who may do what, or what the API server asks and believes.
const CLUSTER_RULES: [(&str, &str); 14] = [
    (RBAC, "roles"),
    (RBAC, "clusterroles"),
    (RBAC, "rolebindings"),
    (RBAC, "clusterrolebindings"),
    (ADMISSION, "mutatingwebhookconfigurations"),
    (ADMISSION, "validatingwebhookconfigurations"),
    (ADMISSION, "mutatingadmissionpolicies"),
    (ADMISSION, "mutatingadmissionpolicybindings"),
    (ADMISSION, "validatingadmissionpolicies"),
    (ADMISSION, "validatingadmissionpolicybindings"),
    ("apiregistration.k8s.io", "apiservices"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("authorization.openshift.io", "rolebindings"),
    ("security.openshift.io", "securitycontextconstraints"),
];

const SIGNING: [(&str, &str); 7] = [
    (CERTIFICATES, "certificatesigningrequests/approval"),
    (CERTIFICATES, "certificatesigningrequests/status"),
    (CERTIFICATES, "certificatesigningrequests/nodeclient"),
    (CERTIFICATES, "certificatesigningrequests/selfnodeclient"),
    (CERTIFICATES, "signers"),
    (CERTIFICATES, "podcertificaterequests"),
    (CERTIFICATES, "podcertificaterequests/status"),
];

const DRIVERS: [(&str, &str); 9] = [
    ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "storageclasses"),
    ("storage.k8s.io", "volumeattachments"),
    ("resource.k8s.io", "deviceclasses"),
    ("resource.k8s.io", "resourceslices"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceclaimtemplates"),
    ("node.k8s.io", "runtimeclasses"),
];

/// What is read where the bearer's token or a Secret is to be found.
const SECRETS: [(&str, &str); 5] = [
    ("", "secrets"),
    ("image.openshift.io", "imagestreams/secrets"),
    ("oauth.openshift.io", "oauthaccesstokens"),
    ("oauth.openshift.io", "oauthauthorizetokens"),
    ("management.cattle.io", "tokens"),
];

/// The resources of a namespace object: its labels say how it is guarded.
const GUARDS: [(&str, &str); 3] = [
    ("", "namespaces"),
    ("", "namespaces/status"),
    ("", "namespaces/finalize"),
];

/// Resources, verbs, and why one of them matters.
type Telling<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], Why);

/// A rule with the verbs that it really gives.
struct Given<'a> {
    rule: &'a Rule,
}

impl Given<'_> {
    fn is_named(&self) -> bool {
        !self.rule.names.is_empty()
    }

    /// Whether it comes to nothing: a rule about named objects makes none and removes no
    /// collection, for the name is in no such request, but for those of subresources. The empty
    /// name is the name in all the others.
    fn is_void(&self, resource: &str, verb: &str) -> bool {
        let is_nameless = matches!(verb, "create" | "deletecollection") && !resource.contains('/');
        is_nameless && self.is_named() && !has(&self.rule.names, "")
    }

    /// Whether the rule gives a verb.
    fn gives(&self, group: &str, resource: &str, verb: &str) -> bool {
        !self.is_void(resource, verb) && covers(self.rule, group, resource, verb)
    }

    fn gives_any(&self, what: &[(&str, &str)], verbs: &[&str]) -> bool {
        what.iter().any(|(group, resource)| {
            let mut verbs = verbs.iter();
            verbs.any(|verb| self.gives(group, resource, verb))
        })
    }

    /// The verbs that are no reads, and may come to something for this resource.
    fn writes<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = &'a str> {
        self.rule
            .verbs
            .iter()
            .map(String::as_str)
            .filter(|verb| !READS.contains(verb) && !verb.starts_with("impersonate"))
            .filter(|verb| !self.is_void(resource, verb))
    }

    fn impersonates(&self, into: &mut Vec<Right>) {
        let says = |verb: &String| verb.starts_with("impersonate");
        let explicit = self.rule.verbs.iter().any(says);
        let of = |resource: &str| {
            let groups = ["", "authentication.k8s.io"];
            let mut groups = groups.iter();
            groups.any(|group| self.gives(group, resource, "impersonate"))
        };
        let wild = has(&self.rule.verbs, "*")
            && ["users", "groups", "serviceaccounts", "nodes"]
                .into_iter()
                .any(of);
        if !explicit && !wild {
            return;
        }
        // Extras and UIDs say nothing of themselves: they come beside a user that one may be.
        let beside = |resource: &String| resource.starts_with("userextras") || resource == "uids";
        if self.rule.resources.iter().all(beside) {
            return;
        }
        let as_accounts = self.is_named()
            && self.rule.resources.iter().all(|it| it == "serviceaccounts")
            && !self
                .rule
                .verbs
                .iter()
                .any(|it| it.starts_with("impersonate-on"));
        // What a user or group may do is not known from bindings alone: others authorize too.
        into.push(if as_accounts {
            Right::ActsAs(self.rule.names.clone())
        } else {
            Right::There(Why::Impersonate)
        });
    }

    fn tokens(&self, into: &mut Vec<Right>) {
        if self.gives("", "serviceaccounts/token", "create") {
            into.push(if self.is_named() {
                Right::ActsAs(self.rule.names.clone())
            } else {
                Right::There(Why::Tokens)
            });
        }
    }

    /// What has a name of its own in what is said to people.
    fn telling(&self, into: &mut Vec<Right>) {
        let all: Vec<&str> = READS.into_iter().chain(CHANGES).collect();
        let roles = [(RBAC, "roles"), (RBAC, "clusterroles")];
        let commands = [("", "pods/exec"), ("", "pods/attach")];
        let traffic = [
            ("", "pods/portforward"),
            ("", "pods/proxy"),
            ("", "services/proxy"),
        ];
        let proxy = [("", "nodes/proxy")];
        let found: [Telling<'_>; 14] = [
            (&roles, &["escalate"], Why::Escalate),
            (&roles, &["bind"], Why::Bind),
            (&SECRETS, &all, Why::Secrets),
            (&PODS, &CHANGES, Why::Pods),
            (&commands, &["create", "get"], Why::Commands),
            (&traffic, &["create", "get"], Why::Traffic),
            (&proxy, &["create", "get"], Why::NodeProxy),
            (&CLUSTER_RULES, &CHANGES, Why::ClusterRules),
            (
                &SIGNING,
                &["create", "update", "patch", "approve", "sign", "attest"],
                Why::Certificates,
            ),
            (&GUARDS, &CHANGES, Why::Guards),
            (&[("", "persistentvolumes")], &CHANGES, Why::Volumes),
            (&DRIVERS, &CHANGES, Why::Drivers),
            (&[("", "nodes"), ("", "nodes/status")], &CHANGES, Why::Nodes),
            (&[("", "configmaps")], &CHANGES, Why::Settings),
        ];
        for (what, verbs, why) in found {
            let election = why == Why::Settings && elects("configmaps", &self.rule.names);
            if !election && self.gives_any(what, verbs) {
                into.push(Right::There(why));
            }
        }
        // A Role is good for the namespace object that it stands in.
        if self.gives_any(&GUARDS, &["update", "patch"]) {
            into.push(Right::Anywhere(Why::Guards));
        }
        let bindings = [
            (RBAC, "rolebindings"),
            ("authorization.openshift.io", "rolebindings"),
        ];
        if self.gives_any(&roles, &["escalate", "bind"]) || self.gives_any(&bindings, &CHANGES) {
            into.push(Right::HandsOn(Why::Bindings));
        }
        let constraints = [("security.openshift.io", "securitycontextconstraints")];
        let mild = |name: &String| {
            ["restricted", "nonroot", "anyuid"]
                .into_iter()
                .any(|mild| name.starts_with(mild))
        };
        let mild = self.is_named() && self.rule.names.iter().all(mild);
        if self.gives_any(&constraints, &["use"]) && !mild {
            into.push(Right::Anywhere(Why::Constraints));
        }
    }

    /// Every other write.
    fn others(&self, allowed: &BTreeSet<Allowed>, into: &mut Vec<Right>) {
        for resource in &self.rule.resources {
            if self.is_named() && resource.ends_with("/token") {
                continue; // As much as the accounts that it names: judged by that.
            }
            for group in &self.rule.groups {
                let own = group == "*" || is_kubernetes(group);
                let deputy = deputies::deputy(group, resource);
                let deputy = deputy.filter(|_| !is_allowed(allowed, group, resource));
                for verb in self.writes(resource) {
                    let what = || Why::Writes(description(group, resource));
                    if let Some(why) = deputy {
                        into.push(Right::Anywhere(Why::Deputy(why)));
                    } else if resource == "*" {
                        into.push(Right::There(Why::Wildcards));
                    } else if is_harmless(group, resource, verb, &self.rule.names) {
                    } else if own {
                        into.push(Right::There(what()));
                    } else {
                        into.push(Right::Inside(what()));
                    }
                }
            }
        }
    }
}

fn description(group: &str, resource: &str) -> String {
    match group {
        "" | "*" => resource.to_owned(),
        group => format!("{resource}.{group}"),
    }
}

/// Whether names are those by which components agree on a leader.
fn elects(resource: &str, names: &[String]) -> bool {
    let elects = |name: &String| match resource {
        // Nothing but leaders is ever read from a Lease; those of the control plane are its own.
        "leases" | "leasecandidates" => !["kube-", "apiserver-", "cloud-controller-manager"]
            .into_iter()
            .any(|own| name.starts_with(own)),
        _ => name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| matches!(word, "leader" | "leaderelection" | "election" | "lock")),
    };
    !names.is_empty() && names.iter().all(|name| !name.is_empty() && elects(name))
}

/// Writes to Kubernetes' own resources that lead nowhere, wherever they count.
fn is_harmless(group: &str, resource: &str, verb: &str, names: &[String]) -> bool {
    match (group, resource) {
        // Lines for people to read.
        ("" | "events.k8s.io", "events") => true,
        // Questions: the answer is all that comes of them.
        ("authentication.k8s.io" | "authorization.k8s.io", resource) => {
            resource.ends_with("reviews")
                || resource.starts_with("userextras")
                || resource == "uids"
        }
        // Electing a leader: by name, or by making a Lease that was not there.
        ("coordination.k8s.io", "leases" | "leasecandidates") => {
            verb == "create" || elects(resource, names)
        }
        ("", "configmaps" | "endpoints") => elects(resource, names),
        // Asking for a certificate; whoever approves it is judged by that.
        ("certificates.k8s.io", "certificatesigningrequests") => verb == "create",
        // Gone since Kubernetes 1.25; providers left bindings for everybody behind.
        ("policy" | "extensions", "podsecuritypolicies") => verb == "use",
        // Checked where an owner is set; there is no such object.
        (_, resource) => resource.ends_with("/finalizers"),
    }
}

/// What rules give, each thing once, but for what an operator allowed to everybody who writes.
pub(super) fn rights(rules: &[Rule], allowed: &BTreeSet<Allowed>) -> Vec<Right> {
    let mut found = Vec::new();
    for rule in rules.iter().filter(|rule| !rule.resources.is_empty()) {
        let given = Given { rule };
        given.impersonates(&mut found);
        given.tokens(&mut found);
        given.telling(&mut found);
        given.others(allowed, &mut found);
    }
    found.sort();
    found.dedup();
    found
}
