//! Taking away is stopped by nobody: not by finalizers, policies, stripped labels, foreign bindings,
//! forged heads, lists that do not answer, or another kubegrant that is slow.

use kubegrant_sandbox::{Action, Fault, Match};
use serde_json::{Value, json};

use crate::home::{Home, get};

/// A path of every cluster that readers may read.
const PODS: &str = "/api/v1/pods";

/// Changes one object of the cluster behind kubegrant's back.
fn change(kg: &Home, kind: &str, named: impl Fn(&str) -> bool, edit: impl Fn(&mut Value)) {
    let found = kg.objects(kind).into_iter().find(|(name, _)| named(name));
    let (_, mut object) = found.expect("the object is there");
    edit(&mut object);
    kg.sandbox.put_object(object).expect("put");
}

fn with_finalizer(object: &mut Value) {
    object["metadata"]["finalizers"] = json!(["example.com/keep"]);
}

fn list(kg: &Home, name: &str) -> Option<Value> {
    let ends = |found: &&(String, Value)| found.0.ends_with(name);
    let found = kg.objects("RoleBinding").into_iter();
    let found = found.chain(kg.objects("ClusterRoleBinding"));
    let found: Vec<_> = found.collect();
    found.iter().find(ends).map(|(_, object)| object.clone())
}

/// A namespace, as anybody may make one.
fn put_namespace(kg: &Home, name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "labels": { "kubernetes.io/metadata.name": name },
        },
    });
    kg.sandbox.put_object(namespace).expect("put");
}

#[test]
fn no_finalizer_keeps_an_account_alive() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let other = kg.grant_and_download("bob", "read");
    let account = kg.accounts().remove(0);
    change(
        &kg,
        "ServiceAccount",
        |name| name == account,
        with_finalizer,
    );
    kg.run("access revoke alice -c prod --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert!(!kg.accounts().contains(&account), "it is gone, not going");
    assert_eq!(get(&other, PODS), 200, "nobody else is touched");
    kg.run("status").success();
}

#[test]
fn no_finalizer_keeps_a_list_alive() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let file = kg.download_for("alice");
    kg.run("rbac bind alice -c prod --cluster-role admin -n default --yes")
        .success();
    let secrets = "/api/v1/namespaces/default/secrets";
    assert_eq!(get(&file, secrets), 200);
    change(
        &kg,
        "RoleBinding",
        |name| name.ends_with("clusterrole:admin"),
        with_finalizer,
    );
    kg.run("rbac unbind alice -c prod --cluster-role admin -n default --yes")
        .success();
    assert_eq!(get(&file, secrets), 403);
    assert_eq!(list(&kg, "clusterrole:admin"), None);
    assert_eq!(get(&file, PODS), 200, "the grant stays");
}

#[test]
fn a_list_that_somebody_deletes_and_keeps_gives_nothing_after_it_is_taken() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    change(
        &kg,
        "ClusterRoleBinding",
        |name| name.ends_with(":view") && name.starts_with("kubegrant:"),
        |list| {
            with_finalizer(list);
            list["metadata"]["deletionTimestamp"] = json!("2026-11-22T10:00:00Z");
        },
    );
    kg.run("access revoke alice -c prod --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    // The next reader is put on a list that stays.
    let file = kg.grant_and_download("bob", "read");
    assert_eq!(get(&file, PODS), 200);
    let view = list(&kg, ":view").expect("made anew");
    assert_eq!(view["metadata"].get("deletionTimestamp"), None);
}

#[test]
fn a_reader_is_revoked_although_no_list_is_answered() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    for kind in ["rolebindings", "clusterrolebindings", "serviceaccounts"] {
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some("GET".to_owned()),
                path_contains: Some(format!("/{kind}?")),
                nth: None,
            },
            action: Action::Status {
                code: 500,
                retry_after: None,
            },
        });
    }
    kg.sandbox.clear_requests();
    kg.run("access revoke alice -c prod --yes").success();
    let requests = kg.sandbox.requests();
    assert!(matches!(get(&file, PODS), 401 | 403));
    let lists = |path: &str| path.contains('?') && !path.contains("fieldManager");
    let listed = requests
        .iter()
        .filter(|it| it.method == "GET" && lists(&it.path));
    assert_eq!(
        listed.map(|it| it.path.as_str()).collect::<Vec<_>>(),
        [""; 0]
    );
}

#[test]
fn a_writer_is_revoked_although_the_lists_of_namespaces_are_not_answered() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "write");
    let maps = "/api/v1/namespaces/default/configmaps";
    assert_eq!(get(&file, maps), 200);
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("GET".to_owned()),
            path_contains: Some("/rolebindings?".to_owned()),
            nth: None,
        },
        action: Action::Status {
            code: 500,
            retry_after: None,
        },
    });
    kg.run("access revoke alice -c prod --yes")
        .success()
        .says("no longer works on cluster 'prod'");
    assert!(matches!(get(&file, maps), 401 | 403));
    kg.sandbox.clear_faults();
    kg.run("reconcile").success();
    assert_eq!(list(&kg, ":edit"), None, "what was left is put right");
}

#[test]
fn bindings_of_others_lose_the_account_that_ends_and_are_named() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let account = kg.accounts().remove(0);
    let account = account.trim_start_matches("kubegrant-users/").to_owned();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "mine" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [
            { "kind": "ServiceAccount", "name": account, "namespace": "kubegrant-users" },
            { "kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io" },
        ],
    });
    kg.sandbox.put_object(binding).expect("put");
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    assert_eq!(get(&file, secrets), 200);
    kg.run("access revoke alice -c prod --yes")
        .success()
        .says("binding 'mine', which somebody else made, gave account");
    assert!(matches!(get(&file, secrets), 401 | 403));
    let mine = list(&kg, "mine").expect("somebody else's binding stays");
    let left = mine["subjects"].as_array().expect("subjects");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["name"], "eve");
}

#[test]
fn what_lost_our_labels_is_taken_all_the_same() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let account = kg.accounts().remove(0);
    let strip = |object: &mut Value| object["metadata"]["labels"] = json!({});
    change(&kg, "ServiceAccount", |name| name == account, strip);
    change(
        &kg,
        "ClusterRoleBinding",
        |name| name.starts_with("kubegrant:") && name.ends_with(":view"),
        strip,
    );
    kg.run("access revoke alice -c prod --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    assert_eq!(kg.accounts(), [""; 0]);
    kg.run("status").success();
}

#[test]
fn a_list_without_our_labels_gets_them_back() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    change(
        &kg,
        "ClusterRoleBinding",
        |name| name.starts_with("kubegrant:") && name.ends_with(":view"),
        |object| object["metadata"]["labels"] = json!({}),
    );
    let file = kg.grant_and_download("bob", "read");
    assert_eq!(get(&file, PODS), 200);
    let view = list(&kg, ":view").expect("there");
    assert_eq!(
        view["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "kubegrant"
    );
}

#[test]
fn a_namespace_that_refuses_is_its_own_trouble() {
    let mut kg = Home::new();
    for name in ["shop", "tools"] {
        put_namespace(&kg, name);
    }
    deny_bindings_in(&kg, "tools");
    let reader = kg.grant_and_download("bob", "read");
    assert_eq!(get(&reader, PODS), 200);
    kg.run("access grant alice -c prod --level write").success();
    let ran = kg.run("kubeconfig download prod --user alice --plain -f -");
    ran.success()
        .says("write does not reach namespace 'tools'")
        .says("RoleBindings come from git");
    let writer = ran.stdout.clone();
    assert_eq!(get(&writer, "/api/v1/namespaces/shop/secrets"), 200);
    assert_eq!(get(&writer, "/api/v1/namespaces/tools/secrets"), 403);
    kg.run("access revoke bob -c prod --yes").success();
    kg.run("access revoke alice -c prod --yes").success();
    assert!(matches!(
        get(&writer, "/api/v1/namespaces/shop/secrets"),
        401 | 403
    ));
    kg.run("status").success();
}

#[test]
fn a_list_of_somebody_elses_by_our_name_is_its_namespaces_trouble() {
    let mut kg = Home::new();
    put_namespace(&kg, "shop");
    let installation = kg.run("whoami -o json").json()["installation"]
        .as_str()
        .expect("an installation")
        .to_owned();
    let planted = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": format!("kubegrant:{installation}:edit"), "namespace": "shop" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
        "subjects": [{ "kind": "User", "name": "x", "apiGroup": "rbac.authorization.k8s.io" }],
    });
    kg.sandbox.put_object(planted).expect("put");
    kg.run("access grant alice -c prod --level write").success();
    let ran = kg.run("kubeconfig download prod --user alice --plain -f -");
    ran.success().says("write does not reach namespace 'shop'");
    assert_eq!(get(&ran.stdout, "/api/v1/namespaces/default/secrets"), 200);
    assert_eq!(get(&ran.stdout, "/api/v1/namespaces/shop/secrets"), 403);
    kg.run("access revoke alice -c prod --yes").success();
}

fn deny_bindings_in(kg: &Home, namespace: &str) {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "from-git" },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["rbac.authorization.k8s.io"], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["rolebindings"],
            }] },
            "validations": [{ "expression": "false", "message": "RoleBindings come from git" }],
        },
    });
    let bound = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "from-git" },
        "spec": {
            "policyName": "from-git", "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": { "matchLabels": {
                "kubernetes.io/metadata.name": namespace,
            } } },
        },
    });
    for object in [policy, bound] {
        kg.sandbox.put_object(object).expect("put");
    }
}

/// A RoleBinding of role `admin` in namespace `default` that somebody else made.
fn put_binding(kg: &Home, name: &str, role: &str, subjects: &Value) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": name, "namespace": "default" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
        },
        "subjects": subjects,
    });
    kg.sandbox.put_object(binding).expect("put");
}

fn subject(kind: &str, name: &str) -> Value {
    match kind {
        "ServiceAccount" => json!({ "kind": kind, "name": name, "namespace": "kubegrant" }),
        _ => json!({ "kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io" }),
    }
}

const SECRETS: &str = "/api/v1/namespaces/default/secrets";

/// Alice with read and `admin` of a namespace, where she may have made bindings; her account.
fn namespace_admin(kg: &mut Home) -> (String, String) {
    kg.run("access grant alice -c prod --level read").success();
    kg.run("rbac bind alice -c prod --cluster-role admin -n default --yes")
        .success();
    let file = kg.download_for("alice");
    let account = kg.accounts().remove(0);
    (file, account.trim_start_matches("kubegrant/").to_owned())
}

#[test]
fn what_is_too_large_or_names_a_group_is_waited_out() {
    for large in [true, false] {
        let mut kg = Home::with(kubegrant_sandbox::Sandbox::builder().token_cache(true));
        let (file, account) = namespace_admin(&mut kg);
        let subjects = if large {
            let filling = subject("User", &"x".repeat(270_000));
            json!([filling, subject("ServiceAccount", &account)])
        } else {
            json!([subject("Group", "system:serviceaccounts:kubegrant")])
        };
        put_binding(&kg, "mine", "admin", &subjects);
        assert_eq!(get(&file, SECRETS), 200);
        kg.run("team revoke alice -c prod --yes").success();
        assert!(matches!(get(&file, SECRETS), 401 | 403), "large: {large}");
    }
}

#[test]
fn who_loses_a_role_does_not_keep_it_by_a_binding_of_their_own() {
    let mut kg = Home::new();
    let (file, account) = namespace_admin(&mut kg);
    let own = || json!([subject("ServiceAccount", &account), subject("User", "eve")]);
    put_binding(&kg, "mine", "admin", &own());
    // A name that begins like ours is nobody's but its maker's.
    let installation = kg.objects("ClusterRoleBinding").into_iter();
    let ours = installation.map(|(name, _)| name);
    let ours = ours.filter(|name| name.ends_with(":view"));
    let ours: Vec<String> = ours.collect();
    let name = ours[0].replace(":view", ":extra");
    put_binding(&kg, &name, "admin", &own());
    put_binding(&kg, "other", "view", &own());
    kg.run("rbac unbind alice -c prod --cluster-role admin -n default --yes")
        .success()
        .says("binding 'mine' in namespace 'default', which somebody else made, gave account")
        .says("it was taken off there")
        .says("binding 'other' in namespace 'default', which somebody else made, gives account");
    assert_eq!(get(&file, SECRETS), 403);
    assert_eq!(get(&file, PODS), 200, "the grant stays");
    for name in ["mine", name.as_str()] {
        let left = list(&kg, name).expect("somebody else's binding stays");
        assert_eq!(left["subjects"].as_array().map(Vec::len), Some(1), "{left}");
    }
}
