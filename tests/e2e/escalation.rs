//! What an account can do decides whether write reaches its namespace: both ways, rule by rule,
//! and the ways up themselves, walked with the tokens that a writer can mint.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::{File, Home};
use crate::levels::{RBAC, account, bind, config_map, config_maps, namespace};
use crate::world::{self, World};

/// Where an account has a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// By a ClusterRoleBinding.
    Everywhere,
    /// By a RoleBinding in this namespace.
    In(&'static str),
    /// By a RoleBinding in its own namespace.
    Own,
}

use Place::{Everywhere, In, Own};

/// A namespace with a cluster-admin account `root` and a powerless account `nobody`.
const POWERFUL: &str = "esc-powerful";
/// A namespace that write reaches.
const PLAIN: &str = "esc-plain";
const SYSTEM: &str = "kube-system";

type Case = (
    Place,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Place, group, resources, verbs, names: each of these excludes the account's namespace.
const EXCLUDED: [Case; 61] = [
    // Acting as others, named or not.
    (Everywhere, "", "serviceaccounts/token", "create", ""),
    (Everywhere, "", "serviceaccounts/token", "create", "root"),
    (In(POWERFUL), "", "serviceaccounts/token", "create", ""),
    (In(POWERFUL), "", "serviceaccounts/token", "create", "root"),
    (In(POWERFUL), "", "*/token", "create", "root"),
    (In(POWERFUL), "", "pods/exec", "create", "web-0"),
    (In(POWERFUL), "", "pods/attach", "create", "web-0"),
    (In(POWERFUL), "", "pods/portforward", "create", "web-0"),
    (
        In(POWERFUL),
        "",
        "pods/ephemeralcontainers",
        "patch",
        "web-0",
    ),
    (In(POWERFUL), "", "serviceaccounts", "impersonate", "root"),
    (In(POWERFUL), "", "pods", "create", ""),
    (In(POWERFUL), "apps", "deployments", "patch", "web"),
    (In(POWERFUL), "", "secrets", "get", "one"),
    (In(POWERFUL), "", "configmaps", "patch", ""),
    (In(POWERFUL), "x.io", "widgets", "patch", ""),
    // Nothing is called by the empty name but what has none yet.
    (Everywhere, "", "pods", "create", ","),
    (In(SYSTEM), "", "configmaps", "create", ","),
    (Everywhere, "", "users", "impersonate", "somebody"),
    (Everywhere, "", "groups", "impersonate", ""),
    // Constrained impersonation.
    (
        Everywhere,
        "authentication.k8s.io",
        "users,groups",
        "impersonate:user-info",
        "",
    ),
    (
        Everywhere,
        "authentication.k8s.io",
        "serviceaccounts",
        "impersonate:serviceaccount",
        "root",
    ),
    (
        Everywhere,
        "authentication.k8s.io",
        "nodes",
        "impersonate:arbitrary-node",
        "",
    ),
    (
        Everywhere,
        "authentication.k8s.io",
        "things",
        "impersonate:tomorrow",
        "",
    ),
    (
        Everywhere,
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
        "impersonate-on:user-info:create",
        "",
    ),
    // Settings that others believe, and what guards namespaces and nodes.
    (Everywhere, "", "configmaps", "create,update,patch", ""),
    (In(SYSTEM), "", "configmaps", "create,update", ""),
    (In(SYSTEM), "", "configmaps", "patch", "coredns"),
    (Everywhere, "", "namespaces", "patch", ""),
    (Everywhere, "", "namespaces/status", "patch", ""),
    (Own, "", "namespaces", "patch", ""),
    (Everywhere, "", "persistentvolumes", "create", ""),
    (Everywhere, "", "nodes", "patch", ""),
    (Everywhere, "", "nodes/proxy", "get", ""),
    (Everywhere, "", "services/proxy", "get", ""),
    (In(SYSTEM), "", "services", "patch", ""),
    (
        In(SYSTEM),
        "networking.k8s.io",
        "networkpolicies",
        "delete",
        "",
    ),
    (In(SYSTEM), "coordination.k8s.io", "leases", "update", ""),
    (
        In(SYSTEM),
        "coordination.k8s.io",
        "leases",
        "update",
        "kube-scheduler",
    ),
    // The cluster's rules.
    (
        Everywhere,
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
        "patch",
        "",
    ),
    (
        Everywhere,
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
        "delete",
        "guard",
    ),
    (
        Everywhere,
        "admissionregistration.k8s.io",
        "mutatingadmissionpolicies",
        "create",
        "",
    ),
    (
        Everywhere,
        "admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings",
        "create",
        "",
    ),
    (
        Everywhere,
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        "delete",
        "guard",
    ),
    (
        Everywhere,
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        "patch",
        "",
    ),
    (
        Everywhere,
        "apiregistration.k8s.io",
        "apiservices",
        "update",
        "",
    ),
    (
        Everywhere,
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "patch",
        "",
    ),
    (
        Everywhere,
        "rbac.authorization.k8s.io",
        "clusterroles",
        "escalate",
        "reader",
    ),
    (
        Everywhere,
        "rbac.authorization.k8s.io",
        "clusterroles",
        "bind",
        "",
    ),
    // Certificates.
    (
        Everywhere,
        "certificates.k8s.io",
        "certificatesigningrequests/approval",
        "update",
        "",
    ),
    (Everywhere, "certificates.k8s.io", "signers", "approve", ""),
    (
        Everywhere,
        "certificates.k8s.io",
        "signers",
        "sign",
        "kubernetes.io/kube-apiserver-client",
    ),
    (Everywhere, "certificates.k8s.io", "signers", "attest", ""),
    (
        Everywhere,
        "certificates.k8s.io",
        "podcertificaterequests/status",
        "update",
        "",
    ),
    // Drivers.
    (Everywhere, "resource.k8s.io", "deviceclasses", "create", ""),
    (Everywhere, "storage.k8s.io", "csidrivers", "update", ""),
    (Everywhere, "storage.k8s.io", "storageclasses", "create", ""),
    // Handing on roles, in its own namespace or elsewhere.
    (
        Own,
        "rbac.authorization.k8s.io",
        "rolebindings",
        "create",
        "",
    ),
    (
        In(PLAIN),
        "rbac.authorization.k8s.io",
        "roles",
        "escalate",
        "",
    ),
    // Controllers that act for whoever asks.
    (
        Own,
        "kustomize.toolkit.fluxcd.io",
        "kustomizations",
        "create",
        "",
    ),
    (Own, "operators.coreos.com", "subscriptions", "create", ""),
    (Own, "argoproj.io", "applications", "patch", ""),
];

/// The same for what leads nowhere: write reaches the account's namespace.
const REACHED: [Case; 25] = [
    (
        In(POWERFUL),
        "",
        "serviceaccounts/token",
        "create",
        "nobody",
    ),
    (
        Everywhere,
        "",
        "serviceaccounts/token",
        "create",
        "nobody-of-this-name",
    ),
    (In(POWERFUL), "", "serviceaccounts", "impersonate", "nobody"),
    (Own, "", "serviceaccounts/token", "create", ""),
    (In(PLAIN), "", "serviceaccounts/token", "create", "root"),
    (In(PLAIN), "", "secrets", "get,list", ""),
    (In(PLAIN), "", "pods,pods/exec", "create", ""),
    (In(PLAIN), "", "configmaps", "create,update", ""),
    (In(POWERFUL), "", "pods,configmaps", "get,list,watch", ""),
    (In(POWERFUL), "", "pods", "create", "web-0"),
    (
        Everywhere,
        "",
        "pods,nodes,namespaces",
        "get,list,watch",
        "",
    ),
    (Everywhere, "", "nodes/metrics", "get", ""),
    (Everywhere, "", "events", "create,patch", ""),
    (Everywhere, "metrics.k8s.io", "*", "get,list", ""),
    (
        Everywhere,
        "authentication.k8s.io",
        "tokenreviews",
        "create",
        "",
    ),
    (
        Everywhere,
        "authorization.k8s.io",
        "subjectaccessreviews",
        "create",
        "",
    ),
    (
        Everywhere,
        "certificates.k8s.io",
        "certificatesigningrequests",
        "create",
        "",
    ),
    (In(SYSTEM), "coordination.k8s.io", "leases", "create", ""),
    (
        In(SYSTEM),
        "coordination.k8s.io",
        "leases",
        "get,update,patch",
        "my-controller",
    ),
    (
        In(SYSTEM),
        "",
        "configmaps",
        "get,update",
        "my-controller-leader",
    ),
    (
        In(SYSTEM),
        "",
        "configmaps",
        "get",
        "extension-apiserver-authentication",
    ),
    (Everywhere, "x.io", "widgets", "create,delete", ""),
    (
        Own,
        "rbac.authorization.k8s.io",
        "roles,rolebindings",
        "get,list",
        "",
    ),
    (
        Own,
        "kustomize.toolkit.fluxcd.io",
        "kustomizations",
        "get,list",
        "",
    ),
    (Own, "argoproj.io", "rollouts", "create,patch", ""),
];

fn words(list: &str) -> Vec<&str> {
    list.split(',').collect()
}

/// Gives an account of a namespace of its own a rule in a place.
fn give(world: &(impl World + ?Sized), name: &str, case: Case) {
    let (place, group, resources, verbs, names) = case;
    namespace(world, name);
    account(world, name, "robot");
    let mut rule = json!({
        "apiGroups": [group], "resources": words(resources), "verbs": words(verbs),
    });
    if !names.is_empty() {
        rule["resourceNames"] = json!(words(names));
    }
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": name }, "rules": [rule],
    });
    let roles = format!("{RBAC}/clusterroles");
    world.admin().post(&roles, &role).expect(201);
    let place = match place {
        Everywhere => None,
        In(place) => Some(place),
        Own => Some(name),
    };
    bind(world, place, name, (name, "robot"));
}

/// The namespaces that the tool says are excluded.
fn excluded(home: &Home) -> BTreeSet<String> {
    let ran = home.run("cluster check prod -o json");
    let found: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let held = found["write"]["excluded"].as_object();
    held.expect("an object").keys().cloned().collect()
}

/// Mints a token of an account, and gives somebody who asks with it.
fn become_account(by: &File, namespace: &str, name: &str) -> Caller {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let minted = by.caller.post(&path, &request).expect(201);
    let token = minted["status"]["token"].as_str().expect("a token");
    by.with_token(token)
}

#[test]
fn every_rule_counts_where_it_leads_somewhere_and_only_there() {
    let world = world::alone(None);
    let world = world.as_ref();
    namespace(world, PLAIN);
    namespace(world, POWERFUL);
    account(world, POWERFUL, "root");
    account(world, POWERFUL, "nobody");
    bind(world, None, "cluster-admin", (POWERFUL, "root"));
    for (index, case) in EXCLUDED.into_iter().enumerate() {
        give(world, &format!("esc-up-{index}"), case);
    }
    for (index, case) in REACHED.into_iter().enumerate() {
        give(world, &format!("esc-flat-{index}"), case);
    }
    let home = Home::new(world);
    let bob = home.developer("bob", "write");
    let excluded = excluded(&home);
    let mut wrong = Vec::new();
    for (index, case) in EXCLUDED.into_iter().enumerate() {
        let name = format!("esc-up-{index}");
        let status = bob
            .caller
            .post(&config_maps(&name), &config_map("probe"))
            .status;
        if !excluded.contains(&name) || status != 403 {
            wrong.push(format!("reached: {case:?}"));
        }
    }
    for (index, case) in REACHED.into_iter().enumerate() {
        let name = format!("esc-flat-{index}");
        let status = bob
            .caller
            .post(&config_maps(&name), &config_map("probe"))
            .status;
        if excluded.contains(&name) || status != 201 {
            wrong.push(format!("excluded: {case:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!excluded.contains(PLAIN));
    crate::say(&format!(
        "e2e: {} rules exclude a namespace, {} do not",
        EXCLUDED.len(),
        REACHED.len()
    ));
}

#[test]
fn a_terminating_namespace_hides_no_power() {
    let world = world::alone(None);
    let world = world.as_ref();
    namespace(world, "vault");
    namespace(world, "tools");
    account(world, "vault", "root");
    account(world, "tools", "robot");
    bind(world, None, "cluster-admin", ("vault", "root"));
    bind(world, Some("vault"), "edit", ("tools", "robot"));
    let admin = world.admin();
    // A binding that a finalizer keeps holds the namespace open.
    let binding = format!("{RBAC}/namespaces/vault/rolebindings/tools-robot");
    let keep = json!({ "metadata": { "finalizers": ["example.com/keep"] } });
    admin.patch(&binding, &keep).expect(200);
    admin.delete("/api/v1/namespaces/vault").expect(200);
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    // Where nothing waits for finalizers, the binding is gone with the namespace.
    if admin.get(&binding).status == 200 {
        assert!(excluded(&home).contains("tools"));
        bob.post(&config_maps("tools"), &config_map("probe"))
            .expect(403);
    }
    let free = json!({ "metadata": { "finalizers": null } });
    let freed = admin.patch(&binding, &free).status;
    assert!(matches!(freed, 200 | 404), "{freed}");
    // The account's binding outlives its namespace, and so does what can be done as it.
    let acts = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": "acts-as-root" },
        "rules": [{
            "apiGroups": [""], "resources": ["serviceaccounts"],
            "verbs": ["impersonate"], "resourceNames": ["root"],
        }],
    });
    admin
        .post(&format!("{RBAC}/clusterroles"), &acts)
        .expect(201);
    bind(world, None, "acts-as-root", ("tools", "robot"));
    home.reconcile();
    assert!(excluded(&home).contains("tools"));
}

#[test]
fn no_token_that_a_writer_mints_leads_higher() {
    let world = world::alone(None);
    let world = world.as_ref();
    namespace(world, "ops");
    account(world, "ops", "root");
    bind(world, None, "cluster-admin", ("ops", "root"));
    let token = (In("ops"), "", "serviceaccounts/token", "create", "root");
    let home = Home::new(world);
    // Before there is anything to be had, the way is open and leads to `ops`.
    let bob = home.developer("bob", "write");
    give(world, "ci", token);
    namespace(world, "shop");
    account(world, "shop", "robot");
    home.reconcile();
    let mint = |namespace: &str, account: &str| {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
        });
        bob.caller.post(&path, &request).status
    };
    assert_eq!(mint("ci", "robot"), 403);
    assert_eq!(mint("ops", "root"), 403);
    // An account of a namespace that write reaches is as far as a writer gets.
    let robot = become_account(&bob, "shop", "robot");
    let path = "/api/v1/namespaces/ops/serviceaccounts/root/token";
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    robot.post(path, &request).expect(403);
    robot.get("/api/v1/secrets").expect(403);
    // It is this right that makes the way.
    bind(world, Some("ops"), "ci", ("shop", "robot"));
    let reached = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        robot.post(path, &request).status == 201
    });
    assert!(reached, "the way up is no way up");
    home.reconcile();
    assert!(excluded(&home).contains("shop"));
    assert_eq!(mint("shop", "robot"), 403);
}

#[test]
fn an_account_is_found_however_a_binding_and_a_rule_name_it() {
    let world = world::alone(None);
    let world = world.as_ref();
    let admin = world.admin();
    namespace(world, "unsaid");
    account(world, "unsaid", "robot");
    // A subject without a namespace is of the binding's own.
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "unsaid" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin",
        },
        "subjects": [{ "kind": "ServiceAccount", "name": "robot" }],
    });
    let path = format!("{RBAC}/namespaces/unsaid/rolebindings");
    let stored = admin.post(&path, &binding).status;
    give(world, "nameless", (In(SYSTEM), "", "pods", "create", ","));
    let home = Home::new(world);
    home.developer("bob", "write");
    let found = excluded(&home);
    assert!(found.contains("nameless"));
    assert!(found.contains("unsaid") || stored != 201);
    // Both are as good as said.
    let review = |namespace: &str, account: &str, place: &str, group: &str, resource: &str| {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": format!("system:serviceaccount:{namespace}:{account}"),
                "resourceAttributes": {
                    "namespace": place, "verb": "create", "group": group, "resource": resource,
                },
            },
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        admin.post(path, &review).expect(201)["status"]["allowed"] == json!(true)
    };
    assert!(review("nameless", "robot", SYSTEM, "", "pods"));
    if stored == 201 {
        let group = "rbac.authorization.k8s.io";
        assert!(review("unsaid", "robot", "unsaid", group, "rolebindings"));
    }
}
