//! Both ways, rule by rule: what leads to more than it says, and what does not.

mod deputies;

use super::*;

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|item| (*item).to_owned()).collect()
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
    Rule {
        groups: own(groups),
        resources: own(resources),
        verbs: own(verbs),
        ..Rule::default()
    }
}

fn named(rule: Rule, names: &[&str]) -> Rule {
    Rule {
        names: own(names),
        ..rule
    }
}

fn core(resource: &str, verb: &str) -> Rule {
    rule(&[""], &[resource], &[verb])
}

fn account(namespace: &str, name: &str) -> Subject {
    Subject::Account {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

/// A cluster that is built step by step.
struct World {
    namespaces: BTreeSet<String>,
    bindings: Vec<Binding>,
    roles: Roles,
    allowed: BTreeSet<Allowed>,
}

impl World {
    /// `powerful/root` is cluster-admin, `shop/robot` and `ci/robot` have nothing.
    fn new() -> Self {
        let namespaces = set(&[
            "kube-system",
            "kubegrant",
            "powerful",
            "shop",
            "ci",
            "apart",
        ]);
        let mut world = Self {
            namespaces,
            bindings: vec![],
            roles: Roles::default(),
            allowed: BTreeSet::new(),
        };
        world.bind(None, "cluster-admin", account("powerful", "root"));
        world
    }

    fn bind(&mut self, place: Option<&str>, role: &str, subject: Subject) {
        self.bindings.push(Binding {
            namespace: place.map(str::to_owned),
            name: "b".to_owned(),
            role: RoleRef::Cluster(role.to_owned()),
            subjects: vec![subject],
        });
    }

    fn give(&mut self, place: Option<&str>, rules: Vec<Rule>, subject: Subject) {
        let role = format!("role-{}", self.roles.cluster.len());
        self.bind(place, &role, subject);
        self.roles.cluster.insert(role, rules);
    }

    fn judge(&self) -> Escalation {
        judge(
            &self.namespaces,
            &set(&["apart"]),
            &self.allowed,
            &self.bindings,
            &self.roles,
        )
    }

    /// Why `shop` is excluded when its account has this rule there.
    fn why(rule: &Rule, place: Option<&str>) -> Option<String> {
        let mut world = Self::new();
        world.give(place, vec![rule.clone()], account("shop", "robot"));
        world.judge().excluded().get("shop").cloned()
    }
}

#[track_caller]
fn counts(rule: &Rule, places: &[Option<&str>]) {
    for place in places {
        assert!(World::why(rule, *place).is_some(), "{rule:?} in {place:?}");
    }
}

#[track_caller]
fn is_harmless(rule: &Rule, places: &[Option<&str>]) {
    for place in places {
        assert_eq!(World::why(rule, *place), None, "{rule:?} in {place:?}");
    }
}

/// Everything, and three namespaces that write must not reach.
const POWERFUL: [Option<&str>; 4] = [None, Some("kube-system"), Some("powerful"), Some("apart")];
/// Its own, and another one that write reaches.
const ORDINARY: [Option<&str>; 2] = [Some("shop"), Some("ci")];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

#[test]
fn each_door_excludes_where_it_leads_somewhere() {
    let of = |group: &str, resource: &str, verb: &str| rule(&[group], &[resource], &[verb]);
    let doors = [
        core("secrets", "get"),
        core("secrets", "list"),
        core("secrets", "create"),
        core("serviceaccounts/token", "create"),
        core("serviceaccounts", "impersonate"),
        core("pods", "create"),
        core("pods/ephemeralcontainers", "patch"),
        core("pods/exec", "create"),
        core("pods/exec", "get"),
        core("pods/attach", "create"),
        core("pods/portforward", "create"),
        core("pods/proxy", "get"),
        core("services/proxy", "get"),
        of("apps", "deployments", "patch"),
        of("batch", "cronjobs", "create"),
        core("configmaps", "update"),
        core("configmaps", "create"),
        core("services", "patch"),
        core("endpoints", "update"),
        core("pods", "delete"),
        core("serviceaccounts", "patch"),
        of("networking.k8s.io", "networkpolicies", "delete"),
        of("discovery.k8s.io", "endpointslices", "update"),
        of("coordination.k8s.io", "leases", "update"),
        of("*", "*/scale", "update"),
    ];
    for door in &doors {
        counts(door, &POWERFUL);
        is_harmless(door, &ORDINARY);
    }
}

#[test]
fn what_changes_the_cluster_counts_cluster_wide() {
    let of = |group: &str, resource: &str, verb: &str| rule(&[group], &[resource], &[verb]);
    let doors = [
        core("users", "impersonate"),
        core("groups", "impersonate"),
        core("namespaces", "patch"),
        core("namespaces", "create"),
        core("namespaces", "delete"),
        core("namespaces/status", "update"),
        core("persistentvolumes", "create"),
        core("nodes", "patch"),
        core("nodes/status", "patch"),
        core("nodes/proxy", "get"),
        core("nodes/proxy", "create"),
        of(RBAC, "clusterroles", "escalate"),
        of(RBAC, "clusterroles", "bind"),
        of(RBAC, "clusterroles", "update"),
        of(RBAC, "clusterrolebindings", "create"),
        of(RBAC, "rolebindings", "create"),
        of(ADMISSION, "validatingadmissionpolicies", "patch"),
        of(ADMISSION, "validatingadmissionpolicybindings", "delete"),
        of(ADMISSION, "mutatingadmissionpolicies", "create"),
        of(ADMISSION, "mutatingadmissionpolicybindings", "create"),
        of(ADMISSION, "validatingwebhookconfigurations", "delete"),
        of(ADMISSION, "mutatingwebhookconfigurations", "patch"),
        of("apiregistration.k8s.io", "apiservices", "update"),
        of("apiextensions.k8s.io", "customresourcedefinitions", "patch"),
        of(
            CERTIFICATES,
            "certificatesigningrequests/approval",
            "update",
        ),
        of(CERTIFICATES, "certificatesigningrequests/status", "patch"),
        of(CERTIFICATES, "signers", "approve"),
        of(CERTIFICATES, "signers", "sign"),
        of(CERTIFICATES, "signers", "attest"),
        of(CERTIFICATES, "clustertrustbundles", "create"),
        of(CERTIFICATES, "podcertificaterequests/status", "update"),
        of("resource.k8s.io", "deviceclasses", "create"),
        of("resource.k8s.io", "resourceslices", "create"),
        of("storage.k8s.io", "csidrivers", "update"),
        of("storage.k8s.io", "storageclasses", "create"),
        of("storage.k8s.io", "volumeattachments", "create"),
        of("x.io", "*", "create"),
        rule(&["*"], &["*"], &["get"]),
    ];
    for door in &doors {
        counts(door, &[None]);
        let role = std::slice::from_ref(door);
        let bound = |place: Option<&str>| Bound {
            place: place.map(str::to_owned),
            role: RoleRef::Cluster("r".to_owned()),
        };
        let judged = World::new().judge();
        assert!(judged.of(&bound(None), role).is_some(), "{door:?}");
        assert!(
            judged.of(&bound(Some("powerful")), role).is_some(),
            "{door:?}"
        );
    }
}

#[test]
fn what_leads_nowhere_excludes_nowhere() {
    let of = |group: &str, resource: &str, verb: &str| rule(&[group], &[resource], &[verb]);
    let leases = |verbs: &[&str]| rule(&["coordination.k8s.io"], &["leases"], verbs);
    let harmless = [
        core("pods", "get"),
        core("configmaps", "list"),
        core("nodes", "watch"),
        core("nodes/metrics", "get"),
        core("events", "create"),
        core("events", "patch"),
        of("events.k8s.io", "events", "*"),
        of("apps", "deployments", "get"),
        of("apps", "deployments/finalizers", "update"),
        of("metrics.k8s.io", "*", "list"),
        of("authentication.k8s.io", "tokenreviews", "create"),
        of("authorization.k8s.io", "subjectaccessreviews", "create"),
        of("authentication.k8s.io", "userextras/scopes", "impersonate"),
        of(CERTIFICATES, "certificatesigningrequests", "create"),
        of("policy", "podsecuritypolicies", "use"),
        leases(&["create"]),
        named(leases(&["get", "update", "patch"]), &["my-controller"]),
        named(core("configmaps", "update"), &["ingress-controller-leader"]),
        // A name is in no request that makes an object, nor in one about many.
        named(core("secrets", "create"), &["mine"]),
        named(core("pods", "create"), &["mine"]),
        named(core("configmaps", "deletecollection"), &["mine"]),
        rule(&[], &[], &["*"]),
    ];
    for rule in &harmless {
        is_harmless(rule, &POWERFUL);
        is_harmless(rule, &ORDINARY);
    }
    // Objects of others, where nothing is known of who acts on them.
    is_harmless(&of("x.io", "widgets", "create"), &[None, Some("shop")]);
}

#[test]
fn names_limit_a_right_to_what_they_name() {
    let leases = rule(&["coordination.k8s.io"], &["leases"], &["update"]);
    for (rule, names) in [
        (core("secrets", "get"), "one"),
        (core("pods/exec", "create"), "web-0"),
        (core("pods/exec", "get"), "web-0"),
        (core("pods/attach", "create"), "web-0"),
        (core("pods/portforward", "create"), "web-0"),
        (core("pods/ephemeralcontainers", "update"), "web-0"),
        (core("configmaps", "patch"), "aws-auth"),
        (core("configmaps", "patch"), "coredns-block"),
        (rule(&["apps"], &["deployments"], &["patch"]), "coredns"),
        (leases, "kube-controller-manager"),
    ] {
        counts(&named(rule, &[names]), &[None, Some("kube-system")]);
    }
    // The empty name is the name in a request that makes an object.
    for rule in [
        core("pods", "create"),
        core("configmaps", "create"),
        core("secrets", "create"),
        core("pods", "deletecollection"),
    ] {
        counts(&named(rule, &["", "mine"]), &[None, Some("kube-system")]);
    }
    for (rule, names) in [
        (rule(&[RBAC], &["clusterroles"], &["escalate"]), "reader"),
        (rule(&[RBAC], &["clusterroles"], &["bind"]), "edit"),
        (
            rule(
                &[ADMISSION],
                &["validatingwebhookconfigurations"],
                &["delete"],
            ),
            "guard",
        ),
        (core("namespaces", "patch"), "shop"),
        (core("users", "impersonate"), "somebody"),
    ] {
        counts(&named(rule, &[names]), &[None]);
    }
}

#[test]
fn what_counts_in_any_namespace() {
    let of = |group: &str, resource: &str, verb: &str| rule(&[group], &[resource], &[verb]);
    for door in [
        // A Role is good for the namespace object that it stands in, whose labels guard it.
        core("namespaces", "patch"),
        core("namespaces/finalize", "update"),
        of("kustomize.toolkit.fluxcd.io", "kustomizations", "create"),
        of("kustomize.toolkit.fluxcd.io", "*", "patch"),
        of("*", "helmreleases", "*"),
        of("operators.coreos.com", "subscriptions", "create"),
        of("argoproj.io", "applications", "update"),
        of("security.openshift.io", "securitycontextconstraints", "use"),
    ] {
        counts(&door, &POWERFUL);
        counts(&door, &ORDINARY);
    }
    for mild in [
        core("namespaces", "get"),
        of("kustomize.toolkit.fluxcd.io", "kustomizations", "get"),
        of("argoproj.io", "rollouts", "create"),
        named(
            of("security.openshift.io", "securitycontextconstraints", "use"),
            &["restricted-v2"],
        ),
    ] {
        is_harmless(&mild, &ORDINARY);
    }
}

#[test]
fn namespaces_that_are_gone_or_going_count_as_before() {
    let edit = vec![core("secrets", "get")];
    // Nothing but a binding knows of `vanished`: its account is cluster-admin all the same.
    let mut world = World::new();
    world.bind(None, "cluster-admin", account("vanished", "root"));
    world.give(Some("vanished"), edit, account("shop", "robot"));
    assert!(world.judge().excluded().contains_key("shop"));
    let acts = named(core("serviceaccounts", "impersonate"), &["root"]);
    let mut world = World::new();
    world.bind(None, "cluster-admin", account("vanished", "root"));
    world.bindings.remove(0);
    world.give(None, vec![acts], account("shop", "robot"));
    assert!(world.judge().excluded().contains_key("shop"));
}
