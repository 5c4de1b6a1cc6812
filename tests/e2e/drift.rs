//! What others do to our objects, and how it is mended.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Account, File, Home};
use crate::levels::{RBAC, installation};
use crate::world::{self, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

fn list(world: &(impl World + ?Sized), file: &File, role: &str) -> String {
    let id = installation(world, &file.account);
    format!("{RBAC}/clusterrolebindings/kubegrant:{id}:{role}")
}

fn subjects(world: &(impl World + ?Sized), path: &str) -> Vec<String> {
    let found = world.admin().get(path).expect(200);
    let list = found["subjects"].as_array().cloned().unwrap_or_default();
    let name = |subject: &Value| subject["name"].as_str().unwrap_or_default().to_owned();
    list.iter().map(name).collect()
}

#[test]
fn a_deleted_account_ends_its_version_and_the_next_download_begins_another() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    bob.caller.wait_for(PODS, &[200]);
    let path = bob.account.path();
    world.admin().delete(&path).expect(200);
    home.run("cluster check prod")
        .says(&bob.account.name)
        .exit(6);
    home.reconcile();
    world.admin().get(&path).expect(404);
    bob.caller.wait_for(PODS, &[401]);
    let again = home.download("bob");
    assert_ne!(again.account, bob.account);
    again.caller.wait_for(PODS, &[200]);
}

#[test]
fn a_stranger_on_our_list_is_taken_off() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let ana = home.download("ana");
    let bob = home.developer("bob", "read");
    let path = list(world, &ana, "cluster-admin");
    let edited = json!({ "subjects": [
        ana.account.subject(),
        bob.account.subject(),
        Account::new("elsewhere", "robot").subject(),
        { "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory" },
    ] });
    world.admin().patch(&path, &edited).expect(200);
    bob.caller.wait_for(SECRETS, &[200]);
    home.run("cluster check prod").says("cluster-admin").exit(6);
    home.reconcile();
    bob.caller.get(SECRETS).expect(403);
    bob.caller.get(PODS).expect(200);
    assert_eq!(subjects(world, &path), [ana.account.name]);
}

#[test]
fn our_account_taken_off_a_list_comes_back() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    let path = list(world, &bob, "view");
    world
        .admin()
        .patch(&path, &json!({ "subjects": [] }))
        .expect(200);
    bob.caller.wait_for(PODS, &[403]);
    home.reconcile();
    bob.caller.wait_for(PODS, &[200]);
}

#[test]
fn a_deleted_binding_comes_back() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "write");
    let path = list(world, &bob, "view");
    world.admin().delete(&path).expect(200);
    bob.caller.wait_for("/api/v1/namespaces", &[403]);
    home.reconcile();
    bob.caller.wait_for("/api/v1/namespaces", &[200]);
}

#[test]
fn a_binding_of_another_role_is_replaced() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    let path = list(world, &bob, "view");
    let admin = world.admin();
    let mut binding = admin.get(&path).expect(200);
    admin.delete(&path).expect(200);
    let meta = binding["metadata"].as_object_mut().expect("metadata");
    meta.retain(|key, _| key == "name" || key == "labels");
    binding["roleRef"]["name"] = json!("cluster-admin");
    admin
        .post(&format!("{RBAC}/clusterrolebindings"), &binding)
        .expect(201);
    bob.caller.wait_for(SECRETS, &[200]);
    home.run("cluster check prod").says(":view").exit(6);
    home.reconcile();
    bob.caller.wait_for(SECRETS, &[403]);
    bob.caller.wait_for(PODS, &[200]);
    let found = admin.get(&path).expect(200);
    assert_eq!(found["roleRef"]["name"], "view");
    home.run("reconcile --dry-run").success();
}

#[test]
fn a_list_of_ours_without_our_labels_gets_them_back() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    let path = list(world, &bob, "view");
    let bare = json!({ "metadata": { "labels": null } });
    world.admin().patch(&path, &bare).expect(200);
    // Its name is ours, and so are the accounts on it.
    home.reconcile();
    let mended = world.admin().get(&path).expect(200);
    let labels = &mended["metadata"]["labels"];
    assert_eq!(labels["app.kubernetes.io/managed-by"], "kubegrant");
    bob.caller.wait_for(PODS, &[200]);
}

#[test]
fn the_namespace_of_developers_accounts_deleted_is_mended_by_relink() {
    let world = world::alone(None);
    let world = world.as_ref();
    if !world.has_controllers() {
        return; // Nobody would end the namespace.
    }
    let home = Home::new(world);
    let bob = home.developer("bob", "write");
    bob.caller.wait_for(PODS, &[200]);
    let admin = world.admin();
    let users = "/api/v1/namespaces/kubegrant-users";
    admin.delete(users).expect(200);
    admin.wait_for(users, &[404]);
    bob.caller.wait_for(PODS, &[401]);
    home.run("kubeconfig download prod --user bob --plain -f late")
        .exit(5)
        .says("cluster relink");
    assert!(!home.path("late").exists());
    home.run("reconcile").exit(5).says("cluster relink");
    home.put_admin(world);
    home.run("cluster relink prod --kubeconfig admin.kubeconfig --yes")
        .success();
    home.reconcile();
    let again = home.download("bob");
    again.caller.wait_for(PODS, &[200]);
    assert_ne!(again.account, bob.account);
    home.run("cluster check prod").success();
}

#[test]
fn our_namespace_deleted_is_mended_by_relink() {
    let world = world::alone(None);
    let world = world.as_ref();
    if !world.has_controllers() {
        return; // Nobody would end the namespace.
    }
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    bob.wait_for(PODS, &[200]);
    let admin = world.admin();
    admin.delete("/api/v1/namespaces/kubegrant").expect(200);
    let gone = "/api/v1/namespaces/kubegrant";
    admin.wait_for(gone, &[404]);
    // The manager went with its namespace; a real server may believe its token for a while.
    let failed = home.run("kubeconfig download prod --user bob --plain -f late");
    assert!(!failed.to_string().ends_with("[exit 0]"), "{failed}");
    assert!(!home.path("late").exists());
    admin.wait_for(gone, &[404]);
    world.let_pass(Duration::from_secs(11));
    home.run("reconcile").says("cluster relink").exit(7);
    home.put_admin(world);
    home.run("cluster relink prod --kubeconfig admin.kubeconfig --yes")
        .success();
    home.reconcile();
    let bob = home.download("bob").caller;
    bob.wait_for(PODS, &[200]);
    home.run("cluster check prod").success();
}
