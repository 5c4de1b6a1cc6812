//! Two installations on one cluster.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::home::Home;
use crate::levels::{RBAC, installation, manager};
use crate::world;

const PODS: &str = "/api/v1/namespaces/default/pods";

#[test]
fn two_installations_never_touch_each_other() {
    // Alone: a namespace of another scenario is not joined before the next `reconcile`.
    let world = world::alone(None);
    let world = world.as_ref();
    let (one, other) = (Home::new(world), Home::new(world));
    let bob = one.developer("bob", "write");
    let eve = other.developer("bob", "write");
    let ids = [&bob, &eve].map(|file| installation(world, &file.account));
    assert_ne!(ids[0], ids[1]);
    assert_ne!(manager(world, &ids[0]), manager(world, &ids[1]));
    let admin = world.admin();
    let versions = || -> Vec<String> {
        ["view", "manager", "issuer"]
            .map(|role| format!("{RBAC}/clusterrolebindings/kubegrant:{}:{role}", ids[1]))
            .into_iter()
            .chain([eve.account.path()])
            .map(|path| {
                let found = admin.get(&path).expect(200);
                let version: &Value = &found["metadata"]["resourceVersion"];
                version.to_string()
            })
            .collect()
    };
    let before = versions();
    one.reconcile();
    one.run("cluster check prod").success();
    one.run("access revoke bob -c prod --yes").success();
    one.reconcile();
    assert_eq!(before, versions());
    eve.caller.wait_for(PODS, &[200]);
    assert!(matches!(bob.caller.get(PODS).status, 401 | 403));
}

#[test]
fn installations_that_register_at_once_get_a_manager_each() {
    let world = world::alone(None);
    let world = world.as_ref();
    let homes: Vec<Home> = (0..4).map(|_| Home::empty()).collect();
    for home in &homes {
        home.put_admin(world);
    }
    std::thread::scope(|scope| {
        for home in &homes {
            scope.spawn(|| {
                home.run("cluster add prod --kubeconfig admin.kubeconfig")
                    .success();
            });
        }
    });
    let ids = homes.iter().map(|home| {
        let ana = home.download("ana");
        installation(world, &ana.account)
    });
    let managers: BTreeSet<String> = ids.map(|id| manager(world, &id).name).collect();
    assert_eq!(managers.len(), 4, "{managers:?}");
    for home in &homes {
        home.run("cluster check prod").success();
    }
}
