//! Somebody who may make RoleBindings in one namespace makes many and large ones: nobody else is
//! kept from anything.

use kubegrant_sandbox::{Action, Fault, Match};
use serde_json::{Value, json};

use crate::home::{CONFIG_MAPS, Home, PODS, call, get};

/// A RoleBinding of a namespace's admin.
fn binding(name: &str, labels: &Value, subjects: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": name, "namespace": "shop", "labels": labels },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
        "subjects": subjects,
    })
}

/// Nine, each with one subject of eight megabytes: as much as an API server makes of the 1.3 MB of
/// `<` that it takes.
fn put_large(kg: &Home, labels: &Value) {
    let subject = json!({
        "kind": "User",
        "apiGroup": "rbac.authorization.k8s.io",
        "name": "\\u003c".repeat(1_333_333),
    });
    for number in 0..9 {
        let binding = binding(
            &format!("n-{number}"),
            labels,
            std::slice::from_ref(&subject),
        );
        kg.sandbox.put_object(binding).expect("stored");
    }
}

fn with_shop(kg: &Home) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" },
    });
    kg.sandbox.put_object(namespace).expect("stored");
}

/// The labels of our own objects.
fn our_labels(kg: &Home) -> Value {
    let (_, binding) = kg
        .objects("ClusterRoleBinding")
        .into_iter()
        .find(|(name, _)| name.starts_with("kubegrant:"))
        .expect("a binding of ours");
    binding["metadata"]["labels"].clone()
}

fn map() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" } })
}

#[test]
fn megabytes_of_bindings_keep_nobody_from_being_revoked() {
    let mut kg = Home::new();
    with_shop(&kg);
    let reader = kg.grant_and_download("alice", "read");
    let writer = kg.grant_and_download("bob", "write");
    assert_eq!(call(&writer, "POST", CONFIG_MAPS, Some(&map())), 201);
    let labels = our_labels(&kg);
    put_large(&kg, &labels);
    kg.run("access revoke alice --cluster prod --yes").success();
    assert_eq!(get(&reader, PODS), 401);
    // What could not be read may be anything: its namespace takes no write, and is named.
    kg.run("reconcile").success();
    let checked = kg.run("cluster check prod").success().stdout.clone();
    assert!(
        checked.contains("binding 'n-0' and 8 more are too large to be read in namespace 'shop'"),
        "{checked}"
    );
    assert!(
        checked.contains("shop: binding 'n-0' and 8 more are too large to be read"),
        "{checked}"
    );
    assert!(
        checked.contains("write       reaches      default"),
        "{checked}"
    );
    assert_eq!(get(&writer, PODS), 200);
    kg.run("access revoke bob --cluster prod --yes").success();
    assert_eq!(get(&writer, PODS), 401);
}

#[test]
fn a_name_that_blocks_the_way_costs_its_namespace_alone() {
    let mut kg = Home::new();
    with_shop(&kg);
    let writer = kg.grant_and_download("alice", "write");
    for number in 0..4 {
        let name = format!("{}{number}", "x".repeat(600_000));
        let binding = binding(&name, &json!({}), &[]);
        kg.sandbox.put_object(binding).expect("stored");
    }
    kg.run("reconcile").success();
    let checked = kg.run("cluster check prod").success().stdout.clone();
    assert!(
        checked.contains("shop: its RoleBindings could not be read to the end"),
        "{checked}"
    );
    assert!(
        checked.contains("write       reaches      default"),
        "{checked}"
    );
    kg.run("access revoke alice --cluster prod --yes").success();
    assert_eq!(get(&writer, PODS), 401);
}

#[test]
fn a_list_of_ours_that_was_blown_up_is_made_anew() {
    let mut kg = Home::new();
    with_shop(&kg);
    let writer = kg.grant_and_download("alice", "write");
    let (_, mut list) = kg
        .objects("RoleBinding")
        .into_iter()
        .find(|(_, binding)| binding["metadata"]["namespace"] == "shop")
        .expect("the writers' list");
    let stranger = json!({
        "kind": "User", "name": "m".repeat(400_000), "apiGroup": "rbac.authorization.k8s.io",
    });
    list["subjects"]
        .as_array_mut()
        .expect("subjects")
        .push(stranger);
    kg.sandbox.put_object(list).expect("stored");
    kg.run("reconcile").success();
    let lists = kg.objects("RoleBinding");
    assert!(!format!("{lists:?}").contains("mmmm"));
    let shop = "/api/v1/namespaces/shop/configmaps";
    assert_eq!(call(&writer, "POST", shop, Some(&map())), 201);
    kg.run("access revoke alice --cluster prod --yes").success();
    assert_eq!(get(&writer, PODS), 401);
}

#[test]
fn a_list_that_the_server_forgets_begins_again() {
    let mut kg = Home::new();
    with_shop(&kg);
    kg.grant_and_download("alice", "write");
    for number in 0..700 {
        let binding = binding(&format!("b-{number:03}"), &json!({}), &[]);
        kg.sandbox.put_object(binding).expect("stored");
    }
    kg.sandbox.fault(Fault {
        matches: Match {
            path_contains: Some("continue=".to_owned()),
            nth: Some(1),
            ..Match::default()
        },
        action: Action::Compact,
    });
    insta::assert_snapshot!(kg.run("reconcile"), @r"
        CLUSTER   STATE       WHAT
        prod      unchanged   <none>
        [exit 0]
    ");
}
