//! Namespaces that are on their way out, and stay there.

use std::time::{Duration, Instant};

use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

const OWN: &str = "/api/v1/namespaces/vault";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const MERGE: &str = "application/merge-patch+json";

/// A namespace `vault` with an account `root`, and with one account that a finalizer keeps.
fn vault() -> (Sandbox, Client) {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "vault" },
    });
    admin.post("/api/v1/namespaces", &namespace).must(201);
    for (name, finalizers) in [("root", json!([])), ("kept", json!(["example.com/hold"]))] {
        let account = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": name, "finalizers": finalizers },
        });
        admin
            .post(&format!("{OWN}/serviceaccounts"), &account)
            .must(201);
    }
    (sandbox, admin)
}

fn binding(kind: &str, name: &str, role: &str, account: &str) -> Value {
    let (namespace, account) = account.split_once('/').expect("namespace/name");
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": { "name": name },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
        },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": namespace }],
    })
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_mins(5), "{what}");
    }
}

/// Begins the end of `vault`, and waits until only what is kept is left.
fn end(admin: &Client) {
    admin.delete(OWN).must(200);
    let root = format!("{OWN}/serviceaccounts/root");
    wait("the account stays", || admin.get(&root).status == 404);
}

fn token(admin: &Client, account: &str) -> Answer {
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    admin.post(&format!("{OWN}/serviceaccounts/{account}/token"), &body)
}

#[test]
fn a_finalizer_inside_keeps_a_namespace_terminating() {
    let (_sandbox, admin) = vault();
    end(&admin);
    let live = admin.get(OWN).must(200);
    assert_eq!(live.text("/status/phase"), "Terminating");
    assert_eq!(
        live.text("/status/conditions/3/message"),
        "Some resources are remaining: serviceaccounts. has 1 resource instances"
    );
    assert_eq!(
        live.text("/status/conditions/4/message"),
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource \
         instances"
    );
    let kept = format!("{OWN}/serviceaccounts/kept");
    let account = admin.get(&kept).must(200);
    assert!(!account.text("/metadata/deletionTimestamp").is_empty());
    admin.delete(OWN).must(200);
    admin.get(OWN).must(200);

    let free = json!({ "metadata": { "finalizers": null } });
    admin.patch(&kept, MERGE, &free).must(200);
    wait("the namespace stays", || admin.get(OWN).status == 404);
}

#[test]
fn a_terminating_namespace_changes_but_takes_nothing_new() {
    let (_sandbox, admin) = vault();
    end(&admin);
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "new" } });
    let maps = format!("{OWN}/configmaps");
    let refused = admin.post(&maps, &map).must(403);
    assert_eq!(
        refused.text("/message"),
        "configmaps \"new\" is forbidden: unable to create new content in namespace vault because \
         it is being terminated"
    );
    let cause = refused.text("/details/causes/0/reason");
    assert_eq!(cause, "NamespaceTerminating");
    admin.apply(&format!("{maps}/new"), "", &map).must(403);
    let refused = token(&admin, "kept").must(403);
    assert_eq!(
        refused.text("/details/causes/0/reason"),
        "NamespaceTerminating"
    );
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    let kept = format!("{OWN}/serviceaccounts/kept");
    admin.patch(&kept, MERGE, &label).must(200);
    admin.delete(&kept).must(200);
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": { "namespace": "vault" },
        "spec": {
            "user": "u",
            "resourceAttributes": { "namespace": "vault", "verb": "get", "resource": "pods" },
        },
    });
    let path = "/apis/authorization.k8s.io/v1/namespaces/vault/localsubjectaccessreviews";
    admin.post(path, &review).must(201);
}

#[test]
fn rights_in_a_terminating_namespace_reach_accounts_that_are_gone() {
    let (sandbox, admin) = vault();
    let roots = format!("{RBAC}/clusterrolebindings");
    let root = binding("ClusterRoleBinding", "root", "cluster-admin", "vault/root");
    admin.post(&roots, &root).must(201);
    let mut robot = binding("RoleBinding", "robot", "edit", "default/default");
    robot["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let bindings = format!("{RBAC}/namespaces/vault/rolebindings");
    admin.post(&bindings, &robot).must(201);
    end(&admin);

    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let minted = admin.post(
        "/api/v1/namespaces/default/serviceaccounts/default/token",
        &body,
    );
    let mut robot = Client::bearer(&sandbox, &minted.must(201).text("/status/token"));
    robot.get("/api/v1/secrets").must(403);
    robot.headers = vec![(
        "impersonate-user".to_owned(),
        "system:serviceaccount:vault:root".to_owned(),
    )];
    robot.get("/api/v1/secrets").must(200);
    // A namespace that never was is no hindrance either, to who may impersonate there.
    let mut admin = admin.clone();
    admin.headers = vec![(
        "impersonate-user".to_owned(),
        "system:serviceaccount:nowhere:nobody".to_owned(),
    )];
    let who = admin.post(
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        &json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" }),
    );
    assert_eq!(
        who.must(201).json()["status"]["userInfo"]["groups"],
        json!([
            "system:serviceaccounts",
            "system:serviceaccounts:nowhere",
            "system:authenticated"
        ])
    );
}

#[test]
fn a_namespace_with_a_finalizer_of_its_own_waits_for_that() {
    let (_sandbox, admin) = vault();
    let own = json!({ "metadata": { "finalizers": ["example.com/own"] } });
    admin.patch(OWN, MERGE, &own).must(200);
    end(&admin);
    let free = json!({ "metadata": { "finalizers": null } });
    let kept = format!("{OWN}/serviceaccounts/kept");
    admin.patch(&kept, MERGE, &free).must(200);
    wait("the controller does not finish", || {
        admin.get(OWN).must(200).json()["spec"] == json!({})
    });
    admin.patch(OWN, MERGE, &free).must(200);
    admin.get(OWN).must(404);
}
