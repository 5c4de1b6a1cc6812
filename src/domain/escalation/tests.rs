//! Both ways, rule by rule: what leads to more than it says, and what does not.

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
fn who_acts_as_another_can_do_what_the_other_can() {
    let token = |name: &str| named(core("serviceaccounts/token", "create"), &[name]);
    let acts = |name: &str| named(core("serviceaccounts", "impersonate"), &[name]);
    let wide = |name: &str| named(rule(&[""], &["*/token"], &["create"]), &[name]);
    for by in [token, acts, wide] {
        counts(&by("root"), &[None, Some("powerful")]);
        is_harmless(&by("nobody"), &POWERFUL);
        is_harmless(&by("root"), &ORDINARY);
        is_harmless(&by("root"), &[Some("kube-system")]);
        // Whoever is an account of ours is somebody.
        counts(&by("alice-v1"), &[Some("kubegrant")]);
    }
    assert_eq!(
        World::why(&token("root"), Some("powerful")).as_deref(),
        Some(
            "account 'robot' has ClusterRole 'role-0' in namespace 'powerful' (acting as account \
             'root' of namespace 'powerful', which can escalate)"
        )
    );
    // A chain, told in the wrong order: ci's account acts as shop's, which acts as root.
    let mut world = World::new();
    world.give(Some("shop"), vec![token("robot")], account("ci", "robot"));
    world.give(
        Some("powerful"),
        vec![token("root")],
        account("shop", "robot"),
    );
    let judged = world.judge();
    assert!(judged.excluded().contains_key("ci"));
    assert!(judged.excluded().contains_key("shop"));
    // Another account of an excluded namespace is not thereby a powerful one.
    let mut world = World::new();
    world.give(
        Some("powerful"),
        vec![token("other")],
        account("shop", "robot"),
    );
    assert!(!world.judge().excluded().contains_key("shop"));
    // Unless a group makes every account one.
    let every = Subject::Group("system:serviceaccounts:powerful".to_owned());
    world.bind(None, "cluster-admin", every);
    assert!(world.judge().excluded().contains_key("shop"));
}

#[test]
fn every_verb_that_begins_with_impersonate_counts() {
    let constrained =
        |verb: &str, resource: &str| rule(&["authentication.k8s.io"], &[resource], &[verb]);
    counts(&constrained("impersonate:user-info", "users"), &[None]);
    counts(&constrained("impersonate:user-info", "groups"), &[None]);
    counts(&constrained("impersonate:arbitrary-node", "nodes"), &[None]);
    counts(&constrained("impersonate:tomorrow", "things"), &[None]);
    let on = rule(
        &[RBAC],
        &["clusterrolebindings"],
        &["impersonate-on:user-info:create"],
    );
    counts(&on, &[None]);
    let one = |name: &str| {
        named(
            constrained("impersonate:serviceaccount", "serviceaccounts"),
            &[name],
        )
    };
    counts(&one("root"), &[None, Some("powerful")]);
    is_harmless(&one("nobody"), &[None, Some("powerful")]);
}

#[test]
fn who_hands_on_roles_excludes_its_namespace_and_escalates_nowhere_else() {
    let doors = [
        rule(&[RBAC], &["rolebindings"], &["create"]),
        named(rule(&[RBAC], &["rolebindings"], &["update"]), &["mine"]),
        rule(&[RBAC], &["roles"], &["escalate"]),
        rule(&[RBAC], &["clusterroles"], &["bind"]),
    ];
    for door in &doors {
        counts(door, &ORDINARY);
        let bound = Bound {
            place: Some("ci".to_owned()),
            role: RoleRef::Cluster("r".to_owned()),
        };
        // Who is given it by name has it, and no more than it.
        assert_eq!(
            World::new().judge().of(&bound, std::slice::from_ref(door)),
            None
        );
    }
    is_harmless(&rule(&[RBAC], &["roles"], &["create"]), &ORDINARY);
    is_harmless(
        &rule(&[RBAC], &["rolebindings"], &["get", "list"]),
        &ORDINARY,
    );
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

#[test]
fn a_chain_of_accounts_through_excluded_namespaces_is_followed() {
    let edit = || vec![core("secrets", "get")];
    let mut world = World::new();
    world.namespaces.extend(set(&["d", "e"]));
    world.give(Some("shop"), edit(), account("ci", "robot"));
    world.give(Some("kube-system"), edit(), account("shop", "robot"));
    // d's account reads e, which is like any other.
    world.give(Some("e"), edit(), account("d", "robot"));
    let judged = world.judge();
    let names: Vec<&str> = judged.excluded().keys().map(String::as_str).collect();
    let excluded = [
        "apart",
        "ci",
        "kube-system",
        "kubegrant",
        "powerful",
        "shop",
    ];
    assert_eq!(names, excluded);
    assert_eq!(
        judged.excluded()["shop"],
        "account 'robot' has ClusterRole 'role-1' in namespace 'kube-system' (secrets)"
    );
}

#[test]
fn groups_and_user_names_of_accounts_count() {
    let excluded = |subject: Subject| {
        let mut world = World::new();
        world.bind(None, "cluster-admin", subject);
        let judged = world.judge();
        let is = |namespace: &str| judged.excluded().contains_key(namespace);
        (is("shop"), is("ci"))
    };
    let group = |name: &str| Subject::Group(name.to_owned());
    let user = |name: &str| Subject::User(name.to_owned());
    assert_eq!(
        excluded(group("system:serviceaccounts:shop")),
        (true, false)
    );
    assert_eq!(
        excluded(user("system:serviceaccount:shop:robot")),
        (true, false)
    );
    assert_eq!(excluded(group("system:serviceaccounts")), (true, true));
    assert_eq!(excluded(group("system:authenticated")), (true, true));
    assert_eq!(excluded(group("system:unauthenticated")), (true, true));
    assert_eq!(excluded(user("somebody")), (false, false));
    assert_eq!(excluded(group("platform-admins")), (false, false));
}

#[test]
fn a_role_in_a_place_is_judged_like_an_account() {
    let judged = World::new().judge();
    let of = |name: &str, place: Option<&str>, rules: &[Rule]| {
        let bound = Bound {
            place: place.map(str::to_owned),
            role: RoleRef::Cluster(name.to_owned()),
        };
        judged.of(&bound, rules)
    };
    let secrets = [core("secrets", "list")];
    assert_eq!(
        of("r", None, &secrets).as_deref(),
        Some("it gives secrets cluster-wide")
    );
    assert_eq!(
        of("r", Some("kube-system"), &secrets).as_deref(),
        Some(
            "it gives secrets in namespace 'kube-system', which is excluded from write (a system \
             namespace)"
        )
    );
    assert_eq!(of("r", Some("shop"), &secrets), None);
    assert_eq!(
        of("cluster-admin", None, &[]).as_deref(),
        Some("it is cluster-admin")
    );
    let token = [named(core("serviceaccounts/token", "create"), &["root"])];
    assert!(of("r", Some("powerful"), &token).is_some());
    assert_eq!(of("r", Some("shop"), &token), None);
}
