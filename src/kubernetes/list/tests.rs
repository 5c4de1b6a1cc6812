//! Lists of a cluster in one of whose namespaces somebody wants that nobody reads anything.

use k8s_openapi::api::core::v1::ConfigMap;
use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::domain::installation::InstallationId;
use crate::kubernetes::client::{Endpoint, Login};
use crate::kubernetes::kept::{self, KeptBinding};

/// A sandbox, and a connection of its admin.
fn cluster(sandbox: Sandbox) -> (Sandbox, Connection) {
    let kubeconfig = sandbox.admin_kubeconfig_token();
    let token = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .expect("a kubeconfig with a token");
    let endpoint = Endpoint {
        server: sandbox.url(),
        ca_pem: Some(sandbox.ca_pem()),
        tls_server_name: None,
        proxy_url: None,
    };
    let login = Login::Token(SecretString::from(token.trim_matches('"')));
    let connection = Connection::open(&endpoint, login, &InstallationId::new([0; 4]));
    let connection = connection.expect("a connection");
    (sandbox, connection)
}

fn start() -> Sandbox {
    Sandbox::start().expect("a sandbox starts")
}

fn put_namespace(sandbox: &Sandbox, name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name },
    });
    sandbox.put_object(namespace).expect("a namespace");
}

/// A RoleBinding with so many subjects; four of them have a kilobyte.
fn put_binding(sandbox: &Sandbox, namespace: &str, name: &str, subjects: usize) {
    let subject = |number: usize| {
        json!({
            "kind": "User",
            "apiGroup": "rbac.authorization.k8s.io",
            "name": format!("{number:0>200}"),
        })
    };
    let subjects: Vec<Value> = (0..subjects).map(subject).collect();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": name, "namespace": namespace },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
        "subjects": subjects,
    });
    sandbox.put_object(binding).expect("a binding");
}

async fn bindings(connection: &Connection) -> Listed<KeptBinding> {
    let all = ListParams::default();
    connection
        .list("the RoleBindings", Scope::Everywhere, &all, |found| {
            Some(kept::role_binding(found))
        })
        .await
        .expect("a list")
}

/// The names in a namespace, with a mark where the binding was not read.
fn names(listed: &Listed<KeptBinding>, namespace: &str) -> Vec<String> {
    let within = listed
        .items
        .iter()
        .filter(|found| found.binding.namespace.as_deref() == Some(namespace));
    within
        .map(|found| {
            let mark = if found.is_unread { " (unread)" } else { "" };
            format!("{}{mark}", found.binding.name)
        })
        .collect()
}

async fn maps(connection: &Connection) -> Result<Vec<String>, Error> {
    let all = ListParams::default();
    let scope = Scope::Namespace("shop");
    let name = |found: Found<ConfigMap>| match found {
        Found::Object(map) => map.metadata.name,
        Found::TooLarge(_) => None,
    };
    let listed = connection.list("the ConfigMaps", scope, &all, name).await;
    listed.map(|listed| listed.items)
}

fn put_maps(sandbox: &Sandbox, count: usize) {
    put_namespace(sandbox, "shop");
    for number in 0..count {
        let map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": format!("m-{number:04}"), "namespace": "shop" },
        });
        sandbox.put_object(map).expect("a ConfigMap");
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_whole() {
    let (sandbox, connection) = cluster(start());
    put_maps(&sandbox, 1203);
    sandbox.clear_requests();
    let found = maps(&connection).await.expect("a list");
    assert_eq!(found.len(), 1203 + 1, "and the authorities of the cluster");
    assert!(found.is_sorted());
    assert_eq!(sandbox.requests().len(), 3);
}

#[tokio::test]
async fn a_list_that_the_server_cannot_go_on_with_begins_again() {
    let (sandbox, connection) = cluster(start());
    put_maps(&sandbox, 600);
    let forget = |nth| Fault {
        matches: Match {
            path_contains: Some("continue=".to_owned()),
            nth,
            ..Match::default()
        },
        action: Action::Compact,
    };
    sandbox.fault(forget(Some(1)));
    let found = maps(&connection).await.expect("a list");
    assert_eq!(found.len(), 601, "nothing twice, nothing left out");
    sandbox.fault(forget(None));
    let error = maps(&connection).await.expect_err("no end");
    assert!(error.to_string().contains("forgets too quickly"), "{error}");
}

#[tokio::test]
async fn what_is_too_large_is_named_and_hides_nothing() {
    let (sandbox, connection) = cluster(start());
    for namespace in ["a", "b", "c"] {
        put_namespace(&sandbox, namespace);
        put_binding(&sandbox, namespace, "small", 1);
    }
    for number in 0..9 {
        // Six of these would be no page any more, and a single one is no binding of anybody's.
        put_binding(&sandbox, "b", &format!("large-{number}"), 1600);
    }
    put_binding(&sandbox, "b", "gigantic", 12_000);
    let listed = bindings(&connection).await;
    assert_eq!(names(&listed, "a"), ["small"]);
    assert_eq!(names(&listed, "c"), ["small"]);
    let found = names(&listed, "b");
    assert_eq!(found.len(), 11);
    assert_eq!(found[0], "gigantic (unread)");
    assert_eq!(found[1], "large-0 (unread)");
    assert_eq!(found[10], "small");
    assert!(listed.unread.is_empty());
    // The worst is thought of it: of the one that was only begun, that it gives everything.
    let unread = |name: &str| {
        let found = listed.items.iter().find(|found| found.binding.name == name);
        found.map(|found| found.binding.role.name())
    };
    assert_eq!(unread("gigantic"), Some("cluster-admin"));
    assert_eq!(unread("large-0"), Some("view"));
}

#[tokio::test]
async fn of_many_large_ones_no_more_is_kept_than_there_is_room_for() {
    let (sandbox, connection) = cluster(start());
    for namespace in ["a", "b"] {
        put_namespace(&sandbox, namespace);
        put_binding(&sandbox, namespace, "z", 1);
    }
    for number in 0..20 {
        put_binding(&sandbox, "a", &format!("large-{number:02}"), 900);
    }
    let listed = bindings(&connection).await;
    let found = names(&listed, "a");
    assert_eq!(found.len(), 21);
    let unread = found
        .iter()
        .filter(|name| name.ends_with("(unread)"))
        .count();
    assert!((5..15).contains(&unread), "{found:?}");
    assert_eq!(names(&listed, "b"), ["z"]);
    let kept: usize = listed.items.iter().map(Kept::weight).sum();
    assert!(kept < 2 * NAMESPACE_BYTES, "{kept}");
}

#[tokio::test]
async fn a_name_behind_which_no_page_can_begin_costs_its_namespace_alone() {
    let (sandbox, connection) = cluster(start());
    for namespace in ["a", "b", "c"] {
        put_namespace(&sandbox, namespace);
        put_binding(&sandbox, namespace, "small", 1);
    }
    // A page of five hundred ends exactly there: what comes before is counted in.
    let before = bindings(&connection).await;
    let before = before
        .items
        .iter()
        .filter(|found| found.binding.namespace.as_deref() < Some("b"));
    for number in before.count()..499 {
        put_binding(&sandbox, "b", &format!("n-{number}"), 1);
    }
    put_binding(&sandbox, "b", &"o".repeat(70_000), 1);
    let listed = bindings(&connection).await;
    assert_eq!(names(&listed, "a"), ["small"]);
    assert_eq!(names(&listed, "c"), ["small"]);
    // In its namespace the pages may end elsewhere; if they do not, it is named.
    let found = names(&listed, "b").len();
    assert!(found > 490 || listed.unread == ["b"], "{found}");

    let long = "p".repeat(200_000);
    for number in 0..4 {
        put_binding(&sandbox, "b", &format!("{long}{number}"), 1200);
    }
    let listed = bindings(&connection).await;
    assert_eq!(listed.unread, ["b"]);
    assert_eq!(names(&listed, "a"), ["small"]);
    assert_eq!(names(&listed, "c"), ["small"]);
}

#[tokio::test]
async fn a_server_that_knows_no_pages_hides_nothing_behind_a_large_object() {
    let (sandbox, connection) = cluster(start());
    put_namespace(&sandbox, "a");
    put_binding(&sandbox, "a", "large", 12_000);
    put_binding(&sandbox, "a", "small", 1);
    let list = |items: Value| json!({ "kind": "List", "metadata": {}, "items": items }).to_string();
    let filling = "x".repeat(3_000_000);
    let all = json!([{ "metadata": { "name": "large" }, "f": filling }, { "metadata": {} }]);
    sandbox.fault(Fault {
        matches: Match {
            path_contains: Some("/rolebindings".to_owned()),
            ..Match::default()
        },
        action: Action::Raw {
            status: 200,
            body: list(all),
        },
    });
    let listed = bindings(&connection).await;
    assert!(
        listed.unread.contains(&"a".to_owned()),
        "{:?}",
        listed.unread
    );
}

#[tokio::test]
async fn one_question_reaches_every_server_behind_an_address() {
    let sandbox = Sandbox::builder().servers(3).start();
    let (sandbox, connection) = cluster(sandbox.expect("a sandbox starts"));
    connection.version().await.expect("a version");
    sandbox.clear_requests();
    let fresh = connection.fresh(3);
    assert_eq!(fresh.len(), 3);
    for one in &fresh {
        one.version().await.expect("a version");
    }
    let mut reached: Vec<usize> = sandbox.requests().iter().map(|one| one.server).collect();
    reached.sort_unstable();
    assert_eq!(reached, [0, 1, 2]);
    let ways: std::collections::BTreeSet<u64> = sandbox
        .requests()
        .iter()
        .map(|one| one.connection)
        .collect();
    assert_eq!(ways.len(), 3);
    // The connection that there was is still the one it was.
    sandbox.clear_requests();
    connection.version().await.expect("a version");
    assert!(!ways.contains(&sandbox.requests()[0].connection));
}
