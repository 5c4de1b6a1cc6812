//! Platforms with rules of their own: a policy that wants labels, and a namespace made beforehand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::home::Home;
use crate::world::{self, HANG, World};

const NAMESPACES: &str = "/api/v1/namespaces";
const NAMESPACE: &str = "/api/v1/namespaces/kubegrant";
const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// Denies namespaces that have no label `team`, and waits until that is so.
fn deny_namespaces(world: &(impl World + ?Sized)) {
    let admin = world.admin();
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "team" },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": ["namespaces"],
            }] },
            "validations": [{
                "expression": "has(object.metadata.labels) && 'team' in object.metadata.labels",
                "message": "every namespace needs the label team (platform policy 7)",
            }],
        },
    });
    let bound = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "team" },
        "spec": { "policyName": "team", "validationActions": ["Deny"] },
    });
    let path = format!("{POLICIES}/validatingadmissionpolicies");
    admin.post(&path, &policy).expect(201);
    let path = format!("{POLICIES}/validatingadmissionpolicybindings");
    admin.post(&path, &bound).expect(201);
    let probe = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "probe" },
    });
    let started = Instant::now();
    while admin
        .post(&format!("{NAMESPACES}?dryRun=All"), &probe)
        .status
        == 201
    {
        assert!(started.elapsed() < HANG, "the policy is not in force");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn ours(world: &(impl World + ?Sized)) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["clusterroles", "clusterrolebindings"] {
        let listed = world.admin().get(&format!("{RBAC}/{kind}")).expect(200);
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        let name = |item: &Value| item["metadata"]["name"].as_str().unwrap_or("").to_owned();
        let names = items.iter().map(name);
        found.extend(names.filter(|name| name.starts_with("kubegrant")));
    }
    found
}

#[test]
fn a_policy_is_named_and_a_namespace_made_beforehand_is_used_and_left() {
    let world = world::alone(None);
    let world = world.as_ref();
    deny_namespaces(world);
    let home = Home::empty();
    home.put_admin(world);
    home.run("cluster add prod --kubeconfig admin.kubeconfig")
        .exit(5)
        .says("platform policy 7");
    assert_eq!(ours(world), [""; 0]);
    assert_eq!(world.admin().get(NAMESPACE).status, 404);
    home.run("cluster show prod").exit(3);

    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "kubegrant", "labels": { "team": "platform" } },
    });
    world.admin().post(NAMESPACES, &namespace).expect(201);
    home.run("cluster add prod --kubeconfig admin.kubeconfig --annotation a.example/b=c")
        .success();
    let bob = home.developer("bob", "read");
    bob.caller.wait_for(PODS, &[200]);
    home.run("cluster check prod").success();
    let path = format!("{NAMESPACE}/serviceaccounts/{}", bob.account);
    let account = world.admin().get(&path).expect(200);
    assert_eq!(account["metadata"]["annotations"]["a.example/b"], "c");

    let ran = home
        .run("cluster delete prod --yes --confirm prod")
        .success();
    let left = world.admin().get(NAMESPACE).expect(200);
    assert_eq!(left["metadata"]["labels"]["team"], "platform");
    assert!(!left.to_string().contains("kubegrant.io/"), "{left}");
    assert_eq!(ours(world), [""; 0]);
    if world.has_controllers() {
        ran.says("Nothing of ours is left on it (verified).");
        let path = format!("{NAMESPACE}/serviceaccounts");
        let accounts = world.admin().get(&path).expect(200);
        assert!(!accounts.to_string().contains("manager"), "{accounts}");
    }
}

#[test]
fn what_is_denied_half_way_is_taken_away_again() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::empty();
    home.put_admin(world);
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "kubegrant" },
    });
    world.admin().post(NAMESPACES, &namespace).expect(201);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "none" },
        "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["rbac.authorization.k8s.io"], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["clusterrolebindings"],
            }] },
            "validations": [{ "expression": "false", "message": "bindings come from git" }],
        },
    });
    let bound = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "none" },
        "spec": { "policyName": "none", "validationActions": ["Deny"] },
    });
    let admin = world.admin();
    let path = format!("{POLICIES}/validatingadmissionpolicies");
    admin.post(&path, &policy).expect(201);
    let path = format!("{POLICIES}/validatingadmissionpolicybindings");
    admin.post(&path, &bound).expect(201);
    let probe = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "probe" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
    });
    let path = format!("{RBAC}/clusterrolebindings?dryRun=All");
    let started = Instant::now();
    while admin.post(&path, &probe).status == 201 {
        assert!(started.elapsed() < HANG, "the policy is not in force");
        std::thread::sleep(Duration::from_millis(100));
    }
    home.run("cluster add prod --kubeconfig admin.kubeconfig")
        .exit(5)
        .says("bindings come from git");
    assert_eq!(ours(world), [""; 0]);
    let accounts = admin.get(&format!("{NAMESPACE}/serviceaccounts"));
    assert!(!accounts.expect(200).to_string().contains("manager"));
    let left = admin.get(NAMESPACE).expect(200);
    assert!(!left.to_string().contains("managed-by"), "{left}");
}
