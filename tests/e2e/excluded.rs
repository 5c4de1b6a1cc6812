//! The namespaces that write must not reach, because it would reach everything from there.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::caller::Caller;
use crate::home::Home;
use crate::levels::{RBAC, account, bind, config_map, config_maps, namespace};
use crate::world::{self, HANG};

#[track_caller]
fn reaches(bob: &Caller, namespace: &str) {
    let answer = bob.post(&config_maps(namespace), &config_map("probe"));
    assert_eq!(answer.status, 201, "{namespace}: {}", answer.body);
}

#[track_caller]
fn held(bob: &Caller, namespace: &str) {
    let answer = bob.post(&config_maps(namespace), &config_map("probe"));
    assert_eq!(answer.status, 403, "{namespace}: {}", answer.body);
}

/// New bindings reach the authorizer in moments.
fn settle(bob: &Caller, namespace: &str, status: u16) {
    let started = Instant::now();
    while bob
        .post(&config_maps(namespace), &config_map("probe"))
        .status
        != status
        && started.elapsed() < HANG
    {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_account_with_power_holds_its_namespace_back() {
    let world = world::shared();
    let world = world.as_ref();
    for name in [
        "held-plain",
        "held-admin",
        "held-edits-system",
        "held-chain",
    ] {
        namespace(world, name);
        account(world, name, "robot");
    }
    bind(world, None, "cluster-admin", ("held-admin", "robot"));
    bind(
        world,
        Some("kube-system"),
        "edit",
        ("held-edits-system", "robot"),
    );
    // One whose account edits a namespace that is itself excluded: a chain of two.
    bind(
        world,
        Some("held-edits-system"),
        "edit",
        ("held-chain", "robot"),
    );
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    settle(&bob, "held-plain", 201);
    reaches(&bob, "held-plain");
    for name in ["held-admin", "held-edits-system", "held-chain"] {
        held(&bob, name);
        home.run("cluster show prod").success().says(name);
    }
    world
        .admin()
        .delete(&format!("{RBAC}/clusterrolebindings/held-admin-robot"))
        .expect(200);
    home.reconcile();
    settle(&bob, "held-admin", 201);
    reaches(&bob, "held-admin");
}

#[test]
fn an_account_that_gains_power_later_is_noticed() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "later");
    account(world, "later", "robot");
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    settle(&bob, "later", 201);
    reaches(&bob, "later");
    bind(world, None, "cluster-admin", ("later", "robot"));
    home.reconcile();
    held(&bob, "later"); // At once: reconcile waits until it is true.
    reaches(&bob, "default");
}

#[test]
fn a_new_namespace_joins_at_the_next_reconcile() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    namespace(world, "newcomer");
    held(&bob, "newcomer");
    home.reconcile();
    settle(&bob, "newcomer", 201);
    reaches(&bob, "newcomer");
}

#[test]
fn what_the_operator_names_is_excluded() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "payroll");
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    settle(&bob, "payroll", 201);
    reaches(&bob, "payroll");
    home.run("cluster set prod --exclude payroll").success();
    held(&bob, "payroll");
    home.run("cluster set prod --remove-exclude payroll")
        .success();
    settle(&bob, "payroll", 201);
    reaches(&bob, "payroll");
}

#[test]
fn a_namespace_on_its_way_out_blocks_nothing() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "leaving");
    let admin = world.admin();
    // A finalizer that nobody serves keeps the namespace terminating.
    let mut stuck = config_map("stuck");
    stuck["metadata"]["finalizers"] = json!(["example.com/never"]);
    let maps = "/api/v1/namespaces/leaving/configmaps";
    admin.post(maps, &stuck).expect(201);
    admin.delete("/api/v1/namespaces/leaving").expect(200);
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    settle(&bob, "default", 201);
    reaches(&bob, "default");
    // Other tests make namespaces on this server meanwhile, which join at the next reconcile.
    let settled = (0..10).any(|_| {
        home.reconcile();
        home.run("cluster check prod").code == 0
    });
    assert!(settled, "{}", home.run("cluster check prod"));
    home.run("access revoke bob -c prod --yes").success();
    let free = json!({ "metadata": { "finalizers": null } });
    // The sandbox does not wait for finalizers of what a namespace holds.
    let freed = admin.patch(&format!("{maps}/stuck"), &free).status;
    assert!(matches!(freed, 200 | 404), "{freed}");
}

#[test]
fn wide_write_warns_and_reaches_everything() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    let bob = home.developer("bob", "write").caller;
    held(&bob, "kube-system");
    home.run("cluster set prod --write-scope cluster")
        .success()
        .says("become cluster-admin");
    settle(&bob, "kube-system", 201);
    reaches(&bob, "kube-system");
    home.run("cluster set prod --write-scope namespaces")
        .success();
    held(&bob, "kube-system");
    settle(&bob, "default", 201);
    reaches(&bob, "default");
}
