//! Servers that cap, stop, and are replaced.

use std::time::Duration;

use crate::home::Home;
use crate::world;

const PODS: &str = "/api/v1/namespaces/default/pods";

#[test]
fn a_server_that_caps_tokens_gives_a_shorter_file_and_a_lasting_manager() {
    let world = world::alone(Some(Duration::from_hours(24)));
    let world = world.as_ref();
    if !world.has_controllers() {
        return; // Nobody would fill the manager's Secret.
    }
    let home = Home::empty();
    home.put_admin(world);
    home.run("cluster add prod --kubeconfig admin.kubeconfig")
        .success();
    home.run("cluster show prod")
        .success()
        .says("login: secret");
    home.run("user add bob").success();
    home.grant("bob", "read");
    home.run("kubeconfig download prod --user bob --plain -f bob.kubeconfig")
        .success()
        .says("warning:");
    home.file("bob.kubeconfig").caller.wait_for(PODS, &[200]);
    home.run("kubeconfig download prod --user bob --plain -f short --ttl 1h --quiet")
        .success();
}

#[test]
fn a_stopped_server_is_owed_and_paid() {
    let mut world = world::alone(None);
    let home = Home::new(world.as_ref());
    let bob = home.developer("bob", "read");
    home.run("user add carol").success();
    home.grant("carol", "read");
    bob.caller.wait_for(PODS, &[200]);
    world.stop();
    let before = home.run("audit list").success().stdout;
    home.run("kubeconfig download prod --user carol --plain -f carol.kubeconfig")
        .exit(8);
    assert!(!home.path("carol.kubeconfig").exists());
    assert_eq!(before, home.run("audit list").success().stdout);
    home.run("status").success();
    home.run("access revoke bob -c prod --yes").exit(6);
    home.run("status").exit(6);
    home.run("reconcile").exit(6);
    world.restart();
    home.reconcile();
    let status = bob.caller.get(PODS).status;
    assert!(matches!(status, 401 | 403), "{status}");
    home.run("status").success();
    home.download("carol").caller.wait_for(PODS, &[200]);
}

#[test]
fn a_rebuilt_cluster_is_noticed_and_hears_nothing_more() {
    let mut world = world::alone(None);
    let home = Home::new(world.as_ref());
    home.developer("bob", "write");
    home.run("kubeconfig download prod").success();
    world.rebuild();
    let before = world.asked().len();
    home.run("kubeconfig download prod --force").exit(7);
    home.run("cluster check prod").exit(7);
    let asked: Vec<_> = world.asked().split_off(before);
    let refused: Vec<_> = asked.iter().filter(|asked| asked.status == 401).collect();
    // One question for each of the two commands, and nothing after its answer.
    assert_eq!(refused.len(), 2, "{asked:?}");
    for asked in refused {
        assert!(asked.path.ends_with("/namespaces/kube-system"), "{asked:?}");
    }
    home.put_admin(world.as_ref());
    home.run("cluster relink prod --kubeconfig admin.kubeconfig --yes")
        .success();
    home.reconcile();
    let bob = home.download("bob");
    bob.caller.wait_for(PODS, &[200]);
}

#[test]
fn a_kept_credential_is_not_sent_on_to_a_rebuilt_cluster() {
    let mut world = world::alone(None);
    let home = Home::empty();
    home.put_admin(world.as_ref());
    home.run("cluster add prod --kubeconfig admin.kubeconfig --keep-credential")
        .success();
    world.rebuild();
    let before = world.asked().len();
    home.run("kubeconfig download prod")
        .exit(7)
        .says("rebuilt or replaced");
    let asked: Vec<_> = world
        .asked()
        .split_off(before)
        .into_iter()
        .filter(|asked| asked.path.starts_with("/api/v1/namespaces"))
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(!home.path("prod.kubeconfig").exists());
}
