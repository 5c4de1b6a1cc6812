//! Platforms with rules of their own: a policy that wants labels, and a namespace made beforehand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::Home;
use crate::levels::namespace;
use crate::world::{self, HANG, World};

const NAMESPACES: &str = "/api/v1/namespaces";
/// Ours.
const NAMESPACE: &str = "/api/v1/namespaces/kubegrant";
/// That of the accounts that an issuer handles.
const USERS: &str = "/api/v1/namespaces/kubegrant-users";
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

/// Checks that a namespace is the platform's alone.
#[track_caller]
fn is_the_platforms(admin: &Caller, namespace: &str) {
    let left = admin.get(namespace).expect(200);
    assert_eq!(left["metadata"]["labels"]["team"], "platform");
    assert!(!left.to_string().contains("kubegrant.io/"), "{left}");
    assert!(!left.to_string().contains("managed-by"), "{left}");
}

/// The names of everything of ours that stands in no namespace.
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
    let admin = world.admin();
    assert_eq!(admin.get(NAMESPACE).status, 404);
    home.run("cluster show prod").exit(3);

    let made = |name: &str| {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": { "team": "platform" } },
        });
        admin.post(NAMESPACES, &namespace).expect(201);
    };
    // Both are needed; with one alone all is as it was.
    made("kubegrant");
    home.run("cluster add prod --kubeconfig admin.kubeconfig")
        .exit(5)
        .says("platform policy 7");
    assert_eq!(ours(world), [""; 0]);
    is_the_platforms(&admin, NAMESPACE);
    assert_eq!(admin.get(USERS).status, 404);
    made("kubegrant-users");
    home.run("cluster add prod --kubeconfig admin.kubeconfig --annotation a.example/b=c")
        .success();
    let bob = home.developer("bob", "read");
    bob.caller.wait_for(PODS, &[200]);
    home.run("cluster check prod").success();
    let account = world.admin().get(&bob.account.path()).expect(200);
    assert_eq!(account["metadata"]["annotations"]["a.example/b"], "c");

    let ran = home
        .run("cluster delete prod --yes --confirm prod")
        .success();
    for namespace in [NAMESPACE, USERS] {
        is_the_platforms(&admin, namespace);
    }
    assert_eq!(ours(world), [""; 0]);
    if world.has_controllers() {
        ran.says("Nothing of ours is left on it (verified).");
        for namespace in [NAMESPACE, USERS] {
            let accounts = admin.get(&format!("{namespace}/serviceaccounts"));
            let accounts = accounts.expect(200).to_string();
            for ours in ["manager", "issuer", "bob"] {
                assert!(!accounts.contains(ours), "{accounts}");
            }
        }
    }
}

#[test]
fn what_is_denied_half_way_is_taken_away_again() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::empty();
    home.put_admin(world);
    for name in ["kubegrant", "kubegrant-users"] {
        namespace(world, name);
    }
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
    for namespace in [NAMESPACE, USERS] {
        let accounts = admin.get(&format!("{namespace}/serviceaccounts"));
        let accounts = accounts.expect(200).to_string();
        for ours in ["kubegrant-manager", "kubegrant-issuer"] {
            assert!(!accounts.contains(ours), "{accounts}");
        }
        let left = admin.get(namespace).expect(200);
        assert!(!left.to_string().contains("managed-by"), "{left}");
    }
}
