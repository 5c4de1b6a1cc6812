//! Validating admission policies: where they deny, and in which words.

use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Answer, Client};

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
const MERGE: &str = "application/merge-patch+json";

/// A sandbox with the namespaces `shop` and `tools`.
fn start() -> (Sandbox, Client) {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    for name in ["shop", "tools"] {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name },
        });
        admin.post("/api/v1/namespaces", &namespace).must(201);
    }
    (sandbox, admin)
}

fn policy(name: &str, operations: &[&str], validation: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["rbac.authorization.k8s.io"],
                "apiVersions": ["v1"],
                "operations": operations,
                "resources": ["rolebindings"],
            }] },
            "validations": [validation],
        },
    })
}

fn bind(admin: &Client, name: &str, namespaces: &Value) {
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": format!("{name}-bound") },
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": namespaces },
        },
    });
    admin.post(BINDINGS, &binding).must(201);
}

fn bindings(namespace: &str) -> String {
    format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings")
}

fn give(admin: &Client, namespace: &str) -> Answer {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": "b" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
    });
    admin.post(&bindings(namespace), &binding)
}

#[test]
fn a_policy_denies_in_the_namespaces_of_its_binding() {
    let (_sandbox, admin) = start();
    let deny = json!({ "expression": "false", "message": "RoleBindings come from git" });
    let denied = policy("no-bindings", &["CREATE", "UPDATE"], &deny);
    admin.post(POLICIES, &denied).must(201);
    give(&admin, "shop").must(201);
    let tools = json!({ "matchLabels": { "kubernetes.io/metadata.name": "tools" } });
    bind(&admin, "no-bindings", &tools);
    let refused = give(&admin, "tools").must(422);
    let why = "ValidatingAdmissionPolicy 'no-bindings' with binding 'no-bindings-bound' denied \
               request: RoleBindings come from git";
    assert_eq!(
        refused.json(),
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": format!("rolebindings.rbac.authorization.k8s.io \"b\" is forbidden: {why}"),
            "reason": "Invalid",
            "details": {
                "name": "b",
                "group": "rbac.authorization.k8s.io",
                "kind": "rolebindings",
                "causes": [{ "message": why }],
            },
            "code": 422,
        })
    );
    // Elsewhere, and what is no rolebinding, it does not matter.
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    let shop = format!("{}/b", bindings("shop"));
    admin.patch(&shop, MERGE, &label).must(200);
    let namespace = "/api/v1/namespaces/tools";
    admin.patch(namespace, MERGE, &label).must(200);
}

#[test]
fn a_policy_sees_the_object_its_past_and_its_author() {
    let (_sandbox, admin) = start();
    give(&admin, "shop").must(201);
    let everywhere = json!({});
    let keep = json!({
        "expression": "!has(oldObject.metadata.labels) || !('keep' in oldObject.metadata.labels)",
        "reason": "Forbidden",
    });
    admin
        .post(POLICIES, &policy("keep", &["DELETE"], &keep))
        .must(201);
    bind(&admin, "keep", &everywhere);
    let shop = format!("{}/b", bindings("shop"));
    let label = json!({ "metadata": { "labels": { "keep": "" } } });
    admin.patch(&shop, MERGE, &label).must(200);
    let refused = admin.delete(&shop).must(403);
    assert!(
        refused
            .text("/message")
            .contains("denied request: failed expression: !has(oldObject")
    );
    admin
        .patch(&shop, MERGE, &json!({ "metadata": { "labels": null } }))
        .must(200);
    admin.delete(&shop).must(200);
    let mine = json!({ "expression": "request.userInfo.username == 'someone-else'" });
    admin
        .post(POLICIES, &policy("mine", &["*"], &mine))
        .must(201);
    bind(&admin, "mine", &everywhere);
    give(&admin, "shop").must(422);
}

#[test]
fn an_expression_that_cannot_be_evaluated_denies_and_one_that_makes_no_sense_is_refused() {
    let (_sandbox, admin) = start();
    let missing = json!({ "expression": "object.spec.x == 'y'" });
    admin
        .post(POLICIES, &policy("missing", &["CREATE"], &missing))
        .must(201);
    bind(&admin, "missing", &json!({}));
    let refused = give(&admin, "shop").must(422);
    assert!(refused.text("/message").ends_with("no such key: spec"));
    let ignore = json!({ "spec": { "failurePolicy": "Ignore" } });
    admin
        .patch(&format!("{POLICIES}/missing"), MERGE, &ignore)
        .must(200);
    give(&admin, "shop").must(201);
    let broken = json!({ "expression": "object.spec.(" });
    admin
        .post(POLICIES, &policy("broken", &["CREATE"], &broken))
        .must(422);
}
