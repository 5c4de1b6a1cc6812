//! Nobody on a cluster can stop what is taken away: tried as those who have something to lose.

use serde_json::{Value, json};

use crate::home::Home;
use crate::levels::{RBAC, installation, namespace};
use crate::world;

const PODS: &str = "/api/v1/namespaces/default/pods";
const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

fn keep() -> Value {
    json!({ "metadata": { "finalizers": ["example.com/keep"] } })
}

#[test]
fn an_editor_who_holds_on_with_finalizers_and_bindings_is_out_when_it_is_said() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    home.run("project create shop").success();
    home.run("cluster set prod --project shop").success();
    home.run("user add ed").success();
    home.run("project add-member ed --project shop --role editor")
        .success();
    home.run("kubeconfig download prod --shared --user ed --plain -f ed.shared")
        .success();
    let ed = home.file("ed.shared");
    ed.caller.wait_for(SECRETS, &[200]);
    let vic = home.developer("vic", "read");
    // He keeps his account with a finalizer, and binds it to the whole cluster himself.
    ed.caller.patch(&ed.account.path(), &keep()).expect(200);
    let mine = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": format!("mine-{}", ed.account.name) },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [ed.account.subject()],
    });
    ed.caller
        .post(&format!("{RBAC}/clusterrolebindings"), &mine)
        .expect(201);
    home.run("project remove-member ed --project shop --yes")
        .success()
        .says("which somebody else made");
    let answer = ed.caller.get(SECRETS);
    assert!(matches!(answer.status, 401 | 403), "{}", answer.body);
    world.admin().get(&ed.account.path()).expect(404);
    // Nobody else's access hangs on it.
    vic.caller.get(PODS).expect(200);
    home.run("access revoke vic -c prod --yes").success();
    vic.caller.wait_for(PODS, &[401, 403]);
}

#[test]
fn a_finalizer_on_a_list_in_ones_own_namespace_keeps_nothing() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let hank = home.developer("hank", "read");
    let id = installation(world, &hank.account);
    let own = format!("hank-{id}");
    namespace(world, &own);
    home.run(&format!(
        "rbac bind hank -c prod --cluster-role admin -n {own} --yes"
    ))
    .success();
    let secrets = format!("/api/v1/namespaces/{own}/secrets");
    hank.caller.wait_for(&secrets, &[200]);
    let list = format!("{RBAC}/namespaces/{own}/rolebindings/kubegrant:{id}:clusterrole:admin");
    hank.caller.patch(&list, &keep()).expect(200);
    home.run(&format!(
        "rbac unbind hank -c prod --cluster-role admin -n {own} --yes"
    ))
    .success();
    hank.caller.get(&secrets).expect(403);
    world.admin().get(&list).expect(404);
}

#[test]
fn a_tenant_with_a_namespace_full_of_huge_lists_stops_no_revocation() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "write");
    let eve = home.developer("eve", "read");
    let id = installation(world, &bob.account);
    let own = format!("eve-{id}");
    namespace(world, &own);
    let name = "<".repeat(200_000);
    for number in 0..4 {
        let huge = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": format!("n-{number}"), "namespace": own, "labels": {
                "app.kubernetes.io/managed-by": "kubegrant", "kubegrant.io/installation": id,
            } },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
            },
            "subjects": [
                { "kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io" },
            ],
        });
        let path = format!("{RBAC}/namespaces/{own}/rolebindings");
        world.admin().post(&path, &huge).expect(201);
    }
    for (user, file) in [("bob", &bob), ("eve", &eve)] {
        home.run(&format!("access revoke {user} -c prod --yes"))
            .success();
        let answer = file.caller.get(PODS);
        assert!(matches!(answer.status, 401 | 403), "{}", answer.body);
    }
    let path = format!("{RBAC}/namespaces/{own}/rolebindings");
    world.admin().delete(&path).expect(200);
}
