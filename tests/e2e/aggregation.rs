//! What others aggregated into `edit` and `view`, and what the levels carry of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::Home;
use crate::levels::{RBAC, account, bind, config_map, config_maps, namespace};
use crate::world::{self, HANG, World};

const ALL: [&str; 7] = [
    "create", "delete", "get", "list", "patch", "update", "watch",
];

/// Makes a ClusterRole that is aggregated into another, and waits until it is.
fn aggregate(
    world: &(impl World + ?Sized),
    name: &str,
    into: &str,
    (group, resource): (&str, &str),
    verbs: &[&str],
) {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": name, "labels": {
            (format!("rbac.authorization.k8s.io/aggregate-to-{into}")): "true",
        } },
        "rules": [{ "apiGroups": [group], "resources": [resource], "verbs": verbs }],
    });
    let admin = world.admin();
    admin
        .post(&format!("{RBAC}/clusterroles"), &role)
        .expect(201);
    holds(&admin, into, (group, resource), verbs, true);
    // What is aggregated into `view` is in `edit` too, a moment later.
    holds(&admin, "edit", (group, resource), verbs, true);
}

/// Waits until a ClusterRole has, or has no more, a rule.
fn holds(admin: &Caller, role: &str, what: (&str, &str), verbs: &[&str], wanted: bool) {
    let started = Instant::now();
    let rule = json!({ "apiGroups": [what.0], "resources": [what.1], "verbs": verbs });
    loop {
        let found = admin
            .get(&format!("{RBAC}/clusterroles/{role}"))
            .expect(200);
        let rules = found["rules"].as_array().cloned().unwrap_or_default();
        if rules.contains(&rule) == wanted {
            return;
        }
        let waited = started.elapsed();
        assert!(waited < HANG, "{role}: not after {waited:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks the API server whether somebody may do something.
fn may(who: &Caller, namespace: &str, verb: &str, group: &str, resource: &str) -> bool {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "namespace": namespace, "verb": verb, "group": group, "resource": resource,
        } },
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let answer = who.post(path, &review).expect(201);
    answer["status"]["allowed"] == json!(true)
}

/// The role that our list in a namespace names.
fn role_of(world: &(impl World + ?Sized), namespace: &str) -> String {
    let path = format!("{RBAC}/namespaces/{namespace}/rolebindings");
    let found = world.admin().get(&path).expect(200);
    let items = found["items"].as_array().cloned().unwrap_or_default();
    let ours = items.iter().find(|item| {
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        name.starts_with("kubegrant:") && name.ends_with(":edit")
    });
    let ours = ours.expect("a list of ours");
    ours["roleRef"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn our_roles(world: &(impl World + ?Sized)) -> Vec<String> {
    let found = world
        .admin()
        .get(&format!("{RBAC}/clusterroles"))
        .expect(200);
    let items = found["items"].as_array().cloned().unwrap_or_default();
    let name = |item: &Value| {
        item["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut names: Vec<String> = items.iter().map(name).collect();
    let of_accounts = |name: &str| name.ends_with(":manager") || name.ends_with(":issuer");
    names.retain(|name| name.starts_with("kubegrant:") && !of_accounts(name));
    names
}

#[test]
fn write_carries_no_order_to_a_controller() {
    let world = world::alone(None);
    let world = world.as_ref();
    let flux = ("kustomize.toolkit.fluxcd.io", "kustomizations");
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    assert_eq!(role_of(world, "default"), "edit");
    assert_eq!(our_roles(world), Vec::<String>::new());
    // Harmless ones leave `edit` as it is.
    aggregate(
        world,
        "certs",
        "edit",
        ("cert-manager.io", "certificates"),
        &ALL,
    );
    home.reconcile();
    assert_eq!(role_of(world, "default"), "edit");
    // An order to a controller does not, nor what nobody knows, nor more than `edit` of Kubernetes.
    aggregate(world, "flux-edit", "edit", flux, &ALL);
    aggregate(world, "widgets-edit", "edit", ("x.io", "widgets"), &ALL);
    aggregate(world, "guards", "edit", ("", "namespaces"), &["patch"]);
    assert!(may(&bob, "default", "create", flux.0, flux.1));
    home.run("cluster check prod").says("leaves out");
    // Who is bound `edit` itself has all of it.
    home.run("user add eve").success();
    home.run("rbac bind eve -c prod --cluster-role edit -n default --yes")
        .success()
        .says("ClusterRole 'edit' carries what write leaves out: kustomizations.kustomize");
    home.reconcile();
    assert!(role_of(world, "default").ends_with(":edit"), "ours");
    for (verb, group, resource, wanted) in [
        ("create", "", "configmaps", true),
        ("create", "", "pods", true),
        ("create", "apps", "deployments", true),
        ("list", "", "secrets", true),
        ("create", "cert-manager.io", "certificates", true),
        ("list", flux.0, flux.1, true),
        ("create", flux.0, flux.1, false),
        ("patch", flux.0, flux.1, false),
        ("create", "x.io", "widgets", false),
        ("get", "x.io", "widgets", true),
        ("patch", "", "namespaces", false),
    ] {
        let found = may(&bob, "default", verb, group, resource);
        assert_eq!(found, wanted, "{verb} {resource}.{group}");
    }
    bob.post(&config_maps("default"), &config_map("probe"))
        .expect(201);
    home.run("cluster check prod")
        .success()
        .says("kustomizations.kustomize.toolkit.fluxcd.io")
        .says("of ClusterRole flux-edit")
        .says("--write-allow x.io/widgets");
    // Drift of our own role is seen, and mended.
    let ours = role_of(world, "default");
    let all = json!({ "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }] });
    world
        .admin()
        .patch(&format!("{RBAC}/clusterroles/{ours}"), &all)
        .expect(200);
    home.run("cluster check prod").exit(6).says(&ours);
    home.reconcile();
    assert!(!may(&bob, "default", "create", "x.io", "widgets"));
    // What an operator allows by name.
    home.run("cluster set prod --write-allow x.io/widgets")
        .success();
    assert!(may(&bob, "default", "create", "x.io", "widgets"));
    home.run("cluster set prod --remove-write-allow x.io/widgets")
        .success()
        .says("widgets.x.io");
    assert!(!may(&bob, "default", "create", "x.io", "widgets"));
    // What is known to act with rights of its own needs a yes.
    let line = format!("cluster set prod --write-allow {}/*", flux.0);
    home.run(&line).exit(2).says("Flux applies");
    assert!(!may(&bob, "default", "create", flux.0, flux.1));
    home.run(&format!("{line} --yes")).success();
    assert!(may(&bob, "default", "create", flux.0, flux.1));
    home.run("audit list").says("kustomize.toolkit.fluxcd.io/*");
    // When they are gone, so is our own role.
    let admin = world.admin();
    for name in ["flux-edit", "widgets-edit", "guards"] {
        admin
            .delete(&format!("{RBAC}/clusterroles/{name}"))
            .expect(200);
    }
    holds(&admin, "edit", flux, &ALL, false);
    holds(&admin, "edit", ("", "namespaces"), &["patch"], false);
    holds(&admin, "edit", ("x.io", "widgets"), &ALL, false);
    home.reconcile();
    assert_eq!(role_of(world, "default"), "edit");
    assert_eq!(our_roles(world), Vec::<String>::new());
    bob.post(&config_maps("default"), &config_map("probe"))
        .expect(201);
    // Nor does it stay where nobody writes any more.
    aggregate(world, "gadgets-edit", "edit", ("x.io", "gadgets"), &ALL);
    home.reconcile();
    assert_eq!(our_roles(world).len(), 1);
    home.run("access revoke bob -c prod --yes").success();
    home.reconcile();
    assert_eq!(our_roles(world), Vec::<String>::new());
    home.run("cluster check prod").success();
}

#[test]
fn an_account_that_orders_a_controller_excludes_its_namespace_by_edit_too() {
    let world = world::alone(None);
    let world = world.as_ref();
    namespace(world, "shop");
    account(world, "shop", "deployer");
    bind(world, Some("shop"), "edit", ("shop", "deployer"));
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    bob.post(&config_maps("shop"), &config_map("probe"))
        .expect(201);
    let olm = ("operators.coreos.com", "subscriptions");
    aggregate(world, "olm-edit", "edit", olm, &ALL);
    home.reconcile();
    bob.post(&config_maps("shop"), &config_map("probe"))
        .expect(403);
    bob.post(&config_maps("default"), &config_map("probe"))
        .expect(201);
    home.run("cluster check prod")
        .says("shop: account 'deployer'");
    // Allowed to everybody who writes, it excludes nobody.
    home.run("cluster set prod --write-allow operators.coreos.com/subscriptions --yes")
        .success();
    bob.post(&config_maps("shop"), &config_map("probe"))
        .expect(201);
}

#[test]
fn read_reads_no_secret_that_somebody_aggregated() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let rita = home.developer("rita", "read").caller;
    aggregate(world, "leak", "view", ("", "secrets"), &["get", "list"]);
    aggregate(world, "sneak", "view", ("x.io", "widgets"), &["create"]);
    aggregate(world, "fine", "view", ("x.io", "gadgets"), &["get", "list"]);
    rita.get("/api/v1/secrets").expect(200);
    home.reconcile();
    rita.get("/api/v1/secrets").expect(403);
    rita.get("/api/v1/pods").expect(200);
    assert!(!may(&rita, "default", "create", "x.io", "widgets"));
    assert!(may(&rita, "default", "list", "x.io", "gadgets"));
    home.run("cluster check prod")
        .success()
        .says("secrets (get, list) of ClusterRole leak");
    // Where only readers are left, our own role goes with its cause.
    let admin = world.admin();
    admin
        .delete(&format!("{RBAC}/clusterroles/leak"))
        .expect(200);
    admin
        .delete(&format!("{RBAC}/clusterroles/sneak"))
        .expect(200);
    holds(&admin, "view", ("", "secrets"), &["get", "list"], false);
    holds(&admin, "view", ("x.io", "widgets"), &["create"], false);
    home.reconcile();
    assert_eq!(our_roles(world), Vec::<String>::new());
    rita.get("/api/v1/pods").expect(200);
    home.run("cluster check prod").success();
    aggregate(world, "leak", "view", ("", "secrets"), &["get", "list"]);
    home.reconcile();
    rita.get("/api/v1/secrets").expect(403);
    // Who comes later never had it.
    let late = home.developer("late", "read").caller;
    late.get("/api/v1/secrets").expect(403);
    late.get("/api/v1/pods").expect(200);
    home.run("access revoke rita -c prod --yes").success();
    home.run("access revoke late -c prod --yes").success();
    home.reconcile();
    home.run("cluster delete prod --yes --confirm prod")
        .success();
    assert_eq!(our_roles(world), Vec::<String>::new());
}

#[test]
fn an_excluded_namespace_is_reached_on_purpose_alone() {
    let world = world::alone(None);
    let world = world.as_ref();
    for name in ["ci", "plain"] {
        namespace(world, name);
        account(world, name, "robot");
    }
    bind(world, None, "cluster-admin", ("ci", "robot"));
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    let status = |namespace: &str| {
        bob.post(&config_maps(namespace), &config_map("probe"))
            .status
    };
    assert_eq!((status("ci"), status("plain")), (403, 201));
    home.run("cluster set prod --include kube-system --yes")
        .exit(5);
    for ours in ["kubegrant", "kubegrant-users"] {
        home.run(&format!("cluster set prod --include {ours} --yes"))
            .exit(5);
    }
    home.run("cluster set prod --include plain --yes").exit(5);
    home.run("cluster set prod --include nowhere --yes").exit(3);
    home.run("cluster set prod --include ci")
        .exit(2)
        .says("cluster-admin");
    assert_eq!(status("ci"), 403);
    home.run("cluster set prod --include ci --yes").success();
    assert_eq!(status("ci"), 201);
    for namespace in ["kube-system", "kubegrant", "kubegrant-users"] {
        assert_eq!(status(namespace), 403, "{namespace}");
    }
    home.run("cluster check prod").success().says("included");
    home.run("user add eve").success();
    home.run("access grant eve -c prod --level read").success();
    home.run("access grant eve -c prod --level write")
        .success()
        .says("'ci' on purpose");
    home.run("audit list").says("included in write: ci");
    home.run("cluster set prod --remove-include ci").success();
    assert_eq!((status("ci"), status("plain")), (403, 201));
}
