//! `kubegrant rbac`, where the cluster is not as it was, or not there.

use serde_json::json;

use crate::home::get;
use crate::rbac::{RBAC, SECRETS, admin, home, lists, role};

#[test]
fn a_namespace_with_a_powerful_account_lets_edit_escalate() {
    let mut kg = home();
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "robot" },
    });
    let path = "/api/v1/namespaces/shop/serviceaccounts";
    admin(&kg, "POST", path, Some(&account));
    kg.run("rbac bind bob -c prod --cluster-role edit -n shop")
        .success();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "robot" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
        },
        "subjects": [{ "kind": "ServiceAccount", "namespace": "shop", "name": "robot" }],
    });
    let path = format!("{RBAC}/clusterrolebindings");
    admin(&kg, "POST", &path, Some(&binding));
    kg.run("rbac bind alice -c prod --cluster-role edit -n shop")
        .exit(2)
        .says("excluded from write (account 'robot' has ClusterRole 'cluster-admin'");
    // What was bound before is shown by whoever looks.
    insta::assert_snapshot!(kg.run("rbac list -c prod"), @r"
        USER   CLUSTER   KIND          ROLE   NAMESPACE   STANDS
        bob    prod      ClusterRole   edit   shop        escalates
        [exit 0]
    ");
    let check = kg.run("cluster check prod");
    check.says("ClusterRole 'edit' in namespace 'shop' of 'bob' lets them escalate");
    check.says("binding robot cluster-wide: account 'shop/robot'");
    check.says("who may list Secrets may read them, so the manager may not");
}

#[test]
fn a_role_that_went_or_changed_is_seen() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --cluster-role pod-reader")
        .success();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    let file = kg.download_for("alice");
    let path = format!("{RBAC}/clusterroles/pod-reader");
    admin(&kg, "DELETE", &path, None);
    kg.run("rbac list -c prod").success().says("role gone");
    kg.run("cluster check prod")
        .success()
        .says("gives nothing: there is no such role");
    // Made anew with other rules, the binding gives those: seen, and said.
    role(&kg, None, "pod-reader", ("secrets", &["list"]));
    assert_eq!(get(&file, "/api/v1/secrets"), 200);
    kg.run("cluster check prod")
        .success()
        .says("lets them escalate: it gives secrets cluster-wide");
    // A role that is gone can be unbound, and a namespace that is gone holds nothing up.
    admin(&kg, "DELETE", &path, None);
    kg.run("rbac unbind alice -c prod --cluster-role pod-reader --yes")
        .success();
    admin(&kg, "DELETE", "/api/v1/namespaces/shop", None);
    kg.run("rbac list -c prod").success().says("namespace gone");
    kg.run("reconcile").success();
    kg.run("rbac unbind alice -c prod --role keeper -n shop --yes")
        .success();
    assert!(kg.accounts().is_empty());
}

#[test]
fn a_cluster_that_is_away_is_owed_and_paid() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    kg.run("rbac bind alice -c prod --cluster-role pod-reader")
        .success();
    let file = kg.download_for("alice");
    kg.sandbox.stop();
    kg.run("rbac bind alice -c prod --cluster-role view")
        .exit(8);
    insta::assert_snapshot!(kg.run("rbac unbind alice -c prod --role keeper -n shop --yes").without_progress(), @r"
        USER    CLUSTER   KIND   ROLE     NAMESPACE   LEVEL   APPLIED
        alice   prod      Role   keeper   shop        bound   no
        ----- stderr -----
        It is recorded that Role 'keeper' in namespace 'shop' is not bound to 'alice' on cluster 'prod'.
        warning: cluster 'prod': unbinding of Role 'keeper' in namespace 'shop' from 'alice' is pending
        warning: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        error: recorded, but not yet true on the cluster

        hint: run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows what is pending
        [exit 6]
    ");
    kg.run("status").exit(6).says("from 'alice' is pending");
    kg.sandbox.restart().expect("it starts again");
    assert_eq!(get(&file, SECRETS), 200);
    kg.run("reconcile").success();
    assert_eq!(get(&file, SECRETS), 403);
    kg.run("status").success();
}

#[test]
fn an_archived_cluster_binds_nothing_and_unbinds() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    kg.run("cluster archive prod --yes").success();
    kg.run("rbac bind alice -c prod --cluster-role view")
        .exit(5);
    kg.run("rbac unbind alice -c prod --role keeper -n shop --yes")
        .success();
}

#[test]
fn a_deleted_cluster_leaves_no_binding_behind() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    kg.download_for("alice");
    kg.run("cluster delete prod --yes --confirm prod").success();
    assert_eq!(lists(&kg), Vec::<String>::new());
    kg.run("rbac list").success().says("No role is bound.");
}

#[test]
fn a_manager_of_an_earlier_version_is_told_apart() {
    let mut kg = home();
    let roles = kg.objects("ClusterRole");
    let (name, manager) = roles
        .iter()
        .find(|(name, _)| name.starts_with("kubegrant:") && name.ends_with(":manager"))
        .expect("the manager's role");
    let mut rules = manager["rules"].as_array().expect("rules").clone();
    rules.retain(|rule| {
        !rule["verbs"]
            .as_array()
            .is_some_and(|it| it.contains(&json!("bind")))
    });
    let id = name.split(':').nth(1).expect("an id");
    let lists = ["view", "edit", "cluster-admin"].map(|role| format!("kubegrant:{id}:{role}"));
    for rule in &mut rules {
        if rule["verbs"] == json!(["create", "patch", "delete"]) {
            rule["verbs"] = json!(["create"]);
        }
    }
    let rbac = "rbac.authorization.k8s.io";
    rules.push(json!({
        "apiGroups": [rbac], "resources": ["clusterroles"], "verbs": ["bind"],
        "resourceNames": ["view", "edit", "cluster-admin"],
    }));
    rules.push(json!({
        "apiGroups": [rbac], "resources": ["clusterrolebindings", "rolebindings"],
        "verbs": ["patch", "delete"], "resourceNames": lists,
    }));
    let mut older = manager.clone();
    older["rules"] = json!(rules);
    admin(
        &kg,
        "PUT",
        &format!("{RBAC}/clusterroles/{name}"),
        Some(&older),
    );
    // Levels work as ever; bindings ask for the way out, and change nothing.
    kg.grant_and_download("bob", "write");
    insta::assert_snapshot!(kg.run("rbac bind alice -c prod --cluster-role view"), @r"
        ----- stderr -----
        error: the manager of cluster 'prod' may not bind clusterroles, bind roles, patch clusterrolebindings, patch rolebindings, delete clusterrolebindings, delete rolebindings: it was made before there were role bindings

        hint: give it the rights with `kubegrant cluster relink prod --kubeconfig FILE`
        [exit 5]
    ");
    assert_eq!(kg.events("rbac bind", "requested"), 0);
    kg.run("cluster check prod")
        .exit(6)
        .says("bind clusterroles");
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    kg.run("rbac bind alice -c prod --cluster-role view")
        .success();
    kg.run("cluster check prod").success();
}

#[test]
fn a_list_that_lost_its_labels_is_taken_all_the_same() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    let file = kg.grant_and_download("alice", "read");
    let lists = kg.objects("RoleBinding");
    let (_, list) = lists
        .iter()
        .find(|(name, _)| name.ends_with(":role:keeper"))
        .expect("the list");
    let mut bare = list.clone();
    bare["metadata"]["labels"] = json!({});
    kg.sandbox.put_object(bare).expect("it takes it");
    assert_eq!(get(&file, SECRETS), 200);
    // Its name is ours, and so is the account on it.
    kg.run("rbac unbind alice -c prod --role keeper -n shop --yes")
        .success();
    assert_eq!(get(&file, SECRETS), 403);
    kg.run("status").success();
}
