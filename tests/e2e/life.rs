//! A cluster's life: a new login of the manager, team access on many clusters, and the end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::home::Home;
use crate::levels::{RBAC, installation};
use crate::world::{self, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
pub(crate) const NAMESPACES: [&str; 2] = [
    "/api/v1/namespaces/kubegrant",
    "/api/v1/namespaces/kubegrant-users",
];

/// Every object of ours that is left, as `kind/name`.
pub(crate) fn left(world: &(impl World + ?Sized), installation: &str) -> BTreeSet<String> {
    let admin = world.admin();
    let mut left = BTreeSet::new();
    let kinds = [
        (RBAC, "clusterroles"),
        (RBAC, "clusterrolebindings"),
        (RBAC, "roles"),
        (RBAC, "rolebindings"),
        ("/api/v1", "serviceaccounts"),
        ("/api/v1", "secrets"),
    ];
    for (group, kind) in kinds {
        let found = admin.get(&format!("{group}/{kind}")).expect(200);
        for item in found["items"].as_array().expect("a list") {
            let metadata = &item["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            if metadata["labels"]["kubegrant.io/installation"] == installation
                || name.contains(installation)
            {
                left.insert(format!("{kind}/{name}"));
            }
        }
    }
    left
}

#[test]
fn a_deleted_cluster_holds_nothing_of_ours() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "write");
    let id = installation(world, &bob.account);
    assert!(!left(world, &id).is_empty());
    let ran = home.run("cluster delete prod --yes --confirm prod");
    let ran = ran.success().says("Cluster 'prod' is deleted.");
    assert!(matches!(bob.caller.get(PODS).status, 401 | 403));
    if world.has_controllers() {
        ran.says("Nothing of ours is left on it (verified).");
        assert_eq!(left(world, &id), BTreeSet::new());
        // Its last finalizer goes a moment after what is in it.
        let gone = NAMESPACES.map(|it| world.admin().wait_for(it, &[404]).1);
        crate::say(&format!("e2e: the namespaces were gone after {gone:?}"));
    } else {
        ran.says("left behind");
    }
    home.run("cluster show prod").exit(3);
}

#[test]
fn deleting_with_the_operators_credential_awaits_the_end() {
    let world = world::alone(None);
    let world = world.as_ref();
    if !world.has_controllers() {
        return;
    }
    let home = Home::empty();
    home.put_admin(world);
    home.run("cluster add prod --kubeconfig admin.kubeconfig --keep-credential")
        .success();
    let bob = home.developer("bob", "read");
    let id = installation(world, &bob.account);
    home.run("cluster delete prod --yes --confirm prod")
        .success()
        .says("Nothing of ours is left on it (verified).");
    assert_eq!(left(world, &id), BTreeSet::new());
    for namespace in NAMESPACES {
        assert_eq!(world.admin().get(namespace).status, 404, "{namespace}");
    }
}

#[test]
fn a_deleted_installation_leaves_another_whole() {
    let world = world::shared();
    let world = world.as_ref();
    let (one, other) = (Home::new(world), Home::new(world));
    let bob = one.developer("bob", "write");
    let eve = other.developer("eve", "write");
    let ids = [&bob, &eve].map(|file| installation(world, &file.account));
    let before = left(world, &ids[1]);
    one.run("cluster delete prod --yes --confirm prod")
        .success()
        .says("another installation of kubegrant lives there");
    let mut left_of_one = left(world, &ids[0]);
    // Where the account is too late to delete itself, the garbage collector does it.
    left_of_one.retain(|name| name.contains("role") || world.has_controllers());
    assert_eq!(left_of_one, BTreeSet::new());
    assert_eq!(left(world, &ids[1]), before);
    eve.caller.wait_for(PODS, &[200]);
    other.run("cluster check prod").success();
}

#[test]
fn a_manager_gets_a_new_login_and_the_old_one_is_refused() {
    // Where lifetimes are capped the login is a Secret, which a controller must fill.
    let world = world::shared();
    let cap = world.has_controllers().then(|| Duration::from_hours(24));
    let world = world::alone(cap);
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "read").caller;
    let started = Instant::now();
    home.run("cluster rotate-manager prod")
        .success()
        .says("its tokens are refused.");
    let took = started.elapsed();
    crate::say(&format!(
        "e2e: the manager's old login was refused after {took:?}"
    ));
    home.run("cluster check prod").success();
    bob.get(PODS).expect(200);
    home.run("cluster delete prod --yes --confirm prod")
        .success();
}

#[test]
fn a_team_revoke_reaches_every_cluster_that_answers() {
    let worlds = (world::shared(), world::alone(None));
    let (here, mut away) = worlds;
    let home = Home::new(here.as_ref());
    home.put("away.kubeconfig", &away.admin_kubeconfig());
    home.run("cluster add away --kubeconfig away.kubeconfig")
        .success();
    let first = home.developer("bob", "read").caller;
    home.run("access grant bob -c away --level write").success();
    home.run("kubeconfig download away --user bob --plain -f away.bob")
        .success();
    let second = home.file("away.bob").caller;
    away.stop();
    home.run("team revoke bob --all-clusters --yes").exit(6);
    assert!(matches!(first.get(PODS).status, 401 | 403));
    away.restart();
    home.reconcile();
    assert!(matches!(second.get(PODS).status, 401 | 403));
    home.run("team restore bob --all-clusters").success();
    home.download("bob").caller.wait_for(PODS, &[200]);
}
